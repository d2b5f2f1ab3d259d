"""Uniform, Laplace, Cauchy, HalfCauchy, Gumbel: a fixed shape, moved and stretched."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from ..errors import ArgumentError
from . import constraints, draws
from .distribution import Distribution

EULER = 0.57721566490153286061


class _LocScale(Distribution):
    """loc + scale · Z, where `_standard_icdf` gives Z from a uniform number."""

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc: Any
        self.scale: Any
        self._broadcast(validate_args, loc=loc, scale=scale)

    def _standard_icdf(self, u: Any) -> Any:
        raise NotImplementedError

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.icdf(draws.open_uniform(self._extended_shape(sample_shape), self.loc))

    def icdf(self, value: Any) -> Any:
        return self.loc + self.scale * self._standard_icdf(mg.asarray(value))

    def _standardized(self, value: Any) -> Any:
        return (self._validate_sample(value) - self.loc) / self.scale

    @property
    def mode(self) -> Any:
        return self.loc


class Uniform(Distribution):
    """All numbers from `low` to `high` with the same density.

    >>> import microgradient as mg
    >>> d = mg.distributions.Uniform(1.0, 3.0)
    >>> d.mean.item(), d.cdf(1.5).item()
    (2.0, 0.25)
    """

    arg_constraints: ClassVar[Any] = {"low": constraints.dependent, "high": constraints.dependent}
    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self.low: Any
        self.high: Any
        self._broadcast(validate_args, low=low, high=high)
        if self._checks() and not bool(mg.all(self.low < self.high)):
            raise ArgumentError("MG157", "Uniform needs `low` < `high` everywhere.")

    @property
    def support(self) -> Any:
        """From `low` to `high`."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Any:
        return (self.low + self.high) / 2

    @property
    def mode(self) -> Any:
        return math.nan * self.high

    @property
    def variance(self) -> Any:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.low + draws.uniform(self._extended_shape(sample_shape), self.low) * (self.high - self.low)

    def log_prob(self, value: Any) -> Any:
        value = self._validate_sample(value)
        inside = (self.low <= value) & (value < self.high)
        return mg.where(inside, -mg.log(self.high - self.low), -math.inf)

    def cdf(self, value: Any) -> Any:
        return mg.clip((self._validate_sample(value) - self.low) / (self.high - self.low), 0, 1)

    def icdf(self, value: Any) -> Any:
        return self.low + value * (self.high - self.low)

    def entropy(self) -> Any:
        return mg.log(self.high - self.low)


class Laplace(_LocScale):
    """The density exp(-|x - loc| / scale) / (2 scale).

    >>> import microgradient as mg
    >>> mg.distributions.Laplace(0.0, 1.0).variance.item()
    2.0
    """

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return 2 * self.scale**2

    def _standard_icdf(self, u: Any) -> Any:
        centered = u - 0.5
        return -mg.sign(centered) * mg.log1p(-2 * mg.abs(centered))

    def log_prob(self, value: Any) -> Any:
        return -mg.abs(self._standardized(value)) - mg.log(2 * self.scale)

    def cdf(self, value: Any) -> Any:
        z = self._standardized(value)
        return 0.5 - 0.5 * mg.sign(z) * mg.expm1(-mg.abs(z))

    def entropy(self) -> Any:
        return 1 + mg.log(2 * self.scale)


class Cauchy(_LocScale):
    """The density 1 / (π scale (1 + ((x - loc) / scale)²)), which has no mean.

    >>> import microgradient as mg
    >>> round(mg.distributions.Cauchy(0.0, 1.0).cdf(1.0).item(), 4)
    0.75
    """

    @property
    def mean(self) -> Any:
        return math.nan * self.loc

    @property
    def variance(self) -> Any:
        return math.inf + 0 * self.scale

    def _standard_icdf(self, u: Any) -> Any:
        return mg.tan(math.pi * (u - 0.5))

    def log_prob(self, value: Any) -> Any:
        return -math.log(math.pi) - mg.log(self.scale) - mg.log1p(self._standardized(value) ** 2)

    def cdf(self, value: Any) -> Any:
        return mg.atan(self._standardized(value)) / math.pi + 0.5

    def entropy(self) -> Any:
        return math.log(4 * math.pi) + mg.log(self.scale)


class HalfCauchy(Distribution):
    """|X| for a Cauchy X around 0: the density 2 / (π scale (1 + (x / scale)²)) for x ≥ 0.

    >>> import microgradient as mg
    >>> round(mg.distributions.HalfCauchy(1.0).cdf(1.0).item(), 4)
    0.5
    """

    arg_constraints: ClassVar[Any] = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        self.scale: Any
        self._broadcast(validate_args, scale=scale)

    @property
    def mean(self) -> Any:
        return math.inf + 0 * self.scale

    @property
    def mode(self) -> Any:
        return mg.zeros_like(self.scale)

    @property
    def variance(self) -> Any:
        return math.inf + 0 * self.scale

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.icdf(draws.open_uniform(self._extended_shape(sample_shape), self.scale))

    def log_prob(self, value: Any) -> Any:
        value = self._validate_sample(value)
        density = math.log(2 / math.pi) - mg.log(self.scale) - mg.log1p((value / self.scale) ** 2)
        return mg.where(value >= 0, density, -math.inf)

    def cdf(self, value: Any) -> Any:
        return 2 / math.pi * mg.atan(self._validate_sample(value) / self.scale)

    def icdf(self, value: Any) -> Any:
        return self.scale * mg.tan(math.pi / 2 * mg.asarray(value))

    def entropy(self) -> Any:
        return math.log(2 * math.pi) + mg.log(self.scale)


class Gumbel(_LocScale):
    """The distribution of maxima: exp(-exp(-z)) is the probability of at most z = (x - loc) / scale.

    >>> import microgradient as mg
    >>> round(mg.distributions.Gumbel(0.0, 1.0).mean.item(), 4)  # Euler's constant
    0.5772
    """

    @property
    def mean(self) -> Any:
        return self.loc + self.scale * EULER

    @property
    def stddev(self) -> Any:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Any:
        return self.stddev**2

    def _standard_icdf(self, u: Any) -> Any:
        return -mg.log(-mg.log(u))

    def log_prob(self, value: Any) -> Any:
        z = self._standardized(value)
        return -z - mg.exp(-z) - mg.log(self.scale)

    def cdf(self, value: Any) -> Any:
        return mg.exp(-mg.exp(-self._standardized(value)))

    def entropy(self) -> Any:
        return mg.log(self.scale) + 1 + EULER
