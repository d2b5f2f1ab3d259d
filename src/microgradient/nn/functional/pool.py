"""Pooling: the largest or the mean of each window."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...functions import composite
from ...operators import wrap
from ...tensor import Tensor
from .arguments import in_dimensions
from .conv import IntOrTuple


def max_pool(
    ndim: int,
    /,
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    *,
    ceil_mode: bool = False,
) -> Tensor:
    batched = _check_axes(input, ndim, "max_pool")
    x = input if batched else mg.expand_dims(input, axis=0)
    plan = _plan(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    if any(before or after > 0 for before, after in plan.widths):
        least = -math.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        x = mg.pad(x, [(0, 0), (0, 0), *((before, max(after, 0)) for before, after in plan.widths)], value=least)
    # The last axis first: then the first row that holds the maximum wins, and in it the leftmost, as if all were scanned.
    for i in reversed(range(ndim)):
        x = _max_along(x, i - ndim, plan.outputs[i], plan.kernel[i], plan.stride[i], plan.dilation[i])
    return x if batched else mg.squeeze(x, axis=0)


def _max_along(x: Tensor, axis: int, outputs: int, kernel: int, stride: int, dilation: int) -> Tensor:
    """The maximum of `outputs` windows along one axis: slice by slice, the first of equals stays, NaN goes through."""
    rest = (slice(None),) * (-1 - axis)
    y = None
    for k in range(kernel):
        start = k * dilation
        part = x[(..., slice(start, start + (outputs - 1) * stride + 1, stride), *rest)]
        y = part if y is None else mg.where((part > y) | mg.isnan(part), part, y)
    assert y is not None
    return y


def avg_pool(
    ndim: int,
    /,
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    batched = _check_axes(input, ndim, "avg_pool")
    x = input if batched else mg.expand_dims(input, axis=0)
    lengths = x.shape[2:]
    plan = _plan(lengths, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise ArgumentError("MG157", "divisor_override can't be 0.")
    if any(before or after > 0 for before, after in plan.widths):
        x = mg.pad(x, [(0, 0), (0, 0), *((before, max(after, 0)) for before, after in plan.widths)])
    sums = mg.sum(composite.windows(x, plan.kernel, plan.stride, plan.dilation), axis=tuple(range(-ndim, 0)))
    if divisor_override is not None:
        y = sums / divisor_override
    elif all(after <= before for before, after in plan.widths) and (count_include_pad or not any(plan.padding)):
        y = sums / math.prod(plan.kernel)
    else:
        y = sums / wrap(_counts(lengths, plan, count_include_pad).astype(x.dtype), None)
    return y if batched else mg.squeeze(y, axis=0)


@in_dimensions(1, max_pool)
def max_pool1d() -> None:
    """The largest of each window of (N, C, L) or (C, L); where several are equal, the first gets the gradient.

    >>> max_pool1d(mg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
    [[3.0, 2.0]]
    """


@in_dimensions(2, max_pool)
def max_pool2d() -> None:
    """The largest of each window of (N, C, H, W) or (C, H, W). `stride` is the kernel size if not given.

    H' = (H + 2·padding - dilation·(k-1) - 1) / stride + 1, rounded down, or up with `ceil_mode` (a last window
    reaches over the edge, but never starts beyond it). Padding counts as -∞.

    >>> max_pool2d(mg.reshape(mg.arange(16.0), (1, 1, 4, 4)), 2).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """


@in_dimensions(1, avg_pool)
def avg_pool1d() -> None:
    """The mean of each window of (N, C, L) or (C, L).

    >>> avg_pool1d(mg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist()
    [[2.0, 1.0]]
    """


@in_dimensions(2, avg_pool)
def avg_pool2d() -> None:
    """The mean of each window of (N, C, H, W) or (C, H, W); sizes as `max_pool2d`.

    Padding counts as zeros, or not at all if `count_include_pad` is false. `divisor_override` divides each sum
    instead of the number of elements.

    >>> avg_pool2d(mg.reshape(mg.arange(16.0), (1, 1, 4, 4)), 2).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """


class _Plan(NamedTuple):
    """Where the windows lie: per axis the kernel, stride, dilation, padding, their number, and what to add at both ends."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    outputs: list[int]
    widths: list[tuple[int, int]]


def _plan(
    lengths: tuple[int, ...],
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    padding: IntOrTuple,
    dilation: IntOrTuple,
    ceil_mode: bool,
) -> _Plan:
    given = {"kernel_size": kernel_size, "stride": kernel_size if stride is None else stride, "padding": padding,
             "dilation": dilation}  # fmt: skip
    kernel, steps, edges, spread = (composite.extent(value, len(lengths), name) for name, value in given.items())
    outputs, widths = [], []
    for length, k, s, p, d in zip(lengths, kernel, steps, edges, spread, strict=True):
        if min(k, s, d) < 1 or p < 0:
            raise ArgumentError("MG157", f"A pooling window needs size, stride and dilation ≥ 1, got {k}, {s}, {d}.")
        if p > (d * (k - 1) + 1) // 2:
            raise ArgumentError(
                "MG157", f"Padding {p} is more than half the window of {k}: some windows would be empty."
            )
        room = length + 2 * p - d * (k - 1) - 1
        n = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (n - 1) * s >= length + p:
            n -= 1
        if n < 1 or length == 0:
            raise ShapeError(
                "MG160", f"A pooling window of {k} is larger than the {length} + 2·{p} elements it slides over."
            )
        outputs.append(n)
        widths.append((p, (n - 1) * s + d * (k - 1) + 1 - length - p))
    return _Plan(kernel, steps, edges, spread, outputs, widths)


def _counts(lengths: tuple[int, ...], plan: _Plan, count_include_pad: bool) -> np.ndarray:
    """How many elements each window has inside the input (and its padding)."""
    result = np.ones(())
    for length, n, k, s, p in zip(lengths, plan.outputs, plan.kernel, plan.stride, plan.padding, strict=True):
        start = np.arange(n) * s - p
        low, high = (start, length + p) if count_include_pad else (np.maximum(start, 0), length)
        result = np.multiply.outer(result, np.minimum(start + k, high) - low)
    return result


def _check_axes(x: Tensor, ndim: int, name: str) -> bool:
    if x.ndim not in (ndim + 1, ndim + 2):
        axes = {1: "(N, C, L) or (C, L)", 2: "(N, C, H, W) or (C, H, W)"}[ndim]
        raise ShapeError("MG160", f"{name}{ndim}d takes {axes}, got an input of shape {x.shape}.")
    return x.ndim == ndim + 2
