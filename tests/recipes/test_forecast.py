"""`forecast`: rolling origins, baselines that see no more than the network, series of one's own."""

from pathlib import Path

import numpy as np
import pytest
from properties import built, check_missing_package, check_overfits, check_predicts, check_resumes, trained

import microgradient as mg
from microgradient.data.numeric_csv import read_numbers
from microgradient.data.series import load_co2, read_series, seasonal_profile
from microgradient.errors import ArgumentError, DataError, ShapeError
from microgradient.recipes import forecast_baseline
from microgradient.recipes.forecast_baseline import arima_forecasts
from microgradient.recipes.forecast_model import AHEAD, WINDOW, rolling


@pytest.fixture
def own(tmp_path):
    """A file with a trend, a season of 4 and noise, in a column beside another."""
    steps = np.arange(280)
    values = 0.3 * steps + 5 * np.sin(steps * np.pi / 2) + np.random.default_rng(0).normal(size=280)
    path = tmp_path / "own.csv"
    path.write_text("step,sold\n" + "".join(f"{k},{v:.4f}\n" for k, v in enumerate(values)))
    return str(path)


@pytest.fixture
def quick(monkeypatch):
    """Without ARIMA, which takes seconds."""
    from microgradient.recipes import forecast
    from microgradient.recipes.forecast_baseline import Arima

    def zeros(series, start, ahead, season, counts):
        return [Arima("none", False, np.zeros((len(series) - start - ahead + 1, ahead)))]

    monkeypatch.setattr(forecast, "arima_forecasts", zeros)


@pytest.mark.parametrize("season", [2, 3, 4, 7, 12])
def test_the_profile_of_a_line_and_a_season_is_that_season(season):
    wave = np.random.default_rng(season).normal(size=season)
    wave -= wave.mean()
    steps = np.arange(season * 6 + 3)
    found = seasonal_profile(np.stack([2 * steps, 7 - steps]) + wave[(steps - len(steps)) % season], season)
    np.testing.assert_allclose(found, [wave, wave], atol=1e-10)


def test_co2_is_the_monthly_mean_that_pandas_computes():
    from statsmodels.datasets import co2

    expected = co2.load_pandas().data["co2"].resample("MS").mean().interpolate().to_numpy()
    np.testing.assert_allclose(load_co2(), expected, rtol=1e-12)


@pytest.mark.parametrize("series", ["sunspots", "co2"])
def test_nothing_held_out_is_learnt_from(series, monkeypatch):
    """Another future leaves windows, targets and first weights as they are."""
    from microgradient.recipes import forecast

    before, loader = built("forecast", series=series), f"load_{series}"
    changed = before.series.copy()
    changed[before.start :] = 1000.0
    monkeypatch.setattr(forecast, loader, lambda: changed)
    after = built("forecast", series=series)
    np.testing.assert_array_equal(after.windows, before.windows)
    np.testing.assert_array_equal(after.targets, before.targets)
    for name, value in before.model.state_dict().items():
        np.testing.assert_array_equal(np.asarray(after.model.state_dict()[name]), np.asarray(value))
    assert after.details() == before.details()


def test_arima_sees_what_came_before_alone(monkeypatch):
    monkeypatch.setattr(forecast_baseline, "_candidates", lambda season, counts: [{"order": (1, 1, 0)}])
    series = np.cumsum(np.random.default_rng(3).normal(size=80))
    changed = series.copy()
    changed[70:] += 100
    before, after = (arima_forecasts(x, 60, 6, 1, counts=False)[0].forecasts for x in (series, changed))
    np.testing.assert_array_equal(before[:11], after[:11])  # those from 60 to 70
    assert (np.abs(before[11] - after[11]) > 10).all()


def test_arima_with_a_drift_goes_on_as_a_line_does():
    noise = 0.1 * np.random.default_rng(4).normal(size=80)
    forecasts = arima_forecasts(3 * np.arange(80) + noise, 60, 8, 1, counts=False)[0].forecasts
    np.testing.assert_allclose(np.diff(forecasts[:, 3:]), 3, atol=0.05)


def test_a_forecast_is_of_the_values_after_the_history():
    """An untrained network is the linear forecast of the next step, undone from what the networks see."""
    recipe = built("forecast", series="co2")
    histories, truth = rolling(recipe.series[: recipe.start], recipe.predictor.length, recipe.predictor.length)
    forecasts = recipe.predictor.predict(histories[:50])
    assert forecasts.shape == (50, AHEAD)
    windows, base = recipe.predictor.windows(histories[:50])
    linear = windows[:, -recipe.lags :] @ recipe.model.linear.data[:-1] + recipe.model.linear.data[-1]
    np.testing.assert_allclose(forecasts[:, 0], linear * recipe.deviation + recipe.mean + base[:, 0], rtol=1e-6)
    assert np.sqrt(np.mean((forecasts - truth[:50]) ** 2)) < 1


def test_a_batch_is_learnt_by_heart():
    recipe = built("forecast", lr=0.03)
    recipe.taught[:] = 1
    check_overfits(recipe, np.arange(6), 150, 0.1)


@pytest.mark.slow
def test_forecast_resumes_predicts_and_refuses(tmp_path, own, quick, monkeypatch):
    given = {"data": own, "column": "sold", "season": 4, "batch_size": 128}
    session = check_resumes("forecast", tmp_path, **given)
    check_predicts(session, session.recipe.series[None])
    predictor = mg.load(session.folder.path)
    inputs = predictor.read([own])
    with pytest.raises(DataError, match="One CSV file is needed, not 2"):
        predictor.read([own, own])
    header, rows = predictor.rows(inputs, predictor.predict(inputs))
    assert header == ["step", "sold"]
    assert [row[0] for row in rows] == list(range(1, AHEAD + 1))
    assert abs(float(rows[3][1]) - (0.3 * 283 - 5)) < 3
    assert predictor.evaluate(own)[0].value < 1.5
    with pytest.raises(ShapeError, match=r"36 values or more, got \(1, 20\)"):
        predictor.predict(np.zeros(20))
    for broken, words in (("step,sold\n1,2\n", "has 1 rows; this needs 36"), ("step\n1\n", "lacks a column 'sold'")):
        (tmp_path / "broken.csv").write_text(broken)
        with pytest.raises(DataError, match=words):
            predictor.read([str(tmp_path / "broken.csv")])
    for wrong, words in (
        ({"data": own}, "Which column"),
        ({"data": own, "column": "sold", "season": 60}, "between 1 and 24, not 60"),
        ({"season": 4}, "name its file with --data"),
        ({"data": own, "column": "sold", "series": "sunspots"}, "leave one of them out"),
    ):
        with pytest.raises(ArgumentError, match=words):
            built("forecast", **wrong)
    (tmp_path / "short.csv").write_text("sold\n" + "1\n2\n" * 30)
    with pytest.raises(DataError, match="has 60 rows; this needs"):
        built("forecast", data=str(tmp_path / "short.csv"), column="sold")
    check_missing_package(monkeypatch, "forecast", "statsmodels")


def test_arima_goes_on_from_its_state(monkeypatch):
    """The forecasts are those of filtering all that came before, but nothing is filtered twice."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX, SARIMAXResults

    series = np.cumsum(np.random.default_rng(3).normal(size=90))
    fit = SARIMAX(series[:70], order=(1, 1, 1), trend="c").fit(disp=0)
    expected = [fit.apply(series[:place]).forecast(6) for place in range(70, 85)]
    for again in ("append", "apply"):
        monkeypatch.setattr(SARIMAXResults, again, lambda *_, **__: pytest.fail("filtered again"))
    np.testing.assert_allclose(forecast_baseline._rolled(fit, series, 70, 6, roots=False), expected, rtol=1e-9)


@pytest.mark.parametrize("factor", [2.0**70, 2.0**-80, 2.0**300])
def test_another_unit_changes_nothing(tmp_path, own, quick, factor):
    lines = [line.split(",") for line in Path(own).read_text().split()[1:]]
    other = tmp_path / "other.csv"
    other.write_text("sold\n" + "".join(f"{float(value) * factor!r}\n" for _, value in lines))
    recipes = [built("forecast", data=path, column="sold", season=4) for path in (own, str(other))]
    plain, scaled = (recipe.predictor.predict(recipe.series[:-AHEAD]) for recipe in recipes)
    np.testing.assert_array_equal(scaled, plain * factor)
    np.testing.assert_array_equal(*(recipe.windows for recipe in recipes))
    assert recipes[1].validation() == recipes[0].validation() < 1
    errors = [[metric.value for metric in recipe.evaluate()] for recipe in recipes]
    np.testing.assert_allclose(errors[1], np.array(errors[0]) * factor, rtol=1e-12)


def test_arima_does_as_well_in_another_unit(monkeypatch):
    monkeypatch.setattr(forecast_baseline, "_candidates", lambda season, counts: [{"order": (0, 1, 1)}])
    series = np.cumsum(np.random.default_rng(3).normal(size=80))
    plain, scaled = (
        arima_forecasts(series * unit, 70, 6, 1, counts=False)[0].forecasts / unit for unit in (1, 2.0**-40)
    )
    np.testing.assert_array_equal(plain, scaled)


def test_series_of_ones_own_are_read_with_care(tmp_path):
    path = tmp_path / "s.csv"

    def read(text: str):
        path.write_text(text)
        return read_series(str(path), "v")

    assert read("v\n1\n2\n\n")[0].tolist() == [1, 2]  # a blank line at the end is none
    months = [f"20{k // 12 + 10}-{k % 12 + 1:02}-01,{k}\n" for k in range(40)]
    assert read("day,v\n" + "".join(months))[1] == []
    (note,) = read("day,v\n" + "".join(months[:5] + months[9:20] + months[22:]))[1]
    assert "'day' has 2 steps longer than the others, the first after 2010-05-01" in note
    for text, words in (
        ("v\n1\n\n2\n", "line 3, is blank"),
        ('v\n1\n""\n2\n', "line 3, is blank"),
        ("v,v\n1,2\n3,4\n", "more than one column 'v'"),
        ("v\n1\n1e120\n", "another unit"),
        ("v\n1e-120\n0\n", "another unit"),
        ("day,v\n" + "".join(reversed(months)), "row 2: 'day' goes back from 2013-04-01 to 2013-03-01"),
    ):
        with pytest.raises(DataError, match=words):
            read(text)
    with pytest.raises(DataError, match=r"lacks 2 columns, 'a', 'b': its header names day, v"):
        read_numbers(path, ["a", "b"])


def test_a_window_ends_where_the_history_does():
    recipe = built("forecast")
    windows, _ = recipe.predictor.windows(recipe.series[None, :100])
    expected = (np.sqrt(recipe.series[100 - WINDOW : 100]) - recipe.mean) / recipe.deviation
    np.testing.assert_allclose(windows[0], expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("series", ["sunspots", "co2"])
def test_forecasts_are_below_arima_and_the_last_season(tmp_path, series):
    result = trained("forecast", tmp_path / "r", series=series).folder.run.result
    assert result["RMSE"] < result["baseline_RMSE"] < result["seasonal-naive_RMSE"]
    assert result["1-step_RMSE"] < result["baseline_1-step_RMSE"]
