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
from ..program.capture import refuse_hidden
from ..program.meeting_values import put_on_value, traces_values, value_lock
from ..program.trace import Trace, tracing_with
from ..scalar import Value
from ..scalar_world import SCALAR
from ..tape import next_seq
from ..trace_hooks import collection_paused
from ..tree import flatten
from .program import TRACED, ScalarProgram, ScalarSym


class Cell:
    """A Value that existed before the trace: what the function read there first, and what is there now.

    UNSEEN is what it did not look at. Numbers that were read are inputs.
    """

    __slots__ = ("data", "data_before", "grad", "grad_before", "value")

    def __init__(self, value: Value) -> None:
        self.value = value
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

    `numbers` are the inputs that arguments fill, in the order of the arguments' leaves. `results` are the leaves of what was
    returned: ScalarSyms, Results, arrays of them, or anything else as it is; `rebuild` puts new leaves in their places.
    """

    def __init__(self, program: ScalarProgram) -> None:
        self.program = program
        self.cells: list[Cell] = []
        self.numbers: list[ScalarSym] = []
        self.results: list[Any] = []
        self.rebuild: Callable[[list[Any]], Any] = lambda leaves: None


UNSEEN: Any = object()


def trace_values(
    fn: Callable[..., Any], arguments: Callable[[ScalarProgram, list[ScalarSym]], Any], keep_places: bool = False
) -> Traced:
    """Run `fn` once on ScalarSyms. `arguments(program, numbers)` makes its (args, kwargs) and adds their inputs to `numbers`."""
    with value_lock:
        traced = Traced(ScalarProgram(keep_places))
        args, kwargs = arguments(traced.program, traced.numbers)
        try:
            with collection_paused(), tracing_with(_NoTensors()), _traced_values(traced.program) as cells:
                start = next_seq()
                traced.results, traced.rebuild = _results(fn(*args, **kwargs), start)
            traced.cells = list(cells.values())
            for cell in traced.cells:
                cell.settle(traced.program)
        finally:
            traced.program.close()
        return traced


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
def _traced_values(program: ScalarProgram) -> Iterator[dict[Value, Cell]]:
    """Let Values record into `program`; yields the cells, which fill as the function meets them."""
    cells: dict[Value, Cell] = {}
    me, start = threading.get_ident(), next_seq()
    changed = _methods() | {name: _attribute(name, cells, program, me, start) for name in ("data", "grad")}
    kept = {name: vars(Value)[name] for name in changed}
    try:
        put_on_value(changed)
        vars(scalar)["SCALAR"] = TRACED
        yield cells
    finally:
        vars(scalar)["SCALAR"] = SCALAR
        put_on_value(kept)


def _attribute(name: str, cells: dict[Value, Cell], program: ScalarProgram, me: int, start: int) -> property:
    """`Value.data` or `Value.grad` during a trace; Values with a lower `seq` than `start` existed before."""
    slot: Any = vars(Value)[name]
    get, put, look = slot.__get__, slot.__set__, operator.attrgetter(name)

    def read(v: Value) -> Any:
        if v.seq > start or not traces_values(me):
            return get(v)
        cell = cells.get(v)
        if cell is None:
            cell = cells[v] = Cell(v)
        x = look(cell)
        if x is UNSEEN:
            x = get(v)
            if isinstance(x, int | float):
                x = program.input()
            setattr(cell, name, x)
            setattr(cell, f"{name}_before", x)
        return x

    def write(v: Value, x: Any) -> None:
        if v.seq > start or not traces_values(me):
            put(v, x)
        else:
            setattr(cells.get(v) or cells.setdefault(v, Cell(v)), name, x)

    return property(read, write)


def _power(self: Value, other: Any) -> Any:
    """`Value.__pow__`. The row that eager Values take for powers that are NaN gives the same numbers as this one."""
    if not isinstance(other, int | float) and not (isinstance(other, np.generic) and np.isrealobj(other)):
        return _pow(self, other)
    exponent = other.item() if isinstance(other, np.generic) else other
    out = Value(TRACED.pow(self.data, exponent))
    out.op = scalar._power(exponent, isinstance(out.data, ScalarSym) or out.data == out.data)
    out._first = self
    return out


def _comparison(sign: Callable[[Any, Any], Any]) -> Callable[[Value, Any], Any]:
    """A comparison of Values whose result stays a traced number."""
    return lambda self, other: sign(self.data, other.data if isinstance(other, Value) else other)


def _method(name: str, primitive: str) -> Any:
    if len(TABLE[primitive].maps) == 1:
        return scalar.unary(primitive, TRACED, TracedValue)
    return scalar.binary(primitive, name.startswith("__r"), TRACED, TracedValue)


_pow = scalar.binary("pow", xp=TRACED, cls=TracedValue)


def _methods() -> dict[str, Any]:
    """What of the class Value calculates, on numbers of this world."""
    rows = {name: getattr(method, "__name__", "") for name, method in vars(Value).items() if callable(method)}
    return {name: _method(name, row) for name, row in rows.items() if row in TABLE and name != "pow"} | {
        "__pow__": _power,
        "__lt__": _comparison(operator.lt), "__le__": _comparison(operator.le),
        "__gt__": _comparison(operator.gt), "__ge__": _comparison(operator.ge),
    }  # fmt: skip
