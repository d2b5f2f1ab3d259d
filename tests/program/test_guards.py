"""Compiled functions notice what of modules and optimisers has changed since they were traced."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradient as mg
from microgradient import nn, optim


class Blocks(nn.Module):
    """Layers in a list, and settings of its own."""

    def __init__(self, *layers: Any) -> None:
        self.layers = [*layers]
        self.scale = 1.0
        self.calls = 0
        self.history: list[float] = []

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        self.calls += 1
        return self.encode(x) * self.scale

    def encode(self, x: mg.Tensor) -> mg.Tensor:
        for layer in self.layers:
            x = layer(x)
        return mg.where(self.training, x, -x)


X = mg.ones((1, 2))


def agrees(f: Any, model: Any) -> bool:
    """Whether a compiled module gives what the module gives."""
    with mg.no_grad():
        compiled, eager = f(X).numpy(), model(X).numpy()
        return compiled.shape == eager.shape and np.allclose(compiled, eager)


def test_settings_of_a_users_module() -> None:
    model = Blocks(nn.Linear(2, 2))
    f = mg.compile(model)
    assert agrees(f, model)
    model.scale = 3.0
    assert agrees(f, model)
    assert f.stats()["programs"] == 2


def test_what_a_function_does_not_read_or_changes_itself_needs_no_new_program() -> None:
    model = Blocks(nn.Linear(2, 2))
    f = mg.compile(model)
    for n in range(5):
        assert agrees(f, model)
        model.history.append(float(n))
        model.epoch = n
    assert f.stats()["programs"] == 1


def test_a_method_sees_train_and_eval() -> None:
    model = Blocks(mg.tanh)
    f = mg.compile(model.encode)
    seen = []
    for training in (True, False, True):
        model.train(training)
        seen.append(np.allclose(f(X).numpy(), model.encode(X).numpy()))
    assert seen == [True] * 3
    assert f.stats()["programs"] == 2


def test_lists_of_modules_and_functions_that_grow() -> None:
    model = Blocks(nn.Linear(2, 2))
    f = mg.compile(model)
    assert agrees(f, model)
    for layer in (nn.Linear(2, 3), mg.exp):
        model.layers.append(layer)
        assert agrees(f, model)
    model.layers[1] = nn.Linear(2, 5)
    assert agrees(f, model)
    assert f.stats()["programs"] == 4


def test_module_lists_that_change() -> None:
    model = Blocks()
    model.layers = nn.ModuleList([nn.Linear(2, 2)])
    f = mg.compile(model)
    assert agrees(f, model)
    model.layers.append(nn.Linear(2, 3))
    assert agrees(f, model)
    model.layers[1] = nn.Linear(2, 4)
    assert agrees(f, model)
    assert f(X).shape == (1, 4)


def test_an_optimiser_with_another_parameter() -> None:
    a, b = nn.Parameter(mg.ones(2)), nn.Parameter(mg.ones(2))
    optimizer = optim.SGD([a], lr=0.5)

    @mg.compile
    def step() -> None:
        optimizer.zero_grad()
        mg.sum(a * a + b * b).backward()
        optimizer.step()

    step()
    optimizer.param_groups[0]["params"][0] = b
    step()
    assert a.tolist() == [0.0, 0.0]
    assert b.tolist() == [0.0, 0.0]
