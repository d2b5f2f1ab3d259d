"""`torch.distributions`: what `microgradient.distributions` has, with tensors of this package and PyTorch's random numbers.

Every module of PyTorch's (`torch.distributions.categorical`, …) is this one.
"""

from __future__ import annotations

import inspect
import math
import sys
from typing import Any

from .. import distributions as _distributions
from ..distributions import constraint_registry as constraint_registry
from ..distributions import constraints as constraints
from ..distributions import transforms as transforms
from .creation import arange, tensor
from .random import sharing
from .random_sampling import multinomial as _multinomial
from .tensor import adopt


def _moment(name: str) -> Any:
    return property(lambda self: adopt(getattr(super(_Drawn, self), name)))


class _Drawn:
    """Draws from PyTorch's generator, and moments that are tensors of this package."""

    def sample(self, sample_shape: Any = ()) -> Any:
        """Samples, which are constants."""
        with sharing():
            return adopt(super().sample(sample_shape))  # type: ignore[misc]

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Samples that can be differentiated in the parameters."""
        with sharing():
            return adopt(super().rsample(sample_shape))  # type: ignore[misc]

    def sample_n(self, n: int) -> Any:
        """`n` samples."""
        return self.sample((n,))

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values that a sample can have."""
        return adopt(super().enumerate_support(expand))  # type: ignore[misc]

    mean, mode, variance, stddev = map(_moment, ("mean", "mode", "variance", "stddev"))


def _derived(base: type) -> type:
    """The distribution for tensors of this package: numbers among its parameters become such."""
    signature = inspect.signature(base)

    def initialize(self: Any, *args: Any, **options: Any) -> None:
        given = signature.bind(*args, **options).arguments
        for name in base.arg_constraints.keys() & given.keys():  # type: ignore[attr-defined]
            if isinstance(given[name], int | float) and not isinstance(given[name], bool):
                given[name] = tensor(float(given[name]))
        base.__init__(self, **given)  # type: ignore[misc]

    own = {"__init__": initialize, "__doc__": base.__doc__, "__module__": __name__} | _AS_PYTORCH.get(base.__name__, {})
    return type(base.__name__, (_Drawn, base), own)


def _categories(self: Any, sample_shape: Any) -> Any:
    probs, shape = self.probs.detach(), tuple(sample_shape)
    drawn = _multinomial(probs.reshape(-1, probs.shape[-1]), math.prod(shape), True)
    return drawn.T.reshape(*shape, *probs.shape[:-1])


def _bernoulli(self: Any, sample_shape: Any = ()) -> Any:
    """Zeros and ones."""
    return self.probs.detach().expand(*sample_shape, *self.batch_shape).bernoulli()


def _counts(self: Any, sample_shape: Any = ()) -> Any:
    """How often each category was drawn."""
    n = self.probs.shape[-1]
    drawn = _categories(self, (self.total_count, *sample_shape))
    return (drawn[..., None] == arange(n)).sum(0).to(self.probs.dtype)


def _empty(self: Any, like: Any, sample_shape: Any) -> Any:
    return like.new_empty((*sample_shape, *self.batch_shape))


def _cauchy(self: Any, sample_shape: Any = ()) -> Any:
    """Samples that can be differentiated."""
    return self.loc + _empty(self, self.scale, sample_shape).cauchy_() * self.scale


def _half_cauchy(self: Any, sample_shape: Any = ()) -> Any:
    """Samples that can be differentiated."""
    return (_empty(self, self.scale, sample_shape).cauchy_() * self.scale).abs()


def _exponential(self: Any, sample_shape: Any = ()) -> Any:
    """Samples that can be differentiated in the rate."""
    return _empty(self, self.rate, sample_shape).exponential_() / self.rate


def _weibull(self: Any, sample_shape: Any = ()) -> Any:
    """Samples that can be differentiated."""
    return self.scale * _empty(self, self.scale, sample_shape).exponential_() ** (1 / self.concentration)


def _pareto(self: Any, sample_shape: Any = ()) -> Any:
    """Samples that can be differentiated."""
    return self.scale * (_empty(self, self.alpha, sample_shape).exponential_() / self.alpha).exp()


def _kumaraswamy(self: Any, sample_shape: Any = ()) -> Any:
    """Samples that can be differentiated."""
    u = _empty(self, self.concentration1, sample_shape).uniform_()
    return (1 - u ** (1 / self.concentration0)) ** (1 / self.concentration1)


def _drawn_by(rsample: Any) -> dict[str, Any]:
    return {"rsample": rsample, "sample": lambda self, sample_shape=(): rsample(self, sample_shape).detach()}


_AS_PYTORCH: dict[str, dict[str, Any]] = {  # what PyTorch draws in ways of its own
    "Categorical": {"_categories": _categories},
    "OneHotCategorical": {"_categories": _categories},
    "OneHotCategoricalStraightThrough": {"_categories": _categories},
    "Bernoulli": {"sample": _bernoulli},
    "Multinomial": {"sample": _counts},
    "Cauchy": _drawn_by(_cauchy),
    "HalfCauchy": _drawn_by(_half_cauchy),
    "Exponential": _drawn_by(_exponential),
    "Weibull": _drawn_by(_weibull),
    "Pareto": _drawn_by(_pareto),
    "Kumaraswamy": _drawn_by(_kumaraswamy),
}


__all__ = list(_distributions.__all__)
for _name in __all__:
    _thing = getattr(_distributions, _name)
    if (
        inspect.isclass(_thing)
        and issubclass(_thing, _distributions.Distribution)
        and hasattr(_thing, "arg_constraints")
    ):
        _thing = _derived(_thing)
    globals()[_name] = _thing

_MODULES = """
bernoulli beta binomial categorical cauchy chi2 continuous_bernoulli dirichlet distribution exponential fishersnedecor
gamma geometric gumbel half_cauchy half_normal independent inverse_gamma kl kumaraswamy laplace log_normal logistic_normal
lowrank_multivariate_normal mixture_same_family multinomial multivariate_normal negative_binomial normal pareto poisson
one_hot_categorical relaxed_bernoulli relaxed_categorical studentT transformed_distribution uniform von_mises weibull
"""
globals().update(dict.fromkeys(_MODULES.split(), sys.modules[__name__]))
