"""Logarithms and what is made of them: powers and inverse hyperbolic functions.

x = 2^e m with √½ ≤ m < √2, by bits, and ln x = e ln 2 + ln m, the first product exact (Cody & Waite, chapter 5). With the exact
f = m - 1, ln m is f - f²/2 + f³ p(f) in float32; in float64 f - (f²/2 - s (f²/2 + s² p(s²))) with s = f / (2 + f), because
ln m = 2 atanh s = 2s + ⅔s³ + … and 2s = f - s f, as in Sun's fdlibm (e_log.c, 1993). What is added to f is less than a quarter
of it, so roundings there cost little. If e is not 0, |ln x| ≥ ½ ln 2; the errors of p, 2^-27 and 2^-59, count a tenth of an ulp.
"""

from __future__ import annotations

import math
from typing import cast

from ..registers import Register, literal
from .common import FRACTION, SMALLEST, in_double, out_of_line, per_lane, polynomial, two_to
from .exponential import exp, exp2
from .tables import LN2, LOG10_2, LOG_F4, LOG_F8, PER_LN2, PER_LN10

# ------------------------------------------------------------------------------------------------------------- reduction


def _parts(x: Register) -> tuple[Register, Register, Register]:
    """m, the real e and the integer e with x = 2^e m, √½ <= m < √2, for positive numbers."""
    tiny = x < SMALLEST[x.dtype]
    bits = tiny.select(x * 2.0 ** FRACTION[x.dtype], x).bits()
    e = (bits - x.like(math.sqrt(0.5)).bits()) >> FRACTION[x.dtype]
    m = (bits - (e << FRACTION[x.dtype])).reinterpret(x.dtype)
    return m, _real(e) - tiny.select(x.like(FRACTION[x.dtype]), 0.0), e


def _real(n: Register) -> Register:
    """A small integer as a real of the same width. Few processors convert vectors of int64, so that goes by the bits."""
    if n.dtype == "i4":
        return n.to("f4")
    magic = Register(n.f, literal(1.5 * 2.0**52, "f8", n.lanes))
    return (n + magic.bits()).reinterpret("f8") - magic


def _series(f: Register) -> tuple[Register, Register]:
    """ln(1 + f) = a + b for √½ <= 1 + f <= √2; |b| is less than a quarter of |a|."""
    if f.dtype == "f4":
        return f, f * f * f.fma(polynomial(f, LOG_F4), -0.5)
    s = f / (f + 2)
    z = s * s
    half = f * f * 0.5
    return f, s * z.fma(polynomial(z, LOG_F8), half) - half


def _at_ends(y: Register, x: Register, zero: float) -> Register:
    """The logarithm y where x > zero; -∞ at `zero`, NaN below, ∞ at ∞."""
    below = x.compare("eq", zero).select(x.like(-math.inf), x.like(math.nan))
    return (x > zero).select((x < math.inf).select(y, x), below)


# -------------------------------------------------------------------------------------------------------------- logarithms


def log(x: Register) -> Register:
    """ln x."""
    m, e, _ = _parts(x)
    high, low = LN2[x.dtype]
    a, b = _series(m - 1)
    return _at_ends(e.fma(high, a + e.fma(low, b)), x, 0.0)


@in_double
def log2(x: Register) -> Register:
    """log₂ x = e + log₂ m, of which the second has about 70 bits, since near x = 2^±1 much cancels."""
    m, e, _ = _parts(x)
    v, low = _pair_times(*_series(m - 1), PER_LN2)
    y = e + v
    return _at_ends(y + ((e - y) + v + low), x, 0.0)


@in_double
def log10(x: Register) -> Register:
    """log₁₀ x = e lg 2 + lg m, the product exact with the first part of lg 2; else as log₂."""
    m, e, _ = _parts(x)
    v, low = _pair_times(*_series(m - 1), PER_LN10)
    whole = e * LOG10_2[0]
    y = whole + v
    return _at_ends(y + ((whole - y) + v + e.fma(LOG10_2[1], low)), x, 0.0)


def _pair_times(a: Register, b: Register, factor: tuple[float, float]) -> tuple[Register, Register]:
    """(a + b) · a constant in two parts, as two parts. |b| is less than |a|."""
    high = a + b
    low = b - (high - a)
    y = high * factor[0]
    return y, low.fma(factor[0], high.fma(factor[1], high.fma(factor[0], -y)))


def log1p(x: Register) -> Register:
    """ln(1 + x): see log_of_sum."""
    return _at_ends(log_of_sum(x), x, -1.0).copysign(x)


def log_of_sum(x: Register, low: Register | None = None) -> Register:
    """ln(1 + x + low) for -1 < x < ∞ (0 may come out for -0); `low` is what rounding has taken from x.

    With u = 1 + x rounded, what rounding took is known exactly (Dekker 1971), and ln(u + lost) = ln u + lost / u, to first order.
    """
    u = x + 1
    less = x < 1
    lost = less.select(x, 1.0) - (u - less.select(x.like(1.0), x))  # 1 + x = u + lost
    if low is not None:
        lost = lost + low
    m, e, whole = _parts(u)
    lost = lost * two_to((-whole).call("llvm.smax", whole.like(-64)))  # lost / 2^e, negligible from 2^64 on
    f = m - 1
    a, b = _series(f)
    inverse = polynomial(f, (1.0, -1.0, 1.0, -1.0))  # of 1 + f, nearly
    high, rest = LN2[x.dtype]
    return e.fma(high, a + e.fma(rest, lost.fma(inverse, b)))


def softplus(x: Register) -> Register:
    """ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), both of one sign."""
    return (x > 0).select(x, 0.0) + log_of_sum(exp(-x.abs()))


def logaddexp(a: Register, b: Register) -> Register:
    """ln(e^a + e^b) = max(a, b) + ln(1 + e^-|a - b|)."""
    y = (a > b).select(a, b) + log_of_sum(exp(-(a - b).abs()))
    return a.compare("eq", b).select(a + math.log(2), y)


# ----------------------------------------------------------------------------------------------- inverse hyperbolic functions

HUGE = 2.0**500
"""From here on x² + 1 is x²."""


@out_of_line
@in_double
def asinh(x: Register) -> Register:
    """ln(x + √(x² + 1)) = ln(1 + x + x² / (1 + √(x² + 1))) for positive x, where no digit cancels."""
    a = x.abs()
    z = a * a
    near = log_of_sum(a + z / ((z + 1).sqrt() + 1))
    return (a < HUGE).select(near, log(a) + math.log(2)).copysign(x)


@out_of_line
@in_double
def acosh(x: Register) -> Register:
    """ln(x + √(x² - 1)) = ln(1 + t + √(t (t + 2))) with t = x - 1.

    Near 1 it is √(2t), so an error of the root would be one of the result: the root's remainder, by fma, is handed on.
    """
    t = x - 1
    factor = t + 2
    square = t * factor
    root = square.sqrt()
    lost = (-root).fma(root, square) + t.fma(factor, -square) + t * (t - (factor - 2))
    y = root + t
    low = t - (y - root) + root.compare("eq", 0).select(root, lost / (root + root))
    near = log_of_sum(y, low)
    return (x >= 1).select((x < HUGE).select(near, log(x) + math.log(2)), math.nan)


@in_double
def atanh(x: Register) -> Register:
    """½ ln((1 + x) / (1 - x)) = ½ ln(1 + 2x / (1 - x)) for positive x; 1 - x is exact for x ≥ ½."""
    a = x.abs()
    q = (a + a) / (1 - a)
    return (_at_ends(log_of_sum(q), q, -1.0) * 0.5).copysign(x)


# ------------------------------------------------------------------------------------------------------------------ powers


@out_of_line
def pow(x: Register, y: Register) -> Register:
    """x^y, as C defines it at the ends. In float32 it is 2^(y log₂ x), computed in float64."""
    if x.dtype == "f8":
        return per_lane("pow", x, y)
    x, y = x.to("f8"), y.to("f8")
    power = exp2(y * (log(x.abs()) * PER_LN2[0]))
    whole = y.call("llvm.trunc").compare("eq", y)
    odd = whole & (y * 0.5).call("llvm.trunc").compare("ne", y * 0.5)
    power = (odd & (x.bits() < 0)).select(-power, power)
    power = ((x < 0) & ~whole & (x > -math.inf)).select(x.like(math.nan), power)
    one = x.compare("eq", 1) | y.compare("eq", 0) | (x.compare("eq", -1) & y.abs().compare("eq", math.inf))
    return one.select(x.like(1.0), power).to("f4")


def power(a: Register, n: float) -> Register:
    """a^n for a number n: by multiplication, division and square roots where these are as exact."""
    if n == 0:
        return a.like(1)
    if a.kind != "f":
        return whole_power(a, int(n))
    if n in (1, 2, 3, 4):
        return whole_power(a, int(n))
    if n == -1:
        return 1 / a
    if 2 * n % 1 or abs(n) > (7.5 if a.dtype == "f4" else 2):
        return pow(a, a.like(n))
    if a.dtype == "f4" and n not in (0.5, -0.5):
        return _multiplied(a.to("f8"), n).to("f4")
    return _multiplied(a, n)


def _multiplied(a: Register, n: float) -> Register:
    """a^n for n ≠ 0, a multiple of ½, of which no part overflows before the result does."""
    whole = int(abs(n))
    if n == int(n):
        return whole_power(a if n > 0 else 1 / a, whole)
    base = a.compare("eq", -math.inf).select(a.like(math.inf), a + 0.0)
    root = base.sqrt()
    if not whole:
        return root if n > 0 else 1 / root
    return whole_power(base, whole) * root if n > 0 else whole_power(1 / base, whole) / root


def whole_power(a: Register, n: int) -> Register:
    """a^n by squaring, n > 0."""
    result: Register | None = None
    while True:
        if n & 1:
            result = a if result is None else result * a
        n >>= 1
        if not n:
            return cast("Register", result)
        a = a * a
