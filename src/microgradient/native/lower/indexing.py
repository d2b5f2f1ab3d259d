"""Lowering of indexing to views, gathers and scatters, and of its transposes to assemblies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...program.program import Instruction
from ...rules import INDEX
from .views import full_key, indexed_shape
from .writer import Lowering


def _index(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    x, *indices = args
    key = full_key(old.params["key"], x.ndim)
    if not indices:
        return w.add("index", (x,), {"key": tuple(key)}, old.shape, old.dtype)
    plan = _plan(w, x.shape, key, indices)
    if plan is None:
        return None
    base_key, places, indices, axes = plan
    based = w.add("index", (x,), {"key": base_key}, indexed_shape(x.shape, base_key), x.dtype)
    return w.add("gather", (based, *indices), {"axes": axes, "places": places}, old.shape, old.dtype)


def _plan(w: Lowering, shape: tuple[int, ...], key: list[Any], indices: list[Any]) -> Any:
    """Indexing with arrays as two steps: a basic index, then arrays alone. NumPy's rule says where the axes of the arrays go:
    together in the place of the first one, or in front if anything but arrays stands between them.

    Returns (basic key, places, index arrays, axes): the result's axis number `places[i]` runs along axis i of the basic
    view, or -1 for the axes that the arrays `axes` index; each array is viewed so that it broadcasts to the result.
    """
    kinds = ["array" if p == INDEX and isinstance(p, str) else "int" if isinstance(p, int) else "other" for p in key]
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
    adjacent = "other" not in kinds[advanced[0] : advanced[-1] + 1]
    broadcast = np.broadcast_shapes(*(i.shape for i in indices))
    first = axes[0] if adjacent else 0
    places, where = [], 0
    for axis in range(basic_axis):
        if axis in axes:
            places.append(-1)
            continue
        places.append(where + (len(broadcast) if axis > first or not adjacent else 0))
        where += 1
    rank = where + len(broadcast)
    first = first if adjacent else 0
    views = []
    for i in indices:
        shape_i = (1,) * first + (1,) * (len(broadcast) - i.ndim) + i.shape + (1,) * (rank - first - len(broadcast))
        views.append(w.reshape(i, shape_i))
    return tuple(base_key), tuple(places), views, tuple(axes)


def _take_along_axis(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    x, i = args
    axis = old.params["axis"]
    return w.add("gather", (x, i), {"axes": (axis,), "places": _along(x.shape, axis)}, old.shape, old.dtype)


def _along(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """The places of the axes of an array that is indexed along one of them. An axis of length 1 may be longer in the result:
    its only entry is read, or added to, again and again."""
    return tuple(-1 if a == axis or n == 1 else a for a, n in enumerate(shape))


def _index_add(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
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
    places = [
        range(*p.indices(n)) if isinstance(p, slice) else range(p % n, p % n + 1)
        for p, n in zip((p for p in key if p is not None), old.shape, strict=True)
    ]
    backwards = tuple(axis for axis, r in enumerate(places) if r.step < 0)
    piece = w.reshape(t, tuple(map(len, places)))
    if backwards:
        piece = w.view(piece, "flip", tuple(map(len, places)), axis=backwards)
    forwards = (r[::-1] if r.step < 0 else r for r in places)
    keys = (tuple(slice(r.start, r.stop, r.step) for r in forwards),)
    return w.add("assemble", (piece,), {"keys": keys}, old.shape, old.dtype)


def _index_set(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    """The old array copied, and values set in it."""
    a, v, *indices = args
    key = full_key(old.params["key"], a.ndim)
    plain = [p for p in key if p is not None]
    if indices:
        plan = _plan(w, a.shape, key, indices) if len(plain) == len(key) else None
        if plan is None:
            return None
        base_key, places, indices, axes = plan
        selected = list(np.broadcast_shapes(*(i.shape for i in indices)))
        for place, n in zip(places, indexed_shape(a.shape, base_key), strict=True):
            if place >= 0:
                selected[place] = n
    else:
        base_key, axes, selected = tuple(plain), (), list(indexed_shape(a.shape, key))
        places = tuple(range(len(indexed_shape(a.shape, plain))))
    if 0 in selected or 0 in v.shape:
        return a if 0 in selected else None
    v = w.reshape(v, v.shape[max(v.ndim - len(selected), 0) :])  # what NumPy drops there is of length 1
    v = w.view(v, "broadcast_to", tuple(selected))
    if len(plain) < len(key):
        v = w.reshape(v, indexed_shape(a.shape, plain))
    params = {"axes": axes, "places": places, "key": base_key, "add": False}
    return w.add("scatter", (v, *indices, a), params, old.shape, old.dtype)


def _scatter_along_axis(w: Lowering, old: Instruction, args: tuple[Any, ...]) -> Instruction | None:
    t, i = args
    axis = old.params["axis"]
    if i.shape != t.shape:
        return None
    params = {"axes": (axis,), "places": _along(old.shape, axis), "key": (slice(None),) * len(old.shape), "add": True}
    return w.add("scatter", (t, i), params, old.shape, old.dtype)


INDEXING = {
    "index": _index, "take_along_axis": _take_along_axis, "index_add": _index_add, "index_set": _index_set,
    "scatter_along_axis": _scatter_along_axis,
}  # fmt: skip
