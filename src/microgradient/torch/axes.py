"""Axes as PyTorch counts them: `dim` is one, several, or none for all; a tensor of shape () has an axis 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import microgradient as mg

from ..functions.arguments import axes_of, one_axis
from . import types


def one_dim(dim: Any, ndim: int) -> int:
    """`dim` as a number from 0 to ndim - 1; of a tensor of shape (), 0."""
    return one_axis(dim, ndim or 1)


def dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """`dim` as a tuple of axes: all of them for None and (), none for a tensor of shape ()."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    found = axes_of(tuple(dim) if isinstance(dim, list | tuple) else dim, ndim or 1)
    return found if ndim else ()


def along(f: Callable[..., Any], input: Any, dim: Any, *args: Any, **options: Any) -> Any:
    """`f(input, *args, axis=dim, …)`; a tensor of shape () is taken as a vector of one entry."""
    axis = one_dim(dim, input.raw.ndim)
    if input.raw.ndim:
        return f(input, *args, axis=axis, **options)
    y = f(mg.reshape(input, (1,)), *args, axis=axis, **options)
    return tuple(mg.reshape(part, ()) for part in y) if isinstance(y, tuple) else mg.reshape(y, ())


def total(f: Callable[..., Any], input: Any, dtype: Any, **options: Any) -> Any:
    """A sum or product `f(input, …)`, of the dtype that was asked for; that of integers and truth values is int64."""
    y = f(cast(input, dtype), **options)
    if dtype is None:
        return mg.astype(y, "int64") if input.raw.dtype.kind in "bui" else y
    return cast(y, dtype)


def cast(input: Any, dtype: Any) -> Any:
    """`input` in the dtype that a function was given."""
    return input if dtype is None else mg.astype(input, types.numpy_dtype(dtype))
