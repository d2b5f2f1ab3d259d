"""Convolutions and their transposes in 1, 2 and 3 dimensions, channels first: (N, C, L), (N, C, H, W), (N, C, D, H, W)."""

from __future__ import annotations

from collections.abc import Sequence

import microgradient as mg

from ...errors import ShapeError
from ...functions import composite
from ...tensor import Tensor
from ..error_context import FeatureError
from .arguments import in_dimensions
from .linear import check_float

IntOrTuple = int | Sequence[int]
AXES = {1: "L", 2: "H, W", 3: "D, H, W"}


def conv(
    ndim: int,
    /,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Tensor:
    x = _batched(f"conv{ndim}d", ndim, input, weight)
    _check_channels(f"conv{ndim}d", x, input, weight, groups)
    return _finished(composite.conv(x, weight, stride, padding, dilation, groups), bias, x is input)


def conv_transpose(
    ndim: int,
    /,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Tensor:
    x = _batched(f"conv_transpose{ndim}d", ndim, input, weight)
    y = composite.conv_transpose(x, weight, stride, padding, output_padding, groups, dilation)
    return _finished(y, bias, x is input)


def _check_channels(name: str, x: Tensor, input: Tensor, weight: Tensor, groups: int) -> None:
    """Raise if `input`, `x` once it has an axis for the batch, has another number of channels than `weight` takes."""
    wanted = weight.shape[1] * groups
    if x.ndim != weight.ndim or x.shape[1] == wanted:
        return
    if x is not input and wanted == 1:
        raise ShapeError(
            "MG160",
            f"{name} takes (N, 1, {AXES[x.ndim - 2]}), got an input of shape {input.shape} without the axis of channels. "
            "Write `mg.expand_dims(x, axis=1)`.",
        )
    if x.shape[-1] == wanted:
        raise ShapeError("MG130", composite.channel_mismatch(input.shape, weight.shape, groups))
    given, change = x.shape[1], f"in_channels={x.shape[1]}"
    what = f"{name} of {wanted} input channels got {given}"
    raise FeatureError(what, f"Input {input.shape}. Change to {change}.", given, wanted, change, input.node)


def _batched(name: str, ndim: int, input: Tensor, weight: Tensor) -> Tensor:
    if weight.ndim != ndim + 2:
        raise ShapeError("MG160", f"{name} takes a weight of {ndim + 2} axes, got one of shape {weight.shape}.")
    check_float(name, input, weight)
    return mg.expand_dims(input, axis=0) if input.ndim == ndim + 1 else input


def _finished(y: Tensor, bias: Tensor | None, batched: bool) -> Tensor:
    if bias is not None:
        y = y + mg.reshape(bias, (-1,) + (1,) * (y.ndim - 2))
    return y if batched else mg.squeeze(y, axis=0)


@in_dimensions(1, conv)
def conv1d() -> None:
    """Slide `weight` (out, in/groups, k) along `input` (N, in, L) or (in, L): → (N, out, L').

    L' = (L + 2·padding - dilation·(k-1) - 1) // stride + 1. `padding` may be "valid" (none) or "same" (L' = L).
    Raises `ShapeError` where channels or sizes don't fit.

    >>> conv1d(mg.tensor([[[1.0, 2.0, 4.0]]]), mg.tensor([[[-1.0, 1.0]]])).tolist()
    [[[1.0, 2.0]]]
    """


@in_dimensions(2, conv)
def conv2d() -> None:
    """Slide `weight` (out, in/groups, kh, kw) over `input` (N, in, H, W) or (in, H, W): → (N, out, H', W').

    Each side as in `conv1d`.

    >>> conv2d(mg.ones((1, 1, 3, 3)), mg.ones((1, 1, 2, 2))).tolist()
    [[[[4.0, 4.0], [4.0, 4.0]]]]
    """


@in_dimensions(3, conv)
def conv3d() -> None:
    """Slide `weight` (out, in/groups, kd, kh, kw) through `input` (N, in, D, H, W): → (N, out, D', H', W').

    >>> conv3d(mg.ones((1, 1, 2, 2, 2)), mg.ones((1, 1, 2, 2, 2))).item()
    8.0
    """


@in_dimensions(1, conv_transpose)
def conv_transpose1d() -> None:
    """The transpose of the linear map `conv1d`: `weight` (in, out/groups, k), (N, in, L) → (N, out, L').

    L' = (L-1)·stride - 2·padding + dilation·(k-1) + output_padding + 1.

    >>> conv_transpose1d(mg.tensor([[[1.0, 2.0]]]), mg.tensor([[[1.0, 1.0]]])).tolist()
    [[[1.0, 3.0, 2.0]]]
    """


@in_dimensions(2, conv_transpose)
def conv_transpose2d() -> None:
    """The transpose of `conv2d`: `weight` (in, out/groups, kh, kw), (N, in, H, W) → (N, out, H', W').

    >>> conv_transpose2d(mg.ones((1, 1, 2, 2)), mg.ones((1, 1, 2, 2)), stride=2).shape
    (1, 1, 4, 4)
    """


@in_dimensions(3, conv_transpose)
def conv_transpose3d() -> None:
    """The transpose of `conv3d`: `weight` (in, out/groups, kd, kh, kw).

    >>> conv_transpose3d(mg.ones((1, 1, 2, 2, 2)), mg.ones((1, 1, 2, 2, 2))).shape
    (1, 1, 3, 3, 3)
    """
