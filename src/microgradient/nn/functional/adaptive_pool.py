"""Pooling to a given size, pooling over windows drawn at random, and the inverse of max pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import microgradient as mg

from ... import random
from ...errors import ArgumentError, ShapeError
from ...functions import composite
from ...operators import wrap
from ...tensor import Tensor
from .arguments import in_dimensions
from .conv import IntOrTuple
from .pool import Tap, avg_pool, check_axes, first_max, flat_places, max_pool, pooled


def adaptive_avg_pool(ndim: int, /, input: Tensor, output_size: IntOrTuple | None) -> Tensor:
    batched = check_axes(input, ndim, "adaptive_avg_pool")
    sizes = _sizes(output_size, input.shape[-ndim:])
    if (kernel := _even(input.shape[-ndim:], sizes)) is not None:
        return avg_pool(ndim, input, kernel)
    x = input if batched else mg.expand_dims(input, axis=0)
    for i, size in enumerate(sizes):
        x = resampled(x, i + 2, *_means(x.shape[i + 2], size))
    return x if batched else mg.squeeze(x, axis=0)


def adaptive_max_pool(ndim: int, /, input: Tensor, output_size: IntOrTuple | None, return_indices: bool = False) -> Any:
    batched = check_axes(input, ndim, "adaptive_max_pool")
    sizes = _sizes(output_size, input.shape[-ndim:])
    if (kernel := _even(input.shape[-ndim:], sizes)) is not None:
        return max_pool(ndim, input, kernel, return_indices=return_indices)
    x = input if batched else mg.expand_dims(input, axis=0)
    places = flat_places(x.shape[2:]) if return_indices else None
    for i in reversed(range(ndim)):
        entries, _ = _means(x.shape[i + 2], sizes[i])
        x, places = first_max(x, places, _taken(entries, i + 2), entries.shape[1])
    return pooled(x, places, batched)


def resampled(x: Tensor, axis: int, places: np.ndarray, weights: np.ndarray) -> Tensor:
    """y_i = Σ_k weights[i, k] · x[places[i, k]] along `axis`, as many taps k as the columns of both have."""
    y = None
    shape = (-1,) + (1,) * (x.ndim - 1 - axis)
    for k in range(places.shape[1]):
        if not weights[:, k].any():
            continue
        part = mg.take(x, wrap(places[:, k], None), axis=axis)
        part = part * wrap(weights[:, k].astype(x.dtype).reshape(shape), None)
        y = part if y is None else y + part
    assert y is not None
    return y


@in_dimensions(1, adaptive_avg_pool)
def adaptive_avg_pool1d() -> None:
    """The means of `output_size` windows that cover (N, C, L) or (C, L): from ⌊i·L/size⌋ to ⌈(i+1)·L/size⌉.

    >>> adaptive_avg_pool1d(mg.tensor([[1.0, 3.0, 5.0]]), 2).tolist()
    [[2.0, 4.0]]
    """


@in_dimensions(2, adaptive_avg_pool)
def adaptive_avg_pool2d() -> None:
    """The means of windows that cover (N, C, H, W) or (C, H, W), as `adaptive_avg_pool1d`; a size None stays as it is.

    >>> adaptive_avg_pool2d(mg.ones((1, 3, 5, 7)), (2, None)).shape
    (1, 3, 2, 7)
    """


@in_dimensions(3, adaptive_avg_pool)
def adaptive_avg_pool3d() -> None:
    """The means of windows that cover (N, C, D, H, W) or (C, D, H, W), as `adaptive_avg_pool2d`.

    >>> adaptive_avg_pool3d(mg.ones((1, 3, 5, 7, 2)), 1).shape
    (1, 3, 1, 1, 1)
    """


@in_dimensions(1, adaptive_max_pool)
def adaptive_max_pool1d() -> None:
    """The largest of each window of `adaptive_avg_pool1d`; with `return_indices` also where, as `max_pool1d`.

    >>> adaptive_max_pool1d(mg.tensor([[1.0, 3.0, 5.0]]), 2).tolist()
    [[3.0, 5.0]]
    """


@in_dimensions(2, adaptive_max_pool)
def adaptive_max_pool2d() -> None:
    """The largest of each window of `adaptive_avg_pool2d`; with `return_indices` also where, as `max_pool2d`.

    >>> adaptive_max_pool2d(mg.ones((1, 3, 5, 7)), (2, None)).shape
    (1, 3, 2, 7)
    """


@in_dimensions(3, adaptive_max_pool)
def adaptive_max_pool3d() -> None:
    """The largest of each window of `adaptive_avg_pool3d`; with `return_indices` also where, as `max_pool3d`.

    >>> adaptive_max_pool3d(mg.ones((1, 3, 5, 7, 2)), 1).shape
    (1, 3, 1, 1, 1)
    """


# ------------------------------------------------------------------------------------------------------- drawn windows


def fractional_max_pool(
    ndim: int,
    /,
    input: Tensor,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    batched = check_axes(input, ndim, "fractional_max_pool")
    x = input if batched else mg.expand_dims(input, axis=0)
    lengths, kernel = x.shape[2:], composite.extent(kernel_size, ndim, "kernel_size")
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError("MG157", f"fractional_max_pool{ndim}d takes output_size or output_ratio, one of them.")
    if output_size is not None:
        sizes = composite.extent(output_size, ndim, "output_size")
    else:
        ratios = (output_ratio,) * ndim if isinstance(output_ratio, int | float) else tuple(output_ratio or ())
        sizes = tuple(int(n * r) for n, r in zip(lengths, ratios, strict=True))
    if any(size < 1 or size + k - 1 > n for size, k, n in zip(sizes, kernel, lengths, strict=True)):
        raise ShapeError("MG160", f"{sizes} windows of {kernel} elements don't fit into {lengths}.")
    samples = random.uniform((*x.shape[:2], ndim), dtype=x.dtype) if _random_samples is None else _random_samples
    places = mg.broadcast_to(flat_places(lengths), x.shape) if return_indices else None
    for i in reversed(range(ndim)):
        u = samples[: x.shape[0], :, i if ndim == 3 else 1 - i]  # PyTorch's order: W, H, but D, H, W
        starts = _drawn_starts(u, lengths[i], sizes[i], kernel[i])
        x, places = first_max(x, places, _along(starts, i + 2), kernel[i])
    return pooled(x, places, batched)


def _drawn_starts(u: Tensor, length: int, size: int, kernel: int) -> Tensor:
    """(N, C, size): where windows begin, ⌊(i + u)·α⌋ - ⌊u·α⌋ with α = (length - kernel) / (size - 1); the last at the end."""
    last = wrap(np.full((1, 1, 1), length - kernel), None)
    if size == 1:
        return mg.broadcast_to(last, (*u.shape, 1))
    alpha = (length - kernel) / (size - 1)
    u = mg.expand_dims(u, axis=-1)
    steps = mg.asarray(np.arange(size - 1), dtype=u.dtype)
    starts = mg.astype(mg.floor((steps + u) * alpha) - mg.floor(u * alpha), mg.int64)
    return mg.concat([starts, mg.broadcast_to(last, (*u.shape[:2], 1))], axis=-1)


def _along(starts: Tensor, axis: int) -> Tap:
    def tap(x: Tensor, k: int) -> Tensor:
        shape = (*x.shape[:2], *(starts.shape[2] if i == axis else 1 for i in range(2, x.ndim)))
        result = (*x.shape[:axis], starts.shape[2], *x.shape[axis + 1 :])
        places = mg.broadcast_to(mg.reshape(starts + k, shape), result)  # of one shape the transpose runs natively
        return mg.take_along_axis(x, places, axis=axis)

    return tap


@in_dimensions(2, fractional_max_pool)
def fractional_max_pool2d() -> None:
    """The largest of `output_size` windows that begin at places drawn for each channel of (N, C, H, W) or (C, H, W).

    The size is given, or `output_ratio` times that of the input. `_random_samples` (N, C, 2), between 0 and 1, replaces
    the draw. Graham 2014.

    >>> fractional_max_pool2d(mg.ones((1, 2, 7, 7)), 2, output_size=4).shape
    (1, 2, 4, 4)
    """


@in_dimensions(3, fractional_max_pool)
def fractional_max_pool3d() -> None:
    """`fractional_max_pool2d` with one more axis: (N, C, D, H, W) or (C, D, H, W).

    >>> fractional_max_pool3d(mg.ones((1, 2, 7, 7, 7)), 2, output_ratio=0.5).shape
    (1, 2, 3, 3, 3)
    """


# -------------------------------------------------------------------------------------------------------- the inverse


def max_unpool(
    ndim: int,
    /,
    input: Tensor,
    indices: Tensor,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    check_axes(input, ndim, "max_unpool")
    if indices.shape != input.shape:
        raise ShapeError(
            "MG160", f"max_unpool{ndim}d needs an index for each value, got {input.shape} and {indices.shape}."
        )
    kernel = composite.extent(kernel_size, ndim, "kernel_size")
    steps = kernel if stride is None else composite.extent(stride, ndim, "stride")
    edges = composite.extent(padding, ndim, "padding")
    lead, small = input.shape[:-ndim], input.shape[-ndim:]
    if output_size is None:
        sizes = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(small, steps, edges, kernel, strict=True))
    else:
        sizes = tuple(output_size)[-ndim:]
    rows, count = math.prod(lead), math.prod(small)
    values, places = mg.reshape(input, (rows, count)), mg.reshape(indices, (rows, count))
    row = wrap(np.arange(rows)[:, None], None)
    y = mg.zeros((rows, math.prod(sizes)), dtype=input.dtype)
    y[row, places] = values
    return mg.reshape(y, (*lead, *sizes))


@in_dimensions(1, max_unpool)
def max_unpool1d() -> None:
    """Each value of (N, C, L) or (C, L) back at its place, as `max_pool1d` with `return_indices` gives it; zeros elsewhere.

    L' = (L-1) · stride - 2 · padding + kernel, or the last entry of `output_size`.

    >>> max_unpool1d(mg.tensor([[5.0, 7.0]]), mg.tensor([[1, 2]]), 2).tolist()
    [[0.0, 5.0, 7.0, 0.0]]
    """


@in_dimensions(2, max_unpool)
def max_unpool2d() -> None:
    """`max_unpool1d` for (N, C, H, W) or (C, H, W).

    >>> max_unpool2d(mg.ones((1, 1, 1)), mg.tensor([[[3]]]), 2).tolist()
    [[[0.0, 0.0], [0.0, 1.0]]]
    """


@in_dimensions(3, max_unpool)
def max_unpool3d() -> None:
    """`max_unpool1d` for (N, C, D, H, W) or (C, D, H, W).

    >>> max_unpool3d(mg.ones((1, 1, 1, 1)), mg.tensor([[[[7]]]]), 2).shape
    (1, 2, 2, 2)
    """


# ------------------------------------------------------------------------------------------------------------- helpers


def _sizes(output_size: IntOrTuple | None, lengths: tuple[int, ...]) -> tuple[int, ...]:
    given = (output_size,) * len(lengths) if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if len(given) == 1:
        given *= len(lengths)
    if len(given) != len(lengths):
        raise ArgumentError("MG157", f"output_size={output_size!r} must be one number or {len(lengths)} of them.")
    sizes = tuple(length if size is None else int(size) for size, length in zip(given, lengths, strict=True))
    if min(sizes) < 1 or min(lengths) < 1:
        raise ShapeError("MG160", f"Pooling can't make {sizes} of {lengths} elements.")
    return sizes


def _even(lengths: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The window, where all windows are equal and lie side by side."""
    if any(length % size for length, size in zip(lengths, sizes, strict=True)):
        return None
    return tuple(length // size for length, size in zip(lengths, sizes, strict=True))


def _means(length: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each of `size` windows the entries, and their weights in its mean: padded by its last entry with weight 0."""
    i = np.arange(size)
    starts, ends = i * length // size, -((i + 1) * length // -size)
    places = starts[:, None] + np.arange(np.max(ends - starts))
    inside = places < ends[:, None]
    return np.minimum(places, ends[:, None] - 1), inside / (ends - starts)[:, None]


def _taken(entries: np.ndarray, axis: int) -> Tap:
    return lambda x, k: mg.take(x, wrap(entries[:, k], None), axis=axis)
