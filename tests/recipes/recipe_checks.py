"""What every recipe must do: overfit one batch, go on from where it stopped, predict what it was scored by."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import random
from microgradient.train.loop import InterruptedRunError
from microgradient.train.progress import Progress
from microgradient.train.run_folder import BEST, METRICS, MODEL, OPTIMIZER, STATE, RunFolder
from microgradient.train.session import Session


def made(kind: Any, **options: Any) -> Any:
    """A recipe with its defaults and these options."""
    mg.manual_seed(0)
    return kind(kind.defaults.__class__(**{**kind.defaults.as_dict(), **options}))


def overfitted(recipe: Any, steps: int) -> tuple[float, float]:
    """The loss before and after so many steps on its first batch."""
    optimizer = recipe.optimizer()
    recipe.model.train()
    step = recipe.make_step(optimizer, Progress(1, steps, 0, recipe.loss_unit))
    examples = recipe.batches(0)[0]
    losses = [step(examples, number) for number in range(1, steps + 1)]
    return losses[0], losses[-1]


def begin(kind: Any, path: Path, **options: Any) -> Session:
    return Session.begin(kind.name, kind, kind, options, path)


def run(kind: Any, path: Path, **options: Any) -> tuple[Session, list[str]]:
    """A whole run, and what it said."""
    said: list[str] = []
    session = begin(kind, path, **options)
    session.run(said.append)
    return session, said


def stopped_and_resumed_is_unbroken(kind: Any, tmp_path: Path, step: int, **options: Any) -> None:
    """Assert that a run stopped by Ctrl-C after a step and resumed leaves the files of one that wasn't."""
    run(kind, tmp_path / "whole", **options)
    session = begin(kind, tmp_path / "stopped", **options)
    inner = session.recipe.make_step

    def make_step(optimizer: Any, progress: Any) -> Any:
        take = inner(optimizer, progress)

        def stopping(examples: Any, number: int) -> float:
            if number == step:
                os.kill(os.getpid(), signal.SIGINT)
            return take(examples, number)

        return stopping

    session.recipe.make_step = make_step
    with pytest.raises(InterruptedRunError):
        session.run(lambda _line: None)
    assert RunFolder.peek(tmp_path / "stopped").run.position.step == step
    random.manual_seed(999)  # another process would not have our generator's state either
    Session.resume(kind.name, kind, kind, {}, tmp_path / "stopped").run(lambda _line: None)
    for name in (MODEL, OPTIMIZER, BEST, STATE, METRICS):
        files = [tmp_path / folder / name for folder in ("whole", "stopped")]
        assert files[0].exists() == files[1].exists()
        assert not files[0].exists() or files[0].read_bytes() == files[1].read_bytes(), name


def predicted_from_folder(session: Session, inputs: Any) -> Any:
    """What `mg.load` predicts, once it is clear that these are the bits of the recipe's own predictor."""
    loaded = mg.load(session.folder.path)
    found, expected = loaded.predict(inputs), session.recipe.predictor.predict(inputs)
    same(found, expected)
    same(loaded.predict(inputs), found)
    return found


def same(found: Any, expected: Any) -> None:
    """Assert that predictions are the same to the bit."""
    if isinstance(expected, Mapping):
        assert found.keys() == expected.keys()
        for name in expected:
            same(found[name], expected[name])
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected
