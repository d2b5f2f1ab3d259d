"""Categorical, OneHotCategorical, Multinomial: one of several, or counts of them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from ..errors import ArgumentError
from . import constraints, draws
from .chances import WithChances
from .counts import Binomial

_CHANCES = {"probs": constraints.simplex, "logits": constraints.real_vector}


class Categorical(WithChances):
    """The numbers of categories, 0 to n - 1, with the probabilities along the last axis of `probs`, or
    softmax(`logits`).

    `probs` need not add up to 1.

    >>> import microgradient as mg
    >>> d = mg.distributions.Categorical(mg.tensor([1.0, 3.0]))
    >>> round(mg.exp(d.log_prob(1)).item(), 4)
    0.75
    """

    arg_constraints: ClassVar[Any] = _CHANCES
    several = True
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        chances = self._take_chances(probs, logits)
        super().__init__(tuple(chances.shape)[:-1], validate_args=validate_args)

    @property
    def support(self) -> Any:
        """The numbers of the categories."""
        return constraints.integer_interval(0, self._count - 1)

    @property
    def _count(self) -> int:
        return int(self._held("probs" if self._probs is not None else "logits").shape[-1])

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of `probs`."""
        return (*self._batch_shape, self._count)

    @property
    def mean(self) -> Any:
        return mg.full(self._batch_shape, float("nan"), dtype=self.probs.dtype)

    @property
    def mode(self) -> Any:
        return mg.argmax(self.probs, axis=-1)

    @property
    def variance(self) -> Any:
        return self.mean

    def sample(self, sample_shape: Any = ()) -> Any:
        return self._categories(sample_shape)

    def _categories(self, sample_shape: Any) -> Any:
        probs = mg.stop_gradient(self.probs)
        ends = mg.cumulative_sum(probs, axis=-1)
        u = draws.uniform((*tuple(sample_shape), *self._batch_shape), probs)[..., None] * ends[..., -1:]
        chosen = mg.sum(mg.astype(ends <= u, mg.int64), axis=-1)
        last = mg.sum(mg.astype(ends < ends[..., -1:], mg.int64), axis=-1)  # the last category that may come
        return mg.minimum(chosen, last)

    def log_prob(self, value: Any) -> Any:
        value = mg.astype(self._validate_sample(value), mg.int64)[..., None]
        logits = self.logits
        shape = mg.broadcast_shapes(tuple(value.shape)[:-1], tuple(logits.shape)[:-1])
        value, logits = mg.broadcast_to(value, (*shape, 1)), mg.broadcast_to(logits, (*shape, self._count))
        return mg.take_along_axis(logits, value, axis=-1)[..., 0]

    def entropy(self) -> Any:
        logits = mg.maximum(self.logits, float(mg.finfo(self.logits.dtype).min))
        return -mg.sum(logits * self.probs, axis=-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        values = mg.reshape(mg.arange(self._count), (-1, *[1] * len(self._batch_shape)))
        return mg.broadcast_to(values, (self._count, *self._batch_shape)) if expand else values


class OneHotCategorical(Categorical):
    """A 1 in the place of the category, and otherwise 0.

    >>> import microgradient as mg
    >>> mg.distributions.OneHotCategorical(mg.tensor([0.0, 1.0])).sample().tolist()
    [0.0, 1.0]
    """

    support = constraints.one_hot

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        chances = self._take_chances(probs, logits)
        WithChances.__init__(self, tuple(chances.shape)[:-1], tuple(chances.shape)[-1:], validate_args)

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        return self._one_hot(mg.argmax(self.probs, axis=-1))

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def _one_hot(self, category: Any) -> Any:
        return mg.astype(category[..., None] == mg.arange(self._count), self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Any:
        return self._one_hot(self._categories(sample_shape))

    def log_prob(self, value: Any) -> Any:
        return mg.sum(mg.where(self._validate_sample(value) == 0, 0.0, self.logits), axis=-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        n = self._count
        values = mg.reshape(mg.eye(n, dtype=self.probs.dtype), (n, *[1] * len(self._batch_shape), n))
        return mg.broadcast_to(values, (n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """OneHotCategorical whose samples have the derivative of the probabilities.

    Bengio, Léonard and Courville, "Estimating or propagating gradients through stochastic neurons" (2013).

    >>> import microgradient as mg
    >>> mg.distributions.OneHotCategoricalStraightThrough(mg.tensor([0.0, 1.0])).rsample().tolist()
    [0.0, 1.0]
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Any:
        probs = self.probs
        return self.sample(sample_shape) + (probs - mg.stop_gradient(probs))


class Multinomial(WithChances):
    """How often each category comes in `total_count` draws.

    >>> import microgradient as mg
    >>> mg.distributions.Multinomial(8, mg.tensor([1.0, 3.0])).mean.tolist()
    [2.0, 6.0]
    """

    arg_constraints: ClassVar[Any] = _CHANCES
    several = True

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.total_count = int(total_count)
        if self.total_count < 0:
            raise ArgumentError("MG157", f"A Multinomial counts total_count ≥ 0 draws, got {total_count}.")
        chances = self._take_chances(probs, logits)
        shape = tuple(chances.shape)
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def support(self) -> Any:
        """Counts of `total_count` draws."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Any:
        return self.probs * self.total_count

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        probs = mg.stop_gradient(self.probs)
        total = mg.full((), self.total_count, dtype=probs.dtype)
        return draws.drawn(_multinomial, shape, mg.broadcast_to(probs, shape), total)

    def log_prob(self, value: Any) -> Any:
        logits, value = mg.broadcast_arrays(self.logits, self._validate_sample(value))
        ways = mg.lgamma(mg.sum(value, axis=-1) + 1) - mg.sum(mg.lgamma(value + 1), axis=-1)
        impossible = (value == 0) & (logits == -float("inf"))
        return ways + mg.sum(mg.where(impossible, 0.0, logits) * value, axis=-1)

    def entropy(self) -> Any:
        """n times that of a draw, less the logarithm of how many orders of draws give the same counts, on average."""
        n = self.total_count
        single = Categorical(probs=self.probs, validate_args=False).entropy()
        counts = mg.arange(1, n + 1, dtype=self.probs.dtype)
        counts = mg.reshape(counts, (n, *[1] * len(self.probs.shape)))
        chances = mg.exp(Binomial(n, probs=self.probs, validate_args=False).log_prob(counts))
        terms = mg.sum(chances * mg.lgamma(counts + 1), axis=(0, -1))
        return n * single - math.lgamma(n + 1) + terms


def _multinomial(generator: Any, probs: Any, total: Any) -> Any:
    return generator.multinomial(int(total), probs / probs.sum(-1, keepdims=True))
