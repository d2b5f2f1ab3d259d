"""Row, flat, scatter and scan kernels against NumPy: random nests, dtypes and layouts, and the kernels that matter most."""

from __future__ import annotations

import ctypes
import math
from types import SimpleNamespace

import numpy as np
import pytest
from reference import _run as run_with_numpy

from microgradient.native.codegen.dispatch import generate, pieces
from microgradient.native.codegen.ir import module
from microgradient.native.plan.kernel import Access, FlatKernel, Op, RowKernel, ScanKernel, ScatterKernel
from microgradient.native.runtime import engine

WIDTHS = (128, 256, 512)


def compiled(spec, bits):
    """The kernel as a Python callable (args, begin, end)."""
    text = module([generate(spec, "kernel", bits)])
    code = engine.Code(engine.compile_text(text, engine.host()), from_disk=False)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(code.address("kernel"))
    function.code = code
    return function


def run(spec, operands, bits=512, n=None):
    """Run all pieces, the last first, on (flat array, first entry) pairs; the status."""
    status = np.zeros(1, np.int64)
    addresses = [memory.ctypes.data + entry * memory.itemsize for memory, entry in operands]
    count = pieces(spec) if n is None else pieces(spec, n)
    arguments = np.array([*addresses, *([] if n is None else [n]), status.ctypes.data], np.int64)
    kernel = compiled(spec, bits)
    for piece in reversed(range(count)):
        kernel(arguments.ctypes.data, piece, piece + 1)
    return status[0]


def check(spec, operands, bits=512, n=None, rtol=2e-5, atol=1e-5, status=0):
    """The kernel changes its arrays as NumPy does; nothing else in their memory changes."""
    memories = {id(m): m.copy() for m, _ in operands}
    with np.errstate(all="ignore"):
        run_with_numpy(SimpleNamespace(spec=spec, number=n), [(memories[id(m)], e) for m, e in operands])
    assert run(spec, operands, bits, n) == status
    for memory, _ in operands:
        expected = memories[id(memory)]
        if memory.dtype.kind == "f":
            np.testing.assert_allclose(memory, expected, rtol=rtol, atol=atol)
        else:
            np.testing.assert_array_equal(memory, expected)


def memory_for(rng, dtype, size):
    """A flat array of random entries."""
    kind = np.dtype(dtype).kind
    if kind == "f":
        return rng.standard_normal(size).astype(dtype)
    return rng.integers(0, 2, size).astype(bool) if kind == "b" else rng.integers(-9, 9, size).astype(dtype)


def laid_out(rng, shape, dtype, broadcast=0.0, gaps=True):
    """An access over the loops in random order, some backwards or broadcast, with gaps, and its operand."""
    order = rng.permutation(len(shape)) if rng.random() < 0.5 else np.arange(len(shape))
    strides, step, entry = [0] * len(shape), 1, int(rng.integers(0, 3))
    for d in reversed(order):
        if rng.random() < broadcast:
            continue
        back = rng.random() < 0.15
        strides[d] = -step if back else step
        entry += step * (shape[d] - 1) if back and shape[d] else 0
        step *= shape[d] + int(gaps and rng.random() < 0.2)
    return Access(dtype, tuple(strides)), (memory_for(rng, dtype, max(1, step) + entry + 2), entry)


OPERATIONS = {
    "f": [("add", 2), ("multiply", 2), ("subtract", 2), ("maximum", 2), ("negative", 1), ("tanh", 1), ("abs", 1)],
    "i": [("add", 2), ("multiply", 2), ("subtract", 2), ("minimum", 2), ("negative", 1)],
    "b": [("logical_and", 2), ("logical_or", 2), ("logical_not", 1), ("logical_xor", 2)],
}


def random_kernel(rng, dtype, shape, kept):
    """Loads, a few operations with reductions among them if loops are reduced, and stores of the last values."""
    loads = [laid_out(rng, shape, dtype, 0.2) for _ in range(int(rng.integers(1, 4)))]
    ops, varies = [], [any(a.strides[d] for d in range(kept, len(shape)) if shape[d] > 1) for a, _ in loads]
    kind = dtype[0].replace("u", "i")
    for _ in range(int(rng.integers(1, 7))):
        name, count = OPERATIONS[kind][rng.integers(len(OPERATIONS[kind]))]
        args = tuple(int(x) for x in rng.integers(0, len(varies), count))
        reduces = kept < len(shape) and kind != "b" and rng.random() < 0.4
        if reduces:
            name, args = str(rng.choice(["reduce_sum", "reduce_max", "reduce_min"])), args[:1]
        ops.append(Op(name, args, dtype))
        varies.append(not reduces and any(varies[a] for a in args))
    stores, operands = [], [o for _, o in loads]
    for v in sorted({len(varies) - 1, int(rng.integers(0, len(varies)))}):
        where = list(shape)
        if not varies[v] and rng.random() < 0.7:
            where[kept:] = [1] * (len(shape) - kept)
        access, operand = laid_out(rng, tuple(where), dtype)
        strides = tuple(0 if n == 1 and m != 1 else s for s, n, m in zip(access.strides, where, shape, strict=True))
        stores.append((v, Access(dtype, strides)))
        operands.append(operand)
    vector = int(rng.integers(len(shape)))
    return RowKernel(shape, kept, vector, tuple(a for a, _ in loads), tuple(ops), tuple(stores)), operands


SIZES = [1, 2, 3, 4, 7, 10, 16, 17, 31, 33, 50]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4", "u1", "b1"])
def test_random_nests(dtype):
    rng = np.random.default_rng([ord(c) for c in dtype])
    for trial in range(25):
        shape = tuple(int(rng.choice(SIZES)) for _ in range(rng.integers(1, 4)))
        kept = int(rng.integers(0, len(shape) + 1)) if dtype != "u1" else len(shape)
        spec, operands = random_kernel(rng, dtype, shape, kept)
        check(spec, operands, WIDTHS[trial % 3], rtol=1e-3, atol=1e-3)


def dense(shape, dtype="f4", axes=None):
    """The access of a C-contiguous array whose axes are these loops (0 elsewhere)."""
    axes = range(len(shape)) if axes is None else axes
    strides, step = [0] * len(shape), 1
    for d in reversed(axes):
        strides[d], step = step, step * shape[d]
    return Access(dtype, tuple(strides))


class Ops:
    """Writes operations one after the other; each call gives the number of its value."""

    def __init__(self, loads, dtype="f4"):
        self.count, self.dtype, self.ops = loads, dtype, []

    def __call__(self, name, *args, dtype=None, **params):
        self.ops.append(Op(name, args, dtype or self.dtype, tuple(params.items())))
        return self.count + len(self.ops) - 1


def softmax(shape, kept, vector, dtype="f4"):
    op = Ops(1, dtype)
    e = op("exp", op("subtract", 0, op("reduce_max", 0)))
    y = op("divide", e, op("reduce_sum", e))
    every = dense(shape, dtype)
    return RowKernel(shape, kept, vector, (every,), tuple(op.ops), ((y, every),))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("columns", [1, 2, 3, 10, 17, 64, 300])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_softmax(columns, dtype, bits):
    x = np.random.default_rng(columns).standard_normal((37, columns)).astype(dtype) * 10
    e = np.exp((x - x.max(1, keepdims=True)).astype("f8"))
    for vector in (0, 1):
        y = np.zeros_like(x)
        run(softmax(x.shape, 1, vector, dtype), [(x, 0), (y, 0)], bits)
        np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-6)
        run(softmax(x.shape, 1, vector, dtype), [(y := x.copy(), 0), (y, 0)], bits)  # in the place of x
        np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-6)


@pytest.mark.parametrize("columns", [1, 5, 128, 130, 500, 20_000])
def test_layer_norm(columns):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype("f4") for s in ((19, columns), columns, columns))
    op = Ops(3)
    share = op("constant", value=1 / columns)
    centred = op("subtract", 0, op("multiply", op("reduce_sum", 0), share))
    variance = op("multiply", op("reduce_sum", op("square", centred)), share)
    scale = op("reciprocal", op("sqrt", op("add", variance, op("constant", value=1e-5))))
    y = op("add", op("multiply", op("multiply", centred, scale), 1), 2)
    shape = x.shape
    loads = (dense(shape), dense(shape, axes=[1]), dense(shape, axes=[1]))
    spec = RowKernel(shape, 1, 1, loads, tuple(op.ops), ((y, dense(shape)), (scale, dense(shape, axes=[0]))))
    out, scales = np.zeros_like(x), np.zeros(19, "f4")
    run(spec, [(x, 0), (w, 0), (b, 0), (out, 0), (scales, 0)])
    exact = x.astype("f8")
    factor = 1 / np.sqrt(exact.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(scales, factor[:, 0], rtol=1e-5)
    np.testing.assert_allclose(out, (exact - exact.mean(1, keepdims=True)) * factor * w + b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("vector", [0, 1])
@pytest.mark.parametrize("columns", [3, 64, 100, 3000])
def test_log_softmax_backward(columns, vector):
    """t - exp(y) Σ t, from y = log_softmax(x), written in the place of t."""
    rng = np.random.default_rng(1)
    y, t = (rng.standard_normal((23, columns)).astype("f4") for _ in range(2))
    op = Ops(2)
    result = op("subtract", 1, op("multiply", op("exp", 0), op("reduce_sum", 1)))
    every = dense(y.shape)
    spec = RowKernel(y.shape, 1, vector, (every, every), tuple(op.ops), ((result, every),))
    exact = t - np.exp(y.astype("f8")) * t.astype("f8").sum(1, keepdims=True)
    run(spec, [(y, 0), (t, 0), (t, 0)])
    np.testing.assert_allclose(t, exact, rtol=1e-4, atol=1e-4)


def test_a_store_waits_for_the_last_pass_that_reads_what_it_replaces():
    """y = x - 1 takes the place of x, and z = x / Σx reads x after that."""
    op = Ops(1)
    y = op("subtract", 0, op("constant", value=1.0))
    z = op("divide", 0, op("reduce_sum", 0))
    every = dense((5, 1000))
    x = np.random.default_rng(2).random((5, 1000), dtype="f4")
    before, out = x.copy(), np.zeros_like(x)
    run(RowKernel((5, 1000), 1, 1, (every,), tuple(op.ops), ((y, every), (z, every))), [(x, 0), (x, 0), (out, 0)])
    np.testing.assert_array_equal(x, before - 1)
    np.testing.assert_allclose(out, before / before.sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("columns", [1, 10, 64, 130])
@pytest.mark.parametrize("rows_", [0, 1, 7, 700])
def test_column_sums(rows_, columns):
    x = np.random.default_rng(3).standard_normal((rows_, columns)).astype("f4")
    op = Ops(1)
    total, greatest = op("reduce_sum", 0), op("reduce_max", 0)
    where = Access("f4", (1, 0))
    spec = RowKernel(
        (columns, rows_), 1, 0, (Access("f4", (1, columns)),), tuple(op.ops), ((total, where), (greatest, where))
    )
    out, most = np.ones(columns, "f4"), np.ones(columns, "f4")
    run(spec, [(x, 0), (out, 0), (most, 0)])
    np.testing.assert_allclose(out, x.astype("f8").sum(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(most, x.max(0, initial=-np.inf))


@pytest.mark.parametrize("kept", [0, 1])
def test_long_sums_are_accurate(kept):
    """As many as a million terms, along the vectorised loop or across it."""
    x = np.random.default_rng(4).random(1_000_000, dtype="f4")
    load = (Access("f4", (1,)),) if not kept else (Access("f4", (1, 16)),)
    shape = (1_000_000,) if not kept else (16, 62_500)
    store = ((1, Access("f4", (0,) if not kept else (1, 0))),)
    out = np.zeros(16, "f4")
    run(RowKernel(shape, kept, 0, load, (Op("reduce_sum", (0,), "f4"),), store), [(x, 0), (out, 0)])
    exact = x.reshape(-1, 16 if kept else 1).sum(0, dtype="f8")
    np.testing.assert_allclose(out[: len(exact)], exact, rtol=1e-6)


@pytest.mark.parametrize("vector", [0, 1])
@pytest.mark.parametrize("columns", [2, 20, 500])
def test_extremes_of_nan_and_sums_of_zeros(columns, vector):
    x = np.zeros((4, columns), "f4") - 0.0
    x[0] = -0.0
    x[1, columns // 2] = np.nan
    x[2, -1] = -np.inf
    op = Ops(1)
    values = [op(f"reduce_{name}", 0) for name in ("max", "min", "sum", "prod")]
    shape, where = x.shape, dense((4, columns), axes=[0])
    outs = [np.ones(4, "f4") for _ in values]
    spec = RowKernel(shape, 1, vector, (dense(shape),), tuple(op.ops), tuple((v, where) for v in values))
    run(spec, [(x, 0), *((o, 0) for o in outs)])
    with np.errstate(all="ignore"):
        for out, f in zip(outs, (np.max, np.min, np.sum, np.prod), strict=True):
            np.testing.assert_array_equal(out, f(x, axis=1))
    assert not np.signbit(outs[2][0])


@pytest.mark.parametrize("window", [2, 3])
@pytest.mark.parametrize("vector", [2, 1])
def test_pooling(window, vector):
    """The greatest of each window of an image; the windows' loops are reduced."""
    n, size = 5, 33
    side = size // window
    x = np.random.default_rng(5).standard_normal((n, size, size)).astype("f4")
    shape = (n, side, side, window, window)
    load = Access("f4", (size * size, window * size, window, size, 1))
    store = Access("f4", (side * side, side, 1, 0, 0))
    out = np.zeros((n, side, side), "f4")
    run(RowKernel(shape, 3, vector, (load,), (Op("reduce_max", (0,), "f4"),), ((1, store),)), [(x, 0), (out, 0)])
    blocks = x[:, : side * window, : side * window].reshape(n, side, window, side, window)
    np.testing.assert_array_equal(out, blocks.max((2, 4)))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 40), (16, 16), (33, 70), (64, 100), (300, 47)])
def test_transposes(shape, dtype, bits):
    rng = np.random.default_rng(6)
    x = memory_for(rng, dtype, 2 * shape[0] * shape[1]).reshape(2, *shape)
    out = np.zeros((2, shape[1], shape[0]), dtype)
    size = shape[0] * shape[1]
    spec = RowKernel(
        (2, shape[1], shape[0]), 3, 2, (Access(dtype, (size, 1, shape[1])),), (),
        ((0, Access(dtype, (size, shape[0], 1))),),
    )  # fmt: skip
    run(spec, [(x, 0), (out, 0)], bits)
    np.testing.assert_array_equal(out, x.swapaxes(1, 2))


def test_values_of_no_loop_and_of_outer_loops():
    """A single number, a number per row, and loop variables beside arrays."""
    op = Ops(3, "f8")
    bias = op("square", 0)
    row = op("multiply", 1, bias)
    at = [op("astype", op("iota", dtype="i8", loop=d)) for d in (0, 1, 2)]
    y = op("add", op("add", op("add", op("multiply", 2, row), at[0]), at[1]), at[2])
    shape = (3, 20, 35)
    loads = (Access("f8", (0, 0, 0)), dense(shape, "f8", [1]), dense(shape, "f8"))
    spec = RowKernel(shape, 3, 2, loads, tuple(op.ops), ((y, dense(shape, "f8")),))
    rng = np.random.default_rng(7)
    check(spec, [(memory_for(rng, "f8", n), 0) for n in (1, 20, 2100, 2100)])


@pytest.mark.parametrize("bits", WIDTHS)
def test_gather(bits):
    """Rows of a table (an index for each row), and single entries (an index for each entry)."""
    rng = np.random.default_rng(8)
    table, out = memory_for(rng, "f4", 50 * 33), np.zeros(21 * 33, "f4")
    index = rng.integers(-50, 50, 21)
    params = (("load", 0), ("strides", (33,)), ("sizes", (50,)))
    loads = (Access("f4", (0, 1)), Access("i8", (1, 0)))
    spec = RowKernel((21, 33), 2, 1, loads, (Op("gather", (1,), "f4", params),), ((2, dense((21, 33))),))
    check(spec, [(table, 0), (index, 0), (out, 0)], bits)
    columns = rng.integers(-33, 33, (21, 33)).astype("i4")
    params = (("load", 0), ("strides", (33, 1)), ("sizes", (50, 33)))
    loads = (Access("f4", (0, 0)), Access("i8", (1, 0)), Access("i4", (33, 1)))
    spec = RowKernel((21, 33), 2, 1, loads, (Op("gather", (1, 2), "f4", params),), ((3, dense((21, 33))),))
    check(spec, [(table, 0), (index, 0), (columns.reshape(-1), 0), (out, 0)], bits)


@pytest.mark.parametrize("place", [0, 13, 20])
@pytest.mark.parametrize("bad", [50, -51, 2**62])
def test_a_bad_index_sets_the_status(place, bad):
    table, index, out = np.arange(50, dtype="f4"), np.arange(21), np.zeros(21, "f4")
    params = (("load", 0), ("strides", (1,)), ("sizes", (50,)))
    loads = (Access("f4", (0,)), Access("i8", (1,)))
    spec = RowKernel((21,), 1, 0, loads, (Op("gather", (1,), "f4", params),), ((2, Access("f4", (1,))),))
    assert run(spec, [(table, 0), (index, 0), (out, 0)]) == 0
    index[place] = bad
    assert run(spec, [(table, 0), (index, 0), (out, 0)]) == 1
    scatter = ScatterKernel((21,), Access("f4", (1,)), (Access("i8", (1,)),), Access("f4", (0,)), (1,), (50,), True)
    target = np.zeros(50, "f4")
    assert run(scatter, [(out, 0), (index, 0), (target, 0)]) == 1


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 100, 5000, 20_001])
def test_flat(n, dtype, bits):
    """Momentum: two arrays changed in place, a single number as the rate."""
    rng = np.random.default_rng(9)
    p, g, m = (memory_for(rng, dtype, n + 3) for _ in range(3))
    rate = np.array([0.1], dtype)
    op = Ops(4, dtype)
    velocity = op("add", op("multiply", 2, op("constant", value=0.9)), 1)
    result = op("subtract", 0, op("multiply", velocity, op("sqrt", 3)))
    array, single = Access(dtype, (1,)), Access(dtype, (0,))
    spec = FlatKernel((array, array, array, single), tuple(op.ops), ((result, array), (velocity, array)))
    v = m[:n] * np.dtype(dtype).type(0.9) + g[:n]
    expected = [p[:n] - v * np.sqrt(rate), v]
    rest = [p[n:].copy(), m[n:].copy()]
    run(spec, [(p, 0), (g, 0), (m, 0), (rate, 0), (p, 0), (m, 0)], bits, n)
    for have, want, after in zip((p, m), expected, rest, strict=True):
        np.testing.assert_array_equal(have[:n], want)
        np.testing.assert_array_equal(have[n:], after)


@pytest.mark.parametrize("add", [True, False])
@pytest.mark.parametrize("columns", [1, 3, 64, 150, 1000])
def test_scatter_of_rows(columns, add):
    """Rows into a table of 7, so that many meet, in the order in which they come."""
    rng = np.random.default_rng(10)
    value, target = memory_for(rng, "f4", 60 * columns), memory_for(rng, "f4", 7 * columns)
    index = rng.integers(-7, 7, 60).astype("i4")
    spec = ScatterKernel(
        (60, columns), Access("f4", (columns, 1)), (Access("i4", (1, 0)),), Access("f4", (0, 1)), (columns,), (7,), add
    )
    check(spec, [(value, 0), (index, 0), (target, 0)], rtol=1e-6)


@pytest.mark.parametrize("add", [True, False])
def test_scatter_along_an_axis(add):
    """target[i, index[i, j]]: rows are independent; and the windows of an image, which overlap."""
    rng = np.random.default_rng(11)
    value, target = memory_for(rng, "f8", 40 * 300), memory_for(rng, "f8", 40 * 11)
    index = rng.integers(-11, 11, 40 * 300)
    spec = ScatterKernel(
        (40, 300), Access("f8", (300, 1)), (Access("i8", (300, 1)),), Access("f8", (11, 0)), (1,), (11,), add
    )
    assert pieces(spec) > 1 or 40 * 300 < 16_384
    check(spec, [(value, 0), (index, 0), (target, 0)], rtol=1e-12)
    spec = ScatterKernel((9, 3), Access("f8", (3, 1)), (), Access("f8", (1, 1)), (), (), add)
    check(spec, [(value, 0), (target, 0)], rtol=1e-12)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1"])
@pytest.mark.parametrize("name", ["sum", "prod", "recurrence"])
def test_scan(name, dtype, bits):
    """Along the last axis, the first, one in the middle, backwards and of broadcast entries; to the bit."""
    rng = np.random.default_rng(13)
    for shape, strides in [
        ((7,), (1,)), ((5, 9), (9, 1)), ((33, 70), (1, 33)), ((16, 300), (1, 16)), ((2, 50, 6), (300, 1, 50)),
        ((3, 4, 2, 5), (40, 1, 4, 8)), ((1000, 40), (-1, 1000)), ((300, 1), (1, 0)), ((4, 1, 8), (8, 0, 1)),
    ]:  # fmt: skip
        size, first = math.prod(shape), -sum(min(s, 0) * (n - 1) for s, n in zip(strides, shape, strict=True))
        b, a, out = (memory_for(rng, dtype, size + 5) for _ in range(3))
        given = [(Access(dtype, strides), (b, first)), (Access(dtype, (0,) * len(shape)), (a, 3))]
        given = given[: 1 + (name == "recurrence")]
        spec = ScanKernel(shape, name, tuple(access for access, _ in given), dense(shape, dtype))
        check(spec, [*(operand for _, operand in given), (out, 0)], bits, rtol=0, atol=0)


def test_pieces():
    """Small work is one piece, large work many, work without kept points none."""

    def add(*shape):
        every = dense(shape)
        return RowKernel(shape, len(shape), len(shape) - 1, (every, every), (Op("add", (0, 1), "f4"),), ((2, every),))

    assert pieces(add(10, 10)) == 1
    assert pieces(add(0, 10)) == 0
    assert 8 < pieces(add(1000, 1000)) <= 64


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("shape", [(4, 4), (33, 70), (300, 47), (257, 260)])
def test_a_transposed_operand(shape, bits):
    """xᵀ + y, with the loop variables."""
    rng = np.random.default_rng(12)
    x, y, out = (memory_for(rng, "f4", shape[0] * shape[1]) for _ in range(3))
    op = Ops(2)
    at = [op("astype", op("iota", dtype="i8", loop=d)) for d in (0, 1)]
    total = op("add", op("add", op("add", 0, 1), at[0]), op("multiply", at[1], at[1]))
    spec = RowKernel(shape, 2, 1, (Access("f4", (1, shape[0])), dense(shape)), tuple(op.ops), ((total, dense(shape)),))
    check(spec, [(x, 0), (y, 0), (out, 0)], bits, rtol=1e-6)
