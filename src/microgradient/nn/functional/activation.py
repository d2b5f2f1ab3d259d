"""Activation functions. Each acts on every element alone, except the softmax family, which acts along one axis.

`inplace` is accepted, for programs written for PyTorch, and ignored: tensors do not change.
"""

from __future__ import annotations

import math

import microgradient as mg

from ...errors import ArgumentError
from ...operators import wrap
from ...tensor import Tensor


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), with derivative 0 at 0.

    >>> relu(mg.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return mg.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else `negative_slope` · x.

    >>> leaky_relu(mg.tensor([-2.0, 2.0]), 0.5).tolist()
    [-1.0, 2.0]
    """
    return mg.where(input > 0, input, input * negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight · x, with one trained weight for all, or one for each channel (axis 1).

    >>> prelu(mg.tensor([-2.0, 2.0]), mg.tensor([0.25])).tolist()
    [-0.5, 2.0]
    """
    weight = mg.reshape(weight, () if weight.size == 1 else (weight.size,) + (1,) * (input.ndim - 2))
    return mg.where(input > 0, input, input * weight)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha · (exp(x) - 1). Clevert, Unterthiner and Hochreiter 2016.

    >>> elu(mg.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return mg.where(input > 0, input, mg.expm1(mg.clip(input, max=0.0)) * alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x · Φ(x), where Φ is the normal distribution function; `approximate="tanh"` replaces Φ by a tanh.

    Hendrycks and Gimpel 2016.

    >>> gelu(mg.tensor([0.0])).item()
    0.0
    """
    if approximate == "none":
        return input * (mg.erf(input * math.sqrt(0.5)) + 1.0) * 0.5
    if approximate == "tanh":
        inner = input * (input * input * 0.044715 + 1.0) * math.sqrt(2.0 / math.pi)
        return input * (mg.tanh(inner) + 1.0) * 0.5
    raise ArgumentError("MG157", f"gelu knows approximate='none' and 'tanh', not {approximate!r}.")


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · sigmoid(x), also called swish.

    >>> silu(mg.tensor([0.0])).item()
    0.0
    """
    return input * mg.sigmoid(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · tanh(softplus(x)). Misra 2019.

    >>> mish(mg.tensor([0.0])).item()
    0.0
    """
    return input * mg.tanh(mg.softplus(input))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)).

    >>> sigmoid(mg.tensor([0.0])).item()
    0.5
    """
    return mg.sigmoid(input)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), exact far below zero too.

    >>> logsigmoid(mg.tensor([-1000.0])).item()
    -1000.0
    """
    return -mg.softplus(-input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent.

    >>> tanh(mg.tensor([0.0])).item()
    0.0
    """
    return mg.tanh(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta · x)) / beta, and x itself where beta · x > threshold.

    >>> softplus(mg.tensor([100.0])).item()
    100.0
    """
    scaled = input if beta == 1 else input * beta
    smooth = mg.softplus(scaled)
    return mg.where(scaled > threshold, input, smooth if beta == 1 else smooth / beta)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + abs(x)).

    >>> softsign(mg.tensor([1.0])).item()
    0.5
    """
    return input / (mg.abs(input) + 1.0)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x between `min_val` and `max_val`, else the nearer of the two; derivative 0 on the bounds, as in PyTorch.

    >>> hardtanh(mg.tensor([-3.0, 0.5])).tolist()
    [-1.0, 0.5]
    """
    if min_val > max_val:
        raise ArgumentError("MG157", f"hardtanh's min_val {min_val} is above its max_val {max_val}.")
    flat = mg.clip(wrap(input.raw, None), min=min_val, max=max_val)
    return mg.where((input > min_val) & (input < max_val), input, flat)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6).

    >>> relu6(mg.tensor([-1.0, 8.0])).tolist()
    [0.0, 6.0]
    """
    return hardtanh(input, 0.0, 6.0)


def softmax(input: Tensor, dim: int | None = None) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`: positive numbers that sum to 1. Without `dim`, the last axis of one or two.

    >>> softmax(mg.tensor([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return mg.softmax(input, axis=_axis(input, dim))


def log_softmax(input: Tensor, dim: int | None = None) -> Tensor:
    """log(softmax(x)) along `dim`, computed as x - logsumexp(x), which does not overflow.

    >>> log_softmax(mg.tensor([1000.0, 0.0])).tolist()
    [0.0, -1000.0]
    """
    return mg.log_softmax(input, axis=_axis(input, dim))


def _axis(input: Tensor, dim: int | None) -> int:
    if dim is None and input.ndim > 2:
        raise ArgumentError(
            "MG157",
            f"Which of the {input.ndim} axes of {input.shape} should sum to 1? Write dim=-1 for the last, dim=1 for "
            "channels.",
        )
    return -1 if dim is None else dim
