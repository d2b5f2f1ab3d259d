"""A square of numbers in vectors, transposed by shuffles."""

from __future__ import annotations

from .ir import Function, Val
from .vectors import itemsize, shuffle


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
