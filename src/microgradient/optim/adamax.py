"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class Adamax(Optimizer):
    """Adamax: Adam that divides by the largest gradient so far, slowly forgotten, in place of the root of the mean
    square.

    With learning rate γ, betas (β₁, β₂), weight decay λ, gradient g, parameter θ and step number t:

        g ← g + λ θ
        m ← m + (1 - β₁) (g - m),      u ← max(β₂ u, |g| + ε)
        θ ← θ - γ / (1 - β₁ᵗ) · m / u

    `maximize` reverses the sign of g; `foreach`, `capturable` and `differentiable` are accepted. Raises
    ArgumentError for settings that are negative or not finite, or betas outside of [0, 1).

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> w.grad = mg.tensor([-8.0])
    >>> mg.optim.Adamax([w], lr=0.25).step()
    >>> w.tolist()
    [1.25]

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015), section 7.1.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"step": 0.0, "exp_avg": np.zeros(p.shape, p.dtype), "exp_inf": np.zeros(p.shape, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        beta1, beta2 = group["betas"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        t = state["step"] = state["step"] + 1
        m = state["exp_avg"] = state["exp_avg"] + (1 - beta1) * (g - state["exp_avg"])
        u = state["exp_inf"] = xp.maximum(beta2 * state["exp_inf"], xp.abs(g) + group["eps"])
        return p - group["lr"] / (1 - beta1**t) * (m / u)
