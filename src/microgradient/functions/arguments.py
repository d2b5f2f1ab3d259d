"""Arguments of the array functions, brought to the canonical form that the rulebook and the kernels expect."""

from __future__ import annotations

import operator
from typing import Any, cast

import numpy as np

from .. import array_world
from ..coercion import holds_tensor
from ..errors import ArgumentError, ArgumentTypeError, DTypeError, OutOfRangeError, ShapeError, as_given
from ..interop import DEFAULT_FLOAT
from ..operators import run_kernel, wrap
from ..tape import cut
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import Traced, as_datum

ArrayLike = Any
"""What the functions accept as an array: a Tensor, an ndarray, a Python or NumPy number, nested sequences of these."""

Axis = int | tuple[int, ...] | None
DType = Any
"""A NumPy dtype, or what np.dtype makes one of."""


def as_tensor(x: ArrayLike) -> Tensor:
    """`x` if it is a tensor, else a new tensor with its value. Tensors inside sequences keep their derivatives."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, list | tuple) and holds_tensor(x):
        return stacked(as_tensors(x), 0)
    return Tensor(x, None)


def as_tensors(arrays: Any) -> list[Tensor]:
    """The tensors of a sequence, or of the rows of one array, cast to the dtype they promote to."""
    if arrays.__class__ is not tuple and not isinstance(arrays, list | tuple):
        arrays = list(as_tensor(arrays)) if hasattr(arrays, "__array__") else list(arrays)
    tensors = [a if isinstance(a, Tensor) else as_tensor(a) for a in arrays]
    if not tensors:
        raise ArgumentError("MG124", "At least one array is needed; the sequence is empty.")
    target = tensors[0].dtype
    for t in tensors[1:]:
        if t.dtype is not target:
            target = promoted(*tensors)
            return [cast_to(t, target) for t in tensors]
    return tensors


def stacked(tensors: list[Tensor], axis: int) -> Tensor:
    """Tensors of one shape and dtype joined along a new axis."""
    shape = tensors[0].shape
    if any([t.shape != shape for t in tensors]):
        raise ShapeError(
            "MG120", f"Arrays to stack must have the same shape; these have {', '.join(str(t.shape) for t in tensors)}."
        )
    i = one_axis(axis, len(shape) + 1)
    rows = [xp.reshape(t, shape=(*shape[:i], 1, *shape[i:])) for t in tensors]
    return xp.concat(*rows, axis=i)


def cast_to(x: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """`x` with another dtype; a constant where that dtype has no derivative."""
    if x.dtype == dtype:
        return x
    if dtype.kind in "fc":
        return xp.astype(x, dtype=dtype)
    data = x.raw
    array = data.astype(dtype) if isinstance(data, Traced) else run_kernel(array_world.astype, data, dtype=dtype)
    return constant_tensor(array, x, f"astype({dtype})")


def as_dtype(x: ArrayLike, dtype: np.dtype[Any]) -> Tensor:
    """`x` as a tensor of that dtype; a Python number takes it directly, without losing digits as a default float."""
    return Tensor(x, dtype) if isinstance(x, bool | int | float | complex | Traced) else cast_to(as_tensor(x), dtype)


def matrices(x: ArrayLike, name: str) -> Tensor:
    """`x` as a matrix, or a stack of them in its last two axes."""
    x = as_tensor(x)
    if x.ndim < 2:
        raise ShapeError("MG136", f"{name} needs a matrix, or a stack of them: at least 2 axes, not shape {x.shape}.")
    return x


def float_matrices(x: ArrayLike, name: str, floats: bool = True) -> Tensor:
    """`x` as a stack of matrices of a dtype that LAPACK knows."""
    x = matrices(x, name)
    if floats:
        x = inexact(x)
        if x.dtype.char not in "fdFD":
            raise DTypeError(
                "MG144", f"{name} works with float32 and float64, not {x.dtype}. Write `x.astype(mg.float32)`."
            )
    return x


def square_matrices(x: ArrayLike, name: str, floats: bool = True) -> Tensor:
    """`x` as a stack of square matrices of a dtype that LAPACK knows."""
    x = float_matrices(x, name, floats)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError("MG136", f"{name} needs square matrices; the shape is {x.shape}.")
    return x


def number_as(x: Any, dtype: np.dtype[Any]) -> Any:
    """A Python number in that dtype: one of NumPy's numbers."""
    return x.astype(dtype) if isinstance(x, Traced) else run_kernel(dtype.type, x)


def constant_tensor(array: Any, of: Tensor | None = None, by: str = "") -> Tensor:
    """The tensor of an array made here: not copied, and nothing recorded, but that it was computed `of` a tensor `by` what."""
    return wrap(as_datum(array), None, *(() if of is None else (cut(of, by), of.result_class)))


def inexact(x: Tensor) -> Tensor:
    """`x`, as the default float if it holds integers or booleans."""
    return x if x.dtype.kind in "fc" else cast_to(x, DEFAULT_FLOAT[0])


def promoted(*operands: Any) -> np.dtype[Any]:
    """The dtype that tensors, arrays, dtypes and Python numbers promote to: what `result_type` documents."""
    if len(operands) == 2:
        a, b = (getattr(x, "dtype", None) for x in operands)
        if a is b is not None:
            return cast("np.dtype[Any]", a)
    operands = tuple(x.dtype.type(0).item() if isinstance(x, Traced) and x.weak else x for x in operands)
    dtypes = [
        x if isinstance(x, np.dtype) else x.dtype for x in operands if hasattr(x, "dtype") or isinstance(x, np.dtype)
    ]
    numbers = [x for x in operands if isinstance(x, bool | int | float | complex) and not isinstance(x, np.generic)]
    floats = [d for d in dtypes if d.kind in "fc"]
    if not floats and not any(isinstance(x, float | complex) for x in numbers):
        return np.result_type(*dtypes, *numbers)
    target = np.result_type(*floats) if floats else DEFAULT_FLOAT[0]
    return np.result_type(target, 1j) if any(isinstance(x, complex) for x in numbers) else target


def checked_dtype(dtype: DType) -> np.dtype[Any]:
    """`dtype` as a NumPy dtype. Raises DTypeError if it is not one of numbers or booleans."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise DTypeError("MG143", f"{as_given(dtype)} is not a dtype. Write one like `mg.float32`.") from None
    if found.kind not in "biufc":
        raise DTypeError("MG143", f"A tensor holds numbers or booleans, not {found}.")
    return found


_ALL = [tuple(range(ndim)) for ndim in range(65)]  # NumPy's arrays have at most 64 axes


def one_axis(axis: Any, ndim: int) -> int:
    """`axis` as a number from 0 to ndim - 1. Raises OutOfRangeError if there is no such axis."""
    try:
        i = operator.index(axis)
    except TypeError:
        raise ArgumentTypeError("MG125", f"An axis is an integer, not {type(axis).__name__}.") from None
    if not -ndim <= i < ndim:
        raise OutOfRangeError("MG133", f"There is no axis {i} in a tensor with {ndim} axes.")
    return i + ndim if i < 0 else i


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """`axis` as a tuple of numbers from 0 to ndim - 1; None means all axes. Raises ArgumentError for one named twice."""
    if axis is None:
        return _ALL[ndim]
    if axis.__class__ is int and 0 <= axis < ndim:
        return (axis,)
    if not isinstance(axis, tuple | list):
        return (one_axis(axis, ndim),)
    axes = tuple(one_axis(i, ndim) for i in axis)
    if len({*axes}) != len(axes):
        raise ArgumentError("MG124", f"The axes {axis} name the same axis twice.")
    return axes
