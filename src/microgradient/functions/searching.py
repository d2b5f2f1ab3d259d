"""Searching functions: places and counts. They are flat, so they have no derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from ..trace_hooks import on_data, whole_value
from .arguments import ArrayLike, Axis, as_dtype, as_tensor, axes_of, constant_tensor, one_axis, promoted
from .indexing import take_along_axis

__all__ = ["argmax", "argmin", "count_nonzero", "nonzero", "searchsorted"]


def argmax(x: ArrayLike, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where along `axis` (None: in the flattened `x`) the largest value is; if several are equal, the first.

    >>> import microgradient as mg
    >>> mg.argmax(mg.asarray([[1, 5], [7, 3]]), axis=1)
    tensor([1, 0])
    """
    return _arg(np.argmax, x, axis, keepdims)


def argmin(x: ArrayLike, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where along `axis` (None: in the flattened `x`) the smallest value is; if several are equal, the first.

    >>> import microgradient as mg
    >>> mg.argmin(mg.asarray([[1, 5], [7, 3]]))
    tensor(0)
    """
    return _arg(np.argmin, x, axis, keepdims)


def count_nonzero(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """How many elements over `axis` are not 0.

    >>> import microgradient as mg
    >>> mg.count_nonzero(mg.asarray([[1, 0], [2, 3]]), axis=0)
    tensor([2, 1])
    """
    x = as_tensor(x)
    return constant_tensor(
        on_data(np.count_nonzero, x.raw, axis=axes_of(axis, x.ndim), keepdims=keepdims), x, "count_nonzero"
    )


def nonzero(x: ArrayLike, /) -> tuple[Tensor, ...]:
    """The indices of the elements that are not 0, in order: an array of indices for each axis.

    >>> import microgradient as mg
    >>> mg.nonzero(mg.asarray([0, 5, 6]))
    (tensor([1, 2]),)
    """
    x = as_tensor(x)
    if not x.ndim:
        raise ArgumentError("MG125", "A tensor of shape () has no axes to index. Write `mg.reshape(x, (1,))`.")
    return tuple(constant_tensor(places) for places in np.nonzero(whole_value(x.raw, "nonzero")))


def searchsorted(x1: ArrayLike, x2: ArrayLike, /, *, side: str = "left", sorter: ArrayLike | None = None) -> Tensor:
    """Where in the ascending `x1` each element of `x2` would be put to keep it ascending.

    Before equal elements with `side="left"`, after them with "right". `sorter`: indices that put `x1` in order. If `x1` has more
    than one axis, each row along the last one is searched for the row of `x2` in its place.

    >>> import microgradient as mg
    >>> mg.searchsorted(mg.asarray([1, 3, 5]), mg.asarray([3, 4]))
    tensor([1, 2])
    """
    a = as_tensor(x1) if sorter is None else take_along_axis(as_tensor(x1), sorter)
    b = x2 if isinstance(x2, int | float) else as_tensor(x2)
    if side not in ("left", "right"):
        raise ArgumentError("MG124", f"`side` is 'left' or 'right', not {side!r}.")
    dtype = promoted(a, b)
    b = as_dtype(b, dtype)
    if a.ndim != 1 and (not a.ndim or b.shape[:-1] != a.shape[:-1]):
        raise ShapeError(
            "MG120", "searchsorted looks places up in a tensor with one axis, or row by row: these have the shapes "
            f"{a.shape} and {b.shape}.",
        )  # fmt: skip
    return constant_tensor(on_data(_search, a.raw.astype(dtype), b.raw, side=side))


def _search(rows: Any, x: Any, *, side: Any) -> Any:
    if rows.ndim == 1:
        return np.searchsorted(rows, x, side=side)
    places = np.empty(x.shape, np.int64)
    for i in np.ndindex(rows.shape[:-1]):
        places[i] = np.searchsorted(rows[i], x[i], side=side)
    return places


def _arg(function: Callable[..., Any], x: ArrayLike, axis: int | None, keepdims: bool) -> Tensor:
    x = as_tensor(x)
    if axis is not None:
        axis = one_axis(axis, x.ndim)
    if not (math.prod(x.shape) if axis is None else x.shape[axis]):
        raise ArgumentError(
            "MG120", f"There is no {function.__name__} of no elements: the shape is {x.shape}, the axis {axis}."
        )
    return constant_tensor(on_data(function, x.raw, axis=axis, keepdims=keepdims), x, function.__name__)
