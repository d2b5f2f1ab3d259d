"""Data frames of pandas and polars, and arrays, as the columns that a table is made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentTypeError, DataError, type_name
from .columns import Cells


def is_frame(data: Any) -> bool:
    """Whether it is a data frame: it has columns with names. Neither pandas nor polars is imported to know. Raises
    `ArgumentTypeError` (MG147) for one of polars that is yet to be collected.
    """
    if hasattr(type(data), "collect") and hasattr(type(data), "lazy"):
        raise ArgumentTypeError("MG147", f"A {type(data).__name__} has no rows yet: write `.collect()` behind it.")
    return hasattr(data, "columns") and hasattr(data, "shape")


def frame_columns(data: Any) -> dict[str, Cells]:
    """The columns of a data frame, by name, as a CSV file of it would hold them: numbers as they are, all else as text.

    A mapping from names to lists or arrays is taken, too. Raises `DataError` (MG182) if a name occurs twice.

    >>> frame_columns({"size": [1.5, None], "day": np.array(["2020-01-31"], "datetime64[D]"), "ok": [True, False]})
    {'size': array([1.5, nan]), 'day': ['2020-01-31'], 'ok': ['True', 'False']}
    """
    if not isinstance(data, Mapping) and not is_frame(data):
        raise ArgumentTypeError("MG147", "Expected a data frame, or columns by name, {'age': [31, 47]}, got "
                                         f"{type_name(data)}.")  # fmt: skip
    return {str(name): cells(data[name], str(name)) for name in column_names(data)}


def column_names(data: Any) -> list[Any]:
    """The names of a data frame's, or a mapping's, columns. Raises `DataError` (MG182) if two are spelt the same."""
    names = list(data) if isinstance(data, Mapping) else list(data.columns)
    if doubled := [name for name, times in Counter(map(str, names)).items() if times > 1]:
        raise DataError("MG182", f"The data frame has more than one column {min(doubled)!r}: rename one of them.")
    return names


def array_columns(data: NDArray[Any]) -> dict[str, Cells]:
    """The columns of an array (rows, columns), as x0, x1, …

    >>> array_columns(np.array([[1, "a"], [2, None]], dtype=object))
    {'x0': array([1., 2.]), 'x1': ['a', '']}
    """
    return {f"x{k}": cells(column, f"x{k}") for k, column in enumerate(data.T)}


def cells(column: Any, name: str) -> Cells:
    """A column as numbers with NaN where there is none, or as texts, "" where there is none; a duration is a number of days.

    Raises `ArgumentTypeError` (MG147) for a cell that is neither number, text, time nor missing.
    """
    if isinstance(column, list) and all(type(cell) is str for cell in column):
        return [cell.strip() for cell in column]
    try:
        array = np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)
    except ValueError:  # rows of lengths that differ
        array = np.empty((len(column), 0))
    if array.ndim != 1:
        of = "of numbers, texts or times, not of rows" if array.ndim else "of them"
        raise ArgumentTypeError(
            "MG147", f"The column {name!r} is to be a list or an array {of}, got {type_name(column)}."
        )
    if array.dtype.kind == "O":
        found = [None if is_missing(value) else value for value in array.tolist()]
        types = {type(value) for value in found if value is not None}
        if types and types <= {int, float}:
            return np.array([np.nan if value is None else _float(value) for value in found], np.float64)
        return [_text(value, name) for value in found]
    if array.dtype.kind in "fiu":
        return array.astype(np.float64) if array.dtype.itemsize > 8 else array
    if array.dtype.kind == "m":
        days = array / np.timedelta64(1, "D")
        return np.where(np.isnat(array), np.nan, days)
    if array.dtype.kind == "M":
        texts = np.datetime_as_string(array, unit="D" if array.dtype == "datetime64[D]" else "s").tolist()
        return ["" if text == "NaT" else text for text in texts]
    return [_text(value, name) for value in array.tolist()]


def is_missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA: what is not equal to itself, or can't say whether it is."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _float(value: float) -> float:
    """A whole number beyond the range of floats is an infinite one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _text(value: Any, name: str) -> str:
    if isinstance(value, dict | list | set | tuple | np.ndarray | complex | bytes):
        raise ArgumentTypeError("MG147", f"A cell of the column {name!r} is a {type(value).__name__}: argument must be a string "
                                         "or a number. Take it apart into columns, or make it one text.")  # fmt: skip
    return "" if value is None else str(value).strip()
