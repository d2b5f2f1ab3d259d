"""Gamma, Chi2, Beta, Dirichlet, StudentT, FisherSnedecor, InverseGamma: what gamma distributed numbers make."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from .. import special
from . import constraints, draws
from .distribution import Distribution, broadcast


class Gamma(Distribution):
    """The density rate^α x^(α-1) exp(-rate x) / Γ(α), with α the `concentration`.

    Samples are differentiated implicitly: a sample keeps its quantile as α changes. Figurnov, Mohamed and Mnih,
    "Implicit reparameterization gradients" (2018).

    >>> import microgradient as mg
    >>> d = mg.distributions.Gamma(6.0, 2.0)
    >>> d.mean.item(), d.variance.item()
    (3.0, 1.5)
    """

    arg_constraints: ClassVar[Any] = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration: Any
        self.rate: Any
        self._broadcast(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Any:
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        return mg.clip((self.concentration - 1) / self.rate, 0)

    @property
    def variance(self) -> Any:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Any = ()) -> Any:
        logarithm = draws.log_gamma_sample(self.concentration, self._extended_shape(sample_shape))
        return mg.maximum(mg.exp(logarithm) / self.rate, float(mg.finfo(self.rate.dtype).smallest_normal))

    def log_prob(self, value: Any) -> Any:
        a, rate, value = self.concentration, self.rate, self._validate_sample(value)
        return a * mg.log(rate) + special.xlogy(a - 1, value) - rate * value - mg.lgamma(a)

    def entropy(self) -> Any:
        a = self.concentration
        return a - mg.log(self.rate) + mg.lgamma(a) + (1 - a) * mg.digamma(a)

    def cdf(self, value: Any) -> Any:
        return special.gammainc(self.concentration, self.rate * self._validate_sample(value))


class Chi2(Gamma):
    """The sum of the squares of `df` standard normal numbers.

    >>> import microgradient as mg
    >>> mg.distributions.Chi2(3.0).mean.item()
    3.0
    """

    arg_constraints: ClassVar[Any] = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (df,) = broadcast(df)
        super().__init__(0.5 * df, 0.5, validate_args)
        self._check_parameter("df", df, constraints.positive)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape)
        new.concentration, new.rate = (mg.broadcast_to(x, tuple(batch_shape)) for x in (self.concentration, self.rate))
        return new

    @property
    def df(self) -> Any:
        """How many squares."""
        return self.concentration * 2


class InverseGamma(Distribution):
    """1 / X for a gamma distributed X: the density rate^α x^(-α-1) exp(-rate / x) / Γ(α).

    >>> import microgradient as mg
    >>> mg.distributions.InverseGamma(3.0, 4.0).mean.item()
    2.0
    """

    arg_constraints: ClassVar[Any] = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration: Any
        self.rate: Any
        self._broadcast(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Any:
        return mg.where(self.concentration > 1, self.rate / (self.concentration - 1), math.inf)

    @property
    def mode(self) -> Any:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Any:
        a = self.concentration
        return mg.where(a > 2, self.rate**2 / ((a - 1) ** 2 * (a - 2)), math.inf)

    def rsample(self, sample_shape: Any = ()) -> Any:
        logarithm = draws.log_gamma_sample(self.concentration, self._extended_shape(sample_shape))
        return self.rate * mg.exp(-logarithm)

    def log_prob(self, value: Any) -> Any:
        a, rate, value = self.concentration, self.rate, self._validate_sample(value)
        return a * mg.log(rate) - (a + 1) * mg.log(value) - rate / value - mg.lgamma(a)

    def entropy(self) -> Any:
        a = self.concentration
        return a + mg.log(self.rate) + mg.lgamma(a) - (1 + a) * mg.digamma(a)

    def cdf(self, value: Any) -> Any:
        return special.gammaincc(self.concentration, self.rate / self._validate_sample(value))


class Beta(Distribution):
    """The density x^(a-1) (1 - x)^(b-1) Γ(a + b) / (Γ(a) Γ(b)) between 0 and 1; a is `concentration1`, b
    `concentration0`.

    >>> import microgradient as mg
    >>> mg.distributions.Beta(1.0, 3.0).mean.item()
    0.25
    """

    arg_constraints: ClassVar[Any] = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1: Any
        self.concentration0: Any
        self._broadcast(validate_args, concentration1=concentration1, concentration0=concentration0)

    @property
    def mean(self) -> Any:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Any:
        a, b = self.concentration1, self.concentration0
        inside = (a - 1) / (a + b - 2)
        ends = mg.where((a < 1) & (b < 1) & (a == b), math.nan, mg.astype(a > b, a.dtype))
        return mg.where((a <= 1) & (b <= 1), mg.where(a == b, math.nan, ends), mg.clip(inside, 0, 1))

    @property
    def variance(self) -> Any:
        a, b = self.concentration1, self.concentration0
        return a * b / ((a + b) ** 2 * (a + b + 1))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        both = mg.stack([self.concentration1, self.concentration0], axis=-1)
        y = draws.log_gamma_sample(both, (*shape, 2))
        info = mg.finfo(y.dtype)
        return mg.clip(mg.sigmoid(y[..., 0] - y[..., 1]), float(info.smallest_normal), 1 - float(info.eps) / 2)

    def log_prob(self, value: Any) -> Any:
        a, b, value = self.concentration1, self.concentration0, self._validate_sample(value)
        normalizer = mg.lgamma(a + b) - mg.lgamma(a) - mg.lgamma(b)
        return special.xlogy(a - 1, value) + special.xlog1py(b - 1, -value) + normalizer

    def entropy(self) -> Any:
        a, b = self.concentration1, self.concentration0
        log_beta = mg.lgamma(a) + mg.lgamma(b) - mg.lgamma(a + b)
        return log_beta - (a - 1) * mg.digamma(a) - (b - 1) * mg.digamma(b) + (a + b - 2) * mg.digamma(a + b)


class Dirichlet(Distribution):
    """Shares that add up to 1, with the density Π xᵢ^(aᵢ-1) Γ(Σ aᵢ) / Π Γ(aᵢ).

    >>> import microgradient as mg
    >>> mg.distributions.Dirichlet(mg.tensor([1.0, 3.0])).mean.tolist()
    [0.25, 0.75]
    """

    arg_constraints: ClassVar[Any] = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        (self.concentration,) = broadcast(concentration)
        shape = tuple(self.concentration.shape)
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration / mg.sum(self.concentration, axis=-1, keepdims=True)

    @property
    def mode(self) -> Any:
        a = self.concentration
        left = mg.clip(a - 1, 0)
        inside = left / mg.sum(left, axis=-1, keepdims=True)
        largest = a == mg.max(a, axis=-1, keepdims=True)
        corner = mg.astype(largest & (mg.cumulative_sum(mg.astype(largest, a.dtype), axis=-1) == 1), a.dtype)
        return mg.where(mg.all(a < 1, axis=-1, keepdims=True), corner, inside)

    @property
    def variance(self) -> Any:
        a = self.concentration
        total = mg.sum(a, axis=-1, keepdims=True)
        return a * (total - a) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return mg.softmax(draws.log_gamma_sample(self.concentration, self._extended_shape(sample_shape)), axis=-1)

    def log_prob(self, value: Any) -> Any:
        a, value = self.concentration, self._validate_sample(value)
        return (
            mg.sum(special.xlogy(a - 1, value), axis=-1) + mg.lgamma(mg.sum(a, axis=-1)) - mg.sum(mg.lgamma(a), axis=-1)
        )

    def entropy(self) -> Any:
        a, k = self.concentration, self.concentration.shape[-1]
        total = mg.sum(a, axis=-1)
        log_beta = mg.sum(mg.lgamma(a), axis=-1) - mg.lgamma(total)
        return log_beta - (k - total) * mg.digamma(total) - mg.sum((a - 1) * mg.digamma(a), axis=-1)


class StudentT(Distribution):
    """loc + scale · Z / √(X / df) for a standard normal Z and a Chi2(df) X: a normal distribution with heavier tails.

    >>> import microgradient as mg
    >>> mg.distributions.StudentT(4.0).variance.item()
    2.0
    """

    arg_constraints: ClassVar[Any] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df: Any
        self.loc: Any
        self.scale: Any
        self._broadcast(validate_args, df=df, loc=loc, scale=scale)

    @property
    def mean(self) -> Any:
        return mg.where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        df = self.df
        return mg.where(df > 2, self.scale**2 * df / (df - 2), mg.where(df > 1, math.inf, math.nan))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        z = draws.normal(shape, self.df)
        half = draws.log_gamma_sample(self.df / 2, shape)
        return self.loc + self.scale * z * mg.sqrt(self.df / 2) * mg.exp(-half / 2)

    def log_prob(self, value: Any) -> Any:
        df, z = self.df, (self._validate_sample(value) - self.loc) / self.scale
        normalizer = mg.log(self.scale) + 0.5 * mg.log(df * math.pi) + mg.lgamma(df / 2) - mg.lgamma((df + 1) / 2)
        return -0.5 * (df + 1) * mg.log1p(z**2 / df) - normalizer

    def entropy(self) -> Any:
        df = self.df
        log_beta = mg.lgamma(df / 2) + math.lgamma(0.5) - mg.lgamma((df + 1) / 2)
        spread = (df + 1) / 2 * (mg.digamma((df + 1) / 2) - mg.digamma(df / 2))
        return mg.log(self.scale) + spread + 0.5 * mg.log(df) + log_beta


class FisherSnedecor(Distribution):
    """(X₁ / df1) / (X₂ / df2) for X₁ of Chi2(df1) and X₂ of Chi2(df2).

    >>> import microgradient as mg
    >>> mg.distributions.FisherSnedecor(3.0, 4.0).mean.item()
    2.0
    """

    arg_constraints: ClassVar[Any] = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1: Any
        self.df2: Any
        self._broadcast(validate_args, df1=df1, df2=df2)

    @property
    def mean(self) -> Any:
        return mg.where(self.df2 > 2, self.df2 / (self.df2 - 2), math.nan)

    @property
    def mode(self) -> Any:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mg.where(self.df1 > 2, mode, math.nan)

    @property
    def variance(self) -> Any:
        a, b = self.df1, self.df2
        variance = 2 * b**2 * (a + b - 2) / (a * (b - 2) ** 2 * (b - 4))
        return mg.where(b > 4, variance, math.nan)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        above, below = (draws.log_gamma_sample(df / 2, shape) for df in (self.df1, self.df2))
        return mg.exp(above - below) * self.df2 / self.df1

    def log_prob(self, value: Any) -> Any:
        a, b, value = self.df1 / 2, self.df2 / 2, self._validate_sample(value)
        ratio = self.df1 / self.df2
        constant = mg.lgamma(a + b) - mg.lgamma(a) - mg.lgamma(b) + a * mg.log(ratio)
        return constant + (a - 1) * mg.log(value) - (a + b) * mg.log1p(ratio * value)
