"""Exponentials and what is made of them: hyperbolic functions, the logistic function.

x = r + n ln 2 with a whole n and |r| ≤ ½ ln 2, where n ln 2 is subtracted in two parts, the first exactly (Cody & Waite, Software
Manual for the Elementary Functions, 1980, chapter 6). e^r - 1 = r + r² p(r), and e^x = 2^n e^r is put together from bits. The
error of p costs e^r, which is at least √½, 0.2 ulp at most; the last sum and the scaling round once each.
"""

from __future__ import annotations

import math

from ..registers import Register
from .common import BIAS, at_least, at_most, in_double, nearest, polynomial, scaled, two_to
from .tables import EXP, EXP2, LN2, SINH, TANH


def exp_parts(x: Register, low: Register | None = None) -> tuple[Register, Register]:
    """r and the integer n with x + low = r + n ln 2, |r| <= ½ ln 2."""
    n, whole = nearest(x, 1 / math.log(2))
    high, rest = LN2[x.dtype]
    r = n.fma(-rest, n.fma(-high, x))
    return (r if low is None else r + low), whole


def exp_less_one(r: Register) -> Register:
    """e^r - 1 for |r| <= ½ ln 2."""
    return (r * r).fma(polynomial(r, EXP[r.dtype]), r)


_EXP_ENDS = {"f4": (-104.0, 89.0), "f8": (-746.0, 710.0)}
_EXP2_ENDS = {"f4": (-151.0, 129.0), "f8": (-1076.0, 1025.0)}

# ------------------------------------------------------------------------------------------------------------ exponentials


def exp(x: Register) -> Register:
    """e^x."""
    low, high = _EXP_ENDS[x.dtype]
    r, n = exp_parts(at_most(at_least(x, low), high))
    return scaled(exp_less_one(r) + 1, n)


def exp_within(x: Register) -> Register:
    """e^x for |x| < 80 (NaN stays): cheaper."""
    r, n = exp_parts(x)
    return (exp_less_one(r) + 1) * two_to(n)


def exp2(x: Register) -> Register:
    """2^x = 2^n 2^r, r = x - n exactly, and 2^r = 1 + r p(r) is at least √½: an error of p costs 0.1 ulp."""
    low, high = _EXP2_ENDS[x.dtype]
    x = at_most(at_least(x, low), high)
    n, whole = nearest(x)
    r = x - n
    return scaled(r.fma(polynomial(r, EXP2[x.dtype]), 1), whole)


def expm1(x: Register) -> Register:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1), where only n = ±1 cancels: to a quarter at most, of a term that is known to more."""
    low, high = (-18.0, 89.0) if x.dtype == "f4" else (-38.0, 710.0)
    r, n = exp_parts(at_most(at_least(x, low), high))
    top = n > BIAS[x.dtype]  # 2^n is not a number
    power = two_to(n + top.select(n.like(-1), 0))
    y = power.fma(exp_less_one(r), power - 1)
    return top.select(y + y, y).copysign(x)


@in_double
def sinh(x: Register) -> Register:
    """½ (e^x - e^-x), which for |x| ≥ 1 cancels by 14 % at most; below x + x³ p(x²), for 1 ulp."""
    a, z = x.abs(), x * x
    half = _half_exp(a)
    return (a < 1).select((a * z).fma(polynomial(z, SINH), a), half - 0.25 / half).copysign(x)


@in_double
def cosh(x: Register) -> Register:
    """½ (e^x + e^-x): nothing cancels."""
    half = _half_exp(x.abs())
    return half + 0.25 / half


def _half_exp(a: Register) -> Register:
    """½ e^a for a >= 0."""
    r, n = exp_parts(at_most(a, 712.0))
    return scaled(exp_less_one(r) + 1, n - 1)


def tanh(x: Register) -> Register:
    """1 - 2 / (e^2x + 1); near 0, where that cancels, x + x³ p(x²).

    In float64 the quotient q is corrected by a step of Newton's with what was lost in e^2x + 1 (a product and its fma are exact).
    From there on q is less than the result, so errors do not grow.
    """
    a, z = x.abs(), x * x
    small = (a * z).fma(polynomial(z, TANH[x.dtype]), a)
    e = exp_within(at_most(a, 20.0) * 2)
    if x.dtype == "f4":
        return (a < 0.7).select(small, 1 - 2 / (e + 1)).copysign(x)
    d = e + 1
    low = 1 - (d - e)  # what d lacks of e + 1
    q = 2 / d
    q = q + q * 0.5 * (-q).fma(low, (-q).fma(d, 2))
    return (a < 0.55).select(small, 1 - q).copysign(x)


def sigmoid(x: Register) -> Register:
    """1 / (1 + e^-x), for negative x e^x / (1 + e^x), so that e^-|x| is at most 1; the remainder of the division corrects it."""
    e = exp(-x.abs())
    d = e + 1
    inverse = 1 / d
    above = (x < 0).select(e, 1.0)
    y = above * inverse
    lost = (-y).fma(e - (d - 1), (-y).fma(d, above))  # above - y · (1 + e)
    return lost.fma(inverse, y)
