"""What depends on the order of entries: sorting, ranks and quantiles, running sums, unique values, histograms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

import microgradient as mg

from ..functions.order_statistics import entries_at
from ..tensor import Tensor as Base
from ..trace_hooks import whole_value
from .axes import along, total
from .function import function
from .types import return_types


@function
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The entries in order along `dim`, and where they were."""
    return return_types["sort"](*along(_sorted, input, dim, descending))


def _sorted(x: Any, descending: bool, *, axis: int) -> Any:
    return entries_at(x, mg.argsort(x, axis=axis, descending=descending), axis, True)


@function
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Where the entries are in order along `dim`."""
    return along(mg.argsort, input, dim, descending=descending)


@function
def msort(input: Any) -> Any:
    """The entries in order along axis 0."""
    return along(mg.sort, input, 0)


@function
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) along `dim`, and where they were."""
    return return_types["topk"](*along(mg.topk, input, dim, k, largest=largest))


@function
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest along `dim`, counted from 1, and where it was."""
    return return_types["kthvalue"](*along(mg.kthvalue, input, dim, k, keepdims=keepdim))


@function
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median; along `dim` a pair, with where it was. NaN if there is one."""
    return _median("median", input, dim, keepdim)


@function
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of what is no NaN."""
    return _median("nanmedian", input, dim, keepdim)


def _median(name: str, input: Any, dim: int | None, keepdim: bool) -> Any:
    if dim is not None:
        return return_types[name](*along(_middle, input, dim, keepdim, name == "nanmedian"))
    if not input.raw.size:
        return mg.asarray(mg.nan, dtype=input.raw.dtype)
    return _middle(mg.reshape(input, (-1,)), False, name == "nanmedian", axis=0)[0]


def _middle(x: Any, keepdim: bool, skip: bool, *, axis: int) -> Any:
    n, missing = x.shape[axis], mg.sum(mg.isnan(x), axis=axis, keepdims=True)
    if skip:
        rank = mg.clip((n - missing - 1) // 2, 0, None)
    else:
        rank = mg.where(missing == 0, (n - 1) // 2, n - missing)  # the first NaN
    places = mg.take_along_axis(mg.argsort(x, axis=axis), rank, axis=axis)
    return entries_at(x, places, axis, keepdim)


@function
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent along `dim`, the smallest of several, and the last place where it is."""
    return return_types["mode"](*along(mg.mode, input, dim, keepdims=keepdim))


@function
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: Any = "linear"
) -> Any:
    """The numbers below which the parts `q` of the entries lie. NaN where there is one."""
    return _quantile(mg.quantile, input, q, dim, keepdim, interpolation)


@function
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: Any = "linear"
) -> Any:
    """`quantile` of what is no NaN."""
    return _quantile(mg.nanquantile, input, q, dim, keepdim, interpolation)


def _quantile(f: Callable[..., Any], input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: Any) -> Any:
    if not input.raw.ndim:
        return f(input, q, method=interpolation)
    return f(input, q, axis=dim, keepdims=keepdim, method=interpolation)


# ------------------------------------------------------------------------------------------------------------------- running


@function(inplace=True)
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The running sums along `dim`."""
    return along(partial(total, mg.cumulative_sum, dtype=dtype), input, dim)


@function(inplace=True)
def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The running products along `dim`."""
    return along(partial(total, mg.cumulative_prod, dtype=dtype), input, dim)


@function
def cummax(input: Any, dim: int) -> Any:
    """The largest so far along `dim`, and where it is."""
    return return_types["cummax"](*along(mg.cumulative_max, input, dim))


@function
def cummin(input: Any, dim: int) -> Any:
    """The smallest so far along `dim`, and where it is."""
    return return_types["cummin"](*along(mg.cumulative_min, input, dim))


@function
def logcumsumexp(input: Any, dim: int) -> Any:
    """log of the running sums of exp along `dim`, exact where one term dwarfs the rest."""
    return along(mg.cumulative_logsumexp, input, dim)


# ------------------------------------------------------------------------------------------------- unique values, histograms


@function
def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The different entries (slices along `dim`), in order; where each entry is among them; how often they are."""
    x = whole_value(input.raw, "unique")
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    inverse = inverse.reshape(x.shape if dim is None else -1)
    return _chosen(map(mg.asarray, (values, inverse, counts)), return_inverse, return_counts)


@function
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The entries without those that equal the one before."""
    return _chosen(mg.unique_consecutive(input, axis=dim), return_inverse, return_counts)


def _chosen(found: Iterable[Any], return_inverse: bool, return_counts: bool) -> Any:
    values, inverse, counts = found
    parts = (values, *((inverse,) if return_inverse else ()), *((counts,) if return_counts else ()))
    return parts if len(parts) > 1 else values


@function
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of 0, 1, 2, … occurs, or the sum of the weights of its occurrences."""
    if weights is not None and weights.raw.dtype.kind != "f":
        weights = mg.astype(weights, np.float64)
    return mg.bincount(input, weights=weights, minlength=minlength)


@function
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many entries lie in each of `bins` equal parts of [min, max], by default that of the data."""
    ends = None if min == 0 == max and input.raw.size else (min, max) if min != max else (min - 1, max + 1)
    return mg.astype(mg.histogram(input, bins, range=ends).counts, input.raw.dtype)


@function
def histogram(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """How many entries lie in each bin, and the edges of the bins."""
    counts, edges = mg.histogram(input, bins, range=range, weights=weight, density=density)
    return return_types["histogram"](mg.astype(counts, input.raw.dtype), edges)


@function(method=False)
def histogramdd(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """How many rows lie in each cell of a grid, and the edges of the cells."""
    rows = mg.reshape(input, (-1, input.shape[-1]))
    weight = None if weight is None else mg.reshape(weight, (-1,))
    ends = None if range is None else [*zip(range[::2], range[1::2], strict=True)]
    counts, edges = mg.histogramdd(rows, bins, range=ends, weights=weight, density=density)
    return return_types["histogramdd"](mg.astype(counts, input.raw.dtype), edges)


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
    x = input if isinstance(input, Base) else mg.asarray(input)
    side = "right" if right or side == "right" else "left"
    return mg.astype(mg.searchsorted(sorted_sequence, x, side=side, sorter=sorter), np.int32 if out_int32 else np.int64)


@function
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """In which of the intervals between the boundaries the entries lie."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
