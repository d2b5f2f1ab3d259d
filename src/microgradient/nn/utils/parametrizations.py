"""Ready parametrizations: weight norm, spectral norm, orthogonal matrices."""

from __future__ import annotations

import numpy as np

import microgradient as mg

from ... import random
from ...errors import ArgumentError, ShapeError
from ...operators import wrap
from ...tensor import Tensor
from ..conv import _ConvTranspose
from ..module import Module
from .computed import check_tensor
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """w = g · v / ‖v‖, the norm over all axes but `dim` (None: over all); g and v are trained. Salimans and Kingma 2016.

    >>> from microgradient import nn
    >>> [name for name in weight_norm(nn.Linear(2, 3)).state_dict()]
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """w / σ(w), with the largest singular value σ of the weight as a matrix whose rows lie along `dim`. Miyato et al. 2018.

    σ = uᵀ W v, where u and v are buffers that take `n_power_iterations` steps of the power method at every reading in training.

    >>> from microgradient import nn
    >>> layer = spectral_norm(nn.Linear(4, 4), n_power_iterations=50)
    >>> round(mg.linalg.svdvals(layer.weight)[0].item(), 3)
    1.0
    """
    weight = check_tensor(module, name)
    if dim is None:
        dim = 1 if isinstance(module, _ConvTranspose) else 0
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """A matrix with orthonormal columns (or rows, if there are fewer): `base` times a map of a skew-symmetric or triangular one.

    `orthogonal_map`: "matrix_exp" (for square matrices if not given), "cayley", (I + A/2) (I - A/2)⁻¹, or "householder" (else),
    a product of reflections. Without `use_trivialization` there is no `base`. Lezcano-Casado and Martínez-Rubio 2019.

    >>> from microgradient import nn
    >>> w = orthogonal(nn.Linear(3, 2)).weight
    >>> bool(mg.max(mg.abs(w @ w.T - mg.eye(2))) < 1e-5)
    True
    """
    weight = check_tensor(module, name)
    if weight.ndim < 2:
        raise ShapeError("MG160", f"orthogonal makes matrices, `{name}` has shape {weight.shape}.")
    kind = orthogonal_map or ("matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder")
    if kind not in ("matrix_exp", "cayley", "householder"):
        raise ArgumentError(
            "MG157", f"orthogonal_map={kind!r} is unknown: use 'matrix_exp', 'cayley' or 'householder'."
        )
    made = _Orthogonal(kind, use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


def norm_except(v: Tensor, dim: int | None) -> Tensor:
    """‖v‖ over all axes but `dim`, of which the others are 1 long; with None over all."""
    axes = tuple(i for i in range(v.ndim) if dim is None or i != dim % v.ndim)
    return mg.sqrt(mg.sum(v * v, axis=axes, keepdims=dim is not None))


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = None if dim == -1 else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if n_power_iterations < 1 or not -weight.ndim <= dim < weight.ndim:
            raise ArgumentError(
                "MG157",
                f"spectral_norm needs n_power_iterations ≥ 1 and an axis of {weight.shape}, got {n_power_iterations}, {dim}.",
            )
        self.dim, self.eps, self.n_power_iterations = dim % weight.ndim, eps, n_power_iterations
        if weight.ndim > 1:
            with mg.no_grad():
                matrix = as_matrix(weight, self.dim)
                u, v = (random.normal((n,), dtype=weight.dtype) for n in matrix.shape)
                self.register_buffer("_u", unit(u, eps))
                self.register_buffer("_v", unit(v, eps))
                self._iterated(matrix, 15)

    def _iterated(self, matrix: Tensor, times: int) -> tuple[Tensor, Tensor]:
        """u and v after steps of the power method; the buffers become these."""
        u, v = power_iterations(mg.stop_gradient(matrix), self._u, self._v, times, self.eps)
        self._u.store(u.raw)
        self._v.store(v.raw)
        return u, v

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return weight / mg.clip(mg.linalg.vector_norm(weight), min=self.eps)
        matrix = as_matrix(weight, self.dim)
        u, v = self._iterated(matrix, self.n_power_iterations) if self.training else (self._u, self._v)
        return weight / mg.vecdot(u, mg.matmul(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The axis `dim` as rows, all others as columns."""
    return mg.reshape(mg.moveaxis(weight, dim, 0), (weight.shape[dim], -1))


def power_iterations(matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float) -> tuple[Tensor, Tensor]:
    """u ← W v / ‖W v‖, v ← Wᵀ u / ‖Wᵀ u‖, outside of the graph."""
    with mg.no_grad():
        for _ in range(times):
            u = unit(mg.matmul(matrix, v), eps)
            v = unit(mg.matmul(matrix.T, u), eps)
    return u, v


def unit(x: Tensor, eps: float) -> Tensor:
    """A vector of length 1 in the direction of x."""
    return x / mg.clip(mg.linalg.vector_norm(x), min=eps)


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, kind: str, use_trivialization: bool) -> None:
        super().__init__()
        self.kind, self.use_trivialization = kind, use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.shape[-2] < x.shape[-1]
        x = x.mT if wide else x
        q = self._reflected(x) if self.kind == "householder" else self._rotated(x)
        if self.use_trivialization and self.base is not None:
            q = mg.matmul(self.base, q)
        return q.mT if wide else q

    def _rotated(self, x: Tensor) -> Tensor:
        n, k = x.shape[-2:]
        x = mg.pad(mg.tril(x), [(0, 0)] * (x.ndim - 1) + [(0, n - k)])
        skew = x - x.mT
        if self.kind == "matrix_exp":
            return mg.linalg.matrix_exp(skew)[..., :k]
        one = mg.eye(n, dtype=x.dtype)
        return mg.linalg.solve(one - skew * 0.5, one + skew * 0.5)[..., :k]

    def _reflected(self, x: Tensor) -> Tensor:
        below = mg.tril(x, k=-1)
        tau = 2.0 / (mg.sum(below * below, axis=-2) + 1.0)
        signs = mg.sign(mg.stop_gradient(mg.linalg.diagonal(x)))
        return mg.linalg.householder_product(below, tau) * mg.expand_dims(signs, axis=-2)

    def right_inverse(self, q: Tensor) -> Tensor:
        """With `base`: that is q made orthogonal, and what is trained starts where the map gives the identity."""
        wide = q.shape[-2] < q.shape[-1]
        tall = np.asarray((q.mT if wide else q).raw)
        n, k = tall.shape[-2:]
        if not self.use_trivialization:
            if self.kind != "householder":
                raise ArgumentError(
                    "MG157", f"Without use_trivialization, `{self.kind}` has no inverse: use 'householder'."
                )
            found = _reflections(tall)
            return wrap(np.swapaxes(found, -1, -2) if wide else found, None)
        noise = np.asarray(random.normal((*tall.shape[:-2], n, n - k), dtype=q.dtype).raw)
        self.base = wrap(_orthonormal(np.concatenate([tall, noise], axis=-1)), None)
        start = np.zeros_like(tall)
        start[
            ..., np.arange(k), np.arange(k)
        ] = -1.0  # reflections at the axes, undone by these signs; rotations don't read it
        return wrap(np.swapaxes(start, -1, -2) if wide else start, None)


def _orthonormal(x: np.ndarray) -> np.ndarray:
    """Q of x = Q R with a positive diagonal of R: x itself, if its columns are orthonormal."""
    q, r = np.linalg.qr(x)
    signs = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    return np.asarray(q * np.where(signs == 0, 1, signs)[..., None, :], dtype=x.dtype)


def _reflections(x: np.ndarray) -> np.ndarray:
    """Householder vectors below the diagonal, and on it the signs, for which `_reflected` gives the Q of x."""
    from scipy.linalg import qr

    found = np.zeros_like(x)
    for place in np.ndindex(x.shape[:-2]):
        (packed, tau), _ = qr(x[place], mode="raw", check_finite=False)
        signs = np.sign(np.diagonal(packed)) * np.where(tau == 0, -1, 1)
        found[place] = np.tril(packed, -1)
        found[place][np.arange(len(signs)), np.arange(len(signs))] = signs
    return found
