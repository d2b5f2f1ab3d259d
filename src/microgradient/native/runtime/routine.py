"""A list of launches that native code runs from beginning to end, on arrays that may be others at each call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from . import threads
from .control_ir import CONTROL_LAUNCH, SHARED

Array = np.ndarray[Any, Any]

ARENA, STATUS = 0, 1
"""The slots of a routine's own memory; those from 2 on are for the caller."""


class BoundLaunch(NamedTuple):
    """One kernel to run: its address, how many pieces its work has, its args, and whether threads should share it.

    An operand is (slot, bytes from the slot's beginning), or a number that is passed as it is. A loop or condition has `inside`
    the parts that it runs, and begins its args with their description.
    """

    address: int
    pieces: int
    operands: Sequence[tuple[int, int] | int]
    parallel: bool = False
    inside: Inside | None = None


class Inside(NamedTuple):
    """The parts of a loop or condition, and the words that follow them in its description."""

    parts: Sequence[BoundPart]
    steps: int = 0


class BoundPart(NamedTuple):
    """Launches on `arrays` arrays, which are in the slots from FIRST on, then those of `constants`; `moves` are (slot, bytes)."""

    launches: Sequence[BoundLaunch]
    arrays: int
    slots: int
    constants: Sequence[tuple[int, Array]]
    arena: Array
    moves: Sequence[tuple[int, int]]


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
        self._memory = _Memory(arena.ctypes.data, ctypes.addressof(self._status))
        lines, relocations, shared = self._memory.written(launches)
        self._parts = [lines, relocations, _int64s([0] * slots)]
        where = [ctypes.addressof(part) for part in self._parts]
        parts = [where[0], len(launches), where[1], len(relocations) // 3, ctypes.addressof(addresses)]
        self._routine = _int64s([*parts, where[2], slots, shared, data_offset()])
        self._address = ctypes.addressof(self._routine)
        self._run = threads.driver().run

    def run(self, repeat: int = 1) -> int:
        """Run all launches in order, `repeat` times over, up to one that leaves a status: what a kernel wrote to slot 1, else 0.
        The GIL is free meanwhile."""
        self._run(self._address, repeat)
        return self._status.value


class _Memory:
    """Words that native code reads, kept as long as this. `arena` and `status` are addresses that launches have."""

    def __init__(self, arena: int, status: int) -> None:
        self.arena, self.status = arena, status
        self._kept: list[Any] = []

    def written(self, launches: Sequence[BoundLaunch]) -> tuple[Any, Any, int]:
        """The launches, the relocations for those args that depend on the caller's slots, and how many launches are shared."""
        count = sum(len(launch.operands) + (launch.inside is not None) for launch in launches)
        memory = self._keep([0] * max(count, 1))
        at, lines, relocations = ctypes.addressof(memory), list[int](), list[int]()
        n = shared = 0
        for launch in launches:
            inside, several = launch.inside, launch.parallel and launch.pieces > 1
            shared += several
            kind = SHARED if several else 0
            if inside is not None:
                kind, shared = CONTROL_LAUNCH, shared + launch.parallel
            lines += [launch.address, at + 8 * n, launch.pieces, kind]
            for operand in launch.operands if inside is None else [self._described(inside), *launch.operands]:
                if isinstance(operand, int):
                    memory[n] = operand
                elif operand[0] in (ARENA, STATUS):
                    memory[n] = (self.arena, self.status)[operand[0]] + operand[1]
                else:
                    relocations += [at + 8 * n, *operand]
                n += 1
        return self._keep(lines), self._keep(relocations), shared

    def _described(self, inside: Inside) -> int:
        """The address of the description of a loop or condition, as control_ir.py reads it."""
        words: list[int] = []
        for part in inside.parts:
            words += [ctypes.addressof(self._part(part)), part.arrays]
        if inside.steps:
            moves = [n for slot, size in inside.parts[0].moves for n in (slot, size)]
            words += [inside.steps, ctypes.addressof(self._keep(moves)), len(moves) // 2]
        return ctypes.addressof(self._keep(words))

    def _part(self, part: BoundPart) -> Any:
        inner = _Memory(part.arena.ctypes.data, self.status)
        lines, relocations, _ = inner.written(part.launches)
        bases = [0] * part.slots
        for slot, array in part.constants:
            bases[slot] = array.ctypes.data
        self._kept += [inner, part]
        where = [ctypes.addressof(x) for x in (lines, relocations, self._keep(bases))]
        return self._keep([where[0], len(part.launches), where[1], len(relocations) // 3, where[2], self.status])

    def _keep(self, words: Sequence[int]) -> Any:
        self._kept.append(_int64s(words))
        return self._kept[-1]


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
