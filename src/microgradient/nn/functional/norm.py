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
        variance = mg.mean(centred * centred, axis=axes, keepdims=True)
    if training and count:
        _move(running_mean, mean, momentum)
        _move(running_var, variance, momentum, count / (count - 1))
    scale = 1.0 / mg.sqrt(variance + eps)
    if weight is not None:
        scale = scale * mg.reshape(weight, channels)
    y = centred * scale
    return y if bias is None else y + mg.reshape(bias, channels)


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
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            "MG160",
            f"layer_norm over {shape} got an input of shape {input.shape}; it must end in {shape}. "
            f"Change to LayerNorm({list(input.shape[-max(len(shape), 1) :])}).",
        )
    axes = tuple(range(-len(shape), 0))
    centred = input - mg.mean(input, axis=axes, keepdims=True)
    variance = mg.mean(centred * centred, axis=axes, keepdims=True)
    y = centred * (1.0 / mg.sqrt(variance + eps))
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


def _move(running: Tensor | None, measured: Tensor, momentum: float, correction: float = 1.0) -> None:
    """running ← (1 - momentum) · running + momentum · correction · measured, outside the graph."""
    if running is not None:
        new = mg.astype(mg.reshape(wrap(measured.raw, None), (-1,)), running.dtype)
        running.raw = (running * (1.0 - momentum) + new * (momentum * correction)).raw
