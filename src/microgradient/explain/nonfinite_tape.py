"""What made a loss NaN or infinite, where no trace was taken: read from what the operations saved for their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..array_world import ARRAY
from ..scalar import Value
from ..tape import Node, Shaped
from .nonfinite import CURES, ranges


def first_on_tape(order: Sequence[Node]) -> str:
    """A sentence about the first operation that gave, or was given, NaN, or else infinity, as far as it is seen without a trace.

    `order` is that of the sweep, which has not yet released what the operations saved.
    """
    return _first_on_tape(order, np.isnan) or _first_on_tape(order, np.isinf) or _UNSEEN


def _first_on_tape(order: Sequence[Node], bad: Any) -> str:
    for node in reversed(order):
        op = node.op
        if op is None or not isinstance(node.saved, tuple) or isinstance(node.saved[0], tuple):
            continue
        y, *args = node.saved
        floats = [a for a in args if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
        if bad is np.isnan and any(np.any(np.isinf(a)) for a in floats):
            return ""  # where the infinity came from tells more
        for i, a in enumerate(args):
            if isinstance(a, np.ndarray) and a.dtype.kind == "f" and np.any(bad(a)):
                parent = node.parents[i]
                return _told_given(op.name, np.sum(bad(a)), a.size, parent is None or parent.op is None)
        if y is None and not any(a is None or isinstance(a, Shaped) for a in args):
            with np.errstate(all="ignore"):
                y = getattr(ARRAY, op.name)(*args, **node.params) if hasattr(ARRAY, op.name) else None
        if isinstance(y, np.ndarray | np.floating) and np.any(bad(y)):
            told = (
                f"The first comes from `{op.name}`: {np.sum(bad(y)):,} of {np.size(y):,} results are NaN or infinite."
            )
            given = f" Its inputs are {ranges(floats)}." if floats else ""
            return told + given + CURES.get(op.name, "")
    return ""


def _told_given(name: str, count: Any, size: int, by_leaf: bool) -> str:
    if not by_leaf:
        return f"`{name}` is given {count} of {size} numbers that are NaN or infinite, by an operation before it."
    return (
        f"`{name}` is given {count} of {size} numbers that are NaN or infinite, by the data, or by a parameter after a step. Was "
        "the loss of that step finite? Then its gradient was not: that of a root at 0, or 0 × ∞, as in "
        "`mg.where(x > 0, mg.log(x), 0.0)`."
    )


def first_value(computed: Sequence[Value]) -> str:
    """The same for Values, given in the order of the sweep."""
    for v in reversed(computed):
        if not _nonfinite(v.data):
            continue
        given = ", ".join(f"{p.data:.6g}" for p in v.parents)
        if any(_nonfinite(p.data) for p in v.parents):
            return f"`{v._op}` is given {given}: a parameter after an earlier step, or the data."
        name = v._op if v.op is None else v.op.name
        return f"The first comes from `{name}` of {given}." + CURES.get(name, "")
    return _UNSEEN


_UNSEEN = "It can't be seen here what made it so."


def _nonfinite(x: Any) -> bool:
    """Whether a number or an array of floats has entries that are NaN or infinite."""
    return (
        isinstance(x, float | np.floating | np.ndarray)
        and np.asarray(x).dtype.kind == "f"
        and not np.all(np.isfinite(x))
    )
