"""Machine code of a RowKernel: kept loops, and at each of their points sweeps over the reduced loops.

A piece computes whole points of the kept loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from ..plan.kernel import RowKernel
from .emitter import Emitter, Index, LoopContext
from .ir import Function, Val
from .loop_plan import LoopPlan, Sweep, normalise, operation, plan_loops, work
from .reductions import across, combine, identity
from .registers import Register
from .transpose import transposed
from .vectors import advance, load, one_run, splat, split, times

PIECE = 32768
"""About how many instructions on single numbers a piece takes."""
MOST_PIECES = 64
BLOCKS = 64, 1024
"""A float sum is added up in blocks, so that rounding errors stay small: as many steps to a block as blocks, in these bounds."""
MOST_COPIES = 9
"""Reduced loops of at most so many steps in all are written out."""


def pieces(spec: RowKernel) -> int:
    """How many independent pieces the kernel's work is cut into. 0: nothing to do."""
    return 0 if 0 in spec.shape[: spec.kept] else _pieces(spec, normalise(spec))


def _pieces(spec: RowKernel, kernel: RowKernel) -> int:
    points = math.prod(kernel.shape[: kernel.kept])
    if kernel.vector < kernel.kept:
        extent = kernel.shape[kernel.vector]
        points = points // extent * -(-extent // 64)
    return max(1, min(work(spec) // PIECE, MOST_PIECES, points))


def write(f: Function, spec: RowKernel, vector_bits: int) -> None:
    """Write the kernel into `f`."""
    if 0 in spec.shape[: spec.kept]:
        return
    kernel = normalise(spec)
    _Rows(f, plan_loops(kernel, vector_bits), _pieces(spec, kernel)).write()


class _Accumulators:
    """Where a reduction is added up: `inner` within a block of steps, `outer` over all blocks (None: there is one block)."""

    def __init__(self, f: Function, name: str, dtype: str, lanes: int, count: int, blocked: bool) -> None:
        self.f, self.name, self.start = f, name, identity(name, dtype, lanes)
        self.inner = [f.alloca(self.start.type) for _ in range(count)]
        self.outer = [f.alloca(self.start.type) for _ in range(count)] if blocked else []
        for at in self.inner + self.outer:
            self._write(at, self.start)

    def add(self, u: int, value: Val) -> None:
        """Reduce one more value into accumulator u."""
        self._write(self.inner[u], combine(self.f, self.name, self._read(self.inner[u]), value))

    def flush(self) -> None:
        """The end of a block."""
        for inner, outer in zip(self.inner, self.outer, strict=False):
            self._write(outer, combine(self.f, self.name, self._read(outer), self._read(inner)))
            self._write(inner, self.start)

    def totals(self) -> list[Val]:
        """The results."""
        self.flush()
        return [self._read(at) for at in self.outer or self.inner]

    def _read(self, at: str) -> Val:
        return self.start._replace(text=self.f.emit(f"load {self.start.type}, ptr {at}, align 64"))

    def _write(self, at: str, value: Val) -> None:
        self.f.do(f"store {value.type} {value.text}, ptr {at}, align 64")


class _Rows(Emitter):
    """Writes a row kernel."""

    def __init__(self, f: Function, plan: LoopPlan, pieces: int) -> None:
        kernel = plan.kernel
        super().__init__(f, plan, len(kernel.loads) + len(kernel.stores))
        self.pieces = pieces
        self.shape, self.kept = kernel.shape, kernel.kept
        self.size = plan.unroll * plan.lanes  # entries of a group of vectors
        self.groups = -(-kernel.shape[kernel.vector] // self.size)
        # the loop of which some steps are done at a time, transposed
        self.strips = self.kept - 2 if plan.transposed else -1
        self.block_depth, self.block = self._blocks()

    def write(self) -> None:
        """The whole kernel: pieces, then loops inside them."""
        context = self.root()
        self._points_at(context, 0)
        loops = list(self.shape[: self.kept])
        if self.plan.transposed:
            loops[-2:] = [-(-loops[-2] // self.plan.lanes)]
        elif self.plan.vector_kept:
            loops[-1] = self.groups
        if self.pieces == 1:
            with self.f.loop("%begin", "%end", unroll=False):
                self._nest(context, 0)
            return
        depth = 1
        while depth < len(loops) and math.prod(loops[:depth]) < 4 * self.pieces:
            depth += 1
        total = math.prod(loops[:depth])
        first, last = (self._share(total, x) for x in ("%begin", "%end"))
        with self.f.loop(first, last, unroll=False) as unit:
            self._unit(context, loops[:depth], unit)

    def _share(self, total: int, piece: str) -> str:
        """Where a piece begins among `total` equal units."""
        product = self.f.emit(f"mul nuw nsw i64 {piece}, {total}")
        return self.f.emit(f"udiv i64 {product}, {self.pieces}")

    def _unit(self, context: LoopContext, loops: list[int], unit: str) -> None:
        """One step of the outermost loops, taken as a single loop."""
        for depth, index in enumerate(split(self.f, unit, loops)):
            if depth == self.strips:
                self._one_strip(context, index)
                return
            if depth == self.kept - 1 and self.plan.vector_kept:
                one_run(self.f, index, self.shape[depth], self.size, partial(self._vector_point, context))
                return
            context = self.enter(context, depth, index)
            self._points_at(context, depth + 1)
        self._nest(context, len(loops))

    def _nest(self, context: LoopContext, depth: int) -> None:
        """The kept loops from `depth` on."""
        if depth == self.kept:
            self._point(context)
        elif depth == self.strips:
            with self.f.loop(0, -(-self.shape[depth] // self.plan.lanes), unroll=False) as number:
                self._one_strip(context, number)
        elif depth == self.kept - 1 and self.plan.vector_kept:
            self._all_groups(context, self._vector_point)
        else:
            with self.f.loop(0, self.shape[depth], unroll=False) as i:
                inner = self.enter(context, depth, i)
                self._points_at(inner, depth + 1)
                self._nest(inner, depth + 1)

    # ------------------------------------------------------------------------------------------------ groups of vectors

    def _group(self, context: LoopContext, start: Index, entries: int) -> LoopContext:
        lanes = self.plan.lanes
        vectors = -(-entries // lanes)
        return self.enter_vectors(context, start, vectors, entries - (vectors - 1) * lanes)

    def _all_groups(
        self,
        context: LoopContext,
        body: Callable[[LoopContext, Index, int], None],
        block: int = 0,
        flush: Callable[[], None] = lambda: None,
    ) -> None:
        """The whole vectorised loop: `body` with where a group begins and how many entries it has."""
        whole, tail = divmod(self.shape[self.plan.kernel.vector], self.size)
        if whole == 1:
            body(context, 0, self.size)
        elif whole:
            self._each(whole, block, lambda n: body(context, times(self.f, n, self.size), self.size), flush, False)
        if tail:
            body(context, whole * self.size, tail)

    def _each(
        self, count: int, block: int, body: Callable[[Index], None], flush: Callable[[], None], copies: bool
    ) -> None:
        """`body` for 0 … count - 1, each a copy of the code or a loop; `flush` after each `block` of them (0: never)."""
        if copies:
            for number in range(count):
                body(number)
            return
        if not block:
            with self.f.loop(0, count, unroll=False) as step:
                body(step)
            return
        with self.f.loop(0, count, block, unroll=False) as first:
            end = self.f.emit(f"add nsw i64 {first}, {block}")
            if count % block:
                less = self.f.emit(f"icmp slt i64 {end}, {count}")
                end = self.f.emit(f"select i1 {less}, i64 {end}, i64 {count}")
            with self.f.loop(first, end, unroll=False) as step:
                body(step)
            flush()

    # ----------------------------------------------------------------------------------------------- one point, its sweeps

    def _points_at(self, context: LoopContext, level: int) -> None:
        """The point values that are known once `level` loops have been entered."""
        self.compute(context, [v for v in self.plan.points if self.plan.levels[v] == level and not self.plan.stage[v]])

    def _vector_point(self, context: LoopContext, start: Index, entries: int) -> None:
        group = self._group(context, start, entries)
        self._points_at(group, self.kept)
        self._point(group)

    def _one_strip(self, context: LoopContext, number: Index) -> None:
        """As many steps of a loop as there are lanes, whose loads are read along it and transposed."""

        def strip(start: Index, steps: int) -> None:
            here = self.enter(context, self.strips, start)
            self._all_groups(here, lambda *group: self._square(self._group(*group), start, steps))

        one_run(self.f, number, self.shape[self.strips], self.plan.lanes, strip)

    def _square(self, context: LoopContext, start: Index, steps: int) -> None:
        """These steps for one vector."""
        vector = self.plan.kernel.vector
        blocks: dict[int, list[Val]] = {}
        for v in self.plan.transposed:
            access, rows = self.accesses[v], []
            for lane in range(int(context.last)):
                at = advance(self.f, context.pointers[v], access.dtype, lane * access.strides[vector])
                rows.append(load(self.f, at, access.dtype, 1, self.plan.lanes, steps))
            blocks[v] = transposed(self.f, rows)
        counts = any(op.name == "iota" for op in self.plan.kernel.ops)
        for step in range(steps):
            inner = self.enter(context, self.strips, step)
            if counts:
                inner.indices[self.strips] = (Register(self.f, Val(str(start), "i8", 1)) + step).text
            inner.values.update({v: [columns[step]] for v, columns in blocks.items()})
            self.compute(inner, self.plan.points)
            self._point(inner)

    def _point(self, context: LoopContext) -> None:
        """All sweeps at one point of the kept loops, or at some vectors of such points."""
        inner = context
        if self.plan.resident:
            entered = self._group(context, 0, self.shape[-1])
            inner = entered._replace(values=context.values)
        for number, one in enumerate(self.plan.sweeps):
            if self.plan.resident:
                self._resident_sweep(inner, one)
            else:
                self._sweep(context, one)
            self.compute(context, [v for v in self.plan.points if self.plan.stage[v] == number + 1])
        for k in self.plan.point_stores:
            self.store(context, k)

    def _resident_sweep(self, context: LoopContext, one: Sweep) -> None:
        """A sweep over a row that is in registers."""
        self.compute(context, one.compute)
        for v in one.reductions:
            name, vectors = self._reduction(context, v)
            while len(vectors) > 1:
                pairs = zip(vectors[::2], vectors[1::2], strict=False)
                vectors = [combine(self.f, name, a, b) for a, b in pairs] + vectors[len(vectors) // 2 * 2 :]
            total = across(self.f, name, vectors[0])
            if name == "reduce_sum":  # as from 0: the sum of -0 is 0
                total = combine(self.f, name, total, identity(name, total.dtype))
            context.values[v] = [total]
        for k in one.stores:
            self.store(context, k)

    def _reduction(self, context: LoopContext, v: int) -> tuple[str, list[Val]]:
        """What is to be reduced here, with the identity in lanes that don't count."""
        op = operation(self.plan.kernel, v)
        assert op is not None
        vectors = context.values[op.args[0]]
        if self.plan.vector_kept:
            return op.name, vectors
        lanes = self.plan.lanes
        vectors = [splat(self.f, vectors[min(u, len(vectors) - 1)], lanes) for u in range(context.vectors)]
        if self.active(context, context.vectors - 1) != lanes:
            counts = Register(self.f, self.counted(context, context.vectors - 1))
            nothing = Register(self.f, identity(op.name, op.dtype, lanes))
            vectors[-1] = counts.select(Register(self.f, vectors[-1]), nothing).val
        return op.name, vectors

    def _sweep(self, context: LoopContext, one: Sweep) -> None:
        """A sweep over the reduced loops."""
        sums = {v: self._accumulators(context, v) for v in one.reductions}
        if 0 not in self.shape[self.kept :]:
            self._walk(context, self.kept, one, sums)
        for v, accumulators in sums.items():
            totals = accumulators.totals()
            if not self.plan.vector_kept:
                while len(totals) > 1:
                    half = len(totals) // 2
                    pairs = zip(totals[:half], totals[half : 2 * half], strict=True)
                    totals = [combine(self.f, accumulators.name, a, b) for a, b in pairs] + totals[2 * half :]
                totals = [across(self.f, accumulators.name, totals[0])]
            context.values[v] = totals

    def _accumulators(self, context: LoopContext, v: int) -> _Accumulators:
        op = operation(self.plan.kernel, v)
        assert op is not None
        blocked = self.block > 0 and op.name == "reduce_sum" and op.dtype[0] == "f"
        varies = self.plan.kernel.vector in self.plan.depends[op.args[0]]
        if self.plan.vector_kept and not varies:
            return _Accumulators(self.f, op.name, op.dtype, 1, 1, blocked)
        count = context.vectors if self.plan.vector_kept else self.plan.unroll
        return _Accumulators(self.f, op.name, op.dtype, self.plan.lanes, count, blocked)

    def _blocks(self) -> tuple[int, int]:
        """The reduced loop that is cut into blocks of sums, and how many of its steps make a block (0: none)."""
        counts = list(self.shape)
        counts[self.plan.kernel.vector] = self.groups
        size = min(max(math.isqrt(math.prod(counts[self.kept :])), BLOCKS[0]), BLOCKS[1])
        inside = 1
        for depth in range(len(self.shape) - 1, self.kept - 1, -1):
            if inside * counts[depth] > size:
                return depth, max(1, size // inside)
            inside *= counts[depth]
        return -1, 0

    def _walk(self, context: LoopContext, depth: int, one: Sweep, sums: dict[int, _Accumulators]) -> None:
        """The reduced loops from `depth` on."""

        def flush() -> None:
            for accumulators in sums.values():
                accumulators.flush()

        block = self.block if depth == self.block_depth and any(a.outer for a in sums.values()) else 0
        if depth == len(self.shape):
            self._body(context, one, sums)
        elif depth == self.plan.kernel.vector:
            self._all_groups(context, lambda *group: self._body(self._group(*group), one, sums), block, flush)
        else:

            def step(i: Index) -> None:
                inner = self.enter(context, depth, i)
                if depth + 1 < len(self.shape):
                    self._early(inner, depth + 1, one)
                self._walk(inner, depth + 1, one, sums)

            self._each(self.shape[depth], block, step, flush, self._copies(depth))

    def _early(self, context: LoopContext, level: int, one: Sweep) -> None:
        """Compute what is known outside the innermost loop already. What follows from a scratch row is not."""
        for v in sorted(one.compute - one.reread):
            op = operation(self.plan.kernel, v)
            if self.plan.levels[v] == level and all(a in context.values for a in (op.args if op else ())):
                self.compute(context, [v])

    def _copies(self, depth: int) -> bool:
        """Whether the reduced loops from `depth` on are so short that each step is written out."""
        steps = math.prod(self.shape[depth:])
        if self.plan.kernel.vector >= depth:
            steps = steps // self.shape[-1] * self.groups
        return steps <= MOST_COPIES

    def _body(self, context: LoopContext, one: Sweep, sums: dict[int, _Accumulators]) -> None:
        """The innermost point of a sweep."""
        for v in sorted(one.compute):
            if v in one.reread:
                self.reread(context, v)
            else:
                self.compute(context, [v])
        for v, accumulators in sums.items():
            for u, value in enumerate(self._reduction(context, v)[1]):
                accumulators.add(u, value)
        for v in one.keep:
            self.keep(context, v)
        for k in one.stores:
            self.store(context, k)
