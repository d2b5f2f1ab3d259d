"""Lengths that vary: what of a program follows from one, found by tracing the function at two lengths and comparing.

The two programs must be alike but for lengths of axes and numbers. An axis varies if it is `times` as long as the length in both;
a number is scale·(n + shift)^power, as counts are, and their roots and reciprocals; a constant array is the beginning
of the longer one. Whatever else differs is refused.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..errors import type_name
from ..traced_draws import Drawing
from .body import Body
from .capture import Traced
from .program import Instruction, Program

POWERS = 1, -1, 0.5, -0.5
"""Of counts: that of a mean is n, that of a standard deviation √n."""
Position = tuple[int, int]
"""An instruction, by its number, and which of its args; -1 for the instruction itself."""


class FixedLengthError(Exception):
    """A function that can't have one program for all lengths, and why."""


@contextmanager
def at_another_length(n: int) -> Iterator[None]:
    """While a function is traced at a length that nobody called it with: its errors are none of the caller's.

    Raises FixedLengthError in their place."""
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "")
        raise FixedLengthError(f"for the length {n} it raises {type_name(error)}: {reason}") from error


class Varying(NamedTuple):
    """An axis of a value, which is `times` as long as the length that varies."""

    axis: int
    times: int


class Count(NamedTuple):
    """A number scale·(n + shift)^power that follows from the length n."""

    scale: float
    shift: float = 0
    power: float = 1

    def at(self, n: int) -> float:
        """Its value. What is counted is never less than nothing, as the n − 3 of a variance is 0 for 2 rows."""
        base = max(n + self.shift, 0)
        return self.scale * base**self.power if base or self.power > 0 else math.inf


class Lengths(NamedTuple):
    """What varies in a program: axes by the numbers of instructions, numbers by where they are, and loops that are as long.
    `asked`: whether the user's code read a length that varies, so that it may do something else for another one."""

    axes: dict[int, Varying]
    counts: dict[Position, Count]
    loops: set[int]
    asked: bool = False

    def hold(self, found: Lengths, n: int) -> bool:
        """Whether these are what was found by comparing with another length n."""
        if (found.axes, found.loops, found.counts.keys()) != (self.axes, self.loops, self.counts.keys()):
            return False
        return all(math.isclose(found.counts[k].at(n), c.at(n), rel_tol=1e-6) for k, c in self.counts.items())


def compare(first: Traced, second: Traced, lengths: tuple[int, int]) -> Lengths:
    """What follows from the length in the first of two programs, traced at these lengths, of which the second is greater.

    Raises FixedLengthError."""
    if first.pullback is not None:
        raise FixedLengthError("its results are differentiated outside")
    if _form(first) != _form(second):
        raise FixedLengthError("what it changes or returns differs")
    if not _same_containers(first, second):
        raise FixedLengthError("what it returns beside tensors differs")
    return _Comparison(lengths).of(first.program, second.program)


def _form(traced: Traced) -> Any:
    results = [(r.kind, r.output, r.requires_grad, r.cls) for r in traced.results]
    return traced.sources, results, [(e.binding, e.output) for e in traced.effects]


def _same_containers(first: Traced, second: Traced) -> bool:
    """Whether two results are alike but for their tensors: the containers, and the numbers and texts in them."""
    places = [*range(len(first.results))]
    pairs = [(r.value, s.value) for r, s in zip(first.results, second.results, strict=True)]
    return all(_equal(x, y) for x, y in [*pairs, (first.rebuild(places), second.rebuild(places))])


def _equal(x: Any, y: Any) -> bool:
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x.dtype == y.dtype and np.array_equal(x, y)
    return x is y or (type(x) is type(y) and repr(x) == repr(y))


class _Comparison:
    """Two programs being compared."""

    def __init__(self, lengths: tuple[int, int]) -> None:
        self.lengths = lengths
        self.axes: dict[int, Varying] = {}
        self.counts: dict[Position, Count] = {}
        self.loops: set[int] = set()

    def of(self, first: Program, second: Program) -> Lengths:
        """What varies in them."""
        if (len(first.inputs), first.size) != (len(second.inputs), second.size):
            raise FixedLengthError(f"{first.size} operations became {second.size}")
        pairs = zip([*first.inputs, *first.instructions], [*second.inputs, *second.instructions], strict=True)
        for one, other in pairs:
            self._instruction(one, other)
        if [o.number for o in first.outputs] != [o.number for o in second.outputs]:
            raise FixedLengthError("what it returns differs")
        return Lengths(self.axes, self.counts, self.loops)

    def _instruction(self, one: Instruction, other: Instruction) -> None:
        same = one.op, one.dtype, one.weak, one.taped, len(one.args), one.params.keys()
        if same != (other.op, other.dtype, other.weak, other.taped, len(other.args), other.params.keys()):
            raise _differs(one)
        self._shape(one, other)
        for place, (x, y) in enumerate(zip(one.args, other.args, strict=True)):
            if isinstance(x, Instruction) and isinstance(y, Instruction):
                if x.number != y.number:
                    raise _differs(one)
            elif isinstance(x, Instruction) or type(x) is not type(y):
                raise _differs(one)
            else:
                self._number(one, place, x, y)
        for name, x in one.params.items():
            y = other.params[name]
            if name == "value" and one.op == "constant":
                self._constant(one, x, y)
            elif name == "control":
                self._loop(one, x, y)
            elif name != "shape" and not _same_parameter(x, y):
                raise _differs(one)

    def _loop(self, one: Instruction, x: Any, y: Any) -> None:
        """A loop as long as the length, or alike; its step is the same."""
        if type(x) is not type(y) or _settings(x) != _settings(y):
            raise _differs(one)
        for a, b in zip(x.bodies, y.bodies, strict=True):
            inside = _Comparison(self.lengths)
            inside.of(a.program, b.program)
            if inside.axes or inside.counts or inside.loops:
                raise _differs(one)
        if getattr(x, "length", None) != getattr(y, "length", None):
            if (x.length, y.length) != self.lengths:
                raise _differs(one)
            self.loops.add(one.number)

    def _shape(self, one: Instruction, other: Instruction) -> None:
        if one.shape is None or other.shape is None:
            if one.shape is not other.shape:
                raise _differs(one)
            return
        if len(one.shape) != len(other.shape):
            raise _differs(one)
        differing = [d for d, (x, y) in enumerate(zip(one.shape, other.shape, strict=True)) if x != y]
        if not differing:
            return
        (axis, *more), (n, m) = differing, self.lengths
        times, rest = divmod(one.shape[axis], n)
        if more or rest or other.shape[axis] != times * m:
            raise _differs(one)
        self.axes[one.number] = Varying(axis, times)

    def _number(self, one: Instruction, place: int, x: Any, y: Any) -> None:
        if x == y or (x != x and y != y):
            return
        count = _count(x, y, self.lengths, one.dtype.type if place < 0 else type(x))
        if count is None:
            raise _differs(one)
        self.counts[one.number, place] = count

    def _constant(self, one: Instruction, x: Any, y: Any) -> None:
        varying = self.axes.get(one.number)
        if is_one_number(x) and is_one_number(y):
            self._number(one, -1, x.flat[0], y.flat[0])
        elif varying is not None:
            beginning = y[(slice(None),) * varying.axis + (slice(x.shape[varying.axis]),)]
            if not np.array_equal(x, beginning, equal_nan=x.dtype.kind in "fc"):
                raise _differs(one)
        elif not np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"):
            raise _differs(one)


def _settings(loop: Any) -> dict[str, Any]:
    """What a loop or a condition is beside its steps and its length."""
    return {k: x for k, x in loop._asdict().items() if k != "length" and not isinstance(x, Body)}


def _count(x: Any, y: Any, lengths: tuple[int, int], kind: Any) -> Count | None:
    """The count that is x at the first length and y at the second, as numbers of a kind; None if there is none."""
    if isinstance(x, bool | np.bool_) or not isinstance(x, int | float | np.number):
        return None
    if not (x and y and np.isfinite(x) and np.isfinite(y)):
        return None
    rounding = 4 * float(np.finfo(kind).eps) if issubclass(kind, float | np.floating) else 0.0
    for power in POWERS if x > 0 and y > 0 else POWERS[:2]:
        count = _through(float(x) ** (1 / power), float(y) ** (1 / power), lengths, rounding)
        if count is not None:
            count = Count(count.scale**power, count.shift, power)
            if np.allclose([kind(count.at(n)) for n in lengths], [x, y], rounding, 0):
                return count
    return None


def _through(x: float, y: float, lengths: tuple[int, int], rounding: float) -> Count | None:
    """scale·(n + shift) that is x and y at two lengths: any multiple of the length, or a·n + b with few digits and a small b."""
    n, m = lengths
    if math.isclose(x / n, y / m, rel_tol=rounding):
        return Count(x / n)
    a = round(4 * (y - x) / (m - n)) / 4
    b = round(4 * (x - a * n)) / 4
    return Count(a, b / a) if a and abs(b) <= 4 * abs(a) else None


def is_one_number(array: Any) -> bool:
    """Whether all entries of a constant are the same number in memory."""
    return bool(array.size) and (array.size == 1 or not any(array.strides))


def _same_parameter(x: Any, y: Any) -> bool:
    if isinstance(x, Drawing) and isinstance(y, Drawing):
        others = [[a for k, a in enumerate(d.arguments) if k != d.at] for d in (x, y)]
        return (x.method, x.at) == (y.method, y.at) and all(map(_equal, *others))
    if isinstance(x, functools.partial) and isinstance(y, functools.partial):
        return x.func is y.func and repr((x.args, x.keywords)) == repr((y.args, y.keywords))
    if callable(x):
        return x is y
    return type(x) is type(y) and repr(x) == repr(y)


def _differs(i: Instruction) -> FixedLengthError:
    where = f" at {i.where}" if i.where is not None else ""
    return FixedLengthError(f"`{i.op}`{where} differs by more than a length")
