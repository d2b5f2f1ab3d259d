"""How examples become a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentTypeError, ShapeError
from ..tensor import Tensor


def default_convert(data: Any) -> Any:
    """Arrays and NumPy's numbers in lists, tuples and dicts as tensors; the rest as it is.

    >>> import numpy as np
    >>> default_convert({"x": np.array([1.0]), "name": "a"})
    {'x': tensor([1.], dtype=float64), 'name': 'a'}
    """
    if isinstance(data, Tensor | str | bytes):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return mg.asarray(data) if np.asarray(data).dtype.kind in "biufc" else data
    return _rebuilt(data, default_convert)


def default_collate(batch: Sequence[Any]) -> Any:
    """Examples as one: tensors and arrays are stacked along a new first axis, numbers become a tensor, strings stay.

    Tuples, lists and dicts are collated entry by entry, all examples having the same entries. Raises ShapeError for
    examples of different shapes.

    >>> default_collate([{"x": 1.0, "name": "a"}, {"x": 2.0, "name": "b"}])
    {'x': tensor([1., 2.], dtype=float64), 'name': ['a', 'b']}
    """
    first = batch[0]
    if isinstance(first, Tensor | np.ndarray):
        shapes = {tuple(x.shape) for x in batch}
        if len(shapes) > 1:
            raise ShapeError(
                "MG180",
                f"Examples of different shapes, such as {' and '.join(map(str, sorted(shapes)[:2]))}, don't make a "
                "batch. Make them equal in the data set, or write a `collate_fn`.",
            )
        return mg.stack(list(batch)) if isinstance(first, Tensor) else mg.asarray(np.stack(batch))
    if isinstance(first, int):  # beside which a float is one of the default dtype
        return mg.asarray(list(batch))
    if isinstance(first, np.generic | float | complex):
        return mg.asarray(np.array(batch))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _like(first, {key: default_collate([x[key] for x in batch]) for key in first})
    if isinstance(first, Sequence):
        if len({len(x) for x in batch}) > 1:
            raise ShapeError("MG180", "Examples with different numbers of entries don't make a batch.")
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    raise ArgumentTypeError(
        "MG180",
        "default_collate makes batches of tensors, arrays, numbers, strings, lists, tuples and dicts, not of "
        f"{type(first).__name__}. Write a `collate_fn`.",
    )


def _rebuilt(data: Any, f: Callable[[Any], Any]) -> Any:
    if isinstance(data, Mapping):
        return _like(data, {key: f(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(f, data))
    return type(data)(map(f, data)) if isinstance(data, list | tuple) else data


def _like(mapping: Any, entries: dict[Any, Any]) -> Any:
    try:
        return type(mapping)(entries)
    except TypeError:
        return entries
