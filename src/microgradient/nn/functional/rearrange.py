"""Elements moved between channels and space: pixel shuffles, and sliding blocks as columns and back."""

from __future__ import annotations

import math

import microgradient as mg

from ...errors import ShapeError
from ...functions import composite
from ...taped_world import TAPED
from ...tensor import Tensor
from .conv import IntOrTuple


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C·r², H, W) → (..., C, H·r, W·r): channels become r × r pixels. Shi et al. 2016.

    >>> pixel_shuffle(mg.tensor([[[1.0]], [[2.0]], [[3.0]], [[4.0]]]), 2).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise ShapeError("MG160", f"pixel_shuffle takes (..., C · {r}², H, W), got an input of shape {input.shape}.")
    *lead, channels, h, w = input.shape
    x = mg.reshape(input, (*lead, channels // (r * r), r, r, h, w))
    n = len(lead)
    x = mg.permute_dims(x, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return mg.reshape(x, (*lead, channels // (r * r), h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H·r, W·r) → (..., C·r², H, W): the inverse of `pixel_shuffle`.

    >>> pixel_unshuffle(mg.tensor([[[1.0, 2.0], [3.0, 4.0]]]), 2).tolist()
    [[[1.0]], [[2.0]], [[3.0]], [[4.0]]]
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-2] % r or input.shape[-1] % r:
        raise ShapeError(
            "MG160", f"pixel_unshuffle takes (..., C, H · {r}, W · {r}), got an input of shape {input.shape}."
        )
    *lead, channels, h, w = input.shape
    x = mg.reshape(input, (*lead, channels, h // r, r, w // r, r))
    n = len(lead)
    x = mg.permute_dims(x, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return mg.reshape(x, (*lead, channels * r * r, h // r, w // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of (N, C, ...) in the order 0, C/g, 2·C/g, ..., 1, ... for g groups. Zhang et al. 2018.

    >>> channel_shuffle(mg.reshape(mg.arange(4.0), (1, 4, 1)), 2).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ShapeError("MG160", f"channel_shuffle can't divide the channels of {input.shape} into {groups} groups.")
    n, channels, *sizes = input.shape
    x = mg.reshape(input, (n, groups, channels // groups, *sizes))
    return mg.reshape(mg.permute_dims(x, (0, 2, 1, *range(3, x.ndim))), input.shape)


def unfold(
    input: Tensor,
    kernel_size: IntOrTuple,
    dilation: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    stride: IntOrTuple = 1,
) -> Tensor:
    """The sliding blocks of (N, C, H, W) or (C, H, W) as columns: → (N, C·kh·kw, blocks).

    >>> unfold(mg.reshape(mg.arange(4.0), (1, 2, 2)), 2).tolist()
    [[0.0], [1.0], [2.0], [3.0]]
    """
    if input.ndim not in (3, 4):
        raise ShapeError("MG160", f"unfold takes (N, C, H, W) or (C, H, W), got an input of shape {input.shape}.")
    kernel, edges, steps, spread = _options(kernel_size, padding, stride, dilation)
    x = input if input.ndim == 4 else mg.expand_dims(input, axis=0)
    blocks = _counts("unfold", x.shape[2:], kernel, edges, steps, spread)
    x = mg.windows(mg.pad(x, [(0, 0), (0, 0), *((p, p) for p in edges)]), kernel, steps, spread)
    x = mg.permute_dims(x, (0, 1, 4, 5, 2, 3))
    y = mg.reshape(x, (x.shape[0], x.shape[1] * math.prod(kernel), math.prod(blocks)))
    return y if input.ndim == 4 else mg.squeeze(y, axis=0)


def fold(
    input: Tensor,
    output_size: IntOrTuple,
    kernel_size: IntOrTuple,
    dilation: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    stride: IntOrTuple = 1,
) -> Tensor:
    """The transpose of `unfold`: columns (N, C·kh·kw, blocks) added up where their blocks lie, → (N, C, *output_size).

    >>> fold(mg.ones((1, 4, 2)), (2, 3), 2).tolist()
    [[[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]]
    """
    size = composite.extent(output_size, 2, "output_size")
    kernel, edges, steps, spread = _options(kernel_size, padding, stride, dilation)
    blocks = _counts("fold", size, kernel, edges, steps, spread)
    taps = math.prod(kernel)
    if input.ndim not in (2, 3) or input.shape[-2] % taps or input.shape[-1] != math.prod(blocks):
        raise ShapeError(
            "MG160",
            f"fold to {size} takes (N, C · {taps}, {math.prod(blocks)}) or without N, got an input of shape {input.shape}.",
        )
    x = input if input.ndim == 3 else mg.expand_dims(input, axis=0)
    x = mg.reshape(x, (x.shape[0], x.shape[1] // taps, *kernel, *blocks))
    x = mg.permute_dims(x, (0, 1, 4, 5, 2, 3))
    padded = tuple(n + 2 * p for n, p in zip(size, edges, strict=True))
    y = TAPED.windows_add(x, window=kernel, stride=steps, dilation=spread, size=padded)
    y = y[(..., *(slice(p, p + n) for p, n in zip(edges, size, strict=True)))]
    return y if input.ndim == 3 else mg.squeeze(y, axis=0)


Pair = tuple[int, ...]


def _options(kernel_size: IntOrTuple, padding: IntOrTuple, stride: IntOrTuple, dilation: IntOrTuple) -> list[Pair]:
    given = {"kernel_size": kernel_size, "padding": padding, "stride": stride, "dilation": dilation}
    options = [composite.extent(value, 2, name) for name, value in given.items()]
    if min(options[1]) < 0 or min(min(options[i]) for i in (0, 2, 3)) < 1:
        raise ShapeError("MG160", f"Sliding blocks need sizes, strides and dilations ≥ 1 and padding ≥ 0, got {given}.")
    return options


def _counts(name: str, size: Pair, kernel: Pair, edges: Pair, steps: Pair, spread: Pair) -> Pair:
    """How many blocks there are along each axis."""
    reach = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, p, s, d in zip(size, kernel, edges, steps, spread, strict=True)
    ]
    if min(reach) < 1:
        raise ShapeError(
            "MG160", f"{name}: no block of {kernel} (dilation {spread}) fits into {size} with padding {edges}."
        )
    return tuple(reach)
