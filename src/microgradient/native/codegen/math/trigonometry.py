"""Trigonometric functions and their inverses, and the other half of polar coordinates, hypot.

x = r + n π/2 with |r| ≤ π/4, π/2 in three parts (Cody & Waite, chapter 8; Payne & Hanek's reduction, which larger arguments need,
is the C library's). x - n a is exact, being a multiple of the last place of a and less than 1, so only the parts b and c are
subtracted with an error, and that is relative to r. Then sin r = r + r³ p(r²), cos r = 1 - r²/2 + r⁴ q(r²); n modulo 4 says which
is meant and its sign. The errors of p and q, 2^-32 or 2^-58 and less, are far below an ulp.
"""

from __future__ import annotations

import math

from ..registers import Register
from .common import in_double, nearest, per_lane, polynomial, slow_path
from .tables import ASIN, ATAN, COS, HALF_PI, SIN

MODERATE = {"f4": 2.0**17, "f8": 2.0**30}
"""Up to here arguments are reduced with these parts of π/2, beyond by the C library."""


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
    """The tangent, a quotient of sine and cosine that are known to more digits than float64 has.

    Each is a sum of two numbers; the quotient is corrected by its remainder, in which the second numbers count.
    """
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
    """The inverse of the sine, in [-π/2, π/2]: x + x³ p(x²) up to ½, beyond π/2 - 2 asin √((1 - x)/2), as in Cody & Waite."""
    a = x.abs()
    small = a.fma(_asin_series(a * a), a)
    z, s, lost = _half_angle(a)
    high, low, _ = HALF_PI["f8"]
    rest = s.fma(_asin_series(z), lost) * 2 - low
    large = high - (s * 2 + rest)
    return (a <= 0.5).select(small, large).copysign(x)


@in_double
def acos(x: Register) -> Register:
    """The inverse of the cosine, in [0, π]: π/2 - asin x up to ½, beyond 2 asin √((1 - x)/2), the root with its remainder."""
    high, low, _ = HALF_PI["f8"]
    a = x.abs()
    inner = high - (x - (-x).fma(_asin_series(x * x), low))
    z, s, lost = _half_angle(a)
    rest = s.fma(_asin_series(z), lost)
    outer = (x < 0).select(2 * high - 2 * (s + (rest - low)), 2 * (s + rest))
    return (a <= 0.5).select(inner, outer)


@in_double
def atan(x: Register) -> Register:
    """The inverse of the tangent: the angle of the point (1, x)."""
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
    """The angle of (x, y) for x, y >= 0, not both 0: that of a point nearer the x-axis, turned by π/4 or π/2.

    atan q = q + q³ p(q²) for |q| ≤ √2 - 1 = tan π/8, to which tan(a - b) = (tan a - tan b) / (1 + tan a tan b) leads.
    """
    t = math.sqrt(2) - 1
    flat, steep = y < x * t, x < y * t
    above = flat.select(y, steep.select(-x, y - x))
    below = flat.select(x, steep.select(y, y + x))
    turn = flat.select(y.like(0.0), steep.select(y.like(HALF_PI["f8"][0]), HALF_PI["f8"][0] / 2))
    low = flat.select(y.like(0.0), steep.select(y.like(HALF_PI["f8"][1]), HALF_PI["f8"][1] / 2))
    q = above / below
    z = q * q
    return turn + (q + (q * z).fma(polynomial(z, ATAN), low))


@in_double
def hypot(a: Register, b: Register) -> Register:
    """√(a² + b²), not overflowing before its time; ∞ if one is infinite.

    Numbers are scaled by a power of 2. What the squares, their sum and the root have lost is exact (Dekker 1971), and added.
    """
    a, b = a.abs(), b.abs()
    larger = (a > b).select(a, b)
    factor = (larger > 2.0**500).select(a.like(2.0**-600), (larger < 2.0**-400).select(a.like(2.0**600), 1.0))
    back = (larger > 2.0**500).select(a.like(2.0**600), (larger < 2.0**-400).select(a.like(2.0**-600), 1.0))
    x, y = a * factor, b * factor
    x, y = (x > y).select(x, y), (x > y).select(y, x)
    xx, yy = x * x, y * y
    total = xx + yy
    root = total.sqrt()
    lost = ((xx - total) + yy) + (x.fma(x, -xx) + y.fma(y, -yy)) + (-root).fma(root, total)
    exact = root + root.compare("eq", 0).select(root, lost / (root + root))
    infinite = a.compare("eq", math.inf) | b.compare("eq", math.inf)
    return infinite.select(a.like(math.inf), exact * back)
