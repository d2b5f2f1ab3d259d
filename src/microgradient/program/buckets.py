"""Buckets: one program for all lengths of an axis up to a capacity.

Batches, episodes and sentences have ever new lengths. Where arguments differ in the length of one axis alone, they are padded
to a capacity, and share a program whose padding makes no difference (padding.py). Results are cut to their length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor
from .bindings import CountOf
from .capture import ARRAY, TENSOR, Traced, doppelganger
from .guards import Guards
from .lengths import FixedLengthError, Lengths, compare
from .padding import padded
from .signature import ENTRIES
from .specialization import Specialization

LEAST = 8
"""The smallest capacity."""
PADDED = "padded to"


Place = tuple[int, int]
"""An argument, by its number, and its axis that varies."""


class Bucket(NamedTuple):
    """A call whose arguments have axes of the same varying length, which is padded to `capacity`."""

    key: Any
    places: tuple[Place, ...]
    length: int
    capacity: int

    def leaves(self, leaves: Sequence[Any], length: int) -> list[Any]:
        """Arguments of another length, for a trace. A tensor that is given twice stays one."""
        found = {id(leaves[k]): _of_length(leaves[k], axis, length) for k, axis in self.places}
        return [found.get(id(x), x) for x in leaves]


class Varying(NamedTuple):
    """Of a signature: the axes that vary, and how long they are."""

    key: Any
    places: tuple[Place, ...]
    length: int

    def length_of(self, key: Any) -> int:
        """How long they are in another signature."""
        number, axis = self.places[0]
        return int(key[ENTRIES + number][1][axis])

    def bucket(self, capacity: int) -> Bucket:
        """With arguments padded to a capacity."""
        entries = [*self.key]
        for number, axis in self.places:
            kind, shape, *rest = entries[ENTRIES + number]
            entries[ENTRIES + number] = kind, (*shape[:axis], PADDED, capacity, *shape[axis + 1 :]), *rest
        return Bucket(tuple(entries), self.places, self.length, capacity)


def varying(key: Any, others: Sequence[Any]) -> Varying | None:
    """What varies in a signature, if it differs from one of the `others` in one length alone, of one axis of some arguments."""
    for other in others:
        if places := _varying(key, other):
            number, axis = places[0]
            return Varying(key, places, key[ENTRIES + number][1][axis])
    return None


def capacities(n: int, most: int) -> tuple[int, int, int]:
    """Capacities for the length n, from the largest on: the power of two for the greatest length that was met, that for n, and a
    quarter between two powers.

    >>> capacities(33, most=100), capacities(3, most=4)
    ((128, 64, 40), (8, 8, 8))
    """
    power = max(LEAST, 1 << (n - 1).bit_length())
    quarter = next(m * power // 8 for m in range(5, 9) if m * power // 8 >= n) if n > LEAST else LEAST
    return max(power, 1 << (most - 1).bit_length()), power, quarter


def _varying(key: Any, other: Any) -> tuple[Place, ...]:
    """The axes whose lengths differ in two signatures; none if other things do."""
    if key[:ENTRIES] != other[:ENTRIES] or len(key) != len(other):
        return ()
    places, lengths = [], set()
    for number, (a, b) in enumerate(zip(key[ENTRIES:], other[ENTRIES:], strict=True)):
        if a == b:
            continue
        alike = a[0] == b[0] and a[0] in (ARRAY, TENSOR) and a[2:] == b[2:] and len(a[1]) == len(b[1])
        if not alike or (a[0] == TENSOR and not a[4]):  # of which one needs a gradient
            return ()
        for axis, pair in enumerate(zip(a[1], b[1], strict=True)):
            if pair[0] != pair[1]:
                places.append((number, axis))
                lengths.add(pair)
    one_each = len({number for number, _ in places}) == len(places)
    # an axis of length 1 may mean another thing
    return tuple(places) if one_each and len(lengths) == 1 and min(lengths.pop()) > 1 else ()


class PaddedSpecialization(Specialization):
    """The program of a bucket. `traced` and `lengths` are of a trace at its capacity."""

    def __init__(
        self, traced: Traced, lengths: Lengths, bucket: Bucket, kinds: list[int], backend: Callable[[Any], Any], again: Any,
        guards: Guards,
    ) -> None:  # fmt: skip
        for effect in traced.effects:
            if effect.output is not None and traced.program.outputs[effect.output].number in lengths.axes:
                raise FixedLengthError("what it changes outside has the length that varies")
        program, counts = padded(traced.program, lengths, bucket.capacity)
        numbers = program.inputs[len(program.inputs) - len(counts) :]
        sources = [*traced.sources, *(CountOf(count, i.dtype) for count, i in zip(counts, numbers, strict=True))]
        super().__init__(traced._replace(program=program, sources=sources), kinds, backend, again, guards)
        self._single = None  # results are to be cut
        axes = [lengths.axes.get(o.number) for o in traced.program.outputs]
        self._varying = [(k, axis) for k, axis in enumerate(axes) if axis is not None]
        self._bucket, self._at_capacity, self._lengths = bucket, traced, lengths
        self._known: set[int] = set()
        self._padded: dict[int, Any] = {}
        self._length = self._filled = 0

    def knows(self, n: int) -> bool:
        """Whether the program is known to do what the function does for arguments of this length.

        A function that asked for a length may do something else for every other one, which tracing it there shows.
        """
        return not self._lengths.asked or n in self._known or n == self._bucket.capacity

    def learn(self, n: int, traced: Traced) -> None:
        """It was traced at the length n. Raises FixedLengthError if that is another program."""
        if not self._lengths.hold(compare(traced, self._at_capacity, (n, self._bucket.capacity)), n):
            raise FixedLengthError(f"it does something else for the length {n}")
        self._known.add(n)

    def prepare(self, leaves: Any) -> bool:
        """Whether the program fits these arguments, which are padded."""
        given, n = [*leaves], 0
        for k, axis in self._bucket.places:
            if k not in self._padded:
                self._padded[k] = _of_length(leaves[k], axis, self._bucket.capacity)
            given[k] = self._padded[k]
            target, source = _datum(given[k]), _datum(leaves[k])
            n, before = source.shape[axis], (slice(None),) * axis
            target[(*before, slice(n))] = source
            target[(*before, slice(n, self._filled))] = 0
        self._length = self._filled = n
        return super().prepare([*given, n])

    def _results(self, leaves: Any, before: Any) -> Any:
        """The results, of arrays that are cut to their length and keep no padding in memory."""
        for k, varying in self._varying:
            cut = (slice(None),) * varying.axis + (slice(varying.times * self._length),)
            self.outputs[k] = self.outputs[k][cut].copy()
        return super()._results(leaves, before)


def _datum(leaf: Any) -> Any:
    return leaf.datum if isinstance(leaf, Tensor) else leaf


def _of_length(leaf: Any, axis: int, length: int) -> Any:
    """An argument like this one with zeros, so many along an axis."""
    datum = _datum(leaf)
    zeros = np.zeros((*datum.shape[:axis], length, *datum.shape[axis + 1 :]), datum.dtype)
    if not isinstance(leaf, Tensor):
        return zeros
    like = doppelganger(leaf)
    like.datum = zeros
    return like
