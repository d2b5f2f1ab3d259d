"""Muon."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError, as_given
from .optimizer import Group, Optimizer, State, settings


class Muon(Optimizer):
    """Muon: the momentum of a matrix, made nearly orthogonal, so that a step has about the same size in all directions.

    With learning rate γ, momentum μ, weight decay λ, coefficients (a, b, c), gradient g and parameter θ of shape (m,
    n):

        b ← μ b + (1 - μ) g,       u = μ b + (1 - μ) g     (nesterov=False: u = b)
        o ← u / max(‖u‖, ε), then `ns_steps` times:  s = o oᵀ,  o ← a o + (b s + c s²) o
        θ ← (1 - γ λ) θ - γ √max(1, m / n) o               (adjust_lr_fn="match_rms_adamw": 0.2 √max(m, n))

    These Newton–Schulz iterations, here in the parameter's dtype, take o near U Vᵀ of the singular value decomposition
    of u. It is for the matrices of hidden layers: give embeddings, the last layer, biases and gains to `AdamW`. Raises
    ShapeError for a parameter without two axes, ArgumentError for negative settings or another `adjust_lr_fn`.

    >>> import microgradient as mg
    >>> w = mg.tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> w.grad = mg.tensor([[5.0, 0.0], [0.0, 0.1]])
    >>> mg.optim.Muon([w], lr=1.0, ns_steps=20, ns_coefficients=(1.5, -0.5, 0.0)).step()
    >>> [[round(x, 3) + 0.0 for x in row] for row in w.tolist()]
    [[-1.0, 0.0], [0.0, -1.0]]

    Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); Liu et al., "Muon is scalable for
    LLM training" (2025) for `match_rms_adamw`.
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(
                "MG167", f"`adjust_lr_fn` is 'original' or 'match_rms_adamw', got {as_given(adjust_lr_fn)}."
            )
        super().__init__(params, settings(locals()))

    def add_param_group(self, group: Group) -> None:
        super().add_param_group(group)
        for p in self.param_groups[-1]["params"]:
            if p.ndim != 2:
                raise ShapeError(
                    "MG167", f"Muon is for matrices, and a parameter has shape {p.shape}. Give it to AdamW."
                )

    def initial_state(self, p: Any, group: Group) -> State:
        return {"momentum_buffer": np.zeros(p.shape, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, momentum = group["lr"], group["momentum"]
        b = state["momentum_buffer"] = g + momentum * (state["momentum_buffer"] - g)
        u = g + momentum * (b - g) if group["nesterov"] else b
        rows, columns = p.shape
        ratio = max(1.0, rows / max(columns, 1))
        scale = 0.2 * math.sqrt(max(rows, columns)) if group["adjust_lr_fn"] == "match_rms_adamw" else math.sqrt(ratio)
        return p * (1 - lr * group["weight_decay"]) - lr * scale * orthogonalized(xp, u, group)


def orthogonalized(xp: Any, u: Any, group: Group) -> Any:
    """A matrix with the singular vectors of `u` and singular values near 1."""
    a, b, c = group["ns_coefficients"]
    tall = u.shape[0] > u.shape[1]
    o = xp.permute_dims(u, axes=(1, 0)) if tall else u
    o = o / xp.maximum(xp.sqrt(xp.sum(o * o, axis=(0, 1), keepdims=False)), group["eps"])
    for _ in range(group["ns_steps"]):
        s = xp.matmul(o, xp.permute_dims(o, axes=(1, 0)))
        o = a * o + xp.matmul(b * s + c * xp.matmul(s, s), o)
    return xp.permute_dims(o, axes=(1, 0)) if tall else o
