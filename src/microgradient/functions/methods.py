"""The functions as methods of Tensor: `x.sum(axis=0)` is `mg.sum(x, axis=0)`.

A method takes what its function takes, with `axis` and `keepdims` by position too; `dim` and `keepdim` it knows no more than the
functions do. There is no method for what is not a function, and where PyTorch's method of the name means something else than
the function, what would be read in two ways is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import other_names
from ..errors import ArgumentTypeError, DTypeError, ShapeError, as_given
from ..primitives import for_each_primitive
from ..taped_world import TAPED as xp
from ..tensor import Tensor, _inplace
from . import (
    complex_numbers,
    composite,
    creation,
    data_types,
    elementwise,
    indexing,
    manipulation,
    pointwise,
    products,
    searching,
    sorting,
    statistical,
    utility,
)
from .arguments import as_dtype, one_axis
from .calls import OTHERWISE, answering, by_position
from .dtypes import bool as bool_
from .dtypes import float32, float64, int32, int64

# --------------------------------------------------------------------------- methods that are functions, name for name

_NAMES = {  # PyTorch's names of functions that the standard calls otherwise
    "sub": pointwise.subtract, "mul": pointwise.multiply, "div": pointwise.divide, "neg": pointwise.negative,
    "eq": pointwise.equal, "ne": pointwise.not_equal, "lt": pointwise.less, "le": pointwise.less_equal,
    "gt": pointwise.greater, "ge": pointwise.greater_equal,
    "matmul": products.matmul, "dot": products.matmul, "mm": products.matmul, "bmm": products.matmul,
    "expand_as": lambda x, y: x.expand(*y.shape),
}  # fmt: skip
_METHODS: dict[Any, str] = {
    statistical: "sum prod mean std var max min cumulative_sum cumulative_prod",
    utility: "all any diff",
    searching: "nonzero argmax argmin count_nonzero",
    sorting: "sort argsort topk",
    manipulation: "flip expand_dims roll repeat flatten broadcast_to moveaxis tile unstack",
    indexing: "take take_along_axis",
    creation: "tril triu",
    composite: "softmax log_softmax logsumexp",
    complex_numbers: "angle conj",
    elementwise: "clip rsqrt",
}
_ALIASES = {"cumsum": "cumulative_sum", "cumprod": "cumulative_prod", "clamp": "clip", "unsqueeze": "expand_dims"}


def _method(function: Any) -> Callable[..., Any]:
    """`function` as a method, with options by position too."""
    other, needed = OTHERWISE.get(function.__name__, ("", ""))
    names = [] if other and not needed else by_position(function)[1:]  # by position PyTorch's axis gives a pair
    unnamed = max(function.__code__.co_posonlyargcount - 1, 0)

    def method(self: Tensor, *args: Any, **options: Any) -> Any:
        if not args and not options and not other:
            return function(self)
        if other and (len(args) > len(names) or (needed and needed not in options and "dim" not in options)):
            raise ArgumentTypeError("MG125", f"x.{function.__name__}: {other}")
        named = dict(zip(names, args, strict=False))
        if len(args) > len(names) or named.keys() & options.keys():
            raise TypeError
        options |= named
        return function(self, *(options.pop(name) for name in names[:unnamed] if name in options), **options)

    return answering(functools.wraps(function)(method), "x.")


# ------------------------------------------------------------------------------------------ methods with a form of their own


def _lengths(lengths: tuple[Any, ...]) -> Any:
    """(2, 3) from x.reshape(2, 3) and from x.reshape((2, 3))."""
    return lengths[0] if len(lengths) == 1 else lengths


def reshape(x: Tensor, *shape: Any, copy: bool | None = None) -> Tensor:
    """`mg.reshape`, with the lengths as one tuple or one by one."""
    return manipulation.reshape(x, _lengths(shape), copy=copy)


def permute(x: Tensor, *axes: Any) -> Tensor:
    """`mg.permute_dims`, with the axes as one tuple or one by one."""
    return manipulation.permute_dims(x, _lengths(axes) if len(axes) != 1 or not isinstance(axes[0], int) else axes)


def transpose(x: Tensor, *axes: Any) -> Tensor:
    """Two axes exchanged, as PyTorch does; without axes in reverse order, with all of them permuted, as NumPy does."""
    if len(axes) == 2:
        return swapaxes(x, *axes)
    return permute(x, *axes) if axes else permute(x, tuple(range(x.ndim))[::-1])


def matrix(x: Tensor) -> Tensor:
    """`x.T`: a matrix transposed. Raises ShapeError unless there are two axes."""
    if x.ndim != 2:
        raise ShapeError(
            "MG136", f"`x.T` transposes a matrix; this tensor has shape {x.shape}. Write `x.mT` for the last two axes, "
            "`x.transpose()` for all axes in reverse order.",
        )  # fmt: skip
    return xp.permute_dims(x, axes=(1, 0))


def swapaxes(x: Tensor, /, axis1: int, axis2: int) -> Tensor:
    """`x` with two axes exchanged."""
    order = list(range(x.ndim))
    i, j = one_axis(axis1, x.ndim), one_axis(axis2, x.ndim)
    order[i], order[j] = j, i
    return manipulation.permute_dims(x, tuple(order))


def squeeze(x: Tensor, /, axis: Any = None) -> Tensor:
    """`mg.squeeze`; without an axis, all axes of length 1 are removed."""
    return manipulation.squeeze(x, tuple(i for i, n in enumerate(x.shape) if n == 1) if axis is None else axis)


def expand(x: Tensor, *shape: Any) -> Tensor:
    """`mg.broadcast_to`, with -1 for a length that stays."""
    lengths = tuple(_lengths(shape))
    old = (1,) * (len(lengths) - x.ndim) + x.shape
    return manipulation.broadcast_to(x, tuple(m if n == -1 else n for n, m in zip(lengths, old, strict=True)))


def astype(x: Tensor, dtype: Any, copy: bool = True) -> Tensor:
    """`mg.astype`."""
    return data_types.astype(x, dtype, copy=copy)


def to(x: Tensor, target: Any) -> Tensor:
    """`x` with the dtype `target`, or with that of another tensor; `x` itself for the device "cpu"."""
    if target == "cpu":
        return x
    try:
        dtype = np.dtype(target.dtype if isinstance(target, Tensor) else target)
    except TypeError:
        raise DTypeError(
            "MG143", f"{as_given(target)} is neither a dtype nor the device 'cpu'. Write `x.to(mg.float64)`."
        ) from None
    return data_types.astype(x, dtype, copy=False)


def masked_fill(x: Tensor, mask: Any, value: Any) -> Tensor:
    """`value` where `mask` holds, else `x`."""
    return elementwise.where(mask, as_dtype(value, x.dtype), x)


def copy(x: Tensor, /) -> Tensor:
    """The same values; the derivative goes on."""
    return creation.asarray(x, copy=True)


def _matmul(x: Tensor, other: Any, /) -> Any:
    return products.matmul(x, other) if _is_array(other) else NotImplemented


def _rmatmul(x: Tensor, other: Any, /) -> Any:
    return products.matmul(other, x) if _is_array(other) else NotImplemented


def _is_array(other: Any) -> bool:
    return isinstance(other, Tensor | list | tuple) or hasattr(other, "__array__")


def attach() -> None:
    """Give Tensor its methods."""
    cls: Any = Tensor
    for_each_primitive(lambda row: setattr(cls, row.name, getattr(pointwise, row.name)) if row.doc else None)
    for name, function in _NAMES.items():
        setattr(cls, name, function)
    for module, methods in _METHODS.items():
        for name in methods.split():
            setattr(cls, name, _method(getattr(module, name)))
    for alias, name in _ALIASES.items():
        setattr(cls, alias, getattr(cls, name))
    own: list[Callable[..., Any]] = [reshape, permute, transpose, swapaxes, expand, astype, to, masked_fill, copy]
    for function in own:
        setattr(cls, function.__name__, function)
    cls.squeeze = _method(squeeze)
    cls.view, cls.permute_dims, cls.clone = reshape, permute, copy
    cls.ravel = lambda x: manipulation.reshape(x, (-1,))
    for name, dtype in {"float": float32, "double": float64, "int": int32, "long": int64, "bool": bool_}.items():
        setattr(cls, name, lambda x, dtype=dtype: to(x, dtype))
    cls.T = property(matrix, doc="A matrix transposed.")
    cls.mT = property(products.matrix_transpose, doc="The last two axes exchanged.")
    cls.real = property(complex_numbers.real, doc="The real part.")
    cls.imag = property(complex_numbers.imag, doc="The imaginary part.")
    cls.__matmul__, cls.__rmatmul__, cls.__imatmul__ = _matmul, _rmatmul, _inplace(_matmul)
    other_names.attach(cls)
