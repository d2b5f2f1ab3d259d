"""Points from CSV files: columns of numbers and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .csv_file import read_csv


def read_points(names: Sequence[str], columns: int = 2) -> NDArray[np.float64]:
    """The rows of CSV files of so many columns of numbers, (points, columns). Raises `DataError` (MG180, MG181)."""
    return np.concatenate([_read(Path(name), columns) for name in names])


def _read(path: Path, columns: int) -> NDArray[np.float64]:
    found = read_csv(path).columns
    if len(found) != columns:
        raise DataError("MG181", f"{path} has {len(found)} columns; a point is {columns} numbers.")
    try:
        points = np.array([[float(cell) for cell in cells] for cells in found.values()]).T
    except ValueError as error:
        raise DataError("MG181", f"{path}: {str(error).split(': ')[-1]} is not a number.") from None
    if not np.isfinite(points).all():
        raise DataError("MG181", f"{path} holds numbers that are not finite.")
    return points
