"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .optimizer import Group, Optimizer, State, settings


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    With learning rate γ, momentum μ, dampening τ, weight decay λ, gradient g and parameter θ:

        g ← g + λ θ
        b ← μ b + (1 - τ) g        (b = g in the first step; without momentum b = g)
        θ ← θ - γ b                (nesterov: θ - γ (g + μ b))

    `maximize` reverses the sign of g; `foreach`, `fused` and `differentiable` are accepted as in PyTorch. Raises
    ArgumentError for settings that are negative or not finite.

    >>> import microgradient as mg
    >>> from microgradient.optim import SGD
    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> opt = SGD([w], lr=0.1)
    >>> for _ in range(50):
    ...     opt.zero_grad()
    ...     loss = ((w - 3.0) * (w - 3.0)).sum()
    ...     loss.backward()
    ...     opt.step()
    >>> [round(x, 3) for x in w.tolist()]
    [3.0, 3.0]

    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning" (2013).
    Their formula, and Nesterov's, have γ inside of b; here, as in PyTorch, a changed γ acts on all that b has gathered.
    """

    takes_complex = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None,
        differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError(
                "MG167",
                f"Nesterov's step needs momentum > 0 and dampening = 0, got momentum = {momentum} and dampening = {dampening}. "
                "Write `SGD(params, lr, momentum=0.9, nesterov=True)`.",
            )
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        zeros = group["momentum"] and not group["dampening"]  # b = g in the first step, as from b = 0
        return {"momentum_buffer": np.zeros(p.shape, p.dtype)} if zeros else {}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, momentum = group["lr"], group["momentum"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if "momentum_buffer" in state or momentum:
            b = state.get("momentum_buffer")
            b = state["momentum_buffer"] = g.copy() if b is None else momentum * b + (1 - group["dampening"]) * g
            g = g + momentum * b if group["nesterov"] else b
        return p - lr * g
