"""How a contraction is cut: loops merged, work cut into pieces and blocks, and the register tile that wastes least."""

from __future__ import annotations

import math
import platform
from typing import NamedTuple

from ..plan.kernel import ContractionKernel

Sizes = tuple[int, ...]


SHORT = 8
"""A depth loop shorter than this is walked together with those around it, by a table of offsets."""
LONGEST_TABLE = 4096
LONG = 512
"""From here on a depth is long, and done in parts."""
DEPTH_PART = 256
"""About so many steps of the depth are done at a time, if it is long."""
PAGE, COLLIDING = 4096, 512
"""Bytes between lines: on different pages, and in the same few places of the first cache."""
AHEAD = 32
"""Steps of the depth by which rows that are read across are fetched before their use."""
MANY = 10
"""Tiles of rows that make up for work on what they share."""
LARGEST_COPY, LARGEST_BLOCK, LARGEST_STACK = 1 << 17, 1 << 18, 7 << 16
"""Bytes on the stack, for a panel of b, for the partial sums of a block, and in all. A thread may have 512 KiB."""


SQUARE = 1 << 12
"""Results that a block has at least, if the depth is long: the fewer, the more often what they share is read and copied."""


class Nest(NamedTuple):
    """The loops of a contraction after merging; the columns are one loop. Each operand's strides stand per group of loops.

    `others` are the loads, then the stores: (batch strides, row strides, column stride).
    """

    batch: Sizes
    rows: Sizes
    columns: int
    depth: Sizes
    a_batch: Sizes
    a_rows: Sizes
    a_depth: Sizes
    b_batch: Sizes
    b_depth: Sizes
    others: tuple[tuple[Sizes, Sizes, int], ...]
    swapped: bool  # a and b have changed places


class Cut(NamedTuple):
    """Pieces = ⌈batch / batch_block⌉ × ⌈rows / row_block⌉ × ⌈columns / column_block⌉, the rows counted innermost."""

    batch_block: int
    row_block: int
    column_block: int


class Tile(NamedTuple):
    """A register tile: rows × vectors of `lanes` columns."""

    rows: int
    vectors: int
    lanes: int


def normalise(spec: ContractionKernel) -> Nest:
    """Merge loops that every operand walks as one, drop those of size 1, and turn all columns but the last into batch loops."""
    nb, nr, nc = len(spec.batch), len(spec.rows), len(spec.columns)
    a, b = spec.a.strides, spec.b.strides
    others = [access.strides for access in (*spec.loads, *(where for _, where in spec.stores))]
    if not all(len(s) == nb + nr + nc for s in others) or len(a) != nb + nr + len(spec.depth):
        raise ValueError(f"strides of a contraction don't fit its loops: {spec}")
    rows, columns = spec.rows, spec.columns
    a_rows, b_columns, a_columns, b_rows = a[nb : nb + nr], b[nb : nb + nc], (0,) * nc, (0,) * nr
    o_rows, o_columns = [s[nb : nb + nr] for s in others], [s[nb + nr :] for s in others]
    swapped = math.prod(columns) == 1 and nr > 0 and math.prod(rows) > 1 and a_rows[-1] == 1
    if swapped:  # a matrix times a vector: the rows become the columns
        rows, columns, o_rows, o_columns, nc = columns, rows, o_columns, o_rows, nr
        a_rows, a_columns, b_rows, b_columns = b_columns, b_rows, a_columns, a_rows
        a, b = b, a
    batch = spec.batch + columns[:-1]
    a_all, b_all = a[:nb] + a_columns[:-1], b[:nb] + b_columns[:-1]
    o_batch = [s[:nb] + c[:-1] for s, c in zip(others, o_columns, strict=True)]
    batch, (a_batch, b_batch, *o_batch) = merge(batch, [a_all, b_all, *o_batch])
    rows, (a_rows, *o_rows) = merge(rows, [a_rows, *o_rows])
    depth, (a_depth, b_depth) = merge(spec.depth, [a[len(a) - len(spec.depth) :], b[len(b) - len(spec.depth) :]])
    column_strides = [c[-1] if c else 0 for c in o_columns]
    if columns and columns[-1] > 1 and 0 not in depth and b_columns[-1] != 1:
        raise ValueError(f"the last column of b must have stride 1: {spec}")
    return Nest(
        batch, rows, columns[-1] if columns else 1, depth, a_batch, a_rows, a_depth, b_batch, b_depth,
        tuple(zip(o_batch, o_rows, column_strides, strict=True)), swapped,
    )  # fmt: skip


def merge(sizes: Sizes, operands: list[Sizes]) -> tuple[Sizes, list[Sizes]]:
    """Neighbouring loops become one where, in each operand, the outer stride is the inner size times the inner stride.

    >>> merge((2, 1, 3, 4), [(12, 7, 4, 1), (24, 0, 8, 2)])
    ((24,), [(1,), (2,)])
    """
    loops: list[tuple[int, tuple[int, ...]]] = []
    for d, size in enumerate(sizes):
        if size == 1:
            continue
        strides = tuple([s[d] for s in operands])
        if loops and all(outer == size * inner for outer, inner in zip(loops[-1][1], strides, strict=True)):
            loops[-1] = (loops[-1][0] * size, strides)
        else:
            loops.append((size, strides))
    return tuple([n for n, _ in loops]), [tuple([s[k] for _, s in loops]) for k in range(len(operands))]


def cut(nest: Nest) -> Cut:
    """Pieces of like size, about √(work / 100 kFLOP) of them: 4 for 1.6 MFLOP, 16 for 25, at most 64."""
    batch, rows, columns = math.prod(nest.batch), math.prod(nest.rows), nest.columns
    depth = math.prod(nest.depth)
    work = 2.0 * batch * rows * columns * max(depth, 1)
    target = int(max(1, min(64, math.sqrt(work / 1e5))))
    if depth >= LONG:
        target = min(target, max(4, batch * rows * columns // SQUARE))
        target = max(target, batch * rows * columns * 8 // LARGEST_BLOCK // 2)
    target = 1 << (target.bit_length() - 1)  # a power of two: whole shares for 2, 4, 8 … threads
    if batch >= target:
        return Cut(-(-batch // target), rows, columns)
    best, best_cost = Cut(1, rows, columns), math.inf
    for across_rows, row_block in _row_blocks(nest.rows, 2 * target):
        for across_columns, column_block in _column_blocks(columns, 2 * target):
            count = batch * across_rows * across_columns
            if count > 2 * target:
                continue
            # the last block is smaller
            wasted = across_rows * row_block * across_columns * column_block / (rows * columns) - 1
            operands = 2 / row_block + 2 / column_block  # reading b once for each block of rows, and a of columns
            distance = abs(math.log2(count / target)) + 0.3 * (count % min(target, 4) != 0)
            narrow = 0.3 * (row_block < 8 and across_rows > 1)
            cost = wasted + operands + 0.2 * distance + narrow
            if cost < best_cost:
                best, best_cost = Cut(1, row_block, column_block), cost
    return best


def _row_blocks(rows: Sizes, most: int) -> list[tuple[int, int]]:
    """Ways to cut the rows: (number of blocks, size of a block). Blocks are equal, or multiples of 24 rows; where the rows are
    several loops, whole runs of the innermost one or equal parts of a run, so that a tile's rows can lie at one distance."""
    size, inner = math.prod(rows), rows[-1] if len(rows) > 1 else 1
    ways = {1: size}
    for count in range(2, min(size, most) + 1):
        block = -(-size // count)
        if size % count or (block % inner and inner % block):
            multiple = inner if block > inner > 1 else 24
            block = -(-block // multiple) * multiple
        if size % block == 0 or -(-size // block) not in ways:
            ways[-(-size // block)] = block
    return list(ways.items())


def _column_blocks(columns: int, most: int) -> list[tuple[int, int]]:
    """Ways to cut the columns: (number of blocks, size of a block); multiples of 32."""
    ways = {1: columns}
    for count in range(2, most + 1):
        block = -(-columns // (32 * count)) * 32
        ways[-(-columns // block)] = min(block, columns)
    return list(ways.items())


def choose_tile(nest: Nest, sizes: Cut, lanes: int, registers: int) -> Tile:
    """The tile with the lowest estimated time over whole and remaining tiles of all blocks."""
    lanes = min(lanes, power_of_two(nest.columns))
    depth = max(1, math.prod(nest.depth))
    row_blocks = _distinct(math.prod(nest.rows), sizes.row_block)
    column_blocks = _distinct(nest.columns, sizes.column_block)
    best, best_cost = Tile(1, 1, lanes), math.inf
    for vectors in range(1, 9):
        if vectors > -(-sizes.column_block // lanes):
            break
        for rows in range(1, 33):
            if rows * vectors + vectors + (vectors > 1) > registers - 1 and rows * vectors > 1:
                break
            if rows > sizes.row_block or (rows > 12 and not is_regular(nest, sizes, rows)):
                continue
            cost, variants, regular = 0.0, set(), is_regular(nest, sizes, rows)
            for height, height_count in _tiles(row_blocks, rows):
                for width, width_count in _tiles(column_blocks, vectors * lanes):
                    variants.add((height, width))
                    cost += height_count * width_count * _time(height, -(-width // lanes), depth, regular)
            if rows > 8 and nest.rows and nest.a_rows[-1] % 1024 == 0 and len(nest.depth) == 1:
                cost *= 1.1  # the rows' lines fall on the same 8 places of the first cache
            cost *= 1 + 0.02 * len(variants)
            if cost < best_cost:
                best, best_cost = Tile(rows, vectors, lanes), cost
    return best


def is_regular(nest: Nest, sizes: Cut, rows: int) -> bool:
    """Whether the rows of each tile of so many rows lie at one distance in memory."""
    return len(nest.rows) < 2 or (nest.rows[-1] % rows == 0 and sizes.row_block % rows == 0)


def innermost(depth: Sizes) -> int:
    """The depth loops from this number on are walked as one, by a table of offsets: a very short one isn't worth a loop."""
    inner = max(len(depth) - 1, 0)
    while inner > 0 and math.prod(depth[inner:]) < SHORT and math.prod(depth[inner - 1 :]) <= LONGEST_TABLE:
        inner -= 1
    return inner


def depth_step(nest: Nest, sizes: Cut, tile: Tile, width: int) -> int:
    """How many steps of the outermost depth loop are done at a time for all tiles of a block, its sums waiting in memory; 0: all
    of them. A long depth is divided so that what the tiles share stays in the caches."""
    depth = math.prod(nest.depth)
    block = sizes.row_block * -(-sizes.column_block // tile.lanes) * tile.lanes * width
    if depth < LONG or block > LARGEST_BLOCK or sizes.row_block < MANY * tile.rows:
        return 0
    if len(nest.depth) > 1 and innermost(nest.depth) == 0:
        return 0
    inner = math.prod(nest.depth[1:])
    parts = -(-depth // DEPTH_PART)
    step = -(-nest.depth[0] // parts)
    if inner == 1:
        step = -(-step // 16) * 16
    return step if step * inner <= 2 * DEPTH_PART else 0


def copies_panels(nest: Nest, sizes: Cut, tile: Tile, width: int, step: int) -> bool:
    """Whether panels of b are copied before use: their lines are so far apart that they don't stay in the caches, and there are
    enough rows to make up for it. `step` is that of the depth."""
    depth = math.prod(nest.depth)
    at_once = step * math.prod(nest.depth[1:]) if step else depth
    if depth < 64 or at_once * tile.vectors * tile.lanes * width > LARGEST_COPY:
        return False
    line = nest.b_depth[-1] * width
    if line >= PAGE:
        return sizes.row_block >= 6 * tile.rows
    return line >= COLLIDING and line % COLLIDING == 0 and sizes.row_block >= MANY * tile.rows


def copies_block(nest: Nest, sizes: Cut, tile: Tile, width: int, step: int) -> bool:
    """Whether all panels of a block are copied before the first is used, line by line of b, and not each before its use."""
    at_once = (step or math.prod(nest.depth[:1])) * math.prod(nest.depth[1:])
    return sizes.column_block > tile.vectors * tile.lanes and at_once * line(sizes, tile) * width <= LARGEST_COPY


def line(sizes: Cut, tile: Tile) -> int:
    """How many columns whole panels of a block have."""
    panel = tile.vectors * tile.lanes
    return -(-sizes.column_block // panel) * panel


def copies_rows(nest: Nest, sizes: Cut, tile: Tile, width: int, step: int) -> bool:
    """Whether the rows of a block are copied, tile by tile, before its panels of columns use them: `a` is read across, so that
    each step of the depth is in another line of memory, and there are several panels. `step` is that of the depth."""
    at_once = (step or math.prod(nest.depth[:1])) * math.prod(nest.depth[1:])
    if not nest.rows or nest.a_rows[-1] != 1 or tile.rows < 2 or not is_regular(nest, sizes, tile.rows):
        return False
    columns = line(sizes, tile)
    taken = min(LARGEST_COPY, at_once * columns * width) + (sizes.row_block * columns * width if step else 0)
    if taken + at_once * sizes.row_block * width > LARGEST_STACK or math.prod(nest.depth) < 64:
        return False
    return nest.a_depth[-1] * width >= 512 and sizes.column_block > tile.vectors * tile.lanes


def _time(rows: int, vectors: int, depth: int, regular: bool) -> float:
    """Cycles of a tile: a multiply-add or a load each cycle, at least 8 accumulators to hide the latency of one."""
    step = max(rows * vectors, 1.15 * (rows + vectors), 8.5) + 0.3 * vectors + 0.05 * rows
    return depth * step * (1 if regular else 1.04) + 3 * rows * vectors + 20 + (0 if regular else 15 * rows)


def _distinct(size: int, block: int) -> list[tuple[int, int]]:
    """The blocks that a loop is cut into: (size, how many)."""
    whole, rest = divmod(size, block)
    return [(block, whole)] * (whole > 0) + [(rest, 1)] * (rest > 0)


def _tiles(blocks: list[tuple[int, int]], step: int) -> list[tuple[int, int]]:
    """The tiles of `step` and of the remainders in these blocks: (size, how many)."""
    found: dict[int, int] = {}
    for size, count in blocks:
        for tile, times in _distinct(size, step):
            found[tile] = found.get(tile, 0) + times * count
    return list(found.items())


def power_of_two(n: int) -> int:
    """The smallest power of two that is at least n."""
    return 1 << max(0, n - 1).bit_length()


def vector_registers(vector_bits: int) -> int:
    """How many vector registers the processor has: 32 with AVX-512 and on ARM, else 16."""
    return 32 if vector_bits >= 512 or platform.machine().lower() in ("aarch64", "arm64") else 16
