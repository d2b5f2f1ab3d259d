"""Tables of more columns than rows: what is learnt is the same, and neither time nor memory grows with the columns' square."""

import re
import tracemalloc

import numpy as np
import pytest

from microgradient.data.features import Schema
from microgradient.data.targets import Target
from microgradient.recipes import table as table_recipe
from microgradient.sklearn import TableRegressor
from microgradient.tables import linear

NUMBER = [Target("y", "regression", "number")]


def test_a_ridge_regression_of_a_wide_table_is_that_of_the_normal_equations():
    draw = np.random.default_rng(0)
    x, y, weights = draw.normal(size=(20, 700)), draw.normal(size=(20, 1)), draw.uniform(0.5, 2, 20)
    shares = weights / weights.sum()
    centred = x - shares @ x
    for strength, (weight, bias) in zip(
        (10.0, 0.2), linear.solve_path(x, y, weights, NUMBER, (10.0, 0.2)), strict=True
    ):
        kernel = centred @ centred.T * shares + strength * np.eye(20)
        expected = centred.T @ (shares[:, None] * np.linalg.solve(kernel, y - shares @ y))
        np.testing.assert_allclose(weight, expected, atol=2e-4 * np.abs(expected).max())
        np.testing.assert_allclose(shares @ (x @ weight + bias), shares @ y, atol=1e-3)


@pytest.mark.parametrize("classes", [["a", "b", "c"], []])
def test_both_ways_to_the_axes_lead_to_one_solution(monkeypatch, classes):
    draw = np.random.default_rng(0)
    x, targets = draw.normal(size=(20, 60)), [Target("y", "classification" if classes else "regression", "", classes)]
    y = np.eye(3)[draw.integers(0, 3, 20)] if classes else draw.normal(size=(20, 1))
    whole = list(linear.solve_path(x, y, np.ones(20), targets))
    monkeypatch.setattr(linear, "_WIDE", 0)
    for (weight, bias), (other, other_bias) in zip(whole, linear.solve_path(x, y, np.ones(20), targets), strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-9)
        np.testing.assert_allclose(bias, other_bias, atol=1e-9)


def test_a_wide_linear_model_takes_memory_as_its_data_do():
    x = np.random.default_rng(0).normal(size=(20, 3000))
    tracemalloc.start()
    try:
        next(linear.solve_path(x, x[:, :1], np.ones(20), NUMBER))
        assert tracemalloc.get_traced_memory()[1] < 20 * x.nbytes  # the square of 3,000 is 150 times as much
    finally:
        tracemalloc.stop()


def test_many_numbers_share_the_bends_that_there_are():
    draw = np.random.default_rng(0)

    def bends(columns: int) -> list[int]:
        cells = {f"c{k}": draw.normal(size=200) for k in range(columns)}
        return [len(knots) - 1 for _, knots in Schema.learn(cells, np.arange(200))[0].knots()]

    assert bends(12) == [21] * 12
    assert bends(128) == [2] * 128
    assert bends(129) == []


@pytest.mark.slow
def test_a_table_of_more_columns_than_rows_is_learnt():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 800))
    x[:, 0] *= 40
    model = TableRegressor(max_iter=2, random_state=0).fit(x, x[:, 0])
    assert np.isfinite(model.predict(x)).all()


def test_the_importance_of_wide_tables_is_that_of_the_columns_that_predictions_go_with(run, monkeypatch):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(120, 6))
    rows = [",".join(f"{cell:.4f}" for cell in (*row, 5 * row[2] + 3 * row[4])) for row in x]
    with open("w.csv", "w") as file:
        file.write("\n".join(["a,b,c,d,e,f,y", *rows]))
    whole = run("train", "w.csv", "--epochs", "2", "--out", "whole")[1]
    monkeypatch.setattr(table_recipe, "_MOST_SHUFFLED", 2)
    some = run("train", "w.csv", "--epochs", "2", "--out", "some")[1]
    (found,) = re.findall(
        r"columns that matter most of the 2 that correlate most with what is predicted \(.*\): (.*)", some
    )
    assert found == ", ".join(re.search(r"columns that matter most \(.*\): (.*)", whole)[1].split(", ")[:2])
    assert re.match("c [0-9.]+, e ", found)
