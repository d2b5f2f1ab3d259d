"""Tracing a function of Values: it runs once, with ScalarSyms in the place of floats, and leaves a ScalarProgram.

Values that existed before are cells: the first time that the function reads the `data` or the `grad` of one, it becomes an
input of the program, read anew at each call; what the function writes there is written back after each call. Values made
meanwhile from plain numbers are constants. `backward()` is the ordinary sweep with the rulebook's maps, whose `xp` is TRACED.

For the time of a trace the class Value has other operators, and other attributes `data` and `grad`, so that eager Values pay
nothing for being traceable. Values of other threads keep working meanwhile: the operators treat plain numbers as ever, and
only the tracing thread sees the cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import scalar
from ..errors import TraceError, format_location, user_location
from ..primitives import TABLE
from ..program.capture import ARRAY, FLOAT, VALUE, refuse_hidden
from ..program.leaks import Leaks
from ..program.meeting_values import value_lock, watching_values
from ..program.trace import Trace, tracing_with
from ..scalar import Value
from ..scalar_world import SCALAR
from ..tape import next_seq
from ..tree import flatten
from .program import TRACED, ScalarProgram, ScalarSym


class Cell:
    """A Value that existed before the trace: what the function read there first, and what is there now.

    UNSEEN is what it did not look at. Numbers that were read are inputs. `argument` is the number of the argument that the
    Value stands for, None for one that the function closes over.
    """

    __slots__ = ("argument", "data", "data_before", "grad", "grad_before", "value")

    def __init__(self, value: Any, argument: int | None) -> None:
        self.value: Any = value
        self.argument: Any = argument
        self.data: Any = UNSEEN
        self.data_before: Any = UNSEEN
        self.grad: Any = UNSEEN
        self.grad_before: Any = UNSEEN

    def settle(self, program: ScalarProgram) -> None:
        """Make constants of the program of plain numbers that were written."""
        for name in ("data", "grad"):
            x = getattr(self, name)
            if isinstance(x, int | float):
                setattr(self, name, program.constant(x))


class TracedValue(Value):
    """A Value that an operation makes during a trace: its `data` and `grad` are slots, as those of any Value at other times."""

    __slots__ = ()
    data, grad = vars(Value)["data"], vars(Value)["grad"]


class Result(Cell):
    """A Value among the results: a new one in each call, whose number as an argument counts on from those there are."""

    __slots__ = ("computed", "label")

    def __init__(self, value: Value, argument: int) -> None:
        super().__init__(None, argument)
        self.data, self.grad, self.label, self.computed = value.data, value.grad, value.label, bool(value.parents)


class Traced:
    """What a trace found: the program, the cells it reads and writes, the inputs for argument numbers, and the results.

    `numbers` are the inputs that arguments fill, in the order of the arguments' leaves; `arguments` says which argument a Value
    of the trace stands for. `results` are the leaves of what was returned: ScalarSyms, Results, arrays of them, or anything else
    as it is; `rebuild` puts new leaves in their places. `new` are the Results, `effects` the cells that were changed.
    """

    sources = ()  # no arrays: those are numbers, one by one

    def __init__(self, leaves: list[Any], kinds: list[int], keep_places: bool) -> None:
        self.program = ScalarProgram(keep_places)
        self.effects: list[Cell] = []
        self.numbers: list[ScalarSym] = []
        self.arguments: dict[Value, int] = {}
        self.cells: dict[Value, Cell] = {}
        self.new: list[Result] = []
        stand_ins: dict[int, Value] = {}
        self.leaves = [self._stand_in(n, *leaf, stand_ins) for n, leaf in enumerate(zip(leaves, kinds, strict=True))]
        self.start = next_seq()  # Values with a lower `seq` existed before
        self.results: list[Any] = []
        self.rebuild: Callable[[list[Any]], Any] = lambda leaves: None

    def read(self, name: str, get: Callable[[Value], Any], v: Value) -> Any:
        """The `data` or `grad` of a Value, as the function finds it."""
        if v.seq > self.start:
            return get(v)
        cell = self.cells.get(v) or self._cell(v)
        x = getattr(cell, name)
        if x is UNSEEN:
            x = get(v)
            if isinstance(x, int | float):
                x = self.program.input()
            setattr(cell, name, x)
            setattr(cell, f"{name}_before", x)
        return x

    def write(self, name: str, put: Callable[[Value, Any], None], v: Value, x: Any) -> None:
        """Set the `data` or `grad` of a Value: of one from before, in its cell."""
        if v.seq > self.start:
            put(v, x)
        else:
            setattr(self.cells.get(v) or self._cell(v), name, x)

    def _cell(self, v: Value) -> Cell:
        return self.cells.setdefault(v, Cell(v, self.arguments.get(v)))

    def _stand_in(self, number: int, leaf: Any, kind: int, stand_ins: dict[int, Value]) -> Any:
        """What the function gets for an argument: inputs instead of numbers, a new Value instead of a Value."""
        if kind == VALUE:
            value = stand_ins.setdefault(id(leaf), Value(leaf.data, label=leaf.label))
            value.grad = leaf.grad
            self.arguments.setdefault(value, number)
            return value
        if kind not in (FLOAT, ARRAY):
            return leaf
        entries = np.empty(np.size(leaf), object)
        entries[:] = inputs = [self.program.input() for _ in range(entries.size)]
        self.numbers += inputs
        return entries.reshape(leaf.shape) if kind == ARRAY else inputs[0]

    def take(self, leaf: Any, seen: dict[Value, Result]) -> Any:
        """A leaf of the result, read while the trace is still on. A Value from before is returned itself."""
        if isinstance(leaf, Value) and leaf.seq > self.start:
            return seen.get(leaf) or seen.setdefault(leaf, Result(leaf, len(self.leaves) + len(seen)))
        if isinstance(leaf, np.ndarray) and leaf.dtype == object:
            array = np.empty(leaf.size, object)
            array[:] = [self.take(entry, seen) for entry in leaf.ravel()]
            return array.reshape(leaf.shape)
        if not isinstance(leaf, Value | ScalarSym):
            refuse_hidden(leaf, lambda x: isinstance(x, Value) and x.seq > self.start)
        return leaf

    def close(self) -> None:
        """The trace is over: see what was written."""
        for cell in self.cells.values():
            cell.settle(self.program)
            if cell.data is not cell.data_before or cell.grad is not cell.grad_before:
                self.effects.append(cell)
        self.program.close()


UNSEEN: Any = object()


def trace_values(
    fn: Callable[..., Any], leaves: list[Any], kinds: list[int], rebuild: Any, leaks: Leaks, keep_places: bool = False
) -> tuple[Traced, Trace]:
    """Run `fn` once on ScalarSyms in the place of the numbers among its arguments."""
    with value_lock:
        traced = Traced(leaves, kinds, keep_places)
        trace = _NoTensors(traced)
        args, options = rebuild(traced.leaves)
        try:
            with tracing_with(trace), watching_values(traced.read, traced.write, _methods()):
                vars(scalar)["SCALAR"] = TRACED
                found, traced.rebuild = flatten(fn(*args, **options))
                seen: dict[Value, Result] = {}
                traced.results = [traced.take(leaf, seen) for leaf in found]
                traced.new = [*seen.values()]
            leaks.refuse(lambda x: isinstance(x, Value) and (isinstance(x.data, ScalarSym) or x in traced.arguments))
        finally:
            vars(scalar)["SCALAR"] = SCALAR
            traced.close()
        return traced, trace


class _NoTensors(Trace):
    """What tensors meet in a function of Values."""

    def __init__(self, traced: Traced) -> None:
        super().__init__({})
        self._traced = traced

    def closed_over(self) -> frozenset[int]:
        return frozenset(id(cell.value) for cell in self._traced.cells.values() if cell.argument is None)

    def _refuse_tensors(self, *args: Any, **options: Any) -> Any:
        raise TraceError(
            "MG214",
            f"{format_location(user_location())}: this function uses both Values and tensors. A compiled function works with one "
            "kind: make two functions of it, or use tensors throughout.",
        )

    emit = input = reference = host = known = draw = read_data = write_data = read_grad = write_grad = _refuse_tensors
    optimizer = _refuse_tensors


def _method(name: str, primitive: str) -> Any:
    if len(TABLE[primitive].maps) == 1:
        return scalar.unary(primitive, TRACED, TracedValue)
    return scalar.binary(primitive, name.startswith("__r"), TRACED, TracedValue)


def _methods() -> dict[str, Any]:
    """What of the class Value calculates, on numbers of this world."""
    rows = {name: getattr(method, "__name__", "") for name, method in vars(Value).items() if callable(method)}
    return {name: _method(name, row) for name, row in rows.items() if row in TABLE and name != "pow"}
