"""Index arithmetic of a kernel that is being written, folded where both sides are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from . import vectors
from .ir import Function
from .tiling import Sizes

Index = str | int  # an i64: a register or a number known now
Tiles = tuple[Index, int, AbstractContextManager[Index | None]]


class IndexArithmetic:
    """Sums and products of indices, and addresses, written into `f`."""

    f: Function

    def add(self, x: Index, y: Index) -> Index:
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        return y if x == 0 else x if y == 0 else self.f.emit(f"add nsw i64 {x}, {y}")

    def times(self, x: Index, factor: int) -> Index:
        return vectors.times(self.f, x, factor)

    def divide(self, x: Index, divisor: int) -> tuple[Index, Index]:
        return vectors.divide(self.f, x, divisor)

    def smaller(self, x: Index, y: Index) -> Index:
        if isinstance(x, int) and isinstance(y, int):
            return min(x, y)
        symbol = self.f.declare("llvm.smin.i64", "declare i64 @llvm.smin.i64(i64, i64)")  # as other kernels declare it
        return self.f.emit(f"call i64 @{symbol}(i64 {x}, i64 {y})")

    def split(self, flat: Index, sizes: Sizes) -> list[Index]:
        return vectors.split(self.f, flat, sizes)

    def offset(self, indices: list[Index], strides: Sizes) -> Index:
        total: Index = 0
        for index, stride in zip(indices, strides, strict=True):
            total = self.add(total, self.times(index, stride))
        return total

    def at(self, pointer: str, offset: Index, dtype: str) -> str:
        return vectors.advance(self.f, pointer, dtype, offset)

    def less(self, x: Index, y: Index) -> Index:
        if isinstance(x, int) and isinstance(y, int):
            return x - y
        return 0 if x == y else x if y == 0 else self.f.emit(f"sub nsw i64 {x}, {y}")

    def opaque(self, x: Index) -> Index:
        """x itself, but LLVM can't know: else it spends most of its time on finding better addresses, and finds none."""
        return x if isinstance(x, int) else self.f.emit(f'call i64 asm "", "=r,0"(i64 {x})')

    def steps(self, start: Index, size: int, block: int, step: int) -> Iterator[Tiles]:
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
                yield middle, rest, self.f.when(self.f.emit(f"icmp eq i64 {left}, {rest}"))
