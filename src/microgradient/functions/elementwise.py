"""The elementwise functions: those of the rulebook, and below those with arguments or results of a kind of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import Traced, on_data
from . import pointwise
from .arguments import ArrayLike, as_dtype, as_tensor, cast_to, constant_tensor, inexact, number_as, promoted
from .manipulation import broadcast_shapes, reshape
from .pointwise import *  # noqa: F403

__all__ = ["clip", "polygamma", "rsqrt", "where"]
__all__ += pointwise.__all__


def polygamma(n: int, x: ArrayLike, /) -> Tensor:
    """The n-th derivative of the digamma function at x, for each element: (-1)ⁿ⁺¹ n! Σₖ (x + k)⁻ⁿ⁻¹ for n ≥ 1.

    >>> import microgradient as mg
    >>> mg.polygamma(1, 1.0)  # π²/6
    tensor(1.644934)
    """
    if n < 0:
        raise ArgumentError("MG124", f"polygamma takes n ≥ 0, not {n}.")
    return xp.polygamma(inexact(as_tensor(x)), n=n)


def rsqrt(x: ArrayLike, /) -> Tensor:
    """1 / √x, for each element.

    >>> import microgradient as mg
    >>> mg.rsqrt(4.0)
    tensor(0.5)
    """
    return pointwise.reciprocal(pointwise.sqrt(x))


def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """min(max(x, `min`), `max`), for each element; a bound that is None does not bind. The dtype is that of `x`.

    Only where a float bounds integers, which the standard leaves open, do these become floats.

    At a bound the derivative passes to `x`. NaN stays NaN.

    >>> import microgradient as mg
    >>> mg.clip(mg.asarray([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    x = as_tensor(x)
    if min is None and max is None:
        return reshape(x, x.shape)
    floats = [b for b in (min, max) if isinstance(b, float) or getattr(b, "dtype", x.dtype).kind == "f"]
    if floats and x.dtype.kind in "iu":
        x = cast_to(x, promoted(x, *floats))
    info: Any = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
    lowest, highest = (info.min, info.max) if info else (-np.inf, np.inf)
    low = lowest if min is None else _bound(min, x.dtype, info)
    return _broadcast_together("clip", x, low, highest if max is None else _bound(max, x.dtype, info))


def _bound(bound: Any, dtype: np.dtype[Any], info: Any) -> Any:
    """A bound of `clip` in the dtype of the array; an integer beyond its range is as good as the end of the range."""
    if info is None:
        return number_as(bound, dtype) if isinstance(bound, bool | int | float | Traced) else as_dtype(bound, dtype)
    bound = as_tensor(bound)
    if bound.dtype.kind in "iu":
        return constant_tensor(on_data(np.clip, bound.raw, info.min, info.max).astype(dtype))
    return cast_to(bound, dtype)


def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 where `condition` holds, else x2; the three broadcast against each other, x1 and x2 promote.

    >>> import microgradient as mg
    >>> mg.where(mg.asarray([True, False]), mg.asarray([1.0, 2.0]), 0)
    tensor([1., 0.])
    """
    condition = as_tensor(condition)
    x1, x2 = (x if isinstance(x, Tensor) else _number(x) for x in (x1, x2))
    dtype = promoted(x1, x2)
    first, second = (cast_to(x, dtype) if isinstance(x, Tensor) else number_as(x, dtype) for x in (x1, x2))
    return _broadcast_together("where", cast_to(condition, np.dtype(np.bool_)), first, second)


def _number(x: Any) -> Any:
    """A Python number for a number, which does not decide the dtype; a tensor for anything else."""
    x = x.item() if isinstance(x, np.generic) else x
    return x if isinstance(x, bool | int | float | complex | Traced) else as_tensor(x)


def _broadcast_together(name: str, *operands: Any) -> Tensor:
    try:
        out: Tensor = getattr(xp, name)(*operands)
    except ValueError:
        broadcast_shapes(*(np.shape(x) for x in operands))  # raises the error that says which shapes don't fit
        raise
    return out
