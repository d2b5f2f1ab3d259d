"""What a run shows while it goes on: a live bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Timer
from typing import Any, Self

from ..language import translate

_LINES = 20
_COMPILING_SECONDS = 2.0  # what takes longer is told


def show_progress(epochs: int, steps: int, first_step: int, loss_unit: str) -> Progress:
    """A bar where standard output is a terminal that can show one, lines where it is a pipe or a file.

    `steps` is the total number of steps, `first_step` how many are done already.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return _Bar(console, epochs, steps, first_step, loss_unit)
    return Progress(epochs, steps, first_step, loss_unit)


class Progress:
    """About twenty lines in all, and one every ten seconds at least. It is entered for the length of the training;
    `compiling` is around what may compile a step, `step` is called after each step, `epoch` after each epoch. `stopped` says
    whether the user has stopped the run.
    """

    stopped: Callable[[], bool] = staticmethod(lambda: False)

    pause = 10.0  # seconds without an epoch's end, after which a step is shown

    def __init__(self, epochs: int, steps: int, first_step: int, loss_unit: str) -> None:
        self.epochs, self.steps, self.loss_unit = epochs, steps, loss_unit
        self.done, self.metric, self.shown = first_step * epochs // steps, "", time.monotonic()
        self.at = self.first = first_step
        self.begun = 0.0  # when the first step was done, which also paid for what is done once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def compiling(self) -> AbstractContextManager[None]:
        return self._said()

    @contextmanager
    def _said(self) -> Iterator[None]:
        timer = Timer(_COMPILING_SECONDS, _say, (_compiling(),))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def step(self, step: int, loss: float) -> None:
        self.at, now = step, time.monotonic()
        if not self.begun:
            self.first, self.begun = step, now
        if now - self.shown > self.pause:
            self._show(translate(f"step {step:,}/{self.steps:,}"), loss)

    def epoch(self, epoch: int, loss: float, metric: str) -> None:
        self.done, self.metric = epoch, metric
        if epoch % max(1, -(-self.epochs // _LINES)) == 0 or epoch in (1, self.epochs):
            self._show(translate(f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}"), loss)

    def pace(self) -> str:
        """`12 steps/s  0:07 left`; nothing before there is something to measure."""
        if self.at <= self.first:
            return ""
        rate = (self.at - self.first) / max(1e-9, time.monotonic() - self.begun)
        shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        return translate(f"{shown} steps/s  {_clock((self.steps - self.at) / rate)} left")

    def _show(self, place: str, loss: float) -> None:
        self.shown = time.monotonic()
        self._write(place, "  ".join(part for part in (self._loss(loss), self.metric, self.pace()) if part))

    def _write(self, place: str, numbers: str) -> None:
        print(f"{place}  {numbers}", flush=True)

    def _loss(self, loss: float) -> str:
        told = f"{loss:{'.4f' if abs(loss) < 1e4 else '.4e'}} {translate(self.loss_unit)}".rstrip()
        return translate(f"loss {told}")


class _Bar(Progress):
    """A bar by rich, redrawn at most ten times a second."""

    pause = 0.1

    def __init__(self, console: Any, epochs: int, steps: int, first_step: int, loss_unit: str) -> None:
        from rich import progress

        super().__init__(epochs, steps, first_step, loss_unit)
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=None),
            progress.TextColumn("{task.fields[numbers]}"),
            console=console,
            expand=True,
        )
        self.task = self.bar.add_task(self._epoch(), total=steps, completed=first_step, numbers="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.bar.stop()

    @contextmanager
    def _said(self) -> Iterator[None]:
        before = self.bar.tasks[0].fields["numbers"]
        self.bar.update(self.task, numbers=_compiling())
        try:
            yield
        finally:
            self.bar.update(self.task, numbers=before)

    def _write(self, place: str, numbers: str) -> None:
        self.bar.update(self.task, completed=self.at, description=self._epoch(), numbers=numbers)

    def _epoch(self) -> str:
        return translate(f"epoch {min(self.done + 1, self.epochs)}/{self.epochs}")


def _clock(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _compiling() -> str:
    return translate("compiling the training step …")


def _say(words: str) -> None:
    """Runs in a thread of its own; that the reader has gone is for the loop to notice."""
    with suppress(BrokenPipeError):
        print(words, flush=True)
