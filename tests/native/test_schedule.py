"""The schedule computes what the program says: its kernels, run on NumPy, give what the instructions gave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import run_reference

from microgradient import rules_linalg  # noqa: F401
from microgradient.native.codegen.pointwise import supported
from microgradient.native.plan.schedule import schedule
from microgradient.native.runtime.executable import Executable
from microgradient.primitives import TABLE
from microgradient.program.program import Alias, Instruction, Program
from microgradient.rules import INDEX
from programs import Book, Recorded

RNG = np.random.default_rng(0)


def check(book: Book, *outputs: Recorded, aliases: Any = (), tolerance: float = 1e-5) -> Any:
    """Run the schedule of a program on the recorded inputs and compare with what was recorded."""
    program = book.program(*outputs, aliases=aliases)
    plan = schedule(program, supported)
    got = run_reference(program, [x.array for x in book.inputs], plan)
    for have, want in zip(got, outputs, strict=True):
        assert have.dtype == want.dtype
        np.testing.assert_allclose(have, want.array, rtol=tolerance, atol=tolerance)
    return plan


def real(*shape: int, dtype: Any = np.float32) -> Any:
    return RNG.normal(size=shape).astype(dtype)


def test_a_chain_of_elementwise_operations_is_one_flat_kernel() -> None:
    b = Book()
    x, y = b.input(real(3, 5)), b.input(real(3, 5))
    plan = check(b, b.exp(x * y) + x * 2.0)
    assert len(plan.launches) == 1
    assert type(plan.launches[0].spec).__name__ == "FlatKernel"


def test_softmax_is_one_kernel() -> None:
    b = Book()
    x = b.input(real(4, 7))
    e = b.exp(x + -b.max(x, axis=(1,), keepdims=True))
    plan = check(b, e / b.sum(e, axis=(1,), keepdims=True))
    assert len(plan.launches) == 1


@pytest.mark.parametrize("axis", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("name", ["sum", "max", "min"])
def test_reductions_of_permuted_arrays(name: str, axis: Any, keepdims: bool) -> None:
    b = Book()
    x = b.permute_dims(b.input(real(4, 3, 5)), axes=(2, 0, 1))
    y = getattr(b, name)(x * x, axis=axis, keepdims=keepdims)
    check(b, y, y * 2.0)


def test_a_large_sum_is_cut_into_stages() -> None:
    b = Book()
    x = b.input(real(40, 30, 50))
    check(b, b.sum(x, axis=(0, 1, 2), keepdims=False), b.sum(x * x, axis=(0, 1), keepdims=False), tolerance=1e-3)


@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)),
                                    ((1, 3, 4), (2, 4, 5)), ((4,), (4, 5)),
                                    ((3, 4), (4,)), ((4,), (4,)), ((6, 2, 3, 4), (2, 4, 1)), ((2, 0), (0, 3))])  # fmt: skip
def test_matmul_and_its_transposes(shapes: Any) -> None:
    b = Book()
    x, y = b.input(real(*shapes[0])), b.input(real(*shapes[1]))
    z = b.relu(b.matmul(x, y) + 1.0)
    check(b, z)
    if len(shapes[0]) > 1 and len(shapes[1]) > 1:
        gx, gy = TABLE["matmul"].vjp(b, z, z, (x, y), (True, True), {})
        check(b, z, gx, gy)


def test_linear_layer_with_transposed_weight_and_both_gradients() -> None:
    b = Book()
    x, w, bias = b.input(real(6, 4, 8)), b.input(real(24, 8)), b.input(real(24))
    wt = b.permute_dims(w, axes=(1, 0))
    y = b.matmul(x, wt) + bias
    t = y * 0.5
    gx, gw = TABLE["matmul"].vjp(b, t, y, (x, wt), (True, True), {})
    grad = b.permute_dims(b.sum(gw, axis=(0,), keepdims=False), axes=(1, 0))
    check(b, y, gx, grad, b.sum(t, axis=(0, 1), keepdims=False))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
def test_convolutions(stride: int, dilation: int, groups: int, padding: int) -> None:
    b = Book()
    x, w = b.input(real(2, 4, 7, 8)), b.input(real(6, 4 // groups, 3, 2))
    options = {
        "stride": (stride, 1),
        "padding": ((padding, padding), (0, padding)),
        "dilation": (dilation, 1),
        "groups": groups,
    }
    y = b.conv(x, w, **options)
    gx = b.conv_input(y, w, **options, size=(7, 8))
    gw = b.conv_weight(x, y, **options, window=(3, 2))
    check(b, b.relu(y), gx, gw, tolerance=1e-4)


@pytest.mark.parametrize(("window", "stride"), [((2, 2), (2, 2)), ((3, 2), (1, 2)), ((2, 2), (3, 3))])
def test_max_pooling_and_its_gradient(window: Any, stride: Any) -> None:
    b = Book()
    x = b.input(real(2, 3, 7, 6))
    options = {"window": window, "stride": stride, "dilation": (1, 1)}
    v = b.windows(x, **options)
    y = b.max(v, axis=(4, 5), keepdims=False)
    (g,) = TABLE["max"].vjp(b, y, y, (v,), (True,), {"axis": (4, 5), "keepdims": False})
    check(b, y, b.windows_add(g, **options, size=(7, 6)))


@pytest.mark.parametrize("key", [(INDEX,), (slice(None), INDEX), (INDEX, INDEX), (slice(1, 3), INDEX, 0),
                                 (INDEX, slice(None), INDEX),
                                 (0, INDEX), (None, INDEX), (Ellipsis, INDEX)])  # fmt: skip
def test_indexing_with_arrays(key: Any) -> None:
    b = Book()
    x = b.input(real(4, 3, 5))
    n = sum(k == INDEX and isinstance(k, str) for k in key)
    indices = [b.input(RNG.integers(-3, 3, (2, 3) if i == 0 else (3,))) for i in range(n)]
    y = b.index(x, *indices, key=key)
    check(b, y * 2.0)
    if None not in key:
        check(b, b.index_add(y, *indices, key=key, shape=x.shape))


@pytest.mark.parametrize(
    "key", [(slice(1, 3),), (slice(None, None, 2), 1), (Ellipsis, slice(None, None, -1)), (0,), (None, 2, Ellipsis)]
)
def test_basic_indexing_and_its_transpose(key: Any) -> None:
    b = Book()
    x = b.input(real(4, 3, 5))
    y = b.index(x, key=key) * 3.0
    check(b, y, b.index_add(y, key=key, shape=x.shape))


def test_take_along_axis_and_back() -> None:
    b = Book()
    x, i = b.input(real(4, 5)), b.input(RNG.integers(0, 5, (4, 2)))
    y = b.take_along_axis(x, i, axis=1)
    check(b, y, b.scatter_along_axis(y, i, axis=1, shape=(4, 5)))


def test_concat_pad_roll_triangles_flip() -> None:
    b = Book()
    x, y = b.input(real(4, 5)), b.input(real(2, 5))
    z = b.concat(x * 2.0, y, b.exp(y), axis=0)
    outs = [
        z,
        b.pad(x * x, widths=((1, 2), (0, 3))),
        b.roll(x, shift=(2, -1), axis=(0, 1)),
        b.tril(x, k=1),
        b.triu(x, k=-1),
    ]
    check(b, *outs, b.flip(x, axis=(1,)), b.sum(z, axis=(0,), keepdims=False))


def test_pieces_that_numpy_computes() -> None:
    """The first one lies at the beginning of the assembly, in the order in which NumPy writes, and is only a part of it."""
    b = Book()
    x = b.input(real(3, 3))
    first, second = b.inv(x), b.inv(x + 1.0)
    check(
        b, b.concat(first, x, second, axis=0), b.pad(second, widths=((0, 2), (0, 0))), b.concat(second, first, axis=1)
    )


def test_a_weight_used_at_every_step() -> None:
    """The gradient of a recurrent weight is added up in the epilogues of contractions, that of the inputs one assembly."""
    b = Book()
    w = b.input(real(8, 8))
    xs = b.input(real(5, 3, 8))
    h, grads, back = b.index(xs, key=(0,)), None, None
    for t in range(5):
        before = h
        h = b.tanh(b.matmul(h, w) + b.index(xs, key=(t,)))
        g = b.matmul(b.permute_dims(before, axes=(1, 0)), h)
        grads = g if grads is None else grads + g
        piece = b.index_add(h, key=(t,), shape=xs.shape)
        back = piece if back is None else back + piece
    plan = check(b, h, grads, back, tolerance=1e-4)
    products = [launch for launch in plan.launches if type(launch.spec).__name__ == "ContractionKernel"]
    assert len(products) == 10
    assert len(plan.launches) == 11  # and a copy of h, which two outputs have


@pytest.mark.parametrize("n", [8, 40])
def test_operands_of_contractions_that_are_assembled_later(n: int) -> None:
    """A product that was planned with the strides of its operands finds them so, though an assembly would have them otherwise."""
    b = Book()
    x, y = b.input(real(n, n)), b.input(real(n + 1, n))
    v, w = b.tanh(x), b.sin(x)
    wide = b.concat(b.reshape(v, shape=(n, n, 1)), b.reshape(x, shape=(n, n, 1)), axis=2)
    check(b, b.matmul(y, v), wide)  # v as vectors
    check(b, b.matmul(y, v) + b.matmul(y * 2.0, w), b.concat(w, x, axis=1))  # two terms, w of which would be spread
    check(b, b.matmul(v, x) + b.matmul(w, x), b.concat(w, x, axis=1))


def test_what_has_no_kernel_runs_on_numpy() -> None:
    b = Book()
    x = b.input(real(3, 3, dtype=np.float64))
    spd = b.matmul(x, b.permute_dims(x, axes=(1, 0))) + b.constant(np.eye(3))
    values, vectors = b.eigh(spd)
    check(b, b.cholesky(spd) * 2.0, values, b.matmul(vectors, vectors), b.cumulative_sum(x, axis=0))


def test_views_that_numpy_returns_are_kept_until_they_are_picked() -> None:
    x = Instruction("input", (), {}, (64,), np.dtype("f8"))
    e = Instruction("exp", (x,), {}, (64,), x.dtype)
    options = {"function": lambda a: (a[::-1], a[::-1]), "name": "reversed", "pure": True}
    both = Instruction("host", (e,), options, None, None)
    picks = [Instruction("pick", (both,), {"i": k, "n": 2}, (64,), x.dtype) for k in range(2)]
    roots = [Instruction("sqrt", (p,), {}, (64,), x.dtype) for p in picks]
    given, found = real(64, dtype=np.float64), [np.empty(64), np.empty(64)]
    Executable(Program([x], [e, both, *picks, *roots], roots)).run([given], found)
    for y in found:
        np.testing.assert_allclose(y, np.exp(given / 2)[::-1])


def test_updates_in_place() -> None:
    b = Book()
    p, g = b.input(real(4, 4)), b.input(real(4, 4))
    new = p + g * -0.1
    check(b, new, aliases=[Alias(0, 0)])
    late = b.matmul(p, g)  # reads the old p after it was overwritten
    check(b, new, late, aliases=[Alias(0, 0)])
    check(b, b.permute_dims(p, axes=(1, 0)) + p, aliases=[Alias(0, 0)])
    check(b, b.matmul(p, p) + p, aliases=[Alias(0, 0)])


def test_outputs_that_are_inputs_constants_views_or_twice() -> None:
    b = Book()
    x = b.input(real(2, 3))
    y = x * 2.0
    check(
        b,
        x,
        b.zeros((2, 2), np.float32),
        b.permute_dims(y, axes=(1, 0)),
        y,
        y,
        b.reshape(y, shape=(6,)),
        b.constant(np.arange(3.0)),
    )


@pytest.mark.parametrize("name", ["norm"])
def test_norm(name: str) -> None:
    b = Book()
    x = b.input(np.array([[3e30, 4e30], [0, 0], [3e-30, 4e-30]], np.float32))
    check(b, b.norm(x, axis=(1,), keepdims=False), b.norm(x, axis=(0, 1), keepdims=True))


def test_assemblies_of_assemblies_are_one() -> None:
    b = Book()
    x, y, z = b.input(real(2, 3)), b.input(real(2, 3)), b.input(real(3))
    inner = b.pad(b.concat(x * 2.0, y * 3.0, axis=0), widths=((1, 0), (0, 1)))
    outer = b.concat(inner, b.pad(b.reshape(z * 4.0, shape=(1, 3)), widths=((0, 1), (1, 0))), axis=0)
    spread = b.index_add(outer, key=(slice(1, 15, 2), slice(0, 8, 2)), shape=(16, 9))
    plan = check(b, spread)
    assert len(plan.launches) == 4  # the three pieces, and the copy to the output


def natively(book: Book, *outputs: Recorded) -> list[Any]:
    """What the machine code computes."""
    found = [np.empty(o.shape, o.dtype) for o in outputs]
    Executable(book.program(*outputs)).run([x.array for x in book.inputs], found)
    return found


def test_pieces_that_take_turns_are_one_assembly() -> None:
    """The gradient of pooling: even and odd places of rows, then of columns; two kernels, and neither adds."""
    b = Book()
    x, rows, columns = b.input(real(2, 3, 4)), b.input(real(2, 3, 4) > 0), b.input(real(2, 6, 4) > 0)
    parts = [b.where(rows, x, 0.0), b.where(rows, 0.0, x)]
    places = [(Ellipsis, slice(k, 6, 2), slice(None)) for k in range(2)]
    tall = b.index_add(parts[0], key=places[0], shape=(2, 6, 4)) + b.index_add(parts[1], key=places[1], shape=(2, 6, 4))
    parts = [b.where(columns, tall, 0.0), b.where(columns, 0.0, tall)]
    places = [(Ellipsis, slice(k, 8, 2)) for k in range(2)]
    wide = b.index_add(parts[0], key=places[0], shape=(2, 6, 8)) + b.index_add(parts[1], key=places[1], shape=(2, 6, 8))
    plan = check(b, wide)
    assert len(plan.launches) == 3  # the last copies to the output
    np.testing.assert_array_equal(natively(b, wide)[0], wide.array)


def test_no_sum_of_assemblies_is_minus_zero() -> None:
    b = Book()
    x = b.input(np.full(3, -0.0, np.float32))
    pieces = [b.index_add(b.sin(x), key=(slice(k, k + 3),), shape=(6,)) for k in (0, 3)]
    alone = b.index_add(b.sin(x), key=(slice(0, 6, 2),), shape=(6,))
    found, single = natively(b, pieces[0] + pieces[1], alone)
    assert not np.signbit(found).any()
    np.testing.assert_array_equal(np.signbit(single), np.signbit(alone.array))


@pytest.mark.parametrize("channels", [16, 48, 5])
def test_columns_are_summed_where_they_are_computed(channels: int) -> None:
    """The bias gradient of a convolution: channels lie innermost, the sums over places join the group that computes them."""
    b = Book()
    x, y = b.input(real(9, 7, 5, channels)), b.input(real(9, 7, 5, channels))
    z = b.permute_dims(b.tanh(x), axes=(0, 3, 1, 2)) * b.permute_dims(y, axes=(0, 3, 1, 2))
    total = b.sum(z, axis=(3,), keepdims=False)
    plan = check(b, z, total, tolerance=1e-4)
    joined = [launch.spec for launch in plan.launches if any("multiply" in op.name for op in launch.spec.ops)]
    assert any(op.name == "reduce_sum" for op in joined[0].ops) == (channels != 5)
    for have, want in zip(natively(b, z, total), (z, total), strict=True):
        np.testing.assert_allclose(have, want.array, rtol=1e-4, atol=1e-5)


def test_a_small_product_of_great_depth_is_shared() -> None:
    """The weight gradient of a first convolution: one result for each image, then their sum."""
    b = Book()
    x, g = b.input(real(32, 1, 24, 24)), b.input(real(32, 8, 24, 24))
    options = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1, "window": (3, 3)}
    w = b.conv_weight(x, g, **options)
    plan = check(b, w, tolerance=1e-3)
    product = next(launch.spec for launch in plan.launches if type(launch.spec).__name__ == "ContractionKernel")
    assert product.batch == (32,)
    np.testing.assert_allclose(natively(b, w)[0], w.array, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("add", [True, False])
def test_what_is_scattered_to_an_output_is_written_there(add: bool) -> None:
    """The gradient of an embedding, which is as large as its table: no copy of it in the arena."""
    b = Book()
    table, rows, at = b.input(real(500, 8)), b.input(real(20, 8)), b.input(RNG.integers(0, 500, 20))
    key = (INDEX,)
    options = {"key": key, "shape": (500, 8)}
    result = b.index_add(rows, at, **options) if add else b.index_set(table, rows * 2.0, at, key=key)
    plan = check(b, result, b.exp(result))
    assert plan.arena_bytes < 500 * 8 * 4
    for have, want in zip(natively(b, result, b.exp(result)), (result, b.exp(result)), strict=True):
        np.testing.assert_allclose(have, want.array, rtol=1e-6, atol=1e-6)


def test_kernels_that_differ_in_the_sign_of_zero() -> None:
    b = Book()
    x, y = b.input(real(4)), b.input(real(5))
    outputs = b.copysign(x, 0.0), b.copysign(y, -0.0)
    for have, want in zip(natively(b, *outputs), outputs, strict=True):
        np.testing.assert_array_equal(have, want.array)
