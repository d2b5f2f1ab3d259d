"""NumPy's functions that compute, on tensors, where the array API standard has none of the same meaning."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError
from ..tensor import Tensor
from . import (
    complex_numbers,
    data_types,
    elementwise,
    indexing,
    linalg,
    manipulation,
    methods,
    order_statistics,
    products,
    sampled,
    searching,
    sorting,
    statistical,
    utility,
)
from .numpy_shapes import flat, of_dtype


def _last(x: Any, axis1: int, axis2: int) -> Tensor:
    return manipulation.moveaxis(x, (axis1, axis2), (-2, -1))


def _cumulated(function: Callable[..., Tensor], a: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    if axis is None:
        a, axis = flat(a), 0
    return function(a, axis=axis, dtype=dtype)


def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Tensor:
    if mode == "constant":
        return manipulation.pad(array, pad_width, value=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ArgumentTypeError(
            "MG111", "np.pad on tensors pads by the modes 'constant', 'edge', 'reflect', 'symmetric' and 'wrap', not "
            f"{mode!r}.",
        )  # fmt: skip
    for axis, width in enumerate(np.broadcast_to(pad_width, (np.ndim(array), 2)).tolist()):
        if any(width):  # each mode repeats entries: which, NumPy says
            entries = np.pad(np.arange(np.shape(array)[axis]), width, mode=mode)  # type: ignore[call-overload]
            array = indexing.take(array, entries, axis=axis)
    return array


def _double(x: Any) -> Any:
    return data_types.astype(x, np.dtype(float)) if isinstance(x, Tensor) and x.dtype.kind != "c" else x


def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if hermitian:
        raise ArgumentTypeError("MG111", "np.linalg.svd on tensors has no `hermitian`. Write `mg.linalg.svd(…)`.")
    return linalg.svd(a, full_matrices=full_matrices) if compute_uv else linalg.svdvals(a)


def _round(a: Any, decimals: int = 0) -> Tensor:
    if not decimals:
        return elementwise.round(a)
    return elementwise.divide(elementwise.round(elementwise.multiply(a, 10.0**decimals)), 10.0**decimals)


def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """NumPy takes one spacing for each axis by position."""
    steps = tuple(of_dtype(step, f) for step in varargs)
    spacing = steps[0] if len(steps) == 1 else steps or 1.0
    return sampled.gradient(f, spacing=spacing, axis=axis, edge_order=edge_order)


def _nanvar(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Tensor:
    number = elementwise.logical_not(elementwise.isnan(a))
    count = statistical.sum(data_types.astype(number, a.dtype), axis=axis, keepdims=True)
    a = elementwise.where(number, a, 0.0)
    mean = elementwise.divide(statistical.sum(a, axis=axis, keepdims=True), count)
    apart = elementwise.where(number, elementwise.subtract(a, mean), 0.0)
    total = statistical.sum(elementwise.square(apart), axis=axis, keepdims=keepdims)
    return elementwise.divide(total, manipulation.reshape(count, total.shape) - ddof)


def _of_numbers(extremum: Callable[..., Tensor], a: Any, b: Any) -> Tensor:
    """`extremum` of the two that are numbers: of one, if the other is NaN."""
    return extremum(elementwise.where(np.isnan(a), b, a), elementwise.where(np.isnan(b), a, b))


def _without_nan(
    reduction: Callable[..., Tensor], neutral: float, a: Any, axis: Any = None, keepdims: bool = False
) -> Tensor:
    number = elementwise.logical_not(elementwise.isnan(a))
    found = reduction(elementwise.where(number, a, neutral), axis=axis, keepdims=keepdims)
    if np.isfinite(neutral):
        return found
    return elementwise.where(utility.any(number, axis=axis, keepdims=keepdims), found, np.nan)


def _linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Tensor:
    step = elementwise.divide(elementwise.subtract(stop, start), max(num - endpoint, 1))
    steps = np.arange(num, dtype=step.dtype).reshape((num,) + (1,) * np.ndim(step))
    return elementwise.add(start, elementwise.multiply(step, steps))


def _average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    if weights is None:
        weights = np.ones(np.shape(a), a.dtype)
    elif np.shape(weights) != np.shape(a):  # along the one axis
        shape = tuple(-1 if i == axis % np.ndim(a) else 1 for i in range(np.ndim(a)))
        weights = manipulation.reshape(weights, shape)
        weights = manipulation.broadcast_to(weights, np.shape(a))
    total = statistical.sum(weights, axis=axis, keepdims=keepdims)
    weighted = statistical.sum(elementwise.multiply(a, weights), axis=axis, keepdims=keepdims)
    mean = elementwise.divide(weighted, total)
    return (mean, total) if returned else mean


def _convolve(a: Any, v: Any, mode: str = "full") -> Tensor:
    if len(v) > len(a):
        a, v = v, a
    n = len(v)
    padded = manipulation.pad(a, n - 1)
    windows = np.arange(len(a) + n - 1)[:, None] + np.arange(n)
    full = products.matmul(
        indexing.take(padded, windows.reshape(-1), axis=0).reshape(windows.shape), manipulation.flip(v)
    )
    start = {"full": 0, "same": (n - 1) // 2, "valid": n - 1}[mode]
    return full[start : start + {"full": len(windows), "same": len(a), "valid": len(a) - n + 1}[mode]]


def _dot(a: Any, b: Any) -> Tensor:
    if not np.ndim(a) or not np.ndim(b):
        return elementwise.multiply(a, b)
    return products.matmul(a, b) if np.ndim(b) < 3 else products.tensordot(a, b, axes=((-1,), (-2,)))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    if ord is None:
        return linalg.vector_norm(x, axis=axis, keepdims=keepdims)
    if isinstance(axis, int) or (axis is None and np.ndim(x) == 1):
        return linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)
    if axis is not None:
        x = _last(x, *axis)
    return linalg.matrix_norm(x, keepdims=keepdims, ord=ord)


UFUNC_COUNTERPARTS: dict[Any, Callable[..., Any]] = {
    np.matmul: products.matmul,
    np.vecdot: products.vecdot,
    np.conjugate: complex_numbers.conj,
    np.degrees: lambda x: elementwise.multiply(x, 180 / np.pi),
    np.rad2deg: lambda x: elementwise.multiply(x, 180 / np.pi),
    np.radians: lambda x: elementwise.multiply(x, np.pi / 180),
    np.deg2rad: lambda x: elementwise.multiply(x, np.pi / 180),
    np.fmax: lambda a, b: _of_numbers(elementwise.maximum, a, b),
    np.fmin: lambda a, b: _of_numbers(elementwise.minimum, a, b),
    np.logaddexp2: lambda a, b: elementwise.divide(
        elementwise.logaddexp(elementwise.multiply(a, np.log(2)), elementwise.multiply(b, np.log(2))), np.log(2)
    ),
    np.fmod: lambda a, b: elementwise.copysign(
        elementwise.remainder(elementwise.abs(of_dtype(a, b)), elementwise.abs(of_dtype(b, a))), a
    ),
    np.float_power: lambda a, b: elementwise.pow(_double(a), _double(b)),
    np.modf: lambda x: (elementwise.subtract(x, elementwise.trunc(x)), elementwise.trunc(x)),
    np.divmod: lambda a, b: (elementwise.floor_divide(a, b), elementwise.remainder(a, b)),
}

COUNTERPARTS: dict[Any, Callable[..., Any]] = {
    np.fix: elementwise.trunc,
    np.fliplr: lambda m: manipulation.flip(m, axis=1),
    np.flipud: lambda m: manipulation.flip(m, axis=0),
    np.concatenate: lambda arrays, axis=0: manipulation.concat(arrays, axis=axis),
    np.transpose: lambda a, axes=None: methods.transpose(a) if axes is None else methods.permute(a, axes),
    np.sort: lambda a, axis=-1: sorting.sort(flat(a), axis=0) if axis is None else sorting.sort(a, axis=axis),
    np.cumsum: functools.partial(_cumulated, statistical.cumulative_sum),
    np.cumprod: functools.partial(_cumulated, statistical.cumulative_prod),
    np.where: lambda condition, *xs: elementwise.where(condition, *xs) if xs else searching.nonzero(condition),
    np.pad: _pad,
    np.dot: _dot,
    np.inner: lambda a, b: products.tensordot(a, b, axes=((-1,), (-1,))) if np.ndim(a) and np.ndim(b) else a * b,
    np.outer: lambda a, b: products.outer(flat(a, b), flat(b, a)),
    np.vdot: lambda a, b: products.vecdot(flat(a, b), flat(b, a)),
    np.trace: lambda a, offset=0, axis1=0, axis2=1: linalg.trace(_last(a, axis1, axis2), offset=offset),
    np.diagonal: lambda a, offset=0, axis1=0, axis2=1: linalg.diagonal(_last(a, axis1, axis2), offset=offset),
    np.einsum: lambda subscripts, *operands, optimize=False: products.einsum(subscripts, *operands),
    np.linalg.norm: _norm,
    np.around: _round,
    np.round: _round,
    np.gradient: _gradient,
    np.take: lambda a, indices, axis=None: indexing.take(flat(a) if axis is None else a, indices, axis=axis or 0),
    np.linalg.svd: _svd,
    np.nanvar: _nanvar,
    np.nanstd: lambda *args, **options: elementwise.sqrt(_nanvar(*args, **options)),
    np.nancumsum: lambda a, axis=None: _cumulated(
        statistical.cumulative_sum, elementwise.where(np.isnan(a), 0.0, a), axis
    ),
    np.linspace: _linspace,
    np.average: _average,
    np.partition: lambda a, kth, axis=-1: sorting.sort(a, axis=axis),
    np.percentile: lambda a, q, axis=None, keepdims=False: order_statistics.quantile(
        a, np.asarray(q, float) / 100, axis=axis, keepdims=keepdims
    ),
    np.ptp: lambda a, axis=None, keepdims=False: elementwise.subtract(
        statistical.max(a, axis=axis, keepdims=keepdims), statistical.min(a, axis=axis, keepdims=keepdims)
    ),
    np.nanmax: functools.partial(_without_nan, statistical.max, -np.inf),
    np.nanmin: functools.partial(_without_nan, statistical.min, np.inf),
    np.nanprod: functools.partial(_without_nan, statistical.prod, 1.0),
    np.ediff1d: lambda ary: utility.diff(flat(ary)),
    np.polyval: lambda p, x: functools.reduce(lambda y, c: y * x + c, p, 0.0),
    np.vander: lambda x, N=None, increasing=False: elementwise.pow(
        manipulation.expand_dims(x, axis=1), np.arange(N or len(x))[:: 1 if increasing else -1]
    ),
    np.convolve: _convolve,
}
