"""Where NaN comes from: the operation that gave the first one forward, or where 0 met ∞ in the sweep backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

Numbers = Callable[[Any], tuple[Any, Sequence[Any]] | None]


def first_nan(order: Iterable[Any], numbers: Numbers, told: Callable[[Any], str]) -> str:
    """The first operation, in order of evaluation, that gave NaN, or that was given one. "" if there is none.

    `numbers` gives the result and the arguments of a node if they are known, `told` its formula and line.
    """
    for node in order:
        known = numbers(node) if node.parents else None
        if known is None or isinstance(known[0], tuple):
            continue
        y, args = known
        given = [np.asarray(a, np.float64) for a in args if np.asarray(a).dtype.kind in "fiu"]
        if any(_nan(a) for a in given):
            return f"an input of {told(node)} is NaN already: a parameter after an earlier step, or the data"
        if _nan(y):
            ranges = " and ".join(f"{a.min():.6g} to {a.max():.6g}" if a.size > 1 else f"{a.item():.6g}" for a in given)
            return f"the first comes from {told(node)}, {np.sum(np.isnan(y)):,} of {np.size(y):,} entries; its inputs: {ranges}"
    return ""


def zero_times_infinity(
    edges: Iterable[tuple[Any, int, Any, Any]], told: Callable[[Any], str], name: Callable[[Any], str]
) -> str:
    """The first edge of a backward sweep where a number arrived and NaN was sent on, and what to write. "" if there is none."""
    for node, i, upstream, contribution in edges:
        if isinstance(upstream, tuple) or isinstance(contribution, tuple) or _nan(upstream) or not _nan(contribution):
            continue
        x, formula = name(node.parents[i]), told(node)
        if not np.all(upstream):
            return (
                f"0 × ∞ in {formula}: 0 arrives where its own derivative is infinite or NaN. Where the result is not used, let a "
                f"harmless number take the place of {x}: mg.where(ok, {x}, 1.), with ok such as {x} > 0"
            )
        return f"{formula} has the derivative NaN"
    return ""


def _nan(x: Any) -> bool:
    return bool(np.isnan(x).any())
