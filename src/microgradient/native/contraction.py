"""Machine code of a ContractionKernel: register tiles over rows × vectors of columns, an innermost loop over the depth.

For each piece, for each panel of columns, for each tile of rows: the accumulators stay in registers while the depth is walked
(each step reads one number of `a` per row and one vector of `b` per column vector), then the epilogue runs on the tile's rows
and stores them. All sizes are known, so the tiles at the edges are code of their own with constant masks. Each sum is
added up in the same order whatever the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

from microgradient.native import pointwise, vectors
from microgradient.native.ir import TYPES, Function, Val, vector
from microgradient.native.kernel import Access, ContractionKernel
from microgradient.native.tiling import (
    Cut,
    Nest,
    Sizes,
    Tile,
    choose_tile,
    cut,
    is_regular,
    normalise,
    power_of_two,
    vector_registers,
)

Index = str | int  # an i64: a register or a number known now

SHORT = 8
"""A depth loop shorter than this is walked together with those around it, by a table of offsets."""
LONGEST_TABLE = 4096
DIRECT = 100
"""An epilogue of at most so many vector operations per tile runs on the accumulators themselves."""


def pieces(spec: ContractionKernel) -> int:
    """How many independent pieces the work is cut into; 0 if there is nothing to compute."""
    nest = normalise(spec)
    if _nothing(nest):
        return 0
    sizes = cut(nest, spec.terms)
    return math.prod(_counts(nest, sizes))


def generate(spec: ContractionKernel, name: str, vector_bits: int) -> Function:
    """The kernel as LLVM IR, for vectors of `vector_bits`."""
    function = Function(name)
    nest = normalise(spec)
    if not _nothing(nest):
        _Writer(function, spec, nest, vector_bits).write()
    return function


def _nothing(nest: Nest) -> bool:
    return 0 in (*nest.batch, *nest.rows, nest.columns)


def _counts(nest: Nest, sizes: Cut) -> tuple[int, int, int]:
    """Blocks of the batch, of the columns, of the rows."""
    batch, rows = math.prod(nest.batch), math.prod(nest.rows)
    return -(-batch // sizes.batch_block), -(-nest.columns // sizes.column_block), -(-rows // sizes.row_block)


class _Vector(NamedTuple):
    """A vector of a tile: its first column in the tile, its lanes, and how many of them exist."""

    at: int
    lanes: int
    active: int


class _Panel(NamedTuple):
    """The columns that tiles are working on: the first column and its vectors."""

    column: Index
    vectors: list[_Vector]


class _Writer:
    """One kernel being written. The pointers are those of the current batch entry."""

    def __init__(self, f: Function, spec: ContractionKernel, nest: Nest, vector_bits: int) -> None:
        self.f, self.spec, self.nest = f, spec, nest
        self.dtype = spec.a.dtype
        self.type = TYPES[self.dtype]
        self.width = int(self.dtype[1:])
        self.cut = cut(nest, spec.terms)
        lanes = vector_bits // (8 * self.width)
        self.tile: Tile = choose_tile(nest, self.cut, spec.terms, lanes, vector_registers(vector_bits))
        self.regular = is_regular(nest, self.cut, self.tile.rows)
        self.row_count = math.prod(nest.rows)
        self.accesses: list[Access] = [*spec.loads, *(where for _, where in spec.stores)]
        self.others: list[str] = []
        self.a_offset: Index = 0
        self.b_offset: Index = 0
        self.row_dependent = self._row_dependent()
        self.direct_limit = DIRECT

    # Index arithmetic, folded where both sides are known ------------------------------------------------------------

    def add(self, x: Index, y: Index) -> Index:
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        return y if x == 0 else x if y == 0 else self.f.emit(f"add nsw i64 {x}, {y}")

    def times(self, x: Index, factor: int) -> Index:
        return vectors.times(self.f, x, factor)

    def divide(self, x: Index, divisor: int) -> tuple[Index, Index]:
        """Quotient and remainder."""
        if isinstance(x, int):
            return divmod(x, divisor)
        if divisor == 1:
            return x, 0
        quotient = self.f.emit(f"udiv i64 {x}, {divisor}")
        return quotient, self.f.emit(f"sub nsw i64 {x}, {self.times(quotient, divisor)}")

    def smaller(self, x: Index, y: Index) -> Index:
        if isinstance(x, int) and isinstance(y, int):
            return min(x, y)
        self.f.declare("smin", "declare i64 @llvm.smin.i64(i64, i64)")
        return self.f.emit(f"call i64 @llvm.smin.i64(i64 {x}, i64 {y})")

    def split(self, flat: Index, sizes: Sizes) -> list[Index]:
        """The loop variables of the entry number `flat`."""
        indices: list[Index] = []
        for size in reversed(sizes[1:]):
            flat, rest = self.divide(flat, size)
            indices.insert(0, rest)
        return [flat, *indices] if sizes else []

    def offset(self, indices: list[Index], strides: Sizes) -> Index:
        total: Index = 0
        for index, stride in zip(indices, strides, strict=True):
            total = self.add(total, self.times(index, stride))
        return total

    def at(self, pointer: str, offset: Index, dtype: str) -> str:
        return vectors.advance(self.f, pointer, dtype, offset)

    # Pieces, blocks, panels, tiles ----------------------------------------------------------------------------------

    def write(self) -> None:
        """The loop over pieces."""
        f, nest, terms = self.f, self.nest, self.spec.terms
        pointers = [f.load_argument(2 * terms + k) for k in range(len(self.accesses))]
        first, second = (terms, 0) if nest.swapped else (0, terms)
        self.a_argument, self.b_argument = first, second
        if terms == 1:
            self.a, self.b = f.load_argument(first), f.load_argument(second)
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
        with_columns = self.steps(column, self.nest.columns, self.cut.column_block, self.tile.vectors * self.tile.lanes)
        for start, width, columns in with_columns:
            with columns as first:
                panel = _Panel(start if first is None else first, _vectors(width, self.tile.lanes))
                for row_start, height, tiles in self.steps(row, self.row_count, self.cut.row_block, self.tile.rows):
                    with tiles as row_first:
                        self.one_tile(row_start if row_first is None else row_first, height, panel)

    def steps(self, start: Index, size: int, block: int, step: int):  # type: ignore[no-untyped-def]
        """The tiles of a block that begins at `start`: (start, size, context that is a loop or a condition) for each
        kind of tile: the whole ones, then what remains in blocks of full size and in the last block."""
        whole_blocks, last = divmod(size, block)
        kinds = {k % step for k in ([block] * (whole_blocks > 0) + [last] * (last > 0))}
        most = block if whole_blocks else last
        uniform = not (whole_blocks and last)
        stop: Index = self.add(start, most) if uniform else self.smaller(self.add(start, most), size)
        if uniform:
            whole: Index = most // step * step
        else:
            length = self.f.emit(f"sub nsw i64 {stop}, {start}")
            whole = self.times(self.divide(length, step)[0], step)
        middle = self.add(start, whole)
        if most >= step:
            if uniform and most < 2 * step:
                yield start, step, nullcontext()
            else:
                yield start, step, self.f.loop(start, middle, step, unroll=False)
        for rest in sorted(kinds - {0}):
            if uniform or len(kinds) == 1:
                yield middle, rest, nullcontext()
            else:
                left = self.f.emit(f"sub nsw i64 {stop}, {middle}")
                yield middle, rest, self.when(self.f.emit(f"icmp eq i64 {left}, {rest}"))

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        f = self.f
        yes, after = f.label("then"), f.label("after")
        f.do(f"br i1 {condition}, label %{yes}, label %{after}")
        f.place(yes)
        yield
        f.do(f"br label %{after}")
        f.place(after)

    def one_tile(self, row: Index, height: int, panel: _Panel) -> None:
        """Sum over the depth in registers, then the epilogue."""
        f = self.f
        types = [vector(self.type, v.lanes) for v in panel.vectors]
        sums = [[f.alloca(t) for t in types] for _ in range(height)]
        for line in sums:
            for register, type_ in zip(line, types, strict=True):
                f.do(f"store {type_} zeroinitializer, ptr {register}, align 64")
        indices = [self.split(self.add(row, i), self.nest.rows) for i in range(1 if self.regular else height)]
        if 0 not in self.nest.depth:
            offsets = [self.offset(i, self.nest.a_rows) for i in indices]
            if self.spec.terms == 1:
                self.term(self.a, self.b, offsets, sums, panel)
            else:
                with f.loop(0, self.spec.terms, unroll=False) as term:
                    a, b = (vectors.advance(f, "%args", "i8", self.add(term, k)) for k in (self.a_argument, self.b_argument))
                    a, b = (f.emit(f"load ptr, ptr {p}, align 8") for p in (a, b))
                    self.term(a, b, offsets, sums, panel)
        weight = len(self.spec.loads) + len(self.spec.ops) + len(self.spec.stores)
        if height == 1 or height * len(types) * weight <= self.direct_limit:
            self.direct_epilogue(row, height, indices, sums, panel)
        else:
            self.looped_epilogue(row, height, indices, sums, panel)

    # The sum over the depth -----------------------------------------------------------------------------------------

    def term(self, a: str, b: str, offsets: list[Index], sums: list[list[str]], panel: _Panel) -> None:
        """Add one term's products to the accumulators."""
        b = self.at(b, self.add(self.b_offset, panel.column), self.dtype)
        rows = [self.at(a, self.add(self.a_offset, offset), self.dtype) for offset in offsets]
        nest = self.nest
        inner = max(len(nest.depth) - 1, 0)
        while inner > 0 and math.prod(nest.depth[inner:]) < SHORT and math.prod(nest.depth[inner - 1 :]) <= LONGEST_TABLE:
            inner -= 1
        self.outer_depth(0, inner, rows, b, 0, 0, sums, panel)

    def outer_depth(
        self, d: int, inner: int, rows: list[str], b: str, in_a: Index, in_b: Index, sums: list[list[str]], panel: _Panel
    ) -> None:
        """The depth loops from number d on; from number `inner` on, they are one loop."""
        nest, f = self.nest, self.f
        if d < inner:
            with f.loop(0, nest.depth[d], unroll=False) as k:
                in_a = self.add(in_a, self.times(k, nest.a_depth[d]))
                in_b = self.add(in_b, self.times(k, nest.b_depth[d]))
                self.outer_depth(d + 1, inner, rows, b, in_a, in_b, sums, panel)
            return
        sizes = nest.depth[d:]
        if not sizes:
            return self.products(rows, b, in_a, in_b, sums, panel)
        with f.loop(0, math.prod(sizes), unroll=False) as k:
            to_a = self.walk(k, sizes, nest.a_depth[d:], "a")
            to_b = self.walk(k, sizes, nest.b_depth[d:], "b")
            self.products(rows, b, self.add(in_a, to_a), self.add(in_b, to_b), sums, panel)

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

    def products(
        self, rows: list[str], b: str, in_a: Index, in_b: Index, sums: list[list[str]], panel: _Panel
    ) -> None:
        """One step of the depth: a number of each row times each vector of b."""
        f = self.f
        here = self.at(b, in_b, self.dtype)
        factors = [vectors.load(f, self.at(here, v.at, self.dtype), self.dtype, 1, v.lanes, v.active) for v in panel.vectors]
        regular = self.at(rows[0], in_a, self.dtype) if self.regular else ""
        stride = self.nest.a_rows[-1] if self.nest.rows else 0
        for i, line in enumerate(sums):
            pointer = self.at(regular, i * stride, self.dtype) if regular else self.at(rows[i], in_a, self.dtype)
            number = f.emit(f"load {self.type}, ptr {pointer}, align {self.width}")
            spread = {v.lanes: vectors.splat(f, Val(number, self.dtype, 1), v.lanes) for v in panel.vectors}
            for register, v, value in zip(line, panel.vectors, factors, strict=True):
                t = vector(self.type, v.lanes)
                mangled = f"llvm.fmuladd.{vectors.short(self.type, v.lanes)}"
                f.declare(mangled, f"declare {t} @{mangled}({t}, {t}, {t})")
                old = f.emit(f"load {t}, ptr {register}, align 64")
                new = f.emit(f"call {t} @{mangled}({t} {spread[v.lanes].text}, {t} {value.text}, {t} {old})")
                f.do(f"store {t} {new}, ptr {register}, align 64")

    # The epilogue ---------------------------------------------------------------------------------------------------

    def _row_dependent(self) -> list[bool]:
        """Of each value: does it differ between rows?"""
        known = [True, *(any(strides[1]) for strides in self.nest.others[: len(self.spec.loads)])]
        for op in self.spec.ops:
            known.append(any(known[k] for k in op.args))
        return known

    def direct_epilogue(self, row: Index, height: int, indices: list[list[Index]], sums: list[list[str]], panel: _Panel) -> None:
        """The epilogue on the accumulators, row after row."""
        common = self.row_free_values(panel)
        for i in range(height):
            here = self.below(indices[0], i) if self.regular else indices[i]
            for v, register, values in zip(panel.vectors, sums[i], common, strict=True):
                t = vector(self.type, v.lanes)
                total = Val(self.f.emit(f"load {t}, ptr {register}, align 64"), self.dtype, v.lanes)
                self.finish(here, panel, v, total, values)

    def looped_epilogue(self, row: Index, height: int, indices: list[list[Index]], sums: list[list[str]], panel: _Panel) -> None:
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

    def row_free_values(self, panel: _Panel) -> list[dict[int, Val]]:
        """For each vector of the panel, the loads and operations that are the same for all rows."""
        result = []
        for v in panel.vectors:
            values: dict[int, Val] = {}
            for number, dependent in enumerate(self.row_dependent):
                if not dependent:
                    values[number] = self.value(number, [], panel, v, values)
            result.append(values)
        return result

    def value(self, number: int, row: list[Index], panel: _Panel, v: _Vector, values: dict[int, Val]) -> Val:
        """Value `number` of the kernel for one vector: a load or an operation."""
        load = number - 1
        if load < len(self.spec.loads):
            _, row_strides, stride = self.nest.others[load]
            pointer = self.place(load, row, row_strides, panel, v, stride)
            return vectors.load(self.f, pointer, self.accesses[load].dtype, stride, v.lanes, v.active)
        op = self.spec.ops[load - len(self.spec.loads)]
        value = pointwise.emit(self.f, op.name, [values[k] for k in op.args], op.dtype, dict(op.params))
        return value

    def place(self, other: int, row: list[Index], row_strides: Sizes, panel: _Panel, v: _Vector, stride: int) -> str:
        """The address of a load's or store's entry at this row and this vector's first column."""
        in_row = self.offset(row, row_strides) if row else 0
        dtype = self.accesses[other].dtype
        start = self.at(self.others[other], self.add(in_row, self.times(panel.column, stride)), dtype)
        return self.at(start, v.at * stride, dtype)

    def finish(self, row: list[Index], panel: _Panel, v: _Vector, total: Val, known: dict[int, Val]) -> None:
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


def _vectors(width: int, lanes: int) -> list[_Vector]:
    """`width` columns as vectors; the last one may be narrower, and partly empty."""
    found = []
    for at in range(0, width, lanes):
        active = min(lanes, width - at)
        found.append(_Vector(at, power_of_two(active), active))
    return found
