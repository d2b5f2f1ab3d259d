"""Shapes and indexing expressions in the form the rulebook wants: tuples; a pattern, and the index arrays beside it."""

from __future__ import annotations

import operator
from typing import Any, cast

import numpy as np

from .errors import (
    ArgumentError,
    ArgumentTypeError,
    MicrogradientError,
    OutOfRangeError,
    ShapeError,
    TraceError,
    as_given,
)
from .interop import Protocols
from .rules import INDEX
from .trace_hooks import Traced, current


def index_key(key: Any, shape: tuple[int, ...]) -> tuple[Any, list[Any]]:
    """Split `x[key]` into a pattern (integers, slices, None, Ellipsis, INDEX) and the arrays that stand at INDEX.

    Tensors, lists and tuples inside the tuple become arrays, integers in any clothing Python ints. Raises TypeError for floats.
    """
    parts = key if isinstance(key, tuple) else (key,)
    pattern: list[Any] = []
    arrays: list[Any] = []
    for given in parts:
        part = given
        if isinstance(part, Protocols):
            part = part.raw
        if isinstance(part, list | tuple | range):
            part = np.asarray(part, dtype=None if len(part) else np.int64)
        if isinstance(part, slice):
            edges = [_whole(edge) for edge in (part.start, part.stop, part.step)]
            if edges[2] == 0:
                raise ArgumentError("MG128", "The step of a slice can't be 0. Leave it out, or write `x[::-1]`.")
            pattern.append(slice(*edges))
        elif part is None or part is Ellipsis:
            pattern.append(part)
        elif isinstance(part, bool | np.bool_):
            pattern.append(INDEX)
            arrays.append(np.asarray(part))
        elif isinstance(part, np.ndarray | Traced):
            if part.dtype.kind not in "biu":
                raise ArgumentTypeError("MG128", f"An index array holds integers or booleans, not {part.dtype}.")
            if part.ndim == 0 and part.dtype.kind != "b" and isinstance(part, np.ndarray):
                pattern.append(int(part))
            else:
                pattern.append(INDEX)
                arrays.append(_own(part) if given is part else part)
        else:
            pattern.append(_whole(part))
    return tuple(pattern), arrays


def _own(array: Any) -> Any:
    """A copy: the user may change an array before the backward pass. A trace reads it at every call instead."""
    trace = current()
    return array.copy() if trace is None or isinstance(array, Traced) else trace.reference(array)


def index_error(error: IndexError, key: Any, shape: tuple[int, ...]) -> MicrogradientError:
    """NumPy's complaint about an index, with the shape it was meant for."""
    return OutOfRangeError(
        "MG127", f"{str(error)[:1].upper()}{str(error)[1:]}: the index {key!r} into a tensor of shape {shape}."
    )


def _whole(part: Any) -> Any:
    """An edge of a slice or an index as a Python int."""
    if part is None or isinstance(part, int):
        return part
    try:
        return part.__index__()
    except TraceError:
        raise  # which says more
    except (AttributeError, TypeError):
        raise ArgumentTypeError(
            "MG128",
            f"An index is an integer, a slice, None, ... or an array of integers or booleans, not {type(part).__name__}.",
        ) from None


def shape_tuple(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of integers; a single integer is the length of one axis."""
    if shape.__class__ is tuple and all([n.__class__ is int for n in shape]):
        return cast("tuple[int, ...]", shape)
    try:
        return (operator.index(shape),)
    except TypeError:
        pass
    try:
        return tuple(operator.index(n) for n in shape)
    except TypeError:
        raise ArgumentTypeError(
            "MG125", f"A shape is an integer or a tuple of integers, not {as_given(shape)}."
        ) from None


def new_shape(shape: Any) -> tuple[int, ...]:
    """The shape of a new array: no negative lengths."""
    lengths = shape_tuple(shape)
    if any(n < 0 for n in lengths):
        raise ShapeError("MG121", f"Lengths in a shape must not be negative; this is {lengths}.")
    return lengths


def unequal(data: Any, place: str = "") -> str:
    """Which two of nested sequences that should be of one length are not; "" if there are none.

    >>> unequal([[1, 2], [3]]), unequal([[[1], 2]])
    ('`data[0]` has length 2, `data[1]` has length 1', '`data[0][0]` has length 1, `data[0][1]` is a number')
    """
    said = [f"has length {len(x)}" if isinstance(x, list | tuple) else "is a number" for x in data]
    for k, told in enumerate(said):
        if told != said[0]:
            return f"`data{place}[0]` {said[0]}, `data{place}[{k}]` {told}"
    nested = (unequal(x, f"{place}[{k}]") for k, x in enumerate(data) if isinstance(x, list | tuple))
    return next(filter(None, nested), "")
