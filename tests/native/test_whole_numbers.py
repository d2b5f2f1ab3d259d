"""Products of whole numbers: the bits of NumPy's, at every width of vectors, on operands that were widened from fewer bits."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import microgradient as mg
from microgradient import errors
from microgradient.errors import MicrogradientWarning
from microgradient.native.lower.whole_numbers import fits
from microgradient.native.runtime import engine

NARROW = ["int8", "uint8", "int16"]
PAIRS = [
    ("int8", "int8"),
    ("uint8", "int8"),
    ("int8", "uint8"),
    ("uint8", "uint8"),
    ("int16", "int8"),
    ("uint8", "int16"),
]


@pytest.fixture(params=engine.targets())
def width(request):
    """Code for vectors of some width."""
    with engine.forced(request.param):
        yield request.param


def numbers(rng, shape, dtype):
    """Any numbers of this dtype, the extreme ones often."""
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    x[rng.random(shape) < 0.2] = limits.min
    x[rng.random(shape) < 0.2] = limits.max
    return x


def check(f, *arrays, host=()):
    """Compiled, f gives what NumPy does, on any number of threads; `host`: the calls of NumPy that are left."""
    wanted = np.asarray(f(*arrays))
    compiled = mg.compile(f)
    for threads in (1, 2):
        mg.set_num_threads(threads)
        y = compiled(*map(mg.asarray, arrays)).numpy()
        assert y.dtype == wanted.dtype
        np.testing.assert_array_equal(y, wanted)
    assert sorted(compiled.stats()["host_calls"]) == sorted(host)
    return compiled


@pytest.fixture(autouse=True)
def _threads():
    before = mg.get_num_threads()
    yield
    mg.set_num_threads(before)


def product(a, b, dtype="int32"):
    return a.astype(dtype) @ b.astype(dtype)


def slow(*values):
    """Left to `make test-all`."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_dtypes(width, left, right):
    rng = np.random.default_rng(0)
    for m, k, n in [(1, 1, 1), (3, 5, 2), (4, 8, 8), (7, 33, 17), (20, 64, 48), (1, 40, 33), (33, 40, 1)]:
        check(product, numbers(rng, (m, k), left), numbers(rng, (k, n), right))


@pytest.mark.parametrize("k", [3, 129, *slow(1, 2, 127, 128, 511, 512, 513, 1023, 1025)])
def test_sizes_beside_those_of_blocks(width, k):
    rng = np.random.default_rng(k)
    lanes = engine.host().vector_bits // 32
    for m, n in [(3, 7), (4, 8), (5, 9), (6, 2 * lanes - 1), (24, 2 * lanes), (25, 6 * lanes + 1), (13, 256), (70, 33)]:
        a, b = numbers(rng, (m, k), "int8"), numbers(rng, (k, n), "int8")
        check(product, a, b)
        check(lambda a, b: product(a, b.T), a, np.ascontiguousarray(b.T))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_sums_of_64_bits_wrap(width, dtype):
    rng = np.random.default_rng(1)
    wide = "uint64" if dtype == "uint64" else "int64"
    for m, k, n in [(5, 7, 9), (33, 20, 31), (1, 65, 4)]:
        check(lambda a, b: product(a, b, wide), numbers(rng, (m, k), dtype), numbers(rng, (k, n), dtype))


def test_extreme_values(width):
    low = {dtype: np.full((9, 512), np.iinfo(dtype).min, dtype) for dtype in NARROW}
    check(lambda a, b: product(a, b.T), low["int8"], low["int8"])
    check(lambda a, b: product(a, b.T), low["int16"][:, :511], low["int8"][:, :511])
    check(lambda a, b: product(a, b.T, "int64"), low["int16"], low["int16"])


def test_unsigned_results(width):
    rng = np.random.default_rng(2)
    check(lambda a, b: product(a, b, "uint32"), numbers(rng, (9, 300), "uint8"), numbers(rng, (300, 20), "uint8"))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32"])
def test_sums_that_might_not_fit_are_looked_at(width, dtype):
    rng = np.random.default_rng(3)
    for m, k, n in [(5, 40, 9), (1, 33, 20), (20, 7, 1), (30, 129, 34)]:
        a, b = numbers(rng, (m, k), dtype), numbers(rng, (k, n), dtype)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            errors._warned.clear()
            check(lambda a, b: a @ b, a, b, host=["in_range"])
        assert any("does not fit" in str(w.message) for w in caught)
        few = a[:, :2] // 100 if a.itemsize > 1 else a[:, :2] // 16
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fits_well = np.zeros((2, n), dtype)
            fits_well[0] = 1
            check(lambda a, b: a @ b, few, fits_well, host=["in_range"])


def test_halves_that_wrap_around():
    """Of int16 alone, two products of -2^15 with itself give 2^31, which wraps."""
    low = np.full((6, 10), -(2**15), "int16")
    errors._warned.clear()
    with pytest.warns(MicrogradientWarning, match="21474836480"):
        check(lambda a, b: product(a, b.T), np.repeat(low, 2, 1), np.repeat(low, 2, 1)[:5], host=["in_range"])
    check(lambda a, b: product(a, b.T), low[:, :1], low[:, :1])


@pytest.mark.parametrize("pair", list(itertools.product(["int8", "uint8", "int16", "uint16", "int32"], repeat=2)))
def test_what_fits_is_what_the_extremes_give(pair):
    ends = [[int(np.iinfo(d).min), int(np.iinfo(d).max)] for d in pair]
    sums = [n * p * q for n in (1,) for p in ends[0] for q in ends[1]]
    most = min((2**31 - 1) // max(max(sums), 1), 2**31 // max(-min(sums), 1))
    left, right, i4 = *map(np.dtype, pair), np.dtype("int32")
    assert not fits(left, right, most + 1, i4)
    assert most == 0 or fits(left, right, most, i4)


def test_strided_and_mirrored_operands(width):
    rng = np.random.default_rng(4)
    a, b = numbers(rng, (2, 31, 40), "int8"), numbers(rng, (40, 64), "int8")
    check(lambda a, b: product(a[1, ::2, ::-1], b[:, ::3]), a, b)
    check(lambda a, b: product(a[0, :, 1::2], b[::2, ::-1]), a, b)
    check(lambda a, b: (a[0].astype("int32").T[:, ::2]) @ b.astype("int32")[:16], a, b)


def test_batches(width):
    rng = np.random.default_rng(5)
    a, b = numbers(rng, (2, 3, 9, 21), "int8"), numbers(rng, (3, 21, 10), "int8")
    check(product, a, b)
    check(product, a[0, 0], b)
    check(product, a, b[0, :, 0])
    check(product, a[0, 0, 0], b[0, :, 0])


@pytest.mark.parametrize("shapes", [((0, 4), (4, 3)), ((3, 0), (0, 5)), ((2, 4), (4, 0)), ((0, 2, 3), (3, 4))])
def test_empty(shapes):
    check(product, *(np.ones(shape, "int8") for shape in shapes))


@pytest.mark.parametrize("spec", ["ij,jk->ik", "bij,bjk->bik", "ijk,jkl->il", "ijk,ljk->il", "bhqd,bhkd->bhqk"])
def test_einsum(width, spec):
    rng = np.random.default_rng(6)
    sizes = {c: n for n, c in zip(itertools.cycle([5, 8, 9, 6]), sorted(set(spec) - set(",->")), strict=False)}
    a, b = (numbers(rng, [sizes[c] for c in term], "int8") for term in spec.split("->")[0].split(","))
    wanted = np.einsum(spec, a.astype("int64"), b.astype("int64"))
    compiled = mg.compile(lambda a, b: mg.einsum(spec, a.astype("int32"), b.astype("int32")))
    np.testing.assert_array_equal(compiled(mg.asarray(a), mg.asarray(b)).numpy(), wanted)
    assert not compiled.stats()["host_calls"]


@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 2, "padding": 1}, {"dilation": 2}, {"groups": 2}])
@pytest.mark.parametrize("channels", [2, 6, 16])
def test_convolutions(width, options, channels):
    rng = np.random.default_rng(7)
    x = mg.asarray(numbers(rng, (2, channels, 9, 11), "uint8"))
    k = mg.asarray(numbers(rng, (8, channels // options.get("groups", 1), 3, 3), "int8"))

    def f(x, k):
        return mg.conv(x.astype("int32"), k.astype("int32"), **options)

    compiled = mg.compile(f)
    np.testing.assert_array_equal(compiled(x, k).numpy(), f(x, k).numpy())
    assert not compiled.stats()["host_calls"]


@pytest.mark.parametrize(
    ("channels", "out", "groups"), [(4, 1, 1), (6, 6, 6), (8, 3, 1), (8, 8, 4), (1, 8, 1), (3, 8, 1)]
)
def test_convolutions_with_few_channels(width, channels, out, groups):
    rng = np.random.default_rng(10)
    x = mg.asarray(numbers(rng, (2, channels, 7, 8), "int8"))
    k = mg.asarray(numbers(rng, (out, channels // groups, 3, 2), "int8"))

    def f(x, k):
        return mg.conv(x.astype("int32"), k.astype("int32"), groups=groups)

    np.testing.assert_array_equal(mg.compile(f)(x, k).numpy(), f(x, k).numpy())


@pytest.mark.parametrize("k", [33, *slow(2, 3, 30, 31, 32, 34, 64, 254, 510, 1022, 1024)])
def test_few_rows(width, k):
    """Rows that lie along memory are multiplied where they are, by few columns or many."""
    rng = np.random.default_rng(k)
    for m, n in [(1, 1), (1, 9), (2, 50), (3, 8), (9, 5), (12, 33), (13, 33), (40, 2)]:
        a, b = numbers(rng, (m, k), "int8"), numbers(rng, (n, k), "uint8")
        check(lambda a, b: product(a, b.T), a, b)
        check(lambda a, b: product(a[:, 1:], b[:, 1:].T), a, b)
        check(lambda a, b: product(a[:, ::-1], b.T), a, b)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_an_operand_that_is_summed_first(dtype):
    """Its sums don't fit into the bytes that it had."""
    rng = np.random.default_rng(12)
    for spec, *shapes in [
        ("ij,jk->ik", (9, 1), (30, 10)),
        ("ij,jk->ik", (9, 30), (1, 10)),
        ("ijl,jk->ik", (9, 12, 30), (12, 10)),
    ]:
        a, b = (numbers(rng, shape, "int8") for shape in shapes)
        y = mg.compile(lambda a, b, spec=spec: mg.einsum(spec, a.astype(dtype), b.astype(dtype)))(
            mg.asarray(a), mg.asarray(b)
        )
        np.testing.assert_array_equal(y.numpy(), np.einsum(spec, a.astype("int64"), b.astype("int64")))


def test_constants():
    rng = np.random.default_rng(11)
    a = numbers(rng, (9, 12), "int8")
    ones, table = np.ones((12, 10), "int8"), numbers(rng, (12, 10), "int8")
    for b in (ones, table):
        kept = mg.asarray(b)
        compiled = mg.compile(lambda a, kept=kept: product(a, kept))
        np.testing.assert_array_equal(compiled(mg.asarray(a)).numpy(), product(a, b))
    compiled = mg.compile(lambda a: product(a, mg.full((12, 10), 3, dtype="int8")))
    np.testing.assert_array_equal(compiled(mg.asarray(a)).numpy(), product(a, 3 * ones))
    compiled = mg.compile(lambda a: product(a[:1], mg.full((12, 10), 3, dtype="int8")))
    np.testing.assert_array_equal(compiled(mg.asarray(a)).numpy(), product(a[:1], 3 * ones))


def test_what_follows_is_done_with_the_product(width):
    """Scaled, shifted, cut at 0 and rounded to bytes again, by the kernel of the product."""
    rng = np.random.default_rng(8)
    x, w = numbers(rng, (20, 64), "int8"), numbers(rng, (48, 64), "int8")
    scale = mg.asarray(rng.random(48).astype("float32") / 1e3)

    def f(x, w):
        y = mg.relu((x.astype("int32") @ w.astype("int32").T).astype("float32") * scale)
        return mg.clip(mg.round(y), -128, 127).astype("int8")

    compiled = mg.compile(f)
    x, w = mg.asarray(x), mg.asarray(w)
    np.testing.assert_array_equal(compiled(x, w).numpy(), f(x, w).numpy())
    assert not compiled.stats()["host_calls"]


def test_widened_in_steps_that_change_the_numbers():
    """-1 as uint16 is 65535, and stays that."""
    rng = np.random.default_rng(9)
    a, b = numbers(rng, (5, 6), "int8"), numbers(rng, (6, 9), "int8")
    check(lambda a, b: a.astype("uint16").astype("int64") @ b.astype("int64"), a, b)
    check(lambda a, b: a.astype("int16").astype("int32") @ b.astype("int32"), a, b)
    check(lambda a, b: a.astype("uint8").astype("int32") @ b.astype("int32"), a, b)
