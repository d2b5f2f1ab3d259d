"""Memory that was written in place after an operation had saved it for its derivative, which would then read other numbers.

Tensors write into no memory that a tape may read. Who does is the user, through the raw array of `x.data`, and `torch`, where
PyTorch's functions ending in `_` write in place: these call `note_written`. What `x.data` gave away is looked at again before a
backward pass: `lend` keeps a checksum, if something else holds the array, as an operation that saved it does.
"""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from .errors import GradientError, format_location, user_location, warn_once

next_seq: Callable[[], int] = count().__next__
"""Numbers operations and writes, in their order."""

WRITTEN: dict[int, Written] = {}
"""Memory that was written in place, by the ids of the arrays that own it."""
LENT: dict[int, Lent] = {}
"""Arrays that were given away and may have been written, by their ids."""


class Written(NamedTuple):
    """When and where in the user's code memory was written; whether a rule that reads it is refused, or warned of."""

    seq: int
    where: tuple[str, int]
    refused: bool
    owner: weakref.ref[Any]


class Lent(NamedTuple):
    """When and where in the user's code an array was given away, and what a checksum of it was."""

    seq: int
    where: tuple[str, int]
    checksum: int
    array: weakref.ref[Any]


def note_written(array: Any, refused: bool = True) -> None:
    """Remember that the memory of `array` was written in place: rules should not read what they had saved there before."""
    _note(array, next_seq(), user_location(), refused)


def lend(array: Any) -> None:
    """Remember what is in `array`, which the user may now write."""
    key = id(array)
    if key not in LENT:
        gone = weakref.ref(array, lambda _: LENT.pop(key, None))
        LENT[key] = Lent(next_seq(), user_location(), _checksum(array), gone)


def settle() -> None:
    """Note which of the arrays that were lent have been written since."""
    for lent in list(LENT.values()):
        array = lent.array()
        if array is not None and _checksum(array) != lent.checksum:
            _note(array, lent.seq, lent.where, refused=False)
    LENT.clear()


def refuse_written(node: Any, name: str) -> None:
    """Raise, or warn, if memory that `node` of the operation `name` saved was written since."""
    for i, saved in enumerate(node.saved):
        found = WRITTEN.get(id(_owner(saved))) if hasattr(saved, "base") else None
        if found is not None and found.seq > node.seq:
            read = "its result" if i == 0 else "what it was given"
            told = (
                f"The derivative of `{name}` needs {read}, of shape {saved.shape}, which was changed in place at "
                f"{format_location(found.where)} (PyTorch: one of the variables needed for gradient computation has been "
                "modified by an inplace operation). Compute a new tensor, as `y = y + 1`, or change a copy: `x = x.clone()`."
            )
            if found.refused:
                raise GradientError("MG103", told)
            warn_once("MG103", f"The gradient is wrong. {told}")


def warn_of_a_new_value(data: Any, grad: Any, sign: str) -> None:
    """Say that `p -= …` of a Value, which gives the name another one, updates nothing."""
    warn_once(
        "MG104",
        f"`p {sign}= …` gives the name a new Value; the one with data={data:.6g} and grad={grad:.6g} stays as it was. To update "
        f"a parameter, write `p.data {sign}= …`.",
    )


def _note(array: Any, seq: int, where: tuple[str, int], refused: bool) -> None:
    owner = _owner(array)
    key = id(owner)
    WRITTEN[key] = Written(seq, where, refused, weakref.ref(owner, lambda _: WRITTEN.pop(key, None)))


def _owner(array: Any) -> Any:
    while (base := getattr(array, "base", None)) is not None and base.__class__ is array.__class__:
        array = base
    return array


def _checksum(array: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)
