"""Gamma, Poisson and binomial numbers, one after the other as PyTorch draws them, so that a seed gives the same.

`u` draws a uniform number of [0, 1), `z` a standard normal one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Draw = Callable[[], float]


class Samplers:
    """Arrays of such numbers, with NumPy's names; what isn't here is NumPy's, `others()`."""

    def __init__(self, u: Draw, z: Draw, others: Callable[[], Any]) -> None:
        self._u, self._z, self._others = u, z, others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others(), name)

    def log_gamma(self, a: Any) -> Any:
        """Logarithms of numbers of Gamma(a, 1)."""
        return _each(lambda a: log_gamma(a, self._u, self._z), a)

    def standard_gamma(self, a: Any) -> Any:
        """Numbers of Gamma(a, 1)."""
        return np.exp(self.log_gamma(a))

    def poisson(self, rate: Any) -> Any:
        """Numbers of the Poisson distribution."""
        return _each(lambda rate: poisson(rate, self._u), rate)

    def binomial(self, n: Any, p: Any) -> Any:
        """Numbers of successes in n trials of probability p."""
        return _each(lambda n, p: binomial(n, p, self._u), *np.broadcast_arrays(n, p))


def _each(draw: Callable[..., float], *arrays: Any) -> Any:
    numbers = [draw(*row) for row in zip(*(np.ravel(a).tolist() for a in arrays), strict=True)]
    return np.array(numbers, np.float64).reshape(np.shape(arrays[0]))


def log_gamma(a: float, u: Draw, z: Draw) -> float:
    """The logarithm of a number of Gamma(a, 1) (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000)."""
    if a <= 0:
        return -math.inf
    boost = 0.0
    if a < 1:
        boost, a = math.log(1 - u()) / a, a + 1
    d = a - 1 / 3
    c = 1 / math.sqrt(9 * d)
    while True:
        x = z()
        while 1 + c * x <= 0:
            x = z()
        v = (1 + c * x) ** 3
        kept = 1 - u()
        if kept < 1 - 0.0331 * x**4 or math.log(kept) < 0.5 * x * x + d * (1 - v + math.log(v)):
            return boost + math.log(d * v)


def poisson(rate: float, u: Draw) -> int:
    """Below 10 by products of uniform numbers, else by rejection (Hörmann, "The transformed rejection method", 1993)."""
    if rate == 0:
        return 0
    if rate < 10:
        count, product, least = 0, u(), math.exp(-rate)
        while product > least:
            count, product = count + 1, product * u()
        return count
    root = math.sqrt(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    certain = 0.9277 - 3.6224 / (b - 2)
    while True:
        x, y = u() - 0.5, u()
        edge = 0.5 - abs(x)
        k = math.floor((2 * a / edge + b) * x + rate + 0.43) if edge else -1
        if edge >= 0.07 and y <= certain:
            return k
        if k < 0 or (edge < 0.013 and y > edge):
            continue
        density = -rate + k * math.log(rate) - math.lgamma(k + 1)
        if y and math.log(y) + math.log(inverse) - math.log(a / (edge * edge) + b) <= density:
            return k


def binomial(n: float, p: float, u: Draw) -> float:
    """By waiting times where n p is below 10, else by rejection (Hörmann, "The generation of binomial random variates", 1993)."""
    if math.isnan(p):
        return p
    if n <= 0 or p <= 0:
        return 0
    if p >= 1 or not math.isfinite(n):
        return n
    if p > 0.5:
        return n - binomial(n, 1 - p, u)
    return _by_rejection(n, p, u) if n * p >= 10 else _by_waiting(n, p, u)


def _by_waiting(n: float, p: float, u: Draw) -> int:
    passed, count, slope = 0.0, 0, math.log1p(-p)
    while True:
        x = u()
        passed += math.ceil(math.log(x) / slope) if x else math.inf
        if passed > n:
            return count
        count += 1


def _by_rejection(n: float, p: float, u: Draw) -> int:
    deviation = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    certain, odds, alpha = 0.92 - 4.2 / b, p / (1 - p), (2.83 + 5.1 / b) * deviation
    mode = math.floor((n + 1) * p)
    while True:
        x, y = u() - 0.5, u()
        edge = 0.5 - abs(x)
        k = math.floor((2 * a / edge + b) * x + n * p + 0.5) if edge else -1
        if not 0 <= k <= n:
            continue
        if edge >= 0.07 and y <= certain:
            return k
        bound = (mode + 0.5) * math.log((mode + 1) / (odds * (n - mode + 1)))
        bound += (n + 1) * math.log((n - mode + 1) / (n - k + 1)) + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
        bound += _tail(mode) + _tail(n - mode) - _tail(k) - _tail(n - k)
        if y and math.log(y * alpha / (a / (edge * edge) + b)) <= bound:
            return k


def _tail(k: float) -> float:
    """log k! without Stirling's formula of it."""
    return math.lgamma(k + 1) - (0.5 * math.log(2 * math.pi) + (k + 0.5) * math.log(k + 1) - (k + 1))
