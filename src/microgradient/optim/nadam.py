"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class NAdam(Optimizer):
    """NAdam: Adam with Nesterov's momentum, which looks one step ahead.

    With learning rate γ, betas (β₁, β₂), momentum decay ψ, weight decay λ, gradient g, parameter θ and step number t:

        g ← g + λ θ                (decoupled_weight_decay: θ ← (1 - γ λ) θ instead)
        μₜ = β₁ (1 - ½ · 0.96^(t ψ)),  Π ← Π μₜ
        m ← m + (1 - β₁) (g - m),      v ← β₂ v + (1 - β₂) g²
        θ ← θ - γ ((1 - μₜ) / (1 - Π) · g + μₜ₊₁ / (1 - Π μₜ₊₁) · m) / (√(v / (1 - β₂ᵗ)) + ε)

    `maximize` reverses the sign of g; `foreach`, `capturable` and `differentiable` are accepted. Raises
    ArgumentError for settings that are negative or not finite, or betas outside of [0, 1).

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> optimizer = mg.optim.NAdam([w], lr=0.1)
    >>> (w * w).backward(mg.tensor([1.0]))
    >>> optimizer.step()
    >>> round(optimizer.state[w]["mu_product"], 5)  # μ₁ = 0.9 (1 - ½ · 0.96^0.004)
    0.45007

    Dozat, "Incorporating Nesterov momentum into Adam" (2016).
    """

    numbers = ("step", "mu_product")

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        moments = {name: np.zeros(p.shape, p.dtype) for name in ("exp_avg", "exp_avg_sq")}
        return {"step": 0.0, "mu_product": 1.0, **moments}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, (beta1, beta2), psi, weight_decay = (
            group["lr"],
            group["betas"],
            group["momentum_decay"],
            group["weight_decay"],
        )
        if weight_decay and group["decoupled_weight_decay"]:
            p = p * (1 - lr * weight_decay)
        elif weight_decay:
            g = g + weight_decay * p
        t = state["step"] = state["step"] + 1
        mu, following = (beta1 * (1 - 0.5 * 0.96 ** (k * psi)) for k in (t, t + 1))
        product = state["mu_product"] = state["mu_product"] * mu
        m = state["exp_avg"] = state["exp_avg"] + (1 - beta1) * (g - state["exp_avg"])
        v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        ahead = (1 - mu) / (1 - product) * g + following / (1 - product * following) * m
        return p - lr * ahead / (xp.sqrt(v / (1 - beta2**t)) + group["eps"])
