"""The time machine of the page: any step of a run folder is opened, and a weight is followed through the steps."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from microgradient.errors import MicrogradientError, OutOfRangeError
from microgradient.page.past import PastRun
from microgradient.recipes import RECIPES
from microgradient.train.progress import Progress
from microgradient.train.rerun import Rerun
from microgradient.train.run_folder import RunFolder
from microgradient.train.session import Session


class Watching(Progress):
    def __init__(self, recipe, losses, seen):
        self.recipe, self.losses, self.seen = recipe, losses, seen

    def step(self, step, loss):
        self.losses[step] = loss
        self.seen[step] = {name: np.array(value) for name, value in self.recipe.model.state_dict().items()}

    def epoch(self, epoch, loss, metric):
        pass


def past(path, name, **options):
    """A run that was lived, with its losses and parameters by step, and the page of its folder."""
    session = Session.begin(name, RECIPES[name], RECIPES[name], options, path)
    losses, seen = {}, {}
    session.run(lambda line: None, lambda *_: Watching(session.recipe, losses, seen))
    saved = RunFolder.peek(path)
    run = PastRun(Rerun(Session.again(name, RECIPES[name], RECIPES[name], saved), saved))
    return (
        run,
        {name: lambda answer=answer, **words: answer(words) for name, answer in run.answers.items()},
        losses,
        seen,
    )


def node(graph, name):
    return next(k for k, each in enumerate(graph["nodes"]) if each["name"] == name)


def test_a_step_that_is_opened_by_a_jump_is_the_one_that_was_lived(tmp_path):
    _run, ask, losses, seen = past(tmp_path, "two-layer", epochs=40, compile=False)
    for step in (38, 5, 40, 6, 2):
        ask["jump"](step=step)
        graph = ask["graph"]()
        assert graph["nodes"][graph["root"]]["value"] == losses[step]
        for name in ("0.weight", "2.bias"):
            for place in np.ndindex(seen[1][name].shape):
                card = ask["why"](node=node(graph, f"model.{name}"), index=",".join(map(str, place)))
                assert card["value"] == seen[step - 1][name][place]
                assert card["update"]["after"] == seen[step][name][place]
                assert card["update"]["step"] == step
        assert ask["run"]()["step"] == step - 1
    state = ask["run"]()
    assert all(losses[k] == loss for k, loss in state["losses"])
    assert state["past"] == {"last": 40, "working": None, "same": None}


@pytest.mark.slow
def test_a_jump_into_a_compiled_run_of_digits(tmp_path):
    _run, ask, losses, seen = past(tmp_path, "digits", epochs=1, batch_size=128)
    ask["jump"](step=7)
    graph = ask["graph"]()
    assert graph["nodes"][graph["root"]]["value"] == pytest.approx(losses[7], rel=1e-5)
    card = ask["why"](node=node(graph, "model.3.weight"), index="3,5")
    assert card["value"] == seen[6]["3.weight"][3, 5]
    assert card["update"]["after"] == pytest.approx(seen[7]["3.weight"][3, 5], rel=1e-5)


def test_a_weight_is_followed_through_the_steps(tmp_path):
    run, ask, _, seen = past(tmp_path, "two-layer", epochs=30)
    ask["jump"](step=26)
    graph = ask["graph"]()
    found = ask["history"](node=node(graph, "model.0.weight"), index="1,0")
    series = found["series"]
    assert found["name"] == "model.0.weight[1, 0]"
    assert found["steps"] == list(range(1, 26))
    assert series["value"] == [seen[k]["0.weight"][1, 0] for k in range(1, 26)]
    assert sum(series["change"][1:]) == pytest.approx(series["value"][-1] - series["value"][0])
    assert list(series) == ["value", "change", "gradient", "m", "v"]
    m, v = 0.0, 0.0
    for g, m_there, v_there in zip(series["gradient"], series["m"], series["v"], strict=True):  # Adam, by hand
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        assert (m_there, v_there) == (pytest.approx(m, rel=1e-4, abs=1e-9), pytest.approx(v, rel=1e-4, abs=1e-12))
    assert run.machine.at == 25
    ask["jump"](step=26)
    assert ask["graph"]()["nodes"] == graph["nodes"]


def test_the_last_state_is_held_against_the_one_that_was_saved(tmp_path):
    _run, ask, _, _ = past(tmp_path, "two-layer", epochs=12)
    ask["jump"](step=13)
    ask["history"](node=node(ask["graph"](), "model.2.bias"), index="0")
    assert ask["run"]()["past"]["same"] is True


def test_what_there_is_not(tmp_path):
    _run, ask, _, _ = past(tmp_path, "two-layer", epochs=3)
    for step in (0, 5):
        with pytest.raises(OutOfRangeError, match="no step"):
            ask["jump"](step=step)
    ask["jump"](step=2)
    with pytest.raises(MicrogradientError, match="no parameter"):
        ask["history"](node=ask["graph"]()["root"])
    with pytest.raises(OutOfRangeError):
        ask["history"](node=node(ask["graph"](), "model.2.bias"), index="7")


def test_a_jump_can_be_halted(tmp_path):
    run, ask, _, seen = past(tmp_path, "two-layer", epochs=2000)
    told = []

    def jump():
        try:
            ask["jump"](step=1999)
        except MicrogradientError as error:
            told.append(str(error))

    thread = threading.Thread(target=jump)
    thread.start()
    while run.working is None and thread.is_alive():
        time.sleep(0.001)
    ask["halt"]()
    thread.join()
    assert "Stopped after step" in told[0]
    ask["jump"](step=3)
    weights = run.recipe.model.state_dict()
    assert all(np.array_equal(np.array(weights[name]), value) for name, value in seen[2].items())


def test_a_run_of_single_numbers_is_opened_too(tmp_path):
    _run, ask, _losses, _ = past(tmp_path, "moons", epochs=2, batch_size=50)
    ask["jump"](step=2)
    assert ask["graph"]()["nodes"]
    with pytest.raises(MicrogradientError, match=r"nn\.Module"):
        ask["history"](node=0)
