"""Products of whole numbers: operands as narrow as they were before somebody widened them, and pairs of them in one word.

`a.astype(mg.int32) @ b.astype(mg.int32)` of int8 arrays reads the bytes themselves. If dtypes and length do not prove that a sum
of fewer than 64 bits fits, somebody looks, and warns.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from ...array_world import in_range
from ...program.program import Instruction
from .ops import VIEWS
from .writer import Lowering

PAIRED = ("i1", "u1", "i2")
"""What fits into 16 bits with a sign: processors multiply two pairs of those and add the products up in one instruction."""
FEWEST_ROWS = 4
"""Pairs are made first, and worth it if each is used as often."""


def narrowed(w: Lowering, x: Instruction, sums: Any) -> Instruction:
    """x in the dtype it had before it was widened, if the numbers in it are the same modulo the range of `sums`."""
    if x.weak or x.shape is None:
        return x
    if x.op == "astype":
        (source,) = x.args
        kinds = source.dtype.kind + x.dtype.kind
        same = kinds in ("ii", "uu", "ui") or (kinds == "iu" and x.dtype.itemsize >= sums.itemsize)
        return narrowed(w, source, sums) if same and source.dtype.itemsize < x.dtype.itemsize else x
    if len(x.args) == 1 and (x.op in VIEWS or x.op in ("index", "assemble")):
        source = narrowed(w, x.args[0], sums)
        return x if source is x.args[0] else w.add(x.op, (source,), x.params, x.shape, source.dtype)
    return x


def fits(a: Any, b: Any, count: int, dtype: Any) -> bool:
    """Whether a sum of so many products of such numbers always fits into the dtype. In 64 bits it wraps as NumPy's.

    >>> [fits(np.dtype("i1"), np.dtype("i1"), n, np.dtype("i4")) for n in (131071, 131072)]
    [True, False]
    """
    if dtype.itemsize == 8:
        return True
    ends = [int(p) * int(q) * count for p in _range(a) for q in _range(b)]
    low, high = _range(dtype)
    return low <= min(ends) and max(ends) <= high


def _range(dtype: Any) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def looked_at(w: Lowering, y: Instruction, sums: Instruction, name: str) -> Instruction:
    """y, the product `name`, whose sums in float64 are `sums`; warns where one does not fit."""
    ends = [w.reduce(op, w.reshape(sums, (math.prod(sums.shape),)), (0,), False) for op in ("min", "max")]
    params = {"function": partial(in_range, name=name), "name": "in_range", "pure": True}
    return w.add("host", (y, *ends), params, y.shape, y.dtype)


def sums_dtype(dtype: Any) -> Any:
    """The dtype in which sums for a result of this dtype are added up."""
    return np.dtype(np.int64 if dtype.itemsize == 8 else np.int32)


def paired(
    w: Lowering, a: Instruction, b: Instruction, labels: tuple[str, str, str]
) -> tuple[tuple[Instruction, Instruction], str]:
    """The operands, and the label of the depth along which pairs of their numbers are to be multiplied, "" for none.

    Windows overlap, and an odd number of places gets one more, of zeros: the pairs of those are made here, as words.
    """
    label = _label(a, b, labels)
    if label and ("windows" in (a.op, b.op) or a.shape[labels[0].index(label)] % 2):
        a, b = (_words(w, x, own.index(label)) for x, own in ((a, labels[0]), (b, labels[1])))
    return (a, b), label


def _label(a: Instruction, b: Instruction, labels: tuple[str, str, str]) -> str:
    la, lb, out = labels
    sizes = dict(zip(la + lb, (*a.shape, *b.shape), strict=True))
    if any(x.dtype.str[1:] not in PAIRED for x in (a, b)):
        return ""
    depth = [c for c in la if c in lb and c not in out and sizes[c] > 1]
    usable = [c for c in depth if _can_pair(a, la.index(c)) and _can_pair(b, lb.index(c))]
    rows, columns = (
        math.prod(sizes[c] for c in own if c in out and c not in other) for own, other in ((la, lb), (lb, la))
    )
    if min(rows, columns) < FEWEST_ROWS:
        if "windows" in (a.op, b.op):
            return ""
        usable = [c for c in usable if sizes[c] % 2 == 0]
    return min(usable, key=lambda c: (sizes[c] % 2 / sizes[c], -sizes[c]), default="")


def _can_pair(x: Instruction, axis: int) -> bool:
    """Whether words along this axis are half as many as the numbers."""
    if x.op == "windows":
        return axis < x.args[0].ndim - len(x.params["window"]) and _can_pair(x.args[0], axis)
    below = x
    while below.op in VIEWS or (below.op == "index" and len(below.args) == 1):
        if below.op in ("windows", "broadcast_to"):
            return False
        below = below.args[0]
    return True


def _words(w: Lowering, x: Instruction, axis: int) -> Instruction:
    """Places 0 and 1, 2 and 3, … along an axis as the halves of an int32, low and high; after an odd last one is 0."""
    if x.op == "windows":
        inner = _words(w, x.args[0], axis)
        return w.view(inner, "windows", _with(x.shape, axis, inner.shape[axis]), **x.params)
    n, i4 = x.shape[axis], np.dtype(np.int32)
    if n % 2 == 0:
        return w.add("words", (x,), {"axis": axis}, _with(x.shape, axis, n // 2), i4)
    shape, whole = _with(x.shape, axis, n // 2 + 1), tuple([slice(0, m) for m in x.shape])
    parts = []
    for places in (slice(0, n - 1), slice(n - 1, n)):
        key = (*whole[:axis], places, *whole[axis + 1 :])
        parts.append(w.add("index", (x,), {"key": key}, _with(x.shape, axis, places.stop - places.start), x.dtype))
    pieces = _words(w, parts[0], axis), w.pointwise("bitwise_and", w.astype(parts[1], i4), 0xFFFF)
    keys = [(*whole[:axis], places, *whole[axis + 1 :]) for places in (slice(0, n // 2), slice(n // 2, n // 2 + 1))]
    return w.add("assemble", pieces, {"keys": tuple(keys)}, shape, i4)


def _with(shape: tuple[int, ...], axis: int, n: int) -> tuple[int, ...]:
    """The shape with n places along an axis."""
    return (*shape[:axis], n, *shape[axis + 1 :])
