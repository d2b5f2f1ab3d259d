"""Bernoulli, Geometric, Binomial, NegativeBinomial, Poisson, ContinuousBernoulli: how often, or how long until."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from . import constraints, draws
from .chances import WithChances
from .distribution import Distribution


class Bernoulli(WithChances):
    """1 with the probability `probs` = sigmoid(`logits`), and otherwise 0.

    >>> import microgradient as mg
    >>> mg.distributions.Bernoulli(0.25).variance.item()
    0.1875
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        chances = self._take_chances(probs, logits)
        super().__init__(tuple(chances.shape), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        probs = self.probs
        return mg.where(probs == 0.5, math.nan, mg.astype(probs > 0.5, probs.dtype))

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        probs = mg.stop_gradient(self.probs)
        return mg.astype(draws.uniform(self._extended_shape(sample_shape), probs) < probs, probs.dtype)

    def log_prob(self, value: Any) -> Any:
        value, logits = self._validate_sample(value), self.logits
        return value * logits - mg.softplus(logits)

    def entropy(self) -> Any:
        return mg.softplus(self.logits) - self.probs * self.logits

    def enumerate_support(self, expand: bool = True) -> Any:
        values = mg.reshape(mg.asarray([0.0, 1.0], dtype=self.probs.dtype), (2, *[1] * len(self._batch_shape)))
        return mg.broadcast_to(values, (2, *self._batch_shape)) if expand else values


class Geometric(WithChances):
    """How many trials fail before the first that succeeds, each with the probability `probs`: (1 - p)^k p.

    >>> import microgradient as mg
    >>> mg.distributions.Geometric(0.25).mean.item()
    3.0
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        chances = self._take_chances(probs, logits)
        super().__init__(tuple(chances.shape), validate_args=validate_args)
        if probs is not None:
            self._check_parameter("probs", chances, constraints.positive)

    @property
    def mean(self) -> Any:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Any:
        return mg.zeros_like(self.probs)

    @property
    def variance(self) -> Any:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = ()) -> Any:
        probs = mg.stop_gradient(self.probs)
        u = draws.open_uniform(self._extended_shape(sample_shape), probs)
        return mg.floor(mg.log(u) / mg.log1p(-probs))

    def log_prob(self, value: Any) -> Any:
        value, probs = self._validate_sample(value), self.probs
        failures = mg.where(
            (probs == 1) & (value == 0), 0.0, mg.log1p(-mg.where((probs == 1) & (value == 0), 0.0, probs))
        )
        return value * failures + mg.log(probs)

    def entropy(self) -> Any:
        return (mg.softplus(self.logits) - self.probs * self.logits) / self.probs


class Binomial(WithChances):
    """How many of `total_count` trials succeed, each with the probability `probs`.

    >>> import microgradient as mg
    >>> mg.distributions.Binomial(4, 0.25).mean.item()
    1.0
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.nonnegative_integer, "probs": constraints.unit_interval, "logits": constraints.real,
    }  # fmt: skip
    has_enumerate_support = True

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.total_count: Any
        chances = self._take_chances(probs, logits, total_count=total_count)
        super().__init__(tuple(chances.shape), validate_args=validate_args)

    @property
    def support(self) -> Any:
        """Whole numbers up to `total_count`."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Any:
        return self.total_count * self.probs

    @property
    def mode(self) -> Any:
        return mg.minimum(mg.floor((self.total_count + 1) * self.probs), self.total_count)

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        probs, total = (mg.broadcast_to(mg.stop_gradient(x), shape) for x in (self.probs, self.total_count))
        return draws.drawn(_binomial, shape, probs, total)

    def log_prob(self, value: Any) -> Any:
        value, n, logits = self._validate_sample(value), self.total_count, self.logits
        ways = mg.lgamma(n + 1) - mg.lgamma(value + 1) - mg.lgamma(n - value + 1)
        return ways + value * logits - n * mg.softplus(logits)

    def entropy(self) -> Any:
        """The sum over all counts, which have to be the same in the whole batch."""
        return -mg.sum(mg.exp(terms := self.log_prob(self.enumerate_support(False))) * terms, axis=0)

    def enumerate_support(self, expand: bool = True) -> Any:
        total = int(mg.max(self.total_count).item())
        if not bool(mg.all(self.total_count == total)):
            raise self._missing("enumerate_support with different counts")
        values = mg.reshape(mg.arange(total + 1, dtype=self.probs.dtype), (-1, *[1] * len(self._batch_shape)))
        return mg.broadcast_to(values, (total + 1, *self._batch_shape)) if expand else values


class NegativeBinomial(WithChances):
    """How many trials succeed, each with the probability `probs`, before `total_count` have failed; that may be any
    positive number.

    >>> import microgradient as mg
    >>> mg.distributions.NegativeBinomial(3.0, 0.5).mean.item()
    3.0
    """

    arg_constraints: ClassVar[Any] = {
        "total_count": constraints.nonnegative, "probs": constraints.half_open_interval(0.0, 1.0), "logits": constraints.real,
    }  # fmt: skip
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.total_count: Any
        chances = self._take_chances(probs, logits, total_count=total_count)
        super().__init__(tuple(chances.shape), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.total_count * mg.exp(self.logits)

    @property
    def mode(self) -> Any:
        return mg.clip(mg.floor((self.total_count - 1) * mg.exp(self.logits)), 0)

    @property
    def variance(self) -> Any:
        return self.mean * (1 + mg.exp(self.logits))

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        total, odds = (mg.broadcast_to(mg.stop_gradient(x), shape) for x in (self.total_count, mg.exp(self.logits)))
        return draws.drawn(_negative_binomial, shape, total, odds)

    def log_prob(self, value: Any) -> Any:
        value, n, logits = self._validate_sample(value), self.total_count, self.logits
        chance = -n * mg.softplus(logits) - value * mg.softplus(-logits)
        ways = mg.lgamma(n + value) - mg.lgamma(1 + value) - mg.lgamma(n)
        return chance + mg.where(n + value == 0, 0.0, ways)


class Poisson(Distribution):
    """How often something happens that happens at `rate`: rate^k exp(-rate) / k!.

    >>> import microgradient as mg
    >>> mg.distributions.Poisson(2.5).variance.item()
    2.5
    """

    arg_constraints: ClassVar[Any] = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self.rate: Any
        self._broadcast(validate_args, rate=rate)

    @property
    def mean(self) -> Any:
        return self.rate

    @property
    def mode(self) -> Any:
        return mg.floor(self.rate)

    @property
    def variance(self) -> Any:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return draws.drawn(_poisson, shape, mg.broadcast_to(mg.stop_gradient(self.rate), shape))

    def log_prob(self, value: Any) -> Any:
        rate, value = mg.broadcast_arrays(self.rate, self._validate_sample(value))
        certain = (rate == 0) & (value == 0)
        return mg.where(certain, 0.0, value * mg.log(mg.where(certain, 1.0, rate))) - rate - mg.lgamma(value + 1)


class ContinuousBernoulli(WithChances):
    """Numbers between 0 and 1 with a density in proportion to p^x (1 - p)^(1-x): a model of grey pixels.

    Loaiza-Ganem and Cunningham, "The continuous Bernoulli: fixing a pervasive error in variational autoencoders"
    (2019).

    >>> import microgradient as mg
    >>> mg.distributions.ContinuousBernoulli(0.5).log_prob(0.3).item()  # p = ½ is uniform
    0.0
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        chances = self._take_chances(probs, logits)
        if self._probs is not None:
            eps = float(mg.finfo(chances.dtype).eps)
            self._probs = mg.clip(chances, eps, 1 - eps)
        self._lims = lims
        super().__init__(tuple(chances.shape), validate_args=validate_args)

    def _steep(self) -> tuple[Any, Any, Any]:
        """Where p is far enough from ½ for the formulas; p there, and elsewhere an end of `lims`; and how far p is from ½."""
        probs = self.probs
        outside = (probs <= self._lims[0]) | (probs > self._lims[1])
        return outside, mg.where(outside, probs, self._lims[0]), probs - 0.5

    def _log_constant(self) -> Any:
        outside, p, x = self._steep()
        exact = mg.log(mg.abs(mg.log1p(-p) - mg.log(p))) - mg.log(mg.abs(1 - 2 * p))
        return mg.where(outside, exact, math.log(2) + (4 / 3 + 104 / 45 * x**2) * x**2)

    @property
    def mean(self) -> Any:
        outside, p, x = self._steep()
        return mg.where(outside, p / (2 * p - 1) + 1 / (mg.log1p(-p) - mg.log(p)), 0.5 + (1 / 3 + 16 / 45 * x**2) * x)

    @property
    def variance(self) -> Any:
        outside, p, x = self._steep()
        exact = p * (p - 1) / (1 - 2 * p) ** 2 + (mg.log1p(-p) - mg.log(p)) ** -2.0
        return mg.where(outside, exact, 1 / 12 - (1 / 15 - 128 / 945 * x**2) * x**2)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.icdf(draws.open_uniform(self._extended_shape(sample_shape), self.probs))

    def log_prob(self, value: Any) -> Any:
        value, logits = self._validate_sample(value), self.logits
        return value * logits - mg.softplus(logits) + self._log_constant()

    def cdf(self, value: Any) -> Any:
        value = self._validate_sample(value)
        outside, p, _ = self._steep()
        exact = (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1)
        return mg.clip(mg.where(outside, exact, value), 0, 1)

    def icdf(self, value: Any) -> Any:
        outside, p, _ = self._steep()
        exact = (mg.log1p(-p + value * (2 * p - 1)) - mg.log1p(-p)) / (mg.log(p) - mg.log1p(-p))
        return mg.where(outside, exact, value)

    def entropy(self) -> Any:
        log_q = mg.log1p(-self.probs)
        return self.mean * (log_q - mg.log(self.probs)) - self._log_constant() - log_q


def _binomial(generator: Any, probs: Any, total: Any) -> Any:
    return generator.binomial(total.astype("int64"), probs)


def _negative_binomial(generator: Any, total: Any, odds: Any) -> Any:
    return generator.poisson(generator.standard_gamma(total) * odds)


def _poisson(generator: Any, rate: Any) -> Any:
    return generator.poisson(rate)
