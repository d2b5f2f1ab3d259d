"""What a run shows while it goes on: a live bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Timer
from types import TracebackType
from typing import Any, Protocol

_COMPILING = "compiling the training step …"
_LINES = 20
_QUIET_SECONDS = 10.0
_COMPILING_SECONDS = 2.0  # what takes longer is told


class Progress(Protocol):
    """Entered for the length of the training; `compiling` around what may compile a step, `step` after each step,
    `epoch` after each epoch.
    """

    def __enter__(self) -> Progress: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def compiling(self) -> AbstractContextManager[None]: ...
    def step(self, step: int, loss: float) -> None: ...
    def epoch(self, epoch: int, loss: float, metric: str) -> None: ...


def show_progress(epochs: int, steps: int, first_step: int, loss_unit: str) -> Progress:
    """A bar where standard output is a terminal that can show one, lines where it is a pipe or a file.

    `steps` is the total number of steps, `first_step` how many are done already.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return _Bar(console, epochs, steps, first_step, loss_unit)
    return _Lines(epochs, steps, first_step, loss_unit)


class _Lines:
    """About twenty lines in all, and one every ten seconds at least."""

    def __init__(self, epochs: int, steps: int, first_step: int, loss_unit: str) -> None:
        self.epochs, self.steps, self.loss_unit = epochs, steps, loss_unit
        self.pace, self.shown = _Pace(first_step), time.monotonic()
        self.every = max(1, -(-epochs // _LINES))
        self.metric = ""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @contextmanager
    def compiling(self) -> Iterator[None]:
        timer = Timer(_COMPILING_SECONDS, print, [_COMPILING], {"flush": True})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def step(self, step: int, loss: float) -> None:
        self.pace.step = step
        if time.monotonic() - self.shown > _QUIET_SECONDS:
            self._print(f"step {step:,}/{self.steps:,}", loss, self.metric)

    def epoch(self, epoch: int, loss: float, metric: str) -> None:
        self.metric = metric
        if epoch % self.every == 0 or epoch in (1, self.epochs):
            self._print(f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}", loss, metric)

    def _print(self, place: str, loss: float, metric: str) -> None:
        self.shown = time.monotonic()
        parts = [place, _loss(loss, self.loss_unit), metric, self.pace.told(self.steps)]
        print("  ".join(part for part in parts if part), flush=True)


class _Bar:
    """A bar by rich, redrawn at most ten times a second."""

    def __init__(self, console: Any, epochs: int, steps: int, first_step: int, loss_unit: str) -> None:
        from rich import progress

        self.epochs, self.loss_unit, self.shown, self.metric = epochs, loss_unit, 0.0, ""
        self.steps, self.pace, self.done = steps, _Pace(first_step), first_step * epochs // steps
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=None),
            progress.TextColumn("{task.fields[numbers]}"),
            console=console,
            expand=True,
        )
        begun = f"epoch {min(self.done + 1, epochs)}/{epochs}"
        self.task = self.bar.add_task(begun, total=steps, completed=first_step, numbers="")

    def __enter__(self) -> _Bar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    @contextmanager
    def compiling(self) -> Iterator[None]:
        before = self.bar.tasks[0].fields["numbers"]
        self.bar.update(self.task, numbers=_COMPILING)
        try:
            yield
        finally:
            self.bar.update(self.task, numbers=before)

    def step(self, step: int, loss: float) -> None:
        self.pace.step = step
        now = time.monotonic()
        if now - self.shown > 0.1 or step == self.steps:
            self.shown = now
            self._update(loss)

    def epoch(self, epoch: int, loss: float, metric: str) -> None:
        self.done, self.metric = epoch, metric
        self._update(loss)

    def _update(self, loss: float) -> None:
        parts = [_loss(loss, self.loss_unit), self.metric, self.pace.told(self.steps)]
        self.bar.update(
            self.task,
            completed=self.pace.step,
            description=f"epoch {min(self.done + 1, self.epochs)}/{self.epochs}",
            numbers="  ".join(part for part in parts if part),
        )


class _Pace:
    """Steps per second since the first step was done, which also paid for what is done once."""

    def __init__(self, step: int) -> None:
        self._step = self.first = step
        self.begun = 0.0

    @property
    def step(self) -> int:
        return self._step

    @step.setter
    def step(self, step: int) -> None:
        self._step = step
        if not self.begun:
            self.first, self.begun = step, time.monotonic()

    def told(self, steps: int) -> str:
        """`12 steps/s  0:07 left`; nothing before there is something to measure."""
        if self._step <= self.first:
            return ""
        rate = (self._step - self.first) / max(1e-9, time.monotonic() - self.begun)
        shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        return f"{shown} steps/s  {_clock((steps - self._step) / rate)} left"


def _loss(loss: float, unit: str) -> str:
    return f"loss {loss:{'.4f' if abs(loss) < 1e4 else '.4e'}} {unit}".rstrip()


def _clock(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
