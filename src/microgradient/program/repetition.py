"""`until`, a step repeated while a condition holds: where it is traced, an instruction with a program for either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentTypeError, GradientError
from ..operators import wrap
from ..primitives import Primitive, World
from ..tape import NO_PARAMS, Node
from ..taped_world import TAPED
from ..trace_hooks import current
from .batching import front
from .body import Body, Kind, emit, trace_body
from .conditions import where
from .control_rules import (
    Call,
    Tensors,
    boxed,
    check_carry,
    chosen,
    in_words,
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


def until(holds: Callable[[Tensors], Any], step: Callable[[Tensors], Tensors], init: Tensors, name: str) -> Tensors:
    """init, step(init), … up to the first for which `holds` is false."""
    kinds = [*map(kind_of, init)]
    if current() is None:
        state = init
        while _boolean(holds(state), name):
            state = step(state)
            check_carry(kinds, [*map(kind_of, state)], name)
        return [_forward_only(new) if new is not old else new for new, old in zip(state, init, strict=True)]
    condition = trace_body(lambda *state: [holds([*state])], kinds, name, init)
    _boolean(condition.body.outputs[0], name)
    body = trace_body(lambda *state: step([*state]), kinds, name, init)
    check_carry(kinds, body.body.kinds, name)
    counts = len(condition.closures), len(body.closures)
    repeated = Repetition(condition.body, body.body, counts, name)
    return repeating(repeated, [*condition.closures, *body.closures, *init])


def _boolean(x: Any, name: str) -> Any:
    if kind_of(x) != ((), np.dtype(bool)):
        raise ArgumentTypeError("MG222", f"{name}: cond_fun has to give one boolean, not {in_words([kind_of(x)])}.")
    return x


class Repetition(NamedTuple):
    """A step repeated while a condition holds. Its operands are what the condition closes over, what the step does, and the
    state; `counts` says how many the first two are."""

    condition: Body
    step: Body
    counts: tuple[int, int]
    name: str

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The programs inside."""
        return self.condition, self.step

    @property
    def kinds(self) -> list[Kind]:
        """Of the results."""
        return self.step.kinds

    def carried(self, number: int) -> tuple[int, int]:
        """From which input on a program has the state that it changes, and how much that is."""
        return (self.counts[1], len(self.kinds)) if number else (0, 0)

    def parts(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Operands as those of the condition, of the step, and the state."""
        a, b = self.counts[0], sum(self.counts)
        return [*operands[:a]], [*operands[a:b]], [*operands[b:]]

    def run(self, args: Sequence[Any], call: Call) -> tuple[Any, ...]:
        """The results for arrays."""
        of_condition, of_step, state = self.parts(args)
        while call(self.condition, [*of_condition, *state])[0]:
            state = call(self.step, [*of_step, *state])
        return tuple(np.array(x) for x in state)

    def alone(self, operands: Tensors) -> tuple[Any, ...]:
        """The results for tensors."""
        return tuple(repeating(self, operands))

    def batched(self, n: int, operands: Tensors, mapped: Sequence[bool]) -> tuple[Any, ...]:
        """The results for n examples: those that are done wait for the others."""
        of_condition, of_step, state = self.parts(operands)
        flags = self.parts(mapped)
        state = [front(x, m, n) for x, m in zip(state, flags[2], strict=True)]
        moving = [True] * len(state)

        def going(state: Tensors) -> Any:
            return self.condition.replay([*of_condition, *state], [*flags[0], *moving], n)[0]

        def step(state: Tensors) -> Tensors:
            new = self.step.replay([*of_step, *state], [*flags[1], *moving], n)
            goes = going(state)
            return [where(goes, x, old) for x, old in zip(new, state, strict=True)]

        return tuple(until(lambda state: TAPED.max(going(state), axis=(0,), keepdims=False), step, state, self.name))


def repeating(repeated: Repetition, operands: Tensors) -> Tensors:
    """The results of a repetition on tensors, which have forward derivatives."""
    of_condition, of_step, init = repeated.parts(operands)
    if current() is None:
        holds = repeated.condition.replay
        return until(
            lambda state: holds([*of_condition, *state])[0],
            lambda state: repeated.step.replay([*of_step, *state]), init, repeated.name,
        )  # fmt: skip
    results = emit("while_loop", repeated, operands, repeated.kinds)
    if not any(varied(operands)):
        return results
    k, a = len(init), sum(repeated.counts)

    def run_jvp(xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        refuse_draws(repeated.bodies, repeated.name, "a forward derivative")
        before, consts, start = repeated.parts([*map(boxed, args)])
        moving = [None if t is None else boxed(t) for t in tangents]
        of_consts, of_state = moving[len(before) : a], moving[a:]
        carried = [is_float(kind_of(x)) for x in start]
        active = [*(t is not None for t in of_consts), *carried]
        zeros = [zeros_of(kind_of(x)) for x in start]
        start_moving = [z if t is None else t for t, z in zip(of_state, zeros, strict=True)]

        def step(both: Tensors) -> Tensors:
            given = [*(t for t in of_consts if t is not None), *both[k:]]
            new, moved = moved_along(repeated.step, [*consts, *both[:k]], active, given, carried)
            return [*new, *moved]

        start = [*start, *chosen(start_moving, carried)]
        end = until(lambda both: repeated.condition.replay([*before, *both[:k]])[0], step, start, repeated.name)
        return tuple(unboxed(xp, merged(zeros, carried, end[k:])))

    return recorded(repeated.name, results, operands, _irreversible(repeated.name), run_jvp)


def _forward_only(x: Any) -> Any:
    """What a loop of unknown length gave: as when it is traced, without a derivative backwards."""
    if x.node is None or not any(varied([x])):
        return x

    def run_jvp(xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        return tangents[0]

    run_vjp = _irreversible("mg.while_loop")
    op = Primitive("while_loop", "special", (run_vjp,), run_vjp, run_jvp, lambda wanted: (False,) * (len(wanted) + 1))
    node = Node(op, (x.node,), (None, None), NO_PARAMS, x.shape, x.dtype)
    return wrap(x.raw, node, None, x.result_class)


def _irreversible(name: str) -> Any:
    def refuse(*_: Any) -> Any:
        raise GradientError(
            "MG222",
            f"{name} has no derivative backwards: how often its step runs is known only when it runs, and so is how much "
            "there would be to remember. Write mg.scan, or mg.fori_loop with whole numbers as bounds, or take forward "
            "derivatives, mg.jvp.",
        )

    return refuse
