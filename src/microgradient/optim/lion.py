"""Lion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class Lion(Optimizer):
    """Lion: all entries move by γ, in the direction of a momentum that weighs the latest gradient more in the step than
    after it.

    With learning rate γ, betas (β₁, β₂), weight decay λ, gradient g and parameter θ:

        θ ← (1 - γ λ) θ - γ sign(β₁ m + (1 - β₁) g)
        m ← β₂ m + (1 - β₂) g

    `maximize` reverses the sign of g. The steps are larger than AdamW's: take γ 3 to 10 times smaller, and λ as much
    larger. Raises ArgumentError for settings that are negative or not finite, or betas outside of [0, 1).

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0, 1.0, 1.0], requires_grad=True)
    >>> w.grad = mg.tensor([100.0, -0.001, 0.0])
    >>> mg.optim.Lion([w], lr=0.25).step()
    >>> w.tolist()
    [0.75, 1.25, 1.0]

    Chen et al., "Symbolic discovery of optimization algorithms" (2023).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0, *,
        maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"exp_avg": np.zeros(p.shape, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, (beta1, beta2), m = group["lr"], group["betas"], state["exp_avg"]
        state["exp_avg"] = beta2 * m + (1 - beta2) * g
        if group["weight_decay"]:
            p = p * (1 - lr * group["weight_decay"])
        return p - lr * xp.sign(beta1 * m + (1 - beta1) * g)
