"""What recipes offer to be looked at while they train: samples of what is written, films, curves. Looking changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from test_page_control import after, begun, short
from test_page_live import session, until, watched, weights

from microgradient.errors import MicrogradientError
from microgradient.language import speaking
from microgradient.recipes import RECIPES, gridworld
from microgradient.recipes import text as writing

__all__ = ["short"]  # a fixture
TEXT = "The quick brown fox jumps over the lazy dog. " * 20


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_SAMPLE", 40)
    monkeypatch.setattr(writing.Text, "report", lambda self: [])
    (tmp_path / "text.txt").write_text(TEXT)
    return {"text": str(tmp_path / "text.txt"), "epochs": 3, "batch_size": 4, "compile": False}


def test_who_reads_samples_changes_nothing(tmp_path, text):
    unseen = session(tmp_path / "unseen", "text", **text)
    unseen.run(lambda line: None)

    def visitor(run, ask):
        after(ask, 2)
        found = [ask["sample"](name="sample") for _ in range(2)]
        ask["step"]()
        until(lambda: ask["run"]()["step"] == 3)
        return [*found, ask["sample"](name="sample")]

    seen = session(tmp_path / "seen", "text", **text)
    first, again, later = watched(seen, visitor)
    assert first == again
    assert (first["step"], later["step"]) == (2, 3)
    assert first["headings"] == ["after", "it writes"]
    [[beginning, written]] = first["rows"]
    assert beginning in TEXT
    assert len(beginning) == 64
    assert len(written) == 40
    assert set(written) <= set(TEXT)
    assert later["rows"][0][1] != written  # the model has learnt
    for key, value in weights(unseen).items():
        assert np.array_equal(value, weights(seen)[key])


def test_the_sample_of_the_maze_is_the_policy(tmp_path):
    def visitor(run, ask):
        after(ask, 2)
        with speaking("zh"):
            told, state = ask["sample"](name="maze"), ask["run"]()
        return told, run.recipe.predictor.moves(), state

    told, moves, state = watched(session(tmp_path, "gridworld", epochs=1), visitor)
    [[drawn]] = told["rows"]
    found = [cell for cell in drawn.replace(" ", "").replace("\n", "") if cell != "█"]
    arrows = [gridworld.ARROWS[move] for move in moves]
    arrows[gridworld.GOAL] = "G"
    assert found == arrows
    assert told["headings"] == ["每一格的走法"]
    assert state["samples"] == [("maze", "迷宫")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "columns"), [("names", 2), ("translate", 3)])
def test_every_recipe_that_writes_has_samples(tmp_path, name, columns):
    recipe = RECIPES[name](RECIPES[name].defaults)
    for write in recipe.samples().values():
        headings, rows = write()
        assert len(headings) == columns
        assert len(rows) >= 4
        assert all(len(row) == columns and all(isinstance(cell, str) for cell in row) for row in rows)


def test_an_episode_is_played_by_the_present_policy_and_changes_nothing(short, tmp_path):
    unseen = begun(tmp_path / "unseen", "sac")
    unseen.run(lambda line: None)

    def visitor(run, ask):
        after(ask, 14)
        films = [ask["film"](name="episode", number=number) for number in (0, 0, 1)]
        returns = [run.recipe.predictor.returns(1, 10**6 + number)[0] for number in (0, 1)]
        ask["step"]()
        until(lambda: ask["run"]()["step"] == 15)
        return films, ask["film"](name="episode", number=0), returns, ask["run"]()

    seen = begun(tmp_path / "seen", "sac")
    (film, same, other), later, returns, state = watched(seen, visitor)
    assert film == same
    assert film["frames"] != other["frames"]
    assert film["frames"][0] == later["frames"][0]  # it begins alike, and another policy goes on
    assert film["frames"] != later["frames"]
    assert (film["step"], later["step"]) == (14, 15)
    for number, each in enumerate((film, other)):
        assert each["told"] == f"episode {number + 1} of those scored: return {returns[number]:.4g} in 200 steps"
        assert len(each["frames"]) == 101
    points = np.array([p for frame in film["frames"] for stroke in frame for p in stroke["points"]])
    assert film["left"] <= points[:, 0].min()
    assert points[:, 0].max() <= film["right"]
    assert film["bottom"] <= points[:, 1].min()
    assert points[:, 1].max() <= film["top"]
    for key, value in weights(unseen).items():
        assert np.array_equal(value, weights(seen)[key])
    assert state["films"] == [("episode", "episode")]
    assert state["pictures"] == state["samples"] == []


def test_the_returns_are_followed(short, tmp_path):
    made = begun(tmp_path, "ppo")

    def visitor(run, ask):
        after(ask, 14)
        return ask["run"]()["curves"], list(made.recipe.agent.environments.returns)

    curves, returns = watched(made, visitor)
    curves = {curve["name"]: curve["points"] for curve in curves}
    step, last = curves["return while learning"][-1]
    assert step == 14
    assert last == pytest.approx(np.mean(returns))


def test_each_epoch_gives_a_point_of_the_held_out_numbers(tmp_path):
    made = session(tmp_path, "gridworld", epochs=3)
    state = watched(made, lambda run, ask: (ask["resume"](), until(lambda: run.finished), ask["run"]())[-1])
    by_the_clock = ("gradient norm", "update / weight")  # read a few times a second: how often depends on the machine
    [curve] = [curve for curve in state["curves"] if curve["name"] not in by_the_clock]
    assert curve["name"] == "cells with a shortest way"
    assert [step for step, _ in curve["points"]] == [50, 100, 150]


def test_what_is_not_offered(tmp_path):
    def visitor(run, ask):
        for kind in ("sample", "film", "picture"):
            with pytest.raises(MicrogradientError, match="nothing to show that is called 'none'"):
                ask[kind](name="none")

    watched(session(tmp_path, "two-layer", epochs=1), visitor)
