"""ARIMA, as statsmodels fits it: the baseline of `forecast`."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from ..data.series import Series


class Arima(NamedTuple):
    """The order with the least AIC, whether it is of the series' square roots, and its forecasts (origins, ahead)."""

    order: str
    roots: bool
    forecasts: Series


def arima_forecasts(series: Series, start: int, ahead: int, season: int, counts: bool) -> list[Arima]:
    """From each place from `start` on, forecasts of the next `ahead` values from all values before it, by the best model of
    the series, and by the best of its square roots if it is of `counts`; the one with the least AIC of all comes first.

    The parameters are fitted to what comes before `start`, and AIC is taken there: orders (p, 0, q) with a mean and p to 9, q
    to 1 for counts; else (p, 1, q) with p and q to 2, times (0, 1, 1) if there is a season, or with a drift. Forecasts of roots
    are squared and their variance added, which makes them forecasts of the mean. What are no counts is seen in units of about
    the deviation of a step: what statsmodels begins with, and when it stops, suits numbers of that size.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX
    from threadpoolctl import threadpool_limits

    found = []
    with warnings.catch_warnings(), threadpool_limits(1):  # for its many small products more are slower
        warnings.simplefilter("ignore")  # of where its search starts
        for roots in (False, True) if counts else (False,):
            unit = 1.0 if counts else 2.0 ** np.round(np.log2(np.diff(series[:start]).std() or 1.0))
            known = np.sqrt(series) if roots else series / unit
            fits = [SARIMAX(known[:start], **way).fit(disp=0) for way in _candidates(season, counts)]
            best = min(fits, key=lambda fit: (not fit.mle_retvals["converged"], fit.aic))
            jacobian = np.log(2 * np.sqrt(np.maximum(series[:start], 0.5))).sum() if roots else 0.0
            name = str(best.model.order) + (f" × {best.model.seasonal_order}" if season > 1 and not counts else "")
            rolled = _rolled(best, known, start, ahead, roots) * unit
            found.append((best.aic + 2 * jacobian, Arima(name, roots, rolled)))
    return [arima for _, arima in sorted(found, key=lambda pair: pair[0])]


def _candidates(season: int, counts: bool) -> list[dict[str, Any]]:
    if counts:
        return [{"order": (p, 0, q), "trend": "c"} for p in range(1, 10) for q in range(2)]
    seasonal = {"seasonal_order": (0, 1, 1, season)} if season > 1 else {"trend": "c"}  # a mean of the differences
    return [{"order": (p, 1, q), **seasonal} for p in range(3) for q in range(3)]


def _rolled(fit: Any, known: Series, start: int, ahead: int, roots: bool) -> Series:
    forecasts = []
    for place in range(start, len(known) - ahead + 1):
        forecast = fit.get_forecast(ahead)
        mean = forecast.predicted_mean
        forecasts.append(np.maximum(mean, 0) ** 2 + forecast.var_pred_mean if roots else mean)
        fit = fit.extend(
            known[place : place + 1]
        )  # goes on from the state; `append` would filter all of the series again
    return np.array(forecasts)
