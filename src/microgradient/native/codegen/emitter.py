"""Writing the values of a planned kernel: what is read, computed and stored at one point of its loop nest."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..plan.kernel import Access, Op
from . import pointwise
from .ir import Function, Val
from .loop_plan import LoopPlan, dtype_of, operation
from .pairs import word, words_in_a_row
from .registers import Register, literal
from .vectors import advance, counting, gather, load, mask, memory_type, splat, store, times

Index = str | int  # an i64: a register or a number known now


class LoopContext(NamedTuple):
    """Where in the loop nest we are: the address of each array there, the loop variables, the values known so far, and within the
    vectorised loop how many vectors are worked on and how much of the last one counts (lanes, or the register of a mask)."""

    pointers: tuple[str, ...]
    indices: dict[int, Index]
    values: dict[int, list[Val]]
    vectors: int = 0
    last: int | str = 0


class Emitter:
    """Writes values into the function `f`. A value along the vectorised loop is a list of vectors, else one number."""

    def __init__(self, f: Function, plan: LoopPlan, status: int) -> None:
        self.f = f
        self.plan = plan
        self.status = status  # its place in args
        kernel = plan.kernel
        self.accesses: list[Access] = [*kernel.loads, *(a for _, a in kernel.stores)]
        self.scratch: dict[int, int] = {}
        for v, (strides, _) in plan.scratch.items():
            self.scratch[v] = len(self.accesses)
            self.accesses.append(Access(dtype_of(kernel, v), strides))

    def root(self) -> LoopContext:
        """The context outside all loops."""
        kernel = self.plan.kernel
        count = len(kernel.loads) + len(kernel.stores)
        pointers = [self.f.load_argument(i) for i in range(count)]
        for v, (_, size) in self.plan.scratch.items():
            pointers.append(self.f.alloca(memory_type(dtype_of(kernel, v)), size))
        return LoopContext(tuple(pointers), {}, {})

    def enter(self, context: LoopContext, loop: int, index: Index) -> LoopContext:
        """The context at one step of a loop."""
        pointers = []
        own_rows = len(self.accesses) - len(self.scratch)
        for number, (pointer, access) in enumerate(zip(context.pointers, self.accesses, strict=True)):
            stride = access.strides[loop] if number < own_rows or loop >= self.plan.kernel.kept else 0
            pointers.append(advance(self.f, pointer, access.dtype, times(self.f, index, stride)))
        return context._replace(
            pointers=tuple(pointers), indices={**context.indices, loop: index}, values=dict(context.values)
        )

    def enter_vectors(self, context: LoopContext, start: Index, vectors: int, last: int | str) -> LoopContext:
        """The context where some vectors of the vectorised loop are worked on, from its step `start`."""
        return self.enter(context, self.plan.kernel.vector, start)._replace(vectors=vectors, last=last)

    def compute(self, context: LoopContext, needed: Any) -> None:
        """Write these values, unless they are known."""
        for v in sorted(needed):
            if v not in context.values:
                context.values[v] = self._value(context, v)

    def active(self, context: LoopContext, u: int) -> int | str:
        """How much of vector u counts."""
        return context.last if u == context.vectors - 1 else self.plan.lanes

    def store(self, context: LoopContext, k: int) -> None:
        """Write store number k."""
        v, access = self.plan.kernel.stores[k]
        self._write(context, context.values[v], len(self.plan.kernel.loads) + k, access)

    def keep(self, context: LoopContext, v: int) -> None:
        """Write value v into its scratch row."""
        number = self.scratch[v]
        whole = context._replace(last=self.plan.lanes)  # the row has room
        self._write(whole, context.values[v], number, self.accesses[number])

    def reread(self, context: LoopContext, v: int) -> None:
        """Read value v from its scratch row."""
        context.values[v] = self._read(context._replace(last=self.plan.lanes), self.scratch[v])

    def _read(self, context: LoopContext, number: int) -> list[Val]:
        access, pointer = self.accesses[number], context.pointers[number]
        stride = access.strides[self.plan.kernel.vector]
        if not context.vectors or not stride:
            return [load(self.f, pointer, access.dtype, 0, 1)]
        found = []
        for u in range(context.vectors):
            at = advance(self.f, pointer, access.dtype, u * self.plan.lanes * stride)
            found.append(load(self.f, at, access.dtype, stride, self.plan.lanes, self.active(context, u)))
        return found

    def _write(self, context: LoopContext, values: list[Val], number: int, access: Access) -> None:
        pointer, lanes = context.pointers[number], self.plan.lanes
        stride = access.strides[self.plan.kernel.vector]
        if values[0].dtype != access.dtype:
            values = [pointwise.emit(self.f, "astype", [v], access.dtype, {}) for v in values]
        if not context.vectors or not stride:
            store(self.f, values[0], pointer, 0)
            return
        for u in range(context.vectors):
            at = advance(self.f, pointer, access.dtype, u * lanes * stride)
            one = splat(self.f, values[min(u, len(values) - 1)], lanes)
            store(self.f, one, at, stride, self.active(context, u))

    def _value(self, context: LoopContext, v: int) -> list[Val]:
        op = operation(self.plan.kernel, v)
        if op is None:
            return self._read(context, v)
        if op.name == "iota":
            return self._iota(context, dict(op.params)["loop"])
        if op.name == "gather":
            return self._gather(context, op)
        if op.name == "words":
            return self._words(context, op)
        many = context.vectors if self.plan.kernel.vector in self.plan.depends[v] else 1
        found = []
        for u in range(many):
            args = [context.values[a][min(u, len(context.values[a]) - 1)] for a in op.args]
            found.append(pointwise.emit(self.f, op.name, args, op.dtype, dict(op.params)))
        return found

    def _iota(self, context: LoopContext, loop: int) -> list[Val]:
        index = Register(self.f, Val(str(context.indices[loop]), "i8", 1))
        if loop != self.plan.kernel.vector:
            return [index.val]
        lanes = self.plan.lanes
        steps = Register(self.f, counting(lanes))
        return [(steps + (index + u * lanes)).val for u in range(context.vectors)]

    def _gather(self, context: LoopContext, op: Op) -> list[Val]:
        """An array's entries at places that index values give."""
        params, kernel = dict(op.params), self.plan.kernel
        number = params["load"]
        access, pointer = self.accesses[number], context.pointers[number]
        stride = access.strides[kernel.vector] if context.vectors else 0
        varying = any(kernel.vector in self.plan.depends[a] for a in op.args)
        if not varying:
            offset = self._offset(context, op, 0, 1)
            at = advance(self.f, pointer, access.dtype, offset.text)
            pointers = (*context.pointers[:number], at, *context.pointers[number + 1 :])
            return self._read(context._replace(pointers=pointers), number)
        found, lanes = [], self.plan.lanes
        for u in range(context.vectors):
            offset = self._offset(context, op, u, lanes)
            if stride:
                offset = offset + Register(self.f, counting(lanes)) * stride + u * lanes * stride
            found.append(gather(self.f, pointer, access.dtype, offset.val, self.active(context, u)))
        return found

    def _words(self, context: LoopContext, op: Op) -> list[Val]:
        """Two numbers of an array in each word: neighbours are read as one vector of twice as many."""
        number, step = (dict(op.params)[name] for name in ("load", "step"))
        f, access, pointer, lanes = self.f, self.accesses[number], context.pointers[number], self.plan.lanes
        stride = access.strides[self.plan.kernel.vector] if context.vectors else 0
        if lanes == 1 or (step, stride) != (1, 2):
            behind = list(context.pointers)
            behind[number] = advance(f, pointer, access.dtype, step)
            pairs = zip(
                self._read(context, number), self._read(context._replace(pointers=tuple(behind)), number), strict=True
            )
            return [word(Register(f, low), Register(f, high)).val for low, high in pairs]
        found = []
        for u in range(context.vectors):
            active = self.active(context, u)
            assert isinstance(active, int)
            at = advance(f, pointer, access.dtype, 2 * u * lanes)
            numbers = load(f, at, access.dtype, 1, 2 * lanes, 2 * active)
            found.append(words_in_a_row(Register(f, numbers)).val)
        return found

    def _offset(self, context: LoopContext, op: Op, u: int, lanes: int) -> Register:
        """Σ index · stride, with indices checked."""
        params = dict(op.params)
        total = Register(self.f, literal(0, "i8", lanes))
        wrong = Register(self.f, literal(False, "b1", lanes))
        for arg, stride, size in zip(op.args, params["strides"], params["sizes"], strict=True):
            values = context.values[arg]
            index = Register(self.f, splat(self.f, values[min(u, len(values) - 1)], lanes))
            place_of, bad = checked(index, size)
            total, wrong = total + place_of * stride, wrong | bad
        if lanes > 1:
            wrong = wrong & Register(self.f, self.counted(context, u))
        report(self.f, wrong, self.status)
        return total

    def counted(self, context: LoopContext, u: int) -> Val:
        """The lanes of vector u that count, as booleans."""
        active, lanes = self.active(context, u), self.plan.lanes
        return literal(True, "b1", lanes) if active == lanes else Val(mask(lanes, active), "b1", lanes)


def checked(index: Register, size: int) -> tuple[Register, Register]:
    """An index as int64 counted from the start, 0 where it is out of bounds, and whether it is."""
    index = index.to("i8")
    index = (index < 0).select(index + size, index)
    wrong = index.reinterpret("u8").compare("ge", size)
    return wrong.select(index.like(0), index), wrong


def report(f: Function, wrong: Register, status: int) -> None:
    """Set the status to 1 if any lane is true."""
    with f.when(wrong.any()):
        f.do(f"store i64 1, ptr {f.load_argument(status)}, align 8")
