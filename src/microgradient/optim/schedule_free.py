"""Schedule-free AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import GradientError
from .optimizer import Group, Optimizer, State, larger, settings, smaller


class AdamWScheduleFree(Optimizer):
    """AdamW whose learning rate needs no schedule: gradients are taken between the latest point z and the mean x of all
    of them.

    With learning rate γ, betas (β₁, β₂), weight decay λ, gradient g at the parameter y, and step number t:

        γₜ = γ · min(1, t / warmup_steps)
        v ← β₂ v + (1 - β₂) g²,    u = g / (√(v / (1 - β₂ᵗ)) + ε) + λ y
        c = wₜ / Σ w,              wₜ = t^r · (largest γ so far)^weight_lr_power
        x ← (1 - c) x + c (z - γₜ u),  z ← z - γₜ u,  y = β₁ x + (1 - β₁) z

    The parameters hold y while training, and x after `eval()`; call `train()` before going on. `maximize` reverses the
    sign of g. Raises ArgumentError for settings that are negative or not finite, GradientError for a step after
    `eval()`.

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> optimizer = mg.optim.AdamWScheduleFree([w], lr=0.1)
    >>> for _ in range(200):
    ...     optimizer.zero_grad()
    ...     mg.sum((w - 3.0) ** 2).backward()
    ...     optimizer.step()
    >>> optimizer.eval()
    >>> abs(w.item() - 3.0) < 0.1
    True

    Defazio et al., "The road less scheduled" (2024).
    """

    numbers = ("step", "weight_sum", "lr_max")

    def __init__(
        self, params: Iterable[Any], lr: float = 2.5e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, warmup_steps: int = 0, r: float = 0.0, weight_lr_power: float = 2.0, *,
        maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {**settings(locals()), "train_mode": True})

    def initial_state(self, p: Any, group: Group) -> State:
        moments = {name: np.zeros(p.shape, p.dtype) for name in ("z_minus_y", "exp_avg_sq")}
        return {"step": 0.0, "weight_sum": 0.0, "lr_max": 0.0, **moments}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        if not group["train_mode"]:
            raise GradientError(
                "MG168", "The parameters hold the mean, after `eval()`. Call `train()` before the next step."
            )
        beta1, beta2 = group["betas"]
        t = state["step"] = state["step"] + 1
        lr = group["lr"] * smaller(1.0, t / group["warmup_steps"]) if group["warmup_steps"] else group["lr"]
        largest = state["lr_max"] = larger(lr, state["lr_max"])
        weight = t ** group["r"] * largest ** group["weight_lr_power"]
        total = state["weight_sum"] = state["weight_sum"] + weight
        c = weight / larger(total, 1e-300)  # 0 as long as all learning rates were
        v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g * g
        u = g / (xp.sqrt(v / (1 - beta2**t)) + group["eps"])
        if group["weight_decay"]:
            u = u + group["weight_decay"] * p
        ahead = state["z_minus_y"]
        y = p + c * ahead + lr * (beta1 * (1 - c) - 1) * u
        state["z_minus_y"] = p - y + ahead - lr * u
        return y

    def train(self) -> None:
        """Put the point between z and x, at which gradients are taken, into the parameters."""
        self._move(True)

    def eval(self) -> None:
        """Put the mean x, which is to be used, into the parameters."""
        self._move(False)

    def _move(self, training: bool) -> None:
        """From y to x = y - (1 / β₁ - 1) (z - y), or back."""
        for group in self.param_groups:
            if group["train_mode"] is training or not group["betas"][0]:
                continue
            group["train_mode"] = training
            share = 1 / group["betas"][0] - 1
            for p in group["params"]:
                if self.state.get(p):
                    way = share * np.asarray(self.state[p]["z_minus_y"])
                    p.raw = p.raw + way if training else p.raw - way
