"""Orthogonal polynomials by their three-term recurrences (DLMF 18.9), so with derivatives of any order, and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError
from ..functions.arguments import ArrayLike, as_tensor, inexact
from ..tensor import Tensor


def eval_chebyt(n: int, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial Tₙ(x) of the first kind, for each element: cos(n arccos x).

    >>> import microgradient as mg
    >>> mg.special.eval_chebyt(3, 0.5)
    tensor(-1.)
    """
    return _recurrence(n, x, lambda x: x, lambda k, x, p, q: 2 * x * p - q)


def eval_chebyu(n: int, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial Uₙ(x) of the second kind, for each element.

    >>> import microgradient as mg
    >>> mg.special.eval_chebyu(2, 0.5)
    tensor(0.)
    """
    return _recurrence(n, x, lambda x: 2 * x, lambda k, x, p, q: 2 * x * p - q)


def eval_chebyv(n: int, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial Vₙ(x) of the third kind, for each element.

    >>> import microgradient as mg
    >>> mg.special.eval_chebyv(1, 0.5)
    tensor(0.)
    """
    return _recurrence(n, x, lambda x: 2 * x - 1, lambda k, x, p, q: 2 * x * p - q)


def eval_chebyw(n: int, x: ArrayLike, /) -> Tensor:
    """The Chebyshev polynomial Wₙ(x) of the fourth kind, for each element.

    >>> import microgradient as mg
    >>> mg.special.eval_chebyw(1, 0.5)
    tensor(2.)
    """
    return _recurrence(n, x, lambda x: 2 * x + 1, lambda k, x, p, q: 2 * x * p - q)


def eval_hermite(n: int, x: ArrayLike, /) -> Tensor:
    """The physicists' Hermite polynomial Hₙ(x), for each element: orthogonal with the weight exp(-x²).

    >>> import microgradient as mg
    >>> mg.special.eval_hermite(2, 1.0)
    tensor(2.)
    """
    return _recurrence(n, x, lambda x: 2 * x, lambda k, x, p, q: 2 * (x * p - (k - 1) * q))


def eval_hermitenorm(n: int, x: ArrayLike, /) -> Tensor:
    """The probabilists' Hermite polynomial Heₙ(x), for each element: orthogonal with the weight exp(-x²/2).

    >>> import microgradient as mg
    >>> mg.special.eval_hermitenorm(2, 1.0)
    tensor(0.)
    """
    return _recurrence(n, x, lambda x: x, lambda k, x, p, q: x * p - (k - 1) * q)


def eval_laguerre(n: int, x: ArrayLike, /) -> Tensor:
    """The Laguerre polynomial Lₙ(x), for each element: orthogonal on the positive numbers with the weight exp(-x).

    >>> import microgradient as mg
    >>> mg.special.eval_laguerre(1, 1.0)
    tensor(0.)
    """
    return _recurrence(n, x, lambda x: 1 - x, lambda k, x, p, q: ((2 * k - 1 - x) * p - (k - 1) * q) / k)


def eval_legendre(n: int, x: ArrayLike, /) -> Tensor:
    """The Legendre polynomial Pₙ(x), for each element: orthogonal on [-1, 1].

    >>> import microgradient as mg
    >>> mg.special.eval_legendre(2, 1.0)
    tensor(1.)
    """
    return _recurrence(n, x, lambda x: x, lambda k, x, p, q: ((2 * k - 1) * x * p - (k - 1) * q) / k)


def _recurrence(n: int, x: ArrayLike, first: Callable[[Any], Any], step: Callable[[int, Any, Any, Any], Any]) -> Tensor:
    """p_n from p_0 = 1, p_1 = first(x) and p_k = step(k, x, p_{k-1}, p_{k-2})."""
    if n < 0:
        raise ArgumentError("MG124", f"The degree of a polynomial is at least 0, not {n}.")
    x = inexact(as_tensor(x))
    before, now = x * 0 + 1, first(x)
    for k in range(2, n + 1):
        before, now = now, step(k, x, now, before)
    return now if n else before
