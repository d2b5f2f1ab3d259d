"""Gamma and beta functions, complete and incomplete, and zeta."""

from __future__ import annotations

import math

from ..errors import ArgumentError
from ..functions.arguments import ArrayLike, as_tensor, inexact
from ..tensor import Tensor
from .arguments import elementwise


def gamma(x: ArrayLike, /) -> Tensor:
    """Γ(x) = ∫ t^(x-1) e^(-t) dt over the positive numbers, for each element: (x - 1)! for whole x.

    >>> import microgradient as mg
    >>> mg.special.gamma(5.0)
    tensor(24.)
    """
    return elementwise("gamma", x)


def gammainc(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The regularised lower incomplete gamma function P(x1, x2) = ∫ t^(x1-1) e^(-t) dt / Γ(x1) from 0 to x2, for each element.

    It has derivatives of any order in both arguments; those in x1 by a series (DLMF 8.11.4).

    >>> import microgradient as mg
    >>> mg.special.gammainc(1.0, 2.0)
    tensor(0.86466473)
    """
    return elementwise("gammainc", x1, x2, n=0)


def gammaincc(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The regularised upper incomplete gamma function Q = 1 - P, for each element. See `gammainc`.

    >>> import microgradient as mg
    >>> mg.special.gammaincc(1.0, 2.0)
    tensor(0.13533528)
    """
    return elementwise("gammaincc", x1, x2)


def multigammaln(x: ArrayLike, p: int, /) -> Tensor:
    """The logarithm of the multivariate gamma function: p(p-1)/4 log π + Σ log Γ(x - i/2) for i < p, for each element.

    >>> import microgradient as mg
    >>> mg.special.multigammaln(2.0, 1)
    tensor(0.)
    """
    if p < 1:
        raise ArgumentError("MG124", f"The dimension of multigammaln is at least 1, not {p}.")
    x = inexact(as_tensor(x))
    total = elementwise("lgamma", x)
    for i in range(1, p):
        total = total + elementwise("lgamma", x - i / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


def beta(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """B(x1, x2) = Γ(x1) Γ(x2) / Γ(x1 + x2), for each element.

    >>> import microgradient as mg
    >>> mg.special.beta(2.0, 2.0)
    tensor(0.16666667)
    """
    return elementwise("beta", x1, x2)


def betaln(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """log |B(x1, x2)|, for each element.

    >>> import microgradient as mg
    >>> mg.special.betaln(1.0, 1.0)
    tensor(0.)
    """
    return elementwise("betaln", x1, x2)


def betainc(x1: ArrayLike, x2: ArrayLike, x3: ArrayLike, /) -> Tensor:
    """The regularised incomplete beta function ∫ t^(x1-1) (1-t)^(x2-1) dt / B(x1, x2) from 0 to x3, for each element.

    It has derivatives of any order in all arguments; those in x1 and x2 by numerical integration.

    >>> import microgradient as mg
    >>> mg.special.betainc(2.0, 2.0, 0.5)
    tensor(0.5)
    """
    return elementwise("betainc", x1, x2, x3)


def zeta(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Hurwitz' zeta function Σ (k + x2)^(-x1) over k ≥ 0, for each element, with derivatives of any order in both.

    >>> import microgradient as mg
    >>> mg.special.zeta(2.0, 1.0)
    tensor(1.644934)
    """
    return elementwise("zeta", x1, x2, n=0)
