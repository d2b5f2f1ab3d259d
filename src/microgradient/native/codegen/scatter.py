"""Machine code of a ScatterKernel: entries added or set where index arrays say, in the order of the loops.

A loop is *free* if its steps never meet in one entry of the target; then it may be vectorised, cut into pieces, or moved.
Values with a bad index are left out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..plan.kernel import Access, ScatterKernel
from . import pointwise
from .emitter import Index, checked, report
from .ir import Function, Val
from .registers import Register, literal
from .vectors import advance, lanes_for, load, moved, one_run, store, times

PIECE = 8192
"""About how many values a piece has."""
MOST_PIECES = 64
RUN = 64
"""So many entries of the vectorised loop are one step."""


class _Nest(NamedTuple):
    """The loops of more than one step, in the order in which they run; inside them the vectorised one, in runs of entries, if
    there is one. `cut`: the loop whose steps (or runs) are dealt out to the pieces."""

    loops: tuple[int, ...]
    vector: int | None
    cut: int | None


def pieces(spec: ScatterKernel) -> int:
    """How many independent pieces the work is cut into; 0 if there is none."""
    size = math.prod(spec.shape)
    nest = _nest(spec)
    steps = 1 if nest.cut is None else _steps(spec, nest, nest.cut)
    return max(1, min(size // PIECE, MOST_PIECES, steps)) if size else 0


def write(f: Function, spec: ScatterKernel, vector_bits: int) -> None:
    """Write the kernel into `f`."""
    if math.prod(spec.shape):
        _Scatter(f, spec, vector_bits).write()


def _nest(spec: ScatterKernel) -> _Nest:
    loops = [d for d, extent in enumerate(spec.shape) if extent > 1]
    free = _free(spec, loops)
    vector = None
    for d in loops:
        alone = d in free or d == loops[-1]
        if alone and abs(spec.target.strides[d]) == 1 and not any(a.strides[d] for a in spec.indices):
            vector = d
    if vector is not None:
        loops.remove(vector)
    made = _Nest(tuple(loops), vector, None)
    candidates = [d for d in free if d in loops or d == vector]
    if not candidates:
        return made
    cut = max(candidates, key=lambda d: (_steps(spec, made, d), -d))
    if cut != vector:
        loops.remove(cut)
        loops.insert(0, cut)
    return _Nest(tuple(loops), vector, cut)


def _free(spec: ScatterKernel, loops: list[int]) -> list[int]:
    """The loops whose steps never meet: if the strides in the target, sorted, each exceed how far the smaller ones reach."""
    steps = [(abs(spec.target.strides[d]), spec.shape[d]) for d in loops if spec.target.strides[d]]
    steps += [(abs(s), n) for s, n in zip(spec.index_strides, spec.sizes, strict=True) if n > 1]
    reach = 0
    for stride, extent in sorted(steps):
        if stride <= reach:
            return []
        reach += stride * (extent - 1)
    return [d for d in loops if spec.target.strides[d]]


def _steps(spec: ScatterKernel, nest: _Nest, loop: int) -> int:
    """How many steps, or runs of entries, a loop has."""
    return -(-spec.shape[loop] // RUN) if loop == nest.vector else spec.shape[loop]


class _Scatter:
    """Writes a scatter kernel."""

    def __init__(self, f: Function, spec: ScatterKernel, vector_bits: int) -> None:
        self.f, self.spec, self.nest = f, spec, _nest(spec)
        self.accesses: list[Access] = [spec.value, *spec.indices, spec.target]
        self.pieces = pieces(spec)
        extent = 1 if self.nest.vector is None else spec.shape[self.nest.vector]
        self.lanes = lanes_for([spec.value.dtype, spec.target.dtype], vector_bits, min(extent, RUN))

    def write(self) -> None:
        """Pieces, then the loops."""
        f, pointers = self.f, [self.f.load_argument(i) for i in range(len(self.accesses))]
        if self.nest.cut is None:
            with f.loop("%begin", "%end", unroll=False):
                self._loops(pointers, 0, 0, 0)
            return
        total = _steps(self.spec, self.nest, self.nest.cut)
        first, end = (f.emit(f"udiv i64 {times(f, x, total)}, {self.pieces}") for x in ("%begin", "%end"))
        self._loops(pointers, 0, first, end)

    def _loops(self, pointers: list[str], depth: int, first: Index, end: Index) -> None:
        """The loops from `depth` on; steps `first` … `end` - 1 of the one that is cut."""
        if depth == len(self.nest.loops):
            self._indexed(pointers, first, end)
            return
        loop = self.nest.loops[depth]
        bounds = (first, end) if loop == self.nest.cut else (0, self.spec.shape[loop])
        with self.f.loop(*bounds, unroll=False) as i:
            self._loops(moved(self.f, pointers, self.accesses, loop, i), depth + 1, first, end)

    def _indexed(self, pointers: list[str], first: Index, end: Index) -> None:
        """One set of indices, and the vectorised loop if there is one."""
        f, spec = self.f, self.spec
        offset = Register(f, literal(0, "i8"))
        wrong = Register(f, literal(False, "b1"))
        for n, access in enumerate(spec.indices):
            index = Register(f, load(f, pointers[1 + n], access.dtype, 0, 1))
            place, bad = checked(index, spec.sizes[n])
            offset, wrong = offset + place * spec.index_strides[n], wrong | bad
        status = len(self.accesses)
        here = [*pointers[:-1], advance(f, pointers[-1], spec.target.dtype, offset.text)]
        f.choose(wrong.text, lambda: report(f, wrong, status), lambda: self._runs(here, first, end))

    def _runs(self, pointers: list[str], first: Index, end: Index) -> None:
        vector = self.nest.vector
        if vector is None:
            self._entries(pointers, 1)
            return
        if self.nest.cut != vector:
            first, end = 0, _steps(self.spec, self.nest, vector)
        with self.f.loop(first, end, unroll=False) as number:
            here = moved(self.f, pointers, self.accesses, vector, times(self.f, number, RUN))
            one_run(self.f, number, self.spec.shape[vector], RUN, lambda _, count: self._entries(here, count))

    def _entries(self, pointers: list[str], count: int) -> None:
        """Add or set `count` entries along the vectorised loop."""
        f, dtype, vector = self.f, self.spec.target.dtype, self.nest.vector
        step, target_step = (0 if vector is None else a.strides[vector] for a in (self.spec.value, self.spec.target))
        for start in range(0, count, self.lanes):
            active = min(self.lanes, count - start)
            at = advance(f, pointers[0], self.spec.value.dtype, start * step)
            value = load(f, at, self.spec.value.dtype, step, self.lanes, active)
            if value.dtype != dtype:
                value = pointwise.emit(f, "astype", [value], dtype, {})
            place = advance(f, pointers[-1], dtype, start * target_step)
            if self.spec.add:
                before: Val = load(f, place, dtype, target_step, self.lanes, active)
                value = pointwise.emit(f, "add", [before, value], dtype, {})
            store(f, value, place, target_step, active)
