"""Reductions, sorting and running sums. `dim` is an axis, several, or none for all; a tensor of shape () has an axis 0."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, DTypeError
from ..functions.arguments import axes_of, one_axis
from ..tensor import Tensor as Base
from ..trace_hooks import on_data, whole_value
from . import types
from .function import FUNCTIONS, function
from .types import return_types


def one_dim(dim: Any, ndim: int) -> int:
    """`dim` as a number from 0 to ndim - 1; of a tensor of shape (), 0."""
    return one_axis(dim, ndim or 1)


def dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """`dim` as a tuple of axes: all of them for None and (), none for a tensor of shape ()."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    found = axes_of(tuple(dim) if isinstance(dim, list | tuple) else dim, ndim or 1)
    return found if ndim else ()


def _cast(input: Any, dtype: Any) -> Any:
    return input if dtype is None else mg.astype(input, types.numpy_dtype(dtype))


@function
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Σ input over `dim`. Integers are summed as int64."""
    x = _cast(input, dtype)
    return mg.sum(x, axis=dims(dim, x.raw.ndim), keepdims=keepdim)


@function
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Σ input over `dim`, without NaNs."""
    return sum(
        mg.where(mg.isnan(input), 0, input) if input.raw.dtype.kind in "fc" else input, dim, keepdim, dtype=dtype
    )


@function
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over `dim` of real or complex numbers."""
    x = _cast(input, dtype)
    if x.raw.dtype.kind not in "fc":
        raise MeanError(
            "MG144",
            f"mean(): the dtype must be floating point or complex, not torch.{x.raw.dtype}. Write `x.float().mean()`.",
        )
    axes = dims(dim, x.raw.ndim)
    return mg.sum(x, axis=axes, keepdims=keepdim) / _number(x, axes)


class MeanError(DTypeError, RuntimeError):
    """The mean of numbers that have none."""


def _number(x: Any, axes: tuple[int, ...]) -> float:
    return float(math.prod(x.shape[i] for i in axes)) or math.nan


@function
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over `dim`, without NaNs."""
    x = _cast(input, dtype)
    counted = mg.sum(mg.logical_not(mg.isnan(x)), axis=dims(dim, x.raw.ndim), keepdims=keepdim)
    return nansum(x, dim, keepdim) / mg.astype(counted, x.raw.dtype)


@function
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The product over `dim`."""
    x = _cast(input, dtype)
    return mg.prod(x, axis=dims(dim, x.raw.ndim), keepdims=keepdim)


@function
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether all entries are true."""
    y = mg.all(input, axis=dims(dim, input.raw.ndim), keepdims=keepdim)
    return mg.astype(y, np.uint8) if input.raw.dtype == np.uint8 else y


@function
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether some entry is true."""
    y = mg.any(input, axis=dims(dim, input.raw.ndim), keepdims=keepdim)
    return mg.astype(y, np.uint8) if input.raw.dtype == np.uint8 else y


# -------------------------------------------------------------------------------------------------------------- the extremes


def _picked(input: Any, places: Any, axis: int, keepdim: bool) -> tuple[Any, Any]:
    """The entries at `places`, which have kept the axis, and these."""
    values = mg.take_along_axis(input, places, axis=axis) if input.raw.ndim else mg.reshape(input, ())
    if not input.raw.ndim:
        return values, mg.reshape(places, ())
    return (values, places) if keepdim else (mg.squeeze(values, axis=axis), mg.squeeze(places, axis=axis))


def _extreme(name: str, input: Any, dim: Any, keepdim: bool) -> Any:
    two, whole, place = {"max": (mg.maximum, mg.max, mg.argmax), "min": (mg.minimum, mg.min, mg.argmin)}[name]
    if isinstance(dim, Base):
        return FUNCTIONS[f"{name}imum"](input, dim) if two else None
    if dim is None:
        if input.raw.dtype.kind == "b":
            return (mg.any if name == "max" else mg.all)(input)
        return whole(input)
    if not input.raw.ndim:
        one_dim(dim, 0)
        return return_types[name](input, mg.zeros((), dtype=np.int64))
    axis = one_dim(dim, input.raw.ndim)
    places = place(input if input.raw.dtype.kind != "b" else mg.astype(input, np.uint8), axis=axis, keepdims=True)
    return return_types[name](*_picked(input, places, axis, keepdim))


@function
def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest entry; along `dim` a pair, the values and their indices; the larger of two tensors.

    All of one tensor's largest share the gradient; along `dim` it goes to the entry at the index.
    """
    return _extreme("max", input, dim, keepdim)


@function
def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest entry; along `dim` a pair, the values and their indices; the smaller of two tensors."""
    return _extreme("min", input, dim, keepdim)


def _spread_extreme(reduce: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    axes = dims(dim, input.raw.ndim)
    if input.raw.dtype.kind == "b":
        return (mg.any if reduce is mg.max else mg.all)(input, axis=axes, keepdims=keepdim)
    return reduce(input, axis=axes, keepdims=keepdim)


@function
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The largest along `dim`. Equal ones share the gradient."""
    return _spread_extreme(mg.max, input, dim, keepdim)


@function
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The smallest along `dim`. Equal ones share the gradient."""
    return _spread_extreme(mg.min, input, dim, keepdim)


@function
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest, as a pair."""
    return return_types["aminmax"](amin(input, dim, keepdim), amax(input, dim, keepdim))


def _place(find: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    x = mg.astype(input, np.uint8) if input.raw.dtype.kind == "b" else input
    if not x.raw.ndim:
        return mg.zeros((), dtype=np.int64)
    if dim is None:
        y = find(mg.reshape(x, (-1,)))
        return mg.reshape(y, (1,) * x.raw.ndim) if keepdim else y
    return find(x, axis=one_dim(dim, x.raw.ndim), keepdims=keepdim)


@function
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the largest, of the first where several are."""
    return _place(mg.argmax, input, dim, keepdim)


@function
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the smallest, of the first where several are."""
    return _place(mg.argmin, input, dim, keepdim)


# ---------------------------------------------------------------------------------------------------------------- statistics


def _correction(unbiased: Any, correction: Any) -> float:
    if correction is not None:
        return float(correction)
    return 1.0 if unbiased is None or unbiased else 0.0


def _variance(input: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool) -> tuple[Any, Any]:
    if isinstance(dim, bool):  # x.var(unbiased)
        dim, unbiased = None, dim
    if input.raw.dtype.kind not in "fc":
        raise MeanError("MG144", f"std and var need floating point or complex numbers, not torch.{input.raw.dtype}.")
    axes = dims(dim, input.raw.ndim)
    count = math.prod(input.shape[i] for i in axes)
    center = mg.sum(input, axis=axes, keepdims=True) / (float(count) or math.nan)
    away = input - center
    square = mg.real(away) ** 2 + mg.imag(away) ** 2 if input.raw.dtype.kind == "c" else mg.square(away)
    freedom = builtins.max(count - _correction(unbiased, correction), 0.0)
    total = mg.sum(square, axis=axes, keepdims=keepdim)
    var = total / freedom if freedom else total * math.nan if not count else total / 0.0
    return var, center if keepdim else mg.reshape(center, tuple(var.shape))


@function
def var(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """The variance over `dim`, Σ (x - mean)² / (n - correction), with a correction of 1."""
    return _variance(input, dim, unbiased, correction, keepdim)[0]


@function
def std(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """The square root of the variance."""
    return _root(_variance(input, dim, unbiased, correction, keepdim)[0])


def _root(v: Any) -> Any:
    """√v, whose derivative at 0 is 0, as PyTorch's of std."""
    zero = mg.equal(v, 0)
    return mg.where(zero, 0.0, mg.sqrt(mg.where(zero, 1.0, v)))


@function
def var_mean(
    input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """The variance and the mean."""
    return _variance(input, dim, unbiased, correction, keepdim)


@function
def std_mean(
    input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """The standard deviation and the mean."""
    v, center = _variance(input, dim, unbiased, correction, keepdim)
    return _root(v), center


@function
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """log Σ exp(input) over `dim`."""
    x = input if input.raw.dtype.kind in "fc" else mg.astype(input, mg.get_default_dtype())
    return mg.logsumexp(x, axis=dims(dim, x.raw.ndim), keepdims=keepdim)


@function
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The norm of order p of the entries (of vectors along `dim`); "nuc" is that of matrices."""
    x = _cast(input, dtype)
    if p == "nuc":
        axes = dims(dim, x.raw.ndim)
        return mg.linalg.matrix_norm(mg.moveaxis(x, axes, (-2, -1)), ord="nuc", keepdims=keepdim)
    return mg.linalg.vector_norm(
        x, axis=dims(dim, x.raw.ndim), keepdims=keepdim, ord=2 if p in ("fro", None) else float(p)
    )


@function
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The norm of input - other."""
    return norm(input - other, p)


@function
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many entries are not 0."""
    return mg.count_nonzero(input, axis=dims(dim, input.raw.ndim))


# ------------------------------------------------------------------------------------------------------- sorted, and ranks


def _order(input: Any, dim: int, descending: bool) -> Any:
    x = mg.astype(input, np.uint8) if input.raw.dtype.kind == "b" else input
    if not x.raw.ndim:
        return mg.zeros((), dtype=np.int64)
    return mg.argsort(x, axis=one_dim(dim, x.raw.ndim), descending=descending)


@function
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The entries in order along `dim`, and where they were."""
    places = _order(input, dim, descending)
    if not input.raw.ndim:
        return return_types["sort"](input, places)
    return return_types["sort"](mg.take_along_axis(input, places, axis=one_dim(dim, input.raw.ndim)), places)


@function
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Where the entries are in order along `dim`."""
    return _order(input, dim, descending)


@function
def msort(input: Any) -> Any:
    """The entries in order along axis 0."""
    return sort(input, 0)[0]


@function
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) along `dim`, and where they were."""
    if not input.raw.ndim:
        return return_types["topk"](input, mg.zeros((), dtype=np.int64))
    axis = one_dim(dim, input.raw.ndim)
    if not 0 <= k <= input.shape[axis]:
        raise SelectedIndexError(
            "MG124", f"topk: k = {k} is not between 0 and {input.shape[axis]}, the length of axis {axis}."
        )
    places = _order(input, axis, largest)[(slice(None),) * axis + (slice(0, k),)]
    return return_types["topk"](mg.take_along_axis(input, places, axis=axis), places)


class SelectedIndexError(ArgumentError, RuntimeError):
    """A rank that there isn't."""


def _ranked(name: str, input: Any, position: Any, dim: int, keepdim: bool) -> Any:
    """The entry at `position(length)` in the order along `dim`, and where it was."""
    if not input.raw.ndim:
        return return_types[name](input, mg.zeros((), dtype=np.int64))
    axis = one_dim(dim, input.raw.ndim)
    k = position(input.shape[axis])
    places = _order(input, axis, False)[(slice(None),) * axis + (slice(k, k + 1),)]
    return return_types[name](*_picked(input, places, axis, keepdim))


@function
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest along `dim`, counted from 1, and where it was."""
    length = input.shape[one_dim(dim, input.raw.ndim)] if input.raw.ndim else 1
    if not 1 <= k <= length:
        raise SelectedIndexError(
            "MG124", f"kthvalue(): selected number k out of range: {k} is not between 1 and {length}."
        )
    return _ranked("kthvalue", input, lambda n: k - 1, dim, keepdim)


@function
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median; along `dim` a pair, with where it was. NaN if there is one."""
    if dim is None:
        flat = mg.reshape(input, (-1,))
        if not input.raw.size:
            return mg.asarray(math.nan, dtype=input.raw.dtype)
        return _with_nan(flat, 0, False, "median")[0]
    return _with_nan(input, dim, keepdim, "median")


def _with_nan(input: Any, dim: int, keepdim: bool, name: str) -> Any:
    if not input.raw.ndim or input.raw.dtype.kind != "f":
        return _ranked(name, input, lambda n: (n - 1) // 2, dim, keepdim)
    axis = one_dim(dim, input.raw.ndim)
    n = input.shape[axis]
    middle = mg.full(tuple(1 if i == axis else m for i, m in enumerate(input.shape)), (n - 1) // 2)
    order = _order(input, axis, False)
    places = mg.take_along_axis(order, middle, axis=axis)
    bad = mg.isnan(input)
    first = mg.argmax(mg.astype(bad, np.uint8), axis=axis, keepdims=True)
    places = mg.where(mg.any(bad, axis=axis, keepdims=True), first, places)
    return return_types[name](*_picked(input, places, axis, keepdim))


@function
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of what is no NaN."""
    if dim is None:
        return nanmedian(mg.reshape(input, (-1,)), 0)[0] if input.raw.size else median(input)
    if not input.raw.ndim or input.raw.dtype.kind != "f":
        return return_types["nanmedian"](*median(input, dim, keepdim))
    axis = one_dim(dim, input.raw.ndim)
    counted = mg.sum(mg.logical_not(mg.isnan(input)), axis=axis, keepdims=True)
    middle = mg.clip((counted - 1) // 2, 0, None)
    places = mg.take_along_axis(_order(input, axis, False), middle, axis=axis)
    return return_types["nanmedian"](*_picked(input, places, axis, keepdim))


@function
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent along `dim`, the smallest of several, and the last place where it is."""
    if not input.raw.ndim:
        return return_types["mode"](input, mg.zeros((), dtype=np.int64))
    axis = one_dim(dim, input.raw.ndim)
    places = on_data(_last_modes, input.raw, axis=axis)
    return return_types["mode"](*_picked(input, mg.asarray(places), axis, keepdim))


def _last_modes(x: Any, *, axis: int) -> Any:
    rows = np.moveaxis(x, axis, -1)
    out = np.zeros((*rows.shape[:-1], 1), np.int64)
    for place in np.ndindex(rows.shape[:-1]):
        values, counts = np.unique(rows[place], return_counts=True)
        out[place] = np.flatnonzero(rows[place] == values[counts.argmax()])[-1]
    return np.moveaxis(out, -1, axis)


def _quantile(input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, skip: bool) -> Any:
    flat = dim is None
    x = mg.reshape(input, (-1,)) if flat else input
    axis = 0 if flat else one_dim(dim, x.raw.ndim)
    q = q if isinstance(q, Base) else mg.asarray(q, dtype=x.raw.dtype)
    x = mg.moveaxis(x, axis, -1) if x.raw.ndim else mg.reshape(x, (1,))
    ordered = mg.take_along_axis(x, mg.argsort(x, axis=-1), axis=-1)
    bad = mg.isnan(x)
    last = mg.sum(mg.logical_not(bad), axis=-1, keepdims=True) - 1 if skip else x.shape[-1] - 1
    scalar, q = q.raw.ndim == 0, mg.reshape(q, (-1,))
    rank = q * (mg.astype(last, x.raw.dtype) if skip else float(last))
    low, high = mg.floor(rank), mg.ceil(rank)
    weight = rank - low
    nearest = mg.round(rank)
    ends = {
        "linear": (low, high),
        "lower": (low, low),
        "higher": (high, high),
        "nearest": (nearest, nearest),
        "midpoint": (low, high),
    }
    if interpolation not in ends:
        raise ArgumentError("MG124", f"quantile: interpolation is one of {', '.join(ends)}, not {interpolation!r}.")
    below, above = (
        mg.take_along_axis(
            ordered, mg.broadcast_to(mg.clip(mg.astype(e, np.int64), 0, None), (*x.shape[:-1], q.shape[0])), axis=-1
        )
        for e in ends[interpolation]
    )
    y = (
        below + (0.5 if interpolation == "midpoint" else weight) * (above - below)
        if interpolation in ("linear", "midpoint")
        else below
    )
    empty = mg.all(bad, axis=-1, keepdims=True) if skip else mg.any(bad, axis=-1, keepdims=True)
    y = mg.moveaxis(mg.where(empty, math.nan, y), -1, 0)
    if keepdim:
        shape = (1,) * input.raw.ndim if flat else tuple(1 if i == axis else n for i, n in enumerate(input.shape))
        y = mg.reshape(y, (y.shape[0], *shape))
    return y[0] if scalar else y


@function
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The numbers below which the parts `q` of the entries lie. NaN where there is one."""
    return _quantile(input, q, dim, keepdim, interpolation, skip=False)


@function
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """`quantile` of what is no NaN."""
    return _quantile(input, q, dim, keepdim, interpolation, skip=True)


# ------------------------------------------------------------------------------------------------------------------- running


def _running(function: Any, input: Any, dim: int, dtype: Any) -> Any:
    x = _cast(input, dtype)
    if not x.raw.ndim:
        one_dim(dim, 0)
        return mg.sum(x)
    return function(x, axis=one_dim(dim, x.raw.ndim))


@function(inplace=True)
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The running sums along `dim`."""
    return _running(mg.cumulative_sum, input, dim, dtype)


@function(inplace=True)
def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The running products along `dim`."""
    return _running(mg.cumulative_prod, input, dim, dtype)


def _running_extreme(name: str, input: Any, dim: int) -> Any:
    if not input.raw.ndim:
        return return_types[name](input, mg.zeros((), dtype=np.int64))
    axis = one_dim(dim, input.raw.ndim)
    places = mg.asarray(on_data(_running_places, input.raw, axis=axis, largest=name == "cummax"))
    return return_types[name](mg.take_along_axis(input, places, axis=axis), places)


def _running_places(x: Any, *, axis: int, largest: bool) -> Any:
    """Where the extreme so far is, the latest of equal ones, or the latest NaN."""
    rows = np.moveaxis(x, axis, 0)
    out = np.zeros(rows.shape, np.int64)
    if not rows.size:
        return np.moveaxis(out, 0, axis)
    best, place = rows[0].copy(), np.zeros(rows.shape[1:], np.int64)
    for i in range(1, len(rows)):
        row = rows[i]
        better = (row >= best if largest else row <= best) | (row != row)
        if rows.dtype.kind == "f":
            better &= ~((best != best) & (row == row))
        best, place = np.where(better, row, best), np.where(better, i, place)
        out[i] = place
    return np.moveaxis(out, 0, axis)


@function
def cummax(input: Any, dim: int) -> Any:
    """The largest so far along `dim`, and where it is."""
    return _running_extreme("cummax", input, dim)


@function
def cummin(input: Any, dim: int) -> Any:
    """The smallest so far along `dim`, and where it is."""
    return _running_extreme("cummin", input, dim)


@function
def logcumsumexp(input: Any, dim: int) -> Any:
    """log of the running sums of exp along `dim`, in one pass over pairs: exact where one term dwarfs the rest."""
    if not input.raw.ndim:
        return mg.positive(input)
    axis, x = one_dim(dim, input.raw.ndim), input
    n, step, rest = x.shape[axis], 1, (slice(None),) * axis
    while step < n:  # Hillis and Steele 1986
        head, tail = x[(*rest, slice(0, step))], x[(*rest, slice(step, None))]
        x = mg.concat([head, mg.logaddexp(tail, x[(*rest, slice(0, n - step))])], axis=axis)
        step *= 2
    return x


# ------------------------------------------------------------------------------------------------- unique values, histograms


@function
def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The different entries (slices along `dim`), in order; where each entry is among them; how often they are."""
    found = np.unique(
        whole_value(input.raw, "unique"), return_inverse=True, return_counts=True, axis=dim, equal_nan=False
    )
    values, inverse, counts = (mg.asarray(np.asarray(part)) for part in found)
    if dim is None:
        inverse = mg.reshape(inverse, tuple(input.shape))
    else:
        inverse = mg.reshape(inverse, (-1,))
    return _chosen(values, inverse, counts, return_inverse, return_counts)


@function
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The entries without those that equal the one before."""
    x = whole_value(input.raw, "unique_consecutive")
    rows = x.reshape(-1) if dim is None else np.moveaxis(x, dim, 0)
    if not len(rows):
        starts = np.zeros(0, bool)
    else:
        changed = (rows[1:] != rows[:-1]).any(axis=tuple(range(1, rows.ndim)))
        starts = np.concatenate([[True], changed])
    values, inverse = rows[starts], np.cumsum(starts) - 1
    counts = np.diff(np.append(np.flatnonzero(starts), len(rows)))
    values = values if dim is None else np.moveaxis(values, 0, dim)
    inverse = inverse.reshape(x.shape) if dim is None else inverse
    return _chosen(mg.asarray(values), mg.asarray(inverse), mg.asarray(counts), return_inverse, return_counts)


def _chosen(values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    parts = [values, *([inverse] if return_inverse else []), *([counts] if return_counts else [])]
    return tuple(parts) if len(parts) > 1 else values


@function
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of 0, 1, 2, … occurs, or the sum of the weights of its occurrences."""
    return mg.asarray(
        np.bincount(whole_value(input.raw, "bincount"), None if weights is None else weights.raw, minlength)
    )


@function
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many entries lie in each of `bins` equal parts of [min, max], by default that of the data."""
    x = whole_value(input.raw, "histc")
    if min == 0 == max and x.size:
        min, max = float(x.min()), float(x.max())
    if min == max:
        min, max = min - 1, max + 1
    return mg.asarray(np.histogram(x, bins, (min, max))[0].astype(x.dtype))


@function
def histogram(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """How many entries lie in each bin, and the edges of the bins."""
    x, w = whole_value(input.raw, "histogram"), None if weight is None else weight.raw.reshape(-1)
    edges = bins.raw if isinstance(bins, Base) else bins
    counts, edges = np.histogram(x.reshape(-1), edges, range, density, w)
    return return_types["histogram"](mg.asarray(counts.astype(x.dtype)), mg.asarray(edges.astype(x.dtype)))


@function
def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Any:
    """Where `input` would have to be put into the sequences to keep them sorted."""
    order = mg.take_along_axis(sorted_sequence, sorter, axis=-1) if sorter is not None else sorted_sequence
    x = input if isinstance(input, Base) else mg.asarray(input)
    places = on_data(_search, order.raw, x.raw, side="right" if right or side == "right" else "left")
    return mg.asarray(places.astype(np.int32 if out_int32 else np.int64))


def _search(order: Any, x: Any, *, side: Any) -> Any:
    if order.ndim == 1:
        return np.asarray(np.searchsorted(order, x, side=side))
    out = np.zeros(x.shape, np.int64)
    for place in np.ndindex(order.shape[:-1]):
        out[place] = np.searchsorted(order[place], x[place], side=side)
    return out


@function
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """In which of the intervals between the boundaries the entries lie."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
