"""Medians and quantiles, running extrema, and statistics that leave NaN out. Derivatives go to the entries they are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..errors import ArgumentError
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import on_data
from . import statistical
from .arguments import ArrayLike, Axis, as_tensor, axes_of, cast_to, constant_tensor, inexact, one_axis
from .indexing import take_along_axis
from .manipulation import permute_dims, reshape
from .sorting import argsort, sort

__all__ = [
    "cumulative_logsumexp", "cumulative_max", "cumulative_min", "kthvalue", "median", "mode", "nanmean", "nanmedian",
    "nanquantile", "nansum", "quantile",
]  # fmt: skip

Method = Literal["linear", "lower", "higher", "midpoint", "nearest"]


def quantile(
    x: ArrayLike, q: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, method: Method = "linear"
) -> Tensor:
    """The numbers below which the parts `q` (from 0 to 1) of the entries over `axis` (None: all) lie; NaN if an entry is NaN.

    Between two entries at place q (n - 1) of the sorted ones it is interpolated: "linear", "lower", "higher", "midpoint" or
    "nearest". The shape is that of `q`, followed by that of the reduced `x`.

    >>> import microgradient as mg
    >>> mg.quantile(mg.tensor([1.0, 2.0, 4.0]), [0.5, 0.75])
    tensor([2., 3.])
    """
    return _quantiles(x, q, axis, keepdims, method, skip=False)


def nanquantile(
    x: ArrayLike, q: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False, method: Method = "linear"
) -> Tensor:
    """`quantile` of the entries that are not NaN; NaN where all are.

    >>> import microgradient as mg
    >>> mg.nanquantile(mg.tensor([1.0, mg.nan, 3.0]), 0.5)
    tensor(2.)
    """
    return _quantiles(x, q, axis, keepdims, method, skip=True)


def median(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The number in the middle of the entries over `axis` (None: all), or the mean of the two there; NaN if an entry is NaN.

    That is NumPy's and SciPy's; PyTorch takes the lower of two: `mg.quantile(x, 0.5, method="lower")`.

    >>> import microgradient as mg
    >>> mg.median(mg.tensor([1.0, 5.0, 2.0, 3.0]))
    tensor(2.5)
    """
    return quantile(x, 0.5, axis=axis, keepdims=keepdims)


def nanmedian(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`median` of the entries that are not NaN; NaN where all are.

    >>> import microgradient as mg
    >>> mg.nanmedian(mg.tensor([1.0, mg.nan, 3.0]))
    tensor(2.)
    """
    return nanquantile(x, 0.5, axis=axis, keepdims=keepdims)


def nansum(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum of the entries over `axis` (None: all) that are not NaN.

    >>> import microgradient as mg
    >>> mg.nansum(mg.tensor([1.0, mg.nan]))
    tensor(1.)
    """
    x = as_tensor(x)
    return statistical.sum(xp.where(xp.isnan(x), 0, x) if x.dtype.kind in "fc" else x, axis=axis, keepdims=keepdims)


def nanmean(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean of the entries over `axis` (None: all) that are not NaN; NaN where all are.

    >>> import microgradient as mg
    >>> mg.nanmean(mg.tensor([1.0, mg.nan, 3.0]))
    tensor(2.)
    """
    x = inexact(as_tensor(x))
    count = statistical.sum(cast_to(xp.logical_not(xp.isnan(x)), x.dtype), axis=axis, keepdims=keepdims)
    return nansum(x, axis=axis, keepdims=keepdims) / count


def mode(x: ArrayLike, /, *, axis: int = -1, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The most frequent value along `axis`, of several the smallest, and the last place where it is.

    >>> import microgradient as mg
    >>> mg.mode(mg.asarray([3, 1, 3, 2]))
    (tensor(3), tensor(2))
    """
    x = as_tensor(x)
    i = _nonempty(x, axis, "mode")
    place = constant_tensor(on_data(_most_frequent, x.raw, axis=i), x, "mode")
    return entries_at(x, place, i, keepdims)


def kthvalue(x: ArrayLike, k: int, /, *, axis: int = -1, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """The k-th smallest value along `axis`, k = 1 for the smallest, and where it is.

    >>> import microgradient as mg
    >>> mg.kthvalue(mg.asarray([3.0, 1.0, 2.0]), 2)
    (tensor(2.), tensor(2))
    """
    x = as_tensor(x)
    i = one_axis(axis, x.ndim)
    if not 1 <= k <= x.shape[i]:
        raise ArgumentError("MG124", f"Axis {i} has {x.shape[i]} elements; there is no number {k} of them.")
    return entries_at(x, xp.index(argsort(x, axis=i), key=(*(slice(None),) * i, slice(k - 1, k))), i, keepdims)


def cumulative_max(x: ArrayLike, /, *, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The largest of the entries up to each one along `axis`, and where that is, the last of equal ones; NaN from a NaN on.

    >>> import microgradient as mg
    >>> mg.cumulative_max(mg.asarray([1.0, 3.0, 2.0]))
    (tensor([1., 3., 3.]), tensor([0, 1, 1]))
    """
    return _running(x, axis, "cumulative_max")


def cumulative_min(x: ArrayLike, /, *, axis: int = -1) -> tuple[Tensor, Tensor]:
    """The smallest of the entries up to each one along `axis`, and where that is. See `cumulative_max`.

    >>> import microgradient as mg
    >>> mg.cumulative_min(mg.asarray([3.0, 1.0, 2.0]))
    (tensor([3., 1., 1.]), tensor([0, 1, 1]))
    """
    return _running(x, axis, "cumulative_min")


def cumulative_logsumexp(x: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """log Σ exp(x) of the entries up to each one along `axis`, without overflow (PyTorch: logcumsumexp).

    >>> import microgradient as mg
    >>> mg.cumulative_logsumexp(mg.tensor([0.0, 0.0]))
    tensor([0.       , 0.6931472])
    """
    x = inexact(as_tensor(x))
    i, n, step = one_axis(axis, x.ndim), x.shape[one_axis(axis, x.ndim)], 1
    while step < n:  # sums of 2, 4, 8, … entries: Hillis & Steele 1986, "Data parallel algorithms"
        lead = (slice(None),) * i
        first, rest, before = (
            xp.index(x, key=(*lead, s)) for s in (slice(0, step), slice(step, n), slice(0, n - step))
        )
        x = xp.concat(first, xp.logaddexp(rest, before), axis=i)
        step *= 2
    return x


# ---------------------------------------------------------------------------------------------------------------- helpers


def _quantiles(x: ArrayLike, q: ArrayLike, axis: Axis, keepdims: bool, method: str, skip: bool) -> Tensor:
    x = inexact(as_tensor(x))
    parts = inexact(as_tensor(q)) if hasattr(q, "dtype") else Tensor(q, x.dtype)
    if str(method) not in _METHODS:
        raise ArgumentError("MG124", f"method is one of {', '.join(_METHODS)}, not {method!r}.")
    if isinstance(parts.raw, np.ndarray) and not ((parts.raw >= 0) & (parts.raw <= 1)).all():
        raise ArgumentError("MG124", "The parts `q` of a quantile lie between 0 and 1.")
    axes = axes_of(axis, x.ndim)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    lead, n = tuple(x.shape[i] for i in kept), math.prod(x.shape[i] for i in axes)
    if not n:
        raise ArgumentError("MG120", f"There is no quantile of no entries: the shape is {x.shape}, the axis {axis}.")
    rows = reshape(permute_dims(x, (*kept, *axes)), (*lead, n))
    missing = statistical.sum(xp.isnan(rows), axis=-1, keepdims=True)
    rank = reshape(parts, (-1,)) * cast_to(xp.maximum(n - 1 - missing, 0) if skip else n - 1 + missing * 0, parts.dtype)
    low, high, weight = _METHODS[method](rank)
    ordered = sort(rows)
    first, second = (take_along_axis(ordered, cast_to(i, np.dtype(np.int64))) for i in (low, high))
    y = xp.where(xp.equal(first, second), first, first + (second - first) * cast_to(weight, x.dtype))  # ∞ - ∞
    y = xp.where(xp.equal(missing, n) if skip else xp.greater(missing, 0), np.nan, y)
    shape = tuple(1 if i in axes else m for i, m in enumerate(x.shape)) if keepdims else lead
    return reshape(permute_dims(y, (y.ndim - 1, *range(y.ndim - 1))), (*parts.shape, *shape))


_METHODS: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {
    "linear": lambda rank: (xp.floor(rank), xp.ceil(rank), rank - xp.floor(rank)),
    "lower": lambda rank: (xp.floor(rank), xp.floor(rank), rank * 0),
    "higher": lambda rank: (xp.ceil(rank), xp.ceil(rank), rank * 0),
    "midpoint": lambda rank: (xp.floor(rank), xp.ceil(rank), rank * 0 + 0.5),
    "nearest": lambda rank: (xp.round(rank), xp.round(rank), rank * 0),
}
"""Between which two of the sorted entries a quantile lies, and how far from the first to the second."""


def _most_frequent(x: Any, *, axis: int) -> Any:
    rows = np.moveaxis(x, axis, -1)
    places = np.zeros((*rows.shape[:-1], 1), np.int64)
    for i in np.ndindex(*rows.shape[:-1]):
        values, counts = np.unique(rows[i], return_counts=True)
        value = values[np.argmax(counts)]
        same = np.isnan(rows[i]) if value != value else rows[i] == value
        places[(*i, 0)] = np.flatnonzero(same)[-1]
    return np.moveaxis(places, -1, axis)


def _running(x: ArrayLike, axis: int, name: str) -> tuple[Tensor, Tensor]:
    x = as_tensor(x)
    i = one_axis(axis, x.ndim)
    place = constant_tensor(on_data(_running_place, x.raw, axis=i, largest=name == "cumulative_max"), x, name)
    return take_along_axis(x, place, axis=i), place


def _running_place(x: Any, *, axis: int, largest: bool) -> Any:
    best = (np.maximum if largest else np.minimum).accumulate(x, axis=axis)
    number = np.arange(x.shape[axis]).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
    return np.maximum.accumulate(np.where((x == best) | (x != x), number, 0), axis=axis)


def _nonempty(x: Tensor, axis: int, name: str) -> int:
    i = one_axis(axis, x.ndim)
    if not x.shape[i]:
        raise ArgumentError("MG120", f"There is no {name} of no elements: the shape is {x.shape}, the axis {i}.")
    return i


def entries_at(x: Tensor, place: Tensor, axis: int, keepdims: bool) -> tuple[Tensor, Tensor]:
    """The entries of `x` at one place along `axis`, and these places, which come with the axis."""
    value = take_along_axis(x, place, axis=axis)
    shape = value.shape if keepdims else (*value.shape[:axis], *value.shape[axis + 1 :])
    return reshape(value, shape), reshape(place, shape)
