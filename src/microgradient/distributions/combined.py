"""Distributions made of distributions: Independent, TransformedDistribution, MixtureSameFamily."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import microgradient as mg

from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from . import constraints
from .composed_transforms import ComposeTransform
from .distribution import Distribution, sum_last
from .transforms import Transform


class Independent(Distribution):
    """A batch of distributions as one of their product: the last `reinterpreted_batch_ndims` axes of the batch become
    events.

    >>> import microgradient as mg
    >>> d = mg.distributions.Independent(mg.distributions.Normal(mg.zeros(3), 1.0), 1)
    >>> d.batch_shape, d.event_shape, d.log_prob(mg.zeros(3)).shape
    ((), (3,), ())
    """

    arg_constraints: ClassVar[Any] = {}

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        shape = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(shape):
            raise ShapeError(
                "MG157", f"Independent of {reinterpreted_batch_ndims} axes, and the batch has the shape {shape}."
            )
        kept = len(shape) - reinterpreted_batch_ndims
        super().__init__(shape[:kept], shape[kept:] + base_distribution.event_shape, validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has it."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether the base has it; with axes of its own, all combinations would be needed."""
        return self.base_dist.has_enumerate_support and not self.reinterpreted_batch_ndims

    @property
    def support(self) -> Any:
        """The base's, for the last axes together."""
        return constraints.independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Any:
        return self.base_dist.mean

    @property
    def mode(self) -> Any:
        return self.base_dist.mode

    @property
    def variance(self) -> Any:
        return self.base_dist.variance

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        batch_shape = tuple(batch_shape)
        own = self._event_shape[: self.reinterpreted_batch_ndims]
        return Independent(
            self.base_dist.expand(batch_shape + own), self.reinterpreted_batch_ndims, self._validate_args
        )

    def sample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Any:
        return sum_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Any:
        return sum_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Any:
        if self.reinterpreted_batch_ndims:
            raise self._missing("enumerate_support")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist!r}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """f(X) for X of another distribution and an invertible f: log p(y) = log p_X(f⁻¹(y)) - log |f′(f⁻¹(y))|.

    `transforms` is one, or a list of which the first acts first.

    >>> import microgradient as mg
    >>> from microgradient import distributions as ds
    >>> logistic = ds.TransformedDistribution(ds.Uniform(0.0, 1.0), ds.SigmoidTransform().inv)
    >>> round(logistic.log_prob(0.0).item(), 4)  # log ¼
    -1.3863
    """

    arg_constraints: ClassVar[Any] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if not all(isinstance(t, Transform) for t in self.transforms):
            raise ArgumentTypeError("MG157", "TransformedDistribution takes a Transform, or a list of them.")
        whole = ComposeTransform(self.transforms)
        base_shape = base_distribution.batch_shape + base_distribution.event_shape
        if len(base_shape) < whole.domain.event_dim:
            raise ShapeError(
                "MG157",
                f"The transforms need at least {whole.domain.event_dim} axes, and the distribution has the shape {base_shape}.",
            )
        grown = whole.inverse_shape(whole.forward_shape(base_shape))  # a transform's own parameters may be broadcast
        if grown != base_shape:
            base_distribution = base_distribution.expand(grown[: len(grown) - len(base_distribution.event_shape)])
        missing = whole.domain.event_dim - len(base_distribution.event_shape)
        self.base_dist: Any = Independent(base_distribution, missing) if missing > 0 else base_distribution
        change = whole.codomain.event_dim - whole.domain.event_dim
        events = max(whole.codomain.event_dim, len(self.base_dist.event_shape) + change)
        shape = whole.forward_shape(self.base_dist.batch_shape + self.base_dist.event_shape)
        super().__init__(shape[: len(shape) - events], shape[len(shape) - events :], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has it."""
        return bool(self.base_dist.has_rsample)

    @property
    def support(self) -> Any:
        """What the last transform leads to."""
        if not self.transforms:
            return self.base_dist.support
        codomain = self.transforms[-1].codomain
        return constraints.independent(codomain, len(self._event_shape) - codomain.event_dim)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        batch_shape = tuple(batch_shape)
        new = super().expand(batch_shape)
        whole = ComposeTransform(self.transforms)
        base = whole.inverse_shape(batch_shape + self._event_shape)
        new.base_dist = self.base_dist.expand(base[: len(base) - len(self.base_dist.event_shape)])
        return new

    def sample(self, sample_shape: Any = ()) -> Any:
        return mg.stop_gradient(self._transformed(self.base_dist.sample(sample_shape)))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self._transformed(self.base_dist.rsample(sample_shape))

    def _transformed(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Any) -> Any:
        y = self._validate_sample(value)
        events, total = len(self._event_shape), 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            events += transform.domain.event_dim - transform.codomain.event_dim
            total = total - sum_last(transform.log_abs_det_jacobian(x, y), events - transform.domain.event_dim)
            y = x
        return total + sum_last(self.base_dist.log_prob(y), events - len(self.base_dist.event_shape))

    def cdf(self, value: Any) -> Any:
        value = self._validate_sample(value)
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Any) -> Any:
        return self._transformed(self.base_dist.icdf(self._turned(mg.asarray(value))))

    def _turned(self, probability: Any) -> Any:
        """The probability where the transforms keep the order, one less it where they reverse it."""
        sign = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return sign * (probability - 0.5) + 0.5


class MixtureSameFamily(Distribution):
    """A mixture: samples of the last axis of the batch of `component_distribution`, which a Categorical chooses from.

    >>> import microgradient as mg
    >>> from microgradient import distributions as ds
    >>> d = ds.MixtureSameFamily(ds.Categorical(mg.tensor([0.25, 0.75])), ds.Normal(mg.tensor([0.0, 4.0]), 1.0))
    >>> d.mean.item()
    3.0
    """

    arg_constraints: ClassVar[Any] = {}

    def __init__(
        self, mixture_distribution: Any, component_distribution: Distribution, validate_args: bool | None = None
    ) -> None:
        count = mixture_distribution.logits.shape[-1]
        if component_distribution.batch_shape[-1:] != (count,):
            raise ArgumentError(
                "MG157",
                f"The mixture has {count} components, and their batch the shape {component_distribution.batch_shape}: its last "
                "axis is that of the components.",
            )
        batch = component_distribution.batch_shape[:-1]
        self._mixture_distribution = mixture_distribution.expand(batch)
        self._component_distribution = component_distribution
        super().__init__(batch, component_distribution.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Any:
        """What chooses a component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components."""
        return self._component_distribution

    @property
    def support(self) -> Any:
        """That of the components, without their axis."""
        return self._component_distribution.support

    def _weighted(self, x: Any) -> Any:
        """The mean over the components of what has their axis before those of an event."""
        events = len(self._event_shape)
        probs = self._mixture_distribution.probs
        return mg.sum(mg.reshape(probs, tuple(probs.shape) + (1,) * events) * x, axis=-1 - events)

    @property
    def mean(self) -> Any:
        return self._weighted(self._component_distribution.mean)

    @property
    def variance(self) -> Any:
        center = mg.expand_dims(self.mean, axis=-1 - len(self._event_shape))
        components = self._component_distribution
        return self._weighted(components.variance) + self._weighted((components.mean - center) ** 2)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        batch_shape = tuple(batch_shape)
        count = self._component_distribution.batch_shape[-1]
        components = self._component_distribution.expand((*batch_shape, count))
        return MixtureSameFamily(self._mixture_distribution.expand(batch_shape), components, self._validate_args)

    def sample(self, sample_shape: Any = ()) -> Any:
        events = len(self._event_shape)
        chosen = self._mixture_distribution.sample(sample_shape)
        samples = self._component_distribution.sample(sample_shape)
        places = mg.broadcast_to(
            mg.reshape(chosen, (*chosen.shape, *[1] * (events + 1))), (*chosen.shape, 1, *self._event_shape)
        )
        return mg.stop_gradient(mg.squeeze(mg.take_along_axis(samples, places, axis=-1 - events), axis=-1 - events))

    def log_prob(self, value: Any) -> Any:
        value = self._validate_sample(value)
        value = mg.expand_dims(value, axis=-1 - len(self._event_shape))
        weights = mg.log_softmax(self._mixture_distribution.logits, axis=-1)
        return mg.logsumexp(self._component_distribution.log_prob(value) + weights, axis=-1)

    def cdf(self, value: Any) -> Any:
        value = mg.expand_dims(self._validate_sample(value), axis=-1 - len(self._event_shape))
        return mg.sum(self._component_distribution.cdf(value) * self._mixture_distribution.probs, axis=-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamily({self._mixture_distribution!r}, {self._component_distribution!r})"
