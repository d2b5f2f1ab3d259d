"""Shampoo and SOAP: optimisers that know which directions of a matrix's rows and columns its gradients favour.

Each remembers, for every axis i of a parameter, the matrix Σ gᵢ gᵢᵀ of its gradients, where gᵢ is the gradient as a
matrix whose rows go along axis i.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..functions import linalg, matmul
from ..operators import wrap
from .optimizer import Group, Optimizer, State, settings


class Shampoo(Optimizer):
    """Shampoo: multiplies the gradient, along each axis, by a root of the inverse of what gradients have summed up to
    there.

    With learning rate γ, momentum μ, weight decay λ, gradient g and parameter θ with k axes:

        g ← g + λ θ
        Hᵢ ← Hᵢ + gᵢ gᵢᵀ           for each axis i, from Hᵢ = ε I
        u = g, multiplied along each axis i by Hᵢ^(-1 / 2k)
        b ← μ b + u
        θ ← θ - γ b

    The roots come from an eigendecomposition in every step; an axis of more than `max_precond_dim` places has none. A
    vector gets the full matrix of Adagrad. `maximize` reverses the sign of g. Raises ArgumentError for settings that
    are negative or not finite.

    >>> import microgradient as mg
    >>> w = mg.tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> w.grad = mg.tensor([[8.0, 0.0], [0.0, 0.5]])
    >>> mg.optim.Shampoo([w], lr=1.0).step()  # both directions move by the same
    >>> [[round(x, 3) + 0.0 for x in row] for row in w.tolist()]
    [[-1.0, 0.0], [0.0, -1.0]]

    Gupta, Koren and Singer, "Shampoo: preconditioned stochastic tensor optimization" (2018).
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 0.1, momentum: float = 0.0, weight_decay: float = 0.0, eps: float = 1e-4,
        max_precond_dim: int = 1024, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        state: State = {"step": 0.0}
        for i in _small_axes(p, group):
            state[f"sum_{i}"] = group["eps"] * np.eye(p.shape[i], dtype=p.dtype)
        return state | ({"momentum_buffer": np.zeros(p.shape, p.dtype)} if group["momentum"] else {})

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        state["step"] = state["step"] + 1
        u = g
        for i in _small_axes(p, group):
            h = state[f"sum_{i}"] = state[f"sum_{i}"] + _gram(xp, g, i)
            u = _along(xp, _inverse_root(xp, h, 2 * g.ndim, group["eps"]), u, i)
        if group["momentum"]:
            u = state["momentum_buffer"] = group["momentum"] * state["momentum_buffer"] + u
        return p - group["lr"] * u


class SOAP(Optimizer):
    """SOAP: Adam in the basis of Shampoo's eigenvectors, in which the entries of a gradient depend less on each other.

    With learning rate γ, betas (β₁, β₂), weight decay λ, gradient g, parameter θ, step number t and orthogonal matrices
    Qᵢ, the identity at first, one for each axis i of at most `max_precond_dim` places:

        m ← m + (1 - β₁) (g - m)
        g′, m′ = g and m, multiplied along each axis i by Qᵢᵀ
        v ← β₂ v + (1 - β₂) g′²
        θ ← (1 - γ λ) θ - γ √(1 - β₂ᵗ) / (1 - β₁ᵗ) · Q m′ / (√v + ε)
        Hᵢ ← β₂ Hᵢ + (1 - β₂) gᵢ gᵢᵀ
        Qᵢ ← the Q of the QR decomposition of Hᵢ Qᵢ      after the first step, and every `precondition_frequency` steps

    Vectors are left to Adam. `maximize` reverses the sign of g. Raises ArgumentError for settings that are negative or
    not finite, or betas outside of [0, 1).

    >>> import microgradient as mg
    >>> w = mg.tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> optimizer = mg.optim.SOAP([w], lr=0.1)
    >>> for _ in range(60):
    ...     optimizer.zero_grad()
    ...     mg.sum((w - mg.tensor([[1.0, 2.0], [3.0, 4.0]])) ** 2).backward()
    ...     optimizer.step()
    >>> [[round(x) for x in row] for row in w.tolist()]
    [[1, 2], [3, 4]]

    Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam" (2024), algorithm 3.
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 3e-3, betas: tuple[float, float] = (0.95, 0.95), eps: float = 1e-8,
        weight_decay: float = 0.01, precondition_frequency: int = 10, max_precond_dim: int = 10000, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        state: State = {"step": 0.0, "exp_avg": np.zeros(p.shape, p.dtype), "exp_avg_sq": np.zeros(p.shape, p.dtype)}
        for i in _small_axes(p, group) if p.ndim > 1 else ():
            basis = np.eye(p.shape[i], dtype=p.dtype)
            state |= {f"sum_{i}": np.zeros_like(basis), f"basis_{i}": basis}
        return state

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        axes = _small_axes(p, group) if p.ndim > 1 else ()
        if group["weight_decay"]:
            p = p * (1 - lr * group["weight_decay"])
        due = (state["step"] == 0) | ((state["step"] + 1) % group["precondition_frequency"] == 0)
        t = state["step"] = state["step"] + 1
        m = state["exp_avg"] = state["exp_avg"] + (1 - beta1) * (g - state["exp_avg"])
        turned_g, turned_m = g, m
        for i in axes:
            back = xp.permute_dims(state[f"basis_{i}"], axes=(1, 0))
            turned_g, turned_m = _along(xp, back, turned_g, i), _along(xp, back, turned_m, i)
        v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * turned_g * turned_g
        u = turned_m / (xp.sqrt(v) + group["eps"])
        for i in axes:
            q = state[f"basis_{i}"]
            u = _along(xp, q, u, i)
            h = state[f"sum_{i}"] = beta2 * state[f"sum_{i}"] + (1 - beta2) * _gram(xp, g, i)
            state[f"basis_{i}"] = _if_due(due, _turned, q, h, q)
        return p - lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t) * u


def _small_axes(p: Any, group: Group) -> list[int]:
    """The axes that have a matrix."""
    return [i for i, n in enumerate(p.shape) if n <= group["max_precond_dim"]]


def _rows(xp: Any, x: Any, axis: int) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """`x` as a matrix whose rows go along an axis, with the order of axes and the shape before it was flattened."""
    order = (axis, *(k for k in range(x.ndim) if k != axis))
    moved = xp.permute_dims(x, axes=order)
    return xp.reshape(moved, shape=(x.shape[axis], x.size // max(x.shape[axis], 1))), order, moved.shape


def _gram(xp: Any, g: Any, axis: int) -> Any:
    rows, _, _ = _rows(xp, g, axis)
    return xp.matmul(rows, xp.permute_dims(rows, axes=(1, 0)))


def _along(xp: Any, matrix: Any, x: Any, axis: int) -> Any:
    """`x` multiplied by a matrix along an axis."""
    rows, order, shape = _rows(xp, x, axis)
    product = xp.reshape(xp.matmul(matrix, rows), shape=shape)
    return xp.permute_dims(product, axes=tuple(order.index(k) for k in range(x.ndim)))


def _inverse_root(xp: Any, h: Any, k: int, eps: float) -> Any:
    """h^(-1/k) of a symmetric matrix whose eigenvalues are at least about `eps`."""
    values, vectors = xp.eigh(h)
    return xp.matmul(vectors * xp.maximum(values, eps) ** (-1 / k), xp.permute_dims(vectors, axes=(1, 0)))


def _turned(h: Any, q: Any) -> Any:
    """A basis nearer to the eigenvectors of `h` than `q` is, by one step of orthogonal iteration."""
    return linalg.qr(matmul(h, q)).Q


def _if_due(due: Any, new: Callable[..., Any], old: Any, *arrays: Any) -> Any:
    """What `new` makes of arrays as tensors if it is due, or else `old`. A compiled step decides when it runs."""
    tensors = [wrap(array, None) for array in arrays]
    if isinstance(due, bool | np.bool_):
        return new(*tensors).raw if due else old
    from ..program.control_flow import cond

    return cond(wrap(due != 0, None), lambda: new(*tensors), lambda: wrap(old, None)).raw
