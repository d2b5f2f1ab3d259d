"""Exponential, Weibull, Pareto, Kumaraswamy: samples by one formula from a uniform number."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from . import constraints, draws
from .distribution import Distribution
from .location_scale import EULER


class _Inverted(Distribution):
    """Sampled by its quantiles."""

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Any:
        like = next(iter(self.arg_constraints))
        return self.icdf(draws.open_uniform(self._extended_shape(sample_shape), getattr(self, like)))


class Exponential(_Inverted):
    """The time until something that happens at `rate`: rate · exp(-rate · x).

    >>> import microgradient as mg
    >>> mg.distributions.Exponential(4.0).mean.item()
    0.25
    """

    arg_constraints: ClassVar[Any] = {"rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self.rate: Any
        self._broadcast(validate_args, rate=rate)

    @property
    def mean(self) -> Any:
        return 1 / self.rate

    @property
    def mode(self) -> Any:
        return mg.zeros_like(self.rate)

    @property
    def stddev(self) -> Any:
        return 1 / self.rate

    @property
    def variance(self) -> Any:
        return self.rate**-2

    def log_prob(self, value: Any) -> Any:
        return mg.log(self.rate) - self.rate * self._validate_sample(value)

    def cdf(self, value: Any) -> Any:
        return -mg.expm1(-self.rate * self._validate_sample(value))

    def icdf(self, value: Any) -> Any:
        return -mg.log1p(-mg.asarray(value)) / self.rate

    def entropy(self) -> Any:
        return 1 - mg.log(self.rate)


class Weibull(_Inverted):
    """exp(-(x / scale)^concentration) is the probability of more than x.

    >>> import microgradient as mg
    >>> mg.distributions.Weibull(2.0, 1.0).mean.item()  # the exponential distribution
    2.0
    """

    arg_constraints: ClassVar[Any] = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale: Any
        self.concentration: Any
        self._broadcast(validate_args, scale=scale, concentration=concentration)

    @property
    def mean(self) -> Any:
        return self.scale * mg.exp(mg.lgamma(1 + 1 / self.concentration))

    @property
    def mode(self) -> Any:
        k = mg.maximum(self.concentration, 1.0)
        return self.scale * ((k - 1) / k) ** (1 / k)

    @property
    def variance(self) -> Any:
        reciprocal = 1 / self.concentration
        return self.scale**2 * (mg.exp(mg.lgamma(1 + 2 * reciprocal)) - mg.exp(2 * mg.lgamma(1 + reciprocal)))

    def log_prob(self, value: Any) -> Any:
        k, z = self.concentration, self._validate_sample(value) / self.scale
        return mg.log(k / self.scale) + (k - 1) * mg.log(z) - z**k

    def cdf(self, value: Any) -> Any:
        return -mg.expm1(-((self._validate_sample(value) / self.scale) ** self.concentration))

    def icdf(self, value: Any) -> Any:
        return self.scale * (-mg.log1p(-mg.asarray(value))) ** (1 / self.concentration)

    def entropy(self) -> Any:
        reciprocal = 1 / self.concentration
        return EULER * (1 - reciprocal) + mg.log(self.scale * reciprocal) + 1


class Pareto(_Inverted):
    """(scale / x)^alpha is the probability of more than x, for x ≥ scale.

    >>> import microgradient as mg
    >>> mg.distributions.Pareto(1.0, 2.0).mean.item()
    2.0
    """

    arg_constraints: ClassVar[Any] = {"scale": constraints.positive, "alpha": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale: Any
        self.alpha: Any
        self._broadcast(validate_args, scale=scale, alpha=alpha)

    @property
    def support(self) -> Any:
        """Numbers of at least `scale`."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Any:
        a = mg.clip(self.alpha, 1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Any:
        return self.scale

    @property
    def variance(self) -> Any:
        a = mg.clip(self.alpha, 2)
        return self.scale**2 * a / ((a - 1) ** 2 * (a - 2))

    def log_prob(self, value: Any) -> Any:
        value = self._validate_sample(value)
        return mg.log(self.alpha) + self.alpha * mg.log(self.scale) - (self.alpha + 1) * mg.log(value)

    def cdf(self, value: Any) -> Any:
        return -mg.expm1(self.alpha * mg.log(self.scale / self._validate_sample(value)))

    def icdf(self, value: Any) -> Any:
        return self.scale * mg.exp(-mg.log1p(-mg.asarray(value)) / self.alpha)

    def entropy(self) -> Any:
        return mg.log(self.scale / self.alpha) + 1 + 1 / self.alpha


class Kumaraswamy(_Inverted):
    """(1 - x^a)^b is the probability of more than x, for x between 0 and 1: much as a beta distribution.

    a is `concentration1` and b `concentration0`.

    >>> import microgradient as mg
    >>> mg.distributions.Kumaraswamy(1.0, 1.0).mean.item()
    0.5
    """

    arg_constraints: ClassVar[Any] = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1: Any
        self.concentration0: Any
        self._broadcast(validate_args, concentration1=concentration1, concentration0=concentration0)

    def _moment(self, n: int) -> Any:
        a, b = self.concentration1, self.concentration0
        return mg.exp(mg.log(b) + mg.lgamma(1 + n / a) + mg.lgamma(b) - mg.lgamma(1 + n / a + b))

    @property
    def mean(self) -> Any:
        return self._moment(1)

    @property
    def mode(self) -> Any:
        a, b = self.concentration1, self.concentration0
        return mg.where((a < 1) | (b < 1), math.nan, ((a - 1) / (a * b - 1)) ** (1 / a))

    @property
    def variance(self) -> Any:
        return self._moment(2) - self._moment(1) ** 2

    def log_prob(self, value: Any) -> Any:
        a, b, value = self.concentration1, self.concentration0, self._validate_sample(value)
        return mg.log(a * b) + (a - 1) * mg.log(value) + (b - 1) * mg.log1p(-(value**a))

    def cdf(self, value: Any) -> Any:
        return -mg.expm1(self.concentration0 * mg.log1p(-(self._validate_sample(value) ** self.concentration1)))

    def icdf(self, value: Any) -> Any:
        left = mg.log1p(-mg.asarray(value)) / self.concentration0
        return (-mg.expm1(left)) ** (1 / self.concentration1)

    def entropy(self) -> Any:
        a, b = self.concentration1, self.concentration0
        harmonic = mg.digamma(b + 1) + EULER
        return 1 - 1 / b + (1 - 1 / a) * harmonic - mg.log(a * b)
