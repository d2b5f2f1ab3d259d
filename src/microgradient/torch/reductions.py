"""Reductions over axes: sums and products, extremes, means and variances, norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import DTypeError
from ..functions.order_statistics import entries_at
from ..tensor import Tensor as Base
from .axes import along, cast, dims, total
from .function import FUNCTIONS, function
from .types import return_types


@function
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Σ input over `dim`. Integers are summed as int64."""
    return total(mg.sum, input, dtype, axis=dims(dim, input.raw.ndim), keepdims=keepdim)


@function
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Σ input over `dim`, without NaNs."""
    return total(mg.nansum, input, dtype, axis=dims(dim, input.raw.ndim), keepdims=keepdim)


@function
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over `dim` of real or complex numbers."""
    x = _inexact(cast(input, dtype), "mean()")
    return mg.mean(x, axis=dims(dim, x.raw.ndim), keepdims=keepdim)


@function
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean over `dim`, without NaNs."""
    return mg.nanmean(cast(input, dtype), axis=dims(dim, input.raw.ndim), keepdims=keepdim)


def _inexact(x: Any, name: str) -> Any:
    if x.raw.dtype.kind not in "fc":
        raise DTypeError(
            "MG144", f"{name}: the dtype must be floating point or complex, not torch.{x.raw.dtype}. Write `x.float()`."
        )
    return x


@function
def prod(input: Any, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The product over `dim`."""
    return total(mg.prod, input, dtype, axis=dims(dim, input.raw.ndim), keepdims=keepdim)


def _truth(reduce: Callable[..., Any], input: Any, dim: Any, keepdim: bool) -> Any:
    y = reduce(input, axis=dims(dim, input.raw.ndim), keepdims=keepdim)
    return mg.astype(y, np.uint8) if input.raw.dtype == np.uint8 else y


@function
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether all entries are true."""
    return _truth(mg.all, input, dim, keepdim)


@function
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Whether some entry is true."""
    return _truth(mg.any, input, dim, keepdim)


@function
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many entries are not 0."""
    return mg.count_nonzero(input, axis=dims(dim, input.raw.ndim))


# -------------------------------------------------------------------------------------------------------------- the extremes


@function
def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest entry; along `dim` a pair, the values and their indices; the larger of two tensors.

    All of one tensor's largest share the gradient; along `dim` it goes to the entry at the index.
    """
    if isinstance(dim, Base):
        return FUNCTIONS["maximum"](input, dim)
    return amax(input) if dim is None else return_types["max"](*along(_found, input, dim, mg.argmax, keepdim))


@function
def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest entry; along `dim` a pair, the values and their indices; the smaller of two tensors."""
    if isinstance(dim, Base):
        return FUNCTIONS["minimum"](input, dim)
    return amin(input) if dim is None else return_types["min"](*along(_found, input, dim, mg.argmin, keepdim))


def _found(x: Any, find: Callable[..., Any], keepdim: bool, *, axis: int) -> Any:
    return entries_at(x, find(x, axis=axis, keepdims=True), axis, keepdim)


@function
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The largest along `dim`. Equal ones share the gradient."""
    return (mg.max if input.raw.dtype.kind != "b" else mg.any)(input, axis=dims(dim, input.raw.ndim), keepdims=keepdim)


@function
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Any:
    """The smallest along `dim`. Equal ones share the gradient."""
    return (mg.min if input.raw.dtype.kind != "b" else mg.all)(input, axis=dims(dim, input.raw.ndim), keepdims=keepdim)


@function
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest, as a pair."""
    return return_types["aminmax"](amin(input, dim, keepdim), amax(input, dim, keepdim))


@function
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the largest, of the first where several are."""
    return mg.argmax(input, keepdims=keepdim) if dim is None else along(mg.argmax, input, dim, keepdims=keepdim)


@function
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The index of the smallest, of the first where several are."""
    return mg.argmin(input, keepdims=keepdim) if dim is None else along(mg.argmin, input, dim, keepdims=keepdim)


# ---------------------------------------------------------------------------------------------------------------- statistics


def _spread(reduce: Callable[..., Any], input: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool) -> Any:
    if isinstance(dim, bool):  # x.var(unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 1.0 if unbiased is None or unbiased else 0.0
    axes = dims(dim, input.raw.ndim)
    return reduce(_inexact(input, "std and var"), axis=axes, correction=float(correction), keepdims=keepdim)


def _center(input: Any, dim: Any, keepdim: bool) -> Any:
    return mean(input, None if isinstance(dim, bool) else dim, keepdim)


@function
def var(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """The variance over `dim`, Σ |x - mean|² / (n - correction), with a correction of 1."""
    return _spread(mg.var, input, dim, unbiased, correction, keepdim)


@function
def std(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Any:
    """The square root of the variance."""
    return _spread(mg.std, input, dim, unbiased, correction, keepdim)


@function
def var_mean(
    input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """The variance and the mean."""
    return var(input, dim, unbiased, keepdim, correction=correction), _center(input, dim, keepdim)


@function
def std_mean(
    input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """The standard deviation and the mean."""
    return std(input, dim, unbiased, keepdim, correction=correction), _center(input, dim, keepdim)


@function
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariances of the rows, which are variables; columns are observations, counted and weighted by the weights."""
    return mg.cov(input, correction=correction, fweights=fweights, aweights=aweights)


@function
def corrcoef(input: Any) -> Any:
    """The correlations of the rows."""
    y = mg.corrcoef(input)
    return y if y.raw.size > 1 else mg.reshape(y, ())


@function
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    """log Σ exp(input) over `dim`."""
    x = input if input.raw.dtype.kind in "fc" else mg.astype(input, mg.get_default_dtype())
    return mg.logsumexp(x, axis=dims(dim, x.raw.ndim), keepdims=keepdim)


@function
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """The norm of order p of the entries (of vectors along `dim`); "nuc" is that of matrices."""
    x, axes = cast(input, dtype), dims(dim, input.raw.ndim)
    if p == "nuc":
        return mg.linalg.matrix_norm(mg.moveaxis(x, axes, (-2, -1)), ord="nuc", keepdims=keepdim)
    return mg.linalg.vector_norm(x, axis=axes, keepdims=keepdim, ord=2 if p in ("fro", None) else float(p))


@function
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The norm of input - other."""
    return norm(input - other, p)
