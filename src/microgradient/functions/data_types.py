"""Data type functions: what dtypes there are, what they hold and what they promote to."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, DTypeError
from ..interop import check_device
from ..tensor import Tensor
from .arguments import ArrayLike, DType, as_tensor, cast_to, checked_dtype, promoted
from .creation import asarray

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]


def astype(x: ArrayLike, dtype: DType, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """`x` with another dtype; a copy unless `copy=False` and the dtype is that of `x`.

    Floats lose their fraction where they become integers; those beyond the range of `dtype` become its nearest end, NaN
    becomes 0. Integers that don't fit wrap around.

    Raises DTypeError from complex to real: take `mg.real(x)`.

    >>> import microgradient as mg
    >>> mg.astype(mg.asarray([0.5, 1.5]), mg.int64)
    tensor([0, 1])
    """
    check_device(device)
    x, target = as_tensor(x), checked_dtype(dtype)
    if x.dtype.kind == "c" and target.kind in "iuf":
        raise DTypeError("MG141", f"{x.dtype} does not fit into {target}. Write `mg.real(x)` or `mg.abs(x)`.")
    return asarray(x, copy=copy) if x.dtype == target else cast_to(x, target)


def can_cast(from_: DType | ArrayLike, to: DType, /) -> bool:
    """Whether the values of a dtype (or of an array's) can be cast to `to` by the rules of promotion.

    >>> import microgradient as mg
    >>> mg.can_cast(mg.int32, mg.int64), mg.can_cast(mg.float64, mg.int8)
    (True, False)
    """
    return np.can_cast(_dtype_of(from_), checked_dtype(to))


class FloatInfo(NamedTuple):
    """What `finfo` returns."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]


class IntegerInfo(NamedTuple):
    """What `iinfo` returns."""

    bits: int
    max: int
    min: int
    dtype: np.dtype[Any]


def finfo(type: DType | ArrayLike, /) -> FloatInfo:
    """The limits of a floating dtype (or of an array's): bits, eps, max, min, smallest_normal, dtype.

    For a complex dtype those of its real and imaginary parts.

    >>> import microgradient as mg
    >>> mg.finfo(mg.float32).bits
    32
    """
    dtype = _dtype_of(type)
    if dtype.kind not in "fc":
        raise DTypeError("MG144", f"finfo is about floating-point dtypes, not {dtype}. Write `mg.iinfo(…)`.")
    info = np.finfo(dtype)
    eps, highest, lowest, normal = (float(v) for v in (info.eps, info.max, info.min, info.smallest_normal))
    return FloatInfo(int(info.bits), eps, highest, lowest, normal, np.dtype(info.dtype))


def iinfo(type: DType | ArrayLike, /) -> IntegerInfo:
    """The limits of an integer dtype (or of an array's): bits, max, min, dtype.

    >>> import microgradient as mg
    >>> mg.iinfo(mg.int8).max
    127
    """
    dtype = _dtype_of(type)
    if dtype.kind not in "iu":
        raise DTypeError("MG144", f"iinfo is about integer dtypes, not {dtype}.")
    info = np.iinfo(dtype)
    return IntegerInfo(int(info.bits), int(info.max), int(info.min), dtype)


KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "c",
    "numeric": "iufc",
}
"""The names of the kinds of dtypes, and NumPy's letters for them."""


def isdtype(dtype: DType, kind: DType | str | tuple[DType | str, ...]) -> bool:
    """Whether `dtype` is `kind`: a dtype, the name of a kind such as "integral", or a tuple of these.

    >>> import microgradient as mg
    >>> mg.isdtype(mg.float32, "real floating"), mg.isdtype(mg.float32, ("integral", mg.bool))
    (True, False)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ArgumentError("MG124", f"{kind!r} is not a kind of dtypes; these are: {', '.join(KINDS)}.")
        return checked_dtype(dtype).kind in KINDS[kind]
    return checked_dtype(dtype) == checked_dtype(kind)


def result_type(*arrays_and_dtypes: ArrayLike | DType) -> np.dtype[Any]:
    """The dtype that arrays, dtypes and Python numbers promote to together.

    As in the standard; where it leaves integers with floats open, the float's dtype counts, as in PyTorch: int64 with
    float32 gives float32. A Python number takes the dtype of the others if it is of their kind.

    >>> import microgradient as mg
    >>> mg.result_type(mg.int8, mg.uint8), mg.result_type(mg.int64, mg.float32)
    (dtype('int16'), dtype('float32'))
    """
    if not arrays_and_dtypes:
        raise ArgumentError("MG124", "At least one array or dtype is needed.")
    return promoted(
        *(
            x if _has_dtype(x) or isinstance(x, bool | int | float | complex) else checked_dtype(x)
            for x in arrays_and_dtypes
        )
    )


def _has_dtype(x: Any) -> bool:
    """Whether `x` is an array. NumPy's classes, such as np.float32, are dtypes, but have an attribute of that name too."""
    return hasattr(x, "dtype") and not isinstance(x, type)


def _dtype_of(x: Any) -> np.dtype[Any]:
    return checked_dtype(x.dtype if _has_dtype(x) else x)
