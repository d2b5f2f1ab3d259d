"""Lowering: the primitives of a program rewritten into the few forms that kernels have.

* `contract`: args a₁ … aₙ, b₁ … bₙ; out = Σₖ Σ aₖ·bₖ over the labels that are not in the output (matmul, einsum, convolutions
  and sums of them). A convolution is a contraction over the sliding windows of its padded input: a view, no im2col.
* `assemble`: zeros of a shape with pieces stored in places that do not overlap (concat, pad, the transposes of slicing).
* views (reshape, permute_dims, broadcast_to, flip, basic index, windows), pointwise primitives, sum, max, min, prod.
* `gather`, `scatter`: reading and adding where index arrays say.
* everything else stays as it is and runs on NumPy.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from ..program.program import Instruction, Program
from ..rules import ARRAY, TABLE
from .views import full_key

VIEWS = frozenset({"reshape", "permute_dims", "broadcast_to", "flip", "windows"})
REDUCTIONS = frozenset({"sum", "max", "min", "prod"})
_CONTRACTED = ("f4", "f8")


def lower(program: Program) -> Program:
    """The same program in kernels' forms; inputs, outputs and aliases keep their places."""
    lowering = _Lowering(program)
    new = {id(i): i for i in program.inputs}
    for instruction in program.instructions:
        args = tuple(new[id(a)] if isinstance(a, Instruction) else a for a in instruction.args)
        lowering.where = instruction.where
        new[id(instruction)] = lowering.lowered(instruction, args)
    outputs = [new[id(o)] for o in program.outputs]
    merged = _merge_sums(lowering.made, outputs)
    return Program(program.inputs, merged, outputs, program.aliases)


class _Lowering:
    """Writes the new instructions, in order, into `made`."""

    def __init__(self, program: Program) -> None:
        self.made: list[Instruction] = []
        self.uses = Counter(id(a) for i in program.instructions for a in i.args if isinstance(a, Instruction))
        self.uses.update(id(o) for o in program.outputs)
        self.where: Any = None

    def lowered(self, old: Instruction, args: tuple[Any, ...]) -> Instruction:
        """What takes the place of `old`, whose arguments are lowered already."""
        rule = RULES.get(old.op)
        if rule is not None and old.shape is not None and _native_dtypes(old, args):
            new = rule(self, old, args)
            if new is not None:
                return new
        return self.add(old.op, args, old.params, old.shape, old.dtype, old.weak)

    def add(
        self, op: str, args: tuple[Any, ...], params: dict[str, Any], shape: Any, dtype: Any, weak: bool = False
    ) -> Instruction:
        """Append an instruction."""
        made = Instruction(op, args, params, shape, dtype, weak, self.where)
        self.made.append(made)
        return made

    def view(self, x: Instruction, op: str, shape: tuple[int, ...], **params: Any) -> Instruction:
        """Append a view of x."""
        return self.add(op, (x,), params, shape, x.dtype)

    def reshape(self, x: Instruction, shape: tuple[int, ...]) -> Instruction:
        """Append a reshape of x."""
        return self.add("reshape", (x,), {"shape": shape}, shape, x.dtype)

    def number(self, value: Any, dtype: Any) -> Instruction:
        """Append a 0-d constant."""
        return self.add("constant", (), {"value": np.asarray(value, dtype)}, (), np.dtype(dtype))

    def pointwise(self, op: str, *args: Any, dtype: Any = None, **params: Any) -> Instruction:
        """Append a pointwise primitive; its shape is what its arguments broadcast to."""
        shape = np.broadcast_shapes(*(a.shape for a in args if isinstance(a, Instruction)))
        return self.add(op, args, params, shape, args[0].dtype if dtype is None else np.dtype(dtype))

    def reduce(self, op: str, x: Instruction, axis: tuple[int, ...], keepdims: bool) -> Instruction:
        """Append a reduction, in two if one would leave too little to do at once for more than one thread."""
        axis = tuple(sorted(axis))
        if not axis:
            return x
        outer, inner = _two_stages(x.shape, axis)
        if outer:
            first = self._reduce(op, x, inner, True)
            x, axis = first, outer
            first_axes = {*inner, *outer}
            done = self._reduce(op, x, axis, True)
            shape = tuple(n for i, n in enumerate(done.shape) if keepdims or i not in first_axes)
            return self.reshape(done, shape)
        return self._reduce(op, x, axis, keepdims)

    def _reduce(self, op: str, x: Instruction, axis: tuple[int, ...], keepdims: bool) -> Instruction:
        shape = tuple(1 if i in axis else n for i, n in enumerate(x.shape) if keepdims or i not in axis)
        return self.add(op, (x,), {"axis": axis, "keepdims": keepdims}, shape, x.dtype)


# ------------------------------------------------------------------------------------------------- one rule per primitive


def _reduction(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    (x,) = args
    axis = old.params["axis"]
    if x.dtype != old.dtype:
        x = w.add("astype", (x,), {"dtype": old.dtype}, x.shape, old.dtype)
    return w.reduce(old.op, x, (axis,) if isinstance(axis, int) else tuple(axis), old.params["keepdims"])


def _matmul(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    a, b = args
    letters = iter("abcdefghijklmnopqrstuvw")
    batch = "".join(next(letters) for _ in range(max(a.ndim, b.ndim, 2) - 2))
    la = ("x" if a.ndim > 1 else "") + "z"
    lb = "z" + ("y" if b.ndim > 1 else "")
    lead_a, lead_b = batch[len(batch) - max(a.ndim - 2, 0) :], batch[len(batch) - max(b.ndim - 2, 0) :]
    out = batch + la[:-1] + lb[1:]
    return _contract(w, old, a, b, lead_a + la, lead_b + lb, out)


def _einsum(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    inputs, out = old.params["spec"].split("->")
    terms = inputs.split(",")
    if "." in inputs or any(len(set(t)) < len(t) for t in terms) or len(set(out)) < len(out) or len(terms) > 2:
        return None
    if len(terms) == 2:
        return _contract(w, old, *args, terms[0], terms[1], out)
    summed = tuple(i for i, c in enumerate(terms[0]) if c not in out)
    x = w.reduce("sum", args[0], summed, False)
    kept = [c for c in terms[0] if c in out]
    return w.view(x, "permute_dims", old.shape, axes=tuple(kept.index(c) for c in out))


def _contract(
    w: _Lowering, old: Instruction, a: Any, b: Any, la: str, lb: str, out: str, last: str = ""
) -> Instruction | None:
    """out[out] = Σ a[la]·b[lb]. Labels of length 1 in one operand only are broadcast; those in one operand alone are summed first."""
    if old.dtype.str[1:] not in _CONTRACTED or not all(isinstance(x, Instruction) for x in (a, b)):
        return None
    a, b = (x if x.dtype == old.dtype else w.add("astype", (x,), {"dtype": old.dtype}, x.shape, old.dtype) for x in (a, b))
    a, la = _without(w, a, la, lb, out)
    b, lb = _without(w, b, lb, la, out)
    return w.add("contract", (a, b), {"labels": (la, lb, out), "last": last}, old.shape, old.dtype)


def _without(w: _Lowering, x: Instruction, labels: str, others: str, out: str) -> tuple[Instruction, str]:
    """x without the axes that it alone has (summed), and without those of length 1 that the others have longer."""
    alone = tuple(i for i, c in enumerate(labels) if c not in others and c not in out)
    x = w.reduce("sum", x, alone, False)
    labels = "".join(c for i, c in enumerate(labels) if i not in alone)
    thin = [i for i, c in enumerate(labels) if x.shape[i] == 1 and c in others]
    if thin:
        shape = tuple(n for i, n in enumerate(x.shape) if i not in thin)
        x = w.reshape(x, shape)
        labels = "".join(c for i, c in enumerate(labels) if i not in thin)
    return x, labels


def _conv(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    """Labels: n images, g groups, o, c channels of a group, A… places of the output, a… places in the window."""
    x, k = args
    p = old.params
    d = len(p["stride"])
    x = _windowed(w, _padded(w, x, p["padding"]), k.shape[2:], p["stride"], p["dilation"])
    places, inside = "ABCDEF"[:d], "abcdef"[:d]
    x = _grouped(w, x, 1, p["groups"])
    k = _grouped(w, k, 0, p["groups"])
    made = _contract(w, _shaped(old, _split(old.shape, 1, p["groups"])), x, k, f"ngz{places}{inside}", f"goz{inside}",
                     f"ngo{places}", last="o")  # fmt: skip
    return None if made is None else w.reshape(made, old.shape)


def _conv_weight(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    x, y = args
    p = old.params
    d = len(p["stride"])
    x = _windowed(w, _padded(w, x, p["padding"]), p["window"], p["stride"], p["dilation"])
    places, inside = "ABCDEF"[:d], "abcdef"[:d]
    counted = tuple(y.shape[2:])
    if tuple(x.shape[2 : 2 + d]) != counted:
        key = (slice(None), slice(None), *(slice(0, n) for n in counted))
        x = w.add("index", (x,), {"key": key}, (*x.shape[:2], *counted, *x.shape[2 + d :]), x.dtype)
    x = _grouped(w, x, 1, p["groups"])
    y = _grouped(w, y, 1, p["groups"])
    made = _contract(w, _shaped(old, _split(old.shape, 0, p["groups"])), x, y, f"ngz{places}{inside}", f"ngo{places}",
                     f"goz{inside}", last="o")  # fmt: skip
    return None if made is None else w.reshape(made, old.shape)


def _conv_input(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    """y with zeros between its entries and around it, slid over by the mirrored window."""
    y, k = args
    p = old.params
    d = len(p["stride"])
    if not y.size or not k.size:
        return None
    key: list[Any] = [slice(0, y.shape[0]), slice(0, y.shape[1])]
    shape = [*y.shape[:2]]
    for n, m, s, t, (lo, _), size in zip(
        y.shape[2:], k.shape[2:], p["stride"], p["dilation"], p["padding"], p["size"], strict=True
    ):
        reach = t * (m - 1)
        first = reach - lo  # where the first entry of y comes to stand
        if first < 0:
            return None
        length = size + reach
        if first + (n - 1) * s + 1 > length:
            return None
        key.append(slice(first, first + (n - 1) * s + 1, s))
        shape.append(length)
    spread = w.add("assemble", (y,), {"keys": (tuple(key),)}, tuple(shape), y.dtype)
    x = _windowed(w, spread, k.shape[2:], (1,) * d, p["dilation"])
    mirrored = w.view(k, "flip", k.shape, axis=tuple(range(2, 2 + d)))
    places, inside = "ABCDEF"[:d], "abcdef"[:d]
    x = _grouped(w, x, 1, p["groups"])
    mirrored = _grouped(w, mirrored, 0, p["groups"])
    made = _contract(w, _shaped(old, _split(old.shape, 1, p["groups"])), x, mirrored, f"ngo{places}{inside}",
                     f"goz{inside}", f"ngz{places}", last="z")  # fmt: skip
    return None if made is None else w.reshape(made, old.shape)


def _padded(w: _Lowering, x: Instruction, padding: Any) -> Instruction:
    if not any(map(any, padding)):
        return x
    widths = ((0, 0), (0, 0), *padding)
    shape = tuple(lo + n + hi for (lo, hi), n in zip(widths, x.shape, strict=True))
    return w.add("assemble", (x,), {"keys": (_interior(widths, x.shape),)}, shape, x.dtype)


def _interior(widths: Any, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(lo, lo + n) for (lo, _), n in zip(widths, shape, strict=True))


def _windowed(w: _Lowering, x: Instruction, window: Any, stride: Any, dilation: Any) -> Instruction:
    lead = x.ndim - len(window)
    counts = tuple(
        max((n - t * (m - 1) - 1) // s + 1, 0) for n, m, s, t in zip(x.shape[lead:], window, stride, dilation, strict=True)
    )
    shape = (*x.shape[:lead], *counts, *window)
    return w.view(x, "windows", shape, window=tuple(window), stride=tuple(stride), dilation=tuple(dilation))


def _split(shape: tuple[int, ...], axis: int, groups: int) -> tuple[int, ...]:
    return (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def _grouped(w: _Lowering, x: Instruction, axis: int, groups: int) -> Instruction:
    shape = _split(x.shape, axis, groups)
    return w.reshape(x, shape)


def _shaped(old: Instruction, shape: tuple[int, ...]) -> Instruction:
    return Instruction(old.op, (), {}, shape, old.dtype)


def _index(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    x, *indices = args
    key = full_key(old.params["key"], x.ndim)
    if not indices:
        return w.add("index", (x,), {"key": tuple(key)}, old.shape, old.dtype)
    plan = _plan(w, x.shape, key, indices)
    if plan is None:
        return None
    base_key, places, indices, axes = plan
    based = w.add("index", (x,), {"key": base_key}, _basic_shape(x.shape, base_key), x.dtype)
    return w.add("gather", (based, *indices), {"axes": axes, "places": places}, old.shape, old.dtype)


def _plan(w: _Lowering, shape: tuple[int, ...], key: list[Any], indices: list[Any]) -> Any:
    """Indexing with arrays as two steps: a basic index, then arrays alone. NumPy's rule says where the axes of the arrays go:
    together in the place of the first one, or in front if anything but arrays stands between them.

    Returns (basic key, places, index arrays, axes): the result's axis number `places[i]` runs along axis i of the basic
    view, or -1 for the axes that the arrays `axes` index; each array is viewed so that it broadcasts to the result.
    """
    kinds = ["array" if p == ARRAY and isinstance(p, str) else "int" if isinstance(p, int) else "other" for p in key]
    advanced = [i for i, kind in enumerate(kinds) if kind != "other"]
    if any(i.dtype.kind == "b" for i in indices):
        return None
    if any(kinds[i] == "int" for i in advanced):
        between = {kinds[i] for i in range(advanced[0], advanced[-1] + 1)}
        if "other" in between:
            return None  # integers count as arrays in NumPy's rule: rare enough for NumPy itself
    base_key, axes, basic_axis = [], [], 0
    for part, kind in zip(key, kinds, strict=True):
        if kind == "array":
            axes.append(basic_axis)
            base_key.append(slice(None))
            basic_axis += 1
        else:
            base_key.append(part)
            basic_axis += kind != "int"
    together = "other" not in kinds[advanced[0] : advanced[-1] + 1]
    broadcast = np.broadcast_shapes(*(i.shape for i in indices))
    first = axes[0] if together else 0
    places, where = [], 0
    for axis in range(basic_axis):
        if axis in axes:
            places.append(-1)
            continue
        places.append(where + (len(broadcast) if axis > first or not together else 0))
        where += 1
    rank = where + len(broadcast)
    first = first if together else 0
    views = []
    for i in indices:
        shape_i = (1,) * first + (1,) * (len(broadcast) - i.ndim) + i.shape + (1,) * (rank - first - len(broadcast))
        views.append(w.reshape(i, shape_i))
    return tuple(base_key), tuple(places), views, tuple(axes)


def _basic_shape(shape: tuple[int, ...], key: tuple[Any, ...]) -> tuple[int, ...]:
    out, axis = [], 0
    for part in key:
        if part is None:
            out.append(1)
            continue
        if isinstance(part, slice):
            out.append(len(range(*part.indices(shape[axis]))))
        axis += 1
    return tuple(out)


def _take_along_axis(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    x, i = args
    axis = old.params["axis"]
    places = tuple(-1 if a == axis else a for a in range(x.ndim))
    return w.add("gather", (x, i), {"axes": (axis,), "places": places}, old.shape, old.dtype)


def _index_add(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    t, *indices = args
    key = full_key(old.params["key"], len(old.shape))
    if indices:
        if any(p is None for p in key):
            return None
        plan = _plan(w, old.shape, key, indices)
        if plan is None:
            return None
        base_key, places, indices, axes = plan
        params = {"axes": axes, "places": places, "key": base_key, "add": True}
        return w.add("scatter", (t, *indices), params, old.shape, old.dtype)
    key = [p for p in key if p is not None]
    shape = tuple(
        len(range(*p.indices(n))) if isinstance(p, slice) else 1 for p, n in zip(key, old.shape, strict=True)
    )
    key = [p if isinstance(p, slice) else slice(p % n, p % n + 1) for p, n in zip(key, old.shape, strict=True)]
    piece = w.reshape(t, shape)
    return w.add("assemble", (piece,), {"keys": (_forward(key, old.shape),)}, old.shape, old.dtype) if all(
        p.step is None or p.step > 0 for p in key
    ) else None  # fmt: skip


def _forward(key: list[slice], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Slices with all edges said."""
    return tuple(slice(*p.indices(n)) for p, n in zip(key, shape, strict=True))


def _scatter_along_axis(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    t, i = args
    axis = old.params["axis"]
    places = tuple(-1 if a == axis else a for a in range(len(old.shape)))
    if i.shape != t.shape:
        return None
    params = {"axes": (axis,), "places": places, "key": (slice(None),) * len(old.shape), "add": True}
    return w.add("scatter", (t, i), params, old.shape, old.dtype)


def _pad(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    (x,) = args
    keys = (_interior(old.params["widths"], x.shape),)
    return w.add("assemble", (x,), {"keys": keys}, old.shape, old.dtype)


def _concat(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    axis = old.params["axis"]
    keys, start = [], 0
    pieces = []
    for x in args:
        if x.dtype != old.dtype:
            x = w.add("astype", (x,), {"dtype": old.dtype}, x.shape, old.dtype)
        stop = start + x.shape[axis]
        if stop > start:
            keys.append(tuple(slice(start, stop) if a == axis else slice(0, n) for a, n in enumerate(old.shape)))
            pieces.append(x)
        start = stop
    return w.add("assemble", tuple(pieces), {"keys": tuple(keys)}, old.shape, old.dtype)


def _roll(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
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


def _windows_add(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    """Windows that do not overlap are pieces put side by side; overlapping ones are added up, one place in the window at a time."""
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
        params = {"keys": (whole,), "through": (p["window"], p["stride"], p["dilation"], counts)}
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


def _triangle(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    """tril and triu: an entry is kept by its row and column."""
    (x,) = args
    rows = w.add("iota", (), {"loop": x.ndim - 2}, x.shape, np.dtype(np.int64))
    columns = w.add("iota", (), {"loop": x.ndim - 1}, x.shape, np.dtype(np.int64))
    reach = w.pointwise("subtract", columns, rows)
    inside = w.pointwise("less_equal" if old.op == "tril" else "greater_equal", reach, old.params["k"], dtype=np.bool_)
    return w.pointwise("where", inside, x, w.number(0, x.dtype), dtype=x.dtype)


def _norm(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    """√Σa², with the largest entry divided out first, so that no square over- or underflows."""
    (x,) = args
    axis, keepdims = tuple(old.params["axis"]), old.params["keepdims"]
    if not axis:
        return w.pointwise("abs", x)
    if any(x.shape[a] == 0 for a in axis):
        return w.pointwise("sqrt", w.reduce("sum", x, axis, keepdims))
    top = w.reduce("max", w.pointwise("abs", x), axis, True)
    usable = w.pointwise("logical_and", w.pointwise("isfinite", top, dtype=np.bool_), w.pointwise("greater", top, 0, dtype=np.bool_))
    top = w.pointwise("where", usable, top, w.number(1, x.dtype), dtype=x.dtype)
    total = w.reduce("sum", w.pointwise("square", w.pointwise("divide", x, top)), axis, True)
    y = w.pointwise("multiply", w.pointwise("sqrt", total), top)
    return y if keepdims else w.reshape(y, old.shape)


def _reshape_like(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction:
    (x,) = args
    if old.shape == x.shape and (old.op != "permute_dims" or tuple(old.params["axes"]) == tuple(range(x.ndim))):
        return x if old.op != "flip" else w.view(x, "flip", old.shape, **old.params)
    if old.op == "permute_dims" and x.op == "contract" and w.uses[id(old.args[0])] == 1:
        la, lb, out = x.params["labels"]
        labels = (la, lb, "".join(out[a] for a in old.params["axes"]))
        return w.add("contract", x.args, {**x.params, "labels": labels}, old.shape, x.dtype)
    return w.add(old.op, (x,), old.params, old.shape, old.dtype)


def _astype(w: _Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    return args[0] if args[0].dtype == old.dtype and not args[0].weak else None


Rule = Callable[[_Lowering, Instruction, tuple[Any, ...]], "Instruction | None"]
RULES: dict[str, Rule] = {
    "sum": _reduction, "max": _reduction, "min": _reduction, "prod": _reduction,
    "matmul": _matmul, "einsum": _einsum, "conv": _conv, "conv_weight": _conv_weight, "conv_input": _conv_input,
    "index": _index, "take_along_axis": _take_along_axis, "index_add": _index_add,
    "scatter_along_axis": _scatter_along_axis, "pad": _pad, "concat": _concat, "roll": _roll, "windows_add": _windows_add,
    "tril": _triangle, "triu": _triangle, "norm": _norm, "reshape": _reshape_like, "permute_dims": _reshape_like,
    "broadcast_to": _reshape_like, "astype": _astype,
}  # fmt: skip


def _native_dtypes(old: Instruction, args: tuple[Any, ...]) -> bool:
    return all(d.str[1:] in NATIVE_DTYPES for d in (old.dtype, *(a.dtype for a in args if isinstance(a, Instruction))))


NATIVE_DTYPES = frozenset({"f4", "f8", "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"})


def _two_stages(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split the axes of a big reduction that leaves little: (second stage, first stage); the second is empty if one will do."""
    kept = math.prod(n for i, n in enumerate(shape) if i not in axis)
    reduced = math.prod(shape[i] for i in axis)
    if kept * 64 > 4096 and kept >= 256 or reduced * kept < 16384 or len(axis) < 2:
        return (), axis
    inner = [axis[-1]] if axis[-1] == len(shape) - 1 else list(axis[1:])
    outer = [a for a in axis if a not in inner]
    return tuple(outer), tuple(inner)


# ------------------------------------------------------------------------------------------------------- sums of many terms


def _merge_sums(made: list[Instruction], outputs: list[Instruction]) -> list[Instruction]:
    """In sums of many terms, contractions alike become one contraction with many terms, and assembled pieces one assembly.

    A weight used at every step of a sequence gets its gradient as such a sum, and so does what was sliced step by step.
    """
    uses = Counter(id(a) for i in made for a in i.args if isinstance(a, Instruction))
    uses.update(id(o) for o in outputs)
    terms: dict[int, list[Instruction]] = {}  # of each addition
    inner: set[int] = set()  # additions that are terms themselves
    for i in made:
        if i.op == "add" and all(isinstance(a, Instruction) and a.shape == i.shape and a.dtype == i.dtype for a in i.args):
            terms[id(i)] = []
            for a in i.args:
                single = uses[id(a)] == 1
                inner |= {id(a)} if id(a) in terms and single else set()
                terms[id(i)] += terms[id(a)] if id(a) in terms and single else [a]
    out: list[Instruction] = []
    gone: set[int] = set()
    for i in made:
        if id(i) in terms and id(i) not in inner and len(terms[id(i)]) > 1:
            merged, absorbed = _merged(terms[id(i)], uses)
            if absorbed:
                gone |= absorbed | _inside(i, terms, inner)
                out += _summed(i, merged, {id(o) for o in out} | {id(o) for o in made})
                continue
        out.append(i)
    return [i for i in out if id(i) not in gone]


def _inside(root: Instruction, terms: dict[int, list[Instruction]], inner: set[int]) -> set[int]:
    """The additions below a sum."""
    found: set[int] = set()
    stack = [root]
    while stack:
        for a in stack.pop().args:
            if id(a) in inner and id(a) in terms:
                found.add(id(a))
                stack.append(a)
    return found


def _merged(terms: list[Instruction], uses: Counter[int]) -> tuple[list[Instruction], set[int]]:
    """Fewer terms with the same sum, and the instructions that are no longer needed."""
    kinds: dict[Any, list[Instruction]] = {}
    for t in terms:
        key: Any = id(t)
        if uses[id(t)] == 1 and t.op == "contract":
            n = len(t.args) // 2
            key = ("contract", repr(t.params), repr(_trail(t.args[0])), repr(_trail(t.args[n])))
        elif uses[id(t)] == 1 and t.op == "assemble" and "through" not in t.params:
            key = "assemble"
        kinds.setdefault(key, []).append(t)
    out, absorbed = [], set()
    for members in kinds.values():
        first = members[0]
        if len(members) == 1:
            out.append(first)
        elif first.op == "contract":
            n = len(first.args) // 2
            args = (*(a for m in members for a in m.args[:n]), *(b for m in members for b in m.args[n:]))
            out.append(Instruction("contract", args, first.params, first.shape, first.dtype, where=first.where))
            absorbed |= {id(m) for m in members}
        else:
            for group in _disjoint(members):
                if len(group) == 1:
                    out.append(group[0])
                    continue
                args = tuple(a for m in group for a in m.args)
                keys = {"keys": tuple(k for m in group for k in m.params["keys"])}
                out.append(Instruction("assemble", args, keys, first.shape, first.dtype, where=first.where))
                absorbed |= {id(m) for m in group}
    return out, absorbed


def _disjoint(members: list[Instruction]) -> list[list[Instruction]]:
    """Assemblies in groups whose pieces do not overlap."""
    groups: list[list[Instruction]] = []
    for m in members:
        for group in groups:
            if all(_apart(m.params["keys"], other.params["keys"]) for other in group):
                group.append(m)
                break
        else:
            groups.append([m])
    return groups


def _summed(root: Instruction, merged: list[Instruction], known: set[int]) -> list[Instruction]:
    """The instructions that add up the merged terms, the last of them being `root`."""
    fresh = [m for m in merged if id(m) not in known]
    if len(merged) == 1:
        (only,) = merged
        root.op, root.args, root.params = only.op, only.args, only.params
        return [root]
    total = merged[0]
    for m in merged[1:-1]:
        total = Instruction("add", (total, m), {}, root.shape, root.dtype, where=root.where)
        fresh.append(total)
    root.args = (total, merged[-1])
    return [*fresh, root]


def _trail(x: Instruction) -> list[Any]:
    """The shapes and views that lead to an operand."""
    trail: list[Any] = [x.shape]
    while x.op in VIEWS:
        trail.append((x.op, x.shape, repr(x.params)))
        x = x.args[0]
    if x.op == "index":
        key = x.params["key"]
        trail.append(("index", x.args[0].shape, [(p.step if isinstance(p, slice) else p is None) for p in key]))
    return trail


def _apart(first: Any, second: Any) -> bool:
    """Whether no piece of the first meets one of the second: along some axis their slices are apart."""
    return all(any(p.stop <= q.start or q.stop <= p.start for p, q in zip(a, b, strict=True)) for a in first for b in second)


POINTWISE = frozenset(name for name, op in TABLE.items() if op.kind == "pointwise") | {"astype", "iota"}
