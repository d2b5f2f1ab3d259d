"""A run on the page: it can be paused, stepped and opened, and computes what it would have computed unseen."""

from __future__ import annotations

import re
import threading
import time

import numpy as np
import pytest

from microgradient.errors import MicrogradientError
from microgradient.language import speaking
from microgradient.page.live import Curve, Run
from microgradient.recipes import RECIPES
from microgradient.train.progress import Progress
from microgradient.train.session import Session


def session(tmp_path, name, **options):
    return Session.begin(name, RECIPES[name], RECIPES[name], options, tmp_path)


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def weights(session):
    return {name: np.array(value) for name, value in session.recipe.model.state_dict().items()}


def watched(session, visitor):
    """Train with somebody at the page, in a thread of its own; the run begins paused. Gives what the visitor returned."""
    run = Run(session.recipe, session.folder, session.optimizer)
    run.paused = True
    found = []

    def visit():
        try:
            found.append(
                visitor(
                    run, {name: lambda answer=answer, **words: answer(words) for name, answer in run.answers.items()}
                )
            )
        except Exception as error:
            found.append(error)
        finally:
            run.answers["resume"]({})

    visitor_thread = threading.Thread(target=visit)
    visitor_thread.start()
    session.run(lambda line: None, run.progress(Progress))
    run.end()
    visitor_thread.join()
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


@pytest.mark.parametrize(
    ("name", "options"), [("two-layer", {"epochs": 30}), pytest.param("digits", {"epochs": 1}, marks=pytest.mark.slow)]
)
def test_who_watches_changes_nothing(tmp_path, name, options):
    unseen = session(tmp_path / "unseen", name, **options)
    unseen.run(lambda line: None)

    def visitor(run, ask):
        until(lambda: ask["run"]()["step"] == 1)
        gradients = []
        for opened in (1, 2):
            assert ask["open"]() == opened
            graph = ask["graph"]()
            gradients.append([node["gradient"] for node in graph["nodes"]])
            assert graph["nodes"][graph["root"]]["gradient"] == 1.0
        assert gradients[0] == gradients[1]  # of the same step
        ask["step"]()
        until(lambda: ask["run"]()["step"] == 2)
        ask["open"]()
        return ask["run"]()

    seen = session(tmp_path / "seen", name, **options)
    state = watched(seen, visitor)
    assert state["paused"]
    assert [step for step, _ in state["losses"]] == [1, 2]
    for key, value in weights(unseen).items():
        assert np.array_equal(value, weights(seen)[key])


@pytest.mark.slow
def test_the_opened_step_is_the_next_one(tmp_path):
    """Its loss is the one that the run then has."""

    def visitor(run, ask):
        until(lambda: ask["run"]()["step"] == 1)
        ask["open"]()
        graph = ask["graph"]()
        ask["step"]()
        until(lambda: ask["run"]()["step"] == 2)
        return graph["nodes"][graph["root"]]["value"], ask["run"]()["losses"][1][1]

    opened, run = watched(session(tmp_path, "digits", epochs=1), visitor)
    assert opened == pytest.approx(run, rel=1e-5)


def test_a_question_that_has_no_answer_gets_a_sentence(tmp_path):
    def visitor(run, ask):
        with pytest.raises(MicrogradientError, match="opened yet"):
            ask["graph"]()
        with pytest.raises(MicrogradientError, match="nothing to show"):
            ask["picture"](name="none")
        return ask["picture"](name="boundary")

    drawn = watched(session(tmp_path, "moons", epochs=1), visitor)
    assert drawn["step"] == 1
    assert drawn["address"].startswith("data:image/png;base64,")


@pytest.mark.parametrize("name", ["two-layer", "moons"])
def test_the_doctor_is_offered_where_there_is_one(tmp_path, name):
    """`two-layer` trains an nn.Module, `moons` numbers one by one."""
    made = session(tmp_path, name)
    run = Run(made.recipe, made.folder, made.optimizer)
    run.end()
    if run.answers["run"]({})["examinable"]:
        assert "findings" in run.answers["doctor"]({})
    else:
        with pytest.raises(MicrogradientError, match="MG188"):
            run.answers["doctor"]({})
    assert run.answers["run"]({})["examinable"] == (name == "two-layer")
    made.folder.release()


def test_the_numbers_of_a_run_have_headings_in_the_language_that_is_spoken(tmp_path):
    made = session(tmp_path, "two-layer", epochs=1)
    made.run(lambda line: None)
    run = Run(made.recipe, made.folder, made.optimizer)
    with speaking("zh_CN"):
        state = run.answers["run"]({})
    assert set(state["headings"]) == set(state["metrics"][0]) - {"run"}  # which only tells two runs in one file apart
    assert not re.search("[a-z]", "".join(state["headings"].values()))
    assert run.answers["run"]({})["headings"]["lr"] == "learning rate"


def test_a_long_run_keeps_a_curve_of_bounded_length(tmp_path):
    made = session(tmp_path, "two-layer")
    run = Run(made.recipe, made.folder, made.optimizer)
    for step in range(1, 20_001):
        run.follow(step, float(step), lambda: False)
    assert 1000 <= len(run.losses) <= 2000
    assert all(loss == step for step, loss in run.losses)
    made.folder.release()


def test_a_run_that_is_stopped_does_not_stay_paused(tmp_path):
    made = session(tmp_path, "two-layer")
    run = Run(made.recipe, made.folder, made.optimizer)
    run.paused = True
    run.follow(1, 0.5, lambda: True)
    made.folder.release()


@pytest.mark.slow
def test_the_doctor_sees_the_next_step_and_changes_nothing(tmp_path):
    unseen = session(tmp_path / "unseen", "digits", epochs=1)
    unseen.run(lambda line: None)

    def visitor(run, ask):
        until(lambda: ask["run"]()["step"] == 1)
        return ask["doctor"]()

    seen = session(tmp_path / "seen", "digits", epochs=1)
    found = watched(seen, visitor)
    assert found["findings"] == []
    assert found["layers"]
    for key, value in weights(unseen).items():
        assert np.array_equal(value, weights(seen)[key])


def test_the_doctor_says_whom_it_does_not_examine(tmp_path):
    with pytest.raises(MicrogradientError, match="moons is none"):
        watched(session(tmp_path, "moons", epochs=1), lambda run, ask: ask["doctor"]())


@pytest.mark.parametrize("clip", ["none", "0.05", "auto"])
def test_the_update_told_is_the_one_that_the_run_then_takes(tmp_path, clip):
    made = session(tmp_path, "two-layer", epochs=20, compile=False, clip=clip)

    def visitor(run, ask):
        for step in range(1, 14):  # `auto` measures ten first
            until(lambda step=step: ask["run"]()["step"] == step)
            if step < 13:
                ask["step"]()
        ask["open"]()
        named = {node["name"]: k for k, node in enumerate(ask["graph"]()["nodes"])}
        places = {name: value.shape for name, value in made.recipe.model.named_parameters()}
        told = {
            (name, place): ask["why"](node=named[f"model.{name}"], index=",".join(map(str, place)))["update"]
            for name, shape in places.items()
            for place in np.ndindex(shape)
        }
        before = weights(made)
        ask["step"]()
        until(lambda: ask["run"]()["step"] == 14)
        return told, before, weights(made)

    told, before, after = watched(made, visitor)
    assert len(told) == 9
    for (name, place), update in told.items():
        assert update["step"] == 14
        assert (update["before"], update["after"]) == (before[name][place], after[name][place])
        total = sum(term["contribution"] for term in update["terms"]) + update["rounding"]
        assert total == pytest.approx(update["change"], abs=1e-15)
        assert any(subject == "clip" for subject, _ in update["notes"]) == (clip == "0.05")


def test_the_thread_that_trains_answers_in_the_language_of_who_asks(tmp_path):
    def visitor(run, ask):
        with speaking("zh_CN"):
            ask["open"]()
            return ask["run"]()["pictures"], ask["doctor"]()["text"]

    pictures, said = watched(session(tmp_path, "digits", epochs=1, batch_size=700), visitor)
    assert pictures == [("confusion", "混淆矩阵")]
    assert re.search("[\u4e00-\u9fff]", said)


def test_a_curve_goes_on_whichever_steps_it_is_told_of():
    curve = Curve()
    for step in range(1, 20_001, 2):
        curve.add(step, 1.0)
    assert len(curve) <= 2000
    assert curve[-1][0] > 20_001 - 2 * 2 * curve.stride


def test_the_weights_of_a_scalar_network_have_their_names(tmp_path):
    def visitor(run, ask):
        ask["open"]()
        return {node["name"] for node in ask["graph"]()["nodes"]}

    made = session(tmp_path, "moons", epochs=1)
    names = watched(made, visitor)
    assert names >= {name for name, _ in made.recipe.model.named_parameters()}
