"""A run once more: any step of it is recomputed, to the bit, from the nearest state that is known. Nothing is written.

At first that is the state before the first step, and the one that the run folder keeps. On the way some more are kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .. import random
from ..native.runtime import blas
from .loop import train
from .progress import Progress
from .run_folder import Position, RunFolder
from .session import Session

_KEPT, _BYTES = 32, 1 << 28  # states at most, and bytes of all of them
Look = Callable[[int, float], None]


class State(NamedTuple):
    """All that the next step depends on."""

    position: Position
    model: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    extra: Mapping[str, Any]
    norms: list[float]
    rng: dict[str, Any]


class Rerun:
    """The run of `session`, which stands at its first step; `saved` is its folder."""

    def __init__(self, session: Session, saved: RunFolder) -> None:
        self.recipe, self.optimizer, self.folder = session.recipe, session.optimizer, session.folder
        self.last = saved.run.position.step
        self.same: bool | None = None
        """Whether what the run folder keeps was computed again to the bit; None as long as it was not tried."""
        self.states = {0: self.state()}
        session.load(saved)
        self.states[self.last] = self.state()
        size = sum(np.asarray(x).nbytes for x in self.states[0].model.values())
        self.every = max(1, -(-self.last // min(_KEPT, max(1, _BYTES // max(1, 3 * size)))))
        self.step = self.recipe.make_step(self.optimizer, Progress(1, 1, 0, ""))

    @property
    def at(self) -> int:
        """How many steps have been taken."""
        return self.folder.run.position.step

    def go(self, step: int, look: Look | None = None, start: int | None = None) -> None:
        """Stand after so many steps. `look` is called after each step that is computed for it, with its number and its loss;
        what it raises ends that, where it stands then. `start` is where to begin, if not at the nearest known state.
        """
        nearest = max(k for k in self.states if k <= step) if start is None else start
        if start is not None or not nearest <= self.at <= step:
            self.put(self.states[nearest])
        if self.at == step:
            return

        def reached() -> None:
            """Called after each step and, of the last of an epoch, once more after all that ends an epoch."""
            position = self.folder.run.position
            position.rng = random.get_state()
            done = self.at < self.last or position.epoch == self.states[self.last].position.epoch
            if self.at == self.last and done:
                self.same = _equal(self.state(), self.states[self.last])
            if self.at == step and done:
                raise _ReachedError

        def stepped(number: int, loss: float) -> None:
            self.folder.run.position.rng = random.get_state()  # `look` may end it here
            if number % self.every == 0 and number not in self.states:
                self.states[number] = self.state()
            if look is not None:
                look(number, loss)
            reached()

        try:
            with blas.one_thread(), np.errstate(all="ignore"):
                train(self.recipe, self.folder, self.optimizer, lambda *_: _Looked(stepped, reached), self.step)
        except _ReachedError:
            pass

    def state(self) -> State:
        """All that the next step depends on, as it is now."""
        recipe = self.recipe
        model = {name: np.array(value) for name, value in recipe.model.state_dict().items()}
        return State(deepcopy(self.folder.run.position), model, self.optimizer.state_dict(), deepcopy(recipe.extra_state()),
                      list(recipe.norms), random.get_state())  # fmt: skip

    def put(self, state: State) -> None:
        """Stand where that state was."""
        self.recipe.model.load_state_dict(state.model)
        self.optimizer.load_state_dict(state.optimizer)
        self.recipe.load_extra_state(deepcopy(state.extra))
        self.recipe.norms = list(state.norms)
        random.set_state(state.rng)
        self.folder.run.position = replace(deepcopy(state.position), rng=state.rng)


class _ReachedError(Exception):
    """The step is reached that was wanted."""


class _Looked(Progress):
    def __init__(self, stepped: Look, reached: Callable[[], None]) -> None:
        self.stepped, self.reached = stepped, reached

    def step(self, step: int, loss: float) -> None:
        self.stepped(step, loss)

    def epoch(self, epoch: int, loss: float, metric: str) -> None:
        self.reached()


def _equal(a: State, b: State) -> bool:
    """Whether two states are the same to the bit: parameters, and random draws to come."""
    return a.rng == b.rng and all(np.array_equal(a.model[name], b.model[name], equal_nan=True) for name in b.model)
