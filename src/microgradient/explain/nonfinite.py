"""Where NaN comes from: the operation that gave the first one forward, or where 0 met ∞ in the sweep backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import Node
from .sweep import Sweep


def first_nan(sweep: Sweep) -> str:
    """The first operation, in order of evaluation, that gave NaN, or that was given one. "" if there is none."""
    for node in sweep.order:
        args, y = sweep.step(node).args, sweep.value(node)
        if not args or isinstance(y, tuple):
            continue
        given = [np.asarray(a, np.float64) for a in args if np.asarray(a).dtype.kind in "fiu"]
        if any(_nan(a) for a in given):
            return f"an input of {_told(node, sweep)} is NaN already: a parameter after an earlier step, or the data"
        if _nan(y):
            ranges = " and ".join(f"{a.min():.6g} to {a.max():.6g}" if a.size > 1 else f"{a.item():.6g}" for a in given)
            count = f"{np.sum(np.isnan(y)):,} of {np.size(y):,} entries"
            return f"the first comes from {_told(node, sweep)}, {count}; its inputs: {ranges}"
    return ""


def zero_times_infinity(sweep: Sweep) -> str:
    """The first edge of the sweep where a number arrived and NaN was sent on, and what to write. "" if there is none."""
    for node, _, _, parent, upstream, contribution in sweep.uses:
        if isinstance(upstream, tuple) or isinstance(contribution, tuple) or _nan(upstream) or not _nan(contribution):
            continue
        x, formula = sweep.names[parent], _told(node, sweep)
        if np.all(upstream):
            return f"{formula} has the derivative NaN"
        return (
            f"0 × ∞ in {formula}: 0 arrives where its own derivative is infinite or NaN. Where the result is not used, let a "
            f"harmless number take the place of {x}: mg.where(ok, {x}, 1.), with ok such as {x} > 0"
        )
    return ""


def _told(node: Node, sweep: Sweep) -> str:
    return f"{sweep.names[node]} = {sweep.formula(node)} {sweep.step(node).where}".rstrip()


def _nan(x: Any) -> bool:
    return bool(np.isnan(x).any())
