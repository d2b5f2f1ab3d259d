"""Is a derivative right? A central difference beside it, and what may be concluded from the two.

C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)" (1982), for differences at several step lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Check:
    """A derivative by a central difference, `numeric`, beside the one by the rules, `analytic`.

    `verdict` is "agrees", "differs", "kink" (no derivative here: the slopes on both sides differ), "rounding" (agrees with
    the rules in 64 bits, but not in the dtype of the data), "undecided" (differences can't tell here), or "" where none was
    taken (`numeric` is None). `note` says more. `agrees` is False only where the two contradict each other.
    """

    numeric: float | None
    analytic: float
    verdict: str
    note: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the difference does not contradict the rules."""
        return self.verdict not in ("differs", "kink")


def compare(f: Callable[[float], float], analytic: float, size: float, scale: float, exact: float) -> Check:
    """Compare f'(0), which should be `analytic`, with central differences of f.

    `size` is that of the number that f moves, `scale` of the parts that were added up to the derivative, and `exact` the
    relative error that is allowed. Where the usual step does not agree, f is computed at steps from 1e-3 to 1e-11: a
    contradiction takes four neighbouring quotients that agree to two per cent of themselves and of what they differ from
    `analytic`. (Quotients of a bounded function that oscillates are all small, at steps too long for it.)
    """

    def quotient(h: float) -> float:
        return (f(h) - f(-h)) / (2 * h)

    def near(a: float, b: float) -> bool:
        return abs(a - b) <= exact * max(abs(a), abs(b), scale) + 1e-9 * abs(value) + 1e-9

    if not np.isfinite(analytic):
        return Check(None, analytic, "", "not taken: the gradient is not a finite number")
    value, size = f(0.0), max(1.0, size)
    numeric = quotient(6e-6 * size)
    if not np.isfinite(numeric):
        return Check(None, analytic, "", "can't be taken: the function is not finite within h of this point")
    if near(numeric, analytic):
        return Check(numeric, analytic, "agrees")
    steps = [1e-3 * size * 4.0**-k for k in range(14)]
    quotients = np.array([quotient(h) for h in steps])
    closest = float(quotients[np.nanargmin(np.abs(quotients - analytic))])
    if near(closest, analytic):
        return Check(closest, analytic, "agrees")
    windows = np.lib.stride_tricks.sliding_window_view(quotients, 4)
    spreads = np.nan_to_num(windows.max(axis=1) - windows.min(axis=1), nan=np.inf)
    k = int(np.argmin(spreads / np.maximum(np.abs(windows).max(axis=1), 1e-300)))
    numeric, noise = float(np.mean(windows[k])), 1e-13 * abs(value) / steps[k + 3]
    if not 50 * spreads[k] <= min(abs(numeric - analytic), max(abs(numeric), 50 * noise)):
        change = float(np.nanmin(np.abs(np.diff(quotients))))
        told = f"can't be decided by differences: f is too steep here, the quotient changes by {change:.2g} between h and h/4"
        return Check(float(quotients[int(np.nanargmin(np.abs(np.diff(quotients))))]), analytic, "undecided", told)
    sides = [((value - f(-h)) / h, (f(h) - value) / h) for h in (steps[k], steps[k + 3])]
    (left, right), gap = sides[1], abs(sides[0][1] - sides[0][0])  # in a curve, the gap gets smaller with h
    if abs(right - left) > max(gap / 2, 10 * spreads[k]):
        return Check(numeric, analytic, "kink", f"the slope is {left:.6g} on one side and {right:.6g} on the other")
    return Check(numeric, analytic, "differs")


def kink(name: str, args: Sequence[Any], params: Mapping[str, Any]) -> str:
    """What is special about arguments at which the primitive `name` has a kink; "" elsewhere.

    >>> kink("relu", [0.0], {}), kink("relu", [1.0], {}), kink("max", [np.ones(3)], {"axis": (0,)})
    ('relu, input = 0', '', 'max, 3 entries tie')
    """
    if name in ("relu", "abs", "norm", "sqrt") and not np.all(args[0]):
        return f"{name}, input = 0"
    if name in ("maximum", "minimum") and np.any(np.equal(*args)):
        return (
            f"{name}, both inputs = {np.asarray(args[0])[np.equal(*args)].flat[0] if np.ndim(args[0]) else args[0]:g}"
        )
    if name == "clip" and any(np.any(args[0] == bound) for bound in args[1:]):
        return "clip, input at a bound"
    if name in ("max", "min"):
        a, axis = np.asarray(args[0]), params.get("axis")
        tied = np.sum(a == getattr(a, name)(axis=axis, keepdims=True), axis=axis)
        return f"{name}, {np.max(tied)} entries tie" if np.max(tied, initial=0) > 1 else ""
    return ""
