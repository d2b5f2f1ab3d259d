"""Compiled functions of Values: traced once per signature, then run natively, with the numbers of today's cells and arguments.

>>> import microgradient as mg
>>> from microgradient.scalar import Value
>>> w = Value(3.0)
>>> def step(x, rate):
...     loss = (w * x - 1) ** 2
...     w.grad = 0
...     loss.backward()
...     w.data -= rate * w.grad
...     return loss
>>> compiled = mg.compile(step)
>>> compiled(0.5, 0.1), w.data
(Value(data=0.25, grad=1), 2.95)
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from operator import attrgetter
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from ..errors import GradientError, NonFiniteError, TraceError, format_location
from ..program.leaks import Leaks
from ..program.names import Names
from ..program.reentry import running
from ..program.retracing import Retracing
from ..scalar import Value
from ..tree import flatten
from .machine import Tape
from .program import ScalarProgram, ScalarSym
from .trace import Cell, Result, trace_values

KEPT = 64
"""How many signatures a function stays compiled for; the one not called for longest is dropped first."""


class CompiledValues:
    """The programs of a function of Values, one for each signature.

    Arguments: floats and NumPy arrays are new numbers at each call, and so are Values, whose `data` and `grad` change as they
    would without compiling. Anything else (ints, strings, None, models) belongs to the signature: other ones are traced again.
    Lists, tuples and dicts of these may be nested. What the function closes over: the `data` and `grad` of Values are read
    and written at each call; other numbers, lists or objects than when it was traced are noticed, and it is traced again. The
    entries of lists of more than 64, and of arrays of more than 16 kB, are what they were then.
    """

    def __init__(self, fn: Callable[..., Any], debug: bool, retracing: Retracing, compile: Callable[..., Any]) -> None:
        """`compile` is what makes a compiled function of the way back from a result."""
        self.fn, self.debug, self.compile = fn, debug, compile
        self.retracing = retracing
        self._made: OrderedDict[Any, Routine] = OrderedDict()
        self._closed_over: dict[int, Value] = {}  # Values that some routine knows by themselves
        self._calls = 0

    @property
    def last(self) -> Routine | None:
        """What ran last, if anything did."""
        return next(reversed(self._made.values()), None)

    def stats(self) -> dict[str, Any]:
        """Figures about the signature called last: operations as traced and as carried out, runs of equal ones, memory, times."""
        routine = next(reversed(self._made.values()))
        return {
            "operations": len(routine.traced.program.kind), "steps": routine.tape.size, "runs": len(routine.tape.runs),
            "host_calls": routine.tape.host_calls(), "memory_bytes": routine.tape.memory.nbytes,
            "trace_seconds": routine.trace_seconds, "compile_seconds": routine.compile_seconds, "cached": len(self._made),
            "programs": self.retracing.times, "calls": self._calls,
        }  # fmt: skip

    def run(self, times: int, args: tuple[Any, ...], kwargs: dict[str, Any], static: Hashable) -> Any:
        """Call the function `times` times with the same arguments, without going back to Python in between; the last result."""
        leaves: list[Any] = []
        key = (static, *self._signature(args, kwargs, leaves))
        routine = self._made.get(key)
        if routine is None or not routine.names.hold():
            changed = routine.names.changed() if routine is not None else []
            routine = Routine(self.fn, args, kwargs, self._closed_over, self.debug, self.compile)
            new = {id(v): v for v in routine.closed_over if id(v) not in self._closed_over}
            self._closed_over |= new
            if any(id(leaf) in new for leaf in leaves):  # an argument is closed over, too: trace again, knowing that
                return self.run(times, args, kwargs, static)
            self.retracing.note(leaves, args, kwargs, changed)
            dropped = self._made.pop(key, None)
            self._made[key] = routine
            if len(self._made) > KEPT:
                dropped = self._made.popitem(last=False)[1]
            if dropped is not None:  # so that Values which only that one knew can go
                self._closed_over = {id(v): v for made in self._made.values() for v in made.closed_over}
        self._made.move_to_end(key)
        self._calls += 1
        running[threading.get_ident()] = True
        return routine.run(leaves, times, args, kwargs)

    def _signature(self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any]) -> tuple[Any, ...]:
        """What a routine depends on, argument by argument; collects the leaves of the arguments on the way."""
        parts: list[Any] = []
        values: dict[int, int] = {}
        for argument in (*args, *kwargs.items()):
            part: list[Any] = []
            _describe(argument, part, leaves, values, self._closed_over)
            parts.append(tuple(part))
        return len(args), *parts


class Routine:
    """A function as it was traced for one signature, ready to run."""

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        themselves: dict[int, Value],
        debug: bool,
        compile: Callable[..., Any],
    ) -> None:
        start = time.perf_counter()
        self.fn, self.debug, self.compile = fn, debug, compile
        self.kept = args, kwargs  # alive, so that what the signature knows by its identity can't be mistaken
        self.argument_of: dict[Value, int] = {}  # a Value of the trace -> which leaf of the arguments it stands for

        def arguments(program: ScalarProgram, numbers: list[ScalarSym]) -> Any:
            leaves, rebuild = flatten((args, kwargs))
            stand_ins: dict[int, Value] = {}
            return rebuild(
                [self._stand_in(i, x, stand_ins, themselves, program, numbers) for i, x in enumerate(leaves)]
            )

        objects = [x for x in flatten((args, kwargs))[0] if not (isinstance(x, float | Value) or _is_array(x))]
        leaks = Leaks(Names(fn, objects))
        self.traced = trace_values(fn, arguments, debug)
        leaks.warn(fn, {})
        leaks.refuse(lambda x: isinstance(x, Value) and (isinstance(x.data, ScalarSym) or x in self.argument_of))
        self.names = Names(fn, objects)
        self.closed_over = {cell.value for cell in self.traced.cells} - self.argument_of.keys()
        self.trace_seconds = time.perf_counter() - start
        start = time.perf_counter()
        self._plan(Tape)
        self.compile_seconds = time.perf_counter() - start

    def _stand_in(
        self, position: int, leaf: Any, stand_ins: dict[int, Value], themselves: dict[int, Value],
        program: ScalarProgram, numbers: list[ScalarSym],
    ) -> Any:  # fmt: skip
        """What the trace gets for a leaf of the arguments: inputs instead of numbers, a new Value instead of a Value."""
        if isinstance(leaf, Value) and id(leaf) not in themselves:
            value = stand_ins.setdefault(id(leaf), Value(leaf.data, label=leaf.label))
            value.grad = leaf.grad
            self.argument_of.setdefault(value, position)
            return value
        if _is_array(leaf):
            entries = [program.input() for _ in range(leaf.size)]
            numbers.extend(entries)
            array = np.empty(leaf.size, object)
            array[:] = entries
            return array.reshape(leaf.shape)
        if isinstance(leaf, float):
            numbers.append(program.input())
            return numbers[-1]
        return leaf

    def _plan(self, tape: type[Tape]) -> None:
        """Lay out what is read into memory before a call, and what is read from it after."""
        cells, program, of = self.traced.cells, self.traced.program, self.argument_of
        slots: list[int] = []
        self._ways_back: dict[int, Callable[..., Any]] = {}
        self._varied = _Values([cell.value for cell in cells if isinstance(cell.data_before, ScalarSym)], of)
        self._results = [_taker(leaf, slots, of) for leaf in self.traced.results]
        self._writes = [_Writes(name, cells, slots, of) for name in ("data", "grad")]
        self.tape = tape(program, slots)
        self._outputs = self.tape.places(slots)
        self._truths = [k for k, slot in enumerate(slots) if program.is_truth(slot)]
        self._reads = [_Reads(name, cells, program, of) for name in ("data", "grad")]
        self._numbers = program.operands[0, [x.slot for x in self.traced.numbers]]
        moves = [
            (program.operands[0, before.slot], self.tape.places([after.slot])[0])
            for cell in cells
            for before, after in ((cell.data_before, cell.data), (cell.grad_before, cell.grad))
            if isinstance(before, ScalarSym) and isinstance(after, ScalarSym) and after is not before
        ]
        self.tape.feed_back(np.array(moves, np.int32).reshape(-1, 2).T)

    def run(self, leaves: list[Any], times: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry it out on these arguments."""
        memory = self.tape.memory
        for reads in self._reads:
            reads.fill(memory, leaves)
        self._writes[1].check(leaves)
        if len(self._numbers):
            memory[self._numbers] = list(_numbers(leaves))
        if self.debug:
            self._run_and_look(times)
        else:
            self.tape.run(times)
        out = memory[self._outputs].tolist() if len(self._outputs) else []
        for k in self._truths:
            out[k] = bool(out[k])
        made: dict[int, Value] = {}
        results = [take(out, leaves, made) for take in self._results]
        for number, result in enumerate(self.traced.results):
            if isinstance(result, Result) and result.computed:
                self._connect(made[id(result)], number, self._varied.of(leaves), args, kwargs)
        for writes in self._writes:
            writes.put(out, leaves)
        return self.traced.rebuild(results)

    def _connect(
        self, y: Value, number: int, parents: list[Value], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Let `backward()` go on from a result to the Values that it was computed from, by a program of its own."""
        if not parents:
            return
        y._first, y._children, y._name = parents[0], tuple(parents), "compiled"
        if any(writes.any() for writes in self._writes) or any(v.parents for v in self.closed_over):
            y._backward = _refuse_backward
            return
        result: Any = ref(y)
        way_back = self._ways_back.get(number) or self._way_back(number)

        def backward() -> None:
            marks = [p._cotangent for p in parents]  # of the sweep that calls this: another one may trace now
            for p in parents:
                p._cotangent = None
            try:
                found = way_back(float(result().grad), args, kwargs)
            finally:
                for p, mark in zip(parents, marks, strict=True):
                    p._cotangent = mark
            for p, contribution in zip(parents, found, strict=True):
                p.grad += contribution

        y._backward = backward

    def _way_back(self, number: int) -> Callable[..., Any]:
        """What a cotangent of a result comes to at the Values it was computed from, as a compiled function."""
        fn, varied = self.fn, self._varied

        def way_back(cotangent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
            parents = varied.of(flatten((args, kwargs))[0])
            kept = [p.grad for p in parents]
            for p in parents:
                p.grad = 0
            y = flatten(fn(*args, **kwargs))[0][number]
            (y * cotangent).backward()
            found = [p.grad for p in parents]
            for p, grad in zip(parents, kept, strict=True):
                p.grad = grad
            return found

        self._ways_back[number] = self.compile(way_back, debug=self.debug)
        return self._ways_back[number]

    def _run_and_look(self, times: int) -> None:
        for turn in range(times):
            if turn:
                self.tape.memory[self.tape.moves[0]] = self.tape.memory[self.tape.moves[1]]
            self.tape.run_with_numpy()
            slot = self.tape.first_non_finite()
            if slot is not None:
                program = self.traced.program
                assert program.places is not None
                raise NonFiniteError(
                    "MG171",
                    f"{format_location(program.places[slot])}: `{program.line(slot)}` gave {self.tape.value(slot)}, though what "
                    "it was computed from was finite.",
                )


# ----------------------------------------------------------------------------------------------- what is read before a call


def _describe(x: Any, part: list[Any], leaves: list[Any], values: dict[int, int], themselves: dict[int, Value]) -> None:
    """Add what a trace depends on of an argument to `part`, and its leaves, as `tree.flatten` finds them, to `leaves`.

    A Value is known by itself, or by the place where it is first found among the leaves.
    """
    if isinstance(x, float):
        leaves.append(x)
        part.append(float)
    elif isinstance(x, Value):
        leaves.append(x)
        part.append((Value, x if id(x) in themselves else values.setdefault(id(x), len(leaves))))
    elif isinstance(x, list | tuple):
        part.append((type(x), len(x)))
        for child in x:
            _describe(child, part, leaves, values, themselves)
    elif isinstance(x, dict):
        part.append((type(x), tuple(x)))
        for child in x.values():
            _describe(child, part, leaves, values, themselves)
    elif x is None:
        part.append(None)
    else:
        leaves.append(x)
        if isinstance(x, np.ndarray):
            part.append((np.ndarray, x.shape) if _is_array(x) else (np.ndarray, id(x)))
        else:
            part.append((type(x), id(x)) if x.__hash__ is None else (type(x), x))


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind in "biuf"


def _numbers(leaves: list[Any]) -> Iterator[float]:
    """The numbers among the leaves, those of arrays one by one."""
    for leaf in leaves:
        if isinstance(leaf, float):
            yield leaf
        elif _is_array(leaf):
            yield from leaf.ravel().tolist()


class _Reads:
    """The data or the gradients of cells that are inputs."""

    def __init__(self, name: str, cells: list[Cell], program: ScalarProgram, argument_of: dict[Value, int]) -> None:
        read = [(cell.value, getattr(cell, f"{name}_before")) for cell in cells]
        read = [(value, sym) for value, sym in read if isinstance(sym, ScalarSym)]
        self.name = name
        self.get = attrgetter(name)
        self.values = _Values([value for value, _ in read], argument_of)
        self.inputs = program.operands[0, [sym.slot for _, sym in read]]

    def fill(self, memory: NDArray[np.float64], leaves: list[Any]) -> None:
        """Copy today's numbers into memory."""
        values = self.values.of(leaves)
        if values:
            try:
                memory[self.inputs] = list(map(self.get, values))
            except (TypeError, ValueError):
                wrong = next(v for v in values if not isinstance(self.get(v), int | float | np.number))
                raise TraceError(
                    "MG219",
                    f"The {self.name} of {wrong!r} is no longer a number, as it was when the function was compiled.",
                ) from None


class _Values:
    """Values of a trace, and which they are in a call: those that stand for arguments change."""

    def __init__(self, values: list[Value], argument_of: dict[Value, int]) -> None:
        self.values = values
        self.positions = [(k, argument_of[v]) for k, v in enumerate(values) if v in argument_of]

    def of(self, leaves: list[Any]) -> list[Value]:
        """The Values of this call."""
        if not self.positions:
            return self.values
        values = list(self.values)
        for k, position in self.positions:
            values[k] = leaves[position]
        return values


# ------------------------------------------------------------------------------------------------- what is written after a call


class _Writes:
    """The data or the gradients of cells that the function changed."""

    def __init__(self, name: str, cells: list[Cell], slots: list[int], argument_of: dict[Value, int]) -> None:
        changed = [cell for cell in cells if getattr(cell, name) is not getattr(cell, f"{name}_before")]
        computed = [cell for cell in changed if isinstance(getattr(cell, name), ScalarSym)]
        others = [cell for cell in changed if not isinstance(getattr(cell, name), ScalarSym)]
        self.name = name
        self.values = _Values([cell.value for cell in computed], argument_of)
        self.others = _Values([cell.value for cell in others], argument_of)
        self.contents = [getattr(cell, name) for cell in others]
        self.part = slice(len(slots), len(slots) + len(computed))
        slots.extend(getattr(cell, name).slot for cell in computed)

    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.values.values or self.others.values)

    def check(self, leaves: list[Any]) -> None:
        """Refuse arguments whose graph the gradients would have to follow."""
        for _, position in self.values.positions:
            if leaves[position].parents:
                raise GradientError(
                    "MG215",
                    f"The argument {leaves[position]!r} was computed from other Values, and the function changes its gradient: "
                    "`backward()` would have to go on into their graph, which a compiled function can't. Compute it inside, or "
                    "pass `Value(v.data)`.",
                )

    def put(self, out: list[Any], leaves: list[Any]) -> None:
        """Write what a call computed."""
        name = self.name
        for value, x in zip(self.values.of(leaves), out[self.part], strict=True):
            setattr(value, name, x)
        for value, x in zip(self.others.of(leaves), self.contents, strict=True):
            setattr(value, name, x)


def _taker(leaf: Any, slots: list[int], argument_of: dict[Value, int]) -> Callable[[list[Any], list[Any], Any], Any]:
    """A function of (out, leaves, made) that gives a leaf of the result; adds what it needs of `out` to `slots`."""
    if isinstance(leaf, ScalarSym):
        slots.append(leaf.slot)
        at = len(slots) - 1
        return lambda out, leaves, made: out[at]
    if isinstance(leaf, Result):
        data, grad = (_taker(x, slots, argument_of) for x in (leaf.data, leaf.grad))

        def take_value(out: list[Any], leaves: list[Any], made: dict[int, Value]) -> Value:
            value = made.get(id(leaf))
            if value is None:
                value = made[id(leaf)] = Value(data(out, leaves, made), label=leaf.label)
                value.grad = grad(out, leaves, made)
            return value

        return take_value
    if isinstance(leaf, Value) and leaf in argument_of:
        position = argument_of[leaf]
        return lambda out, leaves, made: leaves[position]
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        takers = [_taker(x, slots, argument_of) for x in leaf.ravel()]
        kind = float if all(isinstance(x, ScalarSym | float) for x in leaf.ravel()) else object

        def take_array(out: list[Any], leaves: list[Any], made: dict[int, Value]) -> Any:
            array = np.empty(len(takers), kind)
            array[:] = [take(out, leaves, made) for take in takers]
            return array.reshape(leaf.shape)

        return take_array
    return lambda out, leaves, made: leaf


def _refuse_backward() -> None:
    raise GradientError(
        "MG210",
        "backward() reached a result of a compiled function that changes the `data` or `grad` of Values, or closes over Values "
        "computed from others: it can't go back through it. Call `backward()` inside the compiled function.",
    )
