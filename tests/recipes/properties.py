"""What every recipe is held to: it learns a batch by heart, goes on to the same bits, and predicts what it scored."""

from pathlib import Path

import numpy as np
import pytest

import microgradient as mg
from microgradient.recipes import RECIPES
from microgradient.train.session import Session


def built(name: str, **given):
    """A recipe with its defaults and what is given, after seeding as a run does."""
    kind = RECIPES[name]
    options = type(kind.defaults)(**{**kind.defaults.as_dict(), **given})
    mg.manual_seed(options.seed)
    return kind(options)


def trained(name: str, path: Path, **given) -> Session:
    session = Session.begin(name, RECIPES[name], RECIPES[name], given, path)
    session.run(lambda line: None)
    return session


def check_overfits(recipe, examples: np.ndarray, steps: int, factor: float) -> None:
    """In so many compiled steps on one batch, without dropout, the loss falls below `factor` of what it was."""
    batch, optimizer = recipe.batch(examples), recipe.optimizer()
    recipe.model.eval()

    @mg.compile
    def step():
        optimizer.zero_grad()
        loss = recipe.batch_loss(*batch)
        loss.backward()
        optimizer.step()
        return loss.data

    losses = [float(step()) for _ in range(steps)]
    assert losses[-1] < factor * losses[0], losses[:: max(1, steps // 10)]


def check_resumes(name: str, path: Path, **given) -> Session:
    """An epoch and then another gives the state that two epochs give. Returns the session of both in one."""
    whole = trained(name, path / "whole", **{**given, "epochs": 2})
    trained(name, path / "parts", **{**given, "epochs": 1})
    session = Session.resume(name, RECIPES[name], RECIPES[name], {"epochs": 2}, path / "parts")
    session.run(lambda line: None)
    expected, found = whole.recipe.model.state_dict(), session.recipe.model.state_dict()
    for key, value in expected.items():
        np.testing.assert_array_equal(np.asarray(found[key]), np.asarray(value), err_msg=key)
    return whole


def check_predicts(session: Session, inputs) -> None:
    """What the run folder predicts is, bit for bit, what the recipe's own predictor says at the end of the run."""
    again, ours = mg.load(session.folder.path).predict(inputs), session.recipe.predictor.predict(inputs)
    assert_same(again, ours)


def assert_same(a, b) -> None:
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


def check_missing_package(monkeypatch, name: str, package: str, **given) -> None:
    """Without a package that ships its data, or makes its baseline, a recipe says so before the training."""
    import microgradient.data.installed as installed
    from microgradient.errors import DataError

    real = installed.find_spec
    monkeypatch.setattr(installed, "find_spec", lambda found: None if found == package else real(found))
    with pytest.raises(DataError, match=rf"This needs {package}, which is missing.*pip install"):
        built(name, **given)
