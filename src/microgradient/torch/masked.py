"""`torch.masked`: reductions and normalisations of the entries where a mask holds; where it never does, as of no entries."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from .axes import cast, dims
from .function import FUNCTIONS, adopting

__all__: list[str] = []


def _public(f: Callable[..., Any]) -> Callable[..., Any]:
    __all__.append(f.__name__)
    return adopting(f)


def _filled(x: Any, mask: Any, value: float) -> Any:
    """`x` with `value` where the mask does not hold."""
    if mask is None:
        return x
    kind = x.raw.dtype
    if math.isinf(value) and kind.kind in "iu":
        value = np.iinfo(kind).min if value < 0 else np.iinfo(kind).max
    return mg.where(mask, x, kind.type(value))


def _count(x: Any, mask: Any, axes: tuple[int, ...], keepdim: bool) -> Any:
    held = mg.ones(tuple(x.shape), dtype=np.bool_) if mask is None else mg.broadcast_to(mask, tuple(x.shape))
    return mg.sum(held, axis=axes, keepdims=keepdim)


def _reduction(name: str, identity: float, reduce: Callable[..., Any], doc: str) -> None:
    def call(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
        x = _filled(cast(input, dtype), mask, identity)
        return reduce(x, dims(dim, x.raw.ndim), keepdim)

    call.__name__, call.__doc__ = name, doc
    globals()[name] = _public(call)


_reduction("sum", 0, lambda x, axes, keepdim: mg.sum(x, axis=axes, keepdims=keepdim), "Σ over `dim`.")
_reduction("prod", 1, lambda x, axes, keepdim: mg.prod(x, axis=axes, keepdims=keepdim), "The product over `dim`.")
_reduction(
    "amax", -math.inf, lambda x, axes, keepdim: mg.max(x, axis=axes, keepdims=keepdim), "The largest along `dim`."
)
_reduction(
    "amin", math.inf, lambda x, axes, keepdim: mg.min(x, axis=axes, keepdims=keepdim), "The smallest along `dim`."
)


@_public
def logsumexp(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """log Σ exp over `dim`."""
    x = cast(input, dtype)
    x = x if x.raw.dtype.kind in "fc" else mg.astype(x, mg.get_default_dtype())
    return mg.logsumexp(_filled(x, mask, -math.inf), axis=dims(dim, x.raw.ndim), keepdims=keepdim)


@_public
def mean(input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The mean over `dim`."""
    x = cast(input, dtype)
    axes = dims(dim, x.raw.ndim)
    return mg.sum(_filled(x, mask, 0), axis=axes, keepdims=keepdim) / _count(x, mask, axes, keepdim)


@_public
def median(input: Any, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The lower median along `dim`."""
    x = cast(input, dtype)
    return FUNCTIONS["nanmedian"](_filled(x, mask, math.nan), dim, keepdim)[0]


@_public
def norm(
    input: Any, ord: float | None = 2.0, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The norm of order `ord` over `dim`."""
    x = cast(input, dtype)
    empty = math.inf if ord is not None and ord < 0 else 0.0
    return mg.linalg.vector_norm(
        _filled(x, mask, empty), axis=dims(dim, x.raw.ndim), keepdims=keepdim, ord=2 if ord is None else ord
    )


@_public
def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None, keepdim: bool = False,
    dtype: Any = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The variance over `dim`."""
    x = cast(input, dtype)
    x = x if x.raw.dtype.kind in "fc" else mg.astype(x, mg.get_default_dtype())
    axes, less = (
        dims(dim, x.raw.ndim),
        correction if correction is not None else 1.0 if unbiased is None or unbiased else 0.0,
    )
    center = mg.sum(_filled(x, mask, 0), axis=axes, keepdims=True) / _count(x, mask, axes, True)
    away = _filled(x - center, mask, 0)
    square = mg.square(away) if x.raw.dtype.kind == "f" else mg.real(away) ** 2 + mg.imag(away) ** 2
    freedom = mg.clip(mg.astype(_count(x, mask, axes, keepdim), square.raw.dtype) - less, 0.0, None)
    return mg.sum(square, axis=axes, keepdims=keepdim) / freedom


@_public
def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None, keepdim: bool = False,
    dtype: Any = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The standard deviation over `dim`."""
    return mg.sqrt(var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask))


def _place(name: str, fill: float) -> None:
    def call(input: Any, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
        x = cast(input, dtype)
        return mg.astype(FUNCTIONS[name](_filled(x, mask, fill), dim, keepdim), x.raw.dtype)

    call.__name__, call.__doc__ = name, "The index of the largest (smallest) along `dim`."
    globals()[name] = _public(call)


_place("argmax", -math.inf)
_place("argmin", math.inf)


def _running(name: str, identity: float) -> None:
    def call(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
        return FUNCTIONS[name](_filled(cast(input, dtype), mask, identity), dim)

    call.__name__, call.__doc__ = name, "The running sums (products) along `dim`."
    globals()[name] = _public(call)


_running("cumsum", 0)
_running("cumprod", 1)


@_public
def softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """exp / Σ exp along `dim`."""
    return FUNCTIONS["softmax"](_filled(cast(input, dtype), mask, -math.inf), dim)


@_public
def log_softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """log softmax along `dim`."""
    return FUNCTIONS["log_softmax"](_filled(cast(input, dtype), mask, -math.inf), dim)


@_public
def softmin(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """softmax of -input."""
    return FUNCTIONS["softmax"](-_filled(cast(input, dtype), mask, math.inf), dim)


@_public
def normalize(input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None) -> Any:
    """input divided by its norm along `dim`, or by `eps` where that is larger."""
    x = cast(input, dtype)
    length = norm(x, ord, dim, keepdim=True, mask=mask) if x.raw.ndim else mg.abs(x)
    return _filled(x, mask, 0) / mg.maximum(length, mg.asarray(eps, dtype=length.raw.dtype))


@_public
def logaddexp(input: Any, other: Any, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None) -> Any:
    """log(exp(input) + exp(other)), where each has a mask."""
    return mg.logaddexp(
        _filled(cast(input, dtype), input_mask, -math.inf), _filled(cast(other, dtype), other_mask, -math.inf)
    )
