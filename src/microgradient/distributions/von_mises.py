"""VonMises."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from .. import special
from . import constraints, draws
from .distribution import Distribution


class VonMises(Distribution):
    """Angles around `loc`, normal where `concentration` κ is large: exp(κ cos(x - loc)) / (2π I₀(κ)).

    >>> import microgradient as mg
    >>> round(mg.distributions.VonMises(0.0, 1e-6).log_prob(1.0).item(), 3)  # all angles alike: -log 2π
    -1.838
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc: Any
        self.concentration: Any
        self._broadcast(validate_args, loc=loc, concentration=concentration)

    @property
    def mean(self) -> Any:
        """The mean direction."""
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        """The circular one, 1 - I₁(κ) / I₀(κ)."""
        return 1 - special.i1e(self.concentration) / special.i0e(self.concentration)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        loc, concentration = (mg.broadcast_to(mg.stop_gradient(x), shape) for x in (self.loc, self.concentration))
        return draws.drawn(_angles, shape, loc, concentration)

    def log_prob(self, value: Any) -> Any:
        value, k = self._validate_sample(value), self.concentration
        return k * (mg.cos(value - self.loc) - 1) - math.log(2 * math.pi) - mg.log(special.i0e(k))


def _angles(generator: Any, loc: Any, concentration: Any) -> Any:
    return (generator.vonmises(0.0, concentration) + loc + math.pi) % (2 * math.pi) - math.pi
