"""Products of whole numbers: operands as narrow as they were before somebody widened them, and pairs of them in one word.

`a.astype(mg.int32) @ b.astype(mg.int32)` of int8 arrays reads the bytes themselves. A sum of fewer than 64 bits is done here only
if its dtypes and its length prove that it fits: for the others NumPy's kernel looks, and warns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...program.program import Instruction
from .ops import VIEWS
from .writer import Lowering

_PAIRED = ("i1", "u1", "i2")
"""What fits into 16 bits with a sign: processors multiply two pairs of those and add the products up in one instruction."""
_FEWEST_ROWS, _FEWEST_COLUMNS = 4, 8
"""Pairs must be made, and are worth it if each is used as often."""


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


def sums_dtype(dtype: Any) -> Any:
    """The dtype in which sums for a result of this dtype are added up."""
    return np.dtype(np.int64 if dtype.itemsize == 8 else np.int32)


def paired(
    w: Lowering, a: Instruction, b: Instruction, labels: tuple[str, str, str]
) -> tuple[Instruction, Instruction] | None:
    """The operands with two neighbours along a label of the depth in each int32, or None if that can't be or isn't worth it."""
    la, lb, out = labels
    sizes = dict(zip(la + lb, (*a.shape, *b.shape), strict=True))
    rows, columns = (
        math.prod(sizes[c] for c in own if c in out and c not in other) for own, other in ((la, lb), (lb, la))
    )
    if min(rows, columns) < _FEWEST_ROWS or max(rows, columns) < _FEWEST_COLUMNS:
        return None
    if any(x.dtype.str[1:] not in _PAIRED for x in (a, b)):
        return None
    depth = [c for c in la if c in lb and c not in out and sizes[c] > 1]
    usable = [c for c in depth if _can_pair(a, la.index(c)) and _can_pair(b, lb.index(c))]
    if not usable:
        return None
    label = min(usable, key=lambda c: (sizes[c] % 2 / sizes[c], -sizes[c]))
    return _words(w, a, la.index(label)), _words(w, b, lb.index(label))


def _can_pair(x: Instruction, axis: int) -> bool:
    """Whether words along this axis are half as many as the numbers: windows overlap, so theirs are made before them."""
    if x.op == "windows":
        return axis < x.args[0].ndim - len(x.params["window"]) and _can_pair(x.args[0], axis)
    below = x
    while below.op in VIEWS or (below.op == "index" and len(below.args) == 1):
        if below.op in ("windows", "broadcast_to"):
            return False
        below = below.args[0]
    return True


def _words(w: Lowering, x: Instruction, axis: int) -> Instruction:
    """Entries 0 and 1, 2 and 3, … along an axis as the halves of an int32, low and high; after an odd last one is 0."""
    if x.op == "windows":
        inner = _words(w, x.args[0], axis)
        return w.view(inner, "windows", _with(x.shape, axis, inner.shape[axis]), **x.params)
    n, before = x.shape[axis], (slice(None),) * axis
    count = n - n // 2
    low = w.add("index", (x,), {"key": (*before, slice(0, n, 2))}, _with(x.shape, axis, count), x.dtype)
    high = w.add("index", (x,), {"key": (*before, slice(1, n, 2))}, _with(x.shape, axis, n // 2), x.dtype)
    if n % 2:
        key = tuple([slice(0, m) for m in high.shape])
        high = w.add("assemble", (high,), {"keys": (key,)}, low.shape, x.dtype)
    i4 = np.dtype(np.int32)
    low = w.pointwise("bitwise_and", w.astype(low, i4), 0xFFFF)
    return w.pointwise("bitwise_or", low, w.pointwise("multiply", w.astype(high, i4), 1 << 16))


def _with(shape: tuple[int, ...], axis: int, n: int) -> tuple[int, ...]:
    """The shape with n places along an axis."""
    return (*shape[:axis], n, *shape[axis + 1 :])
