"""Trigonometric functions and their inverses. See `vector_math` for what they promise."""

from __future__ import annotations

import math

from ..registers import Register
from .exponential import in_double, nearest, per_lane, polynomial, slow_path

# (sin r / r - 1) / r² and (cos r - 1 + r²/2) / r⁴, in r², for |r| <= π/4: 2^-32, 2^-58 of sin r, 2^-33, 2^-64 of cos r
SIN = {
    "f4": (-0.16666667, 0.0083333785, -0.00019852533, 2.8257634e-06),
    "f8": (-0.1666666666666663, 0.00833333333332184, -0.00019841269829358476, 2.755731353847595e-06, -2.5050734380190475e-08,
           1.5895432600269793e-10),
}  # fmt: skip
COS = {
    "f4": (0.041666646, -0.0013887299, 2.4430197e-05),
    "f8": (0.0416666666666666, -0.001388888888887447, 2.480158728966688e-05, -2.755731439924949e-07, 2.0875728990679364e-09,
           -1.1359917072239782e-11),
}  # fmt: skip
# π/2 in parts, each the nearest number to what is left
HALF_PI = {
    "f4": (1.5707964, -4.371139e-08, -1.7151245e-15),
    "f8": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33),
}
MODERATE = {"f4": 2.0**17, "f8": 2.0**30}
"""Up to here arguments are reduced with these parts of π/2, beyond by the C library."""

# (asin x / x - 1) / x², in x², for |x| <= ½: 2^-60 of asin x
ASIN = (0.1666666666666676, 0.07499999999970867, 0.04464285717455935, 0.030381942709943637, 0.02237221493374819,
        0.017351612890105162, 0.013980810889706236, 0.01139898565188668, 0.010779867259481702, 0.0037077817033822017,
        0.021704280458250198, -0.020994794861661503, 0.03262607199607467)  # fmt: skip
# (atan x / x - 1) / x², in x², for |x| <= √2 - 1: 2^-59 of atan x
ATAN = (-0.333333333333332, 0.1999999999995368, -0.1428571428020072, 0.11111110783566405, -0.09090897759930369,
        0.07692060256725704, -0.06663104653008199, 0.05847894965850976, -0.05039336634387025, 0.038065543895867936,
        -0.017908477743160064)  # fmt: skip


def sin(x: Register) -> Register:
    """The sine."""
    return _sine(x, 0, "sin")


def cos(x: Register) -> Register:
    """The cosine."""
    return _sine(x, 1, "cos")


def _sine(x: Register, ahead: int, symbol: str) -> Register:
    """sin(x + ahead · π/2)."""
    n, whole = nearest(x, 2 / math.pi)
    a, b, c = HALF_PI[x.dtype]
    r = n.fma(-c, n.fma(-b, n.fma(-a, x)))
    z = r * r
    sine = (r * z).fma(polynomial(z, SIN[x.dtype]), r)
    cosine = (z * z).fma(polynomial(z, COS[x.dtype]), z.fma(-0.5, 1))
    quadrant = whole + ahead
    y = (quadrant & 1).compare("eq", 0).select(sine, cosine)
    sign = (quadrant & 2) << (30 if x.dtype == "f4" else 62)
    y = (y.bits() ^ sign).reinterpret(x.dtype)
    if ahead == 0:
        y = x.compare("eq", 0).select(x, y)  # -0
    return slow_path(x.abs() > MODERATE[x.dtype], y, lambda: per_lane(symbol, x))


@in_double
def tan(x: Register) -> Register:
    """The tangent, a quotient of sine and cosine that are known to more digits than float64 has."""
    n, whole = nearest(x, 2 / math.pi)
    a, b, c = HALF_PI["f8"]
    start = n.fma(-a, x)  # exact
    product = n * b
    r = start - product
    back = r - start  # Knuth's exact difference
    low = (start - (r - back)) - (product + back) - n.fma(b, -product) - n * c
    z = r * r
    rest_z = r.fma(r, -z)
    cubic = (r * z) * polynomial(z, SIN["f8"]) + low
    sine, sine_low = _pair(r, cubic)
    half = z * 0.5
    one = 1 - half
    quartic = ((1 - one) - half) + (z * z).fma(polynomial(z, COS["f8"]), -rest_z * 0.5 - r * low)
    cosine, cosine_low = _pair(one, quartic)
    even = (whole & 1).compare("eq", 0)
    above, below = even.select(sine, -cosine), even.select(cosine, sine)
    above_low, below_low = even.select(sine_low, -cosine_low), even.select(cosine_low, sine_low)
    q = above / below
    y = q + ((-q).fma(below, above) + (-q).fma(below_low, above_low)) / below
    y = x.compare("eq", 0).select(x, y)
    return slow_path(x.abs() > MODERATE["f8"], y, lambda: per_lane("tan", x))


def _pair(a: Register, b: Register) -> tuple[Register, Register]:
    """a + b rounded, and what that lost, for |a| >= |b|."""
    y = a + b
    return y, b - (y - a)


# ------------------------------------------------------------------------------------------------------- inverse functions


def _asin_series(z: Register) -> Register:
    """asin(√z) / √z - 1 for z <= ¼."""
    return z * polynomial(z, ASIN)


def _half_angle(a: Register) -> tuple[Register, Register, Register]:
    """z = (1 - a) / 2, its root s and what s lacks: asin a = π/2 - 2 asin √z."""
    z = (1 - a) * 0.5
    s = z.sqrt()
    lost = (-s).fma(s, z) / (s + s)
    return z, s, z.compare("eq", 0).select(z, lost)


@in_double
def asin(x: Register) -> Register:
    """The inverse of the sine, in [-π/2, π/2]."""
    a = x.abs()
    small = a.fma(_asin_series(a * a), a)
    z, s, lost = _half_angle(a)
    high, low, _ = HALF_PI["f8"]
    rest = s.fma(_asin_series(z), lost) * 2 - low
    large = high - (s * 2 + rest)
    return (a <= 0.5).select(small, large).copysign(x)


@in_double
def acos(x: Register) -> Register:
    """The inverse of the cosine, in [0, π]."""
    high, low, _ = HALF_PI["f8"]
    a = x.abs()
    inner = high - (x - (-x).fma(_asin_series(x * x), low))
    z, s, lost = _half_angle(a)
    rest = s.fma(_asin_series(z), lost)
    outer = (x < 0).select(2 * high - 2 * (s + (rest - low)), 2 * (s + rest))
    return (a <= 0.5).select(inner, outer)


@in_double
def atan(x: Register) -> Register:
    """The inverse of the tangent."""
    return _angle(x.abs(), x.like(1.0)).copysign(x)


@in_double
def atan2(y: Register, x: Register) -> Register:
    """The angle of the point (x, y), in [-π, π]."""
    a, b = y.abs(), x.abs()
    larger = (a > b).select(a, b)
    factor = (larger > 2.0**1000).select(x.like(2.0**-600), (larger < 2.0**-900).select(x.like(2.0**100), 1.0))
    both = a.compare("eq", b)  # also two zeros, two infinities
    first = _angle(a * factor, b * factor)
    first = both.select(larger.compare("eq", 0).select(x.like(0.0), math.pi / 4), first)
    back = 2 * HALF_PI["f8"][0] - (first - 2 * HALF_PI["f8"][1])
    angle = (x.bits() < 0).select(back, first)
    return (y.isnan() | x.isnan()).select(x.like(math.nan), angle).copysign(y)


def _angle(y: Register, x: Register) -> Register:
    """The angle of (x, y) for x, y >= 0, not both 0: that of a point nearer the x-axis, turned by π/4 or π/2."""
    t = math.sqrt(2) - 1
    flat, steep = y < x * t, x < y * t
    above = flat.select(y, steep.select(-x, y - x))
    below = flat.select(x, steep.select(y, y + x))
    turn = flat.select(y.like(0.0), steep.select(y.like(HALF_PI["f8"][0]), HALF_PI["f8"][0] / 2))
    low = flat.select(y.like(0.0), steep.select(y.like(HALF_PI["f8"][1]), HALF_PI["f8"][1] / 2))
    q = above / below
    z = q * q
    return turn + (q + (q * z).fma(polynomial(z, ATAN), low))
