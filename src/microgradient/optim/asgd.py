"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, larger, settings


class ASGD(Optimizer):
    """Averaged stochastic gradient descent: steps get smaller, and the state has the mean of where the parameter was.

    With learning rate γ, decay λ₀ (`lambd`), power α (`alpha`), weight decay λ, gradient g, parameter θ and step number
    t:

        g ← g + λ θ
        θ ← (1 - λ₀ η) θ - η g
        a ← a + μ (θ - a)          (`state[p]["ax"]`: θ itself until step `t0`)
        η ← γ / (1 + λ₀ γ t)^α,    μ ← 1 / max(1, t - t0)          (for the next step; at first η = γ, μ = 1)

    `maximize` reverses the sign of g; `foreach`, `capturable` and `differentiable` are accepted. Raises
    ArgumentError for settings that are negative or not finite.

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> optimizer = mg.optim.ASGD([w], lr=0.5, lambd=0.0, t0=1)
    >>> for g in (1.0, 1.0, -1.0, 1.0):
    ...     w.grad = mg.tensor([g])
    ...     optimizer.step()
    >>> w.tolist(), optimizer.state[w]["ax"].tolist()  # the last one, and the mean of 0.0, 0.5, 0.0 from step 2 on
    ([0.0], [0.25])

    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (1992).
    """

    numbers = ("step", "eta", "mu")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"step": 0.0, "eta": float(group["lr"]), "mu": 1.0, "ax": np.zeros(p.shape, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, lambd, eta, mu = group["lr"], group["lambd"], state["eta"], state["mu"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        t = state["step"] = state["step"] + 1
        p = p * (1 - lambd * eta) - eta * g
        state["ax"] = state["ax"] + mu * (p - state["ax"])
        state["eta"] = lr / (1 + lambd * lr * t) ** group["alpha"]
        state["mu"] = 1 / larger(1.0, t - group["t0"])
        return p
