"""Machine code of a FlatKernel: one loop over the entries, whose number is known only when it runs.

A piece is a block of entries. What depends on no array is computed once; the last vectors have a mask.
"""

from __future__ import annotations

from ..plan.kernel import FlatKernel, RowKernel
from .emitter import Emitter
from .ir import Function, Val
from .loop_plan import normalise, plan_loops, work
from .registers import Register
from .vectors import counting

_ENDLESS = 1 << 40


def pieces(spec: FlatKernel, n: int) -> int:
    """How many blocks n entries are cut into."""
    return -(-n // _block(spec))


def _block(spec: FlatKernel) -> int:
    """How many entries a piece has: a power of two, fewer the more there is to compute for each."""
    heavy = work(_as_rows(spec, 1))
    return 16384 if heavy <= 4 else 8192 if heavy <= 12 else 4096 if heavy <= 60 else 2048


def _as_rows(spec: FlatKernel, n: int) -> RowKernel:
    return RowKernel((n,), 1, 0, spec.loads, spec.ops, spec.stores)


def write(f: Function, spec: FlatKernel, vector_bits: int) -> None:
    """Write the kernel into `f`."""
    made = plan_loops(normalise(_as_rows(spec, _ENDLESS)), vector_bits)
    count = len(spec.loads) + len(spec.stores)
    emitter = Emitter(f, made, count + 1)
    n = f.load_argument(count, "i64")
    context = emitter.root()
    emitter.compute(context, [v for v in made.points if made.levels[v] == 0])
    block, lanes = _block(spec), made.lanes
    first = f.emit(f"mul nsw i64 %begin, {block}")
    end = f.emit(f"mul nsw i64 %end, {block}")
    less = f.emit(f"icmp slt i64 {end}, {n}")
    end = f.emit(f"select i1 {less}, i64 {end}, i64 {n}")

    def step(start: str, vectors: int, last: int | str) -> None:
        here = emitter.enter_vectors(context, start, vectors, last)
        emitter.compute(here, made.points)
        for k in made.point_stores:
            emitter.store(here, k)

    size = made.unroll * lanes  # a power of two
    whole = f.emit(f"and i64 {f.emit(f'sub nsw i64 {end}, {first}')}, {-size}")
    rest = f.emit(f"add nsw i64 {first}, {whole}")
    with f.loop(first, rest, size, unroll=False) as i:
        step(i, made.unroll, lanes)
    with f.loop(rest, end, lanes, unroll=False) as i:
        left = Register(f, Val(f.emit(f"sub nsw i64 {end}, {i}"), "i8", 1))
        step(i, 1, (Register(f, counting(lanes)) < left).text)
