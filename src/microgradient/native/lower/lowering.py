"""Lowering: the primitives of a program rewritten into the few forms that kernels have.

* `contract`: args a₁ … aₙ, b₁ … bₙ; out = Σₖ Σ aₖ·bₖ over the labels that are not in the output (matmul, einsum, convolutions
  and sums of them). A convolution is a contraction over the sliding windows of its padded input: a view, no im2col.
* `assemble`: zeros of a shape with pieces stored in places that do not overlap (concat, pad, the transposes of slicing).
* views (reshape, permute_dims, broadcast_to, flip, basic index, windows), pointwise primitives, sum, max, min, prod.
* `gather`, `scatter`: reading, adding and setting where index arrays say.
* `scan`: running sums and products, and recurrences.
* everything else stays as it is and runs on NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...program.program import Instruction, Program
from ...program.simplify import needed
from .factor_sums import factor_sums
from .indexing import INDEXING
from .merge_sums import merge_assemblies
from .ops import NATIVE_DTYPES
from .products import PRODUCTS, interior
from .searching import SEARCHING
from .writer import Lowering, Rule


def lower(program: Program) -> Program:
    """The same program in kernels' forms; inputs, outputs and aliases keep their places."""
    lowering = Lowering(program)
    new = {id(i): i for i in program.inputs}
    for instruction in program.instructions:
        args = tuple(new[id(a)] if isinstance(a, Instruction) else a for a in instruction.args)
        lowering.where = instruction.where
        new[id(instruction)] = _lowered(lowering, instruction, args)
    outputs = [new[id(o)] for o in program.outputs]
    merge_assemblies(made := needed(lowering.made, outputs), outputs)
    made = factor_sums(needed(made, outputs), outputs)
    return Program(program.inputs, needed(made, outputs), outputs, program.aliases)


def _lowered(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    """What takes the place of `old`, whose arguments are lowered already."""
    rule = RULES.get(old.op)
    if rule is not None and old.shape is not None and _native_dtypes(old, args):
        new = rule(w, old, args)
        if new is not None:
            return new
    return w.add(old.op, args, old.params, old.shape, old.dtype, old.weak)


def _native_dtypes(old: Instruction, args: tuple[Any, ...]) -> bool:
    return all(d.str[1:] in NATIVE_DTYPES for d in (old.dtype, *(a.dtype for a in args if isinstance(a, Instruction))))


# ------------------------------------------------------------------------------------------------- one rule per primitive


def _reduction(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    (x,) = args
    axis = old.params["axis"]
    x = w.astype(x, old.dtype)
    return w.reduce(old.op, x, (axis,) if isinstance(axis, int) else tuple(axis), old.params["keepdims"])


def _pad(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    (x,) = args
    keys = (interior(old.params["widths"], x.shape),)
    return w.add("assemble", (x,), {"keys": keys}, old.shape, old.dtype)


def _concat(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    axis = old.params["axis"]
    keys, start = [], 0
    pieces = []
    for x in args:
        x = w.astype(x, old.dtype)
        stop = start + x.shape[axis]
        if stop > start:
            keys.append(tuple(slice(start, stop) if a == axis else slice(0, n) for a, n in enumerate(old.shape)))
            pieces.append(x)
        start = stop
    return w.add("assemble", tuple(pieces), {"keys": tuple(keys)}, old.shape, old.dtype)


def _roll(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    (x,) = args
    for shift, axis in zip(old.params["shift"], old.params["axis"], strict=True):
        n = x.shape[axis]
        shift = shift % n if n else 0
        if not shift:
            continue
        rest = (slice(None),) * axis
        parts = []
        for a, b in ((n - shift, n), (0, n - shift)):
            shape = (*x.shape[:axis], b - a, *x.shape[axis + 1 :])
            parts.append(w.add("index", (x,), {"key": (*rest, slice(a, b))}, shape, x.dtype))
        x = _concat(w, Instruction("concat", (), {"axis": axis}, x.shape, x.dtype), tuple(parts))
    return x


def _windows_add(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    """Windows that do not overlap are pieces side by side; overlapping ones are added up, one place in the window at a time."""
    (t,) = args
    p = old.params
    k = len(p["window"])
    lead = t.ndim - 2 * k
    counts = t.shape[lead : lead + k]
    if not t.size:
        return None
    apart = all(d == 1 and s >= m for s, d, m in zip(p["stride"], p["dilation"], p["window"], strict=True))
    key: list[Any] = [slice(0, n) for n in old.shape[:lead]]
    if apart:
        whole = tuple(slice(0, n) for n in old.shape)
        params = {"keys": (whole,), "windows": {**p, "counts": counts}}
        return w.add("assemble", (t,), params, old.shape, old.dtype)
    total: Any = None
    for place in np.ndindex(*p["window"]):
        part_key = (*(slice(None),) * (lead + k), *place)
        part = w.add("index", (t,), {"key": part_key}, t.shape[: lead + k], t.dtype)
        where = tuple(
            slice(o * d, o * d + (n - 1) * s + 1, s)
            for o, d, n, s in zip(place, p["dilation"], counts, p["stride"], strict=True)
        )
        piece = w.add("assemble", (part,), {"keys": ((*key, *where),)}, old.shape, old.dtype)
        total = piece if total is None else w.pointwise("add", total, piece)
    return total


def _triangle(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    """tril and triu: an entry is kept by its row and column."""
    (x,) = args
    rows = w.add("iota", (), {"loop": x.ndim - 2}, x.shape, np.dtype(np.int64))
    columns = w.add("iota", (), {"loop": x.ndim - 1}, x.shape, np.dtype(np.int64))
    reach = w.pointwise("subtract", columns, rows)
    inside = w.pointwise("less_equal" if old.op == "tril" else "greater_equal", reach, old.params["k"], dtype=np.bool_)
    return w.pointwise("where", inside, x, w.number(0, x.dtype), dtype=x.dtype)


def _norm(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    """√Σa², with the largest entry divided out first, so that no square over- or underflows."""
    (x,) = args
    axis, keepdims = tuple(old.params["axis"]), old.params["keepdims"]
    if not axis:
        return w.pointwise("abs", x)
    if any(x.shape[a] == 0 for a in axis):
        return w.pointwise("sqrt", w.reduce("sum", x, axis, keepdims))
    top = w.reduce("max", w.pointwise("abs", x), axis, True)
    usable = w.pointwise(
        "logical_and", w.pointwise("isfinite", top, dtype=np.bool_), w.pointwise("greater", top, 0, dtype=np.bool_)
    )
    top = w.pointwise("where", usable, top, w.number(1, x.dtype), dtype=x.dtype)
    total = w.reduce("sum", w.pointwise("square", w.pointwise("divide", x, top)), axis, True)
    y = w.pointwise("multiply", w.pointwise("sqrt", total), top)
    return y if keepdims else w.reshape(y, old.shape)


def _reshape_like(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    (x,) = args
    if old.shape == x.shape and (old.op != "permute_dims" or tuple(old.params["axes"]) == tuple(range(x.ndim))):
        return x if old.op != "flip" else w.view(x, "flip", old.shape, **old.params)
    if old.op == "permute_dims" and x.op == "contract" and w.uses[id(old.args[0])] == 1:
        la, lb, out = x.params["labels"]
        labels = (la, lb, "".join(out[a] for a in old.params["axes"]))
        return w.add("contract", x.args, {**x.params, "labels": labels}, old.shape, x.dtype)
    return w.add(old.op, (x,), old.params, old.shape, old.dtype)


def _scan(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    if old.dtype.kind == "b" or any(x.shape != old.shape or x.dtype != old.dtype for x in args):
        return None
    if old.shape[old.params["axis"]] == 1:
        return args[0]
    name = {"cumulative_sum": "sum", "cumulative_prod": "prod"}.get(old.op, old.op)
    return w.add("scan", args, {"axis": old.params["axis"], "name": name}, old.shape, old.dtype)


def _astype(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    return args[0] if args[0].dtype == old.dtype and not args[0].weak else None


RULES: dict[str, Rule] = {
    "sum": _reduction, "max": _reduction, "min": _reduction, "prod": _reduction,
    **PRODUCTS, **INDEXING, **SEARCHING, "pad": _pad, "concat": _concat, "roll": _roll, "windows_add": _windows_add,
    "tril": _triangle, "triu": _triangle, "norm": _norm, "reshape": _reshape_like, "permute_dims": _reshape_like,
    "broadcast_to": _reshape_like, "astype": _astype,
    "cumulative_sum": _scan, "cumulative_prod": _scan, "recurrence": _scan,
}  # fmt: skip
