"""The error function, and functions that the C library computes lane by lane. See `vector_math` for what they promise."""

from __future__ import annotations

import math

from ..registers import Register
from .exponential import at_most, exp, exp_less_one, exp_parts, exp_within, in_double, per_lane, polynomial, scaled
from .logarithms import log

# erf x / x - 1, in x², for |x| <= 1: 2^-29, 2^-56 of erf x
ERF = {
    "f4": (0.12837917, -0.37612626, 0.11283579, -0.026853347, 0.005187162, -0.0007997853, 7.806903e-05),
    "f8": (0.1283791670955126, -0.376126389031841, 0.11283791670971095, -0.026866170648030166, 0.00522397765267925,
           -0.0008548328534839236, 0.00012055386151960245, -1.4926880328007911e-05, 1.6481038583970367e-06,
           -1.6556894590399163e-07, 1.6011526078878235e-08, -1.645773469540185e-09, 1.4331045014789455e-10),
}  # fmt: skip
# -ln(erfc x) for 1 <= x <= 3.95: 2^-33 of erf x
LOG_ERFC = (-0.0001609776, 1.1294512, 0.63347185, 0.10814661, -0.025035504, 0.0041400325, -0.000428218, 2.0567551e-05)
# e^(x²) (1 + 2x) erfc x, in (x - 4) / (x + 4), for x >= ½: 2^-54
ERFC = (1.2329951186255526, -0.1396211168405625, 0.01537965210261893, 0.06809705425469023, -0.10103906603624735,
        0.09373283499845651, -0.06633036581376882, 0.037167515535319225, -0.016197734036225084, 0.0050319700024201676,
        -0.0007577734632788219, -0.00019925686410782425, 0.00015062255806343216, -2.4398452576814403e-05,
        -1.1224898713687152e-05, 5.707458807241126e-06, 2.99822071183351e-07, -8.209399301246666e-07, 6.67938327583933e-08,
        1.0443890894771651e-07, -1.2138860347926986e-08, -1.0068517921689892e-08)  # fmt: skip


def erf(x: Register) -> Register:
    """The error function 2/√π ∫ e^(-t²) dt from 0 to x."""
    a = x.abs()
    near = x.fma(polynomial(x * x, ERF[x.dtype]), x)
    if x.dtype == "f4":
        far = 1 - exp_within(-polynomial(at_most(a, 3.95), LOG_ERFC))
    else:
        far = 1 - _tail(at_most(a, 6.5))
    return (a < 1).select(near, far.copysign(x))


@in_double
def erfc(x: Register) -> Register:
    """1 - erf x, without loss where that is small."""
    tail = _tail(at_most(x.abs(), 28.0))
    near = 1 - x.fma(polynomial(x * x, ERF["f8"]), x)
    return (x.abs() < 0.5).select(near, (x < 0).select(2 - tail, tail))


def _tail(x: Register) -> Register:
    """erfc x for x >= ½."""
    z = x * x
    r, n = exp_parts(-z, -x.fma(x, -z))
    d = x.fma(2, 1)
    t = (x - 4) / (x + 4)
    above = t * polynomial(t, ERFC[1:])
    h = above + ERFC[0]
    q = h / d
    q_low = ((-q).fma(d, h) - q * x.fma(2, 1 - d) + (above - (h - ERFC[0]))) / d
    e = exp_less_one(r)
    return scaled(q + q.fma(e, q_low), n)


@in_double
def erfinv(x: Register) -> Register:
    """The number whose erf is x: a first guess by its series or (far from 0) Winitzki's formula, then three steps of Halley."""
    a = x.abs()
    beyond = 1 - a  # exact where erf is flat
    half = log(beyond * (1 + a)) * 0.5
    first = half + 2 / (math.pi * _WINITZKI)
    far = (((first * first) - (half + half) / _WINITZKI).sqrt() - first).sqrt()
    y = (a < 0.5).select(a * (math.sqrt(math.pi) / 2) * (a * a).fma(math.pi / 12, 1), far)
    for _ in range(3):
        t = y * y
        missing = (a < 0.5).select(erf(y) - a, beyond - erfc(y))
        u = missing * (math.sqrt(math.pi) / 2) * exp(t)
        y = y - u / y.fma(u, 1)
    y = a.compare("eq", 1).select(a.like(math.inf), y)
    y = (a > 1).select(a.like(math.nan), y).copysign(x)
    return x.compare("eq", 0).select(a, y)  # of -0 too, as in SciPy


_WINITZKI = 0.147


@in_double
def hypot(a: Register, b: Register) -> Register:
    """√(a² + b²), not overflowing before its time; ∞ if one is infinite."""
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


def lgamma(x: Register) -> Register:
    """ln |Γ(x)|, by the C library."""
    return per_lane("lgamma", x)
