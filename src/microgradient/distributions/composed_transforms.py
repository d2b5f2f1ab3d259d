"""Transforms of matrices, and those made of other transforms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import microgradient as mg

from ..errors import ShapeError
from . import constraints
from .distribution import sum_last
from .transforms import Shape, Transform


class ComposeTransform(Transform):
    """Several transforms, of which the first acts first. Without any it changes nothing.

    >>> import microgradient as mg
    >>> from microgradient.distributions import AffineTransform, ComposeTransform, ExpTransform
    >>> ComposeTransform([AffineTransform(1.0, 0.0), ExpTransform()])(mg.tensor(5.0)).item() == mg.exp(mg.tensor(1.0)).item()
    True
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        self.parts, self.cache_size = list(parts), cache_size

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether all of them are."""
        return all(part.bijective for part in self.parts)

    @property
    def domain(self) -> Any:
        """That of the first, for events that suit all."""
        return self._ends(self.parts, "domain", "codomain")

    @property
    def codomain(self) -> Any:
        """That of the last, for events that suit all."""
        return self._ends(self.parts[::-1], "codomain", "domain")

    def _ends(self, parts: list[Transform], near: str, far: str) -> Any:
        if not parts:
            return constraints.real
        events = getattr(parts[-1], far).event_dim
        for part in parts[::-1]:
            events = (
                max(getattr(part, far).event_dim, events) + getattr(part, near).event_dim - getattr(part, far).event_dim
            )
        first = getattr(parts[0], near)
        return constraints.independent(first, events - first.event_dim)

    @property
    def sign(self) -> Any:
        """The product of their signs."""
        sign = 1
        for part in self.parts:
            sign = sign * part.sign
        return sign

    def _call(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Any) -> Any:
        for part in reversed(self.parts):
            y = part._inv_call(y)
        return y

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        if not self.parts:
            return mg.zeros_like(x)
        events, total = self.domain.event_dim, 0.0
        for part in self.parts:
            y = part(x)
            total = total + sum_last(part.log_abs_det_jacobian(x, y), events - part.domain.event_dim)
            events += part.codomain.event_dim - part.domain.event_dim
            x = y
        return total

    def forward_shape(self, shape: Shape) -> Shape:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Shape) -> Shape:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ComposeTransform({self.parts!r})"


identity_transform = ComposeTransform([])


@dataclass
class IndependentTransform(Transform):
    """Another transform, of which the last `reinterpreted_batch_ndims` axes make one event.

    >>> import microgradient as mg
    >>> from microgradient.distributions import ExpTransform, IndependentTransform
    >>> IndependentTransform(ExpTransform(), 1).log_abs_det_jacobian(mg.ones(3), None).item()
    3.0
    """

    base_transform: Transform
    reinterpreted_batch_ndims: int
    cache_size: int = 0

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether the base is."""
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        """The base's."""
        return self.base_transform.sign

    @property
    def domain(self) -> Any:
        """The base's, in larger events."""
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @property
    def codomain(self) -> Any:
        """The base's, in larger events."""
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    def _call(self, x: Any) -> Any:
        return self.base_transform(x)

    def _inverse(self, y: Any) -> Any:
        return self.base_transform._inv_call(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return sum_last(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Shape) -> Shape:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Shape) -> Shape:
        return self.base_transform.inverse_shape(shape)


@dataclass
class ReshapeTransform(Transform):
    """Gives the last axes another shape.

    >>> import microgradient as mg
    >>> mg.distributions.ReshapeTransform((4,), (2, 2))(mg.zeros((3, 4))).shape
    (3, 2, 2)
    """

    in_shape: Shape
    out_shape: Shape
    cache_size: int = 0
    bijective = True

    def __post_init__(self) -> None:
        self.in_shape, self.out_shape = tuple(self.in_shape), tuple(self.out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            raise ShapeError(
                "MG157", f"The shapes {self.in_shape} and {self.out_shape} have different numbers of entries."
            )

    @property
    def domain(self) -> Any:
        """Real numbers, in events of `in_shape`."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @property
    def codomain(self) -> Any:
        """Real numbers, in events of `out_shape`."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Any) -> Any:
        return mg.reshape(x, self.forward_shape(tuple(x.shape)))

    def _inverse(self, y: Any) -> Any:
        return mg.reshape(y, self.inverse_shape(tuple(y.shape)))

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return mg.zeros(tuple(x.shape)[: len(x.shape) - len(self.in_shape)], dtype=x.dtype)

    def forward_shape(self, shape: Shape) -> Shape:
        return self._changed(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Shape) -> Shape:
        return self._changed(shape, self.out_shape, self.in_shape)

    def _changed(self, shape: Shape, old: Shape, new: Shape) -> Shape:
        kept = len(shape) - len(old)
        if kept < 0 or shape[kept:] != old:
            raise ShapeError("MG157", f"The shape {shape} does not end in {old}.")
        return shape[:kept] + new


class _PartsTransform(Transform):
    """One transform for each part of a tensor along an axis."""

    tseq: list[Transform]
    dim: int

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        """Whether all of them are."""
        return all(t.bijective for t in self.tseq)

    def _split(self, x: Any) -> list[Any]:
        raise NotImplementedError

    def _joined(self, parts: list[Any]) -> Any:
        raise NotImplementedError

    def _each(self, f: Callable[..., Any], *tensors: Any) -> Any:
        return self._joined([f(t, *parts) for t, *parts in zip(self.tseq, *map(self._split, tensors), strict=True)])

    def _call(self, x: Any) -> Any:
        return self._each(lambda t, x: t(x), x)

    def _inverse(self, y: Any) -> Any:
        return self._each(lambda t, y: t._inv_call(y), y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return self._each(lambda t, x, y: t.log_abs_det_jacobian(x, y), x, y)


class CatTransform(_PartsTransform):
    """Transforms of the parts of a tensor along an axis, of `lengths`, by default 1.

    >>> import microgradient as mg
    >>> from microgradient.distributions import AbsTransform, AffineTransform, CatTransform
    >>> CatTransform([AffineTransform(0.0, 2.0), AbsTransform()], lengths=[1, 2])(mg.tensor([-1.0, -1.0, -1.0])).tolist()
    [-2.0, 1.0, 1.0]
    """

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        self.tseq, self.dim, self.cache_size = list(tseq), dim, cache_size
        self.lengths = [1] * len(self.tseq) if lengths is None else list(lengths)

    @property
    def domain(self) -> Any:
        """Theirs, part by part."""
        return constraints.cat([t.domain for t in self.tseq], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:
        """Theirs, part by part."""
        return constraints.cat([t.codomain for t in self.tseq], self.dim, self.lengths)

    def _split(self, x: Any) -> list[Any]:
        ends = [*itertools.accumulate(self.lengths)]
        if x.shape[self.dim] != ends[-1]:
            raise ShapeError("MG157", f"The parts have {ends[-1]} places, and axis {self.dim} has {x.shape[self.dim]}.")
        return list(mg.split(x, indices=ends[:-1], axis=self.dim))

    def _joined(self, parts: list[Any]) -> Any:
        return mg.concat(parts, axis=self.dim)


class StackTransform(_PartsTransform):
    """Transforms of the slices of a tensor along an axis.

    >>> import microgradient as mg
    >>> from microgradient.distributions import AffineTransform, ExpTransform, StackTransform
    >>> StackTransform([AffineTransform(0.0, 2.0), ExpTransform()])(mg.tensor([3.0, 0.0])).tolist()
    [6.0, 1.0]
    """

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        self.tseq, self.dim, self.cache_size = list(tseq), dim, cache_size

    @property
    def domain(self) -> Any:
        """Theirs, slice by slice."""
        return constraints.stack([t.domain for t in self.tseq], self.dim)

    @property
    def codomain(self) -> Any:
        """Theirs, slice by slice."""
        return constraints.stack([t.codomain for t in self.tseq], self.dim)

    def _split(self, x: Any) -> list[Any]:
        return list(mg.unstack(x, axis=self.dim))

    def _joined(self, parts: list[Any]) -> Any:
        return mg.stack(parts, axis=self.dim)


@dataclass
class LowerCholeskyTransform(Transform):
    """Square matrices to lower triangular ones with a positive diagonal: the exponential of the diagonal, and what is
    below it.

    >>> import microgradient as mg
    >>> mg.distributions.LowerCholeskyTransform()(mg.tensor([[0.0, 5.0], [3.0, 0.0]])).tolist()
    [[1.0, 0.0], [3.0, 1.0]]
    """

    cache_size: int = 0
    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Any) -> Any:
        return mg.tril(x, k=-1) + _diagonal_matrix(mg.exp(mg.linalg.diagonal(x)))

    def _inverse(self, y: Any) -> Any:
        return mg.tril(y, k=-1) + _diagonal_matrix(mg.log(mg.linalg.diagonal(y)))


@dataclass
class PositiveDefiniteTransform(Transform):
    """Square matrices to positive definite ones, L Lᵀ with the L of `LowerCholeskyTransform`.

    >>> import microgradient as mg
    >>> mg.distributions.PositiveDefiniteTransform()(mg.tensor([[0.0, 5.0], [3.0, 0.0]])).tolist()
    [[1.0, 3.0], [3.0, 10.0]]
    """

    cache_size: int = 0
    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Any) -> Any:
        factor = LowerCholeskyTransform()(x)
        return mg.matmul(factor, mg.matrix_transpose(factor))

    def _inverse(self, y: Any) -> Any:
        return LowerCholeskyTransform().inv(mg.linalg.cholesky(y))


@dataclass
class CorrCholeskyTransform(Transform):
    """Vectors of n (n - 1) / 2 real numbers to Cholesky factors of correlation matrices of n rows, each of length 1.

    tanh(x) fills the triangle below the diagonal row by row; each is then the share of what a row has left of its
    length.

    >>> import microgradient as mg
    >>> mg.distributions.CorrCholeskyTransform()(mg.tensor([0.0])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    cache_size: int = 0
    bijective = True
    domain = constraints.real_vector
    codomain = constraints.corr_cholesky

    def _call(self, x: Any) -> Any:
        eps = float(mg.finfo(x.dtype).eps)
        share = _triangle(mg.clip(mg.tanh(x), -1 + eps, 1 - eps))
        left = mg.sqrt(mg.cumulative_prod(1 - share**2, axis=-1))
        share = share + mg.eye(share.shape[-1], dtype=x.dtype)
        return share * mg.concat([mg.ones_like(left[..., :1]), left[..., :-1]], axis=-1)

    def _inverse(self, y: Any) -> Any:
        used = 1 - mg.cumulative_sum(y * y, axis=-1)
        left = mg.concat([mg.ones_like(used[..., :1]), used[..., :-1]], axis=-1)
        rows, columns = _below(y.shape[-1])
        return mg.atanh(y[..., rows, columns] / mg.sqrt(left[..., rows, columns]))

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        used = 1 - mg.cumulative_sum(y * y, axis=-1)
        rows, columns = _below(y.shape[-1])
        inner = [(i, j) for i, j in zip(rows, columns, strict=True) if j < i - 1]
        left = used[..., [i for i, _ in inner], [j for _, j in inner]]
        return 0.5 * mg.sum(mg.log(left), axis=-1) - 2 * mg.sum(x + mg.softplus(-2 * x) - math.log(2), axis=-1)

    def forward_shape(self, shape: Shape) -> Shape:
        n = _rows_of(shape[-1])
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Shape) -> Shape:
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ShapeError("MG157", f"CorrCholeskyTransform inverts square matrices, got the shape {shape}.")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)


@dataclass
class CumulativeDistributionTransform(Transform):
    """y = the cumulative distribution function of a distribution.

    >>> import microgradient as mg
    >>> from microgradient.distributions import CumulativeDistributionTransform, Normal
    >>> CumulativeDistributionTransform(Normal(0.0, 1.0))(mg.tensor(0.0)).item()
    0.5
    """

    distribution: Any
    cache_size: int = 0
    bijective = True
    codomain = constraints.unit_interval

    @property
    def domain(self) -> Any:
        """The support of the distribution."""
        return self.distribution.support

    def _call(self, x: Any) -> Any:
        return self.distribution.cdf(x)

    def _inverse(self, y: Any) -> Any:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return self.distribution.log_prob(x)


def _diagonal_matrix(x: Any) -> Any:
    return x[..., None] * mg.eye(x.shape[-1], dtype=x.dtype)


def _below(n: int) -> tuple[list[int], list[int]]:
    """The places below the diagonal, row by row."""
    places = [(i, j) for i in range(n) for j in range(i)]
    return [i for i, _ in places], [j for _, j in places]


def _rows_of(count: int) -> int:
    n = round((1 + math.sqrt(1 + 8 * count)) / 2)
    if n * (n - 1) // 2 != count:
        raise ShapeError("MG157", f"A triangle of n (n - 1) / 2 numbers can't have {count}.")
    return n


def _triangle(x: Any) -> Any:
    """A vector as what is below the diagonal of a matrix."""
    n = _rows_of(x.shape[-1])
    padded = mg.concat([x, mg.zeros_like(x[..., :1])], axis=-1)
    places = [[i * (i - 1) // 2 + j if j < i else x.shape[-1] for j in range(n)] for i in range(n)]
    return mg.reshape(mg.take(padded, mg.asarray([p for row in places for p in row]), axis=-1), (*x.shape[:-1], n, n))
