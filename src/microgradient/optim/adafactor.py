"""Adafactor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, as_given
from .optimizer import Group, Optimizer, State, larger, settings, smaller


class Adafactor(Optimizer):
    """Adafactor: of a matrix's squared gradients it remembers the means of rows and columns; steps are relative to its size.

    With learning rate γ, power τ (`beta2_decay`), ε = (ε₁, ε₂), clipping threshold d, weight decay λ, gradient g,
    parameter θ, step number t and rms(x) = ‖x‖ / √n:

        α = max(ε₂, rms(θ)) · min(γ, 1 / √t)
        θ ← (1 - γ λ) θ
        r ← r + t^τ (mean of g² over columns - r),      c ← c + t^τ (mean of g² over rows - c)
        v = r c / max(mean of r, ε₁)                    (vectors and numbers: v ← v + t^τ (g² - v))
        u = g / √max(v, ε₁²)
        θ ← θ - α u / max(1, rms(u) / d)

    With more than two axes, the last two are rows and columns. ε₁ is the dtype's own if it is None. `maximize` reverses
    the sign of g; `foreach` is accepted as in PyTorch. Raises ArgumentError for negative settings, τ > 0 or d < 1.

    >>> import microgradient as mg
    >>> w = mg.tensor([[2.0, 2.0], [2.0, 2.0]], requires_grad=True)
    >>> w.grad = mg.tensor([[9.0, 9.0], [9.0, 9.0]])
    >>> mg.optim.Adafactor([w], lr=0.25).step()  # rms(w) = 2, and u = 1
    >>> w.tolist()
    [[1.5, 1.5], [1.5, 1.5]]

    Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018).
    """

    elementwise = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, beta2_decay: float = -0.8, eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0, weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        if not isinstance(eps, tuple | list) or len(eps) != 2:
            raise ArgumentTypeError("MG167", f"`eps` is (ε₁, ε₂), of which ε₁ may be None, got {as_given(eps)}.")
        super().__init__(params, settings(locals()))

    def initial_state(self, p: Any, group: Group) -> State:
        if p.ndim < 2:
            return {"step": 0.0, "variance": np.zeros(p.shape, p.dtype)}
        row, col = (*p.shape[:-1], 1), (*p.shape[:-2], 1, p.shape[-1])
        return {"step": 0.0, "row_var": np.zeros(row, p.dtype), "col_var": np.zeros(col, p.dtype)}

    def update(self, xp: Any, p: Any, g: Any, state: State, group: Group) -> Any:
        lr, (eps1, eps2) = group["lr"], group["eps"]
        eps1 = float(np.finfo(p.dtype).eps) if eps1 is None else eps1
        t = state["step"] = state["step"] + 1
        alpha = larger(eps2, _rms(xp, p)) * smaller(lr, 1 / t**0.5)
        if group["weight_decay"]:
            p = p * (1 - lr * group["weight_decay"])
        share = t ** group["beta2_decay"]
        if g.ndim > 1:
            r, c = state["row_var"], state["col_var"]
            r = state["row_var"] = r + share * (_mean(xp, g * g, -1) - r)
            c = state["col_var"] = c + share * (_mean(xp, g * g, -2) - c)
            v = r * c / xp.maximum(_mean(xp, r, -2), eps1)
        else:
            v = state["variance"] = state["variance"] + share * (g * g - state["variance"])
        u = g / xp.sqrt(xp.maximum(v, eps1 * eps1))
        return p - alpha / larger(1.0, _rms(xp, u) / group["d"]) * u


def _rms(xp: Any, x: Any) -> Any:
    return xp.sqrt(xp.sum(x * x, axis=tuple(range(x.ndim)), keepdims=False)) / x.size**0.5


def _mean(xp: Any, x: Any, axis: int) -> Any:
    return xp.sum(x, axis=(axis % x.ndim,), keepdims=True) / x.shape[axis]
