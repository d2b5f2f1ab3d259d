"""Machine code of a copy that turns the array: read along one loop, written along another, in square blocks kept in registers.

A block of 16 × 16 numbers of 4 bytes (for vectors of 512 bits) is read as 16 vectors, transposed by shuffles and written as 16
vectors, so that both sides see whole cache lines. Blocks at the edges have masks.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..plan.kernel import Access, RowKernel
from .emitter import Index
from .ir import Function, Val
from .vectors import advance, itemsize, load, shuffle, store, times


class Turn(NamedTuple):
    """A copy from array number `source` of args, laid out as `read`, which has stride 1 along the loop `across`, to number
    `target`, laid out as `written`, which has stride 1 along the loop `along`. A row of a block has `side` numbers."""

    shape: tuple[int, ...]
    source: int
    target: int
    read: Access
    written: Access
    across: int
    along: int
    side: int


def recognise(kernel: RowKernel, vector_bits: int) -> Turn | None:
    """The kernel as a turning copy, if that is all it does."""
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
    return Turn(kernel.shape, source, len(kernel.loads), read, written, across[0], along[0], side)


def write(f: Function, turn: Turn, pieces: int) -> None:
    """Write the kernel into `f`. Its units are the strips of blocks that lie along the written rows."""
    others = [d for d in range(len(turn.shape)) if d not in (turn.across, turn.along)]
    strips = -(-turn.shape[turn.across] // turn.side)
    total = strips * math.prod(turn.shape[d] for d in others)
    arrays = f.load_argument(turn.source), f.load_argument(turn.target)
    first, end = (f.emit(f"udiv i64 {times(f, x, total)}, {pieces}") for x in ("%begin", "%end"))
    with f.loop(first, end, unroll=False) as unit:
        strip = f.emit(f"urem i64 {unit}, {strips}")
        rest = f.emit(f"udiv i64 {unit}, {strips}")
        here = _moved(f, turn, arrays, turn.across, times(f, strip, turn.side))
        for d in reversed(others):
            here = _moved(f, turn, here, d, f.emit(f"urem i64 {rest}, {turn.shape[d]}"))
            rest = f.emit(f"udiv i64 {rest}, {turn.shape[d]}")
        edge = turn.shape[turn.across] % turn.side
        if not edge:
            _strip(f, turn, here, turn.side)
        elif strips == 1:
            _strip(f, turn, here, edge)
        else:
            whole = f.emit(f"icmp slt i64 {strip}, {strips - 1}")
            f.choose(whole, lambda: _strip(f, turn, here, turn.side), lambda: _strip(f, turn, here, edge))


def _moved(f: Function, turn: Turn, arrays: tuple[str, str], loop: int, index: Index) -> tuple[str, str]:
    """The addresses in both arrays at one step of a loop."""
    source = advance(f, arrays[0], turn.read.dtype, times(f, index, turn.read.strides[loop]))
    target = advance(f, arrays[1], turn.read.dtype, times(f, index, turn.written.strides[loop]))
    return source, target


def _strip(f: Function, turn: Turn, arrays: tuple[str, str], columns: int) -> None:
    """Blocks one after the other along the written rows."""
    whole, edge = divmod(turn.shape[turn.along], turn.side)
    if whole:
        with f.loop(0, whole, unroll=False) as number:
            here = _moved(f, turn, arrays, turn.along, times(f, number, turn.side))
            _block(f, turn, here, turn.side, columns)
    if edge:
        _block(f, turn, _moved(f, turn, arrays, turn.along, whole * turn.side), edge, columns)


def _block(f: Function, turn: Turn, arrays: tuple[str, str], rows: int, columns: int) -> None:
    """Read `rows` vectors of `columns` numbers, write `columns` vectors of `rows` numbers."""
    dtype, side = turn.read.dtype, turn.side
    vectors = []
    for r in range(rows):
        at = advance(f, arrays[0], dtype, r * turn.read.strides[turn.along])
        vectors.append(load(f, at, dtype, 1, side, columns))
    for c, column in enumerate(transposed(f, vectors)[:columns]):
        at = advance(f, arrays[1], dtype, c * turn.written.strides[turn.across])
        store(f, column, at, 1, rows)


def transposed(f: Function, rows: list[Val]) -> list[Val]:
    """The columns of a square of vectors whose last rows may be missing: they are 0."""
    first = rows[0]
    texts = [row.text for row in rows] + ["zeroinitializer"] * (first.lanes - len(rows))
    return [first._replace(text=text) for text in _columns(f, texts, first.type, 16 // itemsize(first.dtype))]


def _columns(f: Function, rows: list[str], type_: str, quarter: int) -> list[str]:
    """`quarter` × `quarter` squares turn within the processor's 128-bit lanes first, then these lanes among each other."""
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
