"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import trace_hooks
from ..errors import ArgumentError, ArgumentTypeError, as_given
from ..tape import enable_grad
from ..tensor import Tensor
from .line_search import Point, strong_wolfe
from .optimizer import Array, Group, Optimizer, State, settings
from .state import imported


class LBFGS(Optimizer):
    """L-BFGS: steps of Newton's method with a Hessian that is estimated from the last gradients. For losses without
    noise. A complex parameter is the vector of its real and imaginary parts.

    With gradient g and, of each of the last `history_size` iterations, the step s and the change y of the gradient:

        d = -H g,      where H is the product over the history of (I - s yᵀ / yᵀs) … (I - y sᵀ / yᵀs) + s sᵀ / yᵀs,
                       around (yᵀs / yᵀy) I of the last iteration (d = -g in the first)
        θ ← θ + t d,   with t = lr (in the first iteration min(1, 1 / ‖g‖₁) · lr), or as `line_search_fn="strong_wolfe"` finds it

    One `step(closure)` makes up to `max_iter` iterations, with up to `max_eval` calls of the closure (by default 5/4 of
    that), which zeroes the gradients, computes the loss, calls `backward()` and returns the loss; it may be compiled
    (`mg.compile`). It ends early where no entry of g is larger than `tolerance_grad`, or where loss and parameters
    change by less than `tolerance_change`. Raises ArgumentError for several groups, or another `line_search_fn`.

    >>> import microgradient as mg
    >>> w = mg.tensor([-1.0, 2.0], requires_grad=True)
    >>> optimizer = mg.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     x, y = w
    ...     loss = (1 - x) ** 2 + 100 * (y - x**2) ** 2  # Rosenbrock's valley
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(5):
    ...     loss = optimizer.step(closure)
    >>> [round(x, 3) for x in w.tolist()]
    [1.0, 1.0]

    Liu and Nocedal, "On the limited memory BFGS method for large scale optimization" (1989).
    """

    needs_closure = True
    numbers = ("func_evals", "n_iter", "t", "prev_loss", "H_diag")

    def __init__(
        self, params: Iterable[Any], lr: float = 1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        if line_search_fn not in (None, "strong_wolfe"):
            raise ArgumentError("MG167", f"`line_search_fn` is None or 'strong_wolfe', got {as_given(line_search_fn)}.")
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(params, settings(locals()))

    def add_param_group(self, group: Group) -> None:
        if self.param_groups:
            raise ArgumentError("MG167", "LBFGS has one group of parameters: it sees them as one vector.")
        super().add_param_group(group)

    def _take_step(self, closure: Callable[[], Any] | None = None) -> Any:
        if closure is None:
            raise ArgumentTypeError("MG167", "LBFGS calls the loss several times in a step. Write `step(closure)`.")
        if (trace := trace_hooks.current()) is not None:
            trace.refuse("A step of LBFGS", "Compile the closure instead: `optimizer.step(mg.compile(closure))`.")
        (group,) = self.param_groups
        state: State = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with np.errstate(all="ignore"):
            return self._iterate(closure, group, state)

    def _iterate(self, closure: Callable[[], Any], group: Group, state: State) -> Any:
        tolerance, most = group["tolerance_change"], group["max_eval"]
        first, loss, g = self._evaluate(closure, state)
        evaluations = 1
        for iteration in range(1, group["max_iter"] + 1):
            if _largest(g) <= group["tolerance_grad"] or (iteration > 1 and evaluations >= most):
                break
            state["n_iter"] += 1
            d = self._direction(state, g, group["history_size"])
            t = group["lr"] * (min(1.0, 1.0 / float(np.sum(np.abs(g)))) if state["n_iter"] == 1 else 1)
            before, slope = loss, float(g @ d)
            state |= {"d": d, "t": t, "prev_flat_grad": g, "prev_loss": before}
            if slope > -tolerance:
                break
            x = [p.raw.copy() for p in group["params"]]  # a parameter's array may be written into, see `_go`
            if group["line_search_fn"]:
                start = Point(0.0, loss, g, slope)
                found, count = strong_wolfe(
                    lambda t: self._point(closure, state, x, t, d),  # noqa: B023
                    start, t, _largest(d), tolerance, most - evaluations,
                )  # fmt: skip
                evaluations += count
                state["t"], loss, g = found.t, found.loss, found.gradient
                self._go(x, found.t, d)
            else:
                self._go(x, t, d)
                if iteration == group["max_iter"]:
                    break
                _, loss, g = self._evaluate(closure, state)
                evaluations += 1
            if _largest(d * state["t"]) <= tolerance or abs(loss - before) < tolerance:
                break
        return first

    def _direction(self, state: State, g: Array, history_size: int) -> Array:
        """-H g by the two loops over the history, to which the last iteration is added if the curvature there is positive."""
        if state["n_iter"] == 1:
            state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0}
            return -g
        history = [state[name] for name in ("old_dirs", "old_stps", "ro")]
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = float(y @ s)
        if curvature > 1e-10:
            for entries, new in zip(history, (y, s, 1 / curvature), strict=True):
                entries[:] = [*entries, new][-history_size:]
            state["H_diag"] = curvature / float(y @ y)
        d, weights = -g, []
        for y, s, ro in [*zip(*history, strict=True)][::-1]:
            weights.append(float(s @ d) * ro)
            d = d - weights[-1] * y
        d = d * state["H_diag"]
        for (y, s, ro), weight in zip([*zip(*history, strict=True)], weights[::-1], strict=True):
            d = d + (weight - float(y @ d) * ro) * s
        return d

    def _evaluate(self, closure: Callable[[], Any], state: State) -> tuple[Any, float, Array]:
        """What the closure returns, as it is and as a number, and all gradients as one vector."""
        with enable_grad():
            loss = closure()
        state["func_evals"] += 1
        parts = [p.raw * 0 if p.grad is None else p.grad.raw for p in self._parameters()]
        return loss, float(loss), np.concatenate([_reals(part) for part in parts])

    def _point(self, closure: Callable[[], Any], state: State, x: list[Array], t: float, d: Array) -> Point:
        self._go(x, t, d)
        _, loss, g = self._evaluate(closure, state)
        return Point(t, loss, g, float(g @ d))

    def _go(self, x: list[Array], t: float, d: Array) -> None:
        """Set the parameters to `x` and t times their part of the direction."""
        start = 0
        for p, value in zip(self._parameters(), x, strict=True):
            numbers = _reals(value)
            moved = np.asarray(numbers + t * d[start : start + numbers.size], numbers.dtype)
            p.store(moved.view(value.dtype).reshape(value.shape))
            start += numbers.size

    def _imported(self, entry: State, index: Any, p: Tensor, group: Group) -> State:
        return {k: imported(value, k in self.numbers, p.raw.real.dtype) for k, value in entry.items() if k != "al"}


def _reals(x: Array) -> Array:
    """All entries as one vector; complex numbers as their two parts."""
    return np.ravel(x).view(x.real.dtype)


def _largest(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0.0))
