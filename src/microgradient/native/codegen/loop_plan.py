"""What a RowKernel does in which order: loops merged, values sorted by where in the loop nest they are computed.

The nest is: kept loops, the vectorised one last if it is kept; then, once per sweep, the reduced loops, the vectorised one last
if it is reduced. A value that varies along no reduced loop is a *point value*: it is computed once per point of the kept loops,
at the outermost level where all it depends on is known. Other values are computed within sweeps. What follows from a reduction
belongs to the sweep after it; an earlier value that a later sweep needs is computed again, or kept in a scratch row if
that costs more than memory.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import permutations
from typing import NamedTuple

from ..plan.kernel import Access, Op, RowKernel
from .reductions import STEP
from .vectors import itemsize, lanes_for

# fmt: off
CHEAP = frozenset({
    "add", "subtract", "multiply", "negative", "positive", "square", "abs", "sign", "maximum", "minimum", "relu",
    "clip", "where", "constant", "astype", "iota", "equal", "not_equal", "less", "less_equal", "greater",
    "greater_equal", "logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and", "bitwise_or",
    "bitwise_xor", "bitwise_invert", "isnan", "isinf", "isfinite", "signbit", "copysign", "floor", "ceil", "trunc",
    "round",
    "words", "pair_product",
})
# fmt: on
MIDDLING = {"divide": 4, "reciprocal": 4, "sqrt": 4}
EXPENSIVE = 16
SCRATCH_BYTES = 32768
"""How much of the stack a kernel may use for scratch rows."""
RESIDENT = 8
"""A reduced row of at most so many vectors stays in registers."""

MOST_TRANSPOSED = 640
"""A kernel of at most so many instructions for a square of lanes × lanes numbers may read transposed blocks."""


class Sweep(NamedTuple):
    """One walk over the reduced loops: the values it computes, of these the ones read from scratch and those written to it, the
    reductions that it completes, the stores (by their place in the kernel's list)."""

    compute: frozenset[int]
    reread: frozenset[int]
    keep: frozenset[int]
    reductions: tuple[int, ...]
    stores: tuple[int, ...]


class LoopPlan(NamedTuple):
    """A kernel ready to be written. `depends[v]`: the loops along which value v varies; `levels[v]`: how many loops enclose it;
    `stage[v]`: how many reductions in a row it follows from; `scratch[v]`: the strides and size of its scratch row."""

    kernel: RowKernel
    lanes: int
    unroll: int  # vectors that are worked on at once
    depends: tuple[frozenset[int], ...]
    levels: tuple[int, ...]
    stage: tuple[int, ...]
    points: tuple[int, ...]  # the point values
    sweeps: tuple[Sweep, ...]
    point_stores: tuple[int, ...]
    scratch: dict[int, tuple[tuple[int, ...], int]]
    resident: bool  # a reduced row stays in registers: sweeps share their values
    # loads contiguous along the loop before the vectorised one: read as blocks and transposed
    transposed: frozenset[int]

    @property
    def vector_kept(self) -> bool:
        """Whether the vectorised loop is a kept one."""
        return self.kernel.vector < self.kernel.kept


def plan_loops(kernel: RowKernel, vector_bits: int) -> LoopPlan:
    """Decide how a kernel, normalised, is computed with vectors of `vector_bits`."""
    needed = _needed(kernel)
    lanes = lanes_for([dtype_of(kernel, v) for v in needed], vector_bits, kernel.shape[kernel.vector])
    cost = sum([op_cost(kernel, v) for v in needed])
    kernel, transposed = _transpose(kernel, needed, lanes) if cost * lanes <= MOST_TRANSPOSED else (kernel, frozenset())
    unroll, resident = (1, False) if transposed else _unroll(kernel, lanes, cost)
    sweeps = _Sweeps(kernel, needed)
    scratch = {} if resident else sweeps.choose_scratch(lanes, unroll)
    return LoopPlan(
        kernel, lanes, unroll, sweeps.depends, tuple([max(d, default=-1) + 1 for d in sweeps.depends]), sweeps.stage,
        tuple(sorted(needed - sweeps.inside)), sweeps.listed(scratch, resident),
        tuple([k for k, p in enumerate(sweeps.placed) if p < 0]), scratch, resident, transposed,
    )  # fmt: skip


def work(spec: RowKernel) -> int:
    """About how many instructions on single numbers the kernel takes."""
    return math.prod(spec.shape) * (sum([op_cost(spec, v) for v in _needed(spec)]) + len(spec.stores))


# ----------------------------------------------------------------------------------------------------------- the loop nest


def normalise(spec: RowKernel) -> RowKernel:
    """The same kernel with loops of one step dropped, loops merged where every array allows it, and the vectorised loop the last
    of the kept or of the reduced ones."""
    counted = {dict(op.params)["loop"] for op in spec.ops if op.name == "iota"}
    shape = list(spec.shape)
    steps = {d: [a.strides[d] for a in _accesses(spec)] for d in range(len(shape))}
    groups = []
    vector = spec.vector
    for loops in (range(spec.kept), range(spec.kept, len(shape))):
        left = [d for d in loops if shape[d] != 1]
        vector = _merge(left, shape, steps, counted, vector)
        groups.append(left)
    kept, reduced = groups
    if not kept and not reduced:
        kept = [0] if shape else []
        if not shape:
            shape, steps, kept = [1], {0: [0] * len(_accesses(spec))}, [0]
    if vector not in kept and vector not in reduced:
        vector = max(kept or reduced, key=lambda d: (sum([abs(s) == 1 for s in steps[d]]), d))
    for group in (kept, reduced):
        if vector in group:
            group.remove(vector)
            group.append(vector)
    order = kept + reduced
    return _reordered(spec, order, len(kept), order.index(vector), shape, steps)


def _transpose(kernel: RowKernel, needed: frozenset[int], lanes: int) -> tuple[RowKernel, frozenset[int]]:
    """If loads of an elementwise kernel are contiguous along another loop than the vectorised one: the kernel with that loop as
    the one before it, and these loads."""
    if kernel.kept != len(kernel.shape) or lanes < 4 or any(is_reduction(op) for op in kernel.ops):
        return kernel, frozenset()
    gathered = {dict(op.params)["load"] for op in kernel.ops if op.name == "gather"}
    found: dict[int, list[int]] = {}
    for v, access in enumerate(kernel.loads):
        if v in needed and v not in gathered and abs(access.strides[kernel.vector]) > 1 and itemsize(access.dtype) >= 4:
            for d, stride in enumerate(access.strides):
                if stride == 1 and kernel.shape[d] >= 4:
                    found.setdefault(d, []).append(v)
    if not found:
        return kernel, frozenset()
    last = max(found, key=lambda d: len(found[d]))
    order = [d for d in range(kernel.kept) if d not in (last, kernel.vector)] + [last, kernel.vector]
    steps = {d: [a.strides[d] for a in _accesses(kernel)] for d in order}
    transposed = _reordered(kernel, order, kernel.kept, kernel.kept - 1, list(kernel.shape), steps)
    return transposed, frozenset(found[last])


def _merge(loops: list[int], shape: list[int], steps: dict[int, list[int]], counted: set[int], vector: int) -> int:
    """Join pairs of loops that together are one; returns the vectorised loop."""

    def is_one(outer: int, inner: int) -> bool:
        pairs = zip(steps[outer], steps[inner], strict=True)
        return outer not in counted and inner not in counted and all([a == b * shape[inner] for a, b in pairs])

    while pair := next((pair for pair in permutations(loops, 2) if is_one(*pair)), None):
        outer, inner = pair
        shape[outer] *= shape[inner]
        steps[outer] = steps[inner]
        loops.remove(inner)
        vector = outer if vector == inner else vector
    return vector


def _reordered(
    spec: RowKernel, order: list[int], kept: int, vector: int, shape: list[int], steps: dict[int, list[int]]
) -> RowKernel:
    number = {d: n for n, d in enumerate(order)}
    strides = list(zip(*(steps[d] for d in order), strict=True)) or [()] * len(_accesses(spec))
    count = len(spec.loads)
    loads = tuple([Access(a.dtype, strides[n]) for n, a in enumerate(spec.loads)])
    stores = tuple([(v, Access(a.dtype, strides[count + n])) for n, (v, a) in enumerate(spec.stores)])
    ops = tuple([_renumbered(op, number) for op in spec.ops])
    return RowKernel(tuple([shape[d] for d in order]), kept, vector, loads, ops, stores)


def _renumbered(op: Op, number: dict[int, int]) -> Op:
    if op.name != "iota":
        return op
    loop = dict(op.params)["loop"]
    if loop not in number:
        return Op("constant", (), op.dtype, (("value", 0),))
    return op._replace(params=(("loop", number[loop]),))


def _accesses(spec: RowKernel) -> list[Access]:
    return [*spec.loads, *(a for _, a in spec.stores)]


# -------------------------------------------------------------------------------------------------------------- the values


def dtype_of(kernel: RowKernel, v: int) -> str:
    """The dtype of value v."""
    count = len(kernel.loads)
    return kernel.loads[v].dtype if v < count else kernel.ops[v - count].dtype


def is_reduction(op: Op) -> bool:
    """Whether the operation reduces."""
    return op.name in STEP


def operation(kernel: RowKernel, v: int) -> Op | None:
    """The operation that gives value v, None for a load."""
    count = len(kernel.loads)
    return None if v < count else kernel.ops[v - count]


def op_cost(kernel: RowKernel, v: int) -> int:
    """About how many instructions value v takes."""
    op = operation(kernel, v)
    if op is None or op.name in CHEAP or is_reduction(op):
        return 1
    return MIDDLING.get(op.name, EXPENSIVE)


def _needed(kernel: RowKernel) -> frozenset[int]:
    found: set[int] = set()
    todo = [v for v, _ in kernel.stores]
    count = len(kernel.loads)
    while todo:
        v = todo.pop()
        if v not in found:
            found.add(v)
            todo += kernel.ops[v - count].args if v >= count else ()
    return frozenset(found)


def _dependences(kernel: RowKernel) -> tuple[tuple[frozenset[int], ...], tuple[int, ...]]:
    """For each value, the loops along which it varies and the number of reductions in a row that it follows from."""
    depends: list[frozenset[int]] = []
    stage: list[int] = []
    for access in kernel.loads:
        depends.append(frozenset([d for d, s in enumerate(access.strides) if s]))
        stage.append(0)
    for op in kernel.ops:
        loops = frozenset[int]().union(*(depends[a] for a in op.args))
        params = dict(op.params)
        if op.name == "iota":
            loops = frozenset([params["loop"]])
        elif op.name in ("gather", "words"):
            loops |= depends[params["load"]]
        reduces = is_reduction(op)
        depends.append(frozenset([d for d in loops if d < kernel.kept]) if reduces else loops)
        stage.append(max((stage[a] for a in op.args), default=0) + reduces)
    return tuple(depends), tuple(stage)


def _unroll(kernel: RowKernel, lanes: int, cost: int) -> tuple[int, bool]:
    """How many vectors are worked on at once, and whether these are a whole reduced row."""
    vectors = -(-kernel.shape[kernel.vector] // lanes)
    alone = kernel.vector == kernel.kept == len(kernel.shape) - 1
    if alone and 0 < vectors <= RESIDENT and vectors * cost <= 600:
        return vectors, True
    unroll = 4 if cost <= 8 else 2 if cost <= 32 else 1
    return max(1, min(unroll, vectors)), False


# -------------------------------------------------------------------------------------------------------------- the sweeps


class _Sweeps:
    """Which values and stores belong to which sweep."""

    def __init__(self, kernel: RowKernel, needed: frozenset[int]) -> None:
        self.kernel = kernel
        self.depends, self.stage = _dependences(kernel)
        self.inside = frozenset([v for v in needed if any(d >= kernel.kept for d in self.depends[v])])
        self.placed = [self._first_sweep(v, access) for v, access in kernel.stores]
        first = len(kernel.loads)
        self.reductions = [v for v in sorted(needed) if v >= first and is_reduction(kernel.ops[v - first])]
        self.count = max([0, *(self.stage[v] for v in self.reductions), *(p + 1 for p in self.placed)])
        self._delay_stores()

    def _first_sweep(self, v: int, access: Access) -> int:
        """The sweep after which value v is known, -1 for a store that happens once per point."""
        varies = any(access.strides[self.kernel.kept :])
        if v in self.inside and not varies:
            raise ValueError(f"value {v} varies along the reduced loops, its store does not: {self.kernel}")
        return self.stage[v] if varies else -1

    def _delay_stores(self) -> None:
        """What is stored may take the place of what was read the same way: a store waits for the last sweep that reads so."""
        loads = self.kernel.loads
        changed = True
        while changed:
            changed = False
            for p in range(self.count - 1, 0, -1):
                reads = {loads[v] for v in self._within(p) if v < len(loads)}
                for k, (_, access) in enumerate(self.kernel.stores):
                    if 0 <= self.placed[k] < p and access in reads:
                        self.placed[k] = p
                        changed = True

    def _within(self, p: int, known: frozenset[int] = frozenset()) -> frozenset[int]:
        """The values computed within sweep p, if those in `known` can be read."""
        todo = [operation(self.kernel, v).args[0] for v in self.reductions if self.stage[v] == p + 1]  # type: ignore[union-attr]
        todo += [v for k, (v, _) in enumerate(self.kernel.stores) if self.placed[k] == p]
        found: set[int] = set()
        while todo:
            v = todo.pop()
            if v in self.inside and v not in found:
                found.add(v)
                op = operation(self.kernel, v)
                todo += () if v in known or op is None else op.args
        return frozenset(found)

    def choose_scratch(self, lanes: int, unroll: int) -> dict[int, tuple[tuple[int, ...], int]]:
        """The values kept in scratch rows: those that cost much and that more than one sweep needs."""
        found: dict[int, tuple[tuple[int, ...], int]] = {}
        left = SCRATCH_BYTES
        for v in sorted(self.inside, reverse=True):
            if op_cost(self.kernel, v) < EXPENSIVE:
                continue
            strides, size = _scratch_row(self.kernel, self.depends[v], lanes, unroll)
            size_bytes = size * itemsize(dtype_of(self.kernel, v))
            uses = sum([v in one.compute for one in self.listed(found)])
            if uses > 1 and size_bytes <= left:
                left -= size_bytes
                found[v] = strides, size
        return found

    def listed(self, scratch: Collection[int], resident: bool = False) -> tuple[Sweep, ...]:
        """All sweeps. The first one that computes a value of `scratch` keeps it, those after it read it."""
        kept = frozenset(scratch)
        known: frozenset[int] = frozenset()
        sweeps = []
        for p in range(self.count):
            compute = frozenset([v for v in self.inside if self.stage[v] == p]) if resident else self._within(p, known)
            reductions = tuple([v for v in self.reductions if self.stage[v] == p + 1])
            stores = tuple([k for k, q in enumerate(self.placed) if q == p])
            sweeps.append(Sweep(compute, compute & known, (compute & kept) - known, reductions, stores))
            known |= compute & kept
        return tuple(sweeps)


def _scratch_row(kernel: RowKernel, depends: frozenset[int], lanes: int, unroll: int) -> tuple[tuple[int, ...], int]:
    """Strides of a scratch row and how many entries it has, with room for whole groups of vectors."""
    strides = [0] * len(kernel.shape)
    size = 1
    if kernel.vector in depends:
        strides[kernel.vector] = 1
        size = lanes * unroll
    for d in range(len(kernel.shape) - 1, kernel.kept - 1, -1):
        if d == kernel.vector and d in depends:
            size = -(-kernel.shape[d] // size) * size
        elif d in depends:
            strides[d] = size
            size *= kernel.shape[d]
    return tuple(strides), size
