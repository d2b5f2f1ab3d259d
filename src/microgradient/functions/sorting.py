"""Sorting functions. What is sorted keeps its derivative, which moves with it; the order itself has none."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array_world import Array
from ..errors import ArgumentError
from ..tensor import Tensor
from ..trace_hooks import on_data
from .arguments import ArrayLike, as_tensor, constant_tensor, one_axis
from .indexing import take_along_axis

__all__ = ["argsort", "sort", "topk"]


def argsort(x: ArrayLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that put `x` in order along `axis`; equal elements keep theirs. NaN counts as larger than all else.

    >>> import microgradient as mg
    >>> mg.argsort(mg.asarray([3, 1, 2]), descending=True)
    tensor([0, 2, 1])
    """
    x = as_tensor(x)
    i = one_axis(axis, x.ndim)
    found = on_data(_descending, x.raw, axis=i) if descending else on_data(np.argsort, x.raw, axis=i, kind="stable")
    return constant_tensor(found, x, "argsort")


def sort(x: ArrayLike, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """`x` in ascending (or descending) order along `axis`. NaN counts as larger than all else.

    >>> import microgradient as mg
    >>> mg.sort(mg.asarray([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    x = as_tensor(x)
    return take_along_axis(x, argsort(x, axis=axis, descending=descending, stable=stable), axis=axis)


def _descending(x: Array, *, axis: int) -> Any:
    # sorted backwards and read backwards, so that equal elements stay in order
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)


def topk(x: ArrayLike, k: int, /, *, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` largest (or smallest) values along `axis` in order, and their indices.

    Raises ArgumentError if the axis has fewer elements.

    >>> import microgradient as mg
    >>> mg.topk(mg.asarray([3.0, 1.0, 2.0]), 2)
    (tensor([3., 2.]), tensor([0, 2]))
    """
    x = as_tensor(x)
    i = one_axis(axis, x.ndim)
    if not 0 <= k <= x.shape[i]:
        raise ArgumentError("MG124", f"Axis {i} has {x.shape[i]} elements; {k} can't be taken.")
    first = argsort(x, axis=i, descending=largest)[(slice(None),) * i + (slice(k),)]
    return take_along_axis(x, first, axis=i), first
