"""Entries added, multiplied or compared at the places that arrays of integers name: `index_add`, `scatter`, segments."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ..errors import ArgumentError, OutOfRangeError, ShapeError
from ..rules import INDEX
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import on_data, whole_value
from .arguments import ArrayLike, as_tensor, as_tensors, cast_to, constant_tensor, inexact, one_axis
from .indexing import integers
from .manipulation import moveaxis, reshape

__all__ = [
    "index_add", "scatter", "segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum",
]  # fmt: skip

Reduce = Literal["sum", "prod", "max", "min", "mean"]


def index_add(x: ArrayLike, indices: ArrayLike, values: ArrayLike, /, *, axis: int = 0) -> Tensor:
    """`x` with slice i of `values` along `axis` added to slice indices[i]; what falls on one place adds up.

    Raises ShapeError where `values` is not shaped as `x`, but for one slice per index.

    >>> import microgradient as mg
    >>> mg.index_add(mg.zeros(3), [0, 2, 0], mg.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    x, values = as_tensors((as_tensor(x), as_tensor(values)))
    places, i = integers(indices), one_axis(axis, x.ndim)
    wanted = (*x.shape[:i], *places.shape, *x.shape[i + 1 :])
    if places.ndim != 1 or values.shape != wanted:
        raise ShapeError(
            "MG134",
            f"index_add: {x.shape} with indices {places.shape} along axis {i} takes values {wanted}, not {values.shape}.",
        )
    _check(places, x.shape[i])
    return x + xp.index_add(values, places.raw, key=(*(slice(None),) * i, INDEX), shape=x.shape)


def scatter(
    x: ArrayLike,
    indices: ArrayLike,
    values: ArrayLike,
    /,
    *,
    axis: int = -1,
    reduce: Reduce | None = None,
    include_self: bool = True,
) -> Tensor:
    """`x` with each of `values` put where `indices` say along `axis`; in the other axes it stays where it is.

    Of several for one place the last stays, unless they are reduced: by "sum", "prod", "max", "min" or "mean", together with
    the entry of `x` if `include_self`. `values` has the shape of `indices` or broadcasts to it; along the other axes these may be
    shorter than `x`, as in PyTorch. Tied maxima share the gradient. Places without a value keep their entry.

    >>> import microgradient as mg
    >>> mg.scatter(mg.ones(3), [0, 2, 0], mg.tensor([1.0, 2.0, 3.0]), reduce="sum")
    tensor([5., 1., 3.])
    """
    x, values = as_tensors((as_tensor(x), as_tensor(values)))
    places, i = integers(indices), one_axis(axis, x.ndim)
    if places.ndim != x.ndim or any(
        m > n for k, (m, n) in enumerate(zip(places.shape, x.shape, strict=True)) if k != i
    ):
        raise ShapeError(
            "MG134", f"scatter: indices {places.shape} along axis {i} don't fit into a tensor of shape {x.shape}."
        )
    if values.ndim > x.ndim or any(
        m not in (1, n) for m, n in zip(values.shape[::-1], places.shape[::-1], strict=False)
    ):
        raise ShapeError("MG134", f"scatter: values {values.shape} don't broadcast to the indices {places.shape}.")
    _check(places, x.shape[i])
    values = values if values.shape == places.shape else xp.broadcast_to(values, shape=places.shape)
    grid = [np.arange(n).reshape([-1 if k == j else 1 for j in range(x.ndim)]) for k, n in enumerate(places.shape)]
    at = [places.raw if k == i else g for k, g in enumerate(grid)]
    key = (INDEX,) * x.ndim
    if reduce is None:
        return xp.index_set(x, values, *at, key=key)
    count = constant_tensor(on_data(_counted, *at, shape=x.shape))
    if reduce in ("sum", "mean"):
        total = xp.index_add(values, *at, key=key, shape=x.shape)
        kept = x if include_self else xp.where(xp.equal(count, 0), x, 0)
        if reduce == "sum":
            return kept + total
        n = count + int(include_self)
        return (kept + total) / cast_to(xp.where(xp.equal(n, 0), 1, n), inexact(x).dtype)
    if reduce not in ("prod", "max", "min"):
        raise ArgumentError("MG124", f"`reduce` is 'sum', 'prod', 'max', 'min' or 'mean', not {reduce!r}.")
    free = xp.equal(count, 0)
    if reduce == "prod":
        product = _products(values, at, x.shape, places.shape[i])
        return product * x if include_self else xp.where(free, x, product)
    return _extremes(x, values, at, reduce, xp.logical_or(free, include_self))


def segment_sum(x: ArrayLike, segments: ArrayLike, /, *, num_segments: int | None = None, axis: int = 0) -> Tensor:
    """The sums of the slices of `x` along `axis` that have the same number in `segments`, in any order; slice k is of number k.

    `num_segments` is how many there are (None: the largest number and one); without slices the sum is 0.

    >>> import microgradient as mg
    >>> mg.segment_sum(mg.tensor([1.0, 2.0, 3.0]), [0, 1, 0])
    tensor([4., 2.])
    """
    x, places, shape, i = _segments(x, segments, num_segments, axis)
    return xp.index_add(x, places.raw, key=(*(slice(None),) * i, INDEX), shape=shape)


def segment_mean(x: ArrayLike, segments: ArrayLike, /, *, num_segments: int | None = None, axis: int = 0) -> Tensor:
    """The means of the slices of `x` that have the same number in `segments`; 0 without slices. See `segment_sum`.

    >>> import microgradient as mg
    >>> mg.segment_mean(mg.tensor([1.0, 2.0, 3.0]), [0, 1, 0])
    tensor([2., 2.])
    """
    x, places, shape, i = _segments(inexact(as_tensor(x)), segments, num_segments, axis)
    total = xp.index_add(x, places.raw, key=(*(slice(None),) * i, INDEX), shape=shape)
    count = on_data(_counted, places.raw, shape=(shape[i],))
    count = reshape(constant_tensor(count), tuple(n if k == i else 1 for k, n in enumerate(shape)))
    return total / cast_to(xp.maximum(count, 1), x.dtype)


def segment_prod(x: ArrayLike, segments: ArrayLike, /, *, num_segments: int | None = None, axis: int = 0) -> Tensor:
    """The products of the slices of `x` that have the same number in `segments`; 1 without slices. See `segment_sum`.

    >>> import microgradient as mg
    >>> mg.segment_prod(mg.tensor([1.0, 2.0, 3.0]), [0, 1, 0])
    tensor([3., 2.])
    """
    x, places, shape, i = _segments(x, segments, num_segments, axis)
    rows = moveaxis(x, i, 0)
    return moveaxis(_products(rows, [places.raw], (shape[i],), rows.shape[0]), 0, i)


def segment_max(x: ArrayLike, segments: ArrayLike, /, *, num_segments: int | None = None, axis: int = 0) -> Tensor:
    """The maxima of the slices of `x` that have the same number in `segments`; -∞ without slices. See `segment_sum`.

    >>> import microgradient as mg
    >>> mg.segment_max(mg.tensor([1.0, 2.0, 3.0]), [0, 1, 0])
    tensor([3., 2.])
    """
    return _extreme_of_segments(x, segments, num_segments, axis, "max")


def segment_min(x: ArrayLike, segments: ArrayLike, /, *, num_segments: int | None = None, axis: int = 0) -> Tensor:
    """The minima of the slices of `x` that have the same number in `segments`; ∞ without slices. See `segment_sum`.

    >>> import microgradient as mg
    >>> mg.segment_min(mg.tensor([1.0, 2.0, 3.0]), [0, 1, 0])
    tensor([1., 2.])
    """
    return _extreme_of_segments(x, segments, num_segments, axis, "min")


# ---------------------------------------------------------------------------------------------------------------- helpers


def _extreme_of_segments(x: ArrayLike, segments: ArrayLike, n: int | None, axis: int, reduce: str) -> Tensor:
    x, places, shape, i = _segments(x, segments, n, axis)
    rows = moveaxis(x, i, 0)
    free = on_data(_counted, places.raw, shape=(shape[i],)) == 0
    free = reshape(constant_tensor(free), (-1, *(1,) * (x.ndim - 1)))
    empty = constant_tensor(np.full((shape[i], *rows.shape[1:]), _end(x.dtype, reduce), x.dtype))
    return moveaxis(_extremes(empty, rows, [places.raw], reduce, free), 0, i)


def _segments(
    x: ArrayLike, segments: ArrayLike, n: int | None, axis: int
) -> tuple[Tensor, Tensor, tuple[int, ...], int]:
    """`x`, the numbers of its slices, the shape of the result, and the axis."""
    x, places = as_tensor(x), integers(segments)
    i = one_axis(axis, x.ndim)
    if places.shape != (x.shape[i],):
        raise ShapeError("MG134", f"Axis {i} of {x.shape} takes {x.shape[i]} segment numbers, not {places.shape}.")
    if n is None:
        n = int(whole_value(places.raw, "a segment function without `num_segments`").max(initial=-1)) + 1
    _check(places, n)
    return x, places, (*x.shape[:i], n, *x.shape[i + 1 :]), i


def _check(places: Tensor, n: int) -> None:
    if isinstance(places.raw, np.ndarray) and places.raw.size and not -n <= places.raw.min() <= places.raw.max() < n:
        worst = places.raw.max() if places.raw.max() >= n else places.raw.min()
        raise OutOfRangeError("MG127", f"The index {worst} is outside of an axis of length {n}.")


def _counted(*at: Any, shape: tuple[int, ...]) -> Any:
    """How many of the places fall on each entry."""
    count = np.zeros(shape, np.int64)
    np.add.at(count, at if len(at) > 1 else at[0], 1)
    return count


def _products(values: Tensor, at: list[Any], shape: tuple[int, ...], bound: int) -> Tensor:
    """The product of the values for each place: of a table of them along a new first axis, filled up with ones.

    A place has at most `bound` values; while something is traced, and where they go is not known, the table is as long as that.
    """
    flat, number, count = on_data(_numbered, *at, shape=shape)
    width, places = max(int(count.max(initial=0)) if isinstance(count, np.ndarray) else bound, 1), math.prod(shape)
    extra = values.shape[max(a.ndim for a in at) :]
    ones = constant_tensor(np.ones((width, places, *extra), values.dtype))
    table = xp.index_set(ones, reshape(values, (flat.shape[0], *extra)), number, flat, key=(INDEX, INDEX))
    return reshape(xp.prod(table, axis=0, keepdims=False), (*shape, *extra))


def _numbered(*at: Any, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """The place of each value as one number, which of the values for its place it is, and how many each place has."""
    whole = np.broadcast_arrays(*at)
    places = [np.where(a < 0, a + n, a) for a, n in zip(whole, shape, strict=True)]
    flat = np.ravel_multi_index(places, shape).reshape(-1).astype(np.int64) if whole[0].size else np.zeros(0, np.int64)
    order = np.argsort(flat, kind="stable")
    count = np.bincount(flat, minlength=math.prod(shape))
    number = np.empty_like(flat)
    number[order] = np.arange(len(flat)) - (np.cumsum(count) - count)[flat[order]]
    return flat, number, count.reshape(shape)


def _extremes(x: Tensor, values: Tensor, at: list[Any], reduce: str, own: Tensor) -> Tensor:
    """The largest or smallest of the values for each place, and of `x` where `own` holds.

    All that are equal to it share the gradient: it is their mean, though to the bit the extreme itself.
    """
    key, shape = (INDEX,) * len(at), x.shape
    best = constant_tensor(on_data(_extreme, x.raw, values.raw, own.raw, *at, reduce=reduce))
    if x.dtype.kind != "f":
        return best
    own, hit = xp.logical_and(own, xp.equal(x, best)), xp.equal(values, xp.index(best, *at, key=key))
    total = xp.where(own, x, 0) + xp.index_add(xp.where(hit, values, 0), *at, key=key, shape=shape)
    number = cast_to(own, x.dtype) + xp.index_add(cast_to(hit, x.dtype), *at, key=key, shape=shape)
    mean = total / number
    return xp.where(xp.isfinite(best), best + (mean - mean.detach()), mean)


def _extreme(x: Any, values: Any, own: Any, *at: Any, reduce: str) -> Any:
    best = np.where(own, x, np.asarray(_end(x.dtype, reduce), x.dtype))
    (np.maximum if reduce == "max" else np.minimum).at(best, at, values)
    return best


def _end(dtype: Any, reduce: str) -> Any:
    """The number that no other is smaller, or larger, than."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min if reduce == "max" else np.iinfo(dtype).max
    return (reduce == "min") if dtype.kind == "b" else -np.inf if reduce == "max" else np.inf
