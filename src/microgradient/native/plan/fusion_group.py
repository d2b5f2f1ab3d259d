"""The groups that several operations share, and how values lie in the domain of such a group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...program.origin import Origin
from ..lower.views import Layout, Strides, broadcast, dense, order_of, resolve
from .values import BufferValue, FusedOp, Group, Shape, View

COLUMNS = 1 << 15
"""Bytes that are reduced column by column together with what computes them."""


class FusionGroup(Group):
    """Operations over one domain, whose axes `reduced` are summed.

    `order` is how the axes lie in memory, outermost first. A `closed` group takes no more operations; one that `updates` takes
    only operations that make the next values of inputs (the steps of optimisers), which so get kernels of their own.
    """

    excluded: frozenset[str] = frozenset()
    """Operations that a group of this kind can't hold."""

    def __init__(self, number: int, domain: Shape, order: Sequence[int]) -> None:
        self.number = number
        self.domain = domain
        self.order = tuple(order)
        self.reduced: frozenset[int] = frozenset()
        self.inputs: list[View] = []
        self.ops: list[FusedOp] = []
        self.stored: list[BufferValue] = []  # what must be in memory: read by other groups, or outputs
        self.closed = False
        self.updates: int | None = None

    def enter(
        self,
        name: str,
        operands: Sequence[Any],
        params: dict[str, Any],
        shape: Shape,
        dtype: Any,
        where: Origin | None = None,
    ) -> BufferValue:
        """Append an operation; `where` is its origin."""
        axes = self.axes_of(shape)
        assert axes is not None
        rank = {axis: place for place, axis in enumerate(self.order)}
        order = sorted(range(len(shape)), key=lambda a: rank[axes[a]])
        value = BufferValue(shape, dtype, Layout(0, dense(shape, order)), self.number)
        value.group = self
        value.domain_strides = self.spread(dense(shape), axes, shape)
        self.ops.append(FusedOp(value, name, tuple(operands), params, where))
        return value

    def operands(self) -> list[tuple[Shape | None, View]]:
        """(shape of the reading operation, operand) for all that the group reads; shape None where it is read anywhere."""
        found = super().operands()
        for op in self.ops:
            for k, o in enumerate(op.operands):
                if isinstance(o, View):
                    reading = op.value.shape if not op.name.startswith("reduce_") else o.shape
                    found.append((None if op.name == "gather" and not k else reading, o))
        return found

    @property
    def origins(self) -> list[Origin | None]:
        """Where the operations in it were written."""
        return [op.where for op in self.ops]

    # ------------------------------------------------------------------------------------------------------ its domain

    def axes_of(self, shape: Shape) -> tuple[int, ...] | None:
        """Which axis of the domain each axis of a value of the group is; None if the shape does not fit."""
        if shape == self.domain:
            return tuple(range(len(shape)))
        if not self.reduced:
            return None
        if shape == tuple([1 if a in self.reduced else n for a, n in enumerate(self.domain)]):
            return tuple(range(len(shape)))
        kept = tuple([a for a in range(len(self.domain)) if a not in self.reduced])
        return kept if shape == tuple([self.domain[a] for a in kept]) else None

    def spread(self, strides: Strides, axes: tuple[int, ...], shape: Shape) -> Strides:
        """Strides of axes of the domain, 0 where there is nothing to move along."""
        found = [0] * len(self.domain)
        for axis, n, stride in zip(axes, shape, strides, strict=True):
            found[axis] = stride if n > 1 else 0
        return tuple(found)

    def layout_of(self, view: View, shape: Shape, layout: Layout | None = None) -> Layout:
        """The layout of an operand over the domain, for an operation whose result has this shape."""
        axes = self.axes_of(shape)
        assert axes is not None
        own = view.layout if layout is None else layout
        there = own if view.shape == shape else broadcast(own, view.shape, shape)
        return Layout(there.offset, self.spread(there.strides, axes, shape))

    def in_place(self, view: View, shape: Shape) -> bool:
        """Whether an operation of this shape reads, of a value of the group itself, just the entry that belongs to its place."""
        value = view.value
        as_dense = resolve(Layout(0, dense(value.shape)), value.shape, view.steps)
        if as_dense is None or as_dense.offset:
            return False
        there = self.layout_of(view, shape, as_dense)
        return all([a == b or n == 1 for a, b, n in zip(there.strides, value.domain_strides, self.domain, strict=True)])

    def readable(self, operand: Any, shape: Shape, anywhere: bool) -> bool:
        """Whether an operation of this shape can read the operand: at its own place, or from memory."""
        if not isinstance(operand, View):
            return True
        if operand.value.group is self:
            return not anywhere and self.in_place(operand, shape)
        if operand.value.ready >= self.number:
            return False  # assembled from what this group computes
        return anywhere or operand.shape != shape or shape != self.domain or along(operand, shape, self.order)

    def related(self, operand: Any) -> bool:
        """Whether an operand comes from the group."""
        return isinstance(operand, View) and operand.value.group is self


def vote(views: Sequence[View], shape: Shape, natural: bool = False) -> tuple[int, ...]:
    """The order of axes in memory that most operands of full shape have; the natural one if there are none.

    Of two orders with as many votes the natural one is taken only if `natural`: the other comes from a contraction, and so will
    what is met next.
    """
    votes: dict[tuple[int, ...], int] = {}
    for view in views:
        if view.shape == shape and view.value.literal is None:
            strides = view.layout.strides
            if all([s > 0 or n == 1 for s, n in zip(strides, shape, strict=True)]):
                order = order_of(shape, strides)
                votes[order] = votes.get(order, 0) + 1
    given = tuple(range(len(shape)))
    return max(votes, key=lambda o: (votes[o], (o == given) == natural)) if votes else given


def along(view: View, shape: Shape, order: tuple[int, ...]) -> bool:
    """Whether the innermost loop reads the operand along memory, or it is too small to matter."""
    if math.prod(shape) <= 512:
        return True
    strides = view.layout.strides
    innermost = next((a for a in reversed(order) if shape[a] > 1), None)
    if innermost is None or abs(strides[innermost]) <= 1:
        return True
    return all(abs(s) != 1 for s in strides)  # no order would be better: a strided slice
