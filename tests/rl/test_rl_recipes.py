"""The recipes of reinforcement learning, as the command line runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import microgradient as mg
from microgradient.cli import main
from microgradient.errors import DataError, ShapeError
from microgradient.recipes import RECIPES
from microgradient.recipes.cartpole import CartPole
from microgradient.rl import recipe as shared
from microgradient.rl.recipe import DiscreteOptions
from microgradient.train.run_folder import METRICS
from microgradient.train.session import Session

CONTROL = ["cartpole", "acrobot", "pendulum", "mountaincar"]


@pytest.fixture
def short(monkeypatch):
    """Runs of a few iterations, scored by a few episodes."""
    monkeypatch.setattr(shared, "_EPISODES", 2)
    monkeypatch.setattr(shared, "_VALIDATION_EPISODES", 1)
    small = {
        "ppo": {"n_envs": 2, "steps": 100, "n_steps": 10, "batch_size": 10, "n_epochs": 2, "learning_rate": 1e-3},
        "dqn": {"n_envs": 1, "steps": 200, "learning_starts": 10, "batch_size": 8, "exploration_steps": 40},
    }
    monkeypatch.setattr(CartPole, "settings", {**CartPole.settings, **small})


def run(path, **given):
    said: list[str] = []
    session = Session.begin("cartpole", CartPole, CartPole, given, path)
    session.run(said.append)
    return session, said


@pytest.mark.parametrize("given", [{}, {"algorithm": "dqn", "prioritized": True, "dueling": True}])
def test_a_resumed_run_is_the_same(short, tmp_path, given, monkeypatch):
    monkeypatch.setattr(CartPole, "pictures", lambda self: {})
    whole, _ = run(tmp_path / "whole", epochs=4, **given)
    part, _ = run(tmp_path / "part", epochs=2, **given)
    again = Session.resume("cartpole", CartPole, CartPole, {"epochs": 4}, part.folder.path)
    again.run(lambda _: None)
    for name, tensor in whole.recipe.model.state_dict().items():
        np.testing.assert_array_equal(tensor.data, again.recipe.model.state_dict()[name].data)
    lines = [[json.loads(line) for line in (s.folder.path / METRICS).read_text().splitlines()] for s in (whole, again)]
    assert lines[0] == lines[1]


def test_a_run_folder_acts_as_the_recipe_did(short, tmp_path, capsys):
    session, said = run(tmp_path / "run", epochs=2)
    assert any(line.startswith("mean return") for line in said)
    predictor = mg.load(session.folder.path)
    seen = np.random.default_rng(0).normal(size=(5, 4))
    for name, values in session.recipe.predictor.predict(seen).items():
        np.testing.assert_array_equal(predictor.predict(seen)[name], values)
    np.testing.assert_array_equal(predictor.returns(2, 10**6), session.recipe.predictor.returns(2, 10**6))
    np.save(tmp_path / "seen.npy", seen)
    np.savetxt(tmp_path / "seen.csv", seen, delimiter=",")
    tables = []
    capsys.readouterr()
    for file in ("seen.npy", "seen.csv"):
        assert main(["predict", str(session.folder.path), str(tmp_path / file)]) == 0
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1]
    assert tables[0].splitlines()[0] == "action,value"
    assert len(tables[0].splitlines()) == 6
    assert (session.folder.path / "episode.png").exists()
    predictor.film(tmp_path / "episode.gif")
    assert (tmp_path / "episode.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize("words", [
    ["--algorithm", "sac"], ["--dueling"], ["--algorithm", "a2c", "--batch-size", "32"], ["--lr", "-1"], ["--optimizer", "adam"],
    ["--clip", "1"],
])  # fmt: skip
def test_bad_options_get_one_sentence(words, tmp_path, capsys):
    assert main(["train", "cartpole", *words, "--out", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert len(error.splitlines()) == 1
    assert words[-1].strip("-").split()[0] in error or words[-2] in error


def test_bad_observations_get_one_sentence(short, tmp_path):
    session, _ = run(tmp_path / "run", epochs=1)
    predictor = mg.load(session.folder.path)
    np.save(tmp_path / "wide.npy", np.zeros((2, 5)))
    (tmp_path / "words.csv").write_text("a,b\n")
    np.save(tmp_path / "nan.npy", [[0.0, 0, 0, 0], [0, 0, np.nan, 0]])
    np.save(tmp_path / "huge.npy", [[0.0, 1e300, 0, 0]])
    np.save(tmp_path / "text.npy", np.full((1, 4), "a"))
    (tmp_path / "nan.csv").write_text("a,b,c,d\n1,2,3,4\n1,inf,3,4\n")
    (tmp_path / "narrow.csv").write_text("1,2,3\n4,5,6\n")
    for name, said in (("wide.npy", r"\(2, 5\)"), ("words.csv", "words.csv"), ("none.npy", "none.npy"),
                       ("nan.npy", r"nan.npy has nan at \[1, 2\]"), ("huge.npy", r"1e\+300 at"), ("text.npy", "numbers.*not <U1"),
                       ("nan.csv", "nan.csv, row 2, column 'b': 'inf'"), ("narrow.csv", "3 columns.*4 numbers")):  # fmt: skip
        with pytest.raises((DataError, ShapeError), match=said):
            predictor.read([str(tmp_path / name)])
    with pytest.raises(DataError, match=r"The array has nan at \[0, 0\]"):
        predictor.predict(np.full(4, np.nan))
    assert predictor.predict(np.zeros(4))["action"].shape == (1,)
    with pytest.raises(DataError, match="seed"):
        predictor.evaluate("data.csv")


@pytest.mark.parametrize("name", CONTROL)
def test_every_algorithm_of_the_tables_can_be_made(name):
    kind = RECIPES[name]
    for algorithm in kind.settings:
        recipe = kind(type(kind.defaults)(algorithm=algorithm))
        assert recipe.options.lr == recipe.agent.optimizer.param_groups[0]["lr"]
        assert recipe.agent.name == algorithm
        assert recipe.steps_per_epoch > 0
        assert recipe.extra_state()


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
def test_cartpole_is_balanced(algorithm, tmp_path):
    session = Session.begin("cartpole", CartPole, CartPole, {"algorithm": algorithm}, tmp_path / "run")
    session.run(lambda _: None)
    assert session.folder.run.result["mean_return"] >= 475


def test_the_options_say_what_is_the_algorithms_own():
    recipe = CartPole(DiscreteOptions(algorithm="ppo", lr=0.5, batch_size=32))
    assert recipe.agent.batch_size == 32
    assert recipe.agent.optimizer.param_groups[0]["lr"] == 0.5
