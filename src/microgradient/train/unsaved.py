"""Training that leaves nothing on the disk: a recipe is trained as by `microgradient train`, and what was learnt is in it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from .. import random
from ..native.runtime import blas
from ..tape import enable_grad
from .loop import InterruptedRunError, train, use_best
from .progress import Progress, show_progress
from .recipe import Recipe
from .run_folder import Position, Run, RunFolder

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)
_one_at_a_time = threading.Lock()


class UnsavedRun(RunFolder):
    """Stands for a run folder. `lines` are those that `metrics.jsonl` would have; `interrupted`: the user stopped the run. A
    signal to terminate is for the process that it runs in.
    """

    stop_signals: ClassVar[tuple[int, ...]] = (signal.SIGINT,)

    def __init__(self) -> None:
        super().__init__(Path(), Run("", "", {}, "", {}, "", {}, Position(rng=random.get_state())), None)
        self.lines: list[Mapping[str, Any]] = []
        self.interrupted = False

    def save(self, model: Mapping[str, Any], optimizer: Mapping[str, Any]) -> None:
        """Nothing is written."""

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        self.lines.append(line)


class _Silent(Progress):
    @contextmanager
    def compiling(self) -> Iterator[None]:
        yield

    def _write(self, place: str, numbers: str) -> None:
        pass


def train_unsaved(make: Callable[[], AnyRecipe], seed: int, verbose: bool = False) -> tuple[AnyRecipe, UnsavedRun]:
    """Train the recipe that `make` makes, with the same numbers as a run of this seed from the command line; what the recipe
    holds then is its best epoch. The generator of `mg.random` is left as it was.
    """
    with _one_at_a_time:  # there is one generator
        before = random.get_state()
        try:
            random.manual_seed(seed)
            return _trained(make, verbose)
        finally:
            random.set_state(before)


def _trained(make: Callable[[], AnyRecipe], verbose: bool) -> tuple[AnyRecipe, UnsavedRun]:
    with blas.one_thread(), np.errstate(all="ignore"), enable_grad():
        recipe = make()
        optimizer = recipe.optimizer()
        run = UnsavedRun()
        try:
            train(recipe, run, optimizer, show_progress if verbose else _Silent)
        except InterruptedRunError:
            run.interrupted = True
            if not run.best:
                raise KeyboardInterrupt from None
        use_best(recipe, run)
        return recipe, run
