"""Reducing numbers: where a reduction begins, how two results combine, and the lanes of a vector among each other.

As NumPy: a maximum or minimum is NaN if any number is, integers wrap around, nothing sums up to 0.
"""

from __future__ import annotations

import numpy as np

from . import pointwise
from .ir import Function, Val
from .registers import literal
from .vectors import shuffle

STEP = {"reduce_sum": "add", "reduce_prod": "multiply", "reduce_max": "maximum", "reduce_min": "minimum"}
"""The reductions, and the primitive that each repeats."""


def identity(name: str, dtype: str, lanes: int = 1) -> Val:
    """What a reduction of nothing gives."""
    if name in ("reduce_sum", "reduce_prod"):
        return literal(name == "reduce_prod", dtype, lanes)
    lowest = name == "reduce_max"
    if dtype == "b1":
        return literal(not lowest, dtype, lanes)
    if dtype[0] == "f":
        return literal(-np.inf if lowest else np.inf, dtype, lanes)
    bounds = np.iinfo(dtype)
    return literal(bounds.min if lowest else bounds.max, dtype, lanes)


def combine(f: Function, name: str, total: Val, more: Val) -> Val:
    """One step of a reduction, in each lane."""
    return pointwise.emit(f, STEP[name], [more, total], total.dtype, {})


def across(f: Function, name: str, value: Val) -> Val:
    """All lanes of a vector as one number, by halves."""
    while value.lanes > 1:
        half = value.lanes // 2
        if half == 1:
            low, high = (f.emit(f"extractelement {value.type} {value.text}, i32 {lane}") for lane in (0, 1))
        else:
            low, high = (shuffle(f, value.text, None, value.type, list(range(i, i + half))) for i in (0, half))
        value = combine(f, name, Val(low, value.dtype, half), Val(high, value.dtype, half))
    return value
