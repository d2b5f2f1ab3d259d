"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class Adadelta(Optimizer):
    """Adadelta: the step has the size of past steps, divided by the size of past gradients; it needs no learning rate.

    With smoothing ρ, learning rate γ, weight decay λ, gradient g and parameter θ:

        g ← g + λ θ
        v ← ρ v + (1 - ρ) g²
        Δ = √(u + ε) / √(v + ε) · g
        u ← ρ u + (1 - ρ) Δ²
        θ ← θ - γ Δ

    `maximize` reverses the sign of g; `foreach`, `capturable` and `differentiable` are accepted. Raises
    ArgumentError for settings that are negative or not finite, or ρ > 1.

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> w.grad = mg.tensor([2.0])
    >>> mg.optim.Adadelta([w], rho=0.0, eps=1.0, lr=1.0).step()  # √(0 + 1) / √(4 + 1) · 2
    >>> round(w.item(), 4)
    0.1056

    Zeiler, "ADADELTA: an adaptive learning rate method" (2012).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"step": 0.0, "square_avg": np.zeros(p.shape, p.dtype), "acc_delta": np.zeros(p.shape, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        rho, eps = group["rho"], group["eps"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        state["step"] = state["step"] + 1
        v = state["square_avg"] = rho * state["square_avg"] + (1 - rho) * g * g
        u = state["acc_delta"]
        delta = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
        state["acc_delta"] = rho * u + (1 - rho) * delta * delta
        return p - group["lr"] * delta
