"""Where arrays lie: one arena for what lies between, and slots for inputs, outputs and constants.

An array has its place in the arena from the first group that writes it to the last that reads it, so arrays that are not needed
at the same time share memory.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Any

from .launch import Operand
from .values import Buffer, BufferValue, View

_ALIGNMENT = 64
_FOREVER = 2**62  # the number of a group that never comes


class Memory:
    """Hands out buffers, and slots to those of constants: the first `slots` are taken."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.constants: list[tuple[int, Any]] = []  # (slot, array)

    def buffer(self, value: BufferValue) -> Buffer:
        """The memory of a value, from now on if it had none."""
        buffer = value.buffer
        if buffer is None:
            buffer = value.buffer = Buffer(value.dtype, value.size)
        if buffer.array is not None and buffer.slot is None:
            buffer.slot = self.slots
            self.slots += 1
            self.constants.append((buffer.slot, buffer.array))
        return buffer

    def operand(self, view: View) -> Operand:
        """A view's memory, and where in it the view begins."""
        return Operand(self.buffer(view.value), view.layout.offset)


def arrange(launches: Iterable[Any]) -> int:
    """Give every buffer of the arena its place; returns the arena's size in bytes."""
    buffers: dict[int, Buffer] = {}
    for launch in launches:
        for buffer in launch.buffers:
            if buffer.slot is None:
                buffers[id(buffer)] = buffer
                buffer.first = launch.group.number if buffer.first < 0 else min(buffer.first, launch.group.number)
                buffer.last = max(buffer.last, launch.group.number)
    return _arranged(list(buffers.values()))


def _arranged(buffers: list[Buffer]) -> int:
    """Offsets in the arena: the largest first, each in the lowest gap that is free while it is needed; returns the size."""
    placed: list[tuple[int, int, int, int]] = []  # (offset, end, the groups between which it is needed), by offset
    end = 0
    for buffer in sorted(buffers, key=lambda b: (-b.size * b.dtype.itemsize, b.first)):
        size = max(-(-buffer.size * buffer.dtype.itemsize // _ALIGNMENT), 1) * _ALIGNMENT
        first, last = (-1, _FOREVER) if buffer.kept else (buffer.first, buffer.last)
        start = 0
        for offset, stop, since, until in placed:
            if since <= last and first <= until and stop > start:
                if start + size <= offset:
                    break
                start = stop
        buffer.offset = start
        end = max(end, start + size)
        insort(placed, (start, start + size, first, last))
    return end
