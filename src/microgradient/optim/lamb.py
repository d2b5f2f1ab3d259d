"""LAMB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class LAMB(Optimizer):
    """LAMB: Adam's step, scaled for each tensor to the size of the tensor, for training with very large batches.

    With learning rate γ, betas (β₁, β₂), weight decay λ, gradient g, parameter θ and step number t:

        m ← m + (1 - β₁) (g - m),      v ← β₂ v + (1 - β₂) g²
        r = m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε) + λ θ
        θ ← θ - γ ‖θ‖ / ‖r‖ · r        (a ratio of 1 where either norm is 0)

    `maximize` reverses the sign of g. Raises ArgumentError for settings that are negative or not finite, or betas
    outside of [0, 1).

    >>> import microgradient as mg
    >>> w = mg.tensor([3.0, 4.0], requires_grad=True)
    >>> w.grad = mg.tensor([0.0, 7.0])
    >>> mg.optim.LAMB([w], lr=0.1).step()  # ‖w‖ = 5 in the direction of Adam's step, times 0.1
    >>> [round(x, 4) for x in w.tolist()]
    [3.0, 3.5]

    You et al., "Large batch optimization for deep learning: training BERT in 76 minutes" (2020), with φ(z) = z.
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-6,
        weight_decay: float = 0.0, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"step": 0.0, "exp_avg": np.zeros(p.shape, p.dtype), "exp_avg_sq": np.zeros(p.shape, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        beta1, beta2 = group["betas"]
        t = state["step"] = state["step"] + 1
        m = state["exp_avg"] = state["exp_avg"] + (1 - beta1) * (g - state["exp_avg"])
        v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        r = m / (1 - beta1**t) / (xp.sqrt(v / (1 - beta2**t)) + group["eps"])
        if group["weight_decay"]:
            r = r + group["weight_decay"] * p
        size, step = (xp.sqrt(xp.sum(x * x, axis=tuple(range(x.ndim)), keepdims=False)) for x in (p, r))
        ratio = xp.where((size > 0) & (step > 0), size / step, xp.ones_like(size))
        return p - group["lr"] * ratio * r
