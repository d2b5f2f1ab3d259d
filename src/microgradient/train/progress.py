"""What a run shows while it goes on: a live bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Protocol

_LINES = 20
_QUIET_SECONDS = 10.0


class Progress(Protocol):
    """Entered for the length of the training; ``step`` after each step, ``epoch`` after each epoch."""

    def __enter__(self) -> Progress: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def step(self, step: int, loss: float) -> None: ...
    def epoch(self, epoch: int, loss: float, metric: str) -> None: ...


def show_progress(epochs: int, steps: int, first_step: int, loss_unit: str) -> Progress:
    """A bar where standard output is a terminal that can show one, lines where it is a pipe or a file.

    ``steps`` is the total number of steps, ``first_step`` how many are done already.
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
        self.first_step = self.current = first_step
        self.every = max(1, -(-epochs // _LINES))
        self.begun = self.shown = time.monotonic()
        self.metric = ""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def step(self, step: int, loss: float) -> None:
        self.current = step
        if time.monotonic() - self.shown > _QUIET_SECONDS:
            self._print(f"step {step:,}/{self.steps:,}", loss, self.metric)

    def epoch(self, epoch: int, loss: float, metric: str) -> None:
        self.metric = metric
        if epoch % self.every == 0 or epoch in (1, self.epochs):
            self._print(f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}", loss, metric)

    def _print(self, place: str, loss: float, metric: str) -> None:
        self.shown = time.monotonic()
        rate = (self.current - self.first_step) / max(1e-9, self.shown - self.begun)
        left = (self.steps - self.current) / rate if rate else 0.0
        parts = [place, f"loss {loss:.4f} {self.loss_unit}".rstrip(), metric, _rate(rate), f"{_clock(left)} left"]
        print("  ".join(part for part in parts if part), flush=True)


class _Bar:
    """A bar by rich, redrawn at most ten times a second."""

    def __init__(self, console: Any, epochs: int, steps: int, first_step: int, loss_unit: str) -> None:
        from rich import progress

        self.epochs, self.loss_unit, self.shown, self.metric = epochs, loss_unit, 0.0, ""
        self.first_step, self.steps, self.begun = first_step, steps, time.monotonic()
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=None),
            progress.TextColumn("{task.fields[numbers]}"),
            console=console,
            expand=True,
        )
        self.current = first_step
        self.done = 0
        self.task = self.bar.add_task("starting", total=steps, completed=first_step, numbers="")

    def __enter__(self) -> _Bar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(self, step: int, loss: float) -> None:
        self.current = step
        now = time.monotonic()
        if now - self.shown > 0.1 or step == self.steps:
            self.shown = now
            self._update(loss)

    def epoch(self, epoch: int, loss: float, metric: str) -> None:
        self.done, self.metric = epoch, metric
        self._update(loss)

    def _update(self, loss: float) -> None:
        rate = (self.current - self.first_step) / max(1e-9, time.monotonic() - self.begun)
        left = (self.steps - self.current) / rate if rate else 0.0
        parts = [f"loss {loss:.4f} {self.loss_unit}".rstrip(), self.metric, _rate(rate), f"{_clock(left)} left"]
        self.bar.update(
            self.task,
            completed=self.current,
            description=f"epoch {min(self.done + 1, self.epochs)}/{self.epochs}",
            numbers="  ".join(part for part in parts if part),
        )


def _rate(rate: float) -> str:
    return f"{rate:,.0f} steps/s" if rate >= 10 else f"{rate:.2g} steps/s"


def _clock(seconds: float) -> str:
    """``0:07``, ``12:30``, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
