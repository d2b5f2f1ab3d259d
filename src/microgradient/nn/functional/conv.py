"""Convolutions and their transposes in 1, 2 and 3 dimensions, channels first: (N, C, L), (N, C, H, W), (N, C, D, H, W)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import microgradient as mg

from ... import composite
from ...errors import ArgumentError, ShapeError
from ...operators import wrap
from ...tensor import Tensor
from .linear import check_float

IntOrTuple = int | Sequence[int]
AXES = {1: "L", 2: "H, W", 3: "D, H, W"}


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Tensor:
    """Slide `weight` (out, in/groups, k) along `input` (N, in, L) or (in, L): → (N, out, L').

    L' = (L + 2·padding - dilation·(k-1) - 1) // stride + 1. `padding` may be "valid" (none) or "same" (L' = L).
    Raises `ShapeError` where channels or sizes don't fit.

    >>> conv1d(mg.tensor([[[1.0, 2.0, 4.0]]]), mg.tensor([[[-1.0, 1.0]]])).tolist()
    [[[1.0, 2.0]]]
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, 1)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Tensor:
    """Slide `weight` (out, in/groups, kh, kw) over `input` (N, in, H, W) or (in, H, W): → (N, out, H', W').

    Each side as in `conv1d`.

    >>> conv2d(mg.ones((1, 1, 3, 3)), mg.ones((1, 1, 2, 2))).tolist()
    [[[[4.0, 4.0], [4.0, 4.0]]]]
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, 2)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Tensor:
    """Slide `weight` (out, in/groups, kd, kh, kw) through `input` (N, in, D, H, W): → (N, out, D', H', W').

    >>> conv3d(mg.ones((1, 1, 2, 2, 2)), mg.ones((1, 1, 2, 2, 2))).item()
    8.0
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, 3)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Tensor:
    """The transpose of the linear map `conv1d`: `weight` (in, out/groups, k), (N, in, L) → (N, out, L').

    L' = (L-1)·stride - 2·padding + dilation·(k-1) + output_padding + 1.

    >>> conv_transpose1d(mg.tensor([[[1.0, 2.0]]]), mg.tensor([[[1.0, 1.0]]])).tolist()
    [[[1.0, 3.0, 2.0]]]
    """
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 1)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Tensor:
    """The transpose of `conv2d`: `weight` (in, out/groups, kh, kw), (N, in, H, W) → (N, out, H', W').

    >>> conv_transpose2d(mg.ones((1, 1, 2, 2)), mg.ones((1, 1, 2, 2)), stride=2).shape
    (1, 1, 4, 4)
    """
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 2)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Tensor:
    """The transpose of `conv3d`: `weight` (in, out/groups, kd, kh, kw).

    >>> conv_transpose3d(mg.ones((1, 1, 2, 2, 2)), mg.ones((1, 1, 2, 2, 2))).shape
    (1, 1, 3, 3, 3)
    """
    return _conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation, 3)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Widen axes, starting with the last one: `pad` is (left, right, top, bottom, ...).

    `mode`: "constant" fills with `value` (0), "reflect" mirrors without the edge, "replicate" repeats the edge,
    "circular" wraps around.

    >>> pad(mg.tensor([1.0, 2.0, 3.0]), (1, 1), mode="reflect").tolist()
    [2.0, 1.0, 2.0, 3.0, 2.0]
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ArgumentError("MG157", f"pad takes two numbers for each of at most {input.ndim} axes, got {tuple(pad)}.")
    if min(pad, default=0) < 0:
        raise ArgumentError("MG157", f"pad only widens, got {tuple(pad)}. To cut, write `x[..., 1:]`.")
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    widths = [(0, 0)] * (input.ndim - len(pairs)) + pairs
    if mode == "constant":
        return mg.pad(input, widths, value=value) if value else mg.pad(input, widths)
    numpy_mode = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}.get(mode)
    if numpy_mode is None:
        raise ArgumentError(
            "MG157", f"There is no padding mode {mode!r}: use 'constant', 'reflect', 'replicate' or 'circular'."
        )
    for axis, (before, after) in enumerate(widths):
        if before or after:
            _check_border(mode, input.shape[axis], max(before, after))
            source = np.pad(np.arange(input.shape[axis]), (before, after), mode=numpy_mode)  # type: ignore[call-overload]
            input = mg.take(input, wrap(source, None), axis=axis)
    return input


def _check_border(mode: str, length: int, width: int) -> None:
    most = {"reflect": length - 1, "circular": length, "replicate": width if length else 0}[mode]
    if width > most:
        raise ShapeError("MG160", f"{mode} padding of {width} needs more than the {length} elements of that axis.")


def tuple_of(value: IntOrTuple, ndim: int, name: str) -> tuple[int, ...]:
    """`value` for each of `ndim` axes."""
    result = (value,) * ndim if isinstance(value, int | np.integer) else tuple(value)
    if len(result) == 1:
        result *= ndim
    if len(result) != ndim:
        raise ArgumentError("MG157", f"{name}={value!r} must be one number or {ndim} of them.")
    return result


def same_padding(kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """What to add before and after each axis so that a convolution of stride 1 keeps its length."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: IntOrTuple,
    padding: IntOrTuple | str,
    dilation: IntOrTuple,
    groups: int,
    ndim: int,
) -> Tensor:
    batched = x.ndim != ndim + 1
    if not batched:
        if x.shape[0] != weight.shape[1] * groups == 1:
            raise ShapeError(
                "MG160",
                f"conv{ndim}d takes (N, 1, {AXES[ndim]}), got an input of shape {x.shape} without the axis of channels. "
                "Write `mg.expand_dims(x, axis=1)`.",
            )
        x = mg.expand_dims(x, axis=0)
    check_float(f"conv{ndim}d", x, weight)
    y = composite.conv(x, weight, stride, padding, dilation, groups)
    if bias is not None:
        y = y + mg.reshape(bias, (-1,) + (1,) * ndim)
    return y if batched else mg.squeeze(y, axis=0)


def _conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: IntOrTuple,
    padding: IntOrTuple,
    output_padding: IntOrTuple,
    groups: int,
    dilation: IntOrTuple,
    ndim: int,
) -> Tensor:
    batched = x.ndim != ndim + 1
    if not batched:
        x = mg.expand_dims(x, axis=0)
    check_float(f"conv_transpose{ndim}d", x, weight)
    y = composite.conv_transpose(x, weight, stride, padding, output_padding, groups, dilation)
    if bias is not None:
        y = y + mg.reshape(bias, (-1,) + (1,) * ndim)
    return y if batched else mg.squeeze(y, axis=0)
