"""Scattering, order statistics, histograms, sampled functions: NumPy's and SciPy's values, differences, compiled, edges."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.spatial.distance

import microgradient as mg
from microgradient.errors import ArgumentError, OutOfRangeError, ShapeError

rng = np.random.default_rng(41)


def distinct(*shape):
    n = int(np.prod(shape))
    return (rng.permutation(n) * 0.1 - 0.05 * n + 0.013).reshape(shape)


X = distinct(4, 3)
V = distinct(2, 3) + 0.031
I = np.array([[2, 0, 2], [2, -1, 0]])  # noqa: E741
S = np.array([1, 0, 1, 3])
HOLES = np.where(rng.uniform(size=(4, 5)) < 0.3, np.nan, distinct(4, 5))
PLACES = np.array([0.0, 0.4, 1.5, 1.9])

GRADIENTS = {
    "index_add": (lambda x, v: mg.index_add(x, [2, 0, 2], v), (X, distinct(3, 3))),
    "index_add axis 1": (lambda x, v: mg.index_add(x, [0, -1], v, axis=1), (X, distinct(4, 2))),
    **{f"scatter {r} {s}": (lambda x, v, r=r, s=s: mg.scatter(x, I, v, axis=0, reduce=r, include_self=s), (X, V))
       for r in (None, "sum", "mean", "prod", "max", "min") for s in (True, False)},
    **{f"segment_{r}": (lambda x, r=r: getattr(mg, f"segment_{r}")(x, S, num_segments=4)[[0, 1, 3]], (X,))
       for r in ("sum", "mean", "prod", "max", "min")},
    "segments along axis 1": (lambda x: mg.segment_prod(x, [0, 1, 0], axis=1), (np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 0.0]]),)),
    "median": (mg.median, (X,)), "median axis": (lambda x: mg.median(x, axis=1, keepdims=True), (X,)),
    **{f"quantile {m}": (lambda x, m=m: mg.quantile(x, [0.2, 0.5, 0.9], axis=0, method=m), (X,))
       for m in ("linear", "lower", "higher", "midpoint", "nearest")},
    "quantile in its part": (lambda x, q: mg.quantile(x, q, axis=0), (X, np.array([0.2, 0.55]))),
    "kthvalue": (lambda x: mg.kthvalue(x, 2, axis=0)[0], (X,)), "mode": (lambda x: mg.mode(x)[0], (X,)),
    "cumulative_max": (lambda x: mg.cumulative_max(x, axis=0)[0], (X,)),
    "cumulative_min": (lambda x: mg.cumulative_min(x)[0], (X,)), "cumulative_logsumexp": (mg.cumulative_logsumexp, (X,)),
    "bincount": (lambda w: mg.bincount([0, 2, 2], weights=w), (distinct(3),)),
    "histogram": (lambda w: mg.histogram([0.1, 0.2, 0.9], 3, weights=w)[0], (distinct(3),)),
    "cov": (mg.cov, (X,)), "corrcoef": (mg.corrcoef, (X,)), "cov complex": (mg.cov, (X + 1j * X[::-1],)),
    "cov weighted": (lambda x, w: mg.cov(x, fweights=[1, 2, 3], aweights=w), (X, np.array([0.3, 0.9, 0.4]))),
    "interp": (mg.interp, (np.array([0.3, 1.1, 1.7]), PLACES, distinct(4))),
    "trapezoid": (mg.trapezoid, (X, np.array([0.0, 1.0, 3.0]))),
    "cumulative_trapezoid": (lambda y, x: mg.cumulative_trapezoid(y, x, axis=0, initial=0.5), (X, PLACES)),
    "gradient": (lambda y, x: mg.gradient(y, spacing=x, axis=0, edge_order=2), (X, PLACES)),
    "cdist": (mg.cdist, (distinct(2, 3), distinct(4, 3))), "cdist of order 1": (lambda a, b: mg.cdist(a, b, ord=1), (X, V)),
    "kron": (mg.kron, (X, V)), "nan_to_num": (mg.nan_to_num, (X,)), "cartesian_product": (mg.cartesian_product, (X[0], X[1])),
    "combinations": (lambda x: mg.combinations(x, 2, with_replacement=True), (X[0],)),
    "unique_consecutive": (lambda x: mg.unique_consecutive(x)[0], (X[0],)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_derivatives_agree_with_differences(name):
    f, args = GRADIENTS[name]
    mg.check_gradients(f, *args, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(GRADIENTS) - {"unique_consecutive"}))
def test_compiled(name):
    f, args = GRADIENTS[name]
    args = [mg.tensor(a) for a in args]
    numbers = tuple(range(len(args)))

    def loss(*xs):
        y = f(*xs)
        return mg.sum(mg.real(y) * mg.real(y)) if y.dtype.kind == "c" else mg.sum(y * y)

    for g in (f, mg.grad(loss, argnums=numbers)):
        ours, theirs = mg.compile(lambda *xs, g=g: g(*xs))(*args), g(*args)
        for a, b in zip(*(y if isinstance(y, tuple) else (y,) for y in (ours, theirs)), strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_allclose(a.raw, b.raw, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["scatter sum True", "scatter max False", "median axis", "cumulative_logsumexp", "interp", "cdist"]
)
def test_mapped(name):
    f, args = GRADIENTS[name]
    mapped = mg.vmap(f)(*(np.stack([a, a * 1.5]) for a in args))
    np.testing.assert_allclose(mapped.raw, np.stack([f(*args).raw, f(*(a * 1.5 for a in args)).raw]), rtol=1e-10)


# ------------------------------------------------------------------------------------------------------------------- values


def close(x, y):
    np.testing.assert_allclose(mg.asarray(x).raw, y, rtol=1e-12, atol=1e-12)


def test_index_add_and_segments_are_numpys():
    expected = X.copy()
    np.add.at(expected, [2, 0, 2], X[:3])
    close(mg.index_add(X, [2, 0, 2], X[:3]), expected)
    for name, reduce, empty in (
        ("sum", np.sum, 0), ("mean", np.mean, 0), ("prod", np.prod, 1), ("max", np.max, -np.inf), ("min", np.min, np.inf),
    ):  # fmt: skip
        expected = [reduce(X[s == S], axis=0) if (s == S).any() else np.full(3, empty) for s in range(5)]
        close(getattr(mg, f"segment_{name}")(X, S, num_segments=5), expected)
        assert getattr(mg, f"segment_{name}")(X, S).shape == (4, 3)
        close(getattr(mg, f"segment_{name}")(X.T, S, num_segments=5, axis=1), np.transpose(expected))
        assert getattr(mg, f"segment_{name}")(X[:0], S[:0]).shape == (0, 3)
    assert mg.segment_max(np.array([3, 5], np.int8), [1, 1]).tolist() == [-128, 5]
    assert mg.segment_sum([1, 2], [0, 0]).dtype == mg.int64


def test_ties_share_the_gradient():
    g = mg.grad(lambda x, v: mg.sum(mg.scatter(x, [0, 0], v, reduce="max")), argnums=(0, 1))
    assert [t.tolist() for t in g(mg.tensor([2.0, 1.0]), mg.tensor([2.0, 0.0]))] == [[0.5, 1], [0.5, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.bool_, np.float32])
def test_extremes_are_entries_whatever_their_dtype(dtype):
    x, v, places = np.array([3, 1]).astype(dtype), np.array([2, 0, 7]).astype(dtype), np.array([0, 0, 1])
    for reduce, ufunc in (("max", np.maximum), ("min", np.minimum)):
        expected = x.copy()
        ufunc.at(expected, places, v)
        found = mg.scatter(x, places, v, reduce=reduce)
        assert found.dtype == dtype
        assert found.tolist() == expected.tolist()


def test_extremes_of_many_ties_and_infinities():
    v = mg.tensor([0.1] * 7, dtype=mg.float64, requires_grad=True)
    y = mg.segment_max(v, [0] * 7)
    assert y.tolist() == [0.1]  # to the bit, although it is a mean of seven
    y.backward(mg.ones(1))
    np.testing.assert_allclose(v.grad.raw, np.full(7, 1 / 7))
    start, v = mg.full(3, -np.inf), mg.tensor([1.0, -np.inf], requires_grad=True)
    y = mg.scatter(start, [0, 1], v, reduce="max")
    mg.sum(mg.where(mg.isfinite(y), y, 0.0)).backward()
    assert y.tolist() == [1.0, -np.inf, -np.inf]
    assert v.grad.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles_are_numpys(axis, method):
    for x in (X, HOLES):
        with np.errstate(all="ignore"):
            for q in (0.0, 0.3, 1.0, [[0.5], [0.25]]):
                close(mg.quantile(x, q, axis=axis, method=method), np.quantile(x, q, axis=axis, method=method))
                close(
                    mg.nanquantile(x, q, axis=axis, method=method, keepdims=True),
                    np.nanquantile(x, q, axis=axis, method=method, keepdims=True),
                )
    close(mg.median(X, axis=axis), np.median(X, axis=axis))
    close(mg.nanmedian(HOLES, axis=axis), np.nanmedian(HOLES, axis=axis))
    close(mg.nansum(HOLES, axis=axis), np.nansum(HOLES, axis=axis))
    close(mg.nanmean(HOLES, axis=axis), np.nanmean(HOLES, axis=axis))


def test_of_nothing_but_nan():
    x = mg.tensor([mg.nan, mg.nan])
    for f in (mg.nanmedian, mg.nanmean, mg.median):
        assert np.isnan(f(x).item())
    assert mg.nansum(x).item() == 0
    assert mg.grad(lambda x: mg.nansum(x * x))(mg.tensor([mg.nan, 2.0])).raw[1] == 4


def test_running_extrema_and_modes():
    x = np.array([[2.0, 3.0, 3.0, np.nan, 5.0], [4.0, 1.0, 1.0, 2.0, 0.5]])
    close(mg.cumulative_max(x)[0], np.maximum.accumulate(x, axis=1))
    assert mg.cumulative_max(x)[1].tolist() == [[0, 1, 2, 3, 3], [0, 0, 0, 0, 0]]
    assert mg.cumulative_min(x)[1].tolist() == [[0, 0, 0, 3, 3], [0, 1, 2, 2, 4]]
    x = np.array([-np.inf, -800.0, 0.0, 700.0, 1.0])
    close(mg.cumulative_logsumexp(x), np.logaddexp.accumulate(x))
    assert [t.tolist() for t in mg.mode([[1, 2, 2, 1], [5, 4, 3, 3]])] == [[1, 3], [3, 3]]
    assert [t.tolist() for t in mg.kthvalue([3.0, 1.0, 2.0], 1, keepdims=True)] == [[1.0], [1]]


def test_histograms_are_numpys():
    x, w = rng.normal(size=50), rng.uniform(size=50)
    for options in ({}, {"bins": 4}, {"bins": [-1.0, 0.0, 0.5, 3.0]}, {"bins": 5, "range": (-1, 1)}):
        for density in (False, True):
            for weights in (None, w):
                ours = mg.histogram(x, **options, weights=weights, density=density)
                theirs = np.histogram(x, **options, weights=weights, density=density)
                close(ours.counts, theirs[0])
                close(ours.edges, theirs[1])
    points = rng.normal(size=(40, 2))
    for bins in (3, [2, [-1.0, 0.0, 2.0]]):
        for density in (False, True):
            ours = mg.histogramdd(points, bins, weights=w[:40], density=density)
            theirs = np.histogramdd(points, bins, weights=w[:40], density=density)
            close(ours.counts, theirs[0])
            for a, b in zip(ours.edges, theirs[1], strict=True):
                close(a, b)
    assert mg.bincount([1, 1], minlength=4).tolist() == [0, 2, 0, 0]
    assert mg.bincount(np.array([], np.int64)).shape == (0,)
    close(mg.bincount([[0, 1], [1, 1]], weights=w[:4].reshape(2, 2)), np.bincount([0, 1, 1, 1], w[:4]))
    for right in (True, False):
        close(
            mg.bucketize(x, np.array([-1.0, x[0], 2.0]), right=right),
            np.digitize(x, [-1.0, x[0], 2.0], right=not right),
        )
    close(mg.cov(X), np.cov(X))
    close(mg.cov(X[0]), np.cov(X[0]))
    close(mg.cov(X, correction=0), np.cov(X, ddof=0))
    weights = {"fweights": np.array([1, 2, 3]), "aweights": np.array([0.3, 0.9, 0.4])}
    close(mg.cov(X, **weights), np.cov(X, **weights))
    close(mg.corrcoef(X + 1j * X[::-1]), np.corrcoef(X + 1j * X[::-1]))


def test_sampled_functions_are_numpys_and_scipys():
    x, y = np.array([-1.0, 0.0, 0.2, 1.9, 3.0, 1.5]), distinct(4)
    close(mg.interp(x, PLACES, y), np.interp(x, PLACES, y))
    close(mg.interp(x, PLACES, y, left=-7.0, right=8.0), np.interp(x, PLACES, y, -7, 8))
    close(mg.interp(x, [1.0], [2.0]), np.full(6, 2.0))
    for axis in (0, 1):
        places = PLACES[: X.shape[axis]]
        close(mg.trapezoid(X, dx=0.3, axis=axis), np.trapezoid(X, dx=0.3, axis=axis))
        close(mg.trapezoid(X, places, axis=axis), np.trapezoid(X, places, axis=axis))
        close(
            mg.cumulative_trapezoid(X, places, axis=axis, initial=0),
            scipy.integrate.cumulative_trapezoid(X, places, axis=axis, initial=0),
        )
        for edge in (1, 2):
            for spacing in (0.5, places):
                close(
                    mg.gradient(X, spacing=spacing, axis=axis, edge_order=edge),
                    np.gradient(X, spacing, axis=axis, edge_order=edge),
                )
    for a, b in zip(mg.gradient(X, spacing=[PLACES, 2.0]), np.gradient(X, PLACES, 2.0), strict=True):
        close(a, b)
    for order, name in ((2, "euclidean"), (1, "cityblock"), (np.inf, "chebyshev")):
        close(mg.cdist(X, V, ord=order), scipy.spatial.distance.cdist(X, V, name))
    for a, b in ((X, V), (X[0], V), (V, X[0])):
        close(mg.kron(a, b), np.kron(a, b))
    special = np.array([np.nan, np.inf, -np.inf, 1.0])
    close(mg.nan_to_num(special, nan=2.0, posinf=3.0, neginf=-4.0), [2, 3, -4, 1])
    close(mg.nan_to_num(special), np.nan_to_num(special))
    close(mg.nan_to_num(special + 1j), np.nan_to_num(special + 1j))
    for options in ({}, {"equal_nan": True}, {"atol": 1.0}):
        other = np.array([np.nan, np.inf, np.inf, 1.5])
        close(mg.isclose(special, other, **options), np.isclose(special, other, **options))
    assert not mg.isclose(2**24, 2**24 + 1, rtol=0, atol=0.5)  # which float32 does not tell apart
    assert mg.allclose(X, X * (1 + 1e-7))
    assert mg.tril_indices(3, m=4, k=1).tolist() == np.stack(np.tril_indices(3, 1, 4)).tolist()
    assert mg.triu_indices(3, k=-1).tolist() == np.stack(np.triu_indices(3, -1)).tolist()
    assert mg.combinations([1, 2], 0).shape == (1, 0)
    values, inverse, counts = mg.unique_consecutive([[1, 1], [1, 1], [2, 0]], axis=0)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([[1, 1], [2, 0]], [0, 0, 1], [2, 1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mg.index_add(X, [0], X), ShapeError, "takes values"),
        (lambda: mg.index_add(X, [4], X[:1]), OutOfRangeError, "index 4"),
        (lambda: mg.scatter(X, [[0] * 4], X[:1], axis=0), ShapeError, "don't fit"),
        (lambda: mg.scatter([1.0], [0], [1.0], reduce="amax"), ArgumentError, "'amax'"),
        (lambda: mg.segment_sum(X, [0, 1]), ShapeError, "4 segment numbers"),
        (lambda: mg.segment_sum(X, S, num_segments=2), OutOfRangeError, "index 3"),
        (lambda: mg.quantile(X, 1.5), ArgumentError, "between 0 and 1"),
        (lambda: mg.quantile(X, 0.5, method="other"), ArgumentError, "method"),
        (lambda: mg.median(mg.ones(0)), ArgumentError, "no quantile"),
        (lambda: mg.mode(mg.ones(0)), ArgumentError, "no mode"),
        (lambda: mg.kthvalue(X, 4), ArgumentError, "no number 4"),
        (lambda: mg.bincount([-1]), ArgumentError, "from 0 on"),
        (lambda: mg.bincount([1], weights=[1.0, 2.0]), ShapeError, "one weight"),
        (lambda: mg.histogramdd([1.0]), ShapeError, "points"),
        (lambda: mg.histogramdd(X, [2]), ArgumentError, "3 coordinates"),
        (lambda: mg.cov(mg.ones((2, 2, 2))), ShapeError, "rows"),
        (lambda: mg.interp(X, [0.0], [1.0, 2.0]), ShapeError, "as many"),
        (lambda: mg.trapezoid(X, [1.0, 2.0]), ShapeError, "one place for each sample"),
        (lambda: mg.gradient(X, spacing=[1.0]), ArgumentError, "one spacing"),
        (lambda: mg.gradient([1.0]), ShapeError, "2 samples"),
        (lambda: mg.gradient(X, spacing=mg.ones(7), axis=0), ShapeError, "4 samples"),
        (lambda: mg.cdist(X, X.T), ShapeError, "points"),
        (lambda: mg.cartesian_product(X), ShapeError, "one axis"),
        (lambda: mg.combinations(X), ArgumentError, "one axis"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
