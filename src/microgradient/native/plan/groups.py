"""The kinds of group, each of which knows what it reads and becomes a launch: of a kernel, or of NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...program.program import Instruction
from ..lower.views import Layout, Step, broadcast, dense, indexed_shape, resolve
from .fusion_group import COLUMNS, FusionGroup
from .kernel import Access, ContractionKernel, DrawKernel, FlatKernel, RowKernel, ScanKernel, ScatterKernel
from .kernel_body import KernelBody
from .launch import Launch, Operand
from .memory import Memory
from .values import BufferValue, Group, View


class RowGroup(FusionGroup):
    """Elementwise operations and reductions, gathers and copies."""

    def reducible(self, axes: frozenset[int], itemsize: int) -> bool:
        """Whether a reduction of values of the group can join it. The reduced axes must be the innermost of the group in memory,
        but for one kept axis of whole vectors if the first cache holds what is reduced at a time."""
        if self.reduced:
            return self.reduced == axes
        domain = self.domain
        long = [a for a in self.order if domain[a] > 1]
        if long and long[-1] not in axes:
            kept = long.pop()
            at_once = math.prod(domain[a] for a in axes) * domain[kept] * itemsize
            if (
                (at_once > COLUMNS and domain[kept] * itemsize > 1024)
                or domain[kept] * itemsize % 64
                or math.prod(domain) * itemsize < 8 * at_once
            ):
                return False
        count = sum([a in axes for a in long])
        return count > 0 and all(a in axes for a in long[len(long) - count :])

    def related(self, operand: Any) -> bool:
        """Whether an operand comes from the group or is read by it."""
        if not isinstance(operand, View):
            return False
        if operand.value.group is self:
            return True
        return len(self.ops) <= 24 and any(o.value is operand.value for op in self.ops for o in op.views)

    def launch(self, memory: Memory) -> Launch:
        """One loop nest, or a flat loop where all arrays allow it."""
        loops = [a for a in self.order if a not in self.reduced and self.domain[a] != 1]
        inner = [a for a in self.order if a in self.reduced and self.domain[a] != 1]
        nest: list[int | None] = [*loops, *inner] or [None]
        body = KernelBody(self, lambda layout: tuple([0 if a is None else layout.strides[a] for a in nest]), memory)
        loads, ops, stores, operands = body.written()
        shape = tuple([1 if a is None else self.domain[a] for a in nest])
        if not self.reduced and (flat := _flat(shape, loads, ops, stores)) is not None:
            return Launch(flat, operands, self, math.prod(shape))
        innermost = next((a for a in reversed(self.order) if a in loops or a in inner), None)
        spec = RowKernel(shape, len(shape) - len(inner), nest.index(innermost), loads, ops, stores)
        return Launch(spec, operands, self)


class ContractionGroup(FusionGroup):
    """A contraction, and operations on its result as it is stored."""

    excluded = frozenset({"gather", "iota", "words"})
    a_labels: str
    b_labels: str
    batch: str  # the labels of each loop, in order
    rows: str
    columns: str
    depth: str
    out: str
    pairs = False  # of numbers of 16 bits

    def launch(self, memory: Memory) -> Launch:
        """The product, and what is done with its tiles."""
        axes = [self.out.index(label) for label in self.batch + self.rows + self.columns]
        body = KernelBody(self, lambda layout: tuple([layout.strides[a] for a in axes]), memory, first=1)
        loads, ops, stores, operands = body.written()
        a, b = self.inputs
        sums = self.ops[0].value.dtype.str[1:]
        sizes = dict(zip(self.a_labels + self.b_labels, (*a.shape, *b.shape), strict=True))
        batch, rows, columns, depth = (
            tuple([sizes[label] for label in labels]) for labels in (self.batch, self.rows, self.columns, self.depth)
        )
        spec = ContractionKernel(
            batch, rows, columns, depth,
            Access(_code(a), _strides_over(a.layout, self.a_labels, self.batch + self.rows + self.depth)),
            Access(_code(b), _strides_over(b.layout, self.b_labels, self.batch + self.columns + self.depth)),
            loads, ops, stores, "" if sums[0] == "f" else sums, self.pairs,
        )  # fmt: skip
        return Launch(spec, (*map(memory.operand, self.inputs), *operands), self)


@dataclass(eq=False)
class SingleGroup(Group):
    """A kernel that no other operation joins; `make` describes its launch when memory is known."""

    number: int
    inputs: list[View]
    make: Callable[[Memory, Group], Launch]

    def launch(self, memory: Memory) -> Launch:
        """Its kernel."""
        return self.make(memory, self)


def scatter(inputs: list[View], target: BufferValue, params: dict[str, Any], memory: Memory, group: Group) -> Launch:
    """Values (the first input) added to zeros, or set in a copy that is `target` already, where index arrays say."""
    value, *indices = inputs
    shape = value.shape
    sizes = indexed_shape(target.shape, params["key"])
    at = resolve(target.layout, target.shape, [Step("index", sizes, {"key": params["key"]})])
    assert at is not None
    strides = [0] * len(shape)
    for axis, place in enumerate(params["places"]):
        if place >= 0:
            strides[place] = at.strides[axis]
    spec = ScatterKernel(
        shape or (1,), Access(_code(value), value.layout.strides or (0,)),
        tuple([Access(_code(r), broadcast(r.layout, r.shape, shape).strides or (0,)) for r in indices]),
        Access(target.dtype.str[1:], tuple(strides) or (0,)),
        tuple([at.strides[a] for a in params["axes"]]), tuple([sizes[a] for a in params["axes"]]), params["add"],
    )  # fmt: skip
    return Launch(spec, (*map(memory.operand, inputs), Operand(memory.buffer(target), at.offset)), group)


def scan(inputs: list[View], value: View, params: dict[str, Any], memory: Memory, group: Group) -> Launch:
    """A running sum or product, or a recurrence: a loop along the axis for each place of the others."""
    shape, axis, views = value.shape, params["axis"], [*inputs, value]
    loops = [*(a for a in range(len(shape)) if a != axis), axis]
    *read, output = (Access(_code(value), tuple([v.layout.strides[a] for a in loops])) for v in views)
    spec = ScanKernel(tuple([shape[a] for a in loops]), params["name"], tuple(read), output)
    return Launch(spec, tuple(map(memory.operand, views)), group)


def draw(spec: DrawKernel, state: BufferValue, entry: int, value: View, memory: Memory, group: Group) -> Launch:
    """Random numbers; `entry` is where in the state their seed and counter are."""
    return Launch(spec, (Operand(memory.buffer(state), entry), memory.operand(value)), group)


@dataclass(eq=False)
class HostCall(Group):
    """A call of NumPy; it is its own launch."""

    number: int
    instruction: Instruction
    args: Sequence[Any]  # views, and what is passed as it is
    value: BufferValue

    def __post_init__(self) -> None:
        self.inputs = [o for o in self.args if isinstance(o, View)]

    @property
    def name(self) -> str:
        """NumPy's name, or the primitive's."""
        i = self.instruction
        return str(i.params.get("name", "host")) if i.op == "host" else str(i.op)

    def launch(self, memory: Memory) -> HostCall:
        """The same, with all that it needs in memory."""
        for view in self.inputs:
            memory.buffer(view.value)
        if self.instruction.shape is not None:
            memory.buffer(self.value)
        return self

    @property
    def buffers(self) -> list[Any]:
        """All memory that it reads or writes."""
        values = [*(view.value for view in self.inputs), self.value]
        return [value.buffer for value in values if value.buffer is not None]

    @property
    def group(self) -> HostCall:
        """What it was made from."""
        return self

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"NumPy's {self.name}"

    flops = bytes_moved = 0  # nobody knows


def _code(view: View) -> str:
    return view.value.dtype.str[1:]


def _strides_over(layout: Layout, labels: str, loops: str) -> tuple[int, ...]:
    """The strides of an operand over these loops; 0 where it does not have the label."""
    return tuple([layout.strides[labels.index(c)] if c in labels else 0 for c in loops])


def _flat(shape: tuple[int, ...], loads: Any, ops: Any, stores: Any) -> FlatKernel | None:
    """The kernel as a flat one, if all of its arrays have the same dense layout in memory, or are single numbers."""
    n = math.prod(shape)
    if n <= 1 or any(op.name in ("iota", "gather", "words") or op.name.startswith("reduce_") for op in ops):
        return None
    natural = tuple([s if m > 1 else 0 for s, m in zip(dense(shape), shape, strict=True)])

    def flattened(access: Access) -> Access | None:
        if not any(access.strides):
            return Access(access.dtype, (0,))
        return Access(access.dtype, (1,)) if access.strides == natural else None

    new_loads = tuple([flattened(a) for a in loads])
    new_stores = tuple([(v, flattened(a)) for v, a in stores])
    if any(a is None for a in new_loads) or any(a is None or a.strides == (0,) for _, a in new_stores):
        return None
    return FlatKernel(new_loads, ops, new_stores)  # type: ignore[arg-type]
