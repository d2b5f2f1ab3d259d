"""Activation functions. Each acts on every element alone, except the softmax family, which acts along one axis.

`inplace` is accepted, for programs written for PyTorch, and ignored: tensors do not change.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import microgradient as mg

from ... import random
from ...errors import ArgumentError, ArgumentTypeError, ShapeError
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
    weight = mg.reshape(weight, () if weight.raw.size == 1 else (weight.raw.size,) + (1,) * (input.ndim - 2))
    return mg.where(input > 0, input, input * weight)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha · (exp(x) - 1). Clevert, Unterthiner and Hochreiter 2016.

    >>> elu(mg.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return mg.where(input > 0, input, mg.expm1(mg.clip(input, max=0.0)) * alpha)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha · (exp(x / alpha) - 1). Barron 2017.

    >>> celu(mg.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    if not alpha:
        raise ArgumentError("MG157", "celu divides by alpha, which must not be 0.")
    return mg.where(input > 0, input, mg.expm1(mg.clip(input, max=0.0) / alpha) * alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 · elu(x, 1.6733): keeps mean 0 and variance 1 from layer to layer. Klambauer et al. 2017.

    >>> round(selu(mg.tensor([1.0])).item(), 4)
    1.0507
    """
    return elu(input, _SELU_ALPHA) * _SELU_SCALE


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a · sigmoid(b), where a and b are the two halves of x along `dim`. Dauphin et al. 2017.

    >>> glu(mg.tensor([4.0, 0.0])).tolist()
    [2.0]
    """
    if not -input.ndim <= dim < input.ndim or input.shape[dim] % 2:
        raise ShapeError("MG160", f"glu halves an axis: axis {dim} of {input.shape} must have an even length.")
    a, b = mg.split(input, sections=2, axis=dim)
    return a * mg.sigmoid(b)


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


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x/6 + 1/2 between 0 and 1: min(max(x + 3, 0), 6) / 6.

    >>> hardsigmoid(mg.tensor([-3.0, 0.0, 5.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return relu6(input + 3.0) / 6.0


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · hardsigmoid(x). Howard et al. 2019.

    >>> hardswish(mg.tensor([0.0, 5.0])).tolist()
    [0.0, 5.0]
    """
    return input * hardsigmoid(input)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where abs(x) > lambd, else 0.

    >>> hardshrink(mg.tensor([-0.4, 0.6])).tolist() == [0.0, mg.tensor(0.6).item()]
    True
    """
    return mg.where(mg.abs(input) <= lambd, 0.0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x - lambd where x > lambd, x + lambd where x < -lambd, else 0.

    >>> softshrink(mg.tensor([-2.0, 0.4, 1.0])).tolist()
    [-1.5, 0.0, 0.5]
    """
    if lambd < 0:
        raise ArgumentError("MG157", f"softshrink needs lambd ≥ 0, got {lambd}.")
    return input - mg.clip(input, min=-lambd, max=lambd)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x).

    >>> tanhshrink(mg.tensor([0.0])).item()
    0.0
    """
    return input - mg.tanh(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else `value`.

    >>> threshold(mg.tensor([0.5, 2.0]), 1.0, 7.0).tolist()
    [7.0, 2.0]
    """
    return mg.where(input > threshold, input, value)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where x > 0, else a · x: in training with a drawn evenly from [lower, upper) for each element, else their mean.

    Xu et al. 2015.

    >>> rrelu(mg.tensor([-4.0, 2.0]), 0.25, 0.75).tolist()
    [-2.0, 2.0]
    """
    if not lower <= upper:
        raise ArgumentError("MG157", f"rrelu draws from [lower, upper), got lower={lower}, upper={upper}.")
    slope: Any = (lower + upper) / 2
    if training and lower < upper:
        slope = random.uniform(input.shape, lower, upper, input.dtype)
    return mg.where(input > 0, input, input * slope)


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x) along `dim`: positive numbers that sum to 1. Without `dim`, the last axis of one or two.

    `dtype`: what `input` is converted to before.

    >>> softmax(mg.tensor([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return mg.softmax(_as(input, dtype), axis=_axis(input, dim))


def softmin(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """softmax(-x) along `dim`.

    >>> softmin(mg.tensor([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return softmax(-input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """log(softmax(x)) along `dim`, computed as x - logsumexp(x), which does not overflow.

    >>> log_softmax(mg.tensor([1000.0, 0.0])).tolist()
    [0.0, -1000.0]
    """
    return mg.log_softmax(_as(input, dtype), axis=_axis(input, dim))


def gumbel_softmax(logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """softmax((x + g) / tau) along `dim`, with g = -log(-log(u)) drawn anew: a sample of a category that has a derivative.

    With `hard` the sample is one-hot, and its derivative that of the soft one. `eps` is not used, as in PyTorch.
    Jang, Gu and Poole 2017; Maddison, Mnih and Teh 2017.

    >>> mg.sum(gumbel_softmax(mg.zeros((2, 3)), hard=True), axis=-1).tolist()
    [1.0, 1.0]
    """
    tiny = float(mg.finfo(logits.dtype).smallest_normal)
    uniform = mg.clip(random.uniform(logits.shape, 0.0, 1.0, logits.dtype), min=tiny)
    return relaxed_sample(logits, -mg.log(-mg.log(uniform)), tau, hard, dim)


def relaxed_sample(logits: Tensor, noise: Tensor, tau: float, hard: bool, dim: int) -> Tensor:
    """`gumbel_softmax` with the noise given."""
    y = mg.softmax((logits + noise) / tau, axis=dim)
    if not hard:
        return y
    chosen = mg.expand_dims(mg.argmax(y, axis=dim), axis=dim)
    shape = [1] * logits.ndim
    shape[dim] = logits.shape[dim]
    one = mg.astype(chosen == mg.reshape(mg.arange(logits.shape[dim]), tuple(shape)), y.dtype)
    soft = mg.stop_gradient(y)
    return one + (y - soft)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # the fixed point of mean 0 and variance 1


def _as(input: Tensor, dtype: Any) -> Tensor:
    if dtype is None:
        return input
    try:
        return mg.astype(input, np.dtype(dtype))
    except (TypeError, DeprecationWarning):
        raise ArgumentTypeError("MG125", f"{dtype!r} is no dtype. Write `dtype=mg.float64`.") from None


def _axis(input: Tensor, dim: int | None) -> int:
    if dim is None and input.ndim > 2:
        raise ArgumentError(
            "MG157",
            f"Which of the {input.ndim} axes of {input.shape} should sum to 1? Write dim=-1 for the last, dim=1 for "
            "channels.",
        )
    return -1 if dim is None else dim
