"""Normalisation: subtract a mean, divide by a standard deviation, scale and shift."""

from __future__ import annotations

import math
from collections.abc import Sequence

import microgradient as mg

from ...errors import ShapeError
from ...operators import wrap
from ...tensor import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / √(var + eps) · weight + bias, for each channel (axis 1) of `input` (N, C, ...).

    `running_mean` (C), `running_var` (C), `weight` (C) and `bias` (C) are the channels' own. In training, or without
    running statistics, mean and (biased) variance are the batch's; in training the running ones, if given, move towards
    them: r ← (1 - momentum) · r + momentum · batch, with the unbiased variance. Ioffe and Szegedy 2015.

    >>> batch_norm(mg.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0).tolist()
    [[-1.0], [1.0]]
    """
    if input.ndim < 2:
        raise ShapeError("MG160", f"batch_norm takes (N, C, ...), got an input of shape {input.shape}.")
    for name, given in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if given is not None and given.shape != (input.shape[1],):
            raise ShapeError(
                "MG160",
                f"batch_norm over {given.shape[0]} features (its {name}) got {input.shape[1]} of them, in an input of "
                f"shape {input.shape}. Change num_features to {input.shape[1]}.",
            )
    channels = (-1,) + (1,) * (input.ndim - 2)
    if not training and running_mean is not None and running_var is not None:
        scale = 1.0 / mg.sqrt(running_var + eps)
        if weight is not None:
            scale = scale * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        return input * mg.reshape(scale, channels) + mg.reshape(shift, channels)
    axes = (0, *range(2, input.ndim))
    count = math.prod(input.shape[axis] for axis in axes)
    if training and count == 1:
        raise ShapeError(
            "MG160",
            f"batch_norm can't measure a variance from one value for each channel (input {input.shape}). "
            "Use a batch of two or more (drop_last=True for the last one), or `model.eval()`.",
        )
    if not count:  # nothing to measure: an empty result, and gradients that are 0, not NaN
        centred, variance = input, mg.zeros((1, input.shape[1], *channels[1:]), dtype=input.dtype)
    else:
        mean = mg.mean(input, axis=axes, keepdims=True)
        centred = input - mean
        squares = mg.sum(centred * centred, axis=axes, keepdims=True)
        variance = squares / count
    if training and count:
        _move(running_mean, mean, momentum)
        _move(running_var, wrap(squares.raw, None) / (count - 1), momentum)
    scale = 1.0 / mg.sqrt(variance + eps)
    if weight is not None:
        scale = scale * mg.reshape(weight, channels)
    y = centred * scale
    return y if bias is None else y + mg.reshape(bias, channels)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / √(var + eps) · weight + bias, for each channel of each example of `input` (N, C, ...).

    With `use_input_stats` mean and (biased) variance are the example's own, and the running ones, if given, move towards their
    averages over the batch; without, the running ones are used. Ulyanov, Vedaldi and Lempitsky 2016.

    >>> instance_norm(mg.tensor([[[1.0, 3.0]]]), eps=0.0).tolist()
    [[[-1.0, 1.0]]]
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    axes = tuple(range(2, input.ndim))
    count = math.prod(input.shape[2:])
    if input.ndim < 2 or count == 1:
        raise ShapeError(
            "MG160",
            f"instance_norm measures each channel of (N, C, ...) over more than one element, got shape {input.shape}.",
        )
    centred, variance = _centred(input, axes)
    if input.shape[0] and count:
        per_batch = (centred, variance) if running_mean is None and running_var is None else (
            mg.mean(input - centred, axis=(0, *axes)), mg.mean(variance, axis=0))  # fmt: skip
        _move(running_mean, per_batch[0], momentum)
        _move(running_var, per_batch[1], momentum, count / (count - 1))
    return _per_channel(centred / mg.sqrt(variance + eps), weight, bias)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """y = (x - mean) / √(var + eps) · weight + bias, over groups of channels (axis 1) of (N, C, ...); weight, bias per channel.

    Wu and He 2018. Raises `ShapeError` unless the channels divide into `num_groups` groups.

    >>> group_norm(mg.tensor([[1.0, 3.0, 2.0, 6.0]]), 2, eps=0.0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ShapeError(
            "MG160", f"group_norm can't divide axis 1 of {input.shape} into {num_groups} groups of channels."
        )
    n, channels, *sizes = input.shape
    size = channels // num_groups * math.prod(sizes)
    y = layer_norm(mg.reshape(input, (n, num_groups, size)), (size,), eps=eps)
    return _per_channel(mg.reshape(y, input.shape), weight, bias)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / √(var + eps) · weight + bias, over the last axes, which are `normalized_shape`.

    Ba, Kiros and Hinton 2016. Raises `ShapeError` if the input ends differently.

    >>> layer_norm(mg.tensor([[1.0, 3.0]]), (2,), eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    centred, variance = _centred(input, _last_axes("layer_norm", "LayerNorm", input, normalized_shape))
    y = centred * (1.0 / mg.sqrt(variance + eps))
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """y = x / √(mean(x²) + eps) · weight, over the last axes, which are `normalized_shape`; `eps` is the dtype's if not given.

    Zhang and Sennrich 2019.

    >>> rms_norm(mg.tensor([[1.0, 7.0]]), (2,), eps=0.0).tolist() == [[1.0 / 5.0, 7.0 / 5.0]]
    False
    >>> [round(y, 4) for y in rms_norm(mg.tensor([1.0, 7.0]), (2,)).tolist()]
    [0.2, 1.4]
    """
    axes = _last_axes("rms_norm", "RMSNorm", input, normalized_shape)
    added = float(mg.finfo(input.dtype).eps) if eps is None else eps
    y = input * (1.0 / mg.sqrt(mg.mean(input * input, axis=axes, keepdims=True) + added))
    return y if weight is None else y * weight


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """y = x / (k + alpha · m)^beta, with m the mean of x² over `size` neighbouring channels (axis 1, zeros beyond its ends).

    Krizhevsky, Sutskever and Hinton 2012.

    >>> local_response_norm(mg.ones((1, 1, 1)), 1, alpha=1.0, beta=1.0).tolist()
    [[[0.5]]]
    """
    if input.ndim < 3 or size < 1:
        raise ShapeError(
            "MG160", f"local_response_norm takes (N, C, ...) and size ≥ 1, got {input.shape}, size={size}."
        )
    squares = mg.moveaxis(input * input, 1, -1)
    widths = [(0, 0)] * (input.ndim - 1) + [(size // 2, (size - 1) // 2)]
    sums = mg.sum(mg.windows(mg.pad(squares, widths), size), axis=-1)
    return input / (mg.moveaxis(sums, -1, 1) * (alpha / size) + k) ** beta


def normalize(input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖, eps), with the p-norm along `dim`.

    >>> normalize(mg.tensor([[3.0, 4.0]])).tolist() == mg.tensor([[0.6, 0.8]]).tolist()
    True
    """
    return input / mg.clip(mg.linalg.vector_norm(input, ord=p, axis=dim, keepdims=True), min=eps)


def _last_axes(name: str, layer: str, input: Tensor, normalized_shape: Sequence[int]) -> tuple[int, ...]:
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            "MG160",
            f"{name} over {shape} got an input of shape {input.shape}; it must end in {shape}. "
            f"Change to {layer}({list(input.shape[-max(len(shape), 1) :])}).",
        )
    return tuple(range(-len(shape), 0))


def _centred(input: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """x - mean over `axes`, and the biased variance."""
    centred = input - mg.mean(input, axis=axes, keepdims=True)
    return centred, mg.mean(centred * centred, axis=axes, keepdims=True)


def _per_channel(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    channels = (-1,) + (1,) * (y.ndim - 2)
    if weight is not None:
        y = y * mg.reshape(weight, channels)
    return y if bias is None else y + mg.reshape(bias, channels)


def _move(running: Tensor | None, measured: Tensor, momentum: float, correction: float = 1.0) -> None:
    """running ← (1 - momentum) · running + momentum · correction · measured, outside the graph."""
    if running is not None:
        new = mg.astype(mg.reshape(wrap(measured.raw, None), (-1,)), running.dtype)
        running.store((running * (1.0 - momentum) + new * (momentum * correction)).raw)
