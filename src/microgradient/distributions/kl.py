"""The Kullback-Leibler divergence of two distributions.

Distributions of real numbers are compared by moments: KL(p‖q) = -H(p) - E log q, where log q is a sum of a few
functions of x (`_log_density`) whose means under p are known. It is infinite where p reaches beyond the
support of q.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import microgradient as mg

from ..errors import MissingKernelError
from .categorical import Categorical, OneHotCategorical
from .combined import Independent, TransformedDistribution
from .counts import Bernoulli, Binomial, ContinuousBernoulli, Geometric, Poisson
from .distribution import Distribution, sum_last
from .gamma import Beta, Dirichlet, Gamma, InverseGamma
from .location_scale import EULER, Cauchy, Gumbel, HalfCauchy, Laplace, Uniform
from .multivariate import LowRankMultivariateNormal, MultivariateNormal, half_log_det, mahalanobis
from .normal import HalfNormal, Normal
from .positive import Exponential, Pareto

Divergence = Callable[[Any, Any], Any]
_DIVERGENCES: dict[tuple[type, type], Divergence] = {}


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """KL(p‖q) = E_p [log p(x) - log q(x)], for each pair of their batches.

    Raises MissingKernelError, a NotImplementedError, for two kinds whose divergence isn't known.

    >>> from microgradient.distributions import Normal
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0)).item()
    0.5
    """
    for pair in product(type(p).__mro__, type(q).__mro__):
        if pair in _DIVERGENCES:
            return _DIVERGENCES[pair](p, q)
    raise MissingKernelError("MG159", f"The divergence of {type(p).__name__} and {type(q).__name__} isn't known.")


def register_kl(type_p: type, type_q: type) -> Callable[[Divergence], Divergence]:
    """Let the decorated function of p and q compute the divergence of these two kinds, and of those derived from them.

    >>> from microgradient.distributions import Normal
    >>> class Mine(Normal):
    ...     pass
    >>> @register_kl(Mine, Mine)
    ... def zero(p, q):
    ...     return 0.0
    >>> kl_divergence(Mine(0.0, 1.0), Mine(1.0, 1.0))
    0.0
    """

    def register(function: Divergence) -> Divergence:
        _DIVERGENCES[type_p, type_q] = function
        return function

    return register


# ------------------------------------------------------------------------------------------------------------ by
# moments


def _bounds(d: Any) -> tuple[Any, Any]:
    """Between what the samples are."""
    if isinstance(d, Uniform):
        return d.low, d.high
    if isinstance(d, Pareto):
        return d.scale, math.inf
    if isinstance(d, Exponential | Gamma):
        return 0.0, math.inf
    return (0.0, 1.0) if isinstance(d, Beta | ContinuousBernoulli) else (-math.inf, math.inf)


def _x_log_x(x: Any) -> Any:
    return mg.where(x == 0, 0.0, x * mg.log(mg.where(x == 0, 1.0, x)))


def _uniform_log(low: Any, high: Any) -> Any:
    return (_x_log_x(high) - _x_log_x(low)) / (high - low) - 1


def _log_mean(p: Any) -> Any:
    """The mean of log x under p."""
    if isinstance(p, Exponential):
        return -EULER - mg.log(p.rate)
    if isinstance(p, Gamma):
        return mg.digamma(p.concentration) - mg.log(p.rate)
    if isinstance(p, Beta):
        return mg.digamma(p.concentration1) - mg.digamma(p.concentration1 + p.concentration0)
    if isinstance(p, Uniform):
        return _uniform_log(p.low, p.high)
    if isinstance(p, Pareto):
        return mg.log(p.scale) + 1 / p.alpha
    raise _unknown("log x", p)


def _log_rest_mean(p: Any) -> Any:
    """The mean of log(1 - x) under p."""
    if isinstance(p, Beta):
        return mg.digamma(p.concentration0) - mg.digamma(p.concentration1 + p.concentration0)
    if isinstance(p, Uniform):
        return _uniform_log(1 - p.high, 1 - p.low)
    raise _unknown("log(1 - x)", p)


def _decay_mean(p: Any, t: Any) -> Any:
    """The mean of exp(-t x) under p."""
    if isinstance(p, Exponential):
        return p.rate / (p.rate + t)
    if isinstance(p, Gamma):
        return (p.rate / (p.rate + t)) ** p.concentration
    if isinstance(p, Normal):
        return mg.exp(-t * p.loc + (t * p.scale) ** 2 / 2)
    if isinstance(p, Uniform):
        return (mg.exp(-t * p.low) - mg.exp(-t * p.high)) / (t * (p.high - p.low))
    if isinstance(p, Gumbel):
        return mg.exp(mg.lgamma(1 + t * p.scale) - t * p.loc)
    raise _unknown("exp(-t x)", p)


def _distance_mean(p: Any, center: Any) -> Any:
    """The mean of |x - center| under p."""
    if isinstance(p, Normal):
        off = p.loc - center
        z = off / (p.scale * math.sqrt(2))
        return p.scale * math.sqrt(2 / math.pi) * mg.exp(-(z**2)) + off * mg.erf(z)
    if isinstance(p, Laplace):
        off = mg.abs(p.loc - center)
        return off + p.scale * mg.exp(-off / p.scale)
    raise _unknown("|x - c|", p)


def _unknown(what: str, p: Any) -> MissingKernelError:
    return MissingKernelError("MG159", f"The mean of {what} under {type(p).__name__} isn't known.")


def _log_density(p: Any, q: Any) -> Any:
    """The mean of log q under p."""
    if isinstance(q, Exponential):
        return mg.log(q.rate) - q.rate * p.mean
    if isinstance(q, Gamma):
        a = q.concentration
        return a * mg.log(q.rate) - mg.lgamma(a) + (a - 1) * _log_mean(p) - q.rate * p.mean
    if isinstance(q, Normal):
        square = p.variance + (p.mean - q.loc) ** 2
        return -mg.log(q.scale) - 0.5 * math.log(2 * math.pi) - square / (2 * q.scale**2)
    if isinstance(q, Beta):
        a, b = q.concentration1, q.concentration0
        constant = mg.lgamma(a + b) - mg.lgamma(a) - mg.lgamma(b)
        return (a - 1) * _log_mean(p) + (b - 1) * _log_rest_mean(p) + constant
    if isinstance(q, ContinuousBernoulli):
        return p.mean * q.logits - mg.softplus(q.logits) + q._log_constant()
    if isinstance(q, Uniform):
        return -mg.log(q.high - q.low)
    if isinstance(q, Pareto):
        return mg.log(q.alpha) + q.alpha * mg.log(q.scale) - (q.alpha + 1) * _log_mean(p)
    if isinstance(q, Gumbel):
        spread = mg.exp(q.loc / q.scale) * _decay_mean(p, 1 / q.scale)
        return -mg.log(q.scale) - (p.mean - q.loc) / q.scale - spread
    return -mg.log(2 * q.scale) - _distance_mean(p, q.loc) / q.scale  # Laplace


def _by_moments(p: Any, q: Any) -> Any:
    (low, high), (least, most) = _bounds(p), _bounds(q)
    endless = (_is(low, -math.inf) and not _is(least, -math.inf)) or (_is(high, math.inf) and not _is(most, math.inf))
    if endless or (isinstance(q, Pareto) and isinstance(low, float)):  # whatever the parameters are
        return _infinite(p, q)
    divergence = -p.entropy() - _log_density(p, q)
    beyond = (low < least) | (high > most)
    return divergence if beyond is False else mg.where(beyond, math.inf, divergence)


def _is(bound: Any, number: float) -> bool:
    return isinstance(bound, float) and bound == number


def _infinite(p: Any, q: Any) -> Any:
    return mg.full(mg.broadcast_shapes(p.batch_shape, q.batch_shape), math.inf, dtype=p.mean.dtype)


_KINDS = (Exponential, Gamma, Normal, Beta, ContinuousBernoulli, Uniform, Pareto, Gumbel, Laplace)
_DIVERGENCES.update(dict.fromkeys(product(_KINDS, _KINDS), _by_moments))


# ------------------------------------------------------------------------------------------------------- of their own
# kind


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Any, q: Any) -> Any:
    one = p.probs * (mg.softplus(-q.logits) - mg.softplus(-p.logits))
    zero = (1 - p.probs) * (mg.softplus(q.logits) - mg.softplus(p.logits))
    one = mg.where(p.probs == 0, 0.0, mg.where(q.probs == 0, math.inf, one))
    return one + mg.where(p.probs == 1, 0.0, mg.where(q.probs == 1, math.inf, zero))


@register_kl(Binomial, Binomial)
def _binomial(p: Any, q: Any) -> Any:
    """Infinite where p has more trials, and not known where it has fewer."""
    divergence = p.total_count * _bernoulli(p, q)
    unknown = mg.where(p.total_count < q.total_count, math.nan, divergence)
    return mg.where(p.total_count > q.total_count, math.inf, unknown)


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Any:
    terms = mg.where(p.probs == 0, 0.0, mg.where(q.probs == 0, math.inf, p.probs * (p.logits - q.logits)))
    return mg.sum(terms, axis=-1)


_DIVERGENCES[OneHotCategorical, OneHotCategorical] = _categorical


@register_kl(Geometric, Geometric)
def _geometric(p: Any, q: Any) -> Any:
    return -p.entropy() - mg.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Any, q: Any) -> Any:
    return p.rate * (mg.log(p.rate) - mg.log(q.rate)) - (p.rate - q.rate)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Any:
    return -p.entropy() - (p.probs * mg.log(q.rate) - q.rate)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _beyond_all_counts(p: Any, q: Any) -> Any:
    return _infinite(p, q)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: Any, q: Any) -> Any:
    return _by_moments(p.base_dist, q.base_dist)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Any, q: Any) -> Any:
    """Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions" (2019)."""
    return mg.log((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2) - mg.log(4 * p.scale * q.scale)


@register_kl(HalfCauchy, HalfCauchy)
def _half_cauchy(p: Any, q: Any) -> Any:
    return mg.log((p.scale + q.scale) ** 2) - mg.log(4 * p.scale * q.scale)


@register_kl(InverseGamma, InverseGamma)
def _inverse_gamma(p: Any, q: Any) -> Any:
    """That of the gamma distributed numbers of which they are the inverse."""
    return _by_moments(Gamma(p.concentration, p.rate, False), Gamma(q.concentration, q.rate, False))


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Any, q: Any) -> Any:
    a, b = p.concentration, q.concentration
    total, other = mg.sum(a, axis=-1), mg.sum(b, axis=-1)
    constants = mg.lgamma(total) - mg.lgamma(other) - mg.sum(mg.lgamma(a) - mg.lgamma(b), axis=-1)
    return constants + mg.sum((a - b) * (mg.digamma(a) - mg.digamma(total)[..., None]), axis=-1)


def _normal_vectors(p: Any, q: Any) -> Any:
    """½ (log det Σ_q - log det Σ_p + tr(Σ_q⁻¹ Σ_p) + distance of the means - n)."""
    factor, n = q.scale_tril, p.event_shape[0]
    other = p.scale_tril
    shape = mg.broadcast_shapes(tuple(factor.shape), tuple(other.shape))
    turned = mg.linalg.solve_triangular(mg.broadcast_to(factor, shape), mg.tril(mg.broadcast_to(other, shape)))
    trace = mg.sum(turned**2, axis=(-2, -1))
    return half_log_det(factor) - half_log_det(other) + 0.5 * (trace + mahalanobis(factor, q.loc - p.loc) - n)


_VECTORS = (MultivariateNormal, LowRankMultivariateNormal)
_DIVERGENCES.update(dict.fromkeys(product(_VECTORS, _VECTORS), _normal_vectors))


@register_kl(Independent, Independent)
def _independent(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise MissingKernelError("MG159", "The divergence of two Independent of different numbers of axes isn't known.")
    return sum_last(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: Any, q: Any) -> Any:
    """A transform that both share changes nothing."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise MissingKernelError("MG159", "The divergence of two distributions with different transforms isn't known.")
    return kl_divergence(p.base_dist, q.base_dist)
