"""The inside of a kernel: a group's operations as loads, operations on single numbers, and stores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..lower.views import Layout
from .fusion_group import FusionGroup
from .kernel import Access, Op
from .launch import Operand
from .memory import Memory
from .values import FusedOp, Number, View


class KernelBody:
    """The loads, operations and stores of a kernel while they are being listed. `first`: values 0 … first - 1 are given."""

    def __init__(
        self, group: FusionGroup, over: Callable[[Layout], tuple[int, ...]], memory: Memory, first: int = 0
    ) -> None:
        self.memory = memory
        self.group = group
        self.over = over
        self.first = first
        self.loads: list[Access] = []
        self.sources: list[Operand] = []
        self.ops: list[Op] = []  # with references for arguments: operation k is k, load k is -1 - k
        self.values: dict[int, int | None] = {}  # the references of the group's values; None: the product
        self.known: dict[Any, int] = {}  # those of constants, conversions and loads

    def written(self) -> tuple[Any, Any, Any, tuple[Operand, ...]]:
        """(loads, ops, stores, operands) of the kernel."""
        for op in self.group.ops:
            self._enter(op)
        base = self.first + len(self.loads)

        def number(reference: int | None) -> int:
            return 0 if reference is None else base + reference if reference >= 0 else self.first - 1 - reference

        ops = tuple([op._replace(args=tuple(map(number, op.args))) for op in self.ops])
        stores = []
        operands = list(self.sources)
        for value in self.group.stored:
            layout = self.group.layout_of(View(value), value.shape)
            stores.append((number(self.values[id(value)]), Access(value.dtype.str[1:], self.over(layout))))
            operands.append(Operand(self.memory.buffer(value), layout.offset))
        return tuple(self.loads), ops, tuple(stores), tuple(operands)

    def _op(self, name: str, args: tuple[Any, ...], dtype: str, params: Any = ()) -> int:
        self.ops.append(Op(name, args, dtype, params))
        return len(self.ops) - 1

    def _enter(self, op: FusedOp) -> None:
        value, name, dtype = op.value, op.name, op.value.dtype.str[1:]
        found: int | None
        if name == "product":
            found = None
        elif name == "gather":
            found = self._gather(op)
        elif name == "words":
            found = self._words(op)
        elif name == "iota":
            marker = Layout(0, tuple([int(a == op.params["loop"]) for a in range(len(self.group.domain))]))
            places = self.over(marker)
            at = places.index(1) if 1 in places else None
            found = self._op(
                "constant" if at is None else "iota", (), "i8", (("value", 0) if at is None else ("loop", at),)
            )
        else:
            common = _computing_dtype(op)
            args = tuple([self._argument(o, value.shape, common) for o in op.operands])
            bare = name.startswith("reduce_") or name == "astype"
            # a copy does nothing: whoever reads it can as well read its operand
            found = (
                args[0]
                if name == "copy"
                else self._op(name, args, dtype, () if bare else tuple(sorted(op.params.items())))
            )
        self.values[id(value)] = found

    def _argument(self, operand: Any, shape: Any, common: Any) -> int | None:
        """The number of an operand's value, converted where it is a Python number without a dtype."""
        if not isinstance(operand, View):
            number, own = (operand.value, operand.dtype) if isinstance(operand, Number) else (operand, None)
            dtype = (np.dtype(own) if own is not None else common or np.result_type(type(number))).str[1:]
            value = _typed(number.item() if isinstance(number, np.generic) else number, dtype)
            key = ("constant", repr(value), dtype)
            if key not in self.known:
                self.known[key] = self._op("constant", (), dtype, (("value", value),))
            return self.known[key]
        if operand.value.group is self.group:
            got = self.values[id(operand.value)]
        else:
            got = self._load(operand, self.group.layout_of(operand, _reading_shape(operand, self.group, shape)))
        if operand.value.weak and common is not None and operand.value.dtype != common:
            converted = ("weak", got, common.str)
            if converted not in self.known:
                self.known[converted] = self._op("astype", (got,), common.str[1:])
            return self.known[converted]
        return got

    def _load(self, operand: View, layout: Layout) -> int:
        buffer = self.memory.buffer(operand.value)
        access = Access(operand.value.dtype.str[1:], self.over(layout))
        key = (id(buffer), layout.offset, access)
        if key not in self.known:
            self.loads.append(access)
            self.sources.append(Operand(buffer, layout.offset))
            self.known[key] = -len(self.loads)
        return self.known[key]

    def _gather(self, op: FusedOp) -> int:
        source, *indices = op.operands
        params = op.params
        layout = source.layout
        shape = op.value.shape
        axes = self.group.axes_of(shape)
        assert axes is not None
        strides = [0] * len(self.group.domain)
        for axis, place in enumerate(params["places"]):
            if place >= 0 and shape[place] > 1:
                strides[axes[place]] = layout.strides[axis]
        buffer = self.memory.buffer(source.value)
        self.loads.append(Access(source.value.dtype.str[1:], self.over(Layout(0, tuple(strides)))))
        self.sources.append(Operand(buffer, layout.offset))
        number = len(self.loads) - 1
        args = tuple(self._argument(i, shape, None) for i in indices)
        details = (
            ("load", number),
            ("strides", tuple(layout.strides[a] for a in params["axes"])),
            ("sizes", tuple(source.shape[a] for a in params["axes"])),
        )
        return self._op("gather", args, op.value.dtype.str[1:], details)

    def _words(self, op: FusedOp) -> int:
        (low,) = op.operands
        self.loads.append(Access(low.value.dtype.str[1:], self.over(self.group.layout_of(low, op.value.shape))))
        self.sources.append(Operand(self.memory.buffer(low.value), low.layout.offset))
        step = low.layout.strides[op.params["axis"]] // 2
        return self._op("words", (), "i4", (("load", len(self.loads) - 1), ("step", step)))


_COMPARISONS = frozenset({"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"})


def _reading_shape(operand: View, group: FusionGroup, shape: Any) -> Any:
    """A reduction reads its operand over the whole domain."""
    return operand.shape if operand.shape == group.domain else shape


def _computing_dtype(op: FusedOp) -> Any:
    """The dtype that operands without one of their own take."""
    typed = [
        o.value.dtype if isinstance(o, View) else o.dtype
        for o in op.operands
        if (isinstance(o, View) and not o.value.weak) or isinstance(o, Number)
    ]
    if op.name in _COMPARISONS:
        numbers: list[Any] = [o for o in op.operands if not isinstance(o, View | Number)]
        weak = [o.value.dtype for o in op.operands if isinstance(o, View) and o.value.weak]
        numbers += [{"f": 0.0, "i": 0}.get(dtype.kind, False) for dtype in weak]
        return np.result_type(*typed, *numbers) if typed else np.dtype(np.float64)
    if op.name.startswith("logical") or op.value.dtype.kind == "b":
        return np.result_type(*typed) if typed else None
    return op.value.dtype


def _typed(number: Any, dtype: str) -> Any:
    """A constant as a Python number of its dtype's kind; a negative NaN as text, since kernels are told apart by `repr`."""
    if dtype[0] == "f" and math.isnan(number) and math.copysign(1, number) < 0:
        return "-nan"
    return bool(number) if dtype == "b1" else float(number) if dtype[0] == "f" else int(number)
