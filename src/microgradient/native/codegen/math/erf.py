"""The error function, its complement and its inverse."""

from __future__ import annotations

import math

from ..registers import Register
from .common import at_most, in_double, out_of_line, polynomial, scaled
from .exponential import exp_less_one, exp_parts, exp_within
from .logarithms import log
from .tables import ERF, ERFC, ERFINV_CENTRE, ERFINV_TAIL, LOG_ERFC


def erf(x: Register) -> Register:
    """The error function 2/√π ∫ e^(-t²) dt from 0 to x: x + x p(x²) up to 1, then 1 - erfc x, where erfc is less than 0.16.

    In float32 erfc x is e^(-p(x)); the error of p is weighted by erfc x / erf x, so it costs less the further out it is.
    """
    a = x.abs()
    near = x.fma(polynomial(x * x, ERF[x.dtype]), x)
    if x.dtype == "f4":
        far = 1 - exp_within(-polynomial(at_most(a, 3.95), LOG_ERFC))
    else:
        far = 1 - _tail(at_most(a, 6.5))
    return (a < 1).select(near, far.copysign(x))


@in_double
def erfc(x: Register) -> Register:
    """1 - erf x, without loss where that is small; 2 - erfc(-x) for negative x."""
    tail = _tail(at_most(x.abs(), 28.0))
    near = 1 - x.fma(polynomial(x * x, ERF["f8"]), x)
    return (x.abs() < 0.5).select(near, (x < 0).select(2 - tail, tail))


@out_of_line
def _tail(x: Register) -> Register:
    """erfc x for ½ <= x <= 28: e^(-x²) p(t) / (1 + 2x), where t = (x - 4) / (x + 4) makes the tail a bounded interval.

    After Schonfelder, Chebyshev Expansions for the Error and Related Functions, Mathematics of Computation 32 (1978). x² is known
    to twice the digits by an fma, or its error would be multiplied by x²; the quotient is corrected by its remainder.
    """
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


@out_of_line
def erfinv(x: Register) -> Register:
    """The number whose erf is x: its own polynomials, and in float64 a step of Halley's method.

    With w = -ln(1 - x²) it is x p(w) near 0 and, since erfc y is about e^(-y²), a smooth function of √w in the tails (Giles,
    Approximating the erfinv function, GPU Computing Gems 2, 2011). Their error of 2^-28 is enough for float32; the step cubes
    it. The step needs erf y - x, which in the tails is (1 - x) - erfc y, where 1 - x is exact.
    """
    narrow, x = x.dtype == "f4", x.to("f8")
    a = x.abs()
    beyond = 1 - a
    w = -log(beyond * (1 + a))
    y = (w < 5).select(a * polynomial(w - 2.5, ERFINV_CENTRE), polynomial(w.sqrt() - 4, ERFINV_TAIL))
    if not narrow:
        t = y * y
        missing = (a < 0.53).select(y.fma(polynomial(t, ERF["f8"]), y) - a, beyond - _tail(y))
        u = missing * (math.sqrt(math.pi) / 2) * exp_within(t)
        y = y - u / y.fma(u, 1)
    y = (a < 1).select(y, a.compare("eq", 1).select(a.like(math.inf), math.nan)).copysign(x)
    y = x.compare("eq", 0).select(a, y)  # of -0 too, as in SciPy
    return y.to("f4") if narrow else y
