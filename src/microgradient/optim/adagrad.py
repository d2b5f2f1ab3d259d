"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class Adagrad(Optimizer):
    """Adagrad: divides the gradient by the root of the sum of all its squares so far.

    With learning rate γ, its decay η, weight decay λ, gradient g, parameter θ and step number t:

        g ← g + λ θ
        s ← s + g²                 (s begins with `initial_accumulator_value`)
        θ ← θ - γ / (1 + (t - 1) η) · g / (√s + ε)

    `maximize` reverses the sign of g; `foreach`, `fused` and `differentiable` are accepted as in PyTorch. Raises
    ArgumentError for settings that are negative or not finite.

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0, 1.0], requires_grad=True)
    >>> w.grad = mg.tensor([5.0, -0.1])
    >>> mg.optim.Adagrad([w], lr=0.5).step()  # the first step is γ · sign(g)
    >>> w.tolist()
    [0.5, 1.5]

    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization" (2011).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"step": 0.0, "sum": np.full(p.shape, group["initial_accumulator_value"], p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        t = state["step"] = state["step"] + 1
        s = state["sum"] = state["sum"] + g * g
        return p - group["lr"] / (1 + (t - 1) * group["lr_decay"]) * (g / (xp.sqrt(s) + group["eps"]))
