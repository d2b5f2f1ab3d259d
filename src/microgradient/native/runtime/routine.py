"""A list of launches that native code runs from beginning to end, on arrays that may be others at each call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from . import threads

Array = np.ndarray[Any, Any]

ARENA, STATUS = 0, 1
"""The slots of a routine's own memory; those from 2 on are for the caller."""


class BoundLaunch(NamedTuple):
    """One kernel to run: its address, how many pieces its work has, its args, and whether threads should share it.

    An operand is (slot, bytes from the slot's beginning), or a number that is passed as it is.
    """

    address: int
    pieces: int
    operands: Sequence[tuple[int, int] | int]
    parallel: bool = False


class NativeRoutine:
    """Launches, ready to run. `table[slot]` is for the caller to fill: `id(array)`.

    `arena` is memory for what lies between launches (see `new_arena`); several routines may share it. One call at a time; what
    is in the table must stay alive during it, and the machine code as long as this object is used.
    """

    def __init__(self, launches: Sequence[BoundLaunch], slots: int, arena: Array) -> None:
        slots = max(slots, 2)
        self.arena = arena
        self._status = ctypes.c_int64(0)
        addresses = (ctypes.c_uint64 * slots)()
        self.table = memoryview(addresses).cast("B").cast("Q")  # faster to fill
        self.table[ARENA] = arena.ctypes.data
        self.table[STATUS] = ctypes.addressof(self._status)
        args, relocations = self._arguments(launches)
        shared = [launch.parallel and launch.pieces > 1 for launch in launches]
        lines = [n for k, x in enumerate(launches) for n in (x.address, args[k], x.pieces, shared[k])]
        self._parts = [_int64s(lines), _int64s(relocations), _int64s([0] * slots)]
        where = [ctypes.addressof(part) for part in self._parts]
        parts = [where[0], len(launches), where[1], len(relocations) // 3, ctypes.addressof(addresses)]
        self._routine = _int64s([*parts, where[2], slots, sum(shared), data_offset()])
        self._address = ctypes.addressof(self._routine)
        self._run = threads.driver().run

    def run(self, repeat: int = 1) -> int:
        """Run all launches in order, `repeat` times over, up to one that leaves a status: what a kernel wrote to slot 1, else 0.
        The GIL is free meanwhile."""
        self._run(self._address, repeat)
        return self._status.value

    def _arguments(self, launches: Sequence[BoundLaunch]) -> tuple[list[int], list[int]]:
        """The address of each launch's args, and relocations for those that depend on the caller's slots."""
        count = sum(len(launch.operands) for launch in launches)
        self._arguments_memory = memory = _int64s([0] * max(count, 1))
        start, at = ctypes.addressof(memory), 0
        starts, relocations = [], []
        for launch in launches:
            starts.append(start + 8 * at)
            for operand in launch.operands:
                if isinstance(operand, int):
                    memory[at] = operand
                elif operand[0] in (ARENA, STATUS):
                    memory[at] = self.table[operand[0]] + operand[1]
                else:
                    relocations += [start + 8 * at, *operand]
                at += 1
        return starts, relocations


def new_arena(size: int) -> Array:
    """`size` bytes of zeros that begin at a multiple of 64."""
    memory: Array = np.zeros(size + 64, np.uint8)
    shift = -memory.ctypes.data % 64
    return memory[shift : shift + size]


@cache
def data_offset() -> int:
    """How many bytes after the beginning of an ndarray's object the address of its data is.

    Raises RuntimeError: it isn't there in this Python.
    """
    offset = object.__basicsize__
    array = np.arange(3)
    for a in (array, array[1:], np.zeros(())):
        if ctypes.c_void_p.from_address(id(a) + offset).value != a.__array_interface__["data"][0]:
            raise RuntimeError("The address of an array's data is not where CPython and NumPy 2 keep it.")
    return offset


def _int64s(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(values))(*values)
