"""The values of the functions, against NumPy, over shapes with empty axes and without axes, and over all dtypes."""

from __future__ import annotations

import warnings
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg

DTYPES = [np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.float32, np.float64,
          np.complex64, np.complex128]  # fmt: skip
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
quick = settings(max_examples=40, deadline=None)


def elements(dtype: Any) -> Any:
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return st.integers(0 if kind == "u" else -9, 9)
    if kind in "fc":
        return st.integers(-9, 9).map(lambda n: n / 4)
    return st.booleans()


def arrays(dtypes: Any = DTYPES, shape: Any = shapes) -> Any:
    return st.sampled_from(dtypes).flatmap(lambda d: hnp.arrays(d, shape, elements=elements(d)))


REAL = [d for d in DTYPES if np.dtype(d).kind in "iuf"]
FLOAT = [np.float32, np.float64]
several = arrays(shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))


def same(ours: Any, theirs: Any, exact: bool = True) -> None:
    assert isinstance(ours, mg.Tensor)
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if exact:
        np.testing.assert_array_equal(ours.data, theirs)
    else:
        np.testing.assert_allclose(ours.data, theirs, rtol=1e-5 if theirs.dtype.itemsize < 8 else 1e-12, atol=1e-6)


@st.composite
def axes_of(draw: Any, x: Any) -> Any:
    """None, an axis or a tuple of axes of `x`, some counted from the end."""
    if not x.ndim:
        return draw(st.sampled_from([None, ()]))
    one = st.integers(-x.ndim, x.ndim - 1)
    some = st.lists(one, max_size=x.ndim, unique_by=lambda i: i % x.ndim).map(tuple)
    return draw(st.one_of(st.none(), one, some))


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "all", "any", "count_nonzero", "mean", "var", "std"])
@given(data=st.data(), keepdims=st.booleans())
@quick
def test_reductions(name: str, data: Any, keepdims: bool):
    dtypes = FLOAT if name in ("mean", "var", "std") else REAL if name in ("max", "min") else DTYPES
    x = data.draw(arrays(dtypes))
    axis = data.draw(axes_of(x))
    ours, theirs = getattr(mg, name), getattr(np, name)
    reduced = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    if name in ("max", "min") and 0 in (x.shape[i] for i in reduced):
        with pytest.raises(ValueError, match="no elements"):
            ours(x, axis=axis, keepdims=keepdims)
        return
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs(x, axis=axis, keepdims=keepdims)
    same(ours(x, axis=axis, keepdims=keepdims), expected, exact=x.dtype.kind not in "fc")


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
@given(x=several, data=st.data(), initial=st.booleans())
@quick
def test_cumulative(name: str, x: Any, data: Any, initial: bool):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    expected = getattr(np, name)(x, axis=axis, include_initial=initial)
    same(getattr(mg, name)(x, axis=axis, include_initial=initial), expected, exact=False)


@given(x=arrays(REAL), data=st.data(), keepdims=st.booleans())
@quick
def test_argmax_and_argmin(x: Any, data: Any, keepdims: bool):
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1))) if x.ndim else None
    for ours, theirs in ((mg.argmax, np.argmax), (mg.argmin, np.argmin)):
        if (x.size if axis is None else x.shape[axis]) == 0:
            with pytest.raises(ValueError, match="no elements"):
                ours(x, axis=axis)
        else:
            same(ours(x, axis=axis, keepdims=keepdims), theirs(x, axis=axis, keepdims=keepdims))


@given(
    x=arrays(REAL, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)),
    data=st.data(),
    descending=st.booleans(),
)
@quick
def test_sorting(x: Any, data: Any, descending: bool):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    order = mg.argsort(x, axis=axis, descending=descending)
    key = -x.astype(np.float64) if descending else x
    same(order, np.argsort(key, axis=axis, kind="stable"))
    same(mg.sort(x, axis=axis, descending=descending), np.take_along_axis(x, order.data, axis))
    k = data.draw(st.integers(0, x.shape[axis]))
    values, places = mg.topk(x, k, axis=axis)
    largest = np.argsort(-x.astype(np.float64), axis=axis, kind="stable")
    same(places, np.take(largest, np.arange(k), axis=axis))
    same(values, np.take_along_axis(x, places.data, axis))


@given(x=arrays(), data=st.data())
@quick
def test_shapes(x: Any, data: Any):
    order = data.draw(st.permutations(range(x.ndim)))
    mixed = tuple(i - x.ndim if i % 2 else i for i in order)
    same(mg.permute_dims(x, mixed), np.transpose(x, order))
    axis = data.draw(axes_of(x))
    same(mg.flip(x, axis=axis), np.flip(x, axis))
    same(mg.reshape(x, (-1,)), x.reshape(-1))
    same(mg.flatten(x), x.reshape(-1))
    same(mg.expand_dims(x, axis=(0, -1)), np.expand_dims(x, (0, -1)))
    same(mg.squeeze(mg.expand_dims(x, axis=0), axis=0), x)
    times = data.draw(st.lists(st.integers(0, 3), max_size=4).map(tuple))
    same(mg.tile(x, times), np.tile(x, times))
    target = (2, *x.shape)
    same(mg.broadcast_to(x, target), np.broadcast_to(x, target))
    shift = data.draw(st.integers(-5, 5))
    same(mg.roll(x, shift), np.roll(x, shift))
    if x.ndim:
        i = data.draw(st.integers(-x.ndim, x.ndim - 1))
        j = data.draw(st.integers(-x.ndim, x.ndim - 1))
        same(mg.moveaxis(x, i, j), np.moveaxis(x, i, j))
        same(mg.roll(x, (shift, 1), axis=(i, j)), np.roll(x, (shift, 1), (i, j)))
        same(mg.roll(x, shift, axis=(i, j)), np.roll(x, shift, (i, j)))
        same(mg.repeat(x, shift % 4, axis=i), np.repeat(x, shift % 4, axis=i))
        counts = np.arange(x.shape[i]) % 3
        same(mg.repeat(x, counts, axis=i), np.repeat(x, counts, axis=i))
        parts = mg.unstack(x, axis=i)
        assert len(parts) == x.shape[i]
        if parts:
            same(mg.stack(parts, axis=i), x)
        cuts = sorted(data.draw(st.lists(st.integers(0, x.shape[i]), max_size=3)))
        pieces = mg.split(x, indices=cuts, axis=i)
        for ours, theirs in zip(pieces, np.split(x, cuts, axis=i), strict=True):
            same(ours, theirs)
        same(mg.concat(pieces, axis=i), x)
    widths = [(n % 3, (n + 1) % 2) for n in range(x.ndim)]
    same(mg.pad(x, widths), np.pad(x, widths) if x.ndim else x)
    same(mg.pad(x, widths, value=1), np.pad(x, widths, constant_values=1) if x.ndim else x)


@given(x=arrays(), k=st.integers(-4, 4))
@quick
def test_triangles(x: Any, k: int):
    if x.ndim < 2:
        with pytest.raises(ValueError, match="at least 2 axes"):
            mg.tril(x, k=k)
    else:
        same(mg.tril(x, k=k), np.tril(x, k))
        same(mg.triu(x, k=k), np.triu(x, k))


@given(x=several, data=st.data())
@quick
def test_taking(x: Any, data: Any):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    n = x.shape[axis]
    places = data.draw(hnp.arrays(np.int64, st.integers(0, 4) if n else 0, elements=st.integers(-n, max(n - 1, -n))))
    same(mg.take(x, places, axis=axis), np.take(x, places, axis=axis))
    shape = list(x.shape)
    shape[axis] = len(places)
    along = np.broadcast_to(places.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]), shape)
    same(mg.take_along_axis(x, along, axis=axis), np.take_along_axis(x, along, axis))
    narrow = places.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    if places.size:
        same(mg.take_along_axis(x, narrow, axis=axis), np.take_along_axis(x, along, axis))


@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=3, max_side=3), data=st.data())
@quick
def test_where_clip_and_broadcasting(shapes: Any, data: Any):
    c = data.draw(hnp.arrays(np.bool_, shapes.input_shapes[0]))
    a, b = (data.draw(hnp.arrays(np.float32, s, elements=elements(np.float32))) for s in shapes.input_shapes[1:])
    same(mg.where(c, a, b), np.where(c, a, b))
    same(mg.where(c, 1, b), np.where(c, np.float32(1), b))
    same(mg.clip(a, min=b), np.maximum(a, b))
    same(mg.clip(a, b, b + 1), np.clip(a, b, b + 1))
    for ours, theirs in zip(mg.broadcast_arrays(c, a, b), np.broadcast_arrays(c, a, b), strict=True):
        same(ours, theirs)
    assert mg.broadcast_shapes(*shapes.input_shapes) == shapes.result_shape


@given(x=several, data=st.data(), n=st.integers(0, 3))
@quick
def test_diff(x: Any, data: Any, n: int):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    if n and x.shape[axis] == 0:
        n = 0
    same(mg.diff(x, axis=axis, n=n), np.diff(x, axis=axis, n=n))
    if x.dtype.kind != "b" and n:
        same(mg.diff(x, axis=axis, n=n, prepend=x, append=x), np.diff(x, axis=axis, n=n, prepend=x, append=x))


@given(x=arrays())
@quick
def test_nonzero_and_sets(x: Any):
    if x.ndim:
        for ours, theirs in zip(mg.nonzero(x), np.nonzero(x), strict=True):
            same(ours, theirs)
    else:
        with pytest.raises(ValueError, match="no axes"):
            mg.nonzero(x)
    for ours, theirs in zip(mg.unique_all(x), np.unique_all(x), strict=True):
        same(ours, theirs)
    same(mg.unique_values(x), np.sort(np.unique_values(x)))
    same(mg.isin(x, x.reshape(-1)[:2]), np.isin(x, x.reshape(-1)[:2]))
    same(mg.isin(x, x.reshape(-1)[:2], invert=True), ~np.isin(x, x.reshape(-1)[:2]))


@given(x=arrays(REAL, st.integers(0, 6)), v=arrays(REAL), side=st.sampled_from(["left", "right"]))
@quick
def test_searchsorted(x: Any, v: Any, side: Any):
    x = np.sort(x)
    same(mg.searchsorted(x, v, side=side), np.searchsorted(x.astype(np.float64), v.astype(np.float64), side=side))
    order = np.argsort(-x.astype(np.float64), kind="stable")
    got = mg.searchsorted(np.ascontiguousarray(x[::-1]), v, side=side, sorter=np.arange(len(x))[::-1].copy())
    same(got, mg.searchsorted(x, v, side=side).data)
    assert len(order) == len(x)


def test_searchsorted_of_rows():
    rows, x = np.array([[1.0, 3.0, 5.0], [0.0, 0.0, 9.0]]), np.array([[3.0, 4.0], [0.0, 9.5]])
    assert mg.searchsorted(rows, x).tolist() == [[1, 2], [0, 3]]
    assert mg.searchsorted(rows[:, ::-1].copy(), x, side="right", sorter=[[2, 1, 0]] * 2).tolist() == [[2, 2], [2, 3]]
    with pytest.raises(mg.errors.ShapeError, match="row by row"):
        mg.searchsorted(rows, x[0])


def test_nan_equals_nothing_in_sets():
    x = mg.asarray([np.nan, 1.0, np.nan])
    assert mg.unique_counts(x).counts.tolist() == [1, 1, 1]
    assert mg.unique_inverse(mg.asarray([[3, 1], [1, 3]])).inverse_indices.tolist() == [[1, 0], [0, 1]]
    assert mg.isin(x, x).tolist() == [False, True, False]


@given(
    start=st.integers(-20, 20), stop=st.integers(-20, 20), step=st.integers(-5, 5).filter(bool),
    scale=st.sampled_from([1, 0.5, 0.1]),
    dtype=st.sampled_from([None, np.int32, np.float64]),
)  # fmt: skip
@quick
def test_arange(start: int, stop: int, step: int, scale: float, dtype: Any):
    x = mg.arange(start * scale, stop * scale, step * scale, dtype=dtype)
    whole = scale == 1
    assert x.dtype == (dtype or (np.int64 if whole else np.float32))
    assert x.size == max(0, int(np.ceil((stop * scale - start * scale) / (step * scale))))
    expected = (start + step * np.arange(x.size)) * scale
    np.testing.assert_allclose(x.data, expected, atol=1 if dtype is np.int32 else 1e-5)


@given(start=st.integers(-9, 9), stop=st.integers(-9, 9), num=st.integers(0, 9), endpoint=st.booleans())
@quick
def test_linspace(start: int, stop: int, num: int, endpoint: bool):
    same(
        mg.linspace(start, stop, num, endpoint=endpoint),
        np.linspace(start, stop, num, endpoint=endpoint, dtype=np.float32),
    )
    same(
        mg.linspace(start, stop * 1j, num, endpoint=endpoint, dtype=mg.complex128),
        np.linspace(start, stop * 1j, num, endpoint=endpoint),
    )


@given(dtype=st.sampled_from(DTYPES), shape=shapes, n=st.integers(0, 4), m=st.integers(0, 4), k=st.integers(-5, 5))
@quick
def test_filled(dtype: Any, shape: Any, n: int, m: int, k: int):
    for name in ("zeros", "ones"):
        same(getattr(mg, name)(shape, dtype=dtype), getattr(np, name)(shape, dtype))
        same(getattr(mg, f"{name}_like")(np.empty(shape, dtype)), getattr(np, name)(shape, dtype))
        same(getattr(mg, f"{name}_like")(np.empty(shape), dtype=dtype), getattr(np, name)(shape, dtype))
    same(mg.full(shape, 1, dtype=dtype), np.full(shape, 1, dtype))
    same(mg.full_like(np.empty(shape, dtype), 1), np.full(shape, 1, dtype))
    assert (mg.empty(shape, dtype=dtype).shape, mg.empty_like(np.empty(shape, dtype)).dtype) == (shape, dtype)
    same(mg.eye(n, m, k=k, dtype=dtype), np.eye(n, m, k, dtype))


@given(lines=st.lists(arrays(REAL, st.integers(0, 3)), max_size=4), indexing=st.sampled_from(["xy", "ij"]))
@quick
def test_meshgrid(lines: Any, indexing: Any):
    expected = np.meshgrid(*lines, indexing=indexing)
    got = mg.meshgrid(*lines, indexing=indexing)
    assert isinstance(got, tuple)
    for ours, theirs in zip(got, expected, strict=True):
        same(ours, theirs)


UNARY = "abs acos acosh asin asinh atan atanh ceil cos cosh exp exp2 expm1 floor log log1p log2 log10 negative positive"
UNARY += " reciprocal round sign sin sinh square sqrt tan tanh trunc isfinite isinf isnan signbit logical_not"
BINARY = (
    "add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp logical_and"
)
BINARY += " logical_or logical_xor maximum minimum multiply nextafter not_equal remainder subtract"


@pytest.mark.parametrize("name", UNARY.split())
@given(x=arrays(FLOAT))
@quick
def test_elementwise(name: str, x: Any):
    with np.errstate(all="ignore"):
        same(getattr(mg, name)(x), getattr(np, name)(x))


@pytest.mark.parametrize("name", BINARY.split())
@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_side=3), data=st.data())
@quick
def test_elementwise_with_two_arguments(name: str, shapes: Any, data: Any):
    a, b = (data.draw(arrays(FLOAT, s)) for s in shapes.input_shapes)
    with np.errstate(all="ignore"):
        same(getattr(mg, name)(a, b), getattr(np, name)(a, b))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("erf", "erf"), ("erfc", "erfc"), ("erfinv", "erfinv"), ("lgamma", "gammaln"), ("digamma", "psi"), ("sigmoid", "expit"),
    ],
)  # fmt: skip
def test_special_functions(ours: str, theirs: str):
    special = pytest.importorskip("scipy.special")
    x = np.linspace(-0.9, 4.0, 40, dtype=np.float64)
    same(getattr(mg, ours)(x), getattr(special, theirs)(x), exact=False)
    assert getattr(mg, ours)(np.float32([0.5])).dtype == np.float32
    assert getattr(mg, ours)(mg.asarray(1)).dtype == np.float32


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_polygamma(n: int):
    mpmath = pytest.importorskip("mpmath")
    x = np.asarray([0.3, 1.0, 2.5, 10.0, -0.5, -3.7])
    expected = [float(mpmath.polygamma(n, v)) for v in x]
    np.testing.assert_allclose(mg.polygamma(n, x).data, expected, rtol=1e-10)


def test_rsqrt():
    same(mg.rsqrt(np.asarray([4.0, 0.25])), [0.5, 2.0])


def test_complex_parts():
    z = mg.asarray([1 + 2j, 3 - 4j])
    assert z.dtype == mg.complex64
    same(mg.real(z), np.float32([1, 3]))
    same(mg.imag(z), np.float32([2, -4]))
    same(mg.conj(z), np.complex64([1 - 2j, 3 + 4j]))
    same(mg.abs(z), np.float32([np.sqrt(5), 5]))
    x = mg.asarray([1.0, 2.0])
    same(mg.real(x), x.data)
    same(mg.conj(x), x.data)
    same(mg.imag(x), np.float32([0, 0]))


def test_dtypes_given_as_classes_of_numpy():
    assert mg.finfo(np.float64).dtype == mg.float64
    assert mg.iinfo(np.int8).max == 127
    assert mg.can_cast(np.float32, np.float64)
    assert not mg.can_cast(np.float64, mg.float32)
    assert mg.result_type(np.float32, np.int8, np.ones(1, np.int64)) == mg.float32


def test_numbers_beyond_the_range_become_infinite_without_a_warning():
    assert mg.clip(mg.ones(1), 0, 1e300).tolist() == [1]
    assert mg.where(mg.asarray([True]), 1e300, mg.ones(1)).tolist() == [mg.inf]


def test_repeats_of_any_integer_dtype():
    assert mg.repeat(mg.asarray([1, 2]), mg.asarray([2, 1], dtype=mg.uint64)).tolist() == [1, 1, 2]


def test_the_variance_of_complex_numbers_is_real():
    z = np.asarray([1 + 2j, 3 - 4j, -1j])
    assert mg.var(z).dtype == mg.float64
    np.testing.assert_allclose(mg.var(z).data, np.var(z), rtol=1e-14)
    np.testing.assert_allclose(mg.std(z, correction=1).data, np.std(z, ddof=1), rtol=1e-14)


def test_ranges_that_make_no_sense():
    for make in (lambda: mg.arange(mg.nan), lambda: mg.arange(0, mg.inf), lambda: mg.linspace(0, 1, -1)):
        with pytest.raises(mg.errors.ArgumentError, match="MG124"):
            make()


def test_a_float_that_bounds_integers_is_not_truncated():
    assert mg.clip(mg.asarray([5, 1]), max=2.5).tolist() == [2.5, 1.0]
    assert mg.clip(mg.asarray([5, 1]), 2, mg.asarray(4.0)).tolist() == [4.0, 2.0]
    assert mg.clip(mg.asarray([5, 1]), 2, 4).dtype == mg.int64


def test_a_window_has_no_more_axes_than_what_it_slides_over():
    assert mg.windows(mg.ones((2, 3)), (2, 2)).shape == (1, 2, 2, 2)
    with pytest.raises(mg.errors.ShapeError, match=r"window of 2 axes .* shape is \(3,\).*MG132"):
        mg.windows(mg.ones(3), (2, 2))
