"""Tracing a function of Values: it runs once, with ScalarSyms in the place of floats, and leaves a ScalarProgram.

Values that existed before are cells: the first time that the function reads the `data` or the `grad` of one, it becomes an
input of the program, read anew at each call; what the function writes there is written back after each call. Values made
meanwhile from plain numbers are constants. `backward()` is the ordinary sweep with the rulebook's maps, whose `xp` is TRACED.

For the time of a trace the class Value has other operators, and other attributes `data` and `grad`, so that eager Values pay
nothing for being traceable. Values of other threads keep working meanwhile: the operators treat plain numbers as ever, and
only the tracing thread sees the cells.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import scalar
from ..errors import TraceError, format_location, user_location
from ..primitives import TABLE
from ..program.capture import ARRAY, FLOAT, VALUE, refuse_hidden
from ..program.leaks import Leaks
from ..program.meeting_values import put_on_value, traces_values, value_lock
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

    def __init__(self, value: Value, argument: int | None) -> None:
        self.value, self.argument = value, argument
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


class Result:
    """A Value among the results: its number, its gradient, its label, and whether it was computed from others."""

    __slots__ = ("computed", "data", "grad", "label")

    def __init__(self, value: Value) -> None:
        self.data, self.grad, self.label, self.computed = value.data, value.grad, value.label, bool(value.parents)


class Traced:
    """What a trace found: the program, the cells it reads and writes, the inputs for argument numbers, and the results.

    `numbers` are the inputs that arguments fill, in the order of the arguments' leaves; `arguments` says which argument a Value
    of the trace stands for. `results` are the leaves of what was returned: ScalarSyms, Results, arrays of them, or anything else
    as it is; `rebuild` puts new leaves in their places. `effects` are the cells that were changed.
    """

    sources = ()  # no arrays: those are numbers, one by one

    def __init__(self, leaves: list[Any], kinds: list[int], keep_places: bool) -> None:
        self.program = ScalarProgram(keep_places)
        self.cells: list[Cell] = []
        self.effects: list[Cell] = []
        self.numbers: list[ScalarSym] = []
        self.arguments: dict[Value, int] = {}
        self._stand_ins: dict[int, Value] = {}
        self.leaves = [self._stand_in(n, x, kind) for n, (x, kind) in enumerate(zip(leaves, kinds, strict=True))]
        self.results: list[Any] = []
        self.rebuild: Callable[[list[Any]], Any] = lambda leaves: None

    def _stand_in(self, number: int, leaf: Any, kind: int) -> Any:
        """What the function gets for an argument: inputs instead of numbers, a new Value instead of a Value."""
        if kind == VALUE:
            value = self._stand_ins.setdefault(id(leaf), Value(leaf.data, label=leaf.label))
            value.grad = leaf.grad
            self.arguments.setdefault(value, number)
            return value
        if kind not in (FLOAT, ARRAY):
            return leaf
        entries = np.empty(np.size(leaf), object)
        entries[:] = inputs = [self.program.input() for _ in range(entries.size)]
        self.numbers += inputs
        return entries.reshape(leaf.shape) if kind == ARRAY else inputs[0]


UNSEEN: Any = object()


def trace_values(
    fn: Callable[..., Any], leaves: list[Any], kinds: list[int], rebuild: Any, leaks: Leaks, keep_places: bool = False
) -> tuple[Traced, Trace]:
    """Run `fn` once on ScalarSyms in the place of the numbers among its arguments."""
    with value_lock:
        traced, trace = Traced(leaves, kinds, keep_places), _NoTensors()
        args, options = rebuild(traced.leaves)
        try:
            with tracing_with(trace), _traced_values(traced) as cells:
                start = next_seq()
                traced.results, traced.rebuild = _results(fn(*args, **options), start)
            leaks.refuse(lambda x: isinstance(x, Value) and (isinstance(x.data, ScalarSym) or x in traced.arguments))
            traced.cells = list(cells.values())
            for cell in traced.cells:
                cell.settle(traced.program)
            traced.effects = [c for c in traced.cells if c.data is not c.data_before or c.grad is not c.grad_before]
        finally:
            traced.program.close()
        return traced, trace


class _NoTensors(Trace):
    """What tensors meet in a function of Values."""

    def __init__(self) -> None:
        super().__init__({})

    def _refuse_tensors(self, *args: Any, **options: Any) -> Any:
        raise TraceError(
            "MG214",
            f"{format_location(user_location())}: this function uses both Values and tensors. A compiled function works with one "
            "kind: make two functions of it, or use tensors throughout.",
        )

    emit = input = reference = host = known = draw = read_data = write_data = read_grad = write_grad = _refuse_tensors
    optimizer = _refuse_tensors


def _results(value: Any, start: int) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    leaves, rebuild = flatten(value)
    seen: dict[int, Result] = {}
    return [_result(leaf, start, seen) for leaf in leaves], rebuild


def _result(leaf: Any, start: int, seen: dict[int, Result]) -> Any:
    """A leaf of the result, read while the trace is still on. A Value from before is returned itself."""
    if isinstance(leaf, Value) and leaf.seq > start:
        return seen.get(id(leaf)) or seen.setdefault(id(leaf), Result(leaf))
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        array = np.empty(leaf.size, object)
        array[:] = [_result(entry, start, seen) for entry in leaf.ravel()]
        return array.reshape(leaf.shape)
    if not isinstance(leaf, Value | ScalarSym):
        refuse_hidden(leaf, lambda x: isinstance(x, Value) and x.seq > start)
    return leaf


# ----------------------------------------------------------------------------------------- the class Value, while a trace is on


@contextmanager
def _traced_values(traced: Traced) -> Iterator[dict[Value, Cell]]:
    """Let Values record into the program; yields the cells, which fill as the function meets them."""
    cells: dict[Value, Cell] = {}
    me, start = threading.get_ident(), next_seq()
    changed = _methods() | {name: _attribute(name, cells, traced, me, start) for name in ("data", "grad")}
    kept = {name: vars(Value)[name] for name in changed}
    try:
        put_on_value(changed)
        vars(scalar)["SCALAR"] = TRACED
        yield cells
    finally:
        vars(scalar)["SCALAR"] = SCALAR
        put_on_value(kept)


def _attribute(name: str, cells: dict[Value, Cell], traced: Traced, me: int, start: int) -> property:
    """`Value.data` or `Value.grad` during a trace; Values with a lower `seq` than `start` existed before."""
    slot: Any = vars(Value)[name]
    get, put, look = slot.__get__, slot.__set__, operator.attrgetter(name)

    def cell_of(v: Value) -> Cell:
        return cells.get(v) or cells.setdefault(v, Cell(v, traced.arguments.get(v)))

    def read(v: Value) -> Any:
        if v.seq > start or not traces_values(me):
            return get(v)
        cell = cell_of(v)
        x = look(cell)
        if x is UNSEEN:
            x = get(v)
            if isinstance(x, int | float):
                x = traced.program.input()
            setattr(cell, name, x)
            setattr(cell, f"{name}_before", x)
        return x

    def write(v: Value, x: Any) -> None:
        if v.seq > start or not traces_values(me):
            put(v, x)
        else:
            setattr(cell_of(v), name, x)

    return property(read, write)


def _method(name: str, primitive: str) -> Any:
    if len(TABLE[primitive].maps) == 1:
        return scalar.unary(primitive, TRACED, TracedValue)
    return scalar.binary(primitive, name.startswith("__r"), TRACED, TracedValue)


def _methods() -> dict[str, Any]:
    """What of the class Value calculates, on numbers of this world."""
    rows = {name: getattr(method, "__name__", "") for name, method in vars(Value).items() if callable(method)}
    return {name: _method(name, row) for name, row in rows.items() if row in TABLE and name != "pow"}
