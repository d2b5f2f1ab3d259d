"""Images read at any places: `grid_sample`, and the places of an affine map."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...functions.creation import from_both_ends
from ...operators import wrap
from ...tensor import Tensor


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """`input` (N, C, H, W) at the places `grid` (N, H', W', 2) names as (x, y) from -1 to 1, left to right and top to bottom:
    → (N, C, H', W'); and with D, D', (x, y, z) for volumes.

    `mode`: "bilinear", "nearest" or "bicubic" (images only). Beyond the image there are zeros, the nearest pixel of its border
    (`padding_mode="border"`) or its mirror image ("reflection"). With `align_corners` -1 and 1 are the centres of the
    outermost pixels, else their outer edges. Jaderberg et al. 2015.

    >>> image = mg.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> grid_sample(image, mg.tensor([[[[0.0, 0.0], [1.0, 1.0]]]]), align_corners=True).tolist()
    [[[[2.5, 4.0]]]]
    """
    ndim = input.ndim - 2
    if ndim not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != ndim or grid.shape[0] != input.shape[0]:
        raise ShapeError(
            "MG160", f"grid_sample takes (N, C, H, W) and a grid (N, H', W', 2), or (N, C, D, H, W) and (N, D', H', W', 3); got "
            f"{input.shape} and {grid.shape}.",
        )  # fmt: skip
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and ndim == 3):
        raise ArgumentError("MG157", f"grid_sample has no mode {mode!r} for {ndim} axes: use 'bilinear' or 'nearest'.")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            "MG157", f"padding_mode={padding_mode!r} is unknown: use 'zeros', 'border' or 'reflection'."
        )
    if min(input.shape[2:]) < 1:
        raise ShapeError("MG160", f"grid_sample can't read from an empty image of shape {input.shape}.")
    sizes, aligned = input.shape[2:], bool(align_corners)
    position = []
    for i, size in enumerate(sizes):
        at = grid[..., ndim - 1 - i]
        position.append((at + 1.0) * ((size - 1) / 2) if aligned else (at + 1.0) * (size / 2) - 0.5)
    if mode == "bicubic":
        return _cubic(input, position, padding_mode, aligned)
    position = [_padded(x, size, padding_mode, aligned) for x, size in zip(position, sizes, strict=True)]
    if mode == "nearest":
        return _at(input, [mg.round(mg.stop_gradient(x)) for x in position])
    low = [mg.floor(mg.stop_gradient(x)) for x in position]
    part = [x - start for x, start in zip(position, low, strict=True)]
    y = None
    for corner in itertools.product((0, 1), repeat=ndim):
        weights = [p if c else 1.0 - p for c, p in zip(corner, part, strict=True)]
        entry = _at(input, [start + c for c, start in zip(corner, low, strict=True)])
        entry = entry * mg.expand_dims(math.prod(weights[1:], start=weights[0]), axis=1)
        y = entry if y is None else y + entry
    assert y is not None
    return y


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places for `grid_sample` that the affine maps `theta` (N, 2, 3) send those of an image of `size` (N, C, H, W) to.

    → (N, H, W, 2); with (N, 3, 4) and (N, C, D, H, W) for volumes → (N, D, H, W, 3).

    >>> affine_grid(mg.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2)).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    sizes = tuple(size)[2:]
    ndim = len(sizes)
    if ndim not in (2, 3) or theta.shape != (size[0], ndim, ndim + 1):
        raise ShapeError(
            "MG160", f"affine_grid takes maps (N, 2, 3) and a size (N, C, H, W), or (N, 3, 4) and (N, C, D, H, W); got "
            f"{theta.shape} and {tuple(size)}.",
        )  # fmt: skip
    axes = [from_both_ends(-1.0, 1.0, n, theta.dtype) if n > 1 else np.zeros(1) for n in sizes]
    if not align_corners:  # rounded as PyTorch does: an identity names the centres of pixels, where slopes jump
        axes = [x * x.dtype.type(n - 1) / x.dtype.type(n) for x, n in zip(axes, sizes, strict=True)]
    places = np.stack([*np.meshgrid(*axes, indexing="ij")[::-1], np.ones(sizes)], axis=-1)
    flat = wrap(places.reshape(-1, ndim + 1).astype(theta.dtype), None)
    return mg.reshape(mg.matmul(flat, mg.matrix_transpose(theta)), (size[0], *sizes, ndim))


def _at(input: Tensor, places: list[Tensor]) -> Tensor:
    """The entries of each channel at `places`, whole numbers as floats (N, *out), one tensor per axis; 0 outside."""
    sizes, (n, channels) = input.shape[2:], input.shape[:2]
    flat, inside = None, None
    for place, size in zip(places, sizes, strict=True):
        within = (place >= 0) & (place <= size - 1)
        whole = mg.astype(mg.where(within, place, 0.0), mg.int64)
        flat = whole if flat is None else flat * size + whole
        inside = within if inside is None else inside & within
    assert flat is not None
    assert inside is not None
    out = flat.shape[1:]
    rows = mg.reshape(input, (n, channels, math.prod(sizes)))
    index = mg.broadcast_to(mg.reshape(flat, (n, 1, math.prod(out))), (n, channels, math.prod(out)))
    entries = mg.reshape(mg.take_along_axis(rows, index, axis=2), (n, channels, *out))
    return mg.where(mg.expand_dims(inside, axis=1), entries, 0.0)


def _padded(x: Tensor, size: int, padding_mode: str, aligned: bool) -> Tensor:
    """The place in the image that stands for `x`; with derivative 0 on the border and beyond."""
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        low, span = (0.0, size - 1.0) if aligned else (-0.5, float(size))
        if not span:
            return x * 0.0
        away = mg.abs(x - low)
        turns = mg.floor(mg.stop_gradient(away) / span)
        extra = away - turns * span
        x = mg.where(turns % 2 == 0, extra, span - extra) + low
    inside = (x > 0) & (x < size - 1)
    return mg.where(inside, x, mg.clip(mg.stop_gradient(x), min=0.0, max=size - 1.0))


def _cubic(input: Tensor, position: list[Tensor], padding_mode: str, aligned: bool) -> Tensor:
    low = [mg.floor(mg.stop_gradient(x)) for x in position]
    weights = [_cubic_weights(x - start) for x, start in zip(position, low, strict=True)]
    taps = [
        [_padded(start + k, size, padding_mode, aligned) for k in range(-1, 3)]
        for start, size in zip(low, input.shape[2:], strict=True)
    ]
    y = None
    for i, j in itertools.product(range(4), repeat=2):
        entry = _at(input, [mg.floor(taps[0][i]), mg.floor(taps[1][j])])
        entry = entry * mg.expand_dims(weights[0][i] * weights[1][j], axis=1)
        y = entry if y is None else y + entry
    assert y is not None
    return y


def _cubic_weights(part: Tensor) -> list[Tensor]:
    """Of the four entries around a place `part` of the way from the second to the third (see resize.cubic_weight), a = -3/4."""
    a = -0.75

    def near(x: Tensor) -> Tensor:
        return ((x * (a + 2) - (a + 3)) * x) * x + 1

    def far(x: Tensor) -> Tensor:
        return ((x * a - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(part + 1.0), near(part), near(1.0 - part), far(2.0 - part)]
