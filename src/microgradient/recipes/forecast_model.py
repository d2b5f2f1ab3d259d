"""What `forecast` trains: an autoregression with gated recurrent units, and forecasts made of it step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

import microgradient as mg

from .. import nn
from ..data.csv_file import one_file
from ..data.series import Series, read_series, seasonal_profile
from ..errors import DataError, ShapeError
from ..tensor import Tensor
from ..train.inputs import as_numbers
from ..train.predictor import Predictor
from ..train.recipe import Metric

AHEAD, WINDOW = 12, 24  # steps that are forecast, steps that the recurrent units see
SEASONS = 8  # of which the profile of a season is the mean
MEMBERS = 5


class Member(nn.Module):
    """What eight gated recurrent units add to a linear forecast of the next value: nothing before training."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(1, 8, batch_first=True)
        self.head = nn.Linear(8, 1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(self, window: Tensor) -> Tensor:
        states, _ = self.gru(mg.expand_dims(window, axis=2))
        return self.head(states[:, -1])


class Forecaster(nn.Module):
    """The last WINDOW values as each member sees them, (windows, MEMBERS, WINDOW), to the next ones, (windows, MEMBERS).

    y = a · (the last p values) + c + GRU(window): the linear part, found by least squares, is the same for all members and
    stays as it is (the "highway" of Lai et al. 2018, "LSTNet").
    """

    def __init__(self, lags: int) -> None:
        super().__init__()
        self.linear = nn.Buffer(mg.zeros(lags + 1))
        self.spread = nn.Buffer(mg.zeros(AHEAD))  # variance of the errors of forecasts of roots
        self.members = nn.ModuleList([Member() for _ in range(MEMBERS)])

    def forward(self, windows: Tensor) -> Tensor:
        lags = self.linear.shape[0] - 1
        linear = mg.matmul(windows[:, :, -lags:], self.linear[:lags]) + self.linear[lags]
        return linear + mg.concat([member(windows[:, k]) for k, member in enumerate(self.members)], axis=1)


class ForecastPredictor(Predictor):
    """Histories, (histories, steps), to the AHEAD values after each: members go on from their own forecasts; mean of all.

    Of counts the networks see square roots, whose spread does not grow with their mean, and the variance of their errors is
    added to the squared forecasts, as E[r²] = E[r]² + Var[r]. Of other series they see what one step adds when the profile
    of the season is taken away.
    """

    takes: ClassVar[str] = "a CSV file with the series' column"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.counts, self.season, self.column = bool(details["counts"]), int(details["season"]), details["column"]
        self.mean, self.deviation = float(details["mean"]), float(details["deviation"])
        if self.season < 1 or not 0 < self.deviation < np.inf or not np.isfinite(self.mean):
            raise ValueError(f"season {self.season}, mean {self.mean}, deviation {self.deviation}")
        self.length = WINDOW if self.counts else max(WINDOW + 1, self.season * (SEASONS + 1))
        self.model = Forecaster(details["lags"])

    def windows(self, histories: Series) -> tuple[NDArray[np.float32], Series]:
        """What the networks see of histories, (histories, WINDOW), and what the AHEAD values after each are counted from."""
        if self.counts:
            return self.standardized(np.sqrt(np.maximum(histories[:, -WINDOW:], 0))), np.zeros((len(histories), AHEAD))
        profile = seasonal_profile(histories[:, -self.length :], self.season)
        places = np.arange(-WINDOW - 1, AHEAD) % self.season
        level = histories[:, -WINDOW - 1 :] - profile[:, places[: WINDOW + 1]]
        return self.standardized(np.diff(level)), level[:, -1:] + profile[:, places[WINDOW + 1 :]]

    def standardized(self, x: Series) -> NDArray[np.float32]:
        """With mean 0 and deviation 1, as the networks see numbers."""
        return ((x - self.mean) / self.deviation).astype(np.float32)

    def ahead(self, windows: NDArray[np.float32]) -> Series:
        """The next AHEAD standardised values after each window, (windows, AHEAD)."""
        with self.inference():
            seen = np.repeat(windows[:, None], MEMBERS, axis=1)
            for _ in range(AHEAD):
                following = self.model(Tensor(seen[:, :, -WINDOW:])).data
                seen = np.concatenate([seen, following[:, :, None]], axis=2)
        return seen[:, :, WINDOW:].mean(axis=1, dtype=np.float64) * self.deviation + self.mean

    def predict(self, inputs: Any) -> Series:
        histories = as_numbers(inputs, ("histories", "steps"), "The histories", np.float64, single=True)
        if histories.shape[1] < self.length:
            raise ShapeError("MG161", f"A forecast needs {self.length} values or more, got {histories.shape}.")
        windows, base = self.windows(histories)
        ahead = self.ahead(windows)
        if self.counts:
            return np.maximum(ahead, 0) ** 2 + self.model.spread.data
        return np.cumsum(ahead, axis=1) + base

    def read(self, names: Sequence[str]) -> Series:
        return self._series(one_file(names), self.length)[None]

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return ["step", self.column], [[step, f"{value:.6g}"] for step, value in enumerate(predicted[0], 1)]

    def evaluate(self, path: str) -> list[Metric]:
        series = self._series(path, self.length + AHEAD)
        histories, truth = rolling(series, self.length, self.length)
        return rmse("", self.predict(histories), truth)

    def _series(self, path: str, least: int) -> Series:
        series, self.notes = read_series(path, self.column)
        return long_enough(series, least, path)


def rolling(series: Series, start: int, length: int, ahead: int = AHEAD) -> tuple[Series, Series]:
    """From each place from `start` on: the `length` values before it, and the `ahead` values from it on."""
    parts = sliding_window_view(series[start - length :], length + ahead)
    return parts[:, :length], parts[:, length:]


def rmse(whose: str, forecasts: Series, truth: Series) -> list[Metric]:
    """√ of the mean squared error over all steps ahead, and of the first step."""
    squares = (forecasts - truth) ** 2
    return [Metric(f"{whose}RMSE", float(squares.mean() ** 0.5)),
            Metric(f"{whose}1-step RMSE", float(squares[:, 0].mean() ** 0.5))]  # fmt: skip


def long_enough(series: Series, least: int, path: str) -> Series:
    """The series. Raises `DataError` (MG181) if it has fewer than `least` values."""
    if len(series) < least:
        raise DataError("MG181", f"{path} has {len(series)} rows; this needs {least} or more.")
    return series
