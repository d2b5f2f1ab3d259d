"""The epoch that a validation part chooses, and what else a recipe keeps from one session to the next."""

import numpy as np
import pytest

from microgradient import random
from microgradient.train.loop import InterruptedRunError
from microgradient.train.run_folder import BEST, MODEL, OPTIMIZER, STATE, RunFolder
from microgradient.train.safetensors import load
from test_train_loop import Noisy, begin, quiet, resume


class Validated(Noisy):
    """The third of its epochs has the least validation score. It counts its steps and remembers the examples of the last."""

    name = "validated"
    scores = (3.0, 2.0, 1.0, 1.5, float("nan"), 1.0, 0.5)
    patience = 0

    def __init__(self, options):
        super().__init__(options)
        self.steps, self.last = 0, np.zeros(0, np.int64)
        self.epochs_seen = 0

    def batch(self, examples):
        found = super().batch(examples)
        self.steps += 1
        self.last = np.asarray(examples)
        return found

    def validation(self):
        self.epochs_seen += 1
        assert not self.model.training
        return self.scores[self.epochs_seen - 1]

    def extra_state(self):
        return {"steps": self.steps, "last": self.last, "epochs_seen": self.epochs_seen}

    def load_extra_state(self, state):
        self.steps, self.last, self.epochs_seen = state["steps"], state["last"], state["epochs_seen"]


class Patient(Validated):
    name = "patient"
    patience = 2


FILES = (MODEL, OPTIMIZER, BEST, STATE)


def content(path):
    return {name: (path / name).read_bytes() for name in FILES}


def test_the_best_epoch_is_kept_reported_and_used(tmp_path):
    session = begin(tmp_path / "r", Validated, epochs=5)
    said = []
    session.run(said.append)
    run = RunFolder.open(tmp_path / "r").run
    assert (run.position.epoch, run.position.best_epoch, run.position.best) == (5, 3, 1.0)
    short = begin(tmp_path / "s", Validated, epochs=3)
    short.run(quiet)
    best, latest = load(tmp_path / "r" / BEST)[0], load(tmp_path / "s" / MODEL)[0]
    assert all((best[name] == latest[name]).all() for name in best)
    assert all((np.asarray(session.recipe.model.state_dict()[name]) == best[name]).all() for name in best)
    assert run.result == RunFolder.open(tmp_path / "s").run.result
    assert any("after 3 epochs, chosen by validation of 5 epochs" in line for line in said)
    used = RunFolder.peek(tmp_path / "r").weights()
    assert all((used[name] == best[name]).all() for name in best)


def test_training_ends_when_no_better_epoch_comes(tmp_path):
    begin(tmp_path / "r", Patient, epochs=7).run(quiet)
    run = RunFolder.open(tmp_path / "r").run
    assert (run.position.epoch, run.position.best_epoch) == (5, 3)
    assert [line.get("validation") for line in RunFolder.open(tmp_path / "r").metrics()] == [3.0, 2.0, 1.0, 1.5, None]
    before = content(tmp_path / "r")
    resume(tmp_path / "r", Patient).run(quiet)  # it has ended: nothing is trained
    assert content(tmp_path / "r") == before


@pytest.mark.parametrize("step", [3, 14, 18])  # five steps an epoch
def test_a_stopped_run_goes_on_to_the_same_best_epoch_and_state(tmp_path, step):
    begin(tmp_path / "whole", Validated, epochs=5).run(quiet)
    stopped = begin(tmp_path / "r", Validated, epochs=5)
    stopped.recipe.stop_at = step
    with pytest.raises(InterruptedRunError):
        stopped.run(quiet)
    random.manual_seed(999)
    again = resume(tmp_path / "r", Validated)
    assert again.recipe.steps == step
    again.run(quiet)
    assert content(tmp_path / "r") == content(tmp_path / "whole")
    assert again.recipe.steps == 25
