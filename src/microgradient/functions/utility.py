"""Utility functions: all, any, diff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import trace_hooks
from ..errors import ArgumentError
from ..tensor import Tensor
from ..trace_hooks import Traced
from .arguments import ArrayLike, Axis, as_tensor, axes_of, constant_tensor, one_axis
from .manipulation import concat, reshape
from .pointwise import not_equal, subtract

__all__ = ["all", "any", "diff"]


def all(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all elements over `axis` are true (not 0); true for no elements.

    >>> import microgradient as mg
    >>> mg.all(mg.asarray([1, 0]))
    tensor(False)
    """
    x = as_tensor(x)
    return _truth(np.all, "min", x, axes_of(axis, x.ndim), keepdims)


def any(x: ArrayLike, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether at least one element over `axis` is true (not 0); false for no elements.

    >>> import microgradient as mg
    >>> mg.any(mg.asarray([[1, 0], [0, 0]]), axis=1)
    tensor([ True, False])
    """
    x = as_tensor(x)
    return _truth(np.any, "max", x, axes_of(axis, x.ndim), keepdims)


def _truth(function: Callable[..., Any], reduction: str, x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """Traced, "all" is the smallest and "any" the largest of the truths, if there are any."""
    data: Any = x.raw
    if isinstance(data, Traced) and 0 not in [x.shape[i] for i in axes]:
        world = trace_hooks.current().world
        return constant_tensor(getattr(world, reduction)(world.not_equal(data, 0), axis=axes, keepdims=keepdims))
    return constant_tensor(trace_hooks.on_data(function, data, axis=axes, keepdims=keepdims), x, function.__name__)


def diff(
    x: ArrayLike,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Tensor:
    """Each element along `axis` minus the one before it, `n` times over. `prepend` and `append` are joined on first.

    >>> import microgradient as mg
    >>> mg.diff(mg.asarray([1, 4, 9, 16]))
    tensor([3, 5, 7])
    """
    x = as_tensor(x)
    i = one_axis(axis, x.ndim)
    if n < 0:
        raise ArgumentError("MG124", f"Differences are taken n ≥ 0 times, not {n}.")
    if not n:
        return reshape(x, x.shape)
    if prepend is not None or append is not None:
        x = concat([part for part in (prepend, x, append) if part is not None], axis=i)
    whole = (slice(None),) * i
    minus = not_equal if x.dtype.kind == "b" else subtract
    for _ in range(n):
        x = minus(x[(*whole, slice(1, None))], x[(*whole, slice(None, -1))])
    return x
