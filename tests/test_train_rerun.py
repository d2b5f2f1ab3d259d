"""A run is computed again up to any of its steps: to the bit what it was, and nothing is written."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from microgradient.cli import main
from microgradient.cli.train import find
from microgradient.recipes import RECIPES
from microgradient.train.progress import Progress
from microgradient.train.rerun import Rerun
from microgradient.train.run_folder import RunFolder
from microgradient.train.session import Session

CASES = [
    ("two-layer", {"epochs": 30}),
    ("two-layer", {"epochs": 30, "compile": False, "clip": "auto"}),
    ("gridworld", {"epochs": 1}),  # of reinforcement learning
    ("moons", {"epochs": 2, "batch_size": 20}),  # of single numbers
    pytest.param("digits", {"epochs": 2, "model": "cnn"}, marks=pytest.mark.slow),
]


def numbers(recipe):
    return {name: np.array(value) for name, value in recipe.model.state_dict().items()}


class Watching(Progress):
    """Keeps the losses of a run and, after each step, the parameters."""

    def __init__(self, recipe, losses, seen):
        self.recipe, self.losses, self.seen = recipe, losses, seen

    def step(self, step, loss):
        self.losses[step] = loss
        self.seen[step] = numbers(self.recipe)

    def epoch(self, epoch, loss, metric):
        pass


def lived(path, name, options):
    """A run as it was lived: its losses and parameters by step."""
    session = Session.begin(name, RECIPES[name], RECIPES[name], options, path)
    losses, seen = {}, {0: numbers(session.recipe)}
    session.run(lambda line: None, lambda *_: Watching(session.recipe, losses, seen))
    return losses, seen


def again(path, name):
    saved = RunFolder.peek(path)
    return Rerun(Session.again(name, RECIPES[name], RECIPES[name], saved), saved)


def contents(path):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.iterdir()}


def same(recipe, state):
    return all(np.array_equal(value, state[name]) for name, value in numbers(recipe).items())


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_a_step_by_a_jump_is_the_step_that_was_lived(tmp_path, name, options):
    losses, seen = lived(tmp_path, name, options)
    written = contents(tmp_path)
    rerun = again(tmp_path, name)
    last = max(seen)
    assert (rerun.at, rerun.last) == (last, last)
    assert same(rerun.recipe, seen[last])
    rng = np.random.default_rng(0)
    for step in [0, 1, last - 1, last, *map(int, rng.integers(0, last + 1, 6))]:
        met = {}
        rerun.go(step, met.__setitem__)
        assert rerun.at == step
        assert same(rerun.recipe, seen[step])
        assert met == {k: losses[k] for k in met}
    assert contents(tmp_path) == written
    met = {}
    rerun.go(last, met.__setitem__, start=0)
    assert met == losses
    assert rerun.same


def test_a_run_that_ends_its_epochs_by_choosing(tmp_path):
    """A table's networks are mixed by validation at the end of each epoch: that, too, is what it was."""
    rows = [f"{x / 7:.3f},{x * x % 11},{'uvw'[x % 3]},{x % 5 + x / 9:.3f}" for x in range(120)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,c,y", *rows]))
    assert main(["train", str(tmp_path / "table.csv"), "--epochs", "2", "--out", str(tmp_path / "run")]) == 0
    saved = RunFolder.peek(tmp_path / "run")
    kind, make, source = find(saved.run.source)
    rerun = Rerun(Session.again(source, kind, make, saved), saved)
    before = numbers(rerun.recipe)
    rerun.go(rerun.last // 2)
    assert not same(rerun.recipe, before)
    rerun.go(rerun.last, start=0)
    assert rerun.same
    assert same(rerun.recipe, before)


def test_what_was_computed_on_the_way_is_not_computed_twice(tmp_path):
    lived(tmp_path, "two-layer", {"epochs": 100})
    rerun = again(tmp_path, "two-layer")
    met = []
    rerun.go(90, lambda k, loss: met.append(k))
    assert met == list(range(1, 91))
    met.clear()
    rerun.go(50, lambda k, loss: met.append(k))
    assert len(met) < rerun.every
    assert len(rerun.states) <= 34


def test_who_looks_may_end_it_and_go_on(tmp_path):
    _, seen = lived(tmp_path, "two-layer", {"epochs": 40})
    rerun = again(tmp_path, "two-layer")

    def stop(step, loss):
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rerun.go(30, stop)
    assert rerun.at == 7
    assert same(rerun.recipe, seen[7])
    rerun.go(30)
    assert same(rerun.recipe, seen[30])


def test_a_run_that_is_not_repeated_is_noticed(tmp_path):
    """As after a change of the program between the run and its rerun."""
    lived(tmp_path, "two-layer", {"epochs": 20})
    rerun = again(tmp_path, "two-layer")
    rerun.recipe.learning_rate = lambda epoch: 0.02
    rerun.go(20, start=0)
    assert rerun.same is False
