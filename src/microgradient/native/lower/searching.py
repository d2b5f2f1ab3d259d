"""Lowering of NumPy's searches whose results have known shapes: argmax, argmin and count_nonzero, as reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...program.program import Instruction
from .writer import Lowering

_INT64 = np.dtype(np.int64)


def _search(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    rule = _SEARCHES.get(old.params["name"])
    return None if rule is None else rule(w, old, args[0], **old.params["function"].keywords)


def _arg(op: str) -> Any:
    """The rule of argmax (`op` "max") or argmin ("min")."""

    def rule(w: Lowering, old: Instruction, x: Instruction, *, axis: int | None, keepdims: bool) -> Instruction:
        """The least of the places where the extreme is, or of those of NaNs, which make the extreme NaN."""
        if x.dtype.kind == "b":
            x = w.add("astype", (x,), {"dtype": np.dtype(np.uint8)}, x.shape, np.dtype(np.uint8))
        if axis is None:
            x, axis = w.reshape(x, (math.prod(x.shape),)), 0
        found = w.pointwise("equal", x, w.reduce(op, x, (axis,), True), dtype=np.bool_)
        if x.dtype.kind == "f":
            found = w.pointwise("logical_or", found, w.pointwise("isnan", x, dtype=np.bool_))
        places = w.add("iota", (), {"loop": axis}, x.shape, _INT64)
        none = w.number(x.shape[axis], _INT64)
        least = w.reduce("min", w.pointwise("where", found, places, none, dtype=_INT64), (axis,), True)
        return w.reshape(least, old.shape)

    return rule


def _count(w: Lowering, old: Instruction, x: Instruction, *, axis: tuple[int, ...], keepdims: bool) -> Instruction:
    found = w.pointwise("not_equal", x, w.number(0, x.dtype), dtype=np.bool_)
    ones = w.add("astype", (found,), {"dtype": _INT64}, x.shape, _INT64)
    return w.reduce("sum", ones, tuple(axis), keepdims)


_SEARCHES = {"argmax": _arg("max"), "argmin": _arg("min"), "count_nonzero": _count}
SEARCHING = {"host": _search}
