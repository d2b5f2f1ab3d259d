"""The gradient's norm and the relative size of steps, as curves of a watched run."""

import numpy as np
import pytest
from test_page_live import session, until, watched

import microgradient as mg
from microgradient.page import step_sizes
from microgradient.page.step_sizes import StepSizes
from microgradient.recipes import RECIPES
from microgradient.train.options import Options
from microgradient.train.progress import show_progress
from microgradient.train.step import Step


@pytest.mark.parametrize("compiled", [True, False])
def test_of_descent_the_update_is_rate_times_gradient(monkeypatch, compiled):
    monkeypatch.setattr(step_sizes, "_EVERY", 0.0)
    recipe = RECIPES["digits"](
        Options(**{**RECIPES["digits"].defaults.as_dict(), "optimizer": "sgd", "lr": 0.01, "compile": compiled})
    )
    step, sizes = Step(recipe, recipe.optimizer(), show_progress(1, 2, 0, "")), StepSizes(recipe.model.parameters())
    step(np.arange(8), 1)
    assert sizes.after_step() == {}  # there are no weights to compare with yet
    weights = np.concatenate([p.data.astype(np.float64).ravel() for p in recipe.model.parameters()])
    step(np.arange(8, 16), 2)
    gradient = np.concatenate([p.grad.data.astype(np.float64).ravel() for p in recipe.model.parameters()])
    found = sizes.after_step()
    np.testing.assert_allclose(found["gradient norm"], np.linalg.norm(gradient), rtol=1e-12)
    ratio = 0.01 * np.linalg.norm(gradient) / np.linalg.norm(weights)
    np.testing.assert_allclose(found["update / weight"], ratio, rtol=1e-3)  # float32 holds the weights


def test_what_is_unknown_or_not_finite_breaks_nothing(monkeypatch):
    monkeypatch.setattr(step_sizes, "_EVERY", 0.0)
    w = mg.tensor([0.0, 0.0], requires_grad=True)
    sizes = StepSizes([w])
    assert sizes.after_step() == {}
    assert sizes.after_step() == {}  # no gradient, and no size to compare with
    sizes.after_step()
    w.grad = mg.tensor([3.0, 4.0])
    assert sizes.after_step() == {"gradient norm": 5.0}
    w.data = np.array([3.0, 4.0])
    sizes.after_step()
    w.data = np.array([np.inf, 4.0])
    assert sizes.after_step() == {"gradient norm": 5.0, "update / weight": np.inf}


def test_a_watched_run_has_both_curves(monkeypatch, tmp_path):
    monkeypatch.setattr(step_sizes, "_EVERY", 0.0)
    begun = session(tmp_path / "r", "moons", epochs=8)

    def visitor(run, ask):
        ask["resume"]()
        until(lambda: ask["run"]()["finished"] or ask["run"]()["step"] >= 30)
        return {curve["name"]: curve["points"] for curve in ask["run"]()["curves"]}

    curves = watched(begun, visitor)
    for name in ("gradient norm", "update / weight"):
        assert len(curves[name]) > 1
        assert all(value > 0 for _, value in curves[name])


def test_frozen_parameters_and_optimisers_that_take_turns_are_left_out(monkeypatch):
    monkeypatch.setattr(step_sizes, "_EVERY", 0.0)
    w, target = mg.tensor([3.0, 4.0], requires_grad=True), mg.tensor([1e6])
    sizes = StepSizes([w, target], one_gradient=False)
    sizes.after_step()
    w.grad = mg.tensor([1.0, 1.0])
    w.data, target.data = np.array([3.0, 4.5]), np.array([2e6])
    assert sizes.after_step() == {"update / weight": 0.1}
