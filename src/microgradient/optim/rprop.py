"""Rprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class Rprop(Optimizer):
    """Rprop: each entry has a step size of its own, which grows while the gradient keeps its sign and shrinks when it
    turns.

    With etas (η⁻, η⁺), step sizes between Δ⁻ and Δ⁺, gradient g, the one before it g′, and parameter θ:

        Δ ← clip(η⁺ Δ if g g′ > 0, η⁻ Δ if g g′ < 0, else Δ; between Δ⁻ and Δ⁺)        (Δ = γ at first)
        g ← 0 where g g′ < 0
        θ ← θ - Δ sign(g)

    It is for gradients of all the data: those of small batches change sign by chance. `maximize` reverses the sign of
    g; `foreach`, `capturable` and `differentiable` are accepted. Raises ArgumentError unless 0 < η⁻ < 1 <
    η⁺.

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> optimizer = mg.optim.Rprop([w], lr=0.25, etas=(0.5, 2.0))
    >>> for g in (3.0, 1.0, -1.0, -1.0):  # steps of 0.25, 0.5, none, and back by 0.25
    ...     w.grad = mg.tensor([g])
    ...     optimizer.step()
    >>> w.tolist()
    [0.5]

    Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm" (1993).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        return {"step": 0.0, "prev": np.zeros(p.shape, p.dtype), "step_size": np.full(p.shape, group["lr"], p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        state["step"] = state["step"] + 1
        agreement = g * state["prev"]
        factor = xp.where(agreement > 0, grow, xp.where(agreement < 0, shrink, xp.ones_like(g)))
        size = state["step_size"] = xp.minimum(xp.maximum(state["step_size"] * factor, smallest), largest)
        g = state["prev"] = xp.where(agreement < 0, 0.0, g)
        return p - xp.sign(g) * size
