"""Schedule: groups made into kernels with their operands, in an order that can run, and memory for what lies between.

One arena holds everything that is neither input nor output. An array has its place from the first group that writes it to the
last that reads it, so arrays that are not needed at the same time share memory. An output that is the next value of an
input (a parameter, a moment of an optimiser) is written over it, unless something reads the old value later: then it is computed
in the arena and copied at the end.
"""

from __future__ import annotations

import math
from bisect import insort
from typing import Any, NamedTuple

from ...program.program import Program
from ..lower.lowering import lower
from ..lower.ops import NATIVE_DTYPES
from ..lower.views import Layout, Step, broadcast, dense, indexed_shape, resolve
from .contract_layout import Contraction, strides_over
from .fusion import Fused, copying, fuse
from .groups import Buffer, BufferValue, FusedOp, FusionGroup, Number, View, spread
from .kernel import Access, ContractionKernel, FlatKernel, RowKernel, ScanKernel, ScatterKernel
from .kernel_body import Body, Operand
from .recompute import recompute
from .rng_plan import Draws

_ALIGNMENT = 64
_FOREVER = 2**62  # the number of a group that never comes


class Launch(NamedTuple):
    """One kernel with its operands; `number` is the count of a flat kernel. `spec` None: a call of NumPy, `host`."""

    spec: Any
    operands: tuple[Operand, ...]
    number: int | None
    host: FusionGroup | None
    group: int


class Schedule(NamedTuple):
    """What runs, in order, the arena's size in bytes, and the constants' and temporary arrays."""

    launches: list[Launch]
    arena_bytes: int
    slots: int  # inputs, then outputs, then constants
    constants: list[tuple[int, Any]]  # (slot, array)
    groups: list[FusionGroup]
    draws: Draws


def schedule(program: Program) -> Schedule:
    """Plan a program's kernels and memory. Slots: the inputs, then the outputs, then constants."""
    return _Schedule(program, fuse(lower(program))).finish()


class _Schedule:
    def __init__(self, program: Program, fused: Fused) -> None:
        self.program = program
        self.fused = fused
        self.groups = fused.groups
        self.constants: list[tuple[int, Any]] = []
        self.readers: dict[int, list[tuple[int, Any, View]]] = {}  # of each value: (group, shape, operand)
        for group in self.groups:
            for shape, ref in _operands(group):
                self.readers.setdefault(id(ref.value), []).append((group.number, shape, ref))
        self.needed = {id(ref.value) for ref in fused.outputs}
        self.slots = len(program.inputs) + len(program.outputs)

    def finish(self) -> Schedule:
        self._place_outputs()
        recompute(self.program, self.fused, _operands)
        self._drop_unused()
        launches = [launch for group in self.groups if (launch := self._launch(group)) is not None]
        return Schedule(launches, self._arrange(launches), self.slots, self.constants, self.groups, self.fused.draws)

    # -------------------------------------------------------------------------------------------------------- outputs

    def _place_outputs(self) -> None:
        """Have outputs computed where they are wanted, or copied there at the end."""
        sources = {a.output: a.input for a in self.program.aliases}
        deferred = []
        for number, ref in enumerate(self.fused.outputs):
            target = Buffer(ref.value.dtype, math.prod(ref.shape))
            target.slot = len(self.program.inputs) + number
            if not target.size:
                continue
            value = ref.value
            direct = (
                value.ready >= 0
                and not value.placed
                and value.literal is None
                and value.size == math.prod(ref.shape)
                and all(s.kind == "reshape" for s in ref.steps)
                and _is_dense(value)
                and self._may_overwrite(value, sources.get(number))
            )
            if direct:
                value.buffer, value.placed = target, True
            else:
                deferred.append((ref, target))
        for ref, target in self._saved(deferred, sources):
            self._copy_at_end(ref, target)

    def _saved(self, deferred: list[tuple[View, Buffer]], sources: dict[int, int]) -> list[tuple[View, Buffer]]:
        """What is still to be copied into outputs. Of inputs that are overwritten, what is wanted is copied elsewhere first."""
        changing = {id(self.fused.inputs[source]) for source in sources.values()}
        rest = []
        for ref, target in deferred:
            if id(ref.value) in changing:
                ref = self._copy_at_end(ref, Buffer(ref.value.dtype, target.size))
            rest.append((ref, target))
        return rest

    def _may_overwrite(self, value: BufferValue, source: int | None) -> bool:
        """Whether the old value of an input may go when `value` is computed: nobody reads it later, or elsewhere at that time."""
        if source is None:
            return True
        if value.group is None:
            return False  # of NumPy: whole arrays are read and written
        old = self.fused.inputs[source]
        group = value.group
        readers = self.readers.get(id(old), [])
        if id(old) in self.needed or any(number > group.number for number, _, _ in readers):
            return False
        passes = group.kind == "row" and group.reduced and value.shape == group.domain  # which may read it again
        own = Layout(0, _strides_of(value, group))
        reading = [(shape, ref) for number, shape, ref in readers if number == group.number]
        return not any(passes or shape is None or spread(ref, group, shape) != own for shape, ref in reading)

    def _copy_at_end(self, ref: View, target: Buffer) -> View:
        if ref.value.dtype.str[1:] not in NATIVE_DTYPES:
            group = FusionGroup(len(self.groups), "host", ref.shape, ())
            value = BufferValue(ref.shape, ref.value.dtype, Layout(0, dense(ref.shape)))
            value.ready, value.buffer, value.placed = group.number, target, True
            group.detail = (copying(ref), [ref], value)
            self.groups.append(group)
            return View(value, (), ref.shape)
        group = FusionGroup(len(self.groups), "row", ref.shape, tuple(range(len(ref.shape))))
        value = BufferValue(ref.shape, ref.value.dtype, Layout(0, dense(ref.shape)))
        value.group, value.ready, value.buffer, value.placed = group, group.number, target, True
        operand: Any = ref if ref.value.literal is None else Number(ref.value.literal, ref.value.dtype)
        group.entries.append(FusedOp(value, "copy", (operand,), {}))
        self.groups.append(group)
        return View(value, (), ref.shape)

    def _drop_unused(self) -> None:
        """Remove operations whose results nobody reads."""
        needed = set(self.needed)
        placed_readers: set[int] = set()
        for ref in self.fused.outputs:
            _mark(ref.value, placed_readers)
        for group in reversed(self.groups):
            if group.kind in ("host", "scatter", "scan"):
                for _, ref in _operands(group):
                    needed.add(id(ref.value))
                    _mark(ref.value, placed_readers)
                if group.kind == "scatter":
                    _mark(group.detail[2], placed_readers)
                continue
            kept: list[FusedOp] = []
            for entry in reversed(group.entries):
                value = entry.value
                keep = (
                    id(value) in needed
                    or (entry.name == "product" and bool(kept))
                    or (
                        value.placed
                        and value.buffer is not None
                        and (value.buffer.slot is not None or id(value.buffer) in placed_readers)
                    )
                )
                if keep:
                    kept.append(entry)
                    for o in entry.operands:
                        if isinstance(o, View):
                            needed.add(id(o.value))
                            _mark(o.value, placed_readers)
            group.entries = kept[::-1]
            if group.kind == "contract" and group.entries:
                for ref in (*group.detail.a, *group.detail.b):
                    needed.add(id(ref.value))
                    _mark(ref.value, placed_readers)

    # --------------------------------------------------------------------------------------------------------- kernels

    def _launch(self, group: FusionGroup) -> Launch | None:
        if group.kind == "host":
            instruction, operands, value = group.detail
            for o in operands:
                if isinstance(o, View):
                    self._buffer(o.value)
            if instruction.shape is not None:
                self._buffer(value)
            return Launch(None, (), None, group, group.number)
        if group.kind == "scatter":
            return self._scatter(group)
        if group.kind == "scan":
            return self._scan(group)
        if group.kind == "draw":
            return self._draw(group)
        if not group.entries:
            return None
        if group.kind == "contract":
            return self._contraction(group)
        return self._row(group)

    def _draw(self, group: FusionGroup) -> Launch:
        (spec, entry), value = group.detail
        operands = (Operand(self._taken(self.fused.draws.buffer), entry), Operand(self._buffer(value), 0))
        return Launch(spec, operands, None, None, group.number)

    def _stored(self, group: FusionGroup) -> list[BufferValue]:
        """The values of a group that must be in memory: read by other groups, or outputs."""
        read = self._read_elsewhere()
        return [e.value for e in group.entries if e.value.placed or id(e.value) in read.get(group.number, ())]

    def _read_elsewhere(self) -> dict[int, set[int]]:
        """For each group the values of it that other groups read."""
        if not hasattr(self, "_elsewhere"):
            found: dict[int, set[int]] = {}
            for group in self.groups:
                for _, ref in _operands(group):
                    owner = ref.value.group
                    if owner is not None and owner is not group:
                        found.setdefault(owner.number, set()).add(id(ref.value))
            self._elsewhere = found
        return self._elsewhere

    def _buffer(self, value: BufferValue) -> Buffer:
        if value.buffer is None:
            value.buffer = Buffer(value.dtype, value.size)
        return self._taken(value.buffer)

    def _taken(self, buffer: Buffer) -> Buffer:
        """The buffer, with a slot if it is a constant's."""
        if buffer.array is not None and buffer.slot is None:
            buffer.slot = self.slots
            self.slots += 1
            self.constants.append((buffer.slot, buffer.array))
        return buffer

    def _row(self, group: FusionGroup) -> Launch:
        kept = [a for a in group.order if a not in group.reduced]
        loops = [a for a in kept if group.domain[a] != 1]
        inner = [a for a in group.order if a in group.reduced and group.domain[a] != 1]
        nest: list[int | None] = [*loops, *inner] or [None]
        body = Body(group, lambda layout: tuple(0 if a is None else layout.strides[a] for a in nest), self._buffer)
        loads, ops, stores, operands = body.written(self._stored(group))
        shape = tuple(1 if a is None else group.domain[a] for a in nest)
        if not group.reduced and (flat := _flat(shape, loads, ops, stores)) is not None:
            return Launch(flat, operands, math.prod(shape), None, group.number)
        innermost = next((a for a in reversed(group.order) if a in loops or a in inner), None)
        vector = nest.index(innermost)
        spec = RowKernel(shape, len(shape) - len(inner), vector, loads, ops, stores)
        return Launch(spec, operands, None, None, group.number)

    def _contraction(self, group: FusionGroup) -> Launch:
        c: Contraction = group.detail
        loops = c.batch + c.rows + c.columns
        axes = [c.out.index(label) for label in loops]
        body = Body(group, lambda layout: tuple(layout.strides[a] for a in axes), self._buffer, first=1)
        loads, ops, stores, operands = body.written(self._stored(group))
        a, b = c.a[0], c.b[0]
        sizes = dict(zip(c.a_labels + c.b_labels, (*a.shape, *b.shape), strict=True))

        def lengths(labels: str) -> tuple[int, ...]:
            return tuple(sizes[label] for label in labels)

        spec = ContractionKernel(
            lengths(c.batch), lengths(c.rows), lengths(c.columns), lengths(c.depth), len(c.a),
            Access(a.value.dtype.str[1:], strides_over(a.layout, c.a_labels, c.batch + c.rows + c.depth)),
            Access(b.value.dtype.str[1:], strides_over(b.layout, c.b_labels, c.batch + c.columns + c.depth)),
            loads, ops, stores,
        )  # fmt: skip
        pairs = tuple(Operand(self._buffer(r.value), r.layout.offset) for r in (*c.a, *c.b))
        return Launch(spec, pairs + operands, None, None, group.number)

    def _scatter(self, group: FusionGroup) -> Launch:
        value, indices, target, params = group.detail
        shape = value.shape
        sizes = indexed_shape(target.shape, params["key"])
        at = resolve(target.layout, target.shape, [Step("index", sizes, params["key"])])
        assert at is not None
        rank = len(shape)
        strides = [0] * rank
        for axis, place in enumerate(params["places"]):
            if place >= 0:
                strides[place] = at.strides[axis]
        spec = ScatterKernel(
            shape or (1,), Access(value.value.dtype.str[1:], value.layout.strides or (0,)),
            tuple(Access(r.value.dtype.str[1:], broadcast(r.layout, r.shape, shape).strides or (0,)) for r in indices),
            Access(target.dtype.str[1:], tuple(strides) or (0,)),
            tuple(at.strides[a] for a in params["axes"]), tuple(sizes[a] for a in params["axes"]), params["add"],
        )  # fmt: skip
        operands = [Operand(self._buffer(value.value), value.layout.offset)]
        operands += [Operand(self._buffer(r.value), r.layout.offset) for r in indices]
        operands.append(Operand(self._buffer(target), at.offset))
        return Launch(spec, tuple(operands), None, None, group.number)

    def _scan(self, group: FusionGroup) -> Launch:
        refs, value, params = group.detail
        loops = [*(a for a in range(len(value.shape)) if a != params["axis"]), params["axis"]]
        layouts = [*(ref.layout for ref in refs), value.layout]
        *inputs, output = (Access(value.dtype.str[1:], tuple(x.strides[a] for a in loops)) for x in layouts)
        spec = ScanKernel(tuple(value.shape[a] for a in loops), params["name"], tuple(inputs), output)
        operands = [Operand(self._buffer(ref.value), ref.layout.offset) for ref in refs]
        operands.append(Operand(self._buffer(value), value.layout.offset))
        return Launch(spec, tuple(operands), None, None, group.number)

    # ---------------------------------------------------------------------------------------------------------- memory

    def _arrange(self, launches: list[Launch]) -> int:
        """Give every buffer of the arena its place; returns the arena's size in bytes."""
        buffers: dict[int, Buffer] = {}
        for launch in launches:
            used = [o.buffer for o in launch.operands]
            if launch.host is not None:
                _, operands, value = launch.host.detail
                used = [o.value.buffer for o in operands if isinstance(o, View) and o.value.buffer is not None]
                used += [value.buffer] if value.buffer is not None else []
            for buffer in used:
                if buffer.slot is None:
                    buffers[id(buffer)] = buffer
                    buffer.first = launch.group if buffer.first < 0 else min(buffer.first, launch.group)
                    buffer.last = max(buffer.last, launch.group)
        return arrange(list(buffers.values()))


# ------------------------------------------------------------------------------------------------------------------ helpers


def arrange(buffers: list[Buffer]) -> int:
    """Offsets in the arena: the largest first, each in the lowest gap that is free while it is needed; returns the size."""
    placed: list[tuple[int, int, int, int]] = []  # (offset, end, the groups between which it is needed), by offset
    end = 0
    for buffer in sorted(buffers, key=lambda b: (-b.size * b.dtype.itemsize, b.first)):
        size = _rounded(buffer.size * buffer.dtype.itemsize)
        first, last = (-1, _FOREVER) if buffer.kept else (buffer.first, buffer.last)
        start = 0
        for offset, stop, since, done in placed:
            if since <= last and first <= done and stop > start:
                if start + size <= offset:
                    break
                start = stop
        buffer.offset = start
        end = max(end, start + size)
        insort(placed, (start, start + size, first, last))
    return end


def _rounded(size: int) -> int:
    return max(-(-size // _ALIGNMENT), 1) * _ALIGNMENT


def _operands(group: FusionGroup) -> list[tuple[Any, View]]:
    """(shape of the reading operation, operand) for all that a group reads; shape None where it is read anywhere."""
    found: list[tuple[Any, View]] = []
    if group.kind == "contract":
        found += [(None, r) for r in (*group.detail.a, *group.detail.b)]
    if group.kind == "scatter":
        found += [(None, group.detail[0]), *((None, r) for r in group.detail[1])]
    if group.kind == "scan":
        found += [(None, r) for r in group.detail[0]]
    if group.kind == "host":
        found += [(None, o) for o in group.detail[1] if isinstance(o, View)]
    for entry in group.entries:
        for k, o in enumerate(entry.operands):
            if isinstance(o, View):
                reading = entry.value.shape if not entry.name.startswith("reduce_") else o.shape
                found.append((None if entry.name == "gather" and not k else reading, o))
    return found


def _strides_of(value: BufferValue, group: FusionGroup) -> tuple[int, ...]:
    return spread(View(value, (), value.shape), group, value.shape).strides


def _is_dense(value: BufferValue) -> bool:
    natural = dense(value.shape)
    return value.layout.offset == 0 and all(
        a == b or n == 1 for a, b, n in zip(value.layout.strides, natural, value.shape, strict=True)
    )


def _mark(value: BufferValue, readers: set[int]) -> None:
    if value.buffer is not None:
        readers.add(id(value.buffer))


def _flat(shape: tuple[int, ...], loads: Any, ops: Any, stores: Any) -> FlatKernel | None:
    """The kernel as a flat one, if all of its arrays lie in memory alike and without gaps, or are single numbers."""
    n = math.prod(shape)
    if n <= 1 or any(op.name in ("iota", "gather") or op.name.startswith("reduce_") for op in ops):
        return None
    natural = tuple(s if m > 1 else 0 for s, m in zip(dense(shape), shape, strict=True))

    def flattened(access: Access) -> Access | None:
        if not any(access.strides):
            return Access(access.dtype, (0,))
        return Access(access.dtype, (1,)) if access.strides == natural else None

    new_loads = tuple(flattened(a) for a in loads)
    new_stores = tuple((v, flattened(a)) for v, a in stores)
    if any(a is None for a in new_loads) or any(a is None or a.strides == (0,) for _, a in new_stores):
        return None
    return FlatKernel(new_loads, ops, new_stores)  # type: ignore[arg-type]
