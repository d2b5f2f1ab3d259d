"""Special functions on arrays that SciPy does not have as they are needed."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def airy(a: Array, *, k: int) -> Array:
    """Ai, Ai′, Bi or Bi′."""
    import scipy.special

    return cast("Array", scipy.special.airy(a)[k])


def spherical_jn(a: Array, *, n: int) -> Array:
    """The spherical Bessel function; near 0, where SciPy's 1/x overflows, the first term of its series, xⁿ/(2n+1)!!."""
    import scipy.special

    x = a.astype(np.float64)
    near = np.abs(x) < 1e-100
    first = x**n / math.prod(range(1, 2 * n + 2, 2))
    return np.where(near, first, scipy.special.spherical_jn(n, np.where(near, 1.0, x))).astype(a.dtype)


def gammainc(a: Array, x: Array, *, n: int) -> Array:
    """The n-th derivative in a of the regularised incomplete gamma function P(a, x) = Σ_k x^(a+k) e^(-x) / Γ(a+k+1): DLMF 8.11.4.

    Each term is exp(g), so its derivative is a Bell polynomial of g' = log x - ψ(a+k+1), g'' = -ψ'(a+k+1), … times it.
    """
    import scipy.special

    if n == 0:
        return cast("Array", scipy.special.gammainc(a, x).astype(np.result_type(a, x), copy=False))
    dtype = np.result_type(a, x)
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    total = np.where(np.isnan(a) | np.isnan(x) | (a <= 0) | (x < 0), np.nan, 0.0)
    # far above a there is nothing left, and the series would be long
    inside = (a > 0) & (x > 0) & (x < a + 40 * np.sqrt(a) + 700)
    a, x = a[inside], x[inside]
    if not a.size:
        return total.astype(dtype)
    log_x, term = np.log(x), np.exp(a * np.log(x) - x - scipy.special.gammaln(a + 1))
    sums, k = np.zeros_like(a), 0
    last = int(np.max(np.maximum(x - a, 0) + 12 * np.sqrt(x) + 60))
    while k <= last:
        slopes = [log_x - scipy.special.psi(a + k + 1), *(-scipy.special.polygamma(m, a + k + 1) for m in range(1, n))]
        sums += term * _bell(slopes)
        k += 1
        term = term * (x / (a + k))
    total[inside] = sums
    return total.astype(dtype)


def _bell(slopes: list[Array]) -> Array:
    """The complete Bell polynomial of g', g'', …: the derivative of exp(g) of that order, divided by exp(g)."""
    values: list[Any] = [1.0]
    for m in range(len(slopes)):
        values.append(sum(math.comb(m, i) * values[m - i] * slopes[i] for i in range(m + 1)))
    return cast("Array", values[-1])


def incomplete_beta(a: Array, b: Array, x: Array, *, i: int, j: int) -> Array:
    """∫ t^(a-1) (1-t)^(b-1) log(t)^i log(1-t)^j dt from 0 to x, by the double exponential rule of Takahasi & Mori 1974.

    With t = x u and u = 1 / (1 + exp(-π sinh s)), the integrand dies at both ends, whatever its singularities there.
    """
    import scipy.special

    dtype = np.result_type(a, b, x)
    a, b, x = (np.asarray(v, np.float64)[..., None] for v in (a, b, x))
    if i == j == 0:
        y = scipy.special.betainc(a, b, x) * scipy.special.beta(a, b)
        return cast("Array", y[..., 0].astype(dtype))
    s = np.arange(-5.5, 5.5, 1 / 32)
    with np.errstate(all="ignore"):
        z = np.pi * np.sinh(s)
        log_u, log_rest = -np.logaddexp(0, -z), -np.logaddexp(0, z)  # of u and 1 - u
        log_t, log_other = np.log(x) + log_u, np.log((1 - x) + x * np.exp(log_rest))
        weight = np.log(x) + log_u + log_rest + np.log(np.pi * np.cosh(s) / 32)
        values = np.exp((a - 1) * log_t + (b - 1) * log_other + weight) * log_t**i * log_other**j
        total = np.where(np.isfinite(values), values, 0).sum(axis=-1)
    bad = (a <= 0) | (b <= 0) | (x < 0) | (x > 1) | np.isnan(a + b + x)
    return np.where(bad[..., 0], np.nan, np.where(x[..., 0] == 0, 0, total)).astype(dtype)


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
_SUMMED = 14  # terms of zeta that are added up one by one


def zeta(s: Array, q: Array, *, n: int) -> Array:
    """The n-th derivative in s of Hurwitz' zeta function, (-1)ⁿ Σ_k log(k + q)ⁿ (k + q)^(-s), by Euler-Maclaurin: DLMF 2.10.1."""
    import scipy.special

    if n == 0:
        return cast("Array", scipy.special.zeta(s, q))
    dtype = np.result_type(s, q)
    s, q = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(q, np.float64))
    with np.errstate(all="ignore"):
        total = sum(np.log(q + k) ** n * (q + k) ** -s for k in range(_SUMMED))
        t = q + _SUMMED
        log = np.log(t)
        parts = [math.perm(n, n - i) * log**i / (s - 1) ** (n - i + 1) for i in range(n + 1)]
        total = total + t ** (1 - s) * sum(parts) + log**n * t**-s / 2
        # f(t) = t^(-s) p(log t) has the derivative t^(-s-1) (p' - s p)(log t), and so on
        p: list[Any] = [0.0] * n + [1.0]
        for order in range(1, 2 * len(_BERNOULLI)):
            slope = [(i + 1) * p[i + 1] if i < n else 0.0 for i in range(n + 1)]
            p = [a - (s + order - 1) * b for a, b in zip(slope, p, strict=True)]
            if order % 2:
                f = t ** (-s - order) * sum(c * log**i for i, c in enumerate(p))
                total = total - _BERNOULLI[order // 2] / math.factorial(order + 1) * f
    return np.where((s > 1) & (q > 0), (-1) ** n * total, np.nan).astype(dtype)
