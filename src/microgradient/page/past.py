"""A run that is over, on the page: any of its steps is computed again and opened, and a weight is followed through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import random
from ..errors import ArgumentError, OutOfRangeError
from ..explain.entry import checked_index
from ..explain.updates.quantity import symbol_of
from ..nn import Module
from ..train.rerun import Rerun
from .card import told
from .live import Run
from .session import index_of

_POINTS = 1000  # of a weight's course; of more, every second, third … step is told


class PastRun(Run):
    """What the page may ask of a run folder: what a live run answers, to `jump` to a step, and for a weight's `history`."""

    def __init__(self, rerun: Rerun) -> None:
        super().__init__(rerun.recipe, rerun.folder, rerun.optimizer)
        self.machine = rerun
        self.known: dict[int, float] = {}  # losses by step, as far as they have been computed again
        self.working: tuple[int, int] | None = None  # a step, and that which is to be reached
        self.wish: object = None  # of several jumps, the latest counts
        self.answers |= {"jump": self.jump, "history": self.history, "halt": self.halt}
        self.end()

    def state(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """That of a run, with where the time machine stands."""
        every = max(1, len(self.known) // _POINTS)
        losses = [[k, loss] for k, loss in sorted(self.known.copy().items())[::every] if np.isfinite(loss)]
        past = {"last": self.machine.last, "working": self.working, "same": self.machine.same}
        return {**super().state(words), "losses": losses, "past": past}

    def jump(self, words: Mapping[str, Any]) -> int:
        """Open the graph of step number `step`, from 1 to the one that comes after the last."""
        step = int(words["step"])
        if not 1 <= step <= self.machine.last + 1:
            raise OutOfRangeError(
                "MG127", f"The run has the steps 1 to {self.machine.last:,}; there is no step {step:,}."
            )
        wish = self.wish = object()

        def opened() -> int:
            self._go(step - 1, wish)
            random.set_state(self.folder.run.position.rng)
            return self.open_step()

        return int(self._ask(opened))

    def halt(self, words: Mapping[str, Any]) -> None:
        """End what is being computed."""
        self.wish = object()

    def history(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The entry `index` of the parameter that is node `node`, in each step so far: its value after it, its gradient, its
        change, and what the optimiser remembers of it.
        """
        if self.session is None or not isinstance(self.recipe.model, Module):
            raise ArgumentError("MG188", "The weights of an nn.Module can be followed through a run.")
        graph = self.session.graph["nodes"]
        name = str(graph[int(words["node"])]["name"]) if 0 <= int(words["node"]) < len(graph) else ""
        parameter = dict(self.recipe.model.named_parameters()).get(name.removeprefix("model."))
        if parameter is None:
            raise ArgumentError("MG188", f"{name} is no parameter of the model: only these go from step to step.")
        place = checked_index(index_of(words.get("index")), parameter.shape)
        wish = self.wish = object()
        found: dict[str, Any] = self._ask(lambda: self._followed(parameter, place, wish))
        return {"name": f"{name}[{', '.join(map(str, place))}]", **found}

    def _followed(self, parameter: Any, place: tuple[int, ...], wish: object) -> dict[str, Any]:
        steps = self.machine.at
        every = max(1, -(-steps // _POINTS))
        rows: list[tuple[int, dict[str, Any]]] = []
        before = [float("nan")]

        def look(step: int) -> None:
            value, gradient = float(parameter.raw[place]), parameter.grad
            if step % every == 0 or step == steps:
                row = {"value": value, "change": value - before[0]}
                row |= {"gradient": float(gradient.raw[place])} if gradient is not None else {}
                for key, array in self.optimizer.state.get(parameter, {}).items():
                    if np.shape(array) == parameter.shape:
                        row[symbol_of(key)] = float(array[place])
                rows.append((step, row))
            before[0] = value

        stood = self.machine.state()
        self.machine.go(0, start=0)
        before[0] = float(parameter.raw[place])
        try:
            self._go(steps, wish, look, start=0)
        finally:
            self.machine.put(stood)
        names = list(dict.fromkeys(name for _, row in rows for name in row))
        return {
            "steps": [step for step, _ in rows],
            "series": {name: [told(row.get(name)) for _, row in rows] for name in names},
        }

    def _go(self, step: int, wish: object, look: Callable[[int], None] | None = None, start: int | None = None) -> None:
        def looked(number: int, loss: float) -> None:
            self.known[number] = loss
            self.working = number, step
            if look is not None:
                look(number)
            if self.wish is not wish:
                raise ArgumentError("MG188", f"Stopped after step {number:,}: something else was asked for.")

        try:
            self.machine.go(step, looked, start)
        finally:
            self.working = None
