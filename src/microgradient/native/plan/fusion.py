"""Fusion: the instructions of a lowered program gathered into groups, each of which becomes one kernel.

Instructions are taken in order. A pointwise instruction joins the group that its latest operand comes from, if that group runs
over the same domain; so groups run in the order in which they were begun, and no cycle can arise. A reduction joins the group
it reduces if it runs along memory, and what follows from it can join too. Results that only their own group reads
are never stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...program.program import Instruction, Program
from ..codegen.pointwise import supported
from ..lower.ops import NATIVE_DTYPES, POINTWISE, REDUCTIONS, VIEWS
from ..lower.views import Layout, Step, Strides, dense, order_of, resolve
from .contract_layout import contract
from .groups import (
    Buffer,
    BufferValue,
    FusedOp,
    FusionGroup,
    Shape,
    View,
    along,
    axes_in_domain,
    conforms,
    in_place,
    literal_ref,
    number_of,
    reducible,
    strides_in_domain,
    vote,
)
from .in_place_concat import compute_in_place, in_windows, lengths
from .rng_plan import Draws, draw

_MOST = 128  # operations in a kernel: LLVM's time grows faster than their number


class Fused(NamedTuple):
    """The groups of a program in order, its inputs as values and its outputs as views."""

    groups: list[FusionGroup]
    inputs: list[BufferValue]
    outputs: list[View]
    draws: Draws


def fuse(program: Program) -> Fused:
    """Group the instructions of a lowered program."""
    draws = Draws(program)
    fusion = Fusion(updating(program))
    inputs = []
    for number, i in enumerate(program.inputs):
        value = BufferValue(i.shape, i.dtype, Layout(0, dense(i.shape)))
        value.buffer = Buffer(i.dtype, value.size)
        value.buffer.slot = number
        value.placed, value.weak = True, i.weak
        inputs.append(value)
        fusion.refs[id(i)] = View(value, (), i.shape)
    for i in program.instructions:
        if id(i) in draws.known:
            fusion.refs[id(i)] = draw(fusion, i, draws.known[id(i)])
        else:
            fusion.add(i)
    return Fused(fusion.groups, inputs, [fusion.refs[id(o)] for o in program.outputs], draws)


def updating(program: Program) -> dict[int, int]:
    """The elementwise operations on arrays that lead to the next values of inputs and to nothing else: what optimisers do.

    Each is mapped to a number that those of one formula share.
    """
    users: dict[int, list[Instruction]] = {}
    for i in program.instructions:
        for a in i.args:
            if isinstance(a, Instruction):
                users.setdefault(id(a), []).append(i)
    aliased = {id(program.outputs[alias.output]) for alias in program.aliases}
    others = {id(o) for k, o in enumerate(program.outputs) if all(k != alias.output for alias in program.aliases)}
    found: dict[int, int] = {}
    for i in reversed(program.instructions):
        uses = users.get(id(i), [])
        if i.op not in POINTWISE or not i.shape or id(i) in others or (not uses and id(i) not in aliased):
            continue
        if all(id(u) in found and u.shape == i.shape for u in uses):
            numbers = sorted({found[id(u)] for u in uses})
            found[id(i)] = numbers[0] if numbers else len(found)
            if len(numbers) > 1:
                found.update({k: numbers[0] for k, n in found.items() if n in numbers})
    return found


class Fusion:
    def __init__(self, updates: dict[int, int]) -> None:
        self.updates = updates
        self.groups: list[FusionGroup] = []
        self.refs: dict[int, View] = {}
        self.scalars: FusionGroup | None = None  # the latest group of single numbers
        self.copies: dict[Any, View] = {}  # what has been copied already, into which order

    # ------------------------------------------------------------------------------------------------ one instruction

    def add(self, i: Instruction) -> None:
        """Take in one instruction."""
        operands = [self.refs[id(a)] if isinstance(a, Instruction) else a for a in i.args]
        if i.op == "constant":
            ref = _constant(i)
        elif i.op in VIEWS or i.op == "index":
            ref = self.view(operands[0], _step(i)) if len(operands) == 1 else self.host(i, operands)
        elif i.op in POINTWISE and _native(i, operands):
            ref = self.pointwise(i.op, operands, i.params, i.shape, i.dtype, i.weak, self.updates.get(id(i)))
        elif i.op in REDUCTIONS and i.shape is not None and _native(i, operands):
            ref = self.reduction(i, operands[0])
        elif i.op == "contract":
            ref = contract(self, i, operands)
        elif i.op == "assemble":
            ref = self.assemble(i, operands)
        elif i.op == "gather":
            ref = self.pointwise("gather", [self.stored(o) for o in operands], i.params, i.shape, i.dtype)
        elif i.op == "scatter":
            ref = self.scatter(i, operands)
        elif i.op == "scan":
            ref = self.scan(i, operands)
        else:
            ref = self.host(i, operands)
        self.refs[id(i)] = ref

    def view(self, ref: View, step: Step) -> View:
        """A view of a view; a copy first where memory can't be read that way."""
        if ref.value.literal is not None:
            return literal_ref(ref.value.literal, step.shape, ref.value.dtype)
        steps = (*ref.steps, step)
        if resolve(ref.value.layout, ref.value.shape, steps) is None:
            ref = self.copy(ref, range(len(ref.shape)))
            steps = (step,)
        ref.value.views.append(steps)
        return View(ref.value, steps, step.shape)

    def copy(self, ref: View, order: Sequence[int]) -> View:
        """The same entries in memory of their own, dense in this order of axes."""
        key = (id(ref.value), ref.layout, ref.shape, tuple(order))
        if key not in self.copies and ref.value.dtype.str[1:] not in NATIVE_DTYPES:
            self.copies[key] = self.host(copying(ref), [ref])
        if key not in self.copies:
            group = self.begin("row", ref.shape, tuple(order))
            value = self.enter(group, "copy", [ref], {}, ref.shape, ref.value.dtype, dense(ref.shape))
            group.closed = True
            value.weak = ref.value.weak
            self.copies[key] = View(value, (), ref.shape)
        return self.copies[key]

    def stored(self, ref: View) -> View:
        """An operand that lies in memory."""
        if ref.value.literal is None:
            return ref
        return self.pointwise("copy", [ref], {}, ref.shape, ref.value.dtype)

    def pieced(self, ref: View, order: Sequence[int]) -> View:
        """A copy that nobody else uses, to be stored in a place of its own."""
        group = self.begin("row", ref.shape, tuple(order))
        operand: Any = ref if ref.value.literal is None else number_of(ref)
        value = self.enter(group, "copy", [operand], {}, ref.shape, ref.value.dtype, dense(ref.shape))
        group.closed = True
        return View(value, (), ref.shape)

    def begin(self, kind: str, domain: Shape, order: tuple[int, ...]) -> FusionGroup:
        """Begin a new group."""
        group = FusionGroup(len(self.groups), kind, domain, order)
        self.groups.append(group)
        return group

    def enter(
        self, group: FusionGroup, name: str, operands: Sequence[Any], params: dict[str, Any], shape: Shape, dtype: Any,
        domain_strides: Strides,
    ) -> BufferValue:  # fmt: skip
        """Append an operation to a group."""
        axes = axes_in_domain(group, shape)
        assert axes is not None
        rank = {axis: place for place, axis in enumerate(group.order)}
        order = sorted(range(len(shape)), key=lambda a: rank[axes[a]])
        value = BufferValue(shape, dtype, Layout(0, dense(shape, order)))
        value.group, value.ready, value.domain_strides = group, group.number, domain_strides
        group.entries.append(FusedOp(value, name, tuple(operands), params))
        return value

    # ------------------------------------------------------------------------------------------------------ pointwise

    def pointwise(
        self,
        name: str,
        operands: list[Any],
        params: dict[str, Any],
        shape: Shape,
        dtype: Any,
        weak: bool = False,
        updates: int | None = None,
    ) -> View:
        """An elementwise operation (or gather, whose first operand is read where the others say)."""
        operands = [
            number_of(o) if isinstance(o, View) and o.value.literal is not None and name != "gather" else o
            for o in operands
        ]
        refs = [o for o in operands if isinstance(o, View)]
        latest = max((r.value.ready for r in refs), default=-1)
        group = self._joinable(name, operands, shape, latest, updates)
        if (
            group is None
            and latest >= 0
            and (flat := self._in_domain(operands, shape, self.groups[latest])) is not None
        ):
            there = self._joinable(name, flat, self.groups[latest].domain, latest, updates)
            if there is self.groups[latest] and name not in ("gather", "iota"):
                for o in flat:
                    if isinstance(o, View):
                        o.value.views.append(o.steps)  # whoever places the value later must keep the view
                value = self.enter(
                    there, name, flat, params, there.domain, dtype, strides_in_domain(there, there.domain)
                )
                value.weak = weak
                return self.view(View(value, (), there.domain), Step("reshape", shape, None))
        if group is None:
            order = vote(refs[1:] if name == "gather" else refs, shape, natural=updates is not None)
            conforming = [
                self._conformed(o, shape, order) if isinstance(o, View) and (name != "gather" or k) else o
                for k, o in enumerate(operands)
            ]
            if any(a is not b for a, b in zip(conforming, operands, strict=True)):
                operands = conforming
                group = self._joinable(name, operands, shape, latest, updates)
        if group is None:
            group = self.begin("row", shape, order)
            group.updates = updates
            if shape == ():
                self.scalars = group
        value = self.enter(group, name, operands, params, shape, dtype, strides_in_domain(group, shape))
        value.weak = weak
        return View(value, (), shape)

    def _joinable(
        self, name: str, operands: list[Any], shape: Shape, latest: int, updates: int | None
    ) -> FusionGroup | None:
        """The group that an operation may join."""
        candidates = [self.groups[latest]] if latest >= 0 else []
        if shape == () and self.scalars is not None and self.scalars.number >= latest:
            candidates.append(self.scalars)
        elif self.groups and self.groups[-1].number > latest:
            candidates.append(self.groups[-1])
        overfull = latest >= 0 and len(self.groups[latest].entries) >= _MOST
        for group in candidates:
            if (
                group.closed
                or len(group.entries) >= _MOST
                or group.kind not in ("row", "contract")
                or (group.kind == "contract" and name in ("gather", "iota"))
            ):
                continue
            if axes_in_domain(group, shape) is None or group.updates != updates:
                continue
            if (
                updates is None
                and group is not self.scalars
                and not overfull
                and not any(_related(o, group) for o in operands)
            ):
                continue
            if all(self._readable(o, group, shape, name == "gather" and not k) for k, o in enumerate(operands)):
                return group
        return None

    def _in_domain(self, operands: list[Any], shape: Shape, group: FusionGroup) -> list[Any] | None:
        """The operands reshaped to the domain of a group with as many entries, where that needs no copy.

        Layers work on all rows at once, and what lies between them on batches of rows.
        """
        if group.domain == shape or math.prod(group.domain) != math.prod(shape) or not shape or 0 in shape:
            return None
        found: list[Any] = []
        for o in operands:
            if isinstance(o, View):
                steps = (*o.steps, Step("broadcast_to", shape, None), Step("reshape", group.domain, None))
                if resolve(o.value.layout, o.value.shape, steps) is None:
                    return None
                o = View(o.value, steps, group.domain)
            found.append(o)
        return found

    def _readable(self, operand: Any, group: FusionGroup, shape: Shape, apart: bool) -> bool:
        """Whether an operation of this shape in `group` can read the operand: at its own place, or from memory."""
        if not isinstance(operand, View):
            return True
        if operand.value.group is group:
            return not apart and in_place(operand, group, shape)
        if operand.value.ready >= group.number:
            return False  # assembled from what this group computes
        return apart or conforms(operand, shape, group)

    def _conformed(self, ref: View, shape: Shape, order: tuple[int, ...]) -> View:
        """A large operand that lies in memory otherwise is copied first, by blocks, which is faster than reading it across."""
        if ref.shape != shape or along(ref, shape, order):
            return ref
        return self.copy(ref, order)

    # ------------------------------------------------------------------------------------------------------ reductions

    def reduction(self, i: Instruction, ref: View) -> View:
        """sum, max, min or prod over some axes."""
        axes = frozenset(i.params["axis"])
        if not isinstance(ref, View) or ref.value.literal is not None:
            ref = self.pointwise("copy", [ref], {}, ref.shape, i.dtype)
        group = ref.value.group
        if (
            group is None
            or group.closed
            or group.kind != "row"
            or group.domain != ref.shape
            or not in_place(ref, group, ref.shape)
            or (group.reduced != axes if group.reduced else not reducible(group, axes, i.dtype.itemsize))
        ):
            order = vote([ref], ref.shape)
            if group is not None and group.order and ref.shape == group.domain:
                order = group.order
            group = self.begin("row", ref.shape, order)
        group.reduced = axes
        value = self.enter(group, f"reduce_{i.op}", [ref], {}, i.shape, i.dtype, strides_in_domain(group, i.shape))
        return View(value, (), i.shape)

    # ------------------------------------------------------------------------------------ assembling, scattering, NumPy

    def assemble(self, i: Instruction, pieces: list[View]) -> View:
        """Pieces stored side by side in one array; what they leave free is 0."""
        full = [p for p in pieces if len(p.shape) == len(i.shape) and 0 not in p.layout.strides]
        orders = {order_of(p.shape, p.layout.strides) for p in full} if len(full) == len(pieces) else set()
        order = orders.pop() if len(orders) == 1 else tuple(range(len(i.shape)))
        whole = BufferValue(i.shape, i.dtype, Layout(0, dense(i.shape, order)))
        whole.buffer = Buffer(whole.dtype, whole.size)
        whole.placed = True
        covered = 0
        for piece, key in zip(pieces, i.params["keys"], strict=True):
            place = resolve(whole.layout, whole.shape, [Step("index", lengths(key), key)])
            assert place is not None
            if "windows" in i.params:
                place = in_windows(place, i.params["windows"], lengths(key))
            covered += math.prod(piece.shape)
            if not compute_in_place(piece, place, whole.buffer):
                piece = self.pieced(piece, order_of(piece.shape, place.strides))
                placed = compute_in_place(
                    piece, place, whole.buffer
                )  # apart from the assertion: `python -O` leaves those out
                assert placed
            whole.ready = max(whole.ready, piece.value.ready)
        if covered < whole.size:
            whole.buffer.kept = True
        if whole.ready < 0:  # no pieces at all
            return literal_ref(0, i.shape, i.dtype)
        return View(whole, (), i.shape)

    def scatter(self, i: Instruction, operands: list[View]) -> View:
        """Values added to zeros, or set in a copy of the last operand, where index arrays say."""
        initial = literal_ref(0, i.shape, np.dtype(i.dtype)) if i.params["add"] else operands.pop()
        target = self.pieced(initial, range(len(i.shape))).value
        operands = [self.stored(operand) for operand in operands]
        value = operands[0]
        group = self.begin("scatter", value.shape, tuple(range(len(value.shape))))
        group.closed = True
        group.detail = (operands[0], list(operands[1:]), target, i.params)
        target.ready, target.group = group.number, None
        target.buffer, target.placed = Buffer(target.dtype, target.size), True
        return View(target, (), i.shape)

    def scan(self, i: Instruction, operands: list[View]) -> View:
        """A running sum or product, or a recurrence."""
        operands = [self.stored(operand) for operand in operands]
        group = self.begin("scan", i.shape, tuple(range(len(i.shape))))
        group.closed = True
        value = BufferValue(i.shape, i.dtype, Layout(0, dense(i.shape)))
        value.ready = group.number
        group.detail = (operands, value, i.params)
        return View(value, (), i.shape)

    def host(self, i: Instruction, operands: list[Any]) -> View:
        """A call of NumPy."""
        group = self.begin("host", i.shape or (), tuple(range(len(i.shape or ()))))
        group.closed = True
        value = BufferValue(i.shape or (), i.dtype or np.dtype(np.float64), Layout(0, dense(i.shape or ())))
        value.ready = group.number
        value.weak = i.weak
        group.detail = (i, operands, value)
        return View(value, (), i.shape or ())


# --------------------------------------------------------------------------------------------------------------- helpers


def copying(ref: View) -> Instruction:
    """The call of NumPy that copies what no kernel can: complex numbers, halves."""
    options = {"function": np.array, "name": "copy", "pure": True}
    return Instruction("host", (), options, ref.shape, ref.value.dtype)


def _native(i: Instruction, operands: list[Any]) -> bool:
    dtypes = [(o.value.dtype if isinstance(o, View) else None) for o in operands]
    codes = tuple(d.str[1:] for d in dtypes if d is not None)
    if i.dtype is None or i.dtype.str[1:] not in NATIVE_DTYPES or any(c not in NATIVE_DTYPES for c in codes):
        return False
    if i.op in REDUCTIONS or i.op in ("astype", "iota"):
        return True
    return bool(supported(i.op, codes, i.dtype.str[1:]))


def _step(i: Instruction) -> Step:
    p = i.params
    detail = {
        "permute_dims": lambda: tuple(p["axes"]),
        "flip": lambda: tuple(p["axis"]),
        "index": lambda: tuple(p["key"]) if isinstance(p["key"], tuple) else (p["key"],),
        "windows": lambda: (p["window"], p["stride"], p["dilation"]),
    }.get(i.op, lambda: None)()
    return Step(i.op, i.shape, detail)


def _constant(i: Instruction) -> View:
    array = i.params["value"]
    if array.size <= 1 or not any(array.strides):
        return literal_ref(array.flat[0] if array.size else 0, i.shape, i.dtype)
    value = BufferValue(i.shape, i.dtype, Layout(0, dense(i.shape)))
    value.buffer = Buffer(i.dtype, value.size)
    value.buffer.array = np.ascontiguousarray(array)
    value.placed = True
    return View(value, (), i.shape)


def _related(operand: Any, group: FusionGroup) -> bool:
    """Whether an operand comes from the group or is read by it."""
    if not isinstance(operand, View):
        return False
    if operand.value.group is group:
        return True
    if group.kind != "row" or len(group.entries) > 24:
        return False
    return any(isinstance(o, View) and o.value is operand.value for entry in group.entries for o in entry.operands)
