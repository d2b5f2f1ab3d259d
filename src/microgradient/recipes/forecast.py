"""`forecast`: what a time series does next, by autoregression and gated recurrent units, beside ARIMA."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from ..data.series import Series, load_co2, load_sunspots, read_series
from ..errors import ArgumentError
from ..language import translate
from ..tensor import Tensor
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe
from .forecast_baseline import Arima, arima_forecasts
from .forecast_model import AHEAD, MEMBERS, WINDOW, ForecastPredictor, long_enough, rmse, rolling

_LARGEST_SEASON = 24
_SHARE = 0.2  # of the series that is held out


@dataclass(frozen=True, kw_only=True)
class ForecastOptions(Options):
    """Which series."""

    series: str | None = option(
        None, "The series: sunspots a year, the default, or CO₂ a month.", choices=("sunspots", "co2")
    )
    data: str | None = option(None, "A CSV file of your own, one row a step, the oldest first.", metavar="FILE")
    column: str | None = option(None, "The column of --data that is forecast.")
    season: int | None = option(
        None, "After how many steps --data repeats itself, to 24; 1, the default, if it doesn't.", least=1
    )


class Forecast(Recipe):
    """The last fifth of a series is held out. From each place in it the next 12 values are forecast from all that came
    before, by networks, by ARIMA as statsmodels fits it, and by the last season over again. Nothing is fitted to the held-out
    part, nor are parameters refitted in it. Each of five members learns from four fifths of the other windows, one step
    ahead, and the epoch is chosen by the errors of each on the fifth, a block of time. The number of lags and ARIMA's order
    have the least AIC before the held-out part. All else was chosen on earlier parts of both series.

    The gain over ARIMA is that of the linear part: on these series what the recurrent units add is within the noise.

    Run it by `microgradient train forecast --series co2`.
    """

    name: ClassVar[str] = "forecast"
    field: ClassVar[str] = "series"
    needs: ClassVar[tuple[str, ...]] = ("statsmodels", "threadpoolctl")
    summary: ClassVar[str] = "sunspots, CO₂ or your own series, 12 steps ahead, by a GRU beside ARIMA"
    defaults: ClassVar[ForecastOptions] = ForecastOptions(
        epochs=20, batch_size=16, lr=1e-3, optimizer="adamw", model="gru"
    )
    models: ClassVar[tuple[str, ...]] = ("gru",)
    predictor_class: ClassVar[type[Predictor]] = ForecastPredictor
    loss_unit: str = "σ²"
    weight_decay: ClassVar[float | None] = 0.1
    patience: int = 8

    def __init__(self, options: ForecastOptions) -> None:
        super().__init__(options)
        self.series, self.season, self.counts, self.column, self.notes = _chosen(options)
        self.data = (self.series,)
        self.start = len(self.series) - round(_SHARE * len(self.series))
        # a power of two near the series' range: no square of what float32 holds overflows, and no bit is lost
        unit = float(2.0 ** np.round(np.log2(np.ptp(self.series[: self.start]) or 1.0)))
        self.mean, self.deviation, self.lags = 0.0, unit, 1
        length = ForecastPredictor(self.details()).length
        long_enough(self.series, round((length + 2 * WINDOW) / (1 - _SHARE)), options.data or self.column)
        histories, truth = rolling(self.series[: self.start], length, length, ahead=1)
        seen, _ = self._seen(histories, truth)
        self.mean, self.deviation = float(seen.mean()) * unit, float(seen.std()) * unit or 1.0
        self.windows, self.targets = self._seen(histories, truth)
        self.lags, linear = _autoregression(self.windows, self.targets)
        self.predictor = ForecastPredictor(self.details())
        self.model = self.predictor.model
        self.model.linear.data = linear
        self.train_size = len(self.windows)
        blocks = np.arange(self.train_size) * MEMBERS // self.train_size
        self.taught = (blocks[:, None] != np.arange(MEMBERS)).astype(np.float32)  # which members learn from a window

    def _seen(self, histories: Series, truth: Series) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The windows, and the value after each as the networks see it."""
        predictor = ForecastPredictor(self.details())
        windows, base = predictor.windows(histories)
        after = np.sqrt(np.maximum(truth[:, 0], 0)) if self.counts else truth[:, 0] - base[:, 0]
        return windows, predictor.standardized(after)

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, ...]:
        seen = np.repeat(self.windows[examples][:, None], MEMBERS, axis=1)
        return Tensor(seen), Tensor(self.targets[examples]), Tensor(self.taught[examples])

    def batch_loss(self, windows: Tensor, targets: Tensor, taught: Tensor) -> Tensor:
        errors = self.model(windows) - targets[:, None]
        return mg.sum(taught * errors * errors) / mg.sum(taught)

    def validation(self) -> float:
        if self.counts:
            histories, truth = rolling(self.series[: self.start], self.predictor.length, self.predictor.length)
            errors = np.sqrt(truth) - self.predictor.ahead(self.predictor.windows(histories)[0])
            self.model.spread.data = (errors**2).mean(axis=0).astype(np.float32)
        with self.predictor.inference():
            windows, targets, taught = self.batch(np.arange(self.train_size))
            errors = self.model(windows).data - targets.data[:, None]
        return float((errors**2)[taught.data == 0].mean())

    def evaluate(self) -> list[Metric]:
        histories, truth = rolling(self.series, self.start, self.predictor.length)
        ours = rmse("", self.predictor.predict(histories), truth)
        baselines = {f"{name} ": forecasts for name, forecasts in self.baselines.items()}
        scores = [rmse(whose, forecasts, truth) for whose, forecasts in baselines.items()]
        return [both[k] for k in (0, 1) for both in (ours, *scores)]

    @cached_property
    def arima(self) -> list[Arima]:
        """ARIMA's forecasts from each held-out place; the model with the least AIC first."""
        return arima_forecasts(self.series, self.start, AHEAD, self.season, self.counts)

    @cached_property
    def baselines(self) -> dict[str, Series]:
        """Forecasts from each held-out place: ARIMA's, and the last season over again."""
        histories, _ = rolling(self.series, self.start, self.season)
        naive = np.tile(histories, -(-AHEAD // self.season))[:, :AHEAD]
        return {"baseline": self.arima[0].forecasts, "seasonal-naive": naive}

    def details(self) -> dict[str, Any]:
        return {"counts": self.counts, "season": self.season, "column": self.column, "lags": self.lags,
                "mean": self.mean, "deviation": self.deviation}  # fmt: skip

    def description(self) -> list[str]:
        return [
            *map(translate, self.notes),
            translate(
                f"{self.start} values to learn from, {len(self.series) - self.start} held out; forecasts of {AHEAD} from the "
                f"last {WINDOW}, the linear ones from {self.lags} of them, as AIC chose"
            ),
        ]

    def report(self) -> list[str]:
        """How ARIMA was chosen, and what the one that was not chosen would have reached."""
        _, truth = rolling(self.series, self.start, self.season)
        of = {True: "square roots", False: "the values"}
        best, *others = (
            (translate(f"ARIMA {a.order} of {of[a.roots]}"), rmse("", a.forecasts, truth)[0]) for a in self.arima
        )
        return [
            translate(f"the baseline is {best[0]}, by AIC"),
            *(translate(f"not chosen by AIC: {name}, {error}") for name, error in others),
        ]

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"forecast": self._draw_forecasts}

    def _draw_forecasts(self, figure: Any) -> None:
        """The held-out part, and every twelfth forecast from it."""
        histories, _ = rolling(self.series, self.start, self.predictor.length)
        lines = {translate("network"): self.predictor.predict(histories), "ARIMA": self.arima[0].forecasts}
        axes = figure.subplots()
        first = self.start - 2 * AHEAD
        axes.plot(range(first, len(self.series)), self.series[first:], color="black", label=translate("measured"))
        for (name, forecasts), colour in zip(lines.items(), ("tab:blue", "tab:orange"), strict=True):
            for k in range(0, len(forecasts), AHEAD):
                steps = range(self.start + k, self.start + k + AHEAD)
                axes.plot(steps, forecasts[k], color=colour, label="" if k else name)
        axes.set(xlabel=translate("time step"), ylabel=self.column)
        axes.legend()


def _chosen(options: Any) -> tuple[Series, int, bool, str, list[str]]:
    """The series that the options name, its season, whether it is of counts, what it is called, and notes on it."""
    if options.data is None:
        if options.column is not None or options.season is not None:
            raise ArgumentError(
                "MG188", "--column and --season are for a series of your own: name its file with --data."
            )
        if options.series == "co2":
            return load_co2(), 12, False, "co2", []
        return load_sunspots(), 11, True, "sunspots", []
    if options.series is not None:
        raise ArgumentError("MG188", "--series and --data each name a series: leave one of them out.")
    season = 1 if options.season is None else options.season
    if options.column is None:
        raise ArgumentError("MG188", f"Which column of {options.data} is to be forecast? Name it with --column.")
    if not 1 <= season <= _LARGEST_SEASON:
        raise ArgumentError("MG188", f"--season must be between 1 and {_LARGEST_SEASON}, not {season}.")
    series, notes = read_series(options.data, options.column)
    return series, season, False, options.column, notes


def _autoregression(windows: NDArray[np.float32], targets: NDArray[np.float32]) -> tuple[int, NDArray[np.float32]]:
    """The number of lags with the least AIC, to half of WINDOW, and the coefficients by least squares, the constant last."""
    found = []
    for lags in range(1, WINDOW // 2 + 1):
        x = np.concatenate([windows[:, -lags:], np.ones((len(windows), 1))], axis=1, dtype=np.float64)
        coefficients = np.linalg.lstsq(x, targets, rcond=None)[0]
        error = float(((x @ coefficients - targets) ** 2).mean())
        found.append((len(x) * np.log(max(error, 1e-12)) + 2 * lags, lags, coefficients))
    _, lags, coefficients = min(found, key=lambda way: way[0])
    return lags, coefficients.astype(np.float32)
