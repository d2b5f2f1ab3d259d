"""Assembling: values are computed right where the assembled array wants them, so that concatenating and padding copy nothing."""

from __future__ import annotations

import math
from typing import Any

from ...program.program import Instruction
from ..lower.views import Layout, Step, Strides, dense, order_of, reshaped, resolve
from .fusion import Fusion
from .values import Buffer, BufferValue, Shape, View, literal_view


def assemble(fusion: Fusion, i: Instruction, pieces: list[View]) -> View:
    """Pieces stored side by side in one array; what they leave free is 0."""
    full = [p for p in pieces if len(p.shape) == len(i.shape) and 0 not in p.layout.strides]
    orders = {order_of(p.shape, p.layout.strides) for p in full} if len(full) == len(pieces) else set()
    order = orders.pop() if len(orders) == 1 else tuple(range(len(i.shape)))
    whole = BufferValue(i.shape, i.dtype, Layout(0, dense(i.shape, order)))
    whole.place(buffer := Buffer(whole.dtype, whole.size))
    covered = 0
    for piece, key in zip(pieces, i.params["keys"], strict=True):
        place = _place(whole, key, i.params.get("windows"))
        covered += math.prod(piece.shape)
        if not compute_in_place(piece, place, buffer):
            piece = fusion.pieced(piece, order_of(piece.shape, place.strides))
            placed = compute_in_place(piece, place, buffer)  # apart from the assertion: `python -O` leaves those out
            assert placed
        whole.ready = max(whole.ready, piece.value.ready)
    buffer.kept = covered < whole.size
    if whole.ready < 0:  # no pieces at all
        return literal_view(0, i.shape, i.dtype)
    return View(whole)


def _place(whole: BufferValue, key: Any, windows: Any) -> Layout:
    """Where in `whole` a piece belongs: the entries that `key` selects, or the windows that slide over these."""
    lengths: Shape = tuple([len(range(p.start, p.stop, p.step or 1)) for p in key])
    steps = [Step("index", lengths, {"key": key})]
    if windows is not None:
        window, counts = windows["window"], windows["counts"]
        steps.append(Step("windows", (*lengths[: len(lengths) - len(window)], *counts, *window), windows))
    place = resolve(whole.layout, whole.shape, steps)
    assert place is not None
    return place


def compute_in_place(piece: View, place: Layout, buffer: Buffer) -> bool:
    """Let the value behind a piece be computed right into its place; False if it has one already, or is not a whole value."""
    value = piece.value
    if value.placed or value.ready < 0 or value.size != math.prod(piece.shape):
        return False
    strides = reshaped(piece.shape, place.strides, value.shape)
    if strides is None or any(s.kind not in ("reshape", "broadcast_to") for s in piece.steps):
        return False
    layout = Layout(place.offset, strides)
    natural = Layout(0, reshaped(value.shape, dense(value.shape), value.shape) or ())
    if value.group is None and (layout != natural or buffer.size != value.size):
        return False  # what no loop of ours writes lies as it comes, and fills its buffer
    if value.size > 512 and not _similar(value, strides):
        return False
    if not _keeps(value, layout):
        return False
    value.layout = layout
    value.place(buffer)
    return True


def _keeps(value: BufferValue, layout: Layout) -> bool:
    """Whether all that kernels rely on is still so with this layout."""
    if any(resolve(layout, value.shape, steps) is None for steps in value.views):
        return False
    views = ((resolve(layout, value.shape, steps), axis) for steps, axis in value.vectorised)
    return all(view is not None and view.strides[axis] == 1 for view, axis in views)


def _similar(value: BufferValue, strides: Strides) -> bool:
    """Whether the innermost axis stays the innermost."""
    return order_of(value.shape, value.layout.strides)[-1:] == order_of(value.shape, strides)[-1:]
