"""What the plan is about: values, the memory they lie in, views of them, and the operations that compute them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...program.origin import Origin
from ..lower.views import Layout, Step, Strides, dense, resolve

Shape = tuple[int, ...]


class Buffer:
    """Memory: `size` entries of a dtype. `slot` says whose: None the arena's, else that of an input, output or constant.

    `kept`: nobody else may use this part of the arena, since it holds zeros that are never written.
    """

    __slots__ = ("array", "dtype", "first", "kept", "last", "offset", "size", "slot")

    def __init__(self, dtype: Any, size: int, slot: int | None = None, array: Any = None) -> None:
        self.dtype = dtype
        self.size = size
        self.slot = slot
        self.kept = False
        self.array = array  # of a constant
        self.offset = -1  # bytes in the arena
        self.first = self.last = -1  # the groups between which it is needed


class Group:
    """What becomes one launch. Groups are numbered in the order in which they run."""

    number: int
    inputs: list[View]  # what it reads anywhere
    where: Origin | None = None  # the origin of the instruction that it was begun for

    def operands(self) -> list[tuple[Shape | None, View]]:
        """(shape of the reading operation, operand) for all that the group reads; shape None where it is read anywhere."""
        return [(None, view) for view in self.inputs]

    @property
    def origins(self) -> list[Origin | None]:
        """Where the operations in it were written."""
        return [self.where]


class BufferValue:
    """What an instruction computes: shape, dtype and, if it is stored, where. `group` made it; it can be read when group number
    `ready` has run. `domain_strides`: how the dense value lies in its group's domain. `views` must exist, and those
    of `vectorised` lie along memory in an axis, wherever the value is placed: kernels rely on it."""

    __slots__ = (
        "buffer", "domain_strides", "dtype", "group", "layout", "literal", "placed", "ready", "shape", "size",
        "vectorised", "views", "weak",
    )  # fmt: skip

    def __init__(self, shape: Shape, dtype: Any, layout: Layout | None = None, ready: int = -1) -> None:
        self.shape = shape
        self.size = math.prod(shape)
        self.dtype = np.dtype(dtype)
        self.layout = Layout(0, dense(shape)) if layout is None else layout
        self.group: Group | None = None
        self.ready = ready
        self.domain_strides: Strides = ()
        self.buffer: Buffer | None = None
        self.literal: Any = None  # every entry is this number
        self.placed = False  # its place in memory is given
        self.views: list[tuple[Step, ...]] = []
        self.vectorised: list[tuple[tuple[Step, ...], int]] = []
        self.weak = False

    def place(self, buffer: Buffer) -> None:
        """Give it this memory for good."""
        self.buffer, self.placed = buffer, True


class View:
    """A view of a value."""

    __slots__ = ("_base", "_layout", "shape", "steps", "value")

    def __init__(self, value: BufferValue, steps: tuple[Step, ...] = (), shape: Shape | None = None) -> None:
        self.value = value
        self.steps = steps
        self.shape = value.shape if shape is None else shape
        self._base = self._layout = value.layout if not steps else None

    @property
    def layout(self) -> Layout:
        """Where the entries lie in the value's buffer."""
        if self._base is not self.value.layout:  # not known yet, or the value has been placed since
            self._base = self.value.layout
            self._layout = resolve(self._base, self.value.shape, self.steps)
        assert self._layout is not None
        return self._layout


class Number(NamedTuple):
    """An operand that is one number of a dtype."""

    value: Any
    dtype: Any


class FusedOp(NamedTuple):
    """An operation in a group: operands are views (of the group's own values too) and numbers."""

    value: BufferValue
    name: str
    operands: tuple[Any, ...]
    params: dict[str, Any]
    where: Origin | None

    @property
    def views(self) -> list[View]:
        """The operands that are views."""
        return [o for o in self.operands if isinstance(o, View)]


def literal_view(number: Any, shape: Shape, dtype: Any) -> View:
    """A value every entry of which is this number, and which is never stored."""
    value = BufferValue(shape, dtype, Layout(0, (0,) * len(shape)))
    value.literal = number
    return View(value)


def number_of(view: View) -> Number:
    """The number that a literal is."""
    return Number(view.value.literal, view.value.dtype)
