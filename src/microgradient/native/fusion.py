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

from ..program.program import Instruction, Program
from .forms import NATIVE_DTYPES, POINTWISE, REDUCTIONS, VIEWS
from .pointwise import supported
from .views import Layout, Step, Strides, broadcast, dense, order_of, resolve

Shape = tuple[int, ...]


class Buffer:
    """Memory: `size` entries of a dtype. `slot` says whose: None the arena's, else that of an input, output or constant.

    `kept`: nobody else may use this part of the arena, since it holds zeros that are never written.
    """

    __slots__ = ("array", "dtype", "first", "kept", "last", "offset", "size", "slot")

    def __init__(self, dtype: Any, size: int) -> None:
        self.dtype = dtype
        self.size = size
        self.slot: int | None = None
        self.kept = False
        self.array: Any = None  # of a constant
        self.offset = -1  # bytes in the arena
        self.first = self.last = -1  # the groups between which it is needed


class Value:
    """What an instruction computes: shape, dtype and, if it is stored, where. `group` made it; it can be read when group number
    `ready` has run. `domain_strides`: how the dense value lies in its group's domain."""

    __slots__ = (
        "buffer",
        "domain_strides",
        "dtype",
        "group",
        "layout",
        "literal",
        "placed",
        "ready",
        "shape",
        "views",
        "weak",
    )

    def __init__(self, shape: Shape, dtype: Any, layout: Layout) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.layout = layout
        self.group: Group | None = None
        self.ready = -1
        self.domain_strides: Strides = ()
        self.buffer: Buffer | None = None
        self.literal: Any = None  # every entry is this number
        self.placed = False  # its place in memory is given
        self.views: list[tuple[Step, ...]] = []
        self.weak = False

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)


class Ref(NamedTuple):
    """A view of a value."""

    value: Value
    steps: tuple[Step, ...]
    shape: Shape

    @property
    def layout(self) -> Layout:
        """Where the entries lie in the value's buffer."""
        found = resolve(self.value.layout, self.value.shape, self.steps)
        assert found is not None
        return found


class Entry(NamedTuple):
    """An operation in a group: operands are Refs (of the group's own values too) and numbers."""

    value: Value
    name: str
    operands: tuple[Any, ...]
    params: dict[str, Any]


class Group:
    """What becomes one kernel: `kind` row, contract, scatter, fill or host, over `domain`, whose axes `reduced` are summed.

    `order` is how the axes lie in memory, outermost first. A `closed` group takes no more entries; one that `updates` takes
    only operations that make the next values of inputs (the steps of optimisers), which so get kernels of their own.
    """

    def __init__(self, number: int, kind: str, domain: Shape, order: tuple[int, ...]) -> None:
        self.number = number
        self.kind = kind
        self.domain = domain
        self.order = order
        self.reduced: frozenset[int] = frozenset()
        self.entries: list[Entry] = []
        self.closed = False
        self.updates = False
        self.detail: Any = None  # of a contraction, scatter, host call


class Fused(NamedTuple):
    """The groups of a program in order, its inputs as values and its outputs as views."""

    groups: list[Group]
    inputs: list[Value]
    outputs: list[Ref]


def fuse(program: Program) -> Fused:
    """Group the instructions of a lowered program."""
    fusion = _Fusion(updating(program))
    inputs = []
    for number, i in enumerate(program.inputs):
        value = Value(i.shape, i.dtype, Layout(0, dense(i.shape)))
        value.buffer = Buffer(i.dtype, value.size)
        value.buffer.slot = number
        value.placed, value.weak = True, i.weak
        inputs.append(value)
        fusion.refs[id(i)] = Ref(value, (), i.shape)
    for i in program.instructions:
        fusion.add(i)
    return Fused(fusion.groups, inputs, [fusion.refs[id(o)] for o in program.outputs])


def updating(program: Program) -> set[int]:
    """The elementwise operations on arrays that lead to the next value of an input and to nothing else."""
    users: dict[int, list[Instruction]] = {}
    for i in program.instructions:
        for a in i.args:
            if isinstance(a, Instruction):
                users.setdefault(id(a), []).append(i)
    aliased = {id(program.outputs[alias.output]) for alias in program.aliases}
    others = {id(o) for k, o in enumerate(program.outputs) if all(k != alias.output for alias in program.aliases)}
    found: set[int] = set()
    for i in reversed(program.instructions):
        uses = users.get(id(i), [])
        if i.op not in POINTWISE or not i.shape or id(i) in others or (not uses and id(i) not in aliased):
            continue
        if all(id(u) in found and u.shape == i.shape for u in uses):
            found.add(id(i))
    return found


class _Fusion:
    def __init__(self, updates: set[int]) -> None:
        self.updates = updates
        self.groups: list[Group] = []
        self.refs: dict[int, Ref] = {}
        self.scalars: Group | None = None  # the latest group of single numbers
        self.copies: dict[Any, Ref] = {}  # what has been copied already, into which order

    # ------------------------------------------------------------------------------------------------ one instruction

    def add(self, i: Instruction) -> None:
        """Take in one instruction."""
        operands = [self.refs[id(a)] if isinstance(a, Instruction) else a for a in i.args]
        if i.op == "constant":
            ref = _constant(i)
        elif i.op in VIEWS or i.op == "index":
            ref = self.view(operands[0], _step(i)) if len(operands) == 1 else self.host(i, operands)
        elif i.op in POINTWISE and _native(i, operands):
            ref = self.pointwise(i.op, operands, i.params, i.shape, i.dtype, i.weak, id(i) in self.updates)
        elif i.op in REDUCTIONS and i.shape is not None and _native(i, operands):
            ref = self.reduction(i, operands[0])
        elif i.op == "contract":
            from .contractions import contract

            ref = contract(self, i, operands)
        elif i.op == "assemble":
            ref = self.assemble(i, operands)
        elif i.op == "gather":
            ref = self.pointwise("gather", [operands[0], *operands[1:]], i.params, i.shape, i.dtype)
        elif i.op == "scatter":
            ref = self.scatter(i, operands)
        else:
            ref = self.host(i, operands)
        self.refs[id(i)] = ref

    def view(self, ref: Ref, step: Step) -> Ref:
        """A view of a view; a copy first where memory can't be read that way."""
        if ref.value.literal is not None:
            return _literal(ref.value.literal, step.shape, ref.value.dtype)
        steps = (*ref.steps, step)
        if resolve(ref.value.layout, ref.value.shape, steps) is None:
            ref = self.copy(ref, range(len(ref.shape)))
            steps = (step,)
        ref.value.views.append(steps)
        return Ref(ref.value, steps, step.shape)

    def copy(self, ref: Ref, order: Sequence[int]) -> Ref:
        """The same entries in memory of their own, dense in this order of axes."""
        key = (id(ref.value), ref.layout, ref.shape, tuple(order))
        if key not in self.copies:
            group = self.begin("row", ref.shape, tuple(order))
            value = self.enter(group, "copy", [ref], {}, ref.shape, ref.value.dtype, dense(ref.shape))
            group.closed = True
            value.weak = ref.value.weak
            self.copies[key] = Ref(value, (), ref.shape)
        return self.copies[key]

    def pieced(self, ref: Ref, order: Sequence[int]) -> Ref:
        """A copy that nobody else uses, to be stored in a place of its own."""
        group = self.begin("row", ref.shape, tuple(order))
        operand: Any = ref if ref.value.literal is None else _number(ref)
        value = self.enter(group, "copy", [operand], {}, ref.shape, ref.value.dtype, dense(ref.shape))
        group.closed = True
        return Ref(value, (), ref.shape)

    def begin(self, kind: str, domain: Shape, order: tuple[int, ...]) -> Group:
        """Begin a new group."""
        group = Group(len(self.groups), kind, domain, order)
        self.groups.append(group)
        return group

    def enter(
        self, group: Group, name: str, operands: Sequence[Any], params: dict[str, Any], shape: Shape, dtype: Any,
        domain_strides: Strides,
    ) -> Value:  # fmt: skip
        """Append an operation to a group."""
        axes = _axes_in_domain(group, shape)
        rank = {axis: place for place, axis in enumerate(group.order)}
        order = sorted(range(len(shape)), key=lambda a: rank[axes[a]])
        value = Value(shape, dtype, Layout(0, dense(shape, order)))
        value.group, value.ready, value.domain_strides = group, group.number, domain_strides
        group.entries.append(Entry(value, name, tuple(operands), params))
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
        updates: bool = False,
    ) -> Ref:
        """An elementwise operation (or gather, whose first operand is read where the others say)."""
        operands = [
            _number(o) if isinstance(o, Ref) and o.value.literal is not None and name != "gather" else o
            for o in operands
        ]
        refs = [o for o in operands if isinstance(o, Ref)]
        latest = max((r.value.ready for r in refs), default=-1)
        group = self._joinable(name, operands, shape, latest, updates)
        if group is None:
            order = _vote(refs[1:] if name == "gather" else refs, shape)
            conforming = [
                self._conformed(o, shape, order) if isinstance(o, Ref) and (name != "gather" or k) else o
                for k, o in enumerate(operands)
            ]
            if any(a is not b for a, b in zip(conforming, operands, strict=True)):
                operands = conforming
            group = self.begin("row", shape, order)
            group.updates = updates
            if shape == ():
                self.scalars = group
        value = self.enter(group, name, operands, params, shape, dtype, _strides_in_domain(group, shape))
        value.weak = weak
        return Ref(value, (), shape)

    def _joinable(self, name: str, operands: list[Any], shape: Shape, latest: int, updates: bool) -> Group | None:
        """The group that an operation may join."""
        candidates = [self.groups[latest]] if latest >= 0 else []
        if shape == () and self.scalars is not None and self.scalars.number >= latest:
            candidates.append(self.scalars)
        elif self.groups and self.groups[-1].number > latest:
            candidates.append(self.groups[-1])
        for group in candidates:
            if (
                group.closed
                or group.kind not in ("row", "contract")
                or (group.kind == "contract" and name in ("gather", "iota"))
            ):
                continue
            if _axes_in_domain(group, shape) is None or group.updates != updates:
                continue
            if group is not self.scalars and not any(_related(o, group) for o in operands):
                continue
            if all(self._readable(o, group, shape, name == "gather" and not k) for k, o in enumerate(operands)):
                return group
        return None

    def _readable(self, operand: Any, group: Group, shape: Shape, apart: bool) -> bool:
        """Whether an operation of this shape in `group` can read the operand: at its own place, or from memory."""
        if not isinstance(operand, Ref):
            return True
        if operand.value.group is group:
            return not apart and in_place(operand, group, shape)
        if operand.value.ready >= group.number:
            return False  # assembled from what this group computes
        return apart or _conforms(operand, shape, group)

    def _conformed(self, ref: Ref, shape: Shape, order: tuple[int, ...]) -> Ref:
        """A large operand that lies in memory otherwise is copied first, by blocks, which is faster than reading it across."""
        if ref.shape != shape or _along(ref, shape, order):
            return ref
        return self.copy(ref, order)

    # ------------------------------------------------------------------------------------------------------ reductions

    def reduction(self, i: Instruction, ref: Ref) -> Ref:
        """sum, max, min or prod over some axes."""
        axes = frozenset(i.params["axis"])
        if not isinstance(ref, Ref) or ref.value.literal is not None:
            ref = self.pointwise("copy", [ref], {}, ref.shape, i.dtype)
        group = ref.value.group
        if (
            group is None
            or group.closed
            or group.kind != "row"
            or group.domain != ref.shape
            or not in_place(ref, group, ref.shape)
            or (group.reduced != axes if group.reduced else not _inside(group, axes))
        ):
            order = _vote([ref], ref.shape)
            if group is not None and group.order and ref.shape == group.domain:
                order = group.order
            group = self.begin("row", ref.shape, order)
        group.reduced = axes
        value = self.enter(group, f"reduce_{i.op}", [ref], {}, i.shape, i.dtype, _strides_in_domain(group, i.shape))
        return Ref(value, (), i.shape)

    # ------------------------------------------------------------------------------------ assembling, scattering, NumPy

    def assemble(self, i: Instruction, pieces: list[Ref]) -> Ref:
        """Pieces stored side by side in one array; what they leave free is 0."""
        order: tuple[int, ...] = tuple(range(len(i.shape)))
        if len(pieces) == 1 and len(pieces[0].shape) == len(i.shape):
            order = order_of(pieces[0].shape, pieces[0].layout.strides) if 0 not in pieces[0].layout.strides else order
        whole = Value(i.shape, i.dtype, Layout(0, dense(i.shape, order)))
        whole.buffer = Buffer(whole.dtype, whole.size)
        whole.placed = True
        covered = 0
        for piece, key in zip(pieces, i.params["keys"], strict=True):
            place = resolve(whole.layout, whole.shape, [Step("index", _lengths(key), key)])
            assert place is not None
            if "through" in i.params:
                place = _through(place, i.params["through"], _lengths(key))
            covered += math.prod(piece.shape)
            if not _put(piece, place, whole.buffer):
                piece = self.pieced(piece, order_of(piece.shape, place.strides))
                assert _put(piece, place, whole.buffer)
            whole.ready = max(whole.ready, piece.value.ready)
        if covered < whole.size:
            whole.buffer.kept = True
        if whole.ready < 0:  # no pieces at all
            return _literal(0, i.shape, i.dtype)
        return Ref(whole, (), i.shape)

    def scatter(self, i: Instruction, operands: list[Ref]) -> Ref:
        """Zeros with values added where index arrays say."""
        value = operands[0]
        target = self.pointwise("copy", [Number(0, np.dtype(i.dtype))], {}, i.shape, i.dtype).value
        assert target.group is not None
        target.group.closed = True
        for k, operand in enumerate(operands):
            if operand.value.literal is not None or (
                operand.value.group is not None and operand.value.group.closed is False
            ):
                operands[k] = (
                    operand
                    if operand.value.literal is None
                    else self.pointwise("copy", [operand], {}, operand.shape, operand.value.dtype)
                )
        group = self.begin("scatter", value.shape, tuple(range(len(value.shape))))
        group.closed = True
        group.detail = (operands[0], list(operands[1:]), target, i.params)
        target.ready, target.group = group.number, None
        target.buffer, target.placed = Buffer(target.dtype, target.size), True
        return Ref(target, (), i.shape)

    def host(self, i: Instruction, operands: list[Any]) -> Ref:
        """A call of NumPy."""
        group = self.begin("host", i.shape or (), tuple(range(len(i.shape or ()))))
        group.closed = True
        value = Value(i.shape or (), i.dtype or np.dtype(np.float64), Layout(0, dense(i.shape or ())))
        value.ready = group.number
        value.weak = i.weak
        group.detail = (i, operands, value)
        return Ref(value, (), i.shape or ())


# --------------------------------------------------------------------------------------------------------------- helpers


class Number(NamedTuple):
    """An operand that is one number of a dtype."""

    value: Any
    dtype: Any


def _native(i: Instruction, operands: list[Any]) -> bool:
    dtypes = [(o.value.dtype if isinstance(o, Ref) else None) for o in operands]
    codes = [d.str[1:] for d in dtypes if d is not None]
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


def _constant(i: Instruction) -> Ref:
    array = i.params["value"]
    if array.size == 1 or (array.size and not any(array.strides)):
        return _literal(array.flat[0], i.shape, i.dtype)
    value = Value(i.shape, i.dtype, Layout(0, dense(i.shape)))
    value.buffer = Buffer(i.dtype, value.size)
    value.buffer.array = np.ascontiguousarray(array)
    value.placed = True
    return Ref(value, (), i.shape)


def _literal(number: Any, shape: Shape, dtype: Any) -> Ref:
    value = Value(shape, dtype, Layout(0, (0,) * len(shape)))
    value.literal = number
    return Ref(value, (), shape)


def _number(ref: Ref) -> Number:
    return Number(ref.value.literal, ref.value.dtype)


def _axes_in_domain(group: Group, shape: Shape) -> tuple[int, ...] | None:
    """Which axis of the domain each axis of a value of the group is; None if the shape does not fit."""
    if shape == group.domain:
        return tuple(range(len(shape)))
    if not group.reduced:
        return None
    if shape == tuple(1 if a in group.reduced else n for a, n in enumerate(group.domain)):
        return tuple(range(len(shape)))
    kept = tuple(a for a in range(len(group.domain)) if a not in group.reduced)
    return kept if shape == tuple(group.domain[a] for a in kept) else None


def _strides_in_domain(group: Group, shape: Shape) -> Strides:
    """For each axis of the domain the stride of a dense value of this shape."""
    axes = _axes_in_domain(group, shape)
    assert axes is not None
    strides = [0] * len(group.domain)
    for axis, n, stride in zip(axes, shape, dense(shape), strict=True):
        strides[axis] = stride if n > 1 else 0
    return tuple(strides)


def spread(ref: Ref, group: Group, shape: Shape, layout: Layout | None = None) -> Layout:
    """The layout of an operand over the group's domain, for an operation whose result has this shape."""
    axes = _axes_in_domain(group, shape)
    assert axes is not None
    there = broadcast(ref.layout if layout is None else layout, ref.shape, shape)
    strides = [0] * len(group.domain)
    for axis, n, stride in zip(axes, shape, there.strides, strict=True):
        strides[axis] = stride if n > 1 else 0
    return Layout(there.offset, tuple(strides))


def in_place(ref: Ref, group: Group, shape: Shape) -> bool:
    """Whether an operation of this shape reads, of a value of its own group, just the entry that belongs to its own place."""
    as_dense = resolve(Layout(0, dense(ref.value.shape)), ref.value.shape, ref.steps)
    if as_dense is None or as_dense.offset:
        return False
    there = spread(ref, group, shape, as_dense)
    return all(a == b or n == 1 for a, b, n in zip(there.strides, ref.value.domain_strides, group.domain, strict=True))


def _related(operand: Any, group: Group) -> bool:
    """Whether an operand comes from the group or is read by it."""
    if not isinstance(operand, Ref):
        return False
    if operand.value.group is group:
        return True
    if group.kind != "row" or len(group.entries) > 24:
        return False
    return any(isinstance(o, Ref) and o.value is operand.value for entry in group.entries for o in entry.operands)


def _vote(refs: Sequence[Ref], shape: Shape) -> tuple[int, ...]:
    """The order of axes in memory that most operands of full shape have; the natural one if there are none."""
    votes: dict[tuple[int, ...], int] = {}
    for ref in refs:
        if ref.shape == shape and ref.value.literal is None:
            strides = ref.layout.strides
            if all(s > 0 or n == 1 for s, n in zip(strides, shape, strict=True)):
                order = order_of(shape, strides)
                votes[order] = votes.get(order, 0) + 1
    natural = tuple(range(len(shape)))
    return max(votes, key=lambda o: votes[o]) if votes else natural


def _conforms(ref: Ref, shape: Shape, group: Group) -> bool:
    if ref.shape != shape or shape != group.domain:
        return True
    return _along(ref, shape, group.order)


def _along(ref: Ref, shape: Shape, order: tuple[int, ...]) -> bool:
    """Whether the innermost loop reads the operand along memory, or it is too small to matter."""
    if math.prod(shape) <= 512:
        return True
    strides = ref.layout.strides
    innermost = next((a for a in reversed(order) if shape[a] > 1), None)
    if innermost is None or abs(strides[innermost]) <= 1:
        return True
    return all(abs(s) != 1 for s in strides)  # no order would be better: a strided slice


def _inside(group: Group, axes: frozenset[int]) -> bool:
    """Whether the reduced axes are the innermost of the group in memory (where their length is more than 1)."""
    long = [a for a in group.order if group.domain[a] > 1]
    count = sum(a in axes for a in long)
    return count > 0 and all(a in axes for a in long[len(long) - count :])


def _lengths(key: Any) -> Shape:
    return tuple(len(range(p.start, p.stop, p.step or 1)) for p in key)


def _through(place: Layout, through: Any, shape: Shape) -> Layout:
    window, stride, dilation, counts = through
    lead = len(shape) - len(window)
    found = resolve(place, shape, [Step("windows", (*shape[:lead], *counts, *window), (window, stride, dilation))])
    assert found is not None
    return found


def _put(piece: Ref, place: Layout, buffer: Buffer) -> bool:
    """Let the value behind a piece be computed right into its place; False if it has one already, or is not a whole value."""
    value = piece.value
    if value.placed or value.group is None or value.literal is not None or value.size != math.prod(piece.shape):
        return False
    long = [(n, s) for n, s in zip(piece.shape, place.strides, strict=True) if n > 1]
    if [n for n, _ in long] != [n for n in value.shape if n > 1] or any(
        s.kind not in ("reshape", "broadcast_to") for s in piece.steps
    ):
        return False
    rest = iter(long)
    strides = tuple(next(rest)[1] if n > 1 else 0 for n in value.shape)
    layout = Layout(place.offset, strides)
    if value.size > 512 and not _similar(value, strides):
        return False
    if any(resolve(layout, value.shape, steps) is None for steps in value.views):
        return False
    value.layout, value.buffer, value.placed = layout, buffer, True
    return True


def _similar(value: Value, strides: Strides) -> bool:
    """Whether the innermost axis stays the innermost."""
    return order_of(value.shape, value.layout.strides)[-1:] == order_of(value.shape, strides)[-1:]
