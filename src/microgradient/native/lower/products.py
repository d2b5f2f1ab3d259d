"""Lowering of matmul, einsum and convolutions to contractions."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any, cast

import numpy as np

from ...program.program import Instruction
from .whole_numbers import fits, looked_at, narrowed, paired, sums_dtype
from .writer import Lowering

_CONTRACTED = ("f4", "f8")


def _matmul(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    a, b = args
    letters = iter("abcdefghijklmnopqrstuvw")
    batch = "".join(next(letters) for _ in range(max(a.ndim, b.ndim, 2) - 2))
    la = ("x" if a.ndim > 1 else "") + "z"
    lb = "z" + ("y" if b.ndim > 1 else "")
    lead_a, lead_b = batch[len(batch) - max(a.ndim - 2, 0) :], batch[len(batch) - max(b.ndim - 2, 0) :]
    out = batch + la[:-1] + lb[1:]
    return _contract(w, old, a, b, (lead_a + la, lead_b + lb, out))


def _einsum(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    inputs, out = old.params["spec"].split("->")
    terms = inputs.split(",")
    if any(len(set(t)) < len(t) for t in terms) or len(set(out)) < len(out):
        return None
    if (
        old.dtype.kind in "iu" and old.dtype.itemsize < 8 and len(terms) != 2
    ):  # NumPy's kernel looks whether the sums fit
        return None
    if len(terms) > 2:
        return _in_pairs(w, old, list(args), terms, out)
    if len(terms) == 2:
        return _contract(w, old, args[0], args[1], (terms[0], terms[1], out))
    summed = tuple(i for i, c in enumerate(terms[0]) if c not in out)
    x = w.reduce("sum", args[0], summed, False)
    kept = [c for c in terms[0] if c in out]
    return w.view(x, "permute_dims", old.shape, axes=tuple(kept.index(c) for c in out))


def _in_pairs(w: Lowering, old: Instruction, args: list[Any], terms: list[str], out: str) -> Instruction | None:
    """A product of several arrays: two at a time, those first whose product is smallest."""
    sizes = {c: n for x, term in zip(args, terms, strict=True) for c, n in zip(term, x.shape, strict=True)}

    def kept(pair: tuple[int, int]) -> str:
        others = {*out, *"".join(term for k, term in enumerate(terms) if k not in pair)}
        return "".join(c for c in dict.fromkeys(terms[pair[0]] + terms[pair[1]]) if c in others)

    while len(terms) > 1:
        pair = min(combinations(range(len(terms)), 2), key=lambda pair: math.prod(sizes[c] for c in kept(pair)))
        left = kept(pair) if len(terms) > 2 else out
        shaped = Instruction("contract", (), {}, tuple(sizes[c] for c in left), old.dtype)
        made = _contract(w, shaped, args[pair[0]], args[pair[1]], (terms[pair[0]], terms[pair[1]], left))
        if made is None:
            return None
        args = [x for k, x in enumerate(args) if k not in pair] + [made]
        terms = [term for k, term in enumerate(terms) if k not in pair] + [left]
    return cast("Instruction", args[0])


def _contract(
    w: Lowering, old: Instruction, a: Any, b: Any, labels: tuple[str, str, str], last: str = ""
) -> Instruction | None:
    """out[out] = Σ a[la]·b[lb] for labels (la, lb, out). What one operand alone has is summed first."""
    la, lb, out = labels
    if not all(isinstance(x, Instruction) for x in (a, b)):
        return None
    if old.dtype.kind in "iu":
        return _contract_whole(w, old, a, b, labels, last)
    if old.dtype.str[1:] not in _CONTRACTED:
        return None
    a, b = w.astype(a, old.dtype), w.astype(b, old.dtype)
    a, la = _without(w, a, la, lb, out)
    b, lb = _without(w, b, lb, la, out)
    return _product(w, old, a, b, {"labels": (la, lb, out), "last": last})


def _contract_whole(
    w: Lowering, old: Instruction, a: Instruction, b: Instruction, labels: tuple[str, str, str], last: str
) -> Instruction | None:
    """The same for whole numbers. Where sums might not fit, they are computed in float64, too, and looked at, as eagerly."""
    la, lb, out = labels
    sums, given = sums_dtype(old.dtype), (a, b)
    sizes = [dict(zip(own, x.shape, strict=True)) for own, x in ((la, a), (lb, b))]
    depth = [c for c in {**sizes[0], **sizes[1]} if c not in out]
    alone = any(sizes[0].get(c) != sizes[1].get(c) for c in depth)  # an operand is summed before it is multiplied
    if alone and old.dtype.itemsize < 8:
        return None
    a, b = (w.astype(x, sums) if alone or x.dtype.kind not in "iu" else narrowed(w, x, sums) for x in (a, b))
    checked = not fits(a.dtype, b.dtype, math.prod(sizes[0].get(c, 1) for c in depth), old.dtype)

    def contracted(a: Instruction, b: Instruction, dtype: Any) -> Instruction:
        a, own = _without(w, a, la, lb, out)
        b, others = _without(w, b, lb, own, out)
        label = ""
        if dtype.itemsize == 4:
            (a, b), label = paired(w, a, b, (own, others, out))
            if not label and "windows" in (given[0].op, given[1].op) and all(x.dtype == dtype for x in given):
                # windows read each number often: better wide than widened each time
                a, b = (_without(w, x, *each, out)[0] for x, each in zip(given, ((la, lb), (lb, own)), strict=True))
        params = {"labels": (own, others, out), "last": last, "paired": label}
        return _product(w, Instruction(old.op, (), {}, old.shape, dtype), a, b, params)

    y = w.astype(contracted(a, b, sums), old.dtype)
    if not checked or 0 in (old.shape or ()):
        return y
    f8 = np.dtype(np.float64)
    return looked_at(w, y, contracted(w.astype(a, f8), w.astype(b, f8), f8), old.op)


def _product(w: Lowering, old: Instruction, a: Instruction, b: Instruction, params: dict[str, Any]) -> Instruction:
    """The contraction; in two stages if its result is small beside its depth."""
    la, lb, out = params["labels"]
    split = _split_depth(a.shape, la, lb, out, old.shape)
    if split is None:
        return w.add("contract", (a, b), params, old.shape, old.dtype)
    label, n = split
    parts = w.add("contract", (a, b), {**params, "labels": (la, lb, label + out)}, (n, *old.shape), old.dtype)
    return w.reduce("sum", parts, (0,), False)


def _split_depth(shape: tuple[int, ...], la: str, lb: str, out: str, result: tuple[int, ...]) -> tuple[str, int] | None:
    """The outermost axis of a long depth, and its length, if the result is too small to share among threads: one result for each
    of its places is computed first, and these are summed. Contractions of the first layer's weights are such."""
    depth = [(c, n) for c, n in zip(la, shape, strict=True) if c not in out and c in lb]
    if len(depth) < 2 or not 8 <= depth[0][1] <= 512:
        return None
    inner, size = math.prod(n for _, n in depth[1:]), math.prod(result)
    return depth[0] if inner >= 128 and 16 <= size <= 1024 and size * inner * depth[0][1] >= 1 << 20 else None


def _without(w: Lowering, x: Instruction, labels: str, others: str, out: str) -> tuple[Instruction, str]:
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


def _conv(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    """Labels: n images, g groups, o, c channels of a group, A… places of the output, a… places in the window."""
    x, k = args
    p = old.params
    d = len(p["stride"])
    x = _windowed(w, x, k.shape[2:], p["stride"], p["dilation"], p["padding"])
    places, inside = "ABCDEF"[:d], "abcdef"[:d]
    labels = f"ngz{places}{inside}", f"goz{inside}", f"ngo{places}"
    return _per_group(w, old, (x, 1), (k, 0), 1, labels, "o")


def _conv_weight(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    x, y = args
    p = old.params
    d = len(p["stride"])
    x = _windowed(w, x, p["window"], p["stride"], p["dilation"], p["padding"])
    places, inside = "ABCDEF"[:d], "abcdef"[:d]
    counted = tuple(y.shape[2:])
    if tuple(x.shape[2 : 2 + d]) != counted:
        key = (slice(None), slice(None), *(slice(0, n) for n in counted))
        x = w.add("index", (x,), {"key": key}, (*x.shape[:2], *counted, *x.shape[2 + d :]), x.dtype)
    labels = f"ngz{places}{inside}", f"ngo{places}", f"goz{inside}"
    return _per_group(w, old, (x, 1), (y, 1), 0, labels, "o")


def _conv_input(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
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
    labels = f"ngo{places}{inside}", f"goz{inside}", f"ngz{places}"
    return _per_group(w, old, (x, 1), (mirrored, 0), 1, labels, "z")


def interior(widths: Any, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(lo, lo + n) for (lo, _), n in zip(widths, shape, strict=True))


def _windowed(w: Lowering, x: Instruction, window: Any, stride: Any, dilation: Any, padding: Any = ()) -> Instruction:
    """The windows that slide over x (images, channels, places), padded with zeros."""
    if any(map(any, padding)):
        widths = ((0, 0), (0, 0), *padding)
        padded = tuple(lo + n + hi for (lo, hi), n in zip(widths, x.shape, strict=True))
        x = w.add("assemble", (x,), {"keys": (interior(widths, x.shape),)}, padded, x.dtype)
    lead = x.ndim - len(window)
    counts = tuple(
        max((n - t * (m - 1) - 1) // s + 1, 0)
        for n, m, s, t in zip(x.shape[lead:], window, stride, dilation, strict=True)
    )
    shape = (*x.shape[:lead], *counts, *window)
    return w.view(x, "windows", shape, window=tuple(window), stride=tuple(stride), dilation=tuple(dilation))


def _per_group(
    w: Lowering,
    old: Instruction,
    a: tuple[Instruction, int],
    b: tuple[Instruction, int],
    axis: int,
    labels: Any,
    last: str,
) -> Instruction | None:
    """Contract (operand, axis of its channels) pairs for each group by itself; `axis` is that of the result's groups."""
    groups = old.params["groups"]
    la, lb, out = labels
    if groups == 1:
        return _contract(w, old, a[0], b[0], (la.replace("g", ""), lb.replace("g", ""), out.replace("g", "")), last)
    x, y = (w.reshape(operand, _split(operand.shape, k, groups)) for operand, k in (a, b))
    shaped = Instruction(old.op, (), {}, _split(old.shape, axis, groups), old.dtype)
    made = _contract(w, shaped, x, y, labels, last)
    return None if made is None else w.reshape(made, old.shape)


def _split(shape: tuple[int, ...], axis: int, groups: int) -> tuple[int, ...]:
    return (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


PRODUCTS = {
    "matmul": _matmul, "einsum": _einsum, "conv": _conv, "conv_weight": _conv_weight, "conv_input": _conv_input,
}  # fmt: skip
