"""MultivariateNormal, LowRankMultivariateNormal."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import microgradient as mg

from ..errors import ArgumentError
from . import constraints, draws
from .distribution import Distribution, broadcast


class MultivariateNormal(Distribution):
    """Normal vectors with mean `loc`, and a covariance Σ given as such, by its inverse or by L with Σ = L Lᵀ.

    >>> import microgradient as mg
    >>> d = mg.distributions.MultivariateNormal(mg.zeros(2), mg.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> d.event_shape, d.rsample((3,)).shape
    ((2,), (3, 2))
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky,
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True
    _covariance_matrix: Any = None
    _precision_matrix: Any = None
    _scale_tril: Any = None

    def __init__(
        self, loc: Any, covariance_matrix: Any = None, precision_matrix: Any = None, scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        named = [(name, matrix) for name, matrix in given.items() if matrix is not None]
        if len(named) != 1:
            raise ArgumentError(
                "MG157", f"MultivariateNormal takes exactly one of {', '.join(f'`{name}`' for name in given)}."
            )
        ((name, matrix),) = named
        (loc,), (matrix,) = broadcast(loc), broadcast(matrix)
        if not loc.shape or len(matrix.shape) < 2:
            raise ArgumentError("MG157", f"`loc` has at least one axis, and `{name}` two.")
        batch = mg.broadcast_shapes(tuple(loc.shape)[:-1], tuple(matrix.shape)[:-2])
        n = loc.shape[-1]
        self.loc = mg.broadcast_to(loc, (*batch, n))
        vars(self)[f"_{name}"] = mg.broadcast_to(matrix, (*batch, n, n))
        super().__init__(batch, (n,), validate_args)
        if name == "scale_tril":
            self._unbroadcasted_scale_tril = self._scale_tril
        elif name == "covariance_matrix":
            self._unbroadcasted_scale_tril = mg.linalg.cholesky(self._covariance_matrix)
        else:
            self._unbroadcasted_scale_tril = _factor_of_inverse(self._precision_matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape)
        n = self._event_shape[0]
        new._unbroadcasted_scale_tril = mg.broadcast_to(self._unbroadcasted_scale_tril, (*tuple(batch_shape), n, n))
        return new

    @property
    def scale_tril(self) -> Any:
        """L, lower triangular."""
        return self._unbroadcasted_scale_tril

    @property
    def covariance_matrix(self) -> Any:
        """Σ = L Lᵀ."""
        factor = self.scale_tril
        if self._covariance_matrix is not None:
            return self._covariance_matrix
        return mg.matmul(factor, mg.matrix_transpose(factor))

    @property
    def precision_matrix(self) -> Any:
        """Σ⁻¹."""
        return mg.linalg.inv(self.covariance_matrix) if self._precision_matrix is None else self._precision_matrix

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return mg.sum(self.scale_tril**2, axis=-1)

    def rsample(self, sample_shape: Any = ()) -> Any:
        z = draws.normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + mg.matmul(self.scale_tril, z[..., None])[..., 0]

    def log_prob(self, value: Any) -> Any:
        off = self._validate_sample(value) - self.loc
        n = self._event_shape[0]
        return -0.5 * (n * math.log(2 * math.pi) + mahalanobis(self.scale_tril, off)) - half_log_det(self.scale_tril)

    def entropy(self) -> Any:
        return 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + half_log_det(self.scale_tril)


class LowRankMultivariateNormal(Distribution):
    """Normal vectors with mean `loc` and the covariance W Wᵀ + D, with W the `cov_factor` and D diagonal, the
    `cov_diag`.

    >>> import microgradient as mg
    >>> d = mg.distributions.LowRankMultivariateNormal(mg.zeros(2), mg.tensor([[1.0], [0.0]]), mg.ones(2))
    >>> d.variance.tolist()
    [2.0, 1.0]
    """

    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector, "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }  # fmt: skip
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None) -> None:
        (loc,), (factor,), (diagonal,) = broadcast(loc), broadcast(cov_factor), broadcast(cov_diag)
        n, rank = tuple(factor.shape)[-2:] if len(factor.shape) > 1 else (-1, 0)
        if loc.shape[-1:] != (n,) or diagonal.shape[-1:] != (n,):
            raise ArgumentError(
                "MG157",
                f"`loc` and `cov_diag` are vectors of the n rows of `cov_factor`, got the shapes {tuple(loc.shape)}, "
                f"{tuple(diagonal.shape)} and {tuple(factor.shape)}.",
            )
        shapes = (tuple(loc.shape)[:-1], tuple(factor.shape)[:-2], tuple(diagonal.shape)[:-1])
        batch = mg.broadcast_shapes(*shapes)
        self.loc, self.cov_diag = (mg.broadcast_to(x, (*batch, n)) for x in (loc, diagonal))
        self.cov_factor = mg.broadcast_to(factor, (*batch, n, rank))
        super().__init__(batch, (n,), validate_args)

    def _capacitance(self) -> Any:
        """The Cholesky factor of I + Wᵀ D⁻¹ W."""
        scaled = self.cov_factor / self.cov_diag[..., None]
        inner = mg.matmul(mg.matrix_transpose(self.cov_factor), scaled)
        return mg.linalg.cholesky(inner + mg.eye(inner.shape[-1], dtype=inner.dtype))

    @property
    def covariance_matrix(self) -> Any:
        """W Wᵀ + D."""
        diagonal = self.cov_diag[..., None] * mg.eye(self._event_shape[0], dtype=self.cov_diag.dtype)
        return mg.matmul(self.cov_factor, mg.matrix_transpose(self.cov_factor)) + diagonal

    @property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        return mg.linalg.inv(self.covariance_matrix)

    @property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return mg.linalg.cholesky(self.covariance_matrix)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @property
    def variance(self) -> Any:
        return mg.sum(self.cov_factor**2, axis=-1) + self.cov_diag

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        z = draws.normal((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        along = mg.matmul(self.cov_factor, z[..., None])[..., 0]
        return self.loc + along + mg.sqrt(self.cov_diag) * draws.normal(shape, self.loc)

    def _half_log_det(self) -> Any:
        return half_log_det(self._capacitance()) + 0.5 * mg.sum(mg.log(self.cov_diag), axis=-1)

    def log_prob(self, value: Any) -> Any:
        """By Woodbury's formula, with matrices of the rank alone."""
        off = self._validate_sample(value) - self.loc
        scaled = mg.matmul(mg.matrix_transpose(self.cov_factor), (off / self.cov_diag)[..., None])[..., 0]
        distance = mg.sum(off**2 / self.cov_diag, axis=-1) - mahalanobis(self._capacitance(), scaled)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Any:
        return 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + self._half_log_det()


def mahalanobis(factor: Any, x: Any) -> Any:
    """xᵀ (L Lᵀ)⁻¹ x."""
    shape = mg.broadcast_shapes(tuple(factor.shape)[:-2], tuple(x.shape)[:-1])
    n = x.shape[-1]
    solved = mg.linalg.solve(
        mg.broadcast_to(mg.tril(factor), (*shape, n, n)), mg.broadcast_to(x, (*shape, n))[..., None]
    )
    return mg.sum(solved**2, axis=(-2, -1))


def half_log_det(factor: Any) -> Any:
    """½ log det(L Lᵀ)."""
    return mg.sum(mg.log(mg.linalg.diagonal(factor)), axis=-1)


def _factor_of_inverse(precision: Any) -> Any:
    """The Cholesky factor of the inverse, from that of the matrix turned around."""
    turned = mg.flip(mg.linalg.cholesky(mg.flip(precision, axis=(-2, -1))), axis=(-2, -1))
    inverse = mg.linalg.inv(mg.matrix_transpose(turned))
    return mg.tril(inverse)
