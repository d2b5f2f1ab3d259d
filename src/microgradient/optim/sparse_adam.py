"""SparseAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .optimizer import Group, Optimizer, State, settings


class SparseAdam(Optimizer):
    """Adam that leaves alone what has no gradient: rows of an embedding that a batch does not use keep value and
    moments.

    With learning rate γ, betas (β₁, β₂), gradient g, parameter θ and step number t, in each row of θ (entry of a
    vector) whose gradient is not 0:

        m ← m + (1 - β₁) (g - m),      v ← v + (1 - β₂) (g² - v)
        θ ← θ - γ √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)

    Gradients are ordinary, dense tensors here. `maximize` reverses the sign of the gradient. Raises
    ArgumentError for settings that are negative or not finite, betas outside of [0, 1), and lr or eps of 0.

    >>> import microgradient as mg
    >>> embedding = mg.nn.Embedding(3, 2)
    >>> optimizer = mg.optim.SparseAdam(embedding.parameters(), lr=0.1)
    >>> before = embedding.weight.numpy()
    >>> mg.sum(embedding(mg.tensor([2, 0, 2]))).backward()
    >>> optimizer.step()
    >>> (embedding.weight.numpy() != before).tolist()
    [[True, True], [False, False], [True, True]]

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015). Unlike `Adam`, it adds ε before the
    bias of v is corrected, as PyTorch's does.
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:  # fmt: skip
        if 0 in (lr, eps):
            raise ArgumentError("MG167", f"`lr` and `eps` must be more than 0, got {lr} and {eps}.")
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"step": 0.0, "exp_avg": np.zeros(p.shape, p.dtype), "exp_avg_sq": np.zeros(p.shape, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, (beta1, beta2), m, v = group["lr"], group["betas"], state["exp_avg"], state["exp_avg_sq"]
        used = xp.sum(xp.abs(g), axis=tuple(range(1, g.ndim)), keepdims=True) != 0
        t = state["step"] = state["step"] + 1
        m = state["exp_avg"] = xp.where(used, m + (1 - beta1) * (g - m), m)
        v = state["exp_avg_sq"] = xp.where(used, v + (1 - beta2) * (g * g - v), v)
        scale = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
        return xp.where(used, p - scale * (m / (xp.sqrt(v) + group["eps"])), p)
