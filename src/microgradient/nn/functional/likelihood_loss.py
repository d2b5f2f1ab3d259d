"""Negative log-likelihoods of distributions with a density: Gaussian and Poisson; and of a linear layer's scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError
from ...tensor import Tensor
from .arguments import takes_former_reduction
from .linear import linear
from .loss import cross_entropy, reduce


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log max(v, eps) + (x - y)² / max(v, eps)) / 2, and with `full` + log(2π) / 2. Nix and Weigend 1994.

    `var` v: a number, shaped as `input`, or without its last axis, or with 1 for one of its axes. The derivative in v ignores
    the maximum.

    >>> gaussian_nll_loss(mg.tensor([1.0]), mg.tensor([3.0]), mg.tensor([1.0])).item()
    2.0
    """
    data = var.raw
    if isinstance(data, np.ndarray) and (data < 0).any():
        raise ArgumentError("MG162", f"gaussian_nll_loss: a variance can't be negative, got {data.min():.4g}.")
    if var.shape and var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = mg.expand_dims(var, axis=-1)
        elif len(var.shape) != input.ndim or sum(1 for a, b in zip(var.shape, input.shape, strict=True) if a != b) != 1:
            raise ShapeError(
                "MG163", f"gaussian_nll_loss: a variance of shape {var.shape} for predictions {input.shape}."
            )
    constant = mg.stop_gradient(var)
    var = var + (mg.clip(constant, min=eps) - constant)
    difference = input - target
    loss = (mg.log(var) + difference * difference / var) * 0.5
    return reduce(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


@takes_former_reduction
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """exp(x) - y · x for the logarithm x of a rate; without `log_input`, x - y · log(x + eps) for the rate itself.

    `full` adds Stirling's y log y - y + log(2πy) / 2 where y > 1.

    >>> poisson_nll_loss(mg.tensor([0.0]), mg.tensor([2.0])).item()
    1.0
    """
    loss = mg.exp(input) - target * input if log_input else input - target * mg.log(input + eps)
    if full:
        large = target > 1
        y = mg.where(large, target, 1.0)
        loss = loss + mg.where(large, y * mg.log(y) - y + mg.log(y * (2 * math.pi)) * 0.5, 0.0)
    return reduce(loss, reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """`cross_entropy` of the scores x Wᵀ + b: `input` (N, in) or (in,), `linear_weight` (C, *out, in), `linear_bias` (C, *out).

    `options`, PyTorch's way to compute it in chunks, is accepted and ignored.

    >>> round(linear_cross_entropy(mg.tensor([1.0]), mg.zeros((2, 1)), mg.tensor(0)).item(), 4)
    0.6931
    """
    *scores, width = linear_weight.shape
    bias = None if linear_bias is None else mg.reshape(linear_bias, (math.prod(scores),))
    y = linear(input, mg.reshape(linear_weight, (math.prod(scores), width)), bias)
    y = mg.reshape(y, (*input.shape[:-1], *scores))
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(y, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing)
