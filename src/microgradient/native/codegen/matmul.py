"""Machine code of a ContractionKernel: register tiles over rows × vectors of columns, an innermost loop over the depth.

For each piece, for each panel of columns, for each tile of rows: the accumulators stay in registers while the depth is walked
(each step reads one number of `a` per row and one vector of `b` per column vector), then the epilogue runs on the tile's rows
and stores them. All sizes are known, so the tiles at the edges are code of their own with constant masks. Each sum is
added up in the same order whatever the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple

from ..plan.kernel import Access, ContractionKernel
from . import pointwise, vectors
from .index_arithmetic import Index
from .ir import TYPES, Function, Val, vector
from .loop_plan import CHEAP
from .packing import Lines, Packing, Panel, Vector
from .pairs import products_of_pairs
from .registers import Register
from .tiling import (
    AHEAD,
    Cut,
    Nest,
    Sizes,
    Tile,
    choose_tile,
    copies_block,
    copies_panels,
    copies_rows,
    cut,
    depth_step,
    innermost,
    is_regular,
    normalise,
    power_of_two,
    vector_registers,
)

DIRECT = 200
"""An epilogue of at most so many cheap vector operations per tile runs on the accumulators themselves."""


def pieces(spec: ContractionKernel) -> int:
    """How many independent pieces the work is cut into; 0 if there is nothing to compute."""
    nest = normalise(spec)
    if _nothing(nest):
        return 0
    sizes = cut(nest)
    return math.prod(_counts(nest, sizes))


def write(f: Function, spec: ContractionKernel, vector_bits: int) -> None:
    """Write the kernel into `f`."""
    nest = normalise(spec)
    if not _nothing(nest):
        _Writer(f, spec, nest, vector_bits).write()


def _nothing(nest: Nest) -> bool:
    return 0 in (*nest.batch, *nest.rows, nest.columns)


def _counts(nest: Nest, sizes: Cut) -> tuple[int, int, int]:
    """Blocks of the batch, of the columns, of the rows."""
    batch, rows = math.prod(nest.batch), math.prod(nest.rows)
    return -(-batch // sizes.batch_block), -(-nest.columns // sizes.column_block), -(-rows // sizes.row_block)


class _Partial(NamedTuple):
    """Sums of a block over a part of the depth, in memory: `line` columns a row, from the block's first row and column on."""

    memory: str
    line: int
    row: Index
    column: Index


class _Writer(Packing):
    """One kernel being written. The pointers are those of the current batch entry."""

    def __init__(self, f: Function, spec: ContractionKernel, nest: Nest, vector_bits: int) -> None:
        self.f, self.spec, self.nest = f, spec, nest
        self.dtype = spec.sums or spec.a.dtype
        self.a_dtype, self.b_dtype = [access.dtype for access in (spec.a, spec.b)][:: -1 if nest.swapped else 1]
        self.type = TYPES[self.dtype]
        self.width = int(self.dtype[1:])
        self.cut = cut(nest)
        lanes = vector_bits // (8 * self.width)
        self.tile: Tile = choose_tile(nest, self.cut, lanes, vector_registers(vector_bits))
        self.regular = is_regular(nest, self.cut, self.tile.rows)
        self.row_count = math.prod(nest.rows)
        self.accesses: list[Access] = [*spec.loads, *(where for _, where in spec.stores)]
        self.others: list[str] = []
        self.a, self.b = (f.load_argument(k) for k in ((1, 0) if nest.swapped else (0, 1)))
        self.a_offset: Index = 0
        self.b_offset: Index = 0
        self.nested = innermost(nest.depth)
        self.depth_step = depth_step(nest, self.cut, self.tile, self.width)
        self.copied = copies_panels(nest, self.cut, self.tile, self.width, self.depth_step)
        self.whole_block = self.copied and copies_block(nest, self.cut, self.tile, self.width, self.depth_step)
        self.copy = ""  # the memory for it
        self.rows_copied = copies_rows(nest, self.cut, self.tile, self.width, self.depth_step)
        self.rows_copy = ""
        self.depth_range: tuple[Index, Index] = 0, math.prod(nest.depth[:1])
        costs = [0 if op.name == "constant" else 1 if op.name in CHEAP else 20 for op in spec.ops]
        self.operations = len(spec.loads) + len(spec.stores) + sum(costs)
        self.row_dependent = self._row_dependent()

    # Pieces, blocks, panels, tiles ----------------------------------------------------------------------------------

    def write(self) -> None:
        """The loop over pieces."""
        f, nest = self.f, self.nest
        pointers = [f.load_argument(2 + k) for k in range(len(self.accesses))]
        _, across_columns, across_rows = _counts(nest, self.cut)
        batch = math.prod(nest.batch)
        with f.loop("%begin", "%end", unroll=False) as piece:
            rest, row_block = self.divide(piece, across_rows)
            batch_block, column_block = self.divide(rest, across_columns)
            row = self.times(row_block, self.cut.row_block)
            column = self.times(column_block, self.cut.column_block)
            start = self.times(batch_block, self.cut.batch_block)
            stop = self.smaller(self.add(start, self.cut.batch_block), batch)
            with self.each(start, stop, 1, batch, self.cut.batch_block) as entry:
                indices = self.split(entry, nest.batch)
                self.a_offset = self.offset(indices, nest.a_batch)
                self.b_offset = self.offset(indices, nest.b_batch)
                self.others = [
                    self.at(pointer, self.offset(indices, strides[0]), access.dtype)
                    for pointer, access, strides in zip(pointers, self.accesses, nest.others, strict=True)
                ]
                self.block(row, column)

    @contextmanager
    def each(self, start: Index, stop: Index, step: int, size: int, block: int) -> Iterator[Index]:
        """A loop, or no loop where there is one step at most."""
        if block == 1 or size == 1:
            yield start
        else:
            with self.f.loop(start, stop, step, unroll=False) as i:
                yield i

    def block(self, row: Index, column: Index) -> None:
        """A block of rows and columns of one batch entry: panels of columns, and in each the tiles of rows."""
        if self.depth_step == 0:
            self.tiles(row, column, ("zero", "products", "epilogue"))
            return
        f, depth = self.f, self.nest.depth[0]
        line = -(-self.cut.column_block // self.tile.lanes) * self.tile.lanes
        memory = f.alloca(self.type, self.cut.row_block * line)
        self.partial = _Partial(memory, line, row, column)
        with f.loop(0, self.cut.row_block * line, self.tile.lanes, unroll=False) as i:
            zero = f"store {vector(self.type, self.tile.lanes)} zeroinitializer"
            f.do(f"{zero}, ptr {self.at(memory, i, self.dtype)}, align {self.width}")
        with f.loop(0, depth, self.depth_step, unroll=False) as start:
            self.depth_range = start, self.smaller(self.add(start, self.depth_step), depth)
            self.tiles(row, column, ("load", "products", "save"))
        self.tiles(row, column, ("load", "epilogue"))

    def tiles(self, row: Index, column: Index, parts: tuple[str, ...]) -> None:
        """Do these parts of the work for all tiles of a block."""
        if self.rows_copied and "products" in parts:
            self.copy_rows(row)
        if self.whole_block and "products" in parts:
            with self.lines_of_b() as steps:
                for first, width in self.panels(column):
                    with first as at:
                        self.copy_line(column, Panel(at, _vectors(width, self.tile.lanes)), steps)
        for first, width in self.panels(column):
            with first as at:
                panel = Panel(self.opaque(at), _vectors(width, self.tile.lanes))
                if "products" in parts:
                    panel = self.with_b(column, panel)
                for row_start, height, tiles in self.steps(row, self.row_count, self.cut.row_block, self.tile.rows):
                    with tiles as row_first:
                        first_row = self.opaque(row_start if row_first is None else row_first)
                        self.one_tile(row, first_row, height, panel, parts)

    def panels(self, column: Index) -> Iterator[tuple[AbstractContextManager[Index], int]]:
        """The panels of a block that begins at `column`: (context with the first column, width) for each kind of panel."""
        step = self.tile.vectors * self.tile.lanes
        for start, width, columns in self.steps(column, self.nest.columns, self.cut.column_block, step):
            yield _first(start, columns), width

    def one_tile(self, block: Index, row: Index, height: int, panel: Panel, parts: tuple[str, ...]) -> None:
        """The sums of one tile: 0 or loaded; products added to them in registers; saved, or through the epilogue."""
        f = self.f
        types = [vector(self.type, v.lanes) for v in panel.vectors]
        sums = [[f.alloca(t) for t in types] for _ in range(height)]
        if "zero" in parts:
            for register, type_ in ((r, t) for line in sums for r, t in zip(line, types, strict=True)):
                f.do(f"store {type_} zeroinitializer, ptr {register}, align 64")
        else:
            self.move(row, sums, panel, to_memory=False)
        indices = [self.split(self.add(row, i), self.nest.rows) for i in range(1 if self.regular else height)]
        if "products" in parts and 0 not in self.nest.depth:
            self.sum_up(self.copied_lines(block, row, height) if self.rows_copied else self.lines(indices), sums, panel)
        if "save" in parts:
            self.move(row, sums, panel, to_memory=True)
        elif height * len(types) * self.operations <= DIRECT or height == 1:
            self.direct_epilogue(height, indices, sums, panel)
        else:
            self.looped_epilogue(row, height, indices, sums, panel)

    def move(self, row: Index, sums: list[list[str]], panel: Panel, to_memory: bool) -> None:
        """Save the accumulators of a tile among the block's partial sums, or load them."""
        f, partial = self.f, self.partial
        down, right = (
            f.emit(f"sub nsw i64 {x}, {origin}") for x, origin in ((row, partial.row), (panel.column, partial.column))
        )
        start = self.at(partial.memory, self.add(self.times(down, partial.line), right), self.dtype)
        for i, line in enumerate(sums):
            for v, register in zip(panel.vectors, line, strict=True):
                pointer = self.at(start, i * partial.line + v.at, self.dtype)
                source, target = (register, pointer) if to_memory else (pointer, register)
                t = vector(self.type, v.lanes)
                value = f.emit(f"load {t}, ptr {source}, align {self.width}")
                f.do(f"store {t} {value}, ptr {target}, align {self.width}")

    # The sum over the depth -----------------------------------------------------------------------------------------

    def lines(self, indices: list[list[Index]]) -> Lines:
        """Where `a` itself has the rows: all of them, or only the first if they lie at one distance."""
        nest = self.nest
        rows = [self.at(self.a, self.add(self.a_offset, self.offset(i, nest.a_rows)), self.a_dtype) for i in indices]
        return Lines(rows, nest.a_depth, nest.a_rows[-1] if nest.rows else 0, self.a_dtype)

    def sum_up(self, a: Lines, sums: list[list[str]], panel: Panel) -> None:
        """Add the products to the accumulators."""
        f = self.f
        with ExitStack() as loops:
            in_a: Index = 0
            in_b: Index = 0
            depth, nested = self.nest.depth, self.nested
            for d in range(nested):
                k = loops.enter_context(f.loop(*(self.depth_range if d == 0 else (0, depth[d])), unroll=False))
                in_a = self.add(in_a, self.times(k, a.depth[d]))
                in_b = self.add(in_b, self.times(k, panel.b_depth[d]))
            if depth:
                whole = 0, math.prod(depth[nested:])
                k = loops.enter_context(f.loop(*(self.depth_range if len(depth) == 1 else whole), unroll=False))
                in_a = self.add(in_a, self.walk(k, depth[nested:], a.depth[nested:], "a"))
                in_b = self.add(in_b, self.walk(k, depth[nested:], panel.b_depth[nested:], "b"))
            self.products(a, panel.b, self.opaque(in_a), self.opaque(in_b), sums, panel)

    def walk(self, k: str, sizes: Sizes, strides: Sizes, which: str) -> Index:
        """The offset of entry k of these loops: a multiple of k, or read from a table."""
        if all(outer == n * inner for outer, n, inner in zip(strides, sizes[1:], strides[1:], strict=False)):
            return self.times(k, strides[-1])
        table = [0]
        for size, stride in zip(sizes, strides, strict=True):
            table = [at + i * stride for at in table for i in range(size)]
        symbol = f"@{self.f.name}.{which}"
        entries = ", ".join(f"i64 {at}" for at in table)
        self.f.declare(symbol, f"{symbol} = private unnamed_addr constant [{len(table)} x i64] [{entries}], align 64")
        return self.f.emit(f"load i64, ptr {self.at(symbol, k, 'i8')}, align 8")

    def products(self, a: Lines, b: str, in_a: Index, in_b: Index, sums: list[list[str]], panel: Panel) -> None:
        """One step of the depth: a number of each row times each vector of b."""
        f = self.f
        here = self.at(b, in_b, panel.dtype)
        factors = []
        for v in panel.vectors:
            active = v.lanes if panel.whole else v.active
            vector_of_b = vectors.load(f, self.at(here, v.at, panel.dtype), panel.dtype, 1, v.lanes, active)
            factors.append(Register(f, self.widened(vector_of_b)))
        regular = self.at(a.rows[0], in_a, a.dtype) if self.regular else ""
        if regular and a.reads_across:  # the processor foresees no such lines
            self.prefetch(self.at(regular, a.depth[-1] * AHEAD, a.dtype))
        for i, line in enumerate(sums):
            pointer = self.at(regular, i * a.stride, a.dtype) if regular else self.at(a.rows[i], in_a, a.dtype)
            number = self.widened(vectors.load(f, pointer, a.dtype, 1, 1))
            spread = {v.lanes: Register(f, vectors.splat(f, number, v.lanes)) for v in panel.vectors}
            for register, v, value in zip(line, panel.vectors, factors, strict=True):
                t = vector(self.type, v.lanes)
                old = Register(f, Val(f.emit(f"load {t}, ptr {register}, align 64"), self.dtype, v.lanes))
                new = self.multiply_add(spread[v.lanes], value, old)
                f.do(f"store {t} {new.text}, ptr {register}, align 64")

    def prefetch(self, pointer: str) -> None:
        """Bring what is there into the first cache; nothing happens where no memory is."""
        symbol = self.f.declare("llvm.prefetch.p0", "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.f.do(f"call void @{symbol}(ptr {pointer}, i32 0, i32 3, i32 1)")

    def multiply_add(self, a: Register, b: Register, total: Register) -> Register:
        """total + a·b."""
        if self.spec.pairs:
            return total + products_of_pairs(a, b)
        return a.call("llvm.fmuladd", b, total) if self.dtype[0] == "f" else total + a * b

    # The epilogue ---------------------------------------------------------------------------------------------------

    def _row_dependent(self) -> list[bool]:
        """Of each value: does it differ between rows?"""
        known = [True, *(any(strides[1]) for strides in self.nest.others[: len(self.spec.loads)])]
        for op in self.spec.ops:
            known.append(any(known[k] for k in op.args))
        return known

    def direct_epilogue(self, height: int, indices: list[list[Index]], sums: list[list[str]], panel: Panel) -> None:
        """The epilogue on the accumulators, row after row."""
        common = self.row_free_values(panel)
        for i in range(height):
            here = self.below(indices[0], i) if self.regular else indices[i]
            for v, register, values in zip(panel.vectors, sums[i], common, strict=True):
                t = vector(self.type, v.lanes)
                total = Val(self.f.emit(f"load {t}, ptr {register}, align 64"), self.dtype, v.lanes)
                self.finish(here, panel, v, total, values)

    def looped_epilogue(
        self, row: Index, height: int, indices: list[list[Index]], sums: list[list[str]], panel: Panel
    ) -> None:
        """The epilogue as a loop over the rows, on a copy of the accumulators in memory."""
        f = self.f
        line = sum(v.lanes for v in panel.vectors)
        memory = f.alloca(self.type, line * height)
        types = [vector(self.type, v.lanes) for v in panel.vectors]
        for k in range(height):
            for v, t, register in zip(panel.vectors, types, sums[k], strict=True):
                value = f.emit(f"load {t}, ptr {register}, align 64")
                f.do(f"store {t} {value}, ptr {self.at(memory, k * line + v.at, self.dtype)}, align {self.width}")
        common = self.row_free_values(panel)
        with f.loop(0, height, unroll=False) as i:
            here = self.below(indices[0], i) if self.regular else self.split(self.add(row, i), self.nest.rows)
            start = self.at(memory, self.times(i, line), self.dtype)
            for v, values in zip(panel.vectors, common, strict=True):
                total = vectors.load(f, self.at(start, v.at, self.dtype), self.dtype, 1, v.lanes)
                self.finish(here, panel, v, total, values)

    def below(self, indices: list[Index], i: Index) -> list[Index]:
        """The row i rows further in the innermost row loop."""
        return [*indices[:-1], self.add(indices[-1], i)] if indices else []

    def row_free_values(self, panel: Panel) -> list[dict[int, Val]]:
        """For each vector of the panel, the loads and operations that are the same for all rows."""
        result = []
        for v in panel.vectors:
            values: dict[int, Val] = {}
            for number, dependent in enumerate(self.row_dependent):
                if not dependent:
                    values[number] = self.value(number, [], panel, v, values)
            result.append(values)
        return result

    def value(self, number: int, row: list[Index], panel: Panel, v: Vector, values: dict[int, Val]) -> Val:
        """Value `number` of the kernel for one vector: a load or an operation."""
        load = number - 1
        if load < len(self.spec.loads):
            _, row_strides, stride = self.nest.others[load]
            pointer = self.place(load, row, row_strides, panel, v, stride)
            return vectors.load(self.f, pointer, self.accesses[load].dtype, stride, v.lanes, v.active)
        op = self.spec.ops[load - len(self.spec.loads)]
        value = pointwise.emit(self.f, op.name, [values[k] for k in op.args], op.dtype, dict(op.params))
        return value

    def place(self, other: int, row: list[Index], row_strides: Sizes, panel: Panel, v: Vector, stride: int) -> str:
        """The address of a load's or store's entry at this row and this vector's first column."""
        in_row = self.offset(row, row_strides) if row else 0
        dtype = self.accesses[other].dtype
        start = self.at(self.others[other], self.add(in_row, self.times(panel.column, stride)), dtype)
        return self.at(start, v.at * stride, dtype)

    def finish(self, row: list[Index], panel: Panel, v: Vector, total: Val, known: dict[int, Val]) -> None:
        """All that depends on the row, for one vector; then the stores."""
        values = {**known, 0: total}
        for number, dependent in enumerate(self.row_dependent):
            if dependent and number > 0:
                values[number] = self.value(number, row, panel, v, values)
        for k, (number, access) in enumerate(self.spec.stores):
            other = len(self.spec.loads) + k
            _, row_strides, stride = self.nest.others[other]
            value = values[number]
            if value.dtype != access.dtype:
                value = pointwise.emit(self.f, "astype", [value], access.dtype, {})
            value = vectors.splat(self.f, value, v.lanes)
            vectors.store(self.f, value, self.place(other, row, row_strides, panel, v, stride), stride, v.active)


@contextmanager
def _first(start: Index, steps: AbstractContextManager[Index | None]) -> Iterator[Index]:
    """Where one of several steps begins."""
    with steps as at:
        yield start if at is None else at


def _vectors(width: int, lanes: int) -> list[Vector]:
    """`width` columns as vectors; the last one may be narrower, and partly empty."""
    found = []
    for at in range(0, width, lanes):
        active = min(lanes, width - at)
        found.append(Vector(at, power_of_two(active), active))
    return found
