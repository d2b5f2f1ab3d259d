"""ln Γ, and its derivatives of any order: the digamma function and the polygamma functions. Computed in float64, for float32 too.

The argument is reflected to the right half, raised by the recurrence to where the asymptotic series converges, and summed there
(Abramowitz & Stegun 6.3.5, 6.3.18, 6.4.6, 6.4.7, 6.4.11). The error is a few ulp of the result or of 1, whichever is larger: near
the zeros of digamma, which are not treated by themselves, only the absolute error is small.
"""

from __future__ import annotations

import math

from ..registers import Register
from .common import in_double, out_of_line, per_lane, polynomial
from .logarithms import log, whole_power
from .trigonometry import tan

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
"""B₂, B₄, …"""


def lgamma(x: Register) -> Register:
    """ln |Γ(x)|, by the C library."""
    return per_lane("lgamma", x)


def digamma(x: Register) -> Register:
    """ψ(x) = Γ'(x) / Γ(x); NaN at whole numbers below 0, ∓∞ at ±0."""
    return polygamma(x, n=0)


@out_of_line
def polygamma(x: Register, *, n: int) -> Register:
    """ψ⁽ⁿ⁾(x), the derivative number n of digamma; infinite at whole numbers up to 0, with the sign from their right."""
    return in_double(lambda x: _everywhere(x, n))(x)


def _everywhere(x: Register, n: int) -> Register:
    left = x <= 0
    y = _right(left.select(1 - x, x), n)
    rest = x - x.call("llvm.rint")
    reflected = (-y if n % 2 else y) - polynomial(1 / tan(rest * math.pi), _derivative_of_cotangent(n))
    y = left.select(reflected, y)
    pole = left & (rest.compare("eq", 0) | x.compare("eq", -math.inf))
    if n:
        return pole.select(x.like((-1) ** (n + 1) * math.inf), y)
    at_zero = x.like(math.inf).copysign(-x)
    return pole.select(x.compare("eq", 0).select(at_zero, x.like(math.nan)), y)


def _right(x: Register, n: int) -> Register:
    """ψ⁽ⁿ⁾(x) for x > 0."""
    bound, total = 10 + n, x.like(0)
    for _ in range(bound):  # ψ⁽ⁿ⁾(x) = ψ⁽ⁿ⁾(x + 1) - (-1)ⁿ n! / xⁿ⁺¹
        low = x < bound
        total = total + low.select(1 / whole_power(x, n + 1), 0)
        x = low.select(x + 1, x)
    w = 1 / (x * x)
    if not n:
        terms = [b / (2 * k) for k, b in enumerate(BERNOULLI, 1)]
        return log(x) - 0.5 / x - w * polynomial(w, terms) - total
    terms = [b * math.perm(n + 2 * k - 1, 2 * k - 1) / math.factorial(2 * k) for k, b in enumerate(BERNOULLI, 1)]
    series = w.fma(polynomial(w, terms), 0.5 / x) + 1 / n
    return (total + series * (1 / whole_power(x, n))) * ((-1) ** (n + 1) * math.factorial(n))


def _derivative_of_cotangent(n: int) -> list[float]:
    """π dⁿ/dxⁿ cot πx as a polynomial in cot πx: its coefficients."""
    p = [0.0, math.pi]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(p)][1:]
        p = [-math.pi * (a + b) for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope], strict=True)]
    return p
