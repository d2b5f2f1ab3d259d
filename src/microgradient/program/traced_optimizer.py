"""Optimisers under a trace: what they remember becomes inputs and outputs of the program, their learning rates inputs.

The other settings are constants, compared at every call.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from ..trace_hooks import Traced
from .bindings import Entry, Setting
from .sym import Sym
from .traced_world import TRACED

FLOAT64 = np.dtype(np.float64)


class OptimizerTrace:
    """One optimiser in one trace: its states and settings as the traced function sees them."""

    def __init__(self, trace: Any, optimizer: Any) -> None:
        self.trace = trace
        self.optimizer = optimizer
        self.before: dict[Any, dict[str, Any]] = {}
        self.now: dict[Any, dict[str, Any]] = {}
        self.groups: dict[int, dict[str, Any]] = {}
        self.rates = [(group, group.get("lr"), copy(group.get("lr"))) for group in optimizer.param_groups]
        self.begun: list[Any] = []  # parameters whose state was made for this trace

    def update(self, p: Any, g: Any, group: dict[str, Any]) -> None:
        """One parameter's update: `Optimizer._update`, with Syms."""
        state = self._state(p, group)
        new = self.optimizer.updated(TRACED, p.raw, g, state, self._settings(group))
        p.raw = new.astype(p.raw.dtype)

    def _state(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        if p not in self.now:
            states = self.optimizer.state
            if not states.get(p):
                first = self.optimizer.first_state(p, group)
                if first and self.optimizer.made_in == self.trace.start:
                    self.trace.refuse(
                        "Making an optimiser", "Make it outside, or use one without a state inside: `SGD`."
                    )
                if first:
                    states[p] = first
                    self.begun.append(p)
            given = {key: self._input(p, key, value) for key, value in states.get(p, {}).items()}
            self.before[p], self.now[p] = given, dict(given)
        return self.now[p]

    def _input(self, p: Any, key: str, value: Any) -> Any:
        if value is None:
            return None
        binding = Entry(self.optimizer, p, key)
        if isinstance(value, np.ndarray) and (value.ndim or p.shape == ()) and key not in self.optimizer.numbers:
            return self.trace.input(binding, value.shape, value.dtype)
        return self.trace.input(binding, (), FLOAT64, weak=True)

    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        """The group with its learning rate, and what else changes while training, as numbers known when the program runs."""
        number = next(i for i, g in enumerate(self.optimizer.param_groups) if g is group)
        if number not in self.groups:
            inputs = [name for name in self.optimizer.inputs if name in group]
            self.groups[number] = {**group, **{name: self._setting(number, name, group[name]) for name in inputs}}
        return self.groups[number]

    def _setting(self, group: int, name: str, value: Any) -> Any:
        if isinstance(value, tuple):
            places = range(len(value))
            return tuple(self._setting_input(Setting(self.optimizer, group, name, place)) for place in places)
        return self._setting_input(Setting(self.optimizer, group, name))

    def _setting_input(self, setting: Setting) -> Sym:
        rate: Sym = self.trace.input(setting, (), FLOAT64, weak=True)
        return rate

    def has_replaced(self, array: Any) -> bool:
        """Whether an array is of a state that this trace has recomputed: the optimiser itself doesn't know yet."""
        states = self.optimizer.state
        return any(value is array for p in self.now for value in states.get(p, {}).values())

    def refuse_new_rates(self) -> None:
        """Raise if the function has set a learning rate, which is put back: it would be set once, and not at every call."""
        changed = [
            (group, before)
            for group, rate, before in self.rates
            if group.get("lr") is not rate or isinstance(rate, Traced) or rate != before
        ]
        self.rates.clear()  # guards count who has the groups
        self.groups.clear()
        for group, before in changed:
            group["lr"] = self.optimizer.defaults["lr"] if isinstance(before, Traced) else before
        if changed:
            self.trace.refuse(
                "Setting a learning rate", "Set `optimizer.param_groups[0]['lr']` outside: the program reads it."
            )

    def undo(self) -> None:
        """Forget the states that were begun: the trace failed."""
        for p in self.begun:
            self.optimizer.state.pop(p, None)
