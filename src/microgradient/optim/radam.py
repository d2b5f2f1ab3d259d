"""RAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, larger, settings


class RAdam(Optimizer):
    """RAdam: Adam without the wild first steps, for which too few gradients say how much they vary.

    With learning rate γ, betas (β₁, β₂), weight decay λ, gradient g, parameter θ, step number t and ρ∞ = 2 / (1 - β₂) -
    1:

        g ← g + λ θ                (decoupled_weight_decay: θ ← (1 - γ λ) θ instead)
        m ← m + (1 - β₁) (g - m),      v ← β₂ v + (1 - β₂) g²
        ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ)   (how many gradients v is made of)
        θ ← θ - γ m / (1 - β₁ᵗ) · r,   where r = 1 if ρ ≤ 5, and otherwise
        r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ)) · √(1 - β₂ᵗ) / (√v + ε)

    `maximize` reverses the sign of g; `foreach`, `capturable` and `differentiable` are accepted. Raises
    ArgumentError for settings that are negative or not finite, or betas outside of [0, 1).

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> w.grad = mg.tensor([2.0])
    >>> mg.optim.RAdam([w], lr=0.25).step()  # the first steps are plain momentum: γ g
    >>> round(w.item(), 4)
    0.5

    Liu et al., "On the variance of the adaptive learning rate and beyond" (2020).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"step": 0.0, "exp_avg": np.zeros(p.shape, p.dtype), "exp_avg_sq": np.zeros(p.shape, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, (beta1, beta2), weight_decay = group["lr"], group["betas"], group["weight_decay"]
        if weight_decay and group["decoupled_weight_decay"]:
            p = p * (1 - lr * weight_decay)
        elif weight_decay:
            g = g + weight_decay * p
        t = state["step"] = state["step"] + 1
        m = state["exp_avg"] = state["exp_avg"] + (1 - beta1) * (g - state["exp_avg"])
        v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        correction, most = 1 - beta2**t, 2 / (1 - beta2) - 1
        step = lr / (1 - beta1**t) * m
        if most <= 5:  # there are never enough
            return p - step
        rho = most - 2 * t * beta2**t / correction
        enough = larger(rho, 5.0)  # otherwise it is not used
        ratio = (enough - 4) * (enough - 2) * most / ((most - 4) * (most - 2) * enough) * correction
        return p - step * xp.where(rho > 5, ratio**0.5 / (xp.sqrt(v) + group["eps"]), 1.0)
