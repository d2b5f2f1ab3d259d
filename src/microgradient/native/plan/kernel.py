"""What a kernel computes, before it is machine code: the specifications that the schedule writes and the generators read.

A kernel is a function `void kernel(ptr args, i64 begin, i64 end)` that does pieces begin … end - 1 of its work. `args` holds a
pointer for each array it reads or writes, to the entry where all loop variables are 0, in the order that each class
below gives, and last the address of an i64 status that is set to 1 where an index is out of bounds. How many pieces there are
depends on the specification alone, never on the number of threads, so results don't either.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Access(NamedTuple):
    """An array as a kernel reads or writes it: its NumPy dtype code ("f4", "f8", "i8", "b1", …), and for each loop by how many
    entries one step of that loop moves in it (0: broadcast; may be negative)."""

    dtype: str
    strides: tuple[int, ...]


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
      iota        no args; params (("loop", d),): the loop variable d, as int64
    """

    name: str
    args: tuple[int, ...]
    dtype: str
    params: tuple[tuple[str, Any], ...] = ()


class RowKernel(NamedTuple):
    """Elementwise operations and reductions over a loop nest.

    `shape[:kept]` are the kept loops, outermost first, `shape[kept:]` the reduced ones. Values that follow from a reduction exist
    once for each point of the kept loops; operations that mix them with others run in a further pass over the reduced loops, so
    that softmax is one kernel. A store of a value whose Access has stride 0 in all reduced loops happens once per kept point.
    `vector` is the loop that is vectorised, kept or reduced. args: a pointer for each load, for each store.
    """

    shape: tuple[int, ...]
    kept: int
    vector: int
    loads: tuple[Access, ...]
    ops: tuple[Op, ...]
    stores: tuple[tuple[int, Access], ...]  # (value, where)


class FlatKernel(NamedTuple):
    """Elementwise operations on arrays that all lie in memory alike. The number of entries is known only when it runs, so that
    one kernel serves all shapes (optimisers). args: a pointer for each load, each store, and then n itself in the place of a
    pointer. A load with strides (0,) is one number for all; (1,) is an array.
    """

    loads: tuple[Access, ...]
    ops: tuple[Op, ...]
    stores: tuple[tuple[int, Access], ...]


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


class ScanKernel(NamedTuple):
    """Running sums s_i = s_{i-1} + b_i, running products s_i = s_{i-1}·b_i, or s_i = a_i·s_{i-1} + b_i, along the last loop.

    `name` is "sum", "prod" or "recurrence"; s_0 = b_0. `inputs` are b and, for a recurrence, a, all of one dtype. args: their
    pointers, and that of the output.
    """

    shape: tuple[int, ...]
    name: str
    inputs: tuple[Access, ...]
    output: Access


class ContractionKernel(NamedTuple):
    """c[batch, rows, columns] = Σ over terms and depth of a[batch, rows, depth] · b[batch, columns, depth], then `ops` on c.

    Value 0 is the finished sum; then come the loads, then the ops; what is stored is in `stores`. Access strides are over
    batch + rows + depth for `a`, batch + columns + depth for `b`, batch + rows + columns for loads and stores. The last column
    is the vectorised loop: b has stride 1 there (if columns is not empty). With `terms` = n > 1, a and b have n pointers
    each, and the products of all pairs are added up. args: a's, b's, loads', stores' pointers. dtype f4 or f8.
    """

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    depth: tuple[int, ...]
    terms: int
    a: Access
    b: Access
    loads: tuple[Access, ...]
    ops: tuple[Op, ...]
    stores: tuple[tuple[int, Access], ...]


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
