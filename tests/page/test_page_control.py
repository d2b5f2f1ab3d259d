"""Reinforcement learning on the page: the next update's graph, episodes, returns. Who watches changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from test_page_live import session, until, watched, weights

from microgradient.cli import main
from microgradient.errors import MicrogradientError
from microgradient.page.past import PastRun
from microgradient.recipes import RECIPES, gridworld
from microgradient.rl import recipe as shared
from microgradient.train.rerun import Rerun
from microgradient.train.run_folder import RunFolder
from microgradient.train.session import Session

OFF = {"n_envs": 1, "steps": 200, "batch_size": 8, "learning_starts": 10, "net_arch": (8,), "learning_rate": 1e-3}
SMALL = {
    "reinforce": {"n_envs": 2, "steps": 5600, "n_steps": 40},
    "a2c": {"n_envs": 2, "steps": 700, "n_steps": 5},
    "ppo": {"n_envs": 2, "steps": 1400, "n_steps": 10, "batch_size": 10, "n_epochs": 2},
    "dqn": {**OFF, "steps": 800, "exploration_steps": 40},
    "sac": {**OFF},
    "td3": {**OFF},
}
RUNS = {
    "reinforce": ("cartpole", {}), "a2c": ("cartpole", {}), "ppo": ("cartpole", {}), "dqn": ("cartpole", {}),
    "dqn prioritized": ("cartpole", {"prioritized": True}), "sac": ("pendulum", {}), "td3": ("pendulum", {}),
}  # fmt: skip


@pytest.fixture
def short(monkeypatch):
    """Runs of a few iterations, scored by a few episodes."""
    monkeypatch.setattr(shared, "_EPISODES", 2)
    monkeypatch.setattr(shared, "_VALIDATION_EPISODES", 1)
    for name in ("cartpole", "pendulum"):
        monkeypatch.setattr(RECIPES[name], "settings", SMALL)
        monkeypatch.setattr(RECIPES[name], "pictures", lambda self: {})


def begun(path, which, **options):
    name, given = RUNS[which]
    return session(path, name, algorithm=which.split()[0], epochs=2, **given, **options)


def after(ask, steps):
    """Let the run, which is paused, go on to this step."""
    for step in range(1, steps + 1):
        until(lambda step=step: ask["run"]()["step"] == step)
        if step < steps:
            ask["step"]()


@pytest.mark.parametrize("which", RUNS)
def test_who_opens_the_next_update_changes_nothing(short, tmp_path, which):
    unseen = begun(tmp_path / "unseen", which)
    unseen.run(lambda line: None)

    def visitor(run, ask):
        after(ask, 12)
        for _ in range(2):
            ask["open"]()
        graph = ask["graph"]()
        ask["step"]()
        until(lambda: ask["run"]()["step"] == 13)
        return graph, ask["run"]()

    seen = begun(tmp_path / "seen", which)
    graph, state = watched(seen, visitor)
    assert graph["nodes"][graph["root"]]["gradient"] == 1.0
    if not state["shown"]:  # an update of one minibatch: its loss is the step's
        assert graph["nodes"][graph["root"]]["value"] == pytest.approx(state["losses"][-1][1], rel=1e-4)
    assert (state["shown"] == "the first of 4 minibatches") == (which == "ppo")
    assert ("the actor's is left out" in state["shown"]) == (which in ("sac", "td3"))
    for key, value in weights(unseen).items():
        assert np.array_equal(value, weights(seen)[key])
    assert seen.folder.metrics() == unseen.folder.metrics()


@pytest.mark.parametrize("which", ["a2c", "dqn prioritized", "sac", "td3"])
def test_the_card_says_what_the_optimiser_makes_of_the_gradient(short, tmp_path, which):
    made = begun(tmp_path, which, compile=False)

    def visitor(run, ask):
        after(ask, 12)
        ask["open"]()
        nodes = ask["graph"]()["nodes"]
        shown = {name: k for k, node in enumerate(nodes) for name in [node["name"].removeprefix("model.")]}
        name = [name for name, _ in made.recipe.model.named_parameters() if name in shown][-1]  # a bias at the end
        update = ask["why"](node=shown[name], index="0")["update"]
        ask["step"]()
        until(lambda: ask["run"]()["step"] == 13)
        return update, weights(made)[name][0]

    update, then = watched(made, visitor)
    assert update["after"] == then
    assert update["before"] != then


def test_a_step_that_only_acts_has_no_graph(short, tmp_path):
    with pytest.raises(MicrogradientError, match="first 10 steps in the environments are random"):
        watched(begun(tmp_path, "dqn"), lambda run, ask: ask["open"]())


def test_a_run_that_has_only_acted_is_saved_as_no_page(short, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(RECIPES["cartpole"], "settings", {"dqn": {**SMALL["dqn"], "learning_starts": 10_000}})
    assert main(["train", "cartpole", "--algorithm", "dqn", "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    assert main(["view", str(tmp_path / "run"), "--save", str(tmp_path / "page.html")]) == 1
    assert "The next step learns nothing" in capfd.readouterr().err


def test_the_graph_of_the_maze_has_the_gradient_that_is_written_by_hand(tmp_path):
    made = session(tmp_path, "gridworld", epochs=1)

    def visitor(run, ask):
        after(ask, 3)
        logits, values, walks = made.recipe._walks(32, 4)
        ask["open"]()
        graph = ask["graph"]()
        node = next(k for k, each in enumerate(graph["nodes"]) if each["name"] == "model.logits")
        row = ask["array"](node=node)
        update = ask["why"](node=node, index="0,1")["update"]
        ask["step"]()
        until(lambda: ask["run"]()["step"] == 4)
        return row, gridworld.policy_gradient(logits, values, *walks), update, weights(made)["logits"][0, 1]

    told, by_hand, update, then = watched(made, visitor)
    np.testing.assert_allclose(told["gradient"], by_hand, atol=1e-6)
    assert update["after"] == pytest.approx(then, rel=1e-5)


def test_a_step_of_a_run_that_is_over_is_opened_too(short, tmp_path):
    made = begun(tmp_path, "dqn prioritized", compile=False)
    made.run(lambda line: None)
    saved = RunFolder.peek(tmp_path)
    run = PastRun(Rerun(Session.again("cartpole", RECIPES["cartpole"], RECIPES["cartpole"], saved), saved))
    losses = {}
    for step in (30, 15, 31, 16):
        run.jump({"step": step})
        graph = run.answers["graph"]({})
        losses[step] = graph["nodes"][graph["root"]]["value"]
    told = dict(map(tuple, run.state({})["losses"]))
    assert losses[15] == pytest.approx(told[15], rel=1e-6)
    assert losses[30] == pytest.approx(told[30], rel=1e-6)
