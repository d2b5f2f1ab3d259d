"""Schedule: groups made into launches, in an order that can run, with memory for what lies between.

An output that is the next value of an input (a parameter, a moment of an optimiser) is written over it, unless something reads
the old value later: then it is computed in the arena and copied at the end.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...program.program import Program
from ..lower.lowering import lower
from ..lower.ops import NATIVE_DTYPES
from ..lower.views import Layout, dense
from .fusion import Supported, copying
from .fusion_group import FusionGroup
from .grouping import Fused, fuse
from .groups import HostCall, RowGroup
from .in_place_concat import compute_in_place
from .launch import with_shared_specs
from .memory import Memory, arrange
from .rng_plan import Draws
from .values import Buffer, BufferValue, View, number_of


class Schedule(NamedTuple):
    """What runs, in order, the arena's size in bytes, and the constants' arrays."""

    launches: list[Any]  # Launch or HostCall
    arena_bytes: int
    slots: int  # inputs, then outputs, then constants
    constants: list[tuple[int, Any]]  # (slot, array)
    draws: Draws


def schedule(program: Program, supported: Supported) -> Schedule:
    """Plan a program's kernels and memory. Slots: the inputs, then the outputs, then constants."""
    fused = fuse(lower(program), supported, lambda inner: schedule(inner, supported))
    _Outputs(program, fused).place()
    _find_stored(fused)
    memory = Memory(len(program.inputs) + len(program.outputs))
    launches = with_shared_specs(group.launch(memory) for group in fused.groups)
    return Schedule(launches, arrange(launches), memory.slots, memory.constants, fused.draws)


class _Outputs:
    """Has outputs computed where they are needed, or copied there at the end."""

    def __init__(self, program: Program, fused: Fused) -> None:
        self.fused = fused
        self.first = len(program.inputs)  # the slot of the first output
        self.sources = {a.output: a.input for a in program.aliases}
        self.needed = {id(view.value) for view in fused.outputs}
        self.readers: dict[int, list[tuple[int, Any, View]]] = {}  # of each value: (group, shape, operand)
        for group in fused.groups:
            for shape, view in group.operands():
                self.readers.setdefault(id(view.value), []).append((group.number, shape, view))

    def place(self) -> None:
        """Give every output its place."""
        deferred = []
        for number, view in enumerate(self.fused.outputs):
            target = Buffer(view.value.dtype, math.prod(view.shape), self.first + number)
            if not target.size:
                continue
            natural = Layout(0, dense(view.shape))
            may_overwrite = self._may_overwrite(view.value, self.sources.get(number))
            if not (may_overwrite and compute_in_place(view, natural, target)):
                deferred.append((view, target))
        changing = {id(self.fused.inputs[source]) for source in self.sources.values()}
        rest = []
        for view, target in deferred:
            if id(view.value) in changing:  # it will be overwritten: copied elsewhere first
                view = self._copy_at_end(view, Buffer(view.value.dtype, target.size))
            rest.append((view, target))
        for view, target in rest:
            self._copy_at_end(view, target)

    def _may_overwrite(self, value: BufferValue, source: int | None) -> bool:
        """Whether the old value of an input may go when `value` is computed: nobody reads it later, or elsewhere at that time."""
        if source is None:
            return True
        group = value.group
        if not isinstance(group, FusionGroup):
            return False  # of NumPy: whole arrays are read and written
        old = self.fused.inputs[source]
        readers = self.readers.get(id(old), [])
        if id(old) in self.needed or any(number > group.number for number, _, _ in readers):
            return False
        again = group.reduced and value.shape == group.domain  # further sweeps may read it again
        own = group.layout_of(View(value), value.shape, Layout(0, dense(value.shape)))
        reading = [(shape, view) for number, shape, view in readers if number == group.number]
        return not any(again or shape is None or group.layout_of(view, shape) != own for shape, view in reading)

    def _copy_at_end(self, view: View, target: Buffer) -> View:
        groups = self.fused.groups
        if view.value.dtype.str[1:] not in NATIVE_DTYPES:
            value = BufferValue(view.shape, view.value.dtype, ready=len(groups))
            groups.append(HostCall(value.ready, copying(view), [view], value))
        else:
            group = RowGroup(len(groups), view.shape, range(len(view.shape)))
            operand: Any = view if view.value.literal is None else number_of(view)
            value = group.enter("copy", [operand], {}, view.shape, view.value.dtype)
            groups.append(group)
        value.place(target)
        return View(value)


def _find_stored(fused: Fused) -> None:
    """Note for each group which of its values must be in memory: read by other groups, or outputs."""
    read: set[int] = set()
    for group in fused.groups:
        read |= {id(view.value) for _, view in group.operands() if view.value.group is not group}
    for group in fused.groups:
        if isinstance(group, FusionGroup):
            group.stored = [op.value for op in group.ops if op.value.placed or id(op.value) in read]
