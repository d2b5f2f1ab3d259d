"""Whether a new signature is worth a program, or runs eagerly until it has come often enough to pay for one.

Lengths of axes and integers may be others in every call: episodes, sentences, the last batch. The first two signatures that
differ in these alone get programs of their own at once. From the third on, calls that differ in the length of one axis share
programs (buckets.py), of which the first is made at once. Every further bucket, and every signature that can't have one, runs
eagerly as often as eager calls take the time of a compilation, and then it is compiled: together at most twice the time of the
better choice. Both times are estimated from the last program of the form, and not from a clock, so that the same calls give the
same bits in every run.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from .buckets import Bucket, capacities, varying
from .capture import ARRAY, INSIDE, TENSOR
from .signature import ENTRIES

AT_ONCE = 2
"""Signatures of one form that are compiled when they are first met."""
KERNEL, TRACED, INSTRUCTION, BYTE = 9000.0, 60.0, 5.0, 0.002
"""Microseconds: to compile a kernel; to trace an instruction; of one in an eager call, and for each byte that its arrays move."""
FLOP, MOVED = 1e-4, 1e-4
"""Microseconds of a program: for each operation on a number, and for each byte that it moves."""
_REMEMBERED = 1024  # signatures that ran eagerly


class _Form:
    """Signatures that differ in lengths and integers alone."""

    def __init__(self) -> None:
        self.keys: list[Any] = []  # those that have programs
        self.capacities: list[int] = []  # of buckets that have
        self.most = 0  # the greatest length that was met
        self.fixed = ""  # why lengths can't vary, if they can't
        self.price = 0.0  # of a program, in eager calls
        self.python = 0.0  # microseconds of Python in an eager call
        self.time = 0.0  # microseconds of the last program
        self.length = 0  # for which it was, if it is that of a bucket

    def capacity(self, n: int, lengths: list[int]) -> int:
        """Of the bucket for a length: one that there is, else a large one, if padding takes less time than Python would. The keys
        have these `lengths`."""
        self.most = max(self.most, n, *lengths)
        entry = self.time / (self.length or lengths[-1])  # microseconds for each entry of the axis
        there = [c for c in sorted(self.capacities) if c >= n]
        *larger, closest = capacities(n, self.most)
        return next((c for c in (*there, *larger) if (c - n) * entry <= self.python), closest)


class Amortization:
    """The signatures of one compiled function: how many of each form have programs, and how often others ran eagerly."""

    def __init__(self) -> None:
        self._forms: dict[Any, _Form] = {}
        self._eager: OrderedDict[Any, tuple[str, int]] = OrderedDict()

    def bucket(self, key: Any) -> Bucket | None:
        """The bucket of a signature, once lengths vary."""
        form = self._forms.get(_form(key))
        if form is None or len(form.keys) < AT_ONCE or form.fixed:
            return None
        found = varying(key, form.keys)
        return found and found.bucket(form.capacity(found.length, [*map(found.length_of, form.keys)]))

    def eagerly(self, key: Any, bucket: Bucket | None, shown: Callable[[], str], times: int) -> bool:
        """Whether a signature without a program runs eagerly now, `times` over; `shown()` describes it for `counts`."""
        form = self._forms.get(_form(key))
        if form is None or (len(form.keys) < AT_ONCE if bucket is None else not form.capacities):
            return False
        if bucket is None:
            return self._again(key, shown, times, form.price)
        return self._again(bucket.key, lambda: f"{shown()}, lengths up to {bucket.capacity}", times, form.price)

    def untraced(self, key: Any, shown: str, times: int) -> bool:
        """Whether a signature runs eagerly now that has to be traced, to be known to fit the program of its bucket."""
        return self._again(key, lambda: shown, times, TRACED / INSTRUCTION)

    def _again(self, whose: Any, shown: Callable[[], str], times: int, price: float) -> bool:
        """Count eager calls up to a price; whether there was one left."""
        text, before = self._eager.get(whose, ("", 0))
        if before >= price:
            return False
        self._eager[whose] = text or shown(), before + times
        self._eager.move_to_end(whose)
        if len(self._eager) > _REMEMBERED:
            self._eager.popitem(last=False)
        return True

    def compiled(self, key: Any, bucket: Bucket | None, stats: Mapping[str, Any]) -> None:
        """A signature or its bucket got a program, with these statistics."""
        form = self._forms.setdefault(_form(key), _Form())
        if bucket is not None:
            form.capacities.append(bucket.capacity)
        elif key not in form.keys and len(form.keys) < AT_ONCE:
            form.keys.append(key)
        form.length = 0 if bucket is None else bucket.capacity
        form.python = INSTRUCTION * stats.get("instructions", 0)
        eager = form.python + BYTE * stats.get("bytes_moved", 0)
        form.price = KERNEL * stats.get("kernels", 0) / max(eager, INSTRUCTION)
        form.time = FLOP * stats.get("flops", 0) + MOVED * stats.get("bytes_moved", 0)

    def fixed(self, key: Any, reason: str) -> None:
        """Signatures of this form can't share a program."""
        self._forms[_form(key)].fixed = reason

    def counts(self) -> dict[str, int]:
        """How often signatures ran eagerly, by their description."""
        return dict(self._eager.values())

    def reasons(self) -> list[str]:
        """Why lengths that vary have no program in common."""
        return [form.fixed for form in self._forms.values() if form.fixed]


def _form(key: Any) -> Any:
    """What is left of a signature without lengths and integers."""
    return (*key[:ENTRIES], *[_without_lengths(entry) for entry in key[ENTRIES:]])


def _without_lengths(entry: tuple[Any, ...]) -> tuple[Any, ...]:
    if entry[0] in (ARRAY, TENSOR, INSIDE):
        return entry[0], len(entry[1]), *entry[2:]
    return entry[:2] if entry[1:2] == (int,) else entry
