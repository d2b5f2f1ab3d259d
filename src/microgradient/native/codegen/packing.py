"""Copies of what the tiles of a block share, where it lies close together: panels of b, and rows of a that are read across."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from . import vectors
from .index_arithmetic import Index, IndexArithmetic
from .ir import Val
from .registers import Register
from .tiling import COLLIDING, Cut, Nest, Sizes, Tile, line


class Vector(NamedTuple):
    """A vector of a tile: its first column in the tile, its lanes, and how many of them exist."""

    at: int
    lanes: int
    active: int


class Panel(NamedTuple):
    """The columns that tiles are working on: the first one, their vectors, and where b's numbers for them begin and how
    far apart they lie, and their dtype."""

    column: Index
    vectors: list[Vector]
    b: str = ""
    b_depth: Sizes = ()
    dtype: str = ""
    whole: bool = False  # all lanes of b's vectors may be read


class Lines(NamedTuple):
    """Where the numbers of a tile's rows begin, and how far apart they lie in the depth, and from row to row if all alike, and
    their dtype."""

    rows: list[str]
    depth: Sizes
    stride: int
    dtype: str

    @property
    def reads_across(self) -> bool:
        """Whether each step of the depth is in another line of memory, far from the last one."""
        return self.stride == 1 and bool(self.depth) and self.depth[-1] * int(self.dtype[1:]) >= COLLIDING


class Packing(IndexArithmetic):
    """The copies of one kernel, for the part `depth_range` of the depth at hand, `depth_step` steps of it at a time (0: all).

    `copied` are the panels, `whole_block` all of a block before the first is used; `rows_copied` are the rows.
    """

    nest: Nest
    cut: Cut
    tile: Tile
    row_count: int
    dtype: str  # of the sums and of all copies
    a_dtype: str
    b_dtype: str
    type: str
    a: str
    b: str
    a_offset: Index
    b_offset: Index
    depth_step: int
    depth_range: tuple[Index, Index]
    copied: bool
    whole_block: bool
    rows_copied: bool
    copy: str  # the memory, "" before the first copy
    rows_copy: str

    def with_b(self, column: Index, panel: Panel) -> Panel:
        """Where the panel's part of b is; copied to where its lines lie next to each other if they are far apart."""
        if not self.copied:
            b = self.at(self.b, self.add(self.b_offset, panel.column), self.b_dtype)
            return panel._replace(b=b, b_depth=self.nest.b_depth, dtype=self.b_dtype)
        if not self.whole_block:
            with self.lines_of_b() as steps:
                self.copy_line(panel.column, panel, steps)
        copy, strides = self.copied_panel(column if self.whole_block else panel.column, panel)
        return panel._replace(b=copy, b_depth=strides, dtype=self.dtype, whole=True)

    @contextmanager
    def lines_of_b(self) -> Iterator[list[Index]]:
        """The loops over the part of the depth that is copied."""
        if not self.copy:
            columns = line(self.cut, self.tile) if self.whole_block else self.tile.vectors * self.tile.lanes
            self.copy = self.f.alloca(self.type, self.part() * columns)
        with ExitStack() as loops:
            steps: list[Index] = [loops.enter_context(self.f.loop(*self.depth_range, unroll=False))]
            steps += [loops.enter_context(self.f.loop(0, size, unroll=False)) for size in self.nest.depth[1:]]
            yield steps

    def copy_line(self, column: Index, panel: Panel, steps: list[Index]) -> None:
        """One step of the depth of a panel, of a block of panels that begins at `column`."""
        f = self.f
        b = self.at(self.b, self.add(self.b_offset, panel.column), self.b_dtype)
        source = self.at(b, self.offset(steps, self.nest.b_depth), self.b_dtype)
        copy, strides = self.copied_panel(column, panel)
        target = self.at(copy, self.offset(steps, strides), self.dtype)
        for v in panel.vectors:
            value = vectors.load(f, self.at(source, v.at, self.b_dtype), self.b_dtype, 1, v.lanes, v.active)
            vectors.store(f, self.widened(value), self.at(target, v.at, self.dtype), 1)

    def copied_panel(self, column: Index, panel: Panel) -> tuple[str, Sizes]:
        """Where the copy of a panel would begin at step 0 of the depth, and its strides."""
        line = sum(v.lanes for v in panel.vectors)
        strides = self.packed(line)
        start = self.add(
            self.times(self.less(panel.column, column), self.part()), self.times(self.depth_range[0], -strides[0])
        )
        return self.at(self.copy, start, self.dtype), strides

    def copy_rows(self, row: Index) -> None:
        """Copy the block's rows of `a`, over the part of the depth at hand: tile after tile, and in each step after step."""
        f, nest = self.f, self.nest
        if not self.rows_copy:
            self.rows_copy = f.alloca(self.type, self.part() * self.cut.row_block)
        with ExitStack() as loops:
            steps: list[Index] = [loops.enter_context(f.loop(*self.depth_range, unroll=False))]
            steps += [loops.enter_context(f.loop(0, size, unroll=False)) for size in nest.depth[1:]]
            line = self.at(self.a, self.add(self.a_offset, self.offset(steps, nest.a_depth)), self.a_dtype)
            for row_start, height, tiles in self.steps(row, self.row_count, self.cut.row_block, self.tile.rows):
                with tiles as row_first:
                    first = row_start if row_first is None else row_first
                    source = self.at(line, self.offset(self.split(first, nest.rows), nest.a_rows), self.a_dtype)
                    target = self.copied_lines(row, first, height)
                    place = self.at(target.rows[0], self.offset(steps, target.depth), self.dtype)
                    for at, lanes in _halves(height):
                        value = vectors.load(f, self.at(source, at, self.a_dtype), self.a_dtype, 1, lanes)
                        vectors.store(f, self.widened(value), self.at(place, at, self.dtype), 1)

    def copied_lines(self, row: Index, first: Index, height: int) -> Lines:
        """Where the copy of a tile is, of the block that begins at `row`."""
        strides = self.packed(height)
        start = self.add(self.times(self.less(first, row), self.part()), self.times(self.depth_range[0], -strides[0]))
        return Lines([self.at(self.rows_copy, start, self.dtype)], strides, 1, self.dtype)

    def widened(self, value: Val) -> Val:
        """What was read, in the dtype of the sums."""
        return Register(self.f, value).to(self.dtype).val

    def packed(self, line: int) -> Sizes:
        """The strides of the depth where each step has `line` numbers."""
        depth = self.nest.depth
        return tuple(line * math.prod(depth[d + 1 :]) for d in range(len(depth)))

    def part(self) -> int:
        """How many steps of the depth are copied at a time."""
        return (self.depth_step or self.nest.depth[0]) * math.prod(self.nest.depth[1:])


def _halves(height: int) -> list[tuple[int, int]]:
    """So many rows as runs whose lengths are powers of two: (first, how many)."""
    found, at = [], 0
    while at < height:
        lanes = 1 << (height - at).bit_length() - 1
        found.append((at, lanes))
        at += lanes
    return found
