"""Which transform leads from real numbers into a constraint: `biject_to` (invertible) and `transform_to` (simple)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import MissingKernelError
from . import constraints
from .composed_transforms import (
    CatTransform,
    ComposeTransform,
    CorrCholeskyTransform,
    IndependentTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    StackTransform,
    identity_transform,
)
from .constraints import Constraint
from .transforms import (
    AffineTransform,
    ExpTransform,
    SigmoidTransform,
    SoftmaxTransform,
    StickBreakingTransform,
    Transform,
)

Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """Finds the transform for a constraint by its class.

    >>> import microgradient as mg
    >>> from microgradient.distributions import constraints, transform_to
    >>> transform_to(constraints.positive)(mg.tensor(0.0)).item()
    1.0
    """

    def __init__(self) -> None:
        self._factories: dict[type, Factory] = {}

    def register(self, constraint: Any, factory: Factory | None = None) -> Any:
        """Let `factory(constraint)` make the transform for a class of constraints, or that of an instance."""
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        self._factories[kind] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        factory = self._factories.get(type(constraint))
        if factory is None:
            raise MissingKernelError("MG159", f"No transform leads to {constraint!r}. Register one with `register`.")
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _to_interval(c: Any) -> Transform:
    if c.low is None and c.high is None:
        return identity_transform
    if c.high is None:
        return ExpTransform() if _is(c.low, 0) else ComposeTransform([ExpTransform(), AffineTransform(c.low, 1)])
    if c.low is None:
        return ComposeTransform([ExpTransform(), AffineTransform(c.high, -1)])
    if _is(c.low, 0) and _is(c.high, 1):
        return SigmoidTransform()
    return ComposeTransform([SigmoidTransform(), AffineTransform(c.low, c.high - c.low)])


def _is(bound: Any, number: float) -> bool:
    return isinstance(bound, int | float) and bound == number


def _to_independent(registry: ConstraintRegistry, c: Any) -> Transform:
    return IndependentTransform(registry(c.base), c.reinterpreted)


def _to_parts(registry: ConstraintRegistry, c: Any) -> Transform:
    parts = [registry(part) for part in c.parts]
    return StackTransform(parts, c.dim) if c.lengths is None else CatTransform(parts, c.dim, c.lengths)


for _registry in (biject_to, transform_to):
    _registry.register(constraints._Interval, _to_interval)
    _registry.register(constraints._Independent, partial(_to_independent, _registry))
    _registry.register(constraints._Parts, partial(_to_parts, _registry))
    _registry.register(constraints._CorrCholesky, lambda c: CorrCholeskyTransform())
    _registry.register(constraints._LowerCholesky, lambda c: LowerCholeskyTransform())
    _registry.register(constraints._PositiveDefinite, lambda c: PositiveDefiniteTransform())
biject_to.register(constraints._Simplex, lambda c: StickBreakingTransform())
transform_to.register(constraints._Simplex, lambda c: SoftmaxTransform())
