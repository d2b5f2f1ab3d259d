"""Time series: those that statsmodels ships, by name, and what of a series repeats itself each season."""

from __future__ import annotations

import csv
from collections import defaultdict

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .installed import installed_path

Series = NDArray[np.float64]


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


def _rows(name: str) -> list[list[str]]:
    path = installed_path("forecast", "statsmodels", f"datasets/{name}/{name}.csv")
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
