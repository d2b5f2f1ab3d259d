"""Values, views of them, and groups: what fusion works with, and how values lie in the domain of a group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..lower.views import Layout, Step, Strides, broadcast, dense, order_of, resolve

Shape = tuple[int, ...]


class Buffer:
    """Memory: `size` entries of a dtype. `slot` says whose: None the arena's, else that of an input, output or constant.

    `kept`: nobody else may use this part of the arena, since it holds zeros that are never written.
    """

    __slots__ = ("array", "dtype", "first", "kept", "last", "offset", "size", "slot")

    def __init__(self, dtype: Any, size: int) -> None:
        self.dtype = dtype
        self.size = size
        self.slot: int | None = None
        self.kept = False
        self.array: Any = None  # of a constant
        self.offset = -1  # bytes in the arena
        self.first = self.last = -1  # the groups between which it is needed


class BufferValue:
    """What an instruction computes: shape, dtype and, if it is stored, where. `group` made it; it can be read when group number
    `ready` has run. `domain_strides`: how the dense value lies in its group's domain. `views` must exist, and `promised`
    strides (view, axis, stride) must stay, wherever the value is placed: kernels rely on them."""

    __slots__ = (
        "buffer",
        "domain_strides",
        "dtype",
        "group",
        "layout",
        "literal",
        "placed",
        "promised",
        "ready",
        "shape",
        "views",
        "weak",
    )

    def __init__(self, shape: Shape, dtype: Any, layout: Layout) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.layout = layout
        self.group: FusionGroup | None = None
        self.ready = -1
        self.domain_strides: Strides = ()
        self.buffer: Buffer | None = None
        self.literal: Any = None  # every entry is this number
        self.placed = False  # its place in memory is given
        self.views: list[tuple[Step, ...]] = []
        self.promised: list[tuple[tuple[Step, ...], int, int]] = []
        self.weak = False

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(self.shape)


class View(NamedTuple):
    """A view of a value."""

    value: BufferValue
    steps: tuple[Step, ...]
    shape: Shape

    @property
    def layout(self) -> Layout:
        """Where the entries lie in the value's buffer."""
        if not self.steps:
            return self.value.layout
        found = resolve(self.value.layout, self.value.shape, self.steps)
        assert found is not None
        return found


class FusedOp(NamedTuple):
    """An operation in a group: operands are views (of the group's own values too) and numbers."""

    value: BufferValue
    name: str
    operands: tuple[Any, ...]
    params: dict[str, Any]


class FusionGroup:
    """What becomes one kernel: `kind` row, contract, scatter, scan, draw or host, over `domain`, whose axes `reduced` are summed.

    `order` is how the axes lie in memory, outermost first. A `closed` group takes no more entries; one that `updates` takes
    only operations that make the next values of inputs (the steps of optimisers), which so get kernels of their own.
    """

    def __init__(self, number: int, kind: str, domain: Shape, order: tuple[int, ...]) -> None:
        self.number = number
        self.kind = kind
        self.domain = domain
        self.order = order
        self.reduced: frozenset[int] = frozenset()
        self.entries: list[FusedOp] = []
        self.closed = False
        self.updates: int | None = None
        self.detail: Any = None  # of a contraction, scatter, scan, draw, host call


class Number(NamedTuple):
    """An operand that is one number of a dtype."""

    value: Any
    dtype: Any


def literal_ref(number: Any, shape: Shape, dtype: Any) -> View:
    value = BufferValue(shape, dtype, Layout(0, (0,) * len(shape)))
    value.literal = number
    return View(value, (), shape)


def number_of(ref: View) -> Number:
    return Number(ref.value.literal, ref.value.dtype)


def axes_in_domain(group: FusionGroup, shape: Shape) -> tuple[int, ...] | None:
    """Which axis of the domain each axis of a value of the group is; None if the shape does not fit."""
    if shape == group.domain:
        return tuple(range(len(shape)))
    if not group.reduced:
        return None
    if shape == tuple(1 if a in group.reduced else n for a, n in enumerate(group.domain)):
        return tuple(range(len(shape)))
    kept = tuple(a for a in range(len(group.domain)) if a not in group.reduced)
    return kept if shape == tuple(group.domain[a] for a in kept) else None


def strides_in_domain(group: FusionGroup, shape: Shape) -> Strides:
    """For each axis of the domain the stride of a dense value of this shape."""
    axes = axes_in_domain(group, shape)
    assert axes is not None
    strides = [0] * len(group.domain)
    for axis, n, stride in zip(axes, shape, dense(shape), strict=True):
        strides[axis] = stride if n > 1 else 0
    return tuple(strides)


def spread(ref: View, group: FusionGroup, shape: Shape, layout: Layout | None = None) -> Layout:
    """The layout of an operand over the group's domain, for an operation whose result has this shape."""
    axes = axes_in_domain(group, shape)
    assert axes is not None
    own = ref.layout if layout is None else layout
    there = own if ref.shape == shape else broadcast(own, ref.shape, shape)
    strides = [0] * len(group.domain)
    for axis, n, stride in zip(axes, shape, there.strides, strict=True):
        strides[axis] = stride if n > 1 else 0
    return Layout(there.offset, tuple(strides))


def in_place(ref: View, group: FusionGroup, shape: Shape) -> bool:
    """Whether an operation of this shape reads, of a value of its own group, just the entry that belongs to its own place."""
    as_dense = resolve(Layout(0, dense(ref.value.shape)), ref.value.shape, ref.steps)
    if as_dense is None or as_dense.offset:
        return False
    there = spread(ref, group, shape, as_dense)
    return all(a == b or n == 1 for a, b, n in zip(there.strides, ref.value.domain_strides, group.domain, strict=True))


def vote(refs: Sequence[View], shape: Shape, natural: bool = False) -> tuple[int, ...]:
    """The order of axes in memory that most operands of full shape have; the natural one if there are none.

    Of two orders with as many votes the natural one is taken only if `natural`: the other comes from a contraction, and so will
    what is met next.
    """
    votes: dict[tuple[int, ...], int] = {}
    for ref in refs:
        if ref.shape == shape and ref.value.literal is None:
            strides = ref.layout.strides
            if all(s > 0 or n == 1 for s, n in zip(strides, shape, strict=True)):
                order = order_of(shape, strides)
                votes[order] = votes.get(order, 0) + 1
    given = tuple(range(len(shape)))
    return max(votes, key=lambda o: (votes[o], (o == given) == natural)) if votes else given


def conforms(ref: View, shape: Shape, group: FusionGroup) -> bool:
    if ref.shape != shape or shape != group.domain:
        return True
    return along(ref, shape, group.order)


def along(ref: View, shape: Shape, order: tuple[int, ...]) -> bool:
    """Whether the innermost loop reads the operand along memory, or it is too small to matter."""
    if math.prod(shape) <= 512:
        return True
    strides = ref.layout.strides
    innermost = next((a for a in reversed(order) if shape[a] > 1), None)
    if innermost is None or abs(strides[innermost]) <= 1:
        return True
    return all(abs(s) != 1 for s in strides)  # no order would be better: a strided slice


def reducible(group: FusionGroup, axes: frozenset[int], itemsize: int) -> bool:
    """Whether a reduction of values of the group can join it. The reduced axes must be the innermost of the group in memory, but
    for one kept axis of whole vectors if the first cache holds what is reduced at a time."""
    long = [a for a in group.order if group.domain[a] > 1]
    if long and long[-1] not in axes:
        kept = long.pop()
        at_once = math.prod(group.domain[a] for a in axes) * group.domain[kept] * itemsize
        if at_once > COLUMNS or group.domain[kept] * itemsize % 64 or math.prod(group.domain) * itemsize < 8 * at_once:
            return False
    count = sum(a in axes for a in long)
    return count > 0 and all(a in axes for a in long[len(long) - count :])


COLUMNS = 1 << 15
"""Bytes that are reduced column by column together with what computes them."""
