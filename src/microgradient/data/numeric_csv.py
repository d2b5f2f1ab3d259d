"""Columns of numbers from CSV files: by name, or all of a file that has nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .csv_file import read_csv


def read_numbers(path: str | Path, names: Sequence[str]) -> NDArray[np.float64]:
    """The named columns of a CSV file (rows, columns), in the order of `names`; the file may have others, in any order.

    Raises `DataError`: MG182 for a column that is missing or a cell that is no finite number, those of `read_csv`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.csv").write_text("b,a\\n1,2\\n3,4\\n")
    ...     read_numbers(Path(folder, "a.csv"), ["a", "b"]).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    columns = read_csv(Path(path)).columns
    if missing := [name for name in names if name not in columns]:
        several = f"{len(missing)} columns, the first of them" if len(missing) > 1 else "a column"
        raise DataError("MG182", f"{path} lacks {several} {missing[0]!r}: its header names {', '.join(columns)[:200]}.")
    return np.stack([_numbers(path, name, columns[name]) for name in names], axis=1)


def read_points(names: Sequence[str], columns: int = 2) -> NDArray[np.float64]:
    """The rows of CSV files of so many columns, (points, columns). Raises `DataError`: MG181 for a file that has others,
    MG182 for a cell that is no finite number, those of `read_csv`.
    """
    return np.concatenate([_points(name, columns) for name in names])


def _points(path: str, columns: int) -> NDArray[np.float64]:
    found = read_csv(Path(path)).columns
    if len(found) != columns:
        raise DataError("MG181", f"{path} has {len(found)} columns; a point is {columns} numbers.")
    return np.stack([_numbers(path, name, cells) for name, cells in found.items()], axis=1)


def _numbers(path: str | Path, name: str, cells: list[str]) -> NDArray[np.float64]:
    numbers = np.empty(len(cells))
    for row, cell in enumerate(cells):
        try:
            numbers[row] = float(cell)
        except ValueError:
            numbers[row] = np.nan
        if not np.isfinite(numbers[row]):
            raise DataError("MG182", f"{path}, row {row + 1}, column {name!r}: {cell!r} is not a number.")
    return numbers
