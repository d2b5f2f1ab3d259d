"""The rulebook, continued: special functions. They are registered when `mg.special` is first used, and computed by SciPy.

An order or a number of differentiations is a parameter, so that one row holds a whole family and its derivatives of any order:
those of a Bessel function are Bessel functions of the neighbouring orders. Formulas: NIST Digital Library of Mathematical
Functions (https://dlmf.nist.gov), with its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient.special_kernels as kernels

from .primitives import Rule, World, pointwise


def _scipy(name: str) -> Callable[..., Any]:
    """A function of arrays from scipy.special; its parameter, if it has one, goes first there."""

    def kernel(*arrays: Any, **params: Any) -> Any:
        import scipy.special

        y = getattr(scipy.special, name)(*params.values(), *arrays)
        return np.asarray(y).astype(np.result_type(*arrays), copy=False)  # SciPy has some in float64 alone

    return kernel


def _special(name: str, *maps: Rule | None, kernel: Rule | None = None, formula: str = "", **params: Any) -> None:
    """A row of that name, of floating numbers; `params` are its parameters, with a value for each."""
    pointwise(name, *maps, floats=True, params=params, formula=formula, kernel=kernel or _scipy(name), method=False)


# fmt: off

# ------------------------------------------------------------------------------------------------------ gamma, beta, zeta


def _bell(derivatives: Callable[[int], Any], n: int) -> Any:
    """(dⁿ/daⁿ exp g) / exp g from derivatives(k) = g⁽ᵏ⁾: the complete Bell polynomial."""
    values: list[Any] = [1.0]
    for m in range(n):
        values.append(sum(math.comb(m, i) * values[m - i] * derivatives(i + 1) for i in range(m + 1)))
    return values[n]


def _gamma_density(xp: World, a: Any, x: Any, n: int) -> Any:
    """The n-th derivative in a of x^(a-1) e^(-x) / Γ(a), that of the regularised incomplete gamma function in x."""
    slopes = _bell(lambda k: (xp.log(x) if k == 1 else 0) - xp.polygamma(a, n=k - 1), n)
    return xp.exp(_times_log(xp, a - 1, x) - x - xp.lgamma(a)) * slopes


def _times_log(xp: World, a: Any, x: Any) -> Any:
    """a log x, and 0 where both are 0."""
    return a * xp.log(xp.where(xp.logical_and(xp.equal(a, 0), xp.equal(x, 0)), 1, x))


_special("gamma", lambda xp, t, y, a: t * (y * xp.digamma(a)))
_special("gammainc",  # its n-th derivative in a: there is no formula for it but a series
         lambda xp, t, y, a, b, n: t * xp.gammainc(a, b, n=n + 1),
         lambda xp, t, y, a, b, n: t * _gamma_density(xp, a, b, n), kernel=kernels.gammainc, n=0)
_special("gammaincc",
         lambda xp, t, y, a, b: -t * xp.gammainc(a, b, n=1), lambda xp, t, y, a, b: -t * _gamma_density(xp, a, b, 0))
_special("beta",
         lambda xp, t, y, a, b: t * (y * (xp.digamma(a) - xp.digamma(a + b))),
         lambda xp, t, y, a, b: t * (y * (xp.digamma(b) - xp.digamma(a + b))), formula="gamma(a)*gamma(b)/gamma(a + b)")
_special("betaln",
         lambda xp, t, y, a, b: t * (xp.digamma(a) - xp.digamma(a + b)),
         lambda xp, t, y, a, b: t * (xp.digamma(b) - xp.digamma(a + b)),
         formula="loggamma(a) + loggamma(b) - loggamma(a + b)")


def _incomplete(xp: World, a: Any, b: Any, c: Any, i: int, j: int) -> Any:
    return xp.incomplete_beta(a, b, c, i=i, j=j) / xp.beta(a, b)


def _beta_density(xp: World, a: Any, b: Any, x: Any) -> Any:
    return xp.exp(_times_log(xp, a - 1, x) + _times_log(xp, b - 1, 1 - x))


_special("betainc",
         lambda xp, t, y, a, b, c: t * (_incomplete(xp, a, b, c, 1, 0) - y * (xp.digamma(a) - xp.digamma(a + b))),
         lambda xp, t, y, a, b, c: t * (_incomplete(xp, a, b, c, 0, 1) - y * (xp.digamma(b) - xp.digamma(a + b))),
         lambda xp, t, y, a, b, c: t * (_beta_density(xp, a, b, c) / xp.beta(a, b)))
_special("incomplete_beta",  # ∫ t^(a-1) (1-t)^(b-1) log(t)^i log(1-t)^j dt from 0 to c
         lambda xp, t, y, a, b, c, i, j: t * xp.incomplete_beta(a, b, c, i=i + 1, j=j),
         lambda xp, t, y, a, b, c, i, j: t * xp.incomplete_beta(a, b, c, i=i, j=j + 1),
         lambda xp, t, y, a, b, c, i, j: t * (_beta_density(xp, a, b, c) * xp.log(c) ** i * xp.log(1 - c) ** j),
         kernel=kernels.incomplete_beta, i=0, j=0)
_special("zeta",  # of Hurwitz, and its n-th derivative in a; 25.11.17
         lambda xp, t, y, a, b, n: t * xp.zeta(a, b, n=n + 1),
         lambda xp, t, y, a, b, n: -t * (a * xp.zeta(a + 1, b, n=n) + (n * xp.zeta(a + 1, b, n=n - 1) if n else 0)),
         kernel=kernels.zeta, n=0)

# --------------------------------------------------------------------------------- Bessel functions: 10.6, 10.29, 10.51, 9.2


def _middle(name: str, first: float, second: float) -> Rule:
    """The derivative of a family whose members have (first · that of order v - 1 + second · that of v + 1) / 2."""
    return lambda xp, t, y, a, v: t * ((getattr(xp, name)(a, v=v - 1) * first + getattr(xp, name)(a, v=v + 1) * second) / 2)


_special("jv", _middle("jv", 1, -1), formula="besselj(v, a)", v=0)
_special("yv", _middle("yv", 1, -1), formula="bessely(v, a)", v=0)
_special("iv", _middle("iv", 1, 1), formula="besseli(v, a)", v=0)
_special("kv", _middle("kv", -1, -1), formula="besselk(v, a)", v=0)
_special("ive", lambda xp, t, y, a, v: t * ((xp.ive(a, v=v - 1) + xp.ive(a, v=v + 1)) / 2 - xp.sign(a) * y),
         formula="besseli(v, a)*exp(-Abs(a))", v=0)
_special("kve", lambda xp, t, y, a, v: t * (y - (xp.kve(a, v=v - 1) + xp.kve(a, v=v + 1)) / 2),
         formula="besselk(v, a)*exp(a)", v=0)
_special("spherical_jn", lambda xp, t, y, a, n: t * (
    ((n * xp.spherical_jn(a, n=n - 1) if n else 0) - (n + 1) * xp.spherical_jn(a, n=n + 1)) / (2 * n + 1)),
    kernel=kernels.spherical_jn, formula="jn(n, a)", n=0)
_special("airy",  # number 0 is Ai, 2 is Bi, 1 and 3 are their derivatives; y″ = a y
         lambda xp, t, y, a, k: t * (a * xp.airy(a, k=k - 1) if k % 2 else xp.airy(a, k=k + 1)),
         kernel=kernels.airy, formula="(airyai, airyaiprime, airybi, airybiprime)[k](a)", k=0)

# ----------------------------------------------------------------------------- error functions, normal distribution, integrals

_special("erfcx", lambda xp, t, y, a: t * (2 * (a * y) - 2 / math.sqrt(math.pi)), formula="exp(a**2)*erfc(a)")
_special("erfcinv", lambda xp, t, y, a: t * (-math.sqrt(math.pi) / 2 * xp.exp(y * y)))
_special("dawsn", lambda xp, t, y, a: t * (1 - 2 * (a * y)), formula="sqrt(pi)/2*exp(-a**2)*erfi(a)")
_special("ndtr", lambda xp, t, y, a: t * (xp.exp(-(a * a) / 2) * (1 / math.sqrt(2 * math.pi))), formula="erfc(-a/sqrt(2))/2")
_special("log_ndtr", lambda xp, t, y, a: t * (xp.exp(-(a * a) / 2 - y) * (1 / math.sqrt(2 * math.pi))),
         formula="log(erfc(-a/sqrt(2))/2)")
_special("ndtri", lambda xp, t, y, a: t * (xp.exp(y * y / 2) * math.sqrt(2 * math.pi)))
_special("expi", lambda xp, t, y, a: t * (xp.exp(a) / a), formula="Ei(a)")
_special("expn", lambda xp, t, y, a, n: -t * (xp.expn(a, n=n - 1) if n else xp.exp(-a) * (a + 1) / (a * a)), n=1)

# ----------------------------------------------------------------------------------------------------------- with logarithms

_special("entr", lambda xp, t, y, a: t * (-xp.log(a) - 1), formula="-a*log(a)")
_special("xlogy",
         lambda xp, t, y, a, b: t * xp.log(xp.where(xp.logical_and(xp.equal(a, 0), xp.less_equal(b, 0)), 1, b)),
         lambda xp, t, y, a, b: t * (a / b), formula="a*log(b)")
_special("xlog1py",
         lambda xp, t, y, a, b: t * xp.log1p(xp.where(xp.logical_and(xp.equal(a, 0), xp.less_equal(b, -1)), 0, b)),
         lambda xp, t, y, a, b: t * (a / (b + 1)), formula="a*log(b + 1)")
_special("logit", lambda xp, t, y, a: t / (a * (1 - a)), formula="log(a/(1 - a))")

# fmt: on
