"""Machine code of a ScanKernel: running sums, running products and linear recurrences along one loop.

Each step needs the one before, so the scanned loop runs in order, without vectors; where the entries of another loop lie side by
side, as many scans as a vector has lanes run at once.
"""

from __future__ import annotations

import math

from ..plan.kernel import ScanKernel
from . import pointwise
from .emitter import Index
from .ir import Function, Val
from .vectors import advance, lanes_for, load, moved, one_run, split, store, times

PIECE = 4096
"""About how many steps a piece has."""
MOST_PIECES = 64
RUN = 16
"""So many entries of the vectorised loop make one point, whatever the width of vectors."""


def pieces(spec: ScanKernel) -> int:
    """How many independent pieces the work is cut into; 0 if there is none."""
    size = math.prod(spec.shape)
    return max(1, min(size // PIECE, MOST_PIECES, math.prod(_counts(spec, _vector(spec))))) if size else 0


def write(f: Function, spec: ScanKernel, vector_bits: int) -> None:
    """Write the kernel into `f`."""
    if math.prod(spec.shape):
        _Scan(f, spec, vector_bits).write()


def _vector(spec: ScanKernel) -> int | None:
    """The kept loop along which all arrays lie in memory."""
    for loop, extent in enumerate(spec.shape[:-1]):
        if extent > 1 and all(a.strides[loop] == 1 for a in (*spec.inputs, spec.output)):
            return loop
    return None


def _counts(spec: ScanKernel, vector: int | None) -> list[int]:
    """The steps of the loops that are not scanned; of the vectorised one the runs."""
    return [-(-n // RUN) if loop == vector else n for loop, n in enumerate(spec.shape[:-1])]


class _Scan:
    """Writes a scan kernel."""

    def __init__(self, f: Function, spec: ScanKernel, vector_bits: int) -> None:
        self.f, self.spec, self.vector = f, spec, _vector(spec)
        self.accesses = [*spec.inputs, spec.output]
        self.extent = 1 if self.vector is None else spec.shape[self.vector]
        self.lanes = lanes_for([spec.output.dtype], vector_bits, min(self.extent, RUN))

    def write(self) -> None:
        """The points of the pieces from `begin` to `end`, one after the other."""
        f, spec = self.f, self.spec
        pointers = [f.load_argument(i) for i in range(len(self.accesses))]
        points = math.prod(_counts(spec, self.vector))
        first, end = (f.emit(f"udiv i64 {times(f, x, points)}, {pieces(spec)}") for x in ("%begin", "%end"))
        with f.loop(first, end, unroll=False) as point:
            self._point(pointers, point)

    def _point(self, pointers: list[str], point: str) -> None:
        """A scan, or a run of scans along the vectorised loop."""
        run: Index = 0
        for loop, index in enumerate(split(self.f, point, _counts(self.spec, self.vector))):
            if loop == self.vector:
                run, index = index, times(self.f, index, RUN)
            pointers = moved(self.f, pointers, self.accesses, loop, index)
        one_run(self.f, run, self.extent, RUN, lambda _, count: self._scans(pointers, count))

    def _scans(self, pointers: list[str], count: int) -> None:
        """`count` scans side by side."""
        f, spec = self.f, self.spec
        starts = range(0, count, self.lanes)
        states = []
        for start in starts:
            state = self._input(pointers, 0, start, count)
            self._keep(pointers, state, start, count)
            states.append(f.alloca(state.type))
            f.do(f"store {state.type} {state.text}, ptr {states[-1]}, align 64")
        with f.loop(1, spec.shape[-1], unroll=False) as i:
            here = moved(f, pointers, self.accesses, len(spec.shape) - 1, i)
            for start, at in zip(starts, states, strict=True):
                before = state._replace(text=f.emit(f"load {state.type}, ptr {at}, align 64"))
                after = self._step(here, before, start, count)
                f.do(f"store {after.type} {after.text}, ptr {at}, align 64")
                self._keep(here, after, start, count)

    def _step(self, pointers: list[str], before: Val, start: int, count: int) -> Val:
        """s·a + b, s + b or s·a."""
        f, dtype = self.f, self.spec.output.dtype
        x = self._input(pointers, 0, start, count)
        if self.spec.name != "recurrence":
            return pointwise.emit(f, "add" if self.spec.name == "sum" else "multiply", [before, x], dtype, {})
        a = self._input(pointers, 1, start, count)
        return pointwise.emit(f, "add", [pointwise.emit(f, "multiply", [a, before], dtype, {}), x], dtype, {})

    def _input(self, pointers: list[str], number: int, start: int, count: int) -> Val:
        dtype = self.spec.output.dtype
        at = advance(self.f, pointers[number], dtype, start)
        return load(self.f, at, dtype, 1, self.lanes, min(self.lanes, count - start))

    def _keep(self, pointers: list[str], state: Val, start: int, count: int) -> None:
        at = advance(self.f, pointers[-1], state.dtype, start)
        store(self.f, state, at, 1, min(self.lanes, count - start))
