"""`microgradient train` asks the doctor at the start, and when a loss is no longer finite."""

import re

import pytest

from microgradient.train import session


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
