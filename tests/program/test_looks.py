"""Whatever is looked at, kept or changed between calls: a compiled step does what an eager one does, and what is kept stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import nn, optim

X = np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2)


class Twin:
    """A model with its optimiser, a step of theirs, and what was kept of them."""

    def __init__(self, compiled: bool, adam: bool) -> None:
        mg.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        parameters = self.model.parameters()
        self.optimizer: Any = optim.Adam(parameters, lr=0.1) if adam else optim.SGD(parameters, lr=0.1, momentum=0.9)
        self.kept: list[tuple[Any, Any]] = []
        self.step: Callable[..., Any] = mg.compile(self.eager) if compiled else self.eager
        self.other: Callable[..., Any] = mg.compile(self.gradients) if compiled else self.gradients

    def eager(self, x: Any) -> Any:
        self.optimizer.zero_grad()
        loss = mg.mean(self.model(x) ** 2)
        loss.backward()
        self.optimizer.step()
        return loss

    def gradients(self, x: Any) -> Any:
        loss = mg.sum(mg.abs(self.model(x)))
        loss.backward()
        return loss

    def keep(self, x: Any) -> None:
        """Hold it, and what it is now."""
        self.kept.append((x, np.array(x)))

    def parameter(self) -> Any:
        return next(self.model.parameters())


def set_gradient(twin: Twin) -> None:
    twin.parameter().grad = mg.ones((3, 2))


def scale_gradient(twin: Twin) -> None:
    grad = twin.parameter().grad
    if grad is not None:
        grad.data *= 2


def set_rate(twin: Twin) -> None:
    twin.optimizer.param_groups[0]["lr"] *= 0.5


def keep_group_and_set_rate(twin: Twin) -> None:
    group = twin.optimizer.param_groups[0]
    twin.kept.append((group, None))
    group["lr"] *= 0.9


def set_kept_rate(twin: Twin) -> None:
    for x, _ in twin.kept:
        if isinstance(x, dict):
            x["lr"] *= 0.8


def keep_gradient(twin: Twin) -> None:
    grad = twin.parameter().grad
    if grad is not None:
        twin.keep(grad)


def keep_gradients_array(twin: Twin) -> None:
    grad = twin.parameter().grad
    if grad is not None:
        twin.keep(grad.data)


def keep_states(twin: Twin) -> None:
    for p in twin.model.parameters():
        for _, x in sorted(twin.optimizer.state.get(p, {}).items()):
            if isinstance(x, np.ndarray) and x.ndim:
                twin.keep(x)


def replace_state(twin: Twin) -> None:
    for state in twin.optimizer.state.values():
        for key, x in state.items():
            if isinstance(x, np.ndarray) and x.ndim:
                state[key] = x * 0.5


ACTIONS: dict[str, Callable[[Twin], Any]] = {
    "step": lambda twin: twin.step(mg.tensor(X)),
    "a step without mg.compile": lambda twin: twin.eager(mg.tensor(X)),
    "another compiled function": lambda twin: twin.other(mg.tensor(X)),
    "gradients without mg.compile": lambda twin: twin.gradients(mg.tensor(X)),
    "clip": lambda twin: optim.clip_grad_norm_(twin.model.parameters(), 0.1),
    "zeros": lambda twin: twin.optimizer.zero_grad(set_to_none=False),
    "no gradients": lambda twin: twin.optimizer.zero_grad(),
    "keep data": lambda twin: twin.keep(twin.parameter().data),
    "new data": lambda twin: setattr(twin.parameter(), "data", twin.parameter().data * np.float32(0.5)),
    "state_dict": lambda twin: twin.optimizer.load_state_dict(twin.optimizer.state_dict()),
    **{f.__name__: f for f in (set_gradient, scale_gradient, set_rate, keep_group_and_set_rate, set_kept_rate)},
    **{f.__name__: f for f in (keep_gradient, keep_gradients_array, keep_states, replace_state)},
}


def numbers(twin: Twin) -> list[Any]:
    """All that a step may change."""
    found: list[Any] = []
    for p in twin.model.parameters():
        grad = p.grad
        found += [np.array(p.data), None if grad is None else np.array(grad.data)]
        found += [np.array(x) for _, x in sorted(twin.optimizer.state.get(p, {}).items()) if x is not None]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("adam", [True, False])
@settings(max_examples=40, deadline=None)
@given(actions=st.lists(st.sampled_from(sorted(ACTIONS)), max_size=8))
@pytest.mark.filterwarnings("ignore::microgradient.errors.MicrogradientWarning")
def test_steps_between_which_anything_is_done(adam: bool, actions: list[str]) -> None:
    compiled, eager = Twin(True, adam), Twin(False, adam)
    for twin in (compiled, eager):  # one after the other: eager steps look at everything
        for action in ["step", "step", "step", *actions, "step", "step"]:
            ACTIONS[action](twin)
    for got, wanted in zip(numbers(compiled), numbers(eager), strict=True):
        assert (got is None) == (wanted is None)
        if wanted is not None:
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)
    for (got, _), (wanted, content) in zip(compiled.kept, eager.kept, strict=True):
        if content is not None:  # an array, or a gradient
            np.testing.assert_allclose(np.asarray(got), np.asarray(wanted), rtol=1e-4, atol=1e-6)
