"""Fusion: which group an operation joins, and what is copied so that it can.

Instructions are taken in order. A pointwise instruction joins the group that its latest operand comes from, if that group runs
over the same domain; so groups run in the order in which they were begun, and no cycle can arise. A reduction joins the group
it reduces if it runs along memory, and what follows from it can join too. Results that only their own group reads
are never stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from ...program.origin import Origin
from ...program.program import Instruction, Program
from ..lower.ops import NATIVE_DTYPES, REDUCTIONS
from ..lower.views import Step, resolve
from .fusion_group import FusionGroup, vote
from .groups import HostCall, RowGroup, SingleGroup
from .values import BufferValue, Group, Shape, View, literal_view, number_of

_MOST = 128  # operations in a kernel: LLVM's time grows faster than their number

Supported = Callable[[str, tuple[str, ...], str], bool]
"""Whether machine code exists for a pointwise primitive, the dtypes of its operands and that of its result."""
AnyGroup = TypeVar("AnyGroup", bound=Group)


class Fusion:
    """The groups so far, and what each instruction has become."""

    def __init__(self, updates: dict[int, int], supported: Supported, plan: Callable[[Program], Any]) -> None:
        self.updates = updates
        self.supported = supported
        self.plan = plan  # makes the schedule of a program in the program
        self.where: Origin | None = None  # the origin of the instruction at hand
        self.groups: list[Any] = []
        self.views: dict[
            int, Any
        ] = {}  # of each instruction, by its identity: a View, or a list of those of its results
        self.scalars: FusionGroup | None = None  # the latest group of single numbers
        self.copies: dict[Any, View] = {}  # what has been copied already, into which order

    def native(self, i: Instruction, operands: list[Any]) -> bool:
        """Whether an instruction of a pointwise primitive or a reduction can be machine code."""
        codes = tuple(o.value.dtype.str[1:] for o in operands if isinstance(o, View))
        if i.dtype is None or i.dtype.str[1:] not in NATIVE_DTYPES or any(c not in NATIVE_DTYPES for c in codes):
            return False
        if i.op in REDUCTIONS or i.op in ("astype", "iota"):
            return i.shape is not None
        return self.supported(i.op, codes, i.dtype.str[1:])

    def begin(self, group: AnyGroup) -> AnyGroup:
        """Add a group, whose number is that of those before it."""
        assert group.number == len(self.groups)
        group.where = self.where
        self.groups.append(group)
        return group

    def rows(self, domain: Shape, order: Sequence[int]) -> RowGroup:
        """Begin a group of elementwise operations."""
        return self.begin(RowGroup(len(self.groups), domain, order))

    def single(self, inputs: list[View], make: Any, value: BufferValue) -> View:
        """Begin a group of one kernel that computes `value`."""
        value.ready = self.begin(SingleGroup(len(self.groups), inputs, make)).number
        return View(value)

    # ------------------------------------------------------------------------------------------------ views and copies

    def view(self, view: View, step: Step) -> View:
        """A view of a view; a copy first where memory can't be read that way."""
        if view.value.literal is not None:
            return literal_view(view.value.literal, step.shape, view.value.dtype)
        steps = (*view.steps, step)
        if resolve(view.value.layout, view.value.shape, steps) is None:
            view = self.copy(view, range(len(view.shape)))
            steps = (step,)
        view.value.views.append(steps)
        return View(view.value, steps, step.shape)

    def copy(self, view: View, order: Sequence[int]) -> View:
        """The same entries in memory of their own, dense in this order of axes."""
        key = (id(view.value), view.layout, view.shape, tuple(order))
        if key not in self.copies and view.value.dtype.str[1:] not in NATIVE_DTYPES:
            self.copies[key] = self.host(copying(view), [view])
        if key not in self.copies:
            self.copies[key] = self.pieced(view, order)
            self.copies[key].value.weak = view.value.weak
        return self.copies[key]

    def stored(self, view: View) -> View:
        """An operand that lies in memory."""
        if view.value.literal is None:
            return view
        return self.pointwise("copy", [view], {}, view.shape, view.value.dtype)

    def pieced(self, view: View, order: Sequence[int]) -> View:
        """A copy that nobody else uses, to be stored in a place of its own."""
        group = self.rows(view.shape, order)
        group.closed = True
        operand: Any = view if view.value.literal is None else number_of(view)
        return View(group.enter("copy", [operand], {}, view.shape, view.value.dtype, self.where))

    def host(self, i: Instruction, operands: list[Any]) -> View:
        """A call of NumPy."""
        value = BufferValue(i.shape or (), i.dtype or np.dtype(np.float64), ready=len(self.groups))
        value.weak = i.weak
        self.begin(HostCall(value.ready, i, operands, value))
        return View(value)

    # ------------------------------------------------------------------------------------------------------ pointwise

    def pointwise(
        self,
        name: str,
        operands: list[Any],
        params: dict[str, Any],
        shape: Shape,
        dtype: Any,
        weak: bool = False,
        updates: int | None = None,
        order: tuple[int, ...] | None = None,
    ) -> View:
        """An elementwise operation (or gather, whose first operand is read where the others say)."""
        gather = name == "gather"
        if not gather:
            operands = [number_of(o) if isinstance(o, View) and o.value.literal is not None else o for o in operands]
        views = [o for o in operands if isinstance(o, View)]
        latest = max([v.value.ready for v in views], default=-1)
        group = self._joinable(name, operands, shape, latest, updates)
        if group is None and (joined := self._reshaped(name, operands, params, shape, dtype, latest, updates)):
            joined.weak = weak
            return self.view(View(joined), Step("reshape", shape, {}))
        if group is None:
            group = self.rows(shape, order or vote(views[1:] if gather else views, shape, natural=updates is not None))
            group.updates = updates
            if shape == ():
                self.scalars = group
        value = group.enter(name, operands, params, shape, dtype, self.where)
        value.weak = weak
        return View(value)

    def _joinable(
        self, name: str, operands: list[Any], shape: Shape, latest: int, updates: int | None
    ) -> FusionGroup | None:
        """The group that an operation may join."""
        candidates = [self.groups[latest]] if latest >= 0 else []
        if shape == () and self.scalars is not None and self.scalars.number >= latest:
            candidates.append(self.scalars)
        elif self.groups and self.groups[-1].number > latest:
            candidates.append(self.groups[-1])
        overfull = latest >= 0 and _is_full(self.groups[latest])
        for group in candidates:
            if not isinstance(group, FusionGroup) or group.closed or _is_full(group) or name in group.excluded:
                continue
            if group.updates != updates or group.axes_of(shape) is None:
                continue
            joins = updates is not None or group is self.scalars or overfull or any(map(group.related, operands))
            if joins and all([group.readable(o, shape, name == "gather" and not k) for k, o in enumerate(operands)]):
                return group
        return None

    def _reshaped(
        self, name: str, operands: list[Any], params: dict[str, Any], shape: Shape, dtype: Any, latest: int,
        updates: int | None,
    ) -> BufferValue | None:  # fmt: skip
        """The operation done in the group of its latest operand, over that group's domain, which has as many entries.

        Layers work on all rows at once, and what lies between them on batches of rows.
        """
        if (
            latest < 0
            or name in ("gather", "iota", "words")
            or not isinstance(group := self.groups[latest], FusionGroup)
        ):
            return None
        domain = group.domain
        if domain == shape or math.prod(domain) != math.prod(shape) or not shape or 0 in shape:
            return None
        found: list[Any] = []
        for o in operands:
            if isinstance(o, View):
                steps = (*o.steps, Step("broadcast_to", shape, {}), Step("reshape", domain, {}))
                if resolve(o.value.layout, o.value.shape, steps) is None:
                    return None
                o = View(o.value, steps, domain)
            found.append(o)
        if self._joinable(name, found, domain, latest, updates) is not group:
            return None
        for o in found:
            if isinstance(o, View):
                o.value.views.append(o.steps)  # whoever places the value later must keep the view
        return group.enter(name, found, params, domain, dtype, self.where)

    def words(self, x: View, axis: int) -> View:
        """Each two neighbours along an axis of x, whose length is even, as one int32. x must be in memory."""
        n = x.shape[axis]
        shape = (*x.shape[:axis], n // 2, *x.shape[axis + 1 :])
        low = self.view(x, Step("index", shape, {"key": (*(slice(None),) * axis, slice(0, n, 2))}))
        return self.pointwise("words", [low], {"axis": axis}, shape, np.dtype(np.int32))

    # ------------------------------------------------------------------------------------------------------ reductions

    def reduction(self, i: Instruction, view: Any) -> View:
        """sum, max, min or prod over some axes."""
        axes = frozenset(i.params["axis"])
        if not isinstance(view, View) or view.value.literal is not None:
            view = self.pointwise("copy", [view], {}, view.shape, i.dtype)
        made_by = view.value.group
        group = (
            made_by if isinstance(made_by, RowGroup) and not made_by.closed and made_by.domain == view.shape else None
        )
        if group is None or not group.in_place(view, view.shape) or not group.reducible(axes, i.dtype.itemsize):
            order = vote([view], view.shape)
            if isinstance(made_by, FusionGroup) and made_by.order and made_by.domain == view.shape:
                order = made_by.order
            group = self.rows(view.shape, order)
        group.reduced = axes
        return View(group.enter(f"reduce_{i.op}", [view], {}, i.shape, i.dtype, self.where))


def copying(view: View) -> Instruction:
    """The call of NumPy that copies what no kernel can: complex numbers, halves."""
    options = {"function": np.array, "name": "copy", "pure": True}
    return Instruction("host", (), options, view.shape, view.value.dtype)


def _is_full(group: Any) -> bool:
    return isinstance(group, FusionGroup) and len(group.ops) >= _MOST
