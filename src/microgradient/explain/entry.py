"""One entry of a tensor, as it is asked for."""

from __future__ import annotations

import operator

from ..errors import ArgumentTypeError, OutOfRangeError, as_given

Index = int | tuple[int, ...]


def checked_index(index: Index | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The place of one entry in a tensor of this `shape`; None is the only one there is, or the first.

    Raises ArgumentTypeError (MG128) for what is no index, and OutOfRangeError (MG127) for one that is outside.

    >>> checked_index((0, -1), (2, 3))
    (0, 2)
    """
    if index is None:
        return (0,) * len(shape)
    named = f"An entry of a tensor of shape {shape} is named by an integer for each axis, not by {as_given(index)}."
    try:
        places = tuple(operator.index(i) for i in (index if isinstance(index, tuple) else (index,)))
    except TypeError:
        raise ArgumentTypeError("MG128", named) from None
    if not shape and places:
        raise OutOfRangeError("MG127", "A tensor of shape () is one number: it has no entries to choose from.")
    if len(places) != len(shape):
        raise OutOfRangeError("MG127", named)
    if any(not -n <= i < n for i, n in zip(places, shape, strict=True)):
        raise OutOfRangeError("MG127", f"The entry {as_given(index)} lies outside a tensor of shape {shape}.")
    return tuple(i % n for i, n in zip(places, shape, strict=True))
