"""`microgradient train` asks the doctor at the start, and when a loss is no longer finite."""

import re

import pytest

from microgradient.recipes import RECIPES
from microgradient.train import session
from microgradient.train.checkup import checkup
from microgradient.train.session import Session


@pytest.mark.parametrize("options", [(), ("--no-compile",)])
def test_a_run_has_the_same_bits_with_and_without_it(run, tmp_path, monkeypatch, options):
    code, out, _ = run("train", "two-layer", "--epochs", 3, "--out", "with", *options)
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("doctor: healthy: loss ")]
    monkeypatch.setattr(session, "checkup", lambda *args: [])
    code, out, _ = run("train", "two-layer", "--epochs", 3, "--out", "without", *options)
    assert (code, "doctor" in out) == (0, False)
    a, b = (next((tmp_path / name).glob("model.*")).read_bytes() for name in ("with", "without"))
    assert a == b


def test_a_run_that_goes_wrong_is_examined(run):
    code, out, error = run("train", "digits", "--lr", 1e30, "--optimizer", "sgd", "--no-compile")
    assert code != 0
    assert "MG170" in error
    assert out.count("doctor: ") == 2


def test_a_loss_that_does_not_fall_is_examined(run):
    code, out, _ = run("train", "digits", "--lr", 1e-12, "--optimizer", "sgd", "--no-compile", "--epochs", 2)
    assert code == 0
    assert "The training loss has not fallen: " in out
    assert "doctor: learning rate too small" in out
    code, out, _ = run("train", "digits", "--epochs", 2, "--out", "well")
    assert (code, "has not fallen" in out, out.count("doctor: ")) == (0, False, 1)


def test_recipes_without_batches_of_examples_are_not(run):
    code, out, _ = run("train", "gridworld", "--epochs", 1)
    assert (code, "doctor" in out) == (0, False)


def test_what_was_found_at_the_start_is_the_cause_of_what_came_after(run):
    code, out, error = run("train", "depth", "--model", "large", "--epochs", 1)
    assert code != 0
    assert "MG170" in error
    commands = re.findall("to train again with this change: (.*)", out)
    assert len(commands) == 2
    assert commands[0] == commands[1]
    assert "--model he" in commands[0]


@pytest.mark.parametrize("name", ["moons", "digits", "two-layer"])
def test_an_absurd_rate_is_told_before_the_training(run, name):
    _, out, _ = run("train", name, "--lr", 1e6, "--optimizer", "sgd", "--epochs", 1, "--no-compile")
    start = out[: out.index("epoch 1/1")] if "epoch 1/1" in out else out
    assert "doctor: learning rate too large" in start
    (command,) = set(re.findall("to train again with this change: (.*)", start))
    rate = float(re.search("--lr ([^ ]+)", command)[1])
    assert 1e-4 < rate < 10


def test_a_network_of_numbers_is_left_as_it_was(tmp_path):
    made = [Session.begin("moons", RECIPES["moons"], RECIPES["moons"], {"lr": 1e6}, tmp_path / name) for name in "ab"]
    assert len(checkup(made[0].recipe, made[0].optimizer, False, str)) > 1
    a, b = ([(p.data, p.grad) for p in session.recipe.model.parameters()] for session in made)
    assert a == b
    assert made[0].optimizer.state_dict() == made[1].optimizer.state_dict()
    assert checkup(made[1].recipe, made[1].recipe.optimizer(), True, str) != []
    for each in made:
        each.folder.release()


def test_a_usual_rate_of_a_network_of_numbers_is_no_finding(run):
    code, out, _ = run("train", "moons", "--epochs", 1, "--no-compile")
    assert (code, "doctor" in out) == (0, False)
