"""Pooling: the largest or the mean of each window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...functions import composite
from ...operators import wrap
from ...tensor import Tensor
from .arguments import in_dimensions
from .conv import AXES, IntOrTuple

Tap = Callable[[Tensor, int], Tensor]


def max_pool(
    ndim: int,
    /,
    input: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    batched = check_axes(input, ndim, "max_pool")
    x = input if batched else mg.expand_dims(input, axis=0)
    plan = _plan(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    places = flat_places(x.shape[2:], plan.widths) if return_indices else None
    if any(before or after > 0 for before, after in plan.widths):
        least = -math.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        x = mg.pad(x, [(0, 0), (0, 0), *((before, max(after, 0)) for before, after in plan.widths)], value=least)
    # The last axis first: then the first row that holds the maximum wins, and in it the leftmost, as if all were scanned.
    for i in reversed(range(ndim)):
        x, places = first_max(x, places, _slices(plan, i), plan.kernel[i])
    return pooled(x, places, batched)


def _slices(plan: _Plan, i: int) -> Tap:
    """Entry k of every window along spatial axis i."""
    rest = (slice(None),) * (len(plan.kernel) - 1 - i)
    outputs, stride, dilation = plan.outputs[i], plan.stride[i], plan.dilation[i]

    def tap(x: Tensor, k: int) -> Tensor:
        start = k * dilation
        return x[(..., slice(start, start + (outputs - 1) * stride + 1, stride), *rest)]

    return tap


def first_max(x: Tensor, places: Tensor | None, tap: Tap, count: int) -> tuple[Tensor, Tensor | None]:
    """The maximum of tap(x, 0), tap(x, 1), ... and what `places` has there; the first of equals stays, NaN goes through."""
    y, at = tap(x, 0), None if places is None else tap(places, 0)
    for k in range(1, count):
        part = tap(x, k)
        larger = (part > y) | mg.isnan(part)
        y = mg.where(larger, part, y)
        if places is not None:
            at = mg.where(larger, tap(places, k), at)
    return y, at


def flat_places(lengths: tuple[int, ...], widths: Sequence[tuple[int, int]] | None = None) -> Tensor:
    """(1, 1, ...): for every element, padding included, its number among all of the unpadded axes; in padding the nearest's."""
    places = np.zeros((1,) * len(lengths), np.int64)
    for i, length in enumerate(lengths):
        before, after = (0, 0) if widths is None else widths[i]
        along = np.clip(np.arange(-before, length + max(after, 0)), 0, length - 1)
        places = places * length + along.reshape((-1,) + (1,) * (len(lengths) - 1 - i))
    return wrap(places[None, None], None)


def pooled(y: Tensor, places: Tensor | None, batched: bool) -> Any:
    """What a pooling returns: the values, and the places if they were asked for."""
    if places is None:
        return y if batched else mg.squeeze(y, axis=0)
    places = mg.broadcast_to(places, y.shape)
    return (y, places) if batched else (mg.squeeze(y, axis=0), mg.squeeze(places, axis=0))


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
    batched = check_axes(input, ndim, "avg_pool")
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
    reaches over the edge, but never starts beyond it). Padding counts as -∞. With `return_indices` a pair: the values, and for
    each the number of its element among the H · W of its channel, as `max_unpool2d` takes them.

    >>> max_pool2d(mg.reshape(mg.arange(16.0), (1, 1, 4, 4)), 2).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """


@in_dimensions(3, max_pool)
def max_pool3d() -> None:
    """The largest of each window of (N, C, D, H, W) or (C, D, H, W): `max_pool2d` with one more axis.

    >>> max_pool3d(mg.ones((1, 1, 2, 4, 4)), 2).shape
    (1, 1, 1, 2, 2)
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


@in_dimensions(3, avg_pool)
def avg_pool3d() -> None:
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W): `avg_pool2d` with one more axis.

    >>> avg_pool3d(mg.ones((1, 1, 2, 4, 4)), 2).shape
    (1, 1, 1, 2, 2)
    """


def lp_pool(
    ndim: int,
    /,
    input: Tensor,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    means = avg_pool(ndim, input**norm_type, kernel_size, stride, 0, ceil_mode)
    size = math.prod(composite.extent(kernel_size, ndim, "kernel_size"))
    return (mg.sign(means) * mg.relu(mg.abs(means)) * size) ** (1.0 / norm_type)


@in_dimensions(1, lp_pool)
def lp_pool1d() -> None:
    """(Σ x^p)^(1/p) over each window of (N, C, L) or (C, L), with p = `norm_type`.

    >>> lp_pool1d(mg.tensor([[3.0, 4.0]]), 2.0, 2).tolist()
    [[5.0]]
    """


@in_dimensions(2, lp_pool)
def lp_pool2d() -> None:
    """(Σ x^p)^(1/p) over each window of (N, C, H, W) or (C, H, W), with p = `norm_type`.

    >>> lp_pool2d(mg.ones((1, 2, 2)), 2.0, 2).tolist()
    [[[2.0]]]
    """


@in_dimensions(3, lp_pool)
def lp_pool3d() -> None:
    """(Σ x^p)^(1/p) over each window of (N, C, D, H, W) or (C, D, H, W), with p = `norm_type`.

    >>> lp_pool3d(mg.ones((1, 2, 2, 4)), 2.0, (2, 2, 4)).tolist()
    [[[[4.0]]]]
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
    given = {"kernel_size": kernel_size, "stride": kernel_size if stride is None or stride == () else stride, "padding": padding,
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


def check_axes(x: Tensor, ndim: int, name: str) -> bool:
    if x.ndim not in (ndim + 1, ndim + 2):
        axes = f"(N, C, {AXES[ndim]}) or (C, {AXES[ndim]})"
        raise ShapeError("MG160", f"{name}{ndim}d takes {axes}, got an input of shape {x.shape}.")
    return x.ndim == ndim + 2
