"""Time series: those that statsmodels ships, by name, one's own from CSV files, and what repeats itself each season."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..errors import DataError
from .columns import Column, understand
from .csv_file import read_named
from .installed import installed_path
from .numeric_csv import columns_of

Series = NDArray[np.float64]

_LARGEST = 1e100
_LONG_STEP = 1.6  # times the median: a quarter, a month or a weekday's neighbours differ by less


def load_sunspots() -> Series:
    """The mean number of sunspots in each year from 1700 to 2008. SILSO, Royal Observatory of Belgium.

    >>> load_sunspots().shape, load_sunspots()[:3].tolist()
    ((309,), [5.0, 11.0, 16.0])
    """
    return np.array([float(value) for _, value in _rows("sunspots")])


def load_co2() -> Series:
    """Parts per million of CO₂ over Mauna Loa in each month from March 1958 to December 2001: means of weekly samples; five
    months without a sample are interpolated. Keeling and Whorf, Scripps Institution of Oceanography.

    >>> load_co2().shape, load_co2()[:2].round(2).tolist()
    ((526,), [316.1, 317.2])
    """
    months = defaultdict[int, list[float]](list)
    for day, value in _rows("co2"):
        months[12 * int(day[:4]) + int(day[4:6])] += [float(value)] if value else []
    known = [month for month in months if months[month]]
    every = np.arange(min(known), max(known) + 1)
    return np.interp(every, known, [float(np.mean(months[month])) for month in known])


def read_series(path: str, column: str) -> tuple[Series, list[str]]:
    """The column of a CSV file, one row a step, and what a reader should know of the dates beside it.

    Raises `DataError`: MG182 if the dates go back, as in a file whose newest row comes first, or a number is not finite or
    beyond 1e±100; those of `read_numbers`.
    """
    file = read_named(Path(path), [column])
    series = columns_of(file, path, [column])[:, 0]
    largest = float(np.abs(series).max())
    if largest and not 1 / _LARGEST < largest < _LARGEST:
        raise DataError("MG182", f"{path}, column {column!r}: numbers up to {largest:.3g} have squares that are not, or not told "
                                 "from 0: write them in another unit.")  # fmt: skip
    others = (understand(name, cells, file.decimal) for name, cells in file.columns.items() if name != column)
    dates = next((other for other in others if other.kind == "date"), None)
    return series, [] if dates is None else _gaps(dates, path)


def _gaps(dates: Column, path: str) -> list[str]:
    """A sentence on steps that are longer than the others, if there are some."""
    rows = np.flatnonzero(~np.isnan(dates.values))
    steps = np.diff(dates.values[rows])
    if (back := np.flatnonzero(steps < 0)).size:
        before, after = rows[back[0]], rows[back[0] + 1]
        raise DataError("MG182", f"{path}, row {after + 1}: {dates.name!r} goes back from {dates.texts[before]} to "
                                 f"{dates.texts[after]}. Sort the rows, the oldest first.")  # fmt: skip
    usual = float(np.median(steps)) if len(steps) else 0.0
    long = np.flatnonzero(steps > _LONG_STEP * usual)
    if not usual or not long.size:
        return []
    first = dates.texts[rows[long[0]]]
    return [f"{path}: {dates.name!r} has {long.size:,} step{'s' * (long.size > 1)} longer than the others, the first after "
            f"{first}; rows are taken as following each other, whatever lies between them"]  # fmt: skip


def _rows(name: str) -> list[list[str]]:
    path = installed_path("statsmodels", f"datasets/{name}/{name}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def seasonal_profile(history: Series, season: int) -> Series:
    """By how much the `season` values after a history, (…, steps), are expected to be above or below the trend: (…, season),
    with mean 0. It is the mean over the seasons of what is left when a centred moving average of one season is taken
    away (classical decomposition).

    >>> np.allclose(seasonal_profile(np.tile([3.0, 1.0, 2.0], 4), 3), [1, -1, 0])
    True
    """
    half = season // 2
    kernel = np.ones(2 * half + 1)
    kernel[[0, -1]] /= 2 if season % 2 == 0 else 1
    trend = sliding_window_view(history, len(kernel), axis=-1) @ (kernel / season)
    rest = history[..., half : history.shape[-1] - half] - trend
    rest = rest[..., rest.shape[-1] % season :]
    means = rest.reshape(*rest.shape[:-1], -1, season).mean(axis=-2)
    return np.roll(means - means.mean(axis=-1, keepdims=True), -half, axis=-1)
