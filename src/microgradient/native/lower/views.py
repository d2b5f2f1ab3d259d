"""Views: another way to look at an array's memory, as an offset and a stride per axis, counted in entries.

A view is kept as the list of steps that lead to it (permute, slice, reshape, ...), so that it can be worked out again when the
array below gets another layout. Not every reshape of a permuted array is a view: `resolve` then says None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Shape = tuple[int, ...]
Strides = tuple[int, ...]


class Layout(NamedTuple):
    """Where the entry with index i lies: offset + Σ iₖ · strideₖ."""

    offset: int
    strides: Strides


class Step(NamedTuple):
    """One change of view: `kind` is a primitive's name, `shape` what it gives, and `params` are its parameters."""

    kind: str
    shape: Shape
    params: dict[str, Any]


def indexed_shape(shape: Shape, key: Sequence[Any]) -> Shape:
    """The shape of what a key of slices, numbers and Nones, one for each axis, selects."""
    out, axis = [], 0
    for part in key:
        if part is None:
            out.append(1)
            continue
        if isinstance(part, slice):
            out.append(len(range(*part.indices(shape[axis]))))
        axis += 1
    return tuple(out)


def dense(shape: Shape, order: Sequence[int] | None = None) -> Strides:
    """The strides of a dense array whose axes lie in memory in this order, outermost first (None: as they come)."""
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(range(len(shape)) if order is None else order):
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)


def order_of(shape: Shape, strides: Strides) -> tuple[int, ...]:
    """The axes in the order in which they lie in memory, outermost first; those of length 1 stay near their neighbours."""
    step = 1
    key = [0] * len(shape)
    for axis in reversed(range(len(shape))):
        if shape[axis] != 1:
            step = abs(strides[axis])
        key[axis] = step
    return tuple(sorted(range(len(shape)), key=lambda axis: (-key[axis], axis)))


def resolve(layout: Layout, shape: Shape, steps: Sequence[Step]) -> Layout | None:
    """The layout of the view that `steps` make of an array with this layout and shape; None if memory can't be read so."""
    current: Layout | None = layout
    for step in steps:
        assert current is not None
        current = _apply(current, shape, step)
        if current is None:
            return None
        shape = step.shape
    return current


def broadcast(layout: Layout, shape: Shape, target: Shape) -> Layout:
    """The layout with axes added in front and axes of length 1 stretched, so that it has the shape `target`."""
    extra = len(target) - len(shape)
    strides = tuple(
        [
            0 if i < extra or (shape[i - extra] == 1 and n != 1) else layout.strides[i - extra]
            for i, n in enumerate(target)
        ]
    )
    return Layout(layout.offset, strides)


def _apply(layout: Layout, shape: Shape, step: Step) -> Layout | None:
    (offset, strides), params = layout, step.params
    if step.kind == "permute_dims":
        return Layout(offset, tuple([strides[a] for a in params["axes"]]))
    if step.kind == "reshape":
        new = reshaped(shape, strides, step.shape)
        return None if new is None else Layout(offset, new)
    if step.kind == "broadcast_to":
        return broadcast(layout, shape, step.shape)
    if step.kind == "flip":
        for axis in params["axis"]:
            offset += (shape[axis] - 1) * strides[axis]
        return Layout(offset, tuple([-s if a in params["axis"] else s for a, s in enumerate(strides)]))
    if step.kind == "index":
        return _indexed(layout, shape, params["key"])
    if step.kind == "windows":
        lead = len(shape) - len(params["window"])
        moved = [s * n for s, n in zip(strides[lead:], params["stride"], strict=True)]
        inside = [s * n for s, n in zip(strides[lead:], params["dilation"], strict=True)]
        return Layout(offset, (*strides[:lead], *moved, *inside))
    raise ValueError(step.kind)


def _indexed(layout: Layout, shape: Shape, key: Any) -> Layout:
    """Basic indexing: integers, slices, None, Ellipsis."""
    offset = layout.offset
    strides: list[int] = []
    axis = 0
    for part in full_key(key, len(shape)):
        if part is None:
            strides.append(0)
            continue
        stride, n = layout.strides[axis], shape[axis]
        if isinstance(part, slice):
            start, stop, step = part.indices(n)
            count = len(range(start, stop, step))
            offset += start * stride if count else 0
            strides.append(stride * step)
        else:
            offset += (part + n if part < 0 else part) * stride
        axis += 1
    return Layout(offset, tuple(strides))


def full_key(key: Any, ndim: int) -> list[Any]:
    """`key` with the Ellipsis, said or not, written out as slices."""
    parts = list(key) if isinstance(key, tuple) else [key]
    used = sum([p is not None and p is not Ellipsis for p in parts])
    rest = [slice(None)] * (ndim - used)
    for i, part in enumerate(parts):
        if part is Ellipsis:
            return [*parts[:i], *rest, *parts[i + 1 :]]
    return [*parts, *rest]


def reshaped(shape: Shape, strides: Strides, target: Shape) -> Strides | None:
    """The strides of a reshape, if it needs no copy: axes are matched in runs of equal size, each run contiguous in itself."""
    if 0 in shape:
        return dense(target)
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    out: list[int] = []
    i = 0
    rest, step = 1, 0  # of the old run that is being used up: entries left, and the stride of the last of them
    for n in target:
        if n == 1:
            out.append(0)
            continue
        if rest == 1:
            rest, step, i = _run(old, i, n)
        while rest % n and i < len(old):
            grown = old[i]
            if step != grown[0] * grown[1]:
                return None
            rest, step, i = rest * grown[0], grown[1], i + 1
        if rest % n:
            return None
        rest //= n
        out.append(step * rest)
    return tuple(out)


def _run(old: list[tuple[int, int]], i: int, least: int) -> tuple[int, int, int]:
    """Old axes from number i on, merged as long as they are contiguous and too short for `least`: (entries, stride, next)."""
    n, stride = old[i]
    i += 1
    while n < least and i < len(old) and stride == old[i][0] * old[i][1]:
        n, stride, i = n * old[i][0], old[i][1], i + 1
    return n, stride, i
