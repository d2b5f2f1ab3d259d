"""The training loop, one for all recipes. It can be stopped after any step and go on later to the very same numbers.

Why that holds: a step depends on the parameters, the optimiser's state, the examples of its batch, the learning rate
and the random draws. The first two are saved, the order of an epoch is drawn from (seed, epoch) alone, the learning
rate follows from the epoch, and the generator's state is saved with the position.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from .. import random
from ..errors import MicrogradientError, NonFiniteError
from ..tape import no_grad
from .non_finite import bad_parameter
from .progress import Progress, show_progress
from .recipe import Metric, Recipe
from .run_folder import Position, RunFolder

_SAVE_SECONDS = 10.0
_IMPATIENT_SECONDS = 2.0


class InterruptedRunError(MicrogradientError):
    """The user stopped the run (Ctrl-C, or a termination signal); all of it is saved."""


def train(
    recipe: Recipe,
    folder: RunFolder,
    optimizer: Any,
    show: Callable[[int, int, int, str], Progress] = show_progress,
    step: Callable[..., float] | None = None,
) -> list[Metric]:
    """Train from where `folder` stands to the last epoch; returns the last held-out numbers. `show` makes what shows progress,
    `step` is what takes a step, if there is one already.

    Raises `NonFiniteError` when the loss is not a finite number, `InterruptedRunError` when the user stops it.
    The folder then holds the last good state.
    """
    position, options = folder.run.position, recipe.options
    batches = recipe.steps_per_epoch
    random.set_state(position.rng)
    metrics: list[Metric] = []
    first = position.epoch * batches + position.batch
    last_save = time.monotonic()
    with (
        _stop_signals(folder.stop_signals) as stopped,
        show(options.epochs, options.epochs * batches, first, recipe.loss_unit) as progress,
    ):
        progress.stopped = stopped
        step = step or recipe.make_step(optimizer, progress)
        begun = time.monotonic() - position.seconds
        while position.epoch < options.epochs and not _patience_lost(recipe, position):
            for _ in _epoch(recipe, optimizer, position, step, progress):
                position.seconds = time.monotonic() - begun
                if stopped() or time.monotonic() - last_save > _SAVE_SECONDS:
                    save(recipe, folder, optimizer)
                    last_save = time.monotonic()
                if stopped() and (position.epoch, position.batch) != (options.epochs - 1, batches):
                    raise InterruptedRunError("MG199", f"Stopped after {position.step:,} steps.")
            metrics = _close_epoch(recipe, folder, progress)
    save(recipe, folder, optimizer)
    return metrics


def save(recipe: Recipe, folder: RunFolder, optimizer: Any) -> None:
    """Write the run's state. Raises `NonFiniteError` if a parameter is not finite: the state before is kept."""
    if said := bad_parameter(recipe):
        raise NonFiniteError("MG170", f"After step {folder.run.position.step:,}, {said}")
    folder.run.position.rng = random.get_state()
    folder.run.position.norms = recipe.norms
    folder.extra = recipe.extra_state()
    folder.save(recipe.model.state_dict(), optimizer.state_dict())


def use_best(recipe: Recipe, folder: RunFolder) -> None:
    """Give the model the weights of the best epoch, where a validation part chooses it."""
    if folder.best:
        recipe.model.load_state_dict(folder.best)


def evaluate(recipe: Recipe) -> list[Metric]:
    """The held-out numbers, in evaluation mode and without recording; the model is left in training mode."""
    recipe.model.eval()
    with no_grad():
        metrics = recipe.evaluate()
    recipe.model.train()
    return metrics


def _epoch(
    recipe: Recipe, optimizer: Any, position: Position, step: Callable[..., float], progress: Progress
) -> Iterator[None]:
    """Run what is left of an epoch, pausing after each step with `position` up to date."""
    recipe.set_learning_rate(optimizer, recipe.learning_rate(position.epoch))
    recipe.model.train()
    for examples in recipe.batches(position.epoch)[position.batch :]:
        loss = step(examples, position.step + 1)
        position.batch += 1
        position.step += 1
        position.loss_sum += loss * len(examples)
        position.examples += len(examples)
        progress.step(position.step, loss)
        yield


def _close_epoch(recipe: Recipe, folder: RunFolder, progress: Progress) -> list[Metric]:
    position = folder.run.position
    score = _validated(recipe)  # first, as a recipe may choose then what it predicts by
    metrics = evaluate(recipe)
    loss = position.loss_sum / position.examples
    line: dict[str, Any] = {
        "epoch": position.epoch + 1,
        "step": position.step,
        "lr": recipe.learning_rate(position.epoch),
    }
    values = {metric.key: metric.value if math.isfinite(metric.value) else None for metric in metrics}
    if score is not None:
        line["validation"] = score if math.isfinite(score) else None
    folder.append_metrics({**line, "train_loss": loss, **values})
    position.epoch += 1
    position.batch, position.loss_sum, position.examples = 0, 0.0, 0
    if score is None:
        folder.run.result = values
    elif math.isfinite(score) and (position.best is None or score < position.best):
        position.best, position.best_epoch, folder.run.result = score, position.epoch, values
        folder.best = {name: np.array(value) for name, value in recipe.model.state_dict().items()}
    progress.epoch(position.epoch, loss, str(metrics[0]) if metrics else "")
    return metrics


def _validated(recipe: Recipe) -> float | None:
    recipe.model.eval()
    with no_grad():
        score = recipe.validation()
    recipe.model.train()
    return score


def _patience_lost(recipe: Recipe, position: Position) -> bool:
    return bool(recipe.patience and position.best_epoch and position.epoch - position.best_epoch >= recipe.patience)


@contextmanager
def _stop_signals(numbers: Sequence[int]) -> Iterator[Callable[[], bool]]:
    """Turn these signals into a question that the loop asks between steps.

    Another one stops at once, unless it follows within two seconds: a key pressed twice, or a signal that a wrapper sends
    on, must not cost the work since the last save.
    """
    received: list[float] = []

    def remember(_number: int, _frame: FrameType | None) -> None:
        if received and time.monotonic() - received[0] > _IMPATIENT_SECONDS:
            raise KeyboardInterrupt
        received.append(time.monotonic())

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, remember) for number in numbers}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
