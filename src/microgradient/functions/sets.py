"""Set functions: what is in an array. Values are flat in what they are compared with, so there is no derivative."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..tensor import Tensor
from ..trace_hooks import on_data, whole_value
from .arguments import ArrayLike, as_dtype, as_tensor, constant_tensor, promoted

__all__ = ["isin", "unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Tensor
    inverse_indices: Tensor


def unique_all(x: ArrayLike, /) -> UniqueAll:
    """The different values of `x` in order, where each is first, which of them each entry is, and how often each occurs.

    A NaN differs from every other.

    >>> import microgradient as mg
    >>> mg.unique_all(mg.asarray([5, 3, 5])).counts
    tensor([1, 2])
    """
    x = as_tensor(x)
    values, first, inverse, counts = np.unique(
        whole_value(x.raw, "unique"), return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    return UniqueAll(*map(constant_tensor, (values, first, inverse.reshape(x.shape), counts)))


def unique_counts(x: ArrayLike, /) -> UniqueCounts:
    """The different values of `x` in order and how often each occurs.

    >>> import microgradient as mg
    >>> mg.unique_counts(mg.asarray([5, 3, 5])).values
    tensor([3, 5])
    """
    every = unique_all(x)
    return UniqueCounts(every.values, every.counts)


def unique_inverse(x: ArrayLike, /) -> UniqueInverse:
    """The different values of `x` in order and which of them each entry is.

    >>> import microgradient as mg
    >>> mg.unique_inverse(mg.asarray([5, 3, 5])).inverse_indices
    tensor([1, 0, 1])
    """
    every = unique_all(x)
    return UniqueInverse(every.values, every.inverse_indices)


def unique_values(x: ArrayLike, /) -> Tensor:
    """The different values of `x` in order.

    >>> import microgradient as mg
    >>> mg.unique_values(mg.asarray([5, 3, 5]))
    tensor([3, 5])
    """
    return unique_all(x).values


def isin(x1: ArrayLike, x2: ArrayLike, /, *, invert: bool = False) -> Tensor:
    """Whether each entry of `x1` is among those of `x2`; with `invert`, whether it is not. NaN is never.

    >>> import microgradient as mg
    >>> mg.isin(mg.asarray([1, 2, 3]), mg.asarray([3, 1]))
    tensor([ True, False,  True])
    """
    numbers = bool | int | float | complex
    a, b = (x if isinstance(x, numbers) else as_tensor(x) for x in (x1, x2))
    dtype = promoted(a, b)
    return constant_tensor(on_data(np.isin, as_dtype(a, dtype).raw, as_dtype(b, dtype).raw, invert=invert))
