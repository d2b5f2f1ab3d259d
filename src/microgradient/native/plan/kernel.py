"""What a kernel computes, before it is machine code: the specifications that the schedule writes and the generators read.

A kernel is a function `void kernel(ptr args, i64 begin, i64 end)` that does pieces begin … end - 1 of its work. `args` holds a
pointer for each array it reads or writes, to the entry where all loop variables are 0, in the order that each class
below gives, and last the address of an i64 status that is set to 1 where an index is out of bounds. How many pieces there are
depends on the specification alone, never on the number of threads, so results don't either.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple


class Access(NamedTuple):
    """An array as a kernel reads or writes it: its NumPy dtype code ("f4", "f8", "i8", "b1", …), and for each loop by how many
    entries one step of that loop moves in it (0: broadcast; may be negative)."""

    dtype: str
    strides: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} strides {self.strides}"


class Op(NamedTuple):
    """One operation on single numbers. `args` are the numbers of earlier values of the same kernel: first come the
    loads, then the operations, each being one value.

    `name` is a pointwise primitive, or
      constant    no args; params (("value", x),)
      astype      one arg, to `dtype`
      reduce_sum, reduce_max, reduce_min, reduce_prod   (RowKernel alone) over all reduced loops
      gather      args are index values (integers); params (("load", k), ("strides", (…)), ("sizes", (…))): load number k at the
                  entry that the loops give plus Σ index·stride; a negative index counts from `size`; one out of bounds sets the
                  status and reads entry 0. Load k itself must not be read otherwise.
      words       (RowKernel alone) no args; params (("load", k), ("step", s)): the number of load k and the one s entries further
                  on, i1, u1 or i2, as the low and the high half of an i4. Load k itself must not be read otherwise.
      pair_product   two words: low half · low half + high half · high half, modulo 2³²
      iota        no args; params (("loop", d),): the loop variable d, as int64
    """

    name: str
    args: tuple[int, ...]
    dtype: str
    params: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        params = " ".join(f"{name}={value}" for name, value in self.params)
        return " ".join(filter(None, [self.name, *(f"v{a}" for a in self.args), params, f": {self.dtype}"]))


class RowKernel(NamedTuple):
    """Elementwise operations and reductions over a loop nest.

    `shape[:kept]` are the kept loops, outermost first, `shape[kept:]` the reduced ones. Values that follow from a reduction exist
    once for each point of the kept loops; operations that mix them with others run in a further sweep over the reduced loops, so
    that softmax is one kernel. A store of a value whose Access has stride 0 in all reduced loops happens once per kept point.
    `vector` is the loop that is vectorised, kept or reduced. args: a pointer for each load, for each store.
    """

    shape: tuple[int, ...]
    kept: int
    vector: int
    loads: tuple[Access, ...]
    ops: tuple[Op, ...]
    stores: tuple[tuple[int, Access], ...]  # (value, where)

    @property
    def text(self) -> list[str]:
        """What it is, then what it computes, line by line."""
        kept, reduced = self.shape[: self.kept], self.shape[self.kept :]
        over = f"for each of {_times(kept)}" if kept else "once"
        title = f"rows, {over}{f', reducing {_times(reduced)}' if reduced else ''}; vectors along loop {self.vector}"
        return [title, *_lines(self.loads, self.ops, self.stores)]

    @property
    def flops(self) -> int:
        """One for each operation on a number."""
        return math.prod(self.shape) * len(self.ops)


class FlatKernel(NamedTuple):
    """Elementwise operations on arrays that share one memory layout. The number of entries is known only when it runs, so that
    one kernel serves all shapes (optimisers). args: a pointer for each load, each store, and then n itself in the place of a
    pointer. A load with strides (0,) is one number for all; (1,) is an array.
    """

    loads: tuple[Access, ...]
    ops: tuple[Op, ...]
    stores: tuple[tuple[int, Access], ...]

    @property
    def text(self) -> list[str]:
        """What it is, then what it computes, line by line."""
        title = "elementwise"
        return [title, *_lines(self.loads, self.ops, self.stores)]

    @property
    def flops(self) -> int:
        """Operations for each entry."""
        return len(self.ops)


class ScatterKernel(NamedTuple):
    """target[loops·strides + Σ index·index_strides] += (or =) value, in the order of the loops, for index arrays.

    args: a pointer for the value, for each index array, for the target. Negative and bad indices as in `gather`.
    """

    shape: tuple[int, ...]
    value: Access
    indices: tuple[Access, ...]
    target: Access
    index_strides: tuple[int, ...]
    sizes: tuple[int, ...]
    add: bool

    @property
    def text(self) -> list[str]:
        """What it is, then what it computes, line by line."""
        title = f"scatter, for each of {_times(self.shape)}"
        return [title, f"value {self.value}, target {self.target}, {'added' if self.add else 'set'}"]

    @property
    def flops(self) -> int:
        """One for each value."""
        return math.prod(self.shape)


class ScanKernel(NamedTuple):
    """Running sums s_i = s_{i-1} + b_i, running products s_i = s_{i-1}·b_i, or s_i = a_i·s_{i-1} + b_i, along the last loop.

    `name` is "sum", "prod" or "recurrence"; s_0 = b_0. `inputs` are b and, for a recurrence, a, all of one dtype. args: their
    pointers, and that of the output.
    """

    shape: tuple[int, ...]
    name: str
    inputs: tuple[Access, ...]
    output: Access

    @property
    def text(self) -> list[str]:
        """What it is, then what it computes, line by line."""
        title = f"scan, for each of {_times(self.shape[:-1])}, {self.shape[-1]} steps"
        return [title, f"{self.name} of {', '.join(map(str, self.inputs))}, output {self.output}"]

    @property
    def flops(self) -> int:
        """One for each number read."""
        return math.prod(self.shape) * len(self.inputs)


class ContractionKernel(NamedTuple):
    """c[batch, rows, columns] = Σ over depth of a[batch, rows, depth] · b[batch, columns, depth], then `ops` on c.

    Value 0 is the finished sum; then come the loads, then the ops; what is stored is in `stores`. Access strides are over
    batch + rows + depth for `a`, batch + columns + depth for `b`, batch + rows + columns for loads and stores. The last column
    is the vectorised loop: b has stride 1 there (if columns is not empty). args: a's, b's, loads', stores' pointers. The sums
    are f4 or f8 as a and b are, or of the dtype `sums`, i4 or i8, of whole numbers of any kind. `pairs`: a and b are i4, each of
    them two numbers of 16 bits, whose two products are added.
    """

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    depth: tuple[int, ...]
    a: Access
    b: Access
    loads: tuple[Access, ...]
    ops: tuple[Op, ...]
    stores: tuple[tuple[int, Access], ...]
    sums: str = ""
    pairs: bool = False

    @property
    def text(self) -> list[str]:
        """What it is, then what it computes, line by line."""
        parts = {"batch": self.batch, "rows": self.rows, "columns": self.columns, "depth": self.depth}
        sizes = ", ".join(f"{name} {_times(sizes)}" for name, sizes in parts.items() if sizes)
        title = f"contraction, {sizes}"
        dtype = f" : {self.sums}" if self.sums else ""
        product = f"v0 = Σ a·b{' of pairs' if self.pairs else ''}{dtype}, a {self.a}, b {self.b}"
        return [title, product, *_lines(self.loads, self.ops, self.stores, first=1)]

    @property
    def flops(self) -> int:
        """Multiplications and additions, and one for each operation on a finished number."""
        size = math.prod(self.batch + self.rows + self.columns)
        return 2 * (1 + self.pairs) * size * math.prod(self.depth) + size * len(self.ops)


class DrawKernel(NamedTuple):
    """`size` random numbers as `microgradient.random` draws them, in C order, from the blocks that follow the counter.

    kind     numbers      dtype
    uniform    (low, high)  f4, f8
    normal     (mean, std)  f4, f8
    bernoulli  (p,)         any

    args: the state, two int64 (seed modulo 2^64, counter), which stays; the numbers. Who launches it moves the counter on.
    """

    kind: str
    size: int
    dtype: str
    numbers: tuple[float, ...]

    @property
    def blocks(self) -> int:
        """How many blocks it uses: by so much the counter moves on."""
        return -(-self.size // self.per_block)

    @property
    def per_block(self) -> int:
        """How many numbers come from a block: float64 takes 64-bit words, all else 32-bit ones."""
        return 4 if self.dtype == "f8" and self.kind != "bernoulli" else 8

    @property
    def text(self) -> list[str]:
        """What it is, then what it computes, line by line."""
        title = f"random, {self.size} numbers"
        return [title, f"{self.kind} {self.numbers} : {self.dtype}"]

    @property
    def flops(self) -> int:
        """One for each number."""
        return self.size


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _lines(loads: Any, ops: Any, stores: Any, first: int = 0) -> list[str]:
    lines = [f"v{first + k} = load {a}" for k, a in enumerate(loads)]
    start = first + len(lines)
    return lines + [f"v{start + k} = {op}" for k, op in enumerate(ops)] + [f"store v{v} {a}" for v, a in stores]
