"""A compiled function of Values for one signature: its program runs natively, on the numbers of today's cells and arguments.

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

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any
from weakref import ref

import numpy as np

from ..errors import GradientError, NonFiniteError, TraceError, format_location
from ..program.capture import ARRAY, FLOAT
from ..program.guards import Guards
from ..scalar import Value
from ..tree import flatten
from .machine import Tape
from .program import ScalarSym
from .trace import Cell, Result, Traced


class ValueSpecialization:
    """A program of numbers for one signature of a function of Values: `prepare`, then `run`, as that of tensors.

    Arguments: floats and NumPy arrays are new numbers at each call, and so are Values, whose `data` and `grad` change as they
    would without compiling. Anything else belongs to the signature. The `data` and `grad` of Values that the function closes
    over are read and written at each call.
    """

    changes_arguments = False  # by another name than their own

    def __init__(
        self, traced: Traced, kinds: list[int], guards: Guards, function: Any, rebuild: Any, compile: Callable[..., Any]
    ) -> None:
        """`rebuild` makes the arguments of `function` of leaves; `compile` makes a compiled function of the way back."""
        self.traced, self.kinds, self.guards = traced, kinds, guards
        self.program, self.function, self.rebuild, self.compile = traced.program, function, rebuild, compile
        self.statics: list[Any] = []
        self.witness: Any = None
        self.loops = self.program.places is None  # whether a run can follow a run without Python: not if it is debugged
        slots: list[int] = []
        self._ways_back: dict[int, Callable[..., Any]] = {}
        self._varied = _Values([cell for cell in traced.cells.values() if isinstance(cell.data_before, ScalarSym)])
        self._results = [_taker(leaf, slots, traced.arguments) for leaf in traced.results]
        changed: list[Cell] = [*traced.effects, *traced.new]
        self._writes = [write for name in ("data", "grad") for write in _writes(name, changed, slots)]
        self._new_grads = [c.argument for c in traced.effects if c.grad is not c.grad_before and c.argument is not None]
        moves = [
            (before.slot, after.slot)
            for cell in traced.effects
            for before, after in ((cell.data_before, cell.data), (cell.grad_before, cell.grad))
            if isinstance(before, ScalarSym) and isinstance(after, ScalarSym) and after is not before
        ]
        self.executable = Tape(self.program, slots, moves)
        self._outputs = self.executable.places(slots)
        self._truths = [k for k, slot in enumerate(slots) if self.program.is_truth(slot)]
        self._reads = [read for name in ("data", "grad") for read in self._reads_of(name)]
        self._numbers = self.executable.places(x.slot for x in traced.numbers)

    def _reads_of(self, name: str) -> Iterator[tuple[str, _Values, Any]]:
        """The data or the gradients of cells that are inputs, and where in memory they go."""
        read = [cell for cell in self.traced.cells.values() if isinstance(getattr(cell, f"{name}_before"), ScalarSym)]
        if read:
            yield name, _Values(read), self.executable.places(getattr(cell, f"{name}_before").slot for cell in read)

    def prepare(self, leaves: Any) -> bool:
        """Whether the program is what the function would do now."""
        return self.guards.hold(leaves)

    def run(self, leaves: Any, repeat: int = 1) -> Any:
        """What the function returns, after all that it changes."""
        memory = self.executable.memory
        for name, values, places in self._reads:
            _read(memory, name, values.of(leaves), places)
        for number in self._new_grads:
            _refuse_graph(leaves[number])
        if len(self._numbers):
            memory[self._numbers] = list(_numbers(leaves, self.kinds))
        self.executable.run(repeat)
        if self.program.places is not None and (found := self.executable.first_non_finite()) is not None:
            slot, number = found
            raise NonFiniteError(
                "MG171",
                f"{format_location(self.program.places[slot])}: `{self.program.line(slot)}` gave {number}, though what it was "
                "computed from was finite.",
            )
        out = memory[self._outputs].tolist()
        for k in self._truths:
            out[k] = bool(out[k])
        with_new = (*leaves, *(Value(0.0, label=result.label) for result in self.traced.new))
        for name, values, new in self._writes:
            for value, x in zip(values.of(with_new), out[new] if isinstance(new, slice) else new, strict=True):
                setattr(value, name, x)
        for number, result in enumerate(self.traced.results):
            if isinstance(result, Result) and result.computed:
                self._connect(with_new[result.argument], number, leaves)
        results = [take(out, with_new) for take in self._results]
        return self.traced.rebuild(results)

    def _connect(self, y: Value, number: int, leaves: Any) -> None:
        """Let `backward()` go on from a result to the Values that it was computed from, by a program of its own."""
        parents = self._varied.of(leaves)
        if not parents:
            return
        y._first, y._children, y._name = parents[0], tuple(parents), "compiled"
        if self.traced.effects or any(
            cell.value.parents for cell in self.traced.cells.values() if cell.argument is None
        ):
            y._backward = _refuse_backward
            return
        result: Any = ref(y)

        def backward() -> None:
            marks = [p._cotangent for p in parents]  # of the sweep that calls this: another one may trace now
            for p in parents:
                p._cotangent = None
            try:
                if number not in self._ways_back:
                    self._ways_back[number] = self.compile(self._way_back(number))
                found = self._ways_back[number](float(result().grad), leaves)
            finally:
                for p, mark in zip(parents, marks, strict=True):
                    p._cotangent = mark
            for p, contribution in zip(parents, found, strict=True):
                p.grad += contribution

        y._backward = backward

    def _way_back(self, number: int) -> Callable[..., Any]:
        """What a cotangent of a result comes to at the Values it was computed from, as a function to compile."""
        function, rebuild, varied = self.function, self.rebuild, self._varied

        def way_back(cotangent: Any, leaves: list[Any]) -> list[Any]:
            parents = varied.of(leaves)
            kept = [p.grad for p in parents]
            for p in parents:
                p.grad = 0
            args, options = rebuild(leaves)
            (flatten(function(*args, **options))[0][number] * cotangent).backward()
            found = [p.grad for p in parents]
            for p, grad in zip(parents, kept, strict=True):
                p.grad = grad
            return found

        return way_back

    def release(self) -> None:
        """Another program runs next: nothing here is in its way."""


class _Values:
    """The Values of cells, and which they are in a call: those that stand for arguments change."""

    def __init__(self, cells: list[Cell]) -> None:
        self.values = [cell.value for cell in cells]
        self.positions = [(k, cell.argument) for k, cell in enumerate(cells) if cell.argument is not None]

    def of(self, leaves: Any) -> list[Value]:
        """The Values of this call."""
        if not self.positions:
            return self.values
        values = list(self.values)
        for k, position in self.positions:
            values[k] = leaves[position]
        return values


def _read(memory: Any, name: str, values: list[Value], places: Any) -> None:
    """Copy today's numbers into memory."""
    numbers = [*map(attrgetter(name), values)]
    try:
        memory[places] = numbers
    except (TypeError, ValueError):
        wrong = next(v for v, x in zip(values, numbers, strict=True) if not isinstance(x, int | float | np.number))
        raise TraceError(
            "MG219", f"The {name} of {wrong!r} is no longer a number, as it was when the function was compiled."
        ) from None


def _numbers(leaves: Any, kinds: list[int]) -> Iterator[float]:
    """The numbers among the leaves, those of arrays one by one."""
    for leaf, kind in zip(leaves, kinds, strict=True):
        if kind == FLOAT:
            yield leaf
        elif kind == ARRAY:
            yield from leaf.ravel().tolist()


def _refuse_graph(argument: Value) -> None:
    if argument.parents:
        raise GradientError(
            "MG215",
            f"The argument {argument!r} was computed from other Values, and the function changes its gradient: `backward()` "
            "would have to go on into their graph, which a compiled function can't. Compute it inside, or pass "
            "`Value(v.data)`.",
        )


def _writes(name: str, cells: list[Cell], slots: list[int]) -> Iterator[tuple[str, _Values, Any]]:
    """The data or the gradients that the function changed: the Values, and which part of the outputs they become, or what."""
    changed = [cell for cell in cells if getattr(cell, name) is not getattr(cell, f"{name}_before")]
    computed = [cell for cell in changed if isinstance(getattr(cell, name), ScalarSym)]
    others = [cell for cell in changed if not isinstance(getattr(cell, name), ScalarSym)]
    if computed:
        slots += [getattr(cell, name).slot for cell in computed]
        yield name, _Values(computed), slice(len(slots) - len(computed), len(slots))
    if others:
        yield name, _Values(others), [getattr(cell, name) for cell in others]


def _taker(leaf: Any, slots: list[int], argument_of: dict[Value, int]) -> Callable[[list[Any], Any], Any]:
    """A function of (out, leaves) that gives a leaf of the result; adds what it needs of `out` to `slots`."""
    if isinstance(leaf, ScalarSym):
        slots.append(leaf.slot)
        at = len(slots) - 1
        return lambda out, leaves: out[at]
    position = leaf.argument if isinstance(leaf, Result) else argument_of.get(leaf) if isinstance(leaf, Value) else None
    if position is not None:
        return lambda out, leaves: leaves[position]
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        takers = [_taker(x, slots, argument_of) for x in leaf.flat]
        kind = float if all(isinstance(x, ScalarSym | float) for x in leaf.flat) else object

        def take_array(out: list[Any], leaves: Any) -> Any:
            array = np.empty(len(takers), kind)
            array[:] = [take(out, leaves) for take in takers]
            return array.reshape(leaf.shape)

        return take_array
    return lambda out, leaves: leaf


def _refuse_backward() -> None:
    raise GradientError(
        "MG210",
        "backward() reached a result of a compiled function that changes the `data` or `grad` of Values, or closes over Values "
        "computed from others: it can't go back through it. Call `backward()` inside the compiled function.",
    )
