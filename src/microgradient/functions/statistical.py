"""Statistical functions: reductions over axes. `axis` is an integer, a tuple of them, or None for all.

With `keepdims` the reduced axes stay, with length 1, so that the result broadcasts against the argument.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import ArgumentError
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from .arguments import (
    ArrayLike,
    Axis,
    DType,
    as_tensor,
    axes_of,
    cast_to,
    checked_dtype,
    constant_tensor,
    inexact,
    one_axis,
)
from .linalg import vector_norm
from .manipulation import concat, permute_dims, reshape
from .pointwise import square, subtract

__all__ = ["cumulative_prod", "cumulative_sum", "max", "mean", "min", "prod", "std", "sum", "var"]


def sum(x: ArrayLike, /, *, axis: Axis = None, dtype: DType = None, keepdims: bool = False) -> Tensor:
    """Σx over `axis`; 0 for no elements. Integers and booleans are summed as int64 (unsigned: uint64), floats as they are.

    `dtype` is that of the result: `x` is cast to it first.

    >>> import microgradient as mg
    >>> mg.sum(mg.asarray([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    tensor([3., 7.])
    """
    x = _accumulated(as_tensor(x), dtype)
    y: Tensor = xp.sum(x, axis=axes_of(axis, x.ndim), keepdims=keepdims)
    return y if dtype is None else cast_to(y, x.dtype)


def prod(x: ArrayLike, /, *, axis: Axis = None, dtype: DType = None, keepdims: bool = False) -> Tensor:
    """The product over `axis`; 1 for no elements. Dtypes as in :func:`sum`. The derivative is exact at zeros.

    >>> import microgradient as mg
    >>> mg.prod(mg.asarray([2.0, 3.0, 4.0]))
    tensor(24.)
    """
    x = _accumulated(as_tensor(x), dtype)
    axes = axes_of(axis, x.ndim)
    if len(axes) == 1:
        return cast_to(xp.prod(x, axis=axes[0], keepdims=keepdims), x.dtype)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(x.shape[i] for i in kept)
    moved = reshape(permute_dims(x, (*kept, *axes)), (*shape, math.prod(x.shape[i] for i in axes)))
    out = cast_to(xp.prod(moved, axis=len(kept), keepdims=False), x.dtype)
    return reshape(out, tuple(1 if i in axes else n for i, n in enumerate(x.shape))) if keepdims else out


def max(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest value over `axis`; NaN if there is one. Entries that tie share the derivative equally; so do zeros of both
    signs, of which either may be the result, as the array API standard allows.

    Raises ArgumentError where there are no elements to choose from.

    >>> import microgradient as mg
    >>> mg.max(mg.asarray([[1, 5], [7, 3]]), axis=0)
    tensor([7, 5])
    """
    return _extremum("max", as_tensor(x), axis, keepdims)


def min(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest value over `axis`; otherwise as :func:`max`.

    >>> import microgradient as mg
    >>> mg.min(mg.asarray([[1, 5], [7, 3]]), axis=1, keepdims=True)
    tensor([[1],
            [3]])
    """
    return _extremum("min", as_tensor(x), axis, keepdims)


def mean(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Σx / n over `axis`; NaN for no elements. Integers become the default float.

    >>> import microgradient as mg
    >>> mg.mean(mg.asarray([1, 2, 6]))
    tensor(3.)
    """
    x = inexact(as_tensor(x))
    total = sum(x, axis=axis, keepdims=keepdims)
    return total / _count(x, total)


def var(x: ArrayLike, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Σ|x - mean|² / (n - `correction`) over `axis`. `correction=1` gives the unbiased variance of a sample.

    >>> import microgradient as mg
    >>> mg.var(mg.asarray([1.0, 3.0]))
    tensor(1.)
    """
    x = inexact(as_tensor(x))
    center = mean(x, axis=axis, keepdims=True)
    distance = subtract(x, center)
    deviation = square(abs(distance) if x.dtype.kind == "c" else distance)
    degrees = _count(x, center) - correction
    return sum(deviation, axis=axis, keepdims=keepdims) / (degrees if degrees > 0 else 0)


def std(x: ArrayLike, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """√var over `axis`, see :func:`var`. Where all values are equal its derivative is 0 and the second one NaN.

    >>> import microgradient as mg
    >>> mg.std(mg.asarray([1.0, 3.0]))
    tensor(1.)
    """
    x = inexact(as_tensor(x))
    center = mean(x, axis=axis, keepdims=True)
    degrees = _count(x, center) - correction
    distance = subtract(x, center)
    return vector_norm(distance, axis=axis, keepdims=keepdims) / (math.sqrt(degrees) if degrees > 0 else 0)


def cumulative_sum(
    x: ArrayLike, /, *, axis: int | None = None, dtype: DType = None, include_initial: bool = False
) -> Tensor:
    """The sums of the first 1, 2, ... elements along `axis`, which may be left out for one axis. Dtypes as in :func:`sum`.

    `include_initial` puts the empty sum, 0, in front.

    >>> import microgradient as mg
    >>> mg.cumulative_sum(mg.asarray([1, 2, 3]), include_initial=True)
    tensor([0, 1, 3, 6])
    """
    return _cumulative("cumulative_sum", 0, as_tensor(x), axis, dtype, include_initial)


def cumulative_prod(
    x: ArrayLike, /, *, axis: int | None = None, dtype: DType = None, include_initial: bool = False
) -> Tensor:
    """The products of the first 1, 2, ... elements along `axis`; otherwise as :func:`cumulative_sum`.

    >>> import microgradient as mg
    >>> mg.cumulative_prod(mg.asarray([1, 2, 3]))
    tensor([1, 2, 6])
    """
    return _cumulative("cumulative_prod", 1, as_tensor(x), axis, dtype, include_initial)


def _extremum(name: str, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    axes = axes_of(axis, x.ndim)
    if 0 in x.shape and any(x.shape[i] == 0 for i in axes):
        raise ArgumentError("MG120", f"There is no {name} of no elements: the shape is {x.shape}, reduced over {axes}.")
    return getattr(xp, name)(x, axis=axes, keepdims=keepdims)


def _cumulative(name: str, first: int, x: Tensor, axis: int | None, dtype: DType, include_initial: bool) -> Tensor:
    if axis is None and x.ndim != 1:
        raise ArgumentError("MG124", f"A tensor with {x.ndim} axes needs `axis` to accumulate along.")
    i = one_axis(0 if axis is None else axis, x.ndim)
    x = _accumulated(x, dtype)
    out = getattr(xp, name)(x, axis=i)
    if not include_initial:
        return out
    initial = np.full((*x.shape[:i], 1, *x.shape[i + 1 :]), first, x.dtype)
    return concat([constant_tensor(initial), out], axis=i)


def _accumulated(x: Tensor, dtype: DType) -> Tensor:
    """`x` in the dtype in which it is to be summed."""
    if dtype is not None:
        return cast_to(x, checked_dtype(dtype))
    kind = x.dtype.kind
    if kind in "fc":
        return x
    return cast_to(x, np.dtype(np.uint64 if kind == "u" else np.int64))


def _count(x: Tensor, reduced: Tensor) -> int:
    """How many elements of `x` make one of what it was reduced to."""
    return x.raw.size // (reduced.raw.size or 1)
