"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class RMSprop(Optimizer):
    """RMSprop: divides the gradient by the root of a moving average of its square.

    With learning rate γ, smoothing α, momentum μ, weight decay λ, gradient g and parameter θ:

        g ← g + λ θ
        v ← α v + (1 - α) g²
        b ← μ b + g / (√v + ε)     (centered: √(v - m²) for √v, where m ← m + (1 - α) (g - m))
        θ ← θ - γ b

    `maximize` reverses the sign of g; `foreach`, `capturable` and `differentiable` are accepted. Raises
    ArgumentError for settings that are negative or not finite.

    >>> import microgradient as mg
    >>> w = mg.tensor([4.0], requires_grad=True)
    >>> optimizer = mg.optim.RMSprop([w], lr=0.5, alpha=0.0)
    >>> mg.sum(w**2).backward()
    >>> optimizer.step()  # with α = 0 the step is γ · sign(g)
    >>> w.tolist()
    [3.5]

    Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning" (2012); `centered` is from Graves,
    "Generating sequences with recurrent neural networks" (2013).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        names = {"square_avg": True, "momentum_buffer": group["momentum"], "grad_avg": group["centered"]}
        return {"step": 0.0, **{name: np.zeros(p.shape, p.dtype) for name, used in names.items() if used}}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        alpha = group["alpha"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        state["step"] = state["step"] + 1
        v = state["square_avg"] = alpha * state["square_avg"] + (1 - alpha) * g * g
        if group["centered"]:
            m = state["grad_avg"] = state["grad_avg"] + (1 - alpha) * (g - state["grad_avg"])
            v = v - m * m
        g = g / (xp.sqrt(v) + group["eps"])
        if "momentum_buffer" in state:
            g = state["momentum_buffer"] = group["momentum"] * state["momentum_buffer"] + g
        return p - group["lr"] * g
