"""Placement: values computed right where an assembled array wants them, so that concatenating and padding copy nothing."""

from __future__ import annotations

import math
from typing import Any

from ..lower.views import Layout, Step, Strides, order_of, resolve
from .groups import Buffer, BufferValue, Shape, View


def lengths(key: Any) -> Shape:
    return tuple(len(range(p.start, p.stop, p.step or 1)) for p in key)


def in_windows(place: Layout, windows: Any, shape: Shape) -> Layout:
    window, stride, dilation, counts = windows
    lead = len(shape) - len(window)
    found = resolve(place, shape, [Step("windows", (*shape[:lead], *counts, *window), (window, stride, dilation))])
    assert found is not None
    return found


def compute_in_place(piece: View, place: Layout, buffer: Buffer) -> bool:
    """Let the value behind a piece be computed right into its place; False if it has one already, or is not a whole value."""
    value = piece.value
    if value.placed or value.group is None or value.literal is not None or value.size != math.prod(piece.shape):
        return False
    long = [(n, s) for n, s in zip(piece.shape, place.strides, strict=True) if n > 1]
    if [n for n, _ in long] != [n for n in value.shape if n > 1] or any(
        s.kind not in ("reshape", "broadcast_to") for s in piece.steps
    ):
        return False
    rest = iter(long)
    strides = tuple(next(rest)[1] if n > 1 else 0 for n in value.shape)
    layout = Layout(place.offset, strides)
    if value.size > 512 and not _similar(value, strides):
        return False
    if not _keeps(value, layout):
        return False
    value.layout, value.buffer, value.placed = layout, buffer, True
    return True


def _keeps(value: BufferValue, layout: Layout) -> bool:
    """Whether all that kernels rely on is still so with this layout."""
    if any(resolve(layout, value.shape, steps) is None for steps in value.views):
        return False
    for steps, axis, stride in value.promised:
        there = resolve(layout, value.shape, steps)
        if there is None or there.strides[axis] != stride:
            return False
    return True


def _similar(value: BufferValue, strides: Strides) -> bool:
    """Whether the innermost axis stays the innermost."""
    return order_of(value.shape, value.layout.strides)[-1:] == order_of(value.shape, strides)[-1:]
