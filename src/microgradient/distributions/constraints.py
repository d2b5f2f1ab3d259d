"""Which values a parameter or a sample may have: constraints that tensors are checked against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import microgradient as mg


class Constraint:
    """A set of values. `check(value)` is true where a value, or an event of `event_dim` axes, is in it.

    >>> import microgradient as mg
    >>> positive.check(mg.tensor([-1.0, 0.0, 1.0])).tolist()
    [False, False, True]
    """

    is_discrete: ClassVar[bool] = False
    event_dim: Any = 0

    def check(self, value: Any) -> Any:
        """Where `value` is in the set."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return type(self).__name__.lstrip("_")


class _Dependent(Constraint):
    """A set that depends on other parameters, as the support of a uniform distribution does."""

    def check(self, value: Any) -> Any:
        raise ValueError("A constraint that depends on parameters can't be checked by itself.")


@dataclass(frozen=True, repr=False)
class _Independent(Constraint):
    """Events whose last axes are all in another set."""

    base: Constraint
    reinterpreted: int

    @property
    def event_dim(self) -> int:
        return int(self.base.event_dim) + self.reinterpreted

    def check(self, value: Any) -> Any:
        return _all_last(self.base.check(value), self.reinterpreted)


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Any) -> Any:
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    is_discrete = True
    event_dim = 1

    def check(self, value: Any) -> Any:
        return _all_last((value == 0) | (value == 1), 1) & (mg.sum(value, axis=-1) == 1)


@dataclass(frozen=True, repr=False)
class _IntegerInterval(Constraint):
    """The whole numbers from one bound to the other, which may be None."""

    low: Any
    high: Any
    is_discrete: ClassVar[bool] = True

    def check(self, value: Any) -> Any:
        inside = value % 1 == 0
        inside = inside if self.low is None else inside & (self.low <= value)
        return inside if self.high is None else inside & (value <= self.high)


@dataclass(frozen=True, repr=False)
class _Interval(Constraint):
    """Numbers between two bounds, which may be None; those of `open_ends` ("low", "high") do not belong to it."""

    low: Any = None
    high: Any = None
    open_ends: tuple[str, ...] = ()

    def check(self, value: Any) -> Any:
        inside = value == value  # not NaN
        if self.low is not None:
            inside = inside & (self.low < value if "low" in self.open_ends else self.low <= value)
        if self.high is not None:
            inside = inside & (value < self.high if "high" in self.open_ends else value <= self.high)
        return inside


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Any) -> Any:
        return _all_last(value >= 0, 1) & (mg.abs(mg.sum(value, axis=-1) - 1) < 1e-6)


@dataclass(frozen=True, repr=False)
class _Multinomial(Constraint):
    """Counts that add up to `total`."""

    total: Any
    is_discrete: ClassVar[bool] = True
    event_dim = 1

    def check(self, value: Any) -> Any:
        return _all_last(value >= 0, 1) & (mg.sum(value, axis=-1) <= self.total)


class _Matrix(Constraint):
    event_dim = 2

    def check(self, value: Any) -> Any:
        square = value.shape[-1] == value.shape[-2]
        return mg.full(value.shape[:-2], square)


class _LowerTriangular(_Matrix):
    def check(self, value: Any) -> Any:
        return _all_last(mg.tril(value) == value, 2)


class _LowerCholesky(_LowerTriangular):
    def check(self, value: Any) -> Any:
        return super().check(value) & _all_last(mg.linalg.diagonal(value) > 0, 1)


class _CorrCholesky(_LowerCholesky):
    def check(self, value: Any) -> Any:
        tolerance = 10 * value.shape[-1] * float(mg.finfo(value.dtype).eps)
        return super().check(value) & _all_last(mg.abs(mg.sum(value * value, axis=-1) - 1) <= tolerance, 1)


class _Symmetric(_Matrix):
    def check(self, value: Any) -> Any:
        return super().check(value) & _all_last(mg.abs(value - mg.matrix_transpose(value)) <= 1e-6, 2)


class _PositiveSemidefinite(_Symmetric):
    def check(self, value: Any) -> Any:
        return super().check(value) & _all_last(mg.linalg.eigvalsh(value) >= 0, 1)


class _PositiveDefinite(_Symmetric):
    def check(self, value: Any) -> Any:
        return super().check(value) & _all_last(mg.linalg.eigvalsh(value) > 0, 1)


@dataclass(frozen=True, repr=False)
class _Parts(Constraint):
    """Slices along an axis that are each in a set of their own: of `lengths`, or single ones if None."""

    parts: Sequence[Constraint]
    dim: int = 0
    lengths: Sequence[int] | None = None

    @property
    def event_dim(self) -> int:
        events = max(int(part.event_dim) for part in self.parts)
        return events + (self.lengths is None and self.dim + events < 0)

    def check(self, value: Any) -> Any:
        if self.lengths is None:
            slices = mg.unstack(value, axis=self.dim)
            return mg.stack([c.check(v) for c, v in zip(self.parts, slices, strict=True)], axis=self.dim)
        ends = [sum(self.lengths[: i + 1]) for i in range(len(self.lengths) - 1)]
        slices = mg.split(value, indices=ends, axis=self.dim)
        return mg.concat([c.check(v) for c, v in zip(self.parts, slices, strict=True)], axis=self.dim)


def _all_last(condition: Any, axes: int) -> Any:
    return mg.all(condition, axis=tuple(range(-axes, 0))) if axes else condition


dependent = _Dependent()
boolean, one_hot = _Boolean(), _OneHot()
nonnegative_integer, positive_integer = _IntegerInterval(0, None), _IntegerInterval(1, None)
real, positive, nonnegative = _Interval(), _Interval(0.0, None, ("low",)), _Interval(0.0)
real_vector = _Independent(real, 1)
unit_interval, open_unit_interval = _Interval(0.0, 1.0), _Interval(0.0, 1.0, ("low", "high"))
simplex = _Simplex()
square, symmetric = _Matrix(), _Symmetric()
lower_triangular, lower_cholesky, corr_cholesky = _LowerTriangular(), _LowerCholesky(), _CorrCholesky()
positive_semidefinite, positive_definite = _PositiveSemidefinite(), _PositiveDefinite()


def independent(base: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """Events whose last axes are all in `base`.

    >>> import microgradient as mg
    >>> independent(positive, 1).check(mg.tensor([[1.0, 2.0], [1.0, -2.0]])).tolist()
    [True, False]
    """
    return _Independent(base, reinterpreted_batch_ndims) if reinterpreted_batch_ndims else base


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Numbers from `lower_bound` to `upper_bound`.

    >>> interval(0.0, 1.0).check(1.0)
    True
    """
    return _Interval(lower_bound, upper_bound)


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Numbers from `lower_bound` to less than `upper_bound`.

    >>> half_open_interval(0.0, 1.0).check(1.0)
    False
    """
    return _Interval(lower_bound, upper_bound, ("high",))


def greater_than(lower_bound: Any) -> Constraint:
    """Numbers greater than `lower_bound`.

    >>> greater_than(0.0).check(0.0)
    False
    """
    return _Interval(lower_bound, None, ("low",))


def greater_than_eq(lower_bound: Any) -> Constraint:
    """Numbers of at least `lower_bound`.

    >>> greater_than_eq(0.0).check(0.0)
    True
    """
    return _Interval(lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Numbers less than `upper_bound`.

    >>> less_than(0.0).check(0.0)
    False
    """
    return _Interval(None, upper_bound, ("high",))


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers from `lower_bound` to `upper_bound`.

    >>> integer_interval(0, 2).check(1.5)
    False
    """
    return _IntegerInterval(lower_bound, upper_bound)


def multinomial(upper_bound: Any) -> Constraint:
    """Counts that add up to at most `upper_bound`.

    >>> import microgradient as mg
    >>> multinomial(2).check(mg.tensor([1.0, 1.0])).item()
    True
    """
    return _Multinomial(upper_bound)


def cat(cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None) -> Constraint:
    """Parts along an axis, of `lengths` (by default 1), that are each in a set of their own.

    >>> import microgradient as mg
    >>> cat([positive, real], lengths=[1, 2]).check(mg.tensor([1.0, -1.0, -1.0])).tolist()
    [True, True, True]
    """
    return _Parts(cseq, dim, [1] * len(cseq) if lengths is None else lengths)


def stack(cseq: Sequence[Constraint], dim: int = 0) -> Constraint:
    """Slices along an axis that are each in a set of their own.

    >>> import microgradient as mg
    >>> stack([positive, real]).check(mg.tensor([1.0, -1.0])).tolist()
    [True, True]
    """
    return _Parts(cseq, dim)
