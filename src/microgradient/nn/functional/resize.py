"""Images at another size: `interpolate`. Each axis by itself, as a weighted sum of a few entries at known places."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...operators import wrap
from ...tensor import Tensor
from .adaptive_pool import adaptive_avg_pool, resampled

Taps = tuple[np.ndarray, np.ndarray]
_MODES = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}  # and how many axes they need


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """(N, C, L), (N, C, H, W) or (N, C, D, H, W) at the spatial `size`, or at `scale_factor` times its own, rounded down.

    `mode`: "nearest", "nearest-exact" (the pixel whose centre is nearest), "linear", "bilinear", "trilinear", "bicubic"
    (Keys 1981, a = -3/4) or "area" (adaptive average pooling). With `align_corners` the centres of the corner pixels stay
    in place, else the corners themselves. Coordinates are scaled by `scale_factor`, or by the ratio of the sizes if it is not
    given or with `recompute_scale_factor`. `antialias` ("bilinear" and "bicubic") widens the filter where the image shrinks.

    >>> interpolate(mg.tensor([[[1.0, 3.0]]]), size=4, mode="linear").tolist()
    [[[1.0, 1.5, 2.5, 3.0]]]
    """
    ndim, mode = input.ndim - 2, str(mode)
    if ndim not in (1, 2, 3) or ndim != _MODES.get(mode, ndim):
        raise ShapeError(
            "MG160",
            f"interpolate mode={mode!r} takes {_MODES.get(mode, '1 to 3')} spatial axes after (N, C), got shape {input.shape}.",
        )
    if mode not in (*_MODES, "nearest", "nearest-exact", "area"):
        raise ArgumentError(
            "MG157",
            f"interpolate has no mode {mode!r}: use 'nearest', 'nearest-exact', 'area' or one of {', '.join(_MODES)}.",
        )
    if align_corners is not None and mode not in _MODES:
        raise ArgumentError("MG157", f"align_corners is for {', '.join(_MODES)}, not for mode={mode!r}.")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError("MG157", f"antialias is for 'bilinear' and 'bicubic', not for mode={mode!r}.")
    lengths = input.shape[2:]
    sizes, factors = _sizes(lengths, size, scale_factor)
    if mode == "area":
        return adaptive_avg_pool(ndim, input, sizes)
    x = input
    for i, (length, n) in enumerate(zip(lengths, sizes, strict=True)):
        if align_corners:
            scale = (length - 1) / (n - 1) if n > 1 else 0.0
        else:
            scale = length / n if factors is None or recompute_scale_factor else 1.0 / factors[i]
        if mode.startswith("nearest"):
            x = _nearest(x, i + 2, n, scale, 0.5 if mode == "nearest-exact" else 0.0)
        elif antialias:
            x = resampled(x, i + 2, *_filtered(length, n, scale, mode == "bicubic"))
        elif mode == "bicubic":
            x = resampled(x, i + 2, *_cubic(length, n, scale, bool(align_corners)))
        else:
            x = resampled(x, i + 2, *_linear(length, n, scale, bool(align_corners)))
    return mg.asarray(x, copy=True) if x is input else x


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate`, by its former name.

    >>> upsample(mg.tensor([[[1.0, 3.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 3.0, 3.0]]]
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
) -> Tensor:
    """`interpolate` with mode="nearest".

    >>> upsample_nearest(mg.tensor([[[1.0, 3.0]]]), 4).tolist()
    [[[1.0, 1.0, 3.0, 3.0]]]
    """
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: Tensor, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
) -> Tensor:
    """`interpolate` with mode="bilinear" and align_corners=True.

    >>> upsample_bilinear(mg.tensor([[[[1.0, 3.0]]]]), (1, 3)).tolist()
    [[[[1.0, 2.0, 3.0]]]]
    """
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def _sizes(
    lengths: tuple[int, ...], size: int | Sequence[int] | None, scale_factor: float | Sequence[float] | None
) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            "MG157", f"interpolate takes size or scale_factor, one of them; got {size} and {scale_factor}."
        )
    given = size if scale_factor is None else scale_factor
    values = tuple(given) if isinstance(given, Sequence) else (given,) * len(lengths)
    if len(values) != len(lengths):
        raise ArgumentError("MG157", f"interpolate needs one number or {len(lengths)} of them, got {given}.")
    if scale_factor is None:
        sizes, factors = tuple(int(n) for n in values), None  # type: ignore[arg-type]
    else:
        factors = tuple(float(f) for f in values)  # type: ignore[arg-type]
        sizes = tuple(math.floor(length * f) for length, f in zip(lengths, factors, strict=True))
    if min(sizes) < 1 or min(lengths) < 1:
        raise ShapeError("MG160", f"interpolate can't make {sizes} of {lengths} elements.")
    return sizes, factors


def _nearest(x: Tensor, axis: int, n: int, scale: float, offset: float) -> Tensor:
    length = x.shape[axis]
    if n == length:
        return x
    if n % length == 0 and scale * n == length:  # every entry n / length times: its transpose is a sum, not a scatter
        shape = (*x.shape[: axis + 1], n // length, *x.shape[axis + 1 :])
        spread = mg.broadcast_to(mg.expand_dims(x, axis=axis + 1), shape)
        return mg.reshape(spread, (*x.shape[:axis], n, *x.shape[axis + 1 :]))
    places = np.floor((np.arange(n, dtype=np.float32) + np.float32(offset)) * np.float32(scale))
    return mg.take(x, wrap(np.clip(places.astype(np.int64), 0, length - 1), None), axis=axis)


def _positions(n: int, scale: float, align_corners: bool) -> np.ndarray:
    """Where the entries of the result lie among those of the input, whose centres are at whole numbers."""
    i = np.arange(n)
    return i * scale if align_corners else (i + 0.5) * scale - 0.5


def _linear(length: int, n: int, scale: float, align_corners: bool) -> Taps:
    position = np.clip(_positions(n, scale, align_corners), 0.0, None)
    low = np.minimum(np.floor(position).astype(np.int64), length - 1)
    part = np.clip(position - low, 0.0, 1.0)
    return np.stack([low, np.minimum(low + 1, length - 1)], axis=1), np.stack([1.0 - part, part], axis=1)


def _cubic(length: int, n: int, scale: float, align_corners: bool) -> Taps:
    position = _positions(n, scale, align_corners)
    places = np.floor(position).astype(np.int64)[:, None] + np.arange(-1, 3)
    return np.clip(places, 0, length - 1), cubic_weight(position[:, None] - places, -0.75)


def cubic_weight(x: np.ndarray, a: float) -> np.ndarray:
    """The kernel of cubic convolution at distance x: Keys, "Cubic convolution interpolation", 1981."""
    x = np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = ((x - 5.0) * x + 8.0) * x * a - 4.0 * a
    return np.where(x <= 1.0, near, np.where(x < 2.0, far, 0.0))


def _filtered(length: int, n: int, scale: float, cubic: bool) -> Taps:
    """The filter stretched by `scale` where that is above 1, and normalised."""
    kernel: Callable[[np.ndarray], np.ndarray]
    radius, kernel = (
        (2.0, lambda x: cubic_weight(x, -0.5)) if cubic else (1.0, lambda x: np.clip(1.0 - np.abs(x), 0.0, None))
    )
    stretch = max(scale, 1.0)
    centre = (np.arange(n) + 0.5) * scale
    first = np.maximum((centre - radius * stretch + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + radius * stretch + 0.5).astype(np.int64), length)
    places = first[:, None] + np.arange(np.max(stop - first))
    inside = places < stop[:, None]
    weights = np.where(inside, kernel((places - centre[:, None] + 0.5) / stretch), 0.0)
    return np.minimum(places, stop[:, None] - 1), weights / weights.sum(axis=1, keepdims=True)
