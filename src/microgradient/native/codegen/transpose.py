"""Machine code of a copy that transposes: read along one loop, written along another, in square blocks kept in registers.

A block of 16 × 16 numbers of 4 bytes (for vectors of 512 bits) is read as 16 vectors, transposed by shuffles and written as 16
vectors, so that both sides see whole cache lines. Blocks at the edges have masks.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..plan.kernel import Access, RowKernel
from .ir import Function, Val
from .vectors import advance, itemsize, load, moved, shuffle, store, times


class BlockTranspose(NamedTuple):
    """A copy from array number `source` of args to number `target`. The first of `accesses`, to what is read, has stride 1 along
    the loop `across`, the second along the loop `along`. A row of a block has `side` numbers."""

    shape: tuple[int, ...]
    source: int
    target: int
    accesses: tuple[Access, Access]  # of the array that is read, and of the one that is written
    across: int
    along: int
    side: int


def recognise(kernel: RowKernel, vector_bits: int) -> BlockTranspose | None:
    """The kernel as a transposing copy, if that is all it does."""
    if kernel.ops or len(kernel.stores) != 1 or kernel.kept != len(kernel.shape):
        return None
    source, written = kernel.stores[0]
    read = kernel.loads[source]
    if written.dtype != read.dtype or itemsize(read.dtype) not in (4, 8):
        return None
    loops = range(len(kernel.shape))
    across = [d for d in loops if read.strides[d] == 1 and written.strides[d] not in (0, 1)]
    along = [d for d in loops if written.strides[d] == 1 and read.strides[d] not in (0, 1)]
    if not across or not along or min(kernel.shape[across[0]], kernel.shape[along[0]]) < 4:
        return None
    side = vector_bits // 8 // itemsize(read.dtype)
    return BlockTranspose(kernel.shape, source, len(kernel.loads), (read, written), across[0], along[0], side)


def write(f: Function, copy: BlockTranspose, pieces: int) -> None:
    """Write the kernel into `f`. Its units are the strips of blocks that lie along the written rows."""
    others = [d for d in range(len(copy.shape)) if d not in (copy.across, copy.along)]
    strips = -(-copy.shape[copy.across] // copy.side)
    total = strips * math.prod(copy.shape[d] for d in others)
    arrays = [f.load_argument(copy.source), f.load_argument(copy.target)]
    first, end = (f.emit(f"udiv i64 {times(f, x, total)}, {pieces}") for x in ("%begin", "%end"))
    with f.loop(first, end, unroll=False) as unit:
        strip = f.emit(f"urem i64 {unit}, {strips}")
        rest = f.emit(f"udiv i64 {unit}, {strips}")
        here = moved(f, arrays, copy.accesses, copy.across, times(f, strip, copy.side))
        for d in reversed(others):
            here = moved(f, here, copy.accesses, d, f.emit(f"urem i64 {rest}, {copy.shape[d]}"))
            rest = f.emit(f"udiv i64 {rest}, {copy.shape[d]}")
        edge = copy.shape[copy.across] % copy.side
        if not edge:
            _strip(f, copy, here, copy.side)
        elif strips == 1:
            _strip(f, copy, here, edge)
        else:
            whole = f.emit(f"icmp slt i64 {strip}, {strips - 1}")
            f.choose(whole, lambda: _strip(f, copy, here, copy.side), lambda: _strip(f, copy, here, edge))


def _strip(f: Function, copy: BlockTranspose, arrays: list[str], columns: int) -> None:
    """Blocks one after the other along the written rows."""
    whole, edge = divmod(copy.shape[copy.along], copy.side)
    if whole:
        with f.loop(0, whole, unroll=False) as number:
            here = moved(f, arrays, copy.accesses, copy.along, times(f, number, copy.side))
            _block(f, copy, here, copy.side, columns)
    if edge:
        _block(f, copy, moved(f, arrays, copy.accesses, copy.along, whole * copy.side), edge, columns)


def _block(f: Function, copy: BlockTranspose, arrays: list[str], rows: int, columns: int) -> None:
    """Read `rows` vectors of `columns` numbers, write `columns` vectors of `rows` numbers."""
    dtype, side = copy.accesses[0].dtype, copy.side
    vectors = []
    for r in range(rows):
        at = advance(f, arrays[0], dtype, r * copy.accesses[0].strides[copy.along])
        vectors.append(load(f, at, dtype, 1, side, columns))
    for c, column in enumerate(transposed(f, vectors)[:columns]):
        at = advance(f, arrays[1], dtype, c * copy.accesses[1].strides[copy.across])
        store(f, column, at, 1, rows)


def transposed(f: Function, rows: list[Val]) -> list[Val]:
    """The columns of a square of vectors whose last rows may be missing: they are 0."""
    first = rows[0]
    texts = [row.text for row in rows] + ["zeroinitializer"] * (first.lanes - len(rows))
    return [first._replace(text=text) for text in _columns(f, texts, first.type, 16 // itemsize(first.dtype))]


def _columns(f: Function, rows: list[str], type_: str, quarter: int) -> list[str]:
    """`quarter` × `quarter` squares copy within the processor's 128-bit lanes first, then these lanes among each other."""
    side = len(rows)
    lanes = range(0, side, quarter)

    def both(a: str, b: str, low: list[int]) -> list[str]:
        return [shuffle(f, a, b, type_, low), shuffle(f, a, b, type_, [i + (1 if quarter == 2 else 2) for i in low])]

    done: list[list[str]] = []  # by group of rows: its columns 0, 1, … of each lane
    for first in range(0, side, quarter):
        group = rows[first : first + quarter]
        if quarter == 2:
            done.append(both(group[0], group[1], [i for at in lanes for i in (at, side + at)]))
            continue
        mixed = [i for at in lanes for i in (at, side + at, at + 1, side + at + 1)]
        (a, b), (c, d) = both(group[0], group[1], mixed), both(group[2], group[3], mixed)
        halves = [i for at in lanes for i in (at, at + 1, side + at, side + at + 1)]
        done.append(both(a, c, halves) + both(b, d, halves))
    columns = [[group[k] for group in done] for k in range(quarter)]
    squares = [_lanes_transposed(f, column, type_, quarter) for column in columns]
    return [squares[k][lane] for lane in range(side // quarter) for k in range(quarter)]


def _lanes_transposed(f: Function, rows: list[str], type_: str, quarter: int) -> list[str]:
    """The same for 128-bit lanes taken as single entries: as often as needed, even ones and odd ones of each two rows."""
    count = len(rows)
    even = [at + i for at in range(0, 2 * count * quarter, 2 * quarter) for i in range(quarter)]
    odd = [i + quarter for i in even]
    for _ in range(count.bit_length() - 1):
        pairs = list(zip(rows[::2], rows[1::2], strict=True))
        rows = [shuffle(f, a, b, type_, half) for half in (even, odd) for a, b in pairs]
    return rows
