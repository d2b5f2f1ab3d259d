"""Normal, LogNormal, LogisticNormal, HalfNormal."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from . import constraints, draws
from .combined import TransformedDistribution
from .distribution import Distribution, broadcast
from .transforms import AbsTransform, ExpTransform, StickBreakingTransform

_ROOT_2 = math.sqrt(2)


class Normal(Distribution):
    """The normal distribution with mean μ (`loc`) and standard deviation σ (`scale`): exp(-(x - μ)² / 2σ²) / (σ √2π).

    >>> import microgradient as mg
    >>> d = mg.distributions.Normal(1.0, 2.0)
    >>> d.cdf(1.0).item(), d.stddev.item()
    (0.5, 2.0)
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc: Any
        self.scale: Any
        self._broadcast(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def stddev(self) -> Any:
        return self.scale

    @property
    def variance(self) -> Any:
        return self.scale**2

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.loc + self.scale * draws.normal(self._extended_shape(sample_shape), self.loc)

    def log_prob(self, value: Any) -> Any:
        value = self._validate_sample(value)
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - mg.log(self.scale) - math.log(2 * math.pi) / 2

    def cdf(self, value: Any) -> Any:
        value = self._validate_sample(value)
        return 0.5 * (1 + mg.erf((value - self.loc) / self.scale / _ROOT_2))

    def icdf(self, value: Any) -> Any:
        return self.loc + self.scale * mg.erfinv(2 * mg.asarray(value) - 1) * _ROOT_2

    def entropy(self) -> Any:
        return 0.5 + 0.5 * math.log(2 * math.pi) + mg.log(self.scale)


class LogNormal(TransformedDistribution):
    """exp(X) for a normal X with mean `loc` and standard deviation `scale`.

    >>> import microgradient as mg
    >>> mg.distributions.LogNormal(0.0, 1.0).cdf(1.0).item()
    0.5
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    @property
    def loc(self) -> Any:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Any:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Any:
        return mg.exp(self.loc + self.scale**2 / 2)

    @property
    def mode(self) -> Any:
        return mg.exp(self.loc - self.scale**2)

    @property
    def variance(self) -> Any:
        return mg.expm1(self.scale**2) * mg.exp(2 * self.loc + self.scale**2)

    def entropy(self) -> Any:
        return self.base_dist.entropy() + self.loc


class LogisticNormal(TransformedDistribution):
    """Shares that add up to 1: `StickBreakingTransform` of normal vectors, one place longer than `loc`.

    >>> import microgradient as mg
    >>> round(mg.sum(mg.distributions.LogisticNormal(mg.zeros(3), mg.ones(3)).sample()).item(), 4)
    1.0
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args)
        super().__init__(base if base.batch_shape else base.expand((1,)), StickBreakingTransform(), validate_args)

    @property
    def loc(self) -> Any:
        """The means of the normal vectors."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Any:
        """Their standard deviations."""
        return self.base_dist.base_dist.scale


class HalfNormal(TransformedDistribution):
    """|X| for a normal X with mean 0 and standard deviation `scale`.

    >>> import microgradient as mg
    >>> round(mg.distributions.HalfNormal(1.0).mean.item(), 4)  # √(2 / π)
    0.7979
    """

    arg_constraints: ClassVar[Any] = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        (scale,) = broadcast(scale)
        super().__init__(Normal(mg.zeros_like(scale), scale, False), AbsTransform(), validate_args)
        self._check_parameter("scale", scale, constraints.positive)

    @property
    def scale(self) -> Any:
        """The standard deviation of X."""
        return self.base_dist.scale

    @property
    def mean(self) -> Any:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Any:
        return mg.zeros_like(self.scale)

    @property
    def variance(self) -> Any:
        return self.scale**2 * (1 - 2 / math.pi)

    def log_prob(self, value: Any) -> Any:
        value = self._validate_sample(value)
        return mg.where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Any) -> Any:
        return 2 * self.base_dist.cdf(self._validate_sample(value)) - 1

    def icdf(self, value: Any) -> Any:
        return self.base_dist.icdf((mg.asarray(value) + 1) / 2)

    def entropy(self) -> Any:
        return self.base_dist.entropy() - math.log(2)
