"""`torch.signal.windows`: weights that fade a frame of a signal in and out. `sym`: symmetric, else one period of a longer one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import microgradient as mg

from ...errors import ArgumentError
from .. import types
from ..creation import made
from ..tensor import Tensor

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser",
    "nuttall",
]  # fmt: skip


def _window(M: int, sym: bool, weigh: Callable[[Any, int], Any], options: dict[str, Any]) -> Any:
    """weigh(k, N) for k = 0 … M - 1, where N is the number of steps from end to end."""
    if M < 0:
        raise ArgumentError("MG124", f"A window has a non-negative length, not {M}.")
    dtype, requires_grad = types.numpy_dtype(options.pop("dtype", None)), options.pop("requires_grad", False)
    k, steps = np.arange(M, dtype=np.float64), M - 1 if sym else M
    values = np.ones(M) if M == 1 else weigh(k, steps)
    out = mg.asarray(np.asarray(values).astype(dtype or mg.get_default_dtype()))
    return made(out, requires_grad, options)


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **options: Any) -> Tensor:
    """Σ (-1)ⁱ aᵢ cos(2πik / N)."""
    factors = list(a)
    if not factors:
        raise ArgumentError("MG124", "Coefficients cannot be empty.")
    return _window(
        M,
        sym,
        lambda k, n: sum((-1) ** i * c * np.cos(2 * math.pi * i * k / n) for i, c in enumerate(factors)),
        options,
    )


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """α - (1 - α) cos(2πk / N)."""
    return general_cosine(M, a=[alpha, 1 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.54 - 0.46 cos(2πk / N)."""
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """½ - ½ cos(2πk / N).

    >>> import microgradient.torch as torch
    >>> torch.signal.windows.hann(3)
    tensor([0., 1., 0.])
    """
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2πk / N) + 0.08 cos(4πk / N)."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """A sum of four cosines with small side lobes (Nuttall 1981)."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """1 - |2k / N - 1|."""
    return _window(M, sym, lambda k, n: 1 - np.abs(2 * k / n - 1), options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """sin(π (k + ½) / (N + 1))."""
    return _window(M, sym, lambda k, n: np.sin(math.pi * (k + 0.5) / (n + 1)), options)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-((k - N/2) / std)² / 2)."""
    if std <= 0:
        raise ArgumentError("MG124", f"Standard deviation must be positive, got: {std} instead.")
    return _window(M, sym, lambda k, n: np.exp(-0.5 * ((k - n / 2) / std) ** 2), options)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-|k - center| / τ)."""
    if tau <= 0:
        raise ArgumentError("MG124", f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ArgumentError("MG124", "Center must be None for symmetric windows.")
    return _window(M, sym, lambda k, n: np.exp(-np.abs(k - (n / 2 if center is None else center)) / tau), options)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """I₀(β √(1 - (2k/N - 1)²)) / I₀(β)."""
    if beta < 0:
        raise ArgumentError("MG124", f"beta must be non-negative, got: {beta} instead.")
    return _window(
        M, sym, lambda k, n: np.i0(beta * np.sqrt(np.clip(1 - (2 * k / n - 1) ** 2, 0, None))) / np.i0(beta), options
    )
