"""Columns of numbers from CSV files: by name, or all of a file that has nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .columns import MISSING
from .csv_file import CsvFile, read_csv, read_named
from .numbers import PLAIN, find_number_format


def read_numbers(path: str | Path, names: Sequence[str]) -> NDArray[np.float64]:
    """The named columns of a CSV file (rows, columns), in the order of `names`; the file may have others, in any order.
    Numbers are read as `microgradient train FILE.csv` reads them: with decimal commas, thousands and units.

    Raises `DataError`: MG182 for a column that is missing or there twice and a cell that is no finite number, also one that is
    a blank line of a file of one column; those of `read_csv`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.csv").write_text("b,a\\n1,2\\n3,4\\n")
    ...     read_numbers(Path(folder, "a.csv"), ["a", "b"]).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    return columns_of(read_named(Path(path), names), path, names)


def columns_of(file: CsvFile, path: str | Path, names: Sequence[str]) -> NDArray[np.float64]:
    """The same from a file that was read."""
    if len(file.columns) == 1 and file.blank:
        raise DataError("MG182", f"{path}, line {file.blank[0]}, is blank, between rows of {names[0]!r}: fill in what is "
                                 "missing, or delete the line.")  # fmt: skip
    return np.stack([numbers_of(path, name, file.columns[name], file.decimal) for name in names], axis=1)


def read_points(names: Sequence[str], columns: int = 2) -> NDArray[np.float64]:
    """The rows of CSV files of so many columns, (points, columns). Raises `DataError`: MG181 for a file that has others,
    MG182 for a cell that is no finite number, those of `read_csv`.
    """
    return np.concatenate([_points(name, columns) for name in names])


def _points(path: str, columns: int) -> NDArray[np.float64]:
    file = read_csv(Path(path))
    found = file.columns
    if len(found) != columns:
        raise DataError("MG181", f"{path} has {len(found)} columns; a point is {columns} numbers.")
    return np.stack([numbers_of(path, name, cells, file.decimal) for name, cells in found.items()], axis=1)


def numbers_of(path: str | Path, name: str, cells: list[str], decimal: str = ".") -> NDArray[np.float64]:
    """The numbers in a column's cells, which all have one. Raises `DataError` (MG182) that names the file and the row."""
    form = find_number_format(Counter(cell for cell in cells if cell.lower() not in MISSING), decimal) or PLAIN
    numbers = np.empty(len(cells))
    for row, cell in enumerate(cells):
        number = form.parse(cell)
        if number is None or not np.isfinite(number):
            why = "is not a number"
            if cell.lower() in MISSING:
                why = "is missing, and there is no model of what is: fill it in, or leave the row out"
            raise DataError("MG182", f"{path}, row {row + 1}, column {name!r}: {cell!r} {why}.")
        numbers[row] = number
    return numbers
