"""Whether a new signature is worth a program, or runs eagerly until it has come often enough to pay for one.

Lengths of axes and integers may be others in every call: episodes, sentences, the last batch. The first two signatures that
differ in these alone get their programs at once. From the third on, a signature runs eagerly as often as eager calls take the
time of its compilation, and then it is compiled: together at most twice the time of the better choice. Both times are estimated
from the last program of the form, and not from a clock, so that the same calls give the same bits in every run.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from .capture import ARRAY, INSIDE, TENSOR
from .signature import ENTRIES

AT_ONCE = 2
"""Signatures of one form that are compiled when they are first met."""
KERNEL, INSTRUCTION, BYTE = 9000.0, 5.0, 0.002
"""Microseconds: to compile a kernel; of an instruction in an eager call, and for each byte that its arrays move."""
_REMEMBERED = 1024  # signatures that ran eagerly


class Amortization:
    """The signatures of one compiled function: how many of each form have programs, and how often others ran eagerly."""

    def __init__(self) -> None:
        self._compiled: dict[Any, set[int]] = {}  # the hashes of the signatures of a form
        self._price: dict[Any, float] = {}  # of a program, in eager calls, by form
        self._eager: OrderedDict[Any, tuple[str, int]] = OrderedDict()

    def eagerly(self, key: Any, shown: Any, times: int) -> bool:
        """Whether a signature without a program runs eagerly now, `times` over; `shown()` describes it for `counts`."""
        form = _form(key)
        if len(self._compiled.get(form, ())) < AT_ONCE:
            return False
        text, before = self._eager.get(key, ("", 0))
        if before >= self._price[form]:
            return False
        self._eager[key] = text or shown(), before + times
        self._eager.move_to_end(key)
        if len(self._eager) > _REMEMBERED:
            self._eager.popitem(last=False)
        return True

    def compiled(self, key: Any, stats: Mapping[str, Any]) -> None:
        """A signature got a program, with these statistics."""
        form = _form(key)
        self._compiled.setdefault(form, set()).add(hash(key))
        eager = INSTRUCTION * stats.get("instructions", 0) + BYTE * stats.get("bytes_moved", 0)
        self._price[form] = KERNEL * stats.get("kernels", 0) / max(eager, INSTRUCTION)

    def counts(self) -> dict[str, int]:
        """How often signatures ran eagerly, by their description."""
        return dict(self._eager.values())


def _form(key: Any) -> Any:
    """What is left of a signature without lengths and integers."""
    return (*key[:ENTRIES], *[_without_lengths(entry) for entry in key[ENTRIES:]])


def _without_lengths(entry: tuple[Any, ...]) -> tuple[Any, ...]:
    if entry[0] in (ARRAY, TENSOR, INSIDE):
        return entry[0], len(entry[1]), *entry[2:]
    return entry[:2] if entry[1:2] == (int,) else entry
