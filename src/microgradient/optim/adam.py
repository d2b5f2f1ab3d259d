"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Group, Optimizer, State, settings


class Adam(Optimizer):
    """Adam: each entry moves by about γ, in the direction in which its gradient keeps pointing.

    With learning rate γ, betas (β₁, β₂), weight decay λ, gradient g, parameter θ and step number t:

        g ← g + λ θ
        m ← m + (1 - β₁) (g - m),      v ← β₂ v + (1 - β₂) g²
        θ ← θ - γ / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)

    `amsgrad` divides by the largest v so far instead of the latest; `maximize` reverses the sign of g; with
    `decoupled_weight_decay` it is `AdamW`. `foreach`, `fused`, `capturable` and `differentiable` are accepted as in
    PyTorch. Raises ArgumentError for settings that are negative or not finite, or betas outside of [0, 1).

    >>> import microgradient as mg
    >>> from microgradient.optim import Adam
    >>> w = mg.tensor([1.0, 200.0], requires_grad=True)
    >>> opt = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> opt.step()
    >>> w.data.round(4).tolist() == mg.tensor([0.9, 199.9]).tolist()
    True

    Kingma and Ba, "Adam: a method for stochastic optimization" (2015); Reddi, Kale and Kumar, "On the convergence of
    Adam and beyond" (2018) for amsgrad. Weight decay is added to the gradient and so divided by √v too, which weakens
    it where gradients are large: prefer `AdamW`. ε is added outside the root, after the correction of its bias.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        state: State = {"step": 0.0, "exp_avg": np.zeros(p.shape, p.dtype), "exp_avg_sq": np.zeros(p.shape, p.dtype)}
        return state | {"max_exp_avg_sq": np.zeros(p.shape, p.dtype)} if group["amsgrad"] else state

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, (beta1, beta2), weight_decay = group["lr"], group["betas"], group["weight_decay"]
        if weight_decay and group["decoupled_weight_decay"]:
            p = p * (1 - lr * weight_decay)
        elif weight_decay:
            g = g + weight_decay * p
        t = state["step"] = state["step"] + 1
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m = state["exp_avg"] = m + (1 - beta1) * (g - m)
        v = state["exp_avg_sq"] = beta2 * v + (1 - beta2) * g * g
        if group["amsgrad"]:
            v = state["max_exp_avg_sq"] = xp.maximum(state["max_exp_avg_sq"], v)
        scale = xp.sqrt(v) / (1 - beta2**t) ** 0.5 + group["eps"]
        return p - lr / (1 - beta1**t) * m / scale


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← (1 - γ λ) θ first, then the step of `Adam` with λ = 0.

    The settings are Adam's; `weight_decay` is 0.01 unless given.

    >>> import microgradient as mg
    >>> from microgradient.optim import AdamW
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> w.grad = mg.tensor([0.0])
    >>> AdamW([w], lr=0.1, weight_decay=0.5).step()
    >>> [round(x, 4) for x in w.tolist()]
    [0.95]

    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019). The decay per step is γ λ, so it follows the
    learning rate's schedule; in the paper's formula it does not depend on γ. It acts on biases and normalisation
    weights too: give them a group of their own with `weight_decay=0`.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None,
        capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, **settings(locals()), decoupled_weight_decay=True)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True  # also after a state of `Adam`
