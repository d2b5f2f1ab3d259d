"""Contraction kernels against einsum in float64, over sizes, loops, layouts, epilogues and vector widths."""

from __future__ import annotations

import ctypes
import itertools
import math
import string

import numpy as np
import pytest

from microgradient.native.codegen import tiling
from microgradient.native.codegen.dispatch import generate, pieces
from microgradient.native.codegen.ir import module
from microgradient.native.plan.kernel import Access, ContractionKernel, Op
from microgradient.native.runtime import engine

BITS = (128, 256, 512)


def compiled(spec, bits):
    """The kernel as a Python callable (args, begin, end), and the code that must stay."""
    code = engine.Code(engine.compile_text(module([generate(spec, "kernel", bits)]), engine.host()), from_disk=False)
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(code.address("kernel")), code


def run(spec, arrays, bits=512, order=None):
    """Run all pieces, in any order, on arrays whose first entries are the kernel's arguments."""
    status = np.zeros(1, np.int64)
    arguments = np.array([a.ctypes.data for a in (*arrays, status)], np.int64)
    (kernel, _code), count = compiled(spec, bits), pieces(spec)
    for piece in range(count) if order is None else order(count):
        kernel(arguments.ctypes.data, piece, piece + 1)
    assert status[0] == 0


def access(view):
    return Access(view.dtype.str[1:], tuple(s // view.itemsize for s in view.strides))


def laid_out(rng, shape, dtype, last=False):
    """Random numbers of that shape in a random memory order, some axes backwards or broadcast; with `last`, stride 1 there."""
    order = list(rng.permutation(len(shape) - last)) + [len(shape) - 1] * last
    stored = [shape[k] for k in order]
    flips = [k for k in range(len(stored) - last) if rng.random() < 0.15]
    single = [k for k in range(len(stored) - last) if rng.random() < 0.1]
    stored = [1 if k in single else n for k, n in enumerate(stored)]
    x = rng.standard_normal(stored).astype(dtype)
    x = x[tuple(slice(None, None, -1) if k in flips else slice(None) for k in range(x.ndim))]
    x = x.transpose(np.argsort(order))
    return np.broadcast_to(x, shape)


def product(a, b, batch, rows, columns, depth):
    """The contraction in float64."""
    letters = iter(string.ascii_letters)
    n, r, c, k = ("".join(itertools.islice(letters, len(loops))) for loops in (batch, rows, columns, depth))
    return np.einsum(f"{n}{r}{k},{n}{c}{k}->{n}{r}{c}", a.astype("f8"), b.astype("f8"))


def check(rng, batch, rows, columns, depth, bits=512, dtype="f4", out_order=None):
    """One random layout of these loops."""
    a = laid_out(rng, (*batch, *rows, *depth), dtype)
    # b in memory: its last column is last; as an operand: batch, columns, depth
    b = laid_out(rng, (*batch, *columns[:-1], *depth, *columns[-1:]), dtype, last=bool(columns))
    if columns:
        b = np.moveaxis(b, -1, len(batch) + len(columns) - 1)
    shape = (*batch, *rows, *columns)
    order = list(range(len(shape))) if out_order is None else list(out_order(len(shape)))
    memory = np.full([shape[k] for k in order], np.nan, dtype)
    out = memory.transpose(np.argsort(order))
    spec = ContractionKernel(batch, rows, columns, depth, access(a), access(b), (), (), ((0, access(out)),))
    run(spec, [a, b, out], bits)
    loops = batch, rows, columns, depth
    bound = (
        (math.prod(depth) + 1) * np.finfo(dtype).eps / 2 * product(abs(a), abs(b), *loops)
    )  # n·u·Σ|a||b|, Higham (3.5)
    assert np.all(abs(out - product(a, b, *loops)) <= bound)


def tolerance(dtype, depth, *factors):
    """n·ε times the largest product."""
    largest = np.prod([np.abs(f).max(initial=1) for f in factors])
    return (int(np.prod(depth)) + 4) * np.finfo(dtype).eps * largest


@pytest.mark.parametrize(
    "size", [(1, 1, 1), (1, 17, 3), (2, 1, 5), (3, 2, 31), (17, 33, 2), (31, 10, 17), (64, 65, 33)]
)
@pytest.mark.parametrize("bits", BITS)
def test_matrix_products_of_odd_sizes(size, bits):
    rows, columns, depth = size
    check(np.random.default_rng(rows), (), (rows,), (columns,), (depth,), bits)


@pytest.mark.parametrize("size", [(31, 17, 33), (8, 9, 100), (1, 3, 1)])
@pytest.mark.parametrize("bits", BITS)
def test_doubles(size, bits):
    check(np.random.default_rng(1), (), (size[0],), (size[1],), (size[2],), bits, "f8")


@pytest.mark.parametrize("seed", range(24))
def test_random_loops_and_layouts(seed):
    """Several loops of each kind, strides in any order, negative and 0; the result stored in any order."""
    rng = np.random.default_rng(seed)

    def loops(most, biggest):
        return tuple(int(n) for n in rng.integers(1, biggest + 1, rng.integers(0, most + 1)))

    batch, rows, columns, depth = loops(2, 3), loops(3, 7), loops(2, 19), loops(3, 6)
    check(rng, batch, rows, columns, depth, int(rng.choice(BITS)), out_order=rng.permutation)


@pytest.mark.parametrize(
    ("rows", "columns", "depth"), [(200, 300, 70), (400, 32, 40), (12, 1000, 30), (1000, 10, 30), (97, 101, 103)]
)
def test_work_in_several_blocks(rows, columns, depth):
    """Pieces are independent and cover the result, in any order."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((rows, depth)).astype("f4"), rng.standard_normal((depth, columns)).astype("f4")
    out = np.full((rows, columns), np.nan, "f4")
    spec = ContractionKernel((), (rows,), (columns,), (depth,), access(a), access(b.T), (), (), ((0, access(out)),))
    assert pieces(spec) > 1
    run(spec, [a, b, out], order=lambda n: reversed(range(n)))
    np.testing.assert_allclose(out, a.astype("f8") @ b, rtol=0, atol=tolerance("f4", (depth,), a, b))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_lines_of_b_that_are_pages_apart(dtype):
    check(np.random.default_rng(0), (2,), (150,), (1100,), (3, 71), dtype=dtype)


@pytest.mark.parametrize("depth", [(1500,), (1024,), (6, 190), (40, 3, 20)])
@pytest.mark.parametrize("columns", [33, 200])
def test_long_depth(depth, columns):
    """The depth done part by part, the last one smaller."""
    check(np.random.default_rng(columns), (), (70,), (columns,), depth, 256)


def test_batches_in_several_pieces():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((137, 20, 11)).astype("f4"), rng.standard_normal((137, 11, 23)).astype("f4")
    out = np.full((137, 20, 23), np.nan, "f4")
    spec = ContractionKernel(
        (137,), (20,), (23,), (11,), access(a), access(b.transpose(0, 2, 1)), (), (), ((0, access(out)),)
    )
    assert 1 < pieces(spec) < 137
    run(spec, [a, b, out])
    np.testing.assert_allclose(out, a.astype("f8") @ b, rtol=0, atol=tolerance("f4", (11,), a, b))


@pytest.mark.parametrize("sizes", [(2, 14, 14, 3, 8), (3, 7, 5, 1, 10), (1, 6, 30, 20, 33)])
@pytest.mark.parametrize("bits", [256, 512])
def test_convolution_and_its_weight_derivative(sizes, bits):
    """Rows over images and places, depth over the window, read straight from the padded image; and the other way round."""
    n, h, w, c, o = sizes
    rng = np.random.default_rng(0)
    image, kernel = (
        rng.standard_normal((n, h + 2, w + 2, c)).astype("f4"),
        rng.standard_normal((3, 3, c, o)).astype("f4"),
    )
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    weight = np.moveaxis(kernel, -1, 0)
    out = np.full((n, h, w, o), np.nan, "f4")
    spec = ContractionKernel(
        (), (n, h, w), (o,), (3, 3, c), access(windows), access(weight), (), (), ((0, access(out)),)
    )  # fmt: skip
    run(spec, [windows, weight, out], bits)
    np.testing.assert_allclose(
        out,
        product(windows, weight, (), (n, h, w), (o,), (3, 3, c)),
        rtol=0,
        atol=tolerance("f4", (9 * c,), image, kernel),
    )
    back, moved = np.full_like(kernel, np.nan), windows.transpose(3, 4, 5, 0, 1, 2)
    cotangent = np.moveaxis(out, -1, 0)
    spec = ContractionKernel(
        (), (3, 3, c), (o,), (n, h, w), access(moved), access(cotangent), (), (), ((0, access(back)),)
    )  # fmt: skip
    run(spec, [moved, cotangent, back], bits)
    np.testing.assert_allclose(
        back,
        product(moved, cotangent, (), (3, 3, c), (o,), (n, h, w)),
        rtol=0,
        atol=tolerance("f4", (n * h * w,), image, out),
    )


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("columns", [1, 16, 37])
def test_epilogue(rows, columns):
    """Bias, a factor per row, a residual read in place, a mask as output, another dtype, a broadcast scalar."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, rows, 9)).astype("f4"), rng.standard_normal((2, 9, columns)).astype("f4")
    bias, factor = rng.standard_normal(columns).astype("f4"), rng.standard_normal((2, rows)).astype("f8")
    scalar, keep = rng.standard_normal(1).astype("f4"), rng.random((2, rows, columns)) < 0.5
    out = rng.standard_normal((2, rows, columns)).astype("f4")  # also the residual
    before, positive, turned = out.copy(), np.zeros((2, rows, columns), bool), np.zeros((columns, rows, 2), "f8")
    loads = (
        Access("f4", (0, 0, 1)), Access("f8", (rows, 1, 0)), Access("f4", (0, 0, 0)), access(keep), access(out),
    )  # fmt: skip
    ops = (
        Op("add", (0, 1), "f4"),  # 6: + bias
        Op("constant", (), "f4", (("value", 0.5),)),  # 7
        Op("multiply", (7, 3), "f4"),  # 8: half the scalar, the same for all rows
        Op("multiply", (6, 8), "f4"),  # 9
        Op("add", (9, 5), "f4"),  # 10: + residual
        Op("constant", (), "f4", (("value", 0.0),)),  # 11
        Op("greater", (10, 11), "b1"),  # 12
        Op("where", (4, 10, 11), "f4"),  # 13
        Op("astype", (13,), "f8", (("dtype", np.dtype("f8")),)),  # 14
        Op("multiply", (14, 2), "f8"),  # 15
        Op("negative", (8,), "f4"),  # 16
        Op("multiply", (16, 13), "f4"),  # 17
    )
    stores = ((17, access(out)), (12, access(positive)), (15, access(turned.transpose(2, 1, 0))))
    spec = ContractionKernel(
        (2,), (rows,), (columns,), (9,), access(a), access(b.transpose(0, 2, 1)), loads, ops, stores
    )
    run(spec, [a, b, bias, factor, scalar, keep, out, out, positive, turned])
    value = (a.astype("f8") @ b + bias) * 0.5 * scalar + before
    kept = np.where(keep, value, 0)
    np.testing.assert_allclose(out, -0.5 * scalar * kept, rtol=1e-5, atol=1e-4)
    clear = abs(value) > 1e-4
    np.testing.assert_array_equal(positive[clear], value[clear] > 0)
    np.testing.assert_allclose(turned.transpose(2, 1, 0), kept * factor[..., None], rtol=1e-5, atol=1e-4)


def test_a_long_epilogue_runs_row_by_row():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((30, 4)).astype("f4"), rng.standard_normal((4, 45)).astype("f4")
    out = np.full((30, 45), np.nan, "f4")
    ops = tuple(Op("add", (k, k), "f4") for k in range(8))
    spec = ContractionKernel((), (30,), (45,), (4,), access(a), access(b.T), (), ops, ((8, access(out)),))
    run(spec, [a, b, out])
    np.testing.assert_allclose(out, 256 * (a.astype("f8") @ b), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("target", engine.targets())
def test_narrower_processors(target):
    """Without a fused multiply-add and with 16 registers, too."""
    with engine.forced(target):
        check(np.random.default_rng(0), (2,), (5, 9), (37,), (3, 4, 11), engine.host().vector_bits)


def test_empty_depth_gives_zero_and_empty_results_nothing():
    a, b, out = np.zeros((3, 0), "f4"), np.zeros((0, 5), "f4"), np.full((3, 5), np.nan, "f4")
    run(ContractionKernel((), (3,), (5,), (0,), access(a), access(b.T), (), (), ((0, access(out)),)), [a, b, out])
    np.testing.assert_array_equal(out, 0)
    strides = Access("f4", (1, 1))
    for rows, columns in [((0,), (5,)), ((3,), (0,))]:
        spec = ContractionKernel((), rows, columns, (4,), strides, strides, (), (), ((0, strides),))
        assert pieces(spec) == 0
        compiled(spec, 512)


def test_pieces_share_the_work_evenly():
    """A power of two of pieces for the usual sizes; one for little work; never more than 64 blocks of a big one."""

    def of(rows, depth, columns, *batch):
        access = Access("f4", (0,) * len(batch) + (1, 1))
        return pieces(ContractionKernel(batch, (rows,), (columns,), (depth,), access, access, (), (), ()))

    assert of(8, 8, 8) == 1
    assert of(64, 784, 128) in (4, 8, 16)
    assert of(1024, 1024, 1024) == 64
    assert of(64, 64, 32, 48) == 8
    assert of(1, 4, 1, 100_000) <= 64


FAR_APART = [  # rows, columns, depth: what is copied before use, with remainders of every kind
    ((512,), 128, (260,)), ((131,), 1024, (64,)), ((512,), 257, (768,)), ((128,), 512, (7, 72)), ((256,), 96, (63, 33)),
    ((64,), 1040, (511,)), ((65,), 1024, (513,)), ((200,), 544, (1025,)), ((12, 32), 384, (100,)), ((128,), 31, (2048,)),
    ((600,), 16, (300,)),
]  # fmt: skip


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(("rows", "columns", "depth"), FAR_APART)
@pytest.mark.parametrize("across", [True, False])
def test_operands_whose_lines_lie_far_apart(rows, columns, depth, across, bits):
    """Lines of a power of two of bytes, and `a` read along or across them, as the gradient of a weight reads it."""
    rng = np.random.default_rng(0)

    def lines(*shape):
        length = -(-shape[-1] // 128) * 128  # 512 bytes
        return rng.standard_normal((*shape[:-1], length)).astype("f4")[..., : shape[-1]]

    b = np.moveaxis(lines(*depth, columns), -1, 0)
    if across:
        a = np.moveaxis(lines(*depth, *rows), range(len(depth)), range(-len(depth), 0))
    else:
        a = lines(*rows, *depth)
    out = np.full((*rows, columns), np.nan, "f4")
    spec = ContractionKernel((), rows, (columns,), depth, access(a), access(b), (), (), ((0, access(out)),))
    run(spec, [a, b, out], bits)
    loops = (), rows, (columns,), depth
    bound = (math.prod(depth) + 1) * np.finfo("f4").eps / 2 * product(abs(a), abs(b), *loops)
    assert np.all(abs(out - product(a, b, *loops)) <= bound)


def test_each_way_to_copy_is_among_those():
    """Rows; panels one by one; all panels of a block; with a depth in parts, and without."""
    found = set()
    for rows, columns, depth in FAR_APART:
        line = -(-columns // 128) * 128
        a, b = np.empty((*depth, *rows), "f4"), np.empty((*depth, line), "f4")[..., :columns]
        a, b = np.moveaxis(a, range(len(depth)), range(-len(depth), 0)), np.moveaxis(b, -1, 0)
        out = np.empty((*rows, columns), "f4")
        spec = ContractionKernel((), rows, (columns,), depth, access(a), access(b), (), (), ((0, access(out)),))
        nest = tiling.normalise(spec)
        sizes = tiling.cut(nest)
        tile = tiling.choose_tile(nest, sizes, 8, 16)
        step = tiling.depth_step(nest, sizes, tile, 4)
        panels = tiling.copies_panels(nest, sizes, tile, 4, step)
        block = panels and tiling.copies_block(nest, sizes, tile, 4, step)
        found |= {("panels", panels and not block, step > 0), ("block", block, step > 0)}
        found.add(("rows", tiling.copies_rows(nest, sizes, tile, 4, step), step > 0))
    assert {(what, True, parts) for what in ("block", "rows") for parts in (True, False)} <= found
    assert any(what == "panels" and copied for what, copied, _ in found)


def test_what_is_copied_fits_on_the_stack():
    """Panels, rows and partial sums of a block together, of any sizes, numbers and width."""
    rng = np.random.default_rng(0)
    for _ in range(3000):
        rows, columns, depth = (int(n) for n in np.exp2(rng.uniform(4, 12, 3)))
        dtype, bits = str(rng.choice(["f4", "f8"])), int(rng.choice(BITS))
        width = int(dtype[1])
        a, b, out = Access(dtype, (1, rows)), Access(dtype, (1, columns)), Access(dtype, (columns, 1))
        spec = ContractionKernel((), (rows,), (columns,), (depth,), a, b, (), (), ((0, out),))
        nest = tiling.normalise(spec)
        sizes = tiling.cut(nest)
        tile = tiling.choose_tile(nest, sizes, bits // (8 * width), 32 if bits == 512 else 16)
        step = tiling.depth_step(nest, sizes, tile, width)
        part, panel = (step or depth), tile.vectors * tile.lanes
        taken = sizes.row_block * tiling.line(sizes, tile) if step else 0
        if tiling.copies_panels(nest, sizes, tile, width, step):
            taken += part * (tiling.line(sizes, tile) if tiling.copies_block(nest, sizes, tile, width, step) else panel)
        if tiling.copies_rows(nest, sizes, tile, width, step):
            taken += part * sizes.row_block
        assert taken * width <= tiling.LARGEST_STACK, (rows, columns, depth, dtype, bits)
