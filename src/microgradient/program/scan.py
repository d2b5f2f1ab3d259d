"""`loop`, the scan of a step over flat lists of tensors: run at once where nothing is traced, else one instruction.

Traced, the step becomes a `Body`, and the loop an instruction whose derivatives are loops again: its backward pass is a scan in
the other direction over the pullback of the step, with what the step computed on the way, its residuals, stacked by the forward
one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..operators import wrap
from ..primitives import World
from ..taped_world import TAPED
from ..trace_hooks import current
from ..transforms import vjp
from .batching import front
from .body import Body, Kind, emit, trace_body
from .control_rules import (
    Call,
    Tensors,
    boxed,
    check_carry,
    chosen,
    is_float,
    kind_of,
    merged,
    moved_along,
    recorded,
    refuse_draws,
    unboxed,
    varied,
    zeros_of,
)
from .deferred_sums import DeferredSums
from .program import Instruction, Program
from .pullback import recomputed_in_a_loop, split

Step = Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]


def loop(
    step: Step, carry: Tensors, xs: Tensors, length: int, reverse: bool, name: str, again: bool = False
) -> tuple[Tensors, Tensors]:
    """(carry, ys) after `carry, y = step(carry, x)` for each of `length` entries x of the xs; the ys are stacked.

    `again`: a step is computed once more in the backward pass, which keeps nothing but what it started from.
    """
    if current() is None and length:
        return loop_in_python(step, carry, xs, length, reverse, name)
    k = len(carry)
    kinds = [*map(kind_of, carry), *((x.shape[1:], x.dtype) for x in xs)]
    traced = trace_body(lambda *flat: _joined(step([*flat[:k]], [*flat[k:]])), kinds, name, [*carry, *xs])
    check_carry([*map(kind_of, carry)], traced.body.kinds[:k], name)
    if not length:
        return carry, [wrap(np.zeros((0, *shape), dtype), None) for shape, dtype in traced.body.kinds[k:]]
    scan = Scan(traced.body, len(traced.closures), k, length, reverse, name, again)
    found = scanned(scan, [*traced.closures, *carry, *xs])
    return found[:k], found[k:]


def loop_in_python(
    step: Step, carry: Tensors, xs: Tensors, length: int, reverse: bool, name: str
) -> tuple[Tensors, Tensors]:
    """The same, step by step."""
    kinds, rows = [*map(kind_of, carry)], []
    columns = [_entries(x) for x in xs]
    for t in range(length)[:: -1 if reverse else 1]:
        carry, ys = step(carry, [entries[t] for entries in columns])
        check_carry(kinds, [*map(kind_of, carry)], name)
        rows.append(ys)
    made = zip(*(rows[::-1] if reverse else rows), strict=True)
    ones = [[TAPED.reshape(y, shape=(1, *y.shape)) for y in column] for column in made]
    return carry, [TAPED.concat(*column, axis=0) for column in ones]


def _entries(x: Any) -> Tensors:
    """x[0], x[1], …, by halving first: taken directly, each would send back a gradient as large as x."""
    n = x.shape[0]
    if n <= 8:
        return [TAPED.index(x, key=(t,)) for t in range(n)]
    halves = slice(0, n // 2), slice(n // 2, n)
    return [entry for half in halves for entry in _entries(TAPED.index(x, key=(half,)))]


def _joined(parts: tuple[Tensors, Tensors]) -> Tensors:
    return [*parts[0], *parts[1]]


class Scan(NamedTuple):
    """A loop of known length. The body's inputs are `consts` that stay, `carry`, and an entry of each of the xs; its outputs the
    next carry and an entry of each of the ys."""

    body: Body
    consts: int
    carry: int
    length: int
    reverse: bool
    name: str
    again: bool

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The programs inside."""
        return (self.body,)

    def carried(self, number: int) -> tuple[int, int]:
        """From which input on its program has what it carries, and how much that is."""
        return self.consts, self.carry

    @property
    def order(self) -> range:
        """The numbers of the entries, in the order of the steps."""
        return range(self.length)[:: -1 if self.reverse else 1]

    @property
    def kinds(self) -> list[Kind]:
        """Of the results."""
        kinds, k = self.body.kinds, self.carry
        return [*kinds[:k], *(((self.length, *shape), dtype) for shape, dtype in kinds[k:])]

    def parts(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Operands as consts, carry and xs."""
        a, b = self.consts, self.consts + self.carry
        return [*operands[:a]], [*operands[a:b]], [*operands[b:]]

    def run(self, args: Sequence[Any], call: Call) -> tuple[Any, ...]:
        """The results for arrays."""
        consts, carry, xs = self.parts(args)
        ys = [np.empty(*kind) for kind in self.kinds[self.carry :]]
        for t in self.order:
            found = call(self.body, [*consts, *carry, *(x[t] for x in xs)])
            carry = found[: self.carry]
            for y, new in zip(ys, found[self.carry :], strict=True):
                y[t] = new
        return (*carry, *ys)

    def alone(self, operands: Tensors) -> tuple[Any, ...]:
        """The results for tensors."""
        return tuple(scanned(self, operands))

    def batched(self, n: int, operands: Tensors, mapped: Sequence[bool]) -> tuple[Any, ...]:
        """The results for n examples, which lie along the first axis of the operands that are mapped."""
        (consts, carry, xs), (of_consts, _, of_xs) = self.parts(operands), self.parts(mapped)
        carry = [front(x, m, n) for x, m in zip(carry, self.parts(mapped)[1], strict=True)]
        xs = [_swapped(x) if m else x for x, m in zip(xs, of_xs, strict=True)]
        flags = [*of_consts, *[True] * self.carry, *of_xs]

        def step(carry: Tensors, x: Tensors) -> tuple[Tensors, Tensors]:
            found = self.body.replay([*consts, *carry, *x], flags, n)
            return found[: self.carry], found[self.carry :]

        carry, ys = loop(step, carry, xs, self.length, self.reverse, self.name, self.again)
        return (*carry, *map(_swapped, ys))


def scanned(scan: Scan, operands: Tensors) -> Tensors:
    """The results of a scan of tensors, which can be differentiated."""
    if current() is None:
        consts, carry, xs = scan.parts(operands)

        def step(carry: Tensors, x: Tensors) -> tuple[Tensors, Tensors]:
            found = scan.body.replay([*consts, *carry, *x])
            return found[: scan.carry], found[scan.carry :]

        return _joined(loop(step, carry, xs, scan.length, scan.reverse, scan.name, scan.again))
    if not any(varied(operands)):
        return _emitted(scan, operands)
    linear = _linearized(scan, varied(operands))
    found = _emitted(linear.forward, [*linear.closures, *operands])
    results, all_ys = found[: len(scan.kinds)], found[scan.carry :]

    def run_vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        inputs, stacks = [*map(boxed, args)], all_ys
        if xp is TAPED:
            refuse_draws(scan.bodies, scan.name, "a second derivative")
            stacks = scanned(linear.forward, [*linear.closures, *inputs])[scan.carry :]
        return unboxed(xp, _pulled(linear, inputs, stacks, [None if g is None else boxed(g) for g in t]))

    def run_jvp(xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        refuse_draws(scan.bodies, scan.name, "a forward derivative")
        given = [None if t is None else boxed(t) for t in tangents]
        return tuple(unboxed(xp, _pushed(scan, [*map(boxed, args)], given)))

    return recorded(scan.name, results, operands, run_vjp, run_jvp)


def _emitted(scan: Scan, operands: Tensors) -> Tensors:
    """The instruction of a scan; what is the same in every step is computed once, before it."""
    consts = scan.body.inputs[: scan.consts]
    before, values = scan.body.invariant(consts)
    if values:
        plain = [wrap(x.raw, None, None, x.result_class) for x in operands[: scan.consts]]
        made = Body(consts, before, values).replay(plain)
        inputs = [Instruction("input", (), {}, i.shape, i.dtype) for i in values]
        inside = scan.body.with_inputs([*consts, *inputs, *scan.body.inputs[scan.consts :]], values, inputs)
        scan = scan._replace(body=inside, consts=len(consts) + len(made))
        operands = [*operands[: len(consts)], *made, *operands[len(consts) :]]
    return emit("scan_loop", scan, operands, scan.kinds)


class _Linear(NamedTuple):
    """A scan with residuals, and the pullback of its step: for operands that are `active`, from results that are `seeded`."""

    forward: Scan  # `closures` and the operands to the results and stacks of residuals
    closures: Tensors
    pullback: Body  # residuals and cotangents of the seeded results to cotangents of the active operands
    residuals: list[
        tuple[str, int]
    ]  # where they come from: ("operand", its number), or ("ys", that of one of the forward scan's)
    active: list[bool]
    seeded: list[bool]


def _linearized(scan: Scan, varied: Sequence[bool]) -> _Linear:
    """All that is carried may depend on what varies, in later steps if not in the first."""
    operand_kinds = [(i.shape, i.dtype) for i in scan.body.inputs]
    carried = range(scan.consts, scan.consts + scan.carry)
    active = [is_float(kind) and (varied[n] or n in carried) for n, kind in enumerate(operand_kinds)]
    seeded = [is_float(kind) for kind in scan.body.kinds]
    m = len(operand_kinds)

    def whole(*flat: Any) -> Tensors:
        operands, seeds = [*flat[:m]], [*flat[m:]]

        def step(*moved: Any) -> tuple[Tensors, Tensors]:
            results = scan.body.replay(merged(operands, active, moved))
            return chosen(results, seeded), results

        _, pull, results = vjp(step, *chosen(operands, active), has_aux=True)
        return [*results, *pull(seeds)]

    traced = trace_body(whole, [*operand_kinds, *chosen(scan.body.kinds, seeded)], scan.name)
    body, extra = traced.body, len(traced.closures)
    inputs = body.inputs[: extra + m]
    seeds = {id(i) for i in body.inputs[extra + m :]}
    early, back, residuals = split(
        Program(body.inputs, body.instructions, body.outputs),
        len(scan.body.outputs),
        seeds,
        recomputed_in_a_loop(scan.again),
    )
    ys = body.outputs[scan.carry : len(scan.body.outputs)]
    sources: list[tuple[str, int]] = []
    places = {id(i): n for n, i in enumerate(inputs)}
    for r in residuals:
        n = places.get(id(r), -1)
        if n >= 0 and n - extra not in carried:
            sources.append(("operand", n))
        else:
            ys += [] if r in ys else [r]
            sources.append(("ys", ys.index(r)))
    ahead = Body(inputs, early, [*body.outputs[: scan.carry], *ys])
    forward = scan._replace(body=ahead, consts=scan.consts + extra)
    return _Linear(
        forward, traced.closures, Body(back.inputs, back.instructions, back.outputs), sources, active, seeded
    )


def _pulled(linear: _Linear, operands: Tensors, stacks: Tensors, cotangents: list[Any]) -> list[Any]:
    """The cotangents of the operands of a scan (None where it is not active), from those of its results."""
    scan = linear.forward
    extra = len(linear.closures)
    given = [*linear.closures, *operands]
    stay = scan.consts
    consts, carried, entries = scan.parts([False] * extra + linear.active)
    kinds = [(i.shape, i.dtype) for i in scan.body.inputs]
    n_carried, n_consts = sum(carried), sum(consts)
    # what the step reads an entry of: operands, residuals, cotangents of the ys that have some
    sliced = [n for what, n in linear.residuals if what == "operand" and n >= stay]
    arrived = [k for k in range(scan.carry, len(linear.seeded)) if linear.seeded[k] and cotangents[k] is not None]
    kept = {("operand", n): given[n] for n in sliced} | {
        ("ys", n): stacks[n] for what, n in linear.residuals if what == "ys"
    }
    xs = [*kept.values(), *(cotangents[k] for k in arrived)]
    inputs = {id(i): source for i, source in zip(linear.pullback.inputs, linear.residuals, strict=False)}
    constant = {at for at, (what, n) in inputs.items() if what == "operand" and n < stay}
    sums = DeferredSums(
        linear.pullback, linear.pullback.outputs[:n_consts], inputs.keys() - constant, constant, not scan.again
    )
    added = [total is None for total in sums.totals]
    outputs = linear.pullback.outputs
    of_step = [*outputs[n_consts:], *chosen(outputs[:n_consts], added), *sums.stacked]
    body = Body(linear.pullback.inputs, linear.pullback.instructions, of_step)
    ends = [zeros_of(kind) if t is None else t for t, kind in zip(cotangents, scan.kinds, strict=False)]
    start = chosen(ends[: scan.carry], linear.seeded[: scan.carry])
    start += [zeros_of(kind) for kind in chosen(chosen(kinds[:stay], consts), added)]

    def step(carry: Tensors, x: Tensors) -> tuple[Tensors, Tensors]:
        rows = dict(zip(kept, x, strict=False))
        ys = dict(zip(arrived, x[len(kept) :], strict=True))
        values = [given[n] if what == "operand" and n < stay else rows[what, n] for what, n in linear.residuals]
        seeds = [*carry[:n_carried]]
        for k in range(scan.carry, len(linear.seeded)):
            if linear.seeded[k]:
                seeds.append(ys[k] if k in ys else zeros_of(scan.body.kinds[k]))
        found = body.replay([*values, *seeds])
        rest, last = len(outputs) - n_consts, len(outputs) - n_consts + sum(added)
        totals = [a + b for a, b in zip(carry[n_carried:], found[rest:last], strict=True)]
        return [*found[:n_carried], *totals], [*found[n_carried:rest], *found[last:]]

    end, ys = loop(step, start, xs, scan.length, not scan.reverse, scan.name, scan.again)
    of_entries = ys[: sum(entries)]
    made = dict(zip(map(id, sums.stacked), ys[len(of_entries) :], strict=True))

    def rows(i: Any) -> Any:
        return made[id(i)] if id(i) in made else kept[inputs[id(i)]]

    adding = iter(end[n_carried:])
    of_consts = [next(adding) if total is None else total(rows) for total in sums.totals]
    places = [*consts, *carried, *entries]
    return merged([None] * len(places), places, [*of_consts, *end[:n_carried], *of_entries])[extra:]


def _pushed(scan: Scan, operands: Tensors, tangents: list[Any]) -> Tensors:
    """The tangents of the results of a scan."""
    consts, carry, xs = scan.parts(operands)
    of_consts, of_carry, of_xs = scan.parts(tangents)
    moving = [t is not None for t in of_consts]
    carried = [is_float(kind_of(x)) for x in carry]
    entries = [t is not None for t in of_xs]
    active = [*moving, *carried, *entries]
    start = [
        zeros_of(kind_of(x)) if t is None else t for x, t in zip(carry, of_carry, strict=True) if is_float(kind_of(x))
    ]
    seeded, k, m = [is_float(kind) for kind in scan.body.kinds], scan.carry, len(xs)

    def step(both: Tensors, x: Tensors) -> tuple[Tensors, Tensors]:
        at = [*consts, *both[:k], *x[:m]]
        results, moved = moved_along(scan.body, at, active, [*chosen(of_consts, moving), *both[k:], *x[m:]], seeded)
        of_results = merged([None] * len(seeded), seeded, moved)
        # as wide as the results, for those that don't move
        new_ys = [zeros_of(kind_of(y)) if t is None else t for y, t in zip(results[k:], of_results[k:], strict=True)]
        return [*results[:k], *chosen(of_results[:k], carried)], new_ys

    entering = [*xs, *chosen(of_xs, entries)]
    end, ys = loop(step, [*carry, *start], entering, scan.length, scan.reverse, scan.name, scan.again)
    zeros = [zeros_of(kind_of(x)) for x in carry]
    return [*merged(zeros, carried, end[k:]), *ys]


def _swapped(x: Any) -> Any:
    """The first two axes changed over: examples and steps."""
    return TAPED.permute_dims(x, axes=(1, 0, *range(2, len(x.shape))))
