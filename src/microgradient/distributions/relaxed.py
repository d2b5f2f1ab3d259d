"""RelaxedBernoulli, RelaxedOneHotCategorical: choices that can be differentiated, sharper at a low temperature.

Maddison, Mnih and Teh, "The concrete distribution" (2017); Jang, Gu and Poole, "Categorical reparameterization with
Gumbel-softmax" (2017).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from . import constraints, draws
from .chances import WithChances
from .combined import TransformedDistribution
from .distribution import broadcast
from .transforms import ExpTransform, SigmoidTransform


class LogitRelaxedBernoulli(WithChances):
    """The logits of `RelaxedBernoulli`: (logits + a logistic number) / temperature.

    >>> import microgradient as mg
    >>> mg.distributions.LogitRelaxedBernoulli(mg.tensor(1.0), 0.5).rsample((3,)).shape
    (3,)
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        chances = self._take_chances(probs, logits)
        (self.temperature,) = broadcast(temperature)
        super().__init__(tuple(chances.shape), validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Any:
        logits = self.logits
        u = draws.open_uniform(self._extended_shape(sample_shape), logits)
        return (mg.log(u) - mg.log1p(-u) + logits) / self.temperature

    def log_prob(self, value: Any) -> Any:
        value, logits = mg.broadcast_arrays(self._validate_sample(value), self.logits)
        difference = logits - value * self.temperature
        return mg.log(self.temperature) + difference - 2 * mg.softplus(difference)


class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1, near the ends at a low `temperature`, 1 with about the probability `probs`.

    >>> import microgradient as mg
    >>> mg.distributions.RelaxedBernoulli(mg.tensor(1.0), 0.5).rsample((3,)).shape
    (3,)
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(
            LogitRelaxedBernoulli(temperature, probs, logits, validate_args), SigmoidTransform(), validate_args
        )

    @property
    def temperature(self) -> Any:
        """How soft the choice is."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Any:
        """The probability of 1."""
        return self.base_dist.probs

    @property
    def logits(self) -> Any:
        """The logarithm of the odds of 1."""
        return self.base_dist.logits


class ExpRelaxedCategorical(WithChances):
    """The logarithms of `RelaxedOneHotCategorical`.

    >>> import microgradient as mg
    >>> d = mg.distributions.ExpRelaxedCategorical(mg.tensor(1.0), mg.tensor([0.5, 0.5]))
    >>> round(mg.sum(mg.exp(d.rsample())).item(), 4)
    1.0
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True
    several = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        shape = tuple(self._take_chances(probs, logits).shape)
        (self.temperature,) = broadcast(temperature)
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def rsample(self, sample_shape: Any = ()) -> Any:
        logits = self.logits
        gumbel = -mg.log(-mg.log(draws.open_uniform(self._extended_shape(sample_shape), logits)))
        scores = (logits + gumbel) / self.temperature
        return scores - mg.logsumexp(scores, axis=-1, keepdims=True)

    def log_prob(self, value: Any) -> Any:
        logits, value = mg.broadcast_arrays(self.logits, self._validate_sample(value))
        k = self._event_shape[-1]
        scale = math.lgamma(k) + (k - 1) * mg.log(self.temperature)
        score = logits - value * self.temperature
        return mg.sum(score - mg.logsumexp(score, axis=-1, keepdims=True), axis=-1) + scale


class RelaxedOneHotCategorical(TransformedDistribution):
    """Shares of categories that add up to 1, at a low `temperature` near a 1 for one of them.

    >>> import microgradient as mg
    >>> d = mg.distributions.RelaxedOneHotCategorical(mg.tensor(1.0), mg.tensor([0.5, 0.5]))
    >>> round(mg.sum(d.rsample()).item(), 4)
    1.0
    """

    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        super().__init__(
            ExpRelaxedCategorical(temperature, probs, logits, validate_args), ExpTransform(), validate_args
        )

    @property
    def temperature(self) -> Any:
        """How soft the choice is."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Any:
        """The probabilities of the categories."""
        return self.base_dist.probs

    @property
    def logits(self) -> Any:
        """Their logarithms."""
        return self.base_dist.logits
