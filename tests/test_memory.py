"""Depth and memory: chains of a million operations, and training that leaves nothing behind."""

from __future__ import annotations

import gc
import sys
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
import pytest

import microgradient as mg
from microgradient import nn, optim
from microgradient.scalar import MLP, Value

MILLION = 1_000_000


@contextmanager
def only_reference_counts() -> Iterator[None]:
    """Without the garbage collector, which would walk through the million again and again."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# ---------------------------------------------------------------------------------------------------------------- long chains


LEAVES = [
    pytest.param(Value, id="Value"),
    pytest.param(lambda x: mg.tensor(x, requires_grad=True), id="Tensor", marks=pytest.mark.slow),
]


def chain(y: Any, x: Any, n: int) -> Any:
    """y + n x, in n operations."""
    for _ in range(n):
        y = y + x
    return y


@pytest.mark.slow
@pytest.mark.parametrize("leaf", LEAVES)
def test_a_chain_of_a_million_operations(leaf):
    with only_reference_counts():
        x = leaf(2.0)
        y = chain(x, x, MILLION)
        assert float(y.data) == 2.0 * (MILLION + 1)
        y.backward()
        assert float(x.grad.data if isinstance(x, mg.Tensor) else x.grad) == MILLION + 1
        del y  # after the backward pass


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_chain_of_a_million_operations_can_be_dropped(leaf):
    with only_reference_counts():
        x = leaf(2.0)
        y = chain(x, x, MILLION)
        end = weakref.ref(y)
        del y
        assert end() is None


@pytest.mark.slow
def test_a_long_chain_can_be_differentiated_in_every_way():
    n = 5_000

    def f(x: mg.Tensor) -> mg.Tensor:
        y = x
        for _ in range(n):
            y = y * 1.0 + x * x
        return y

    x = mg.tensor(np.array(3.0))
    one = mg.tensor(np.array(1.0))
    assert mg.grad(f)(x).item() == 1 + 2 * 3 * n
    assert mg.jvp(f, (x,), (one,))[1].item() == 1 + 2 * 3 * n
    assert mg.grad(mg.grad(f))(x).item() == 2 * n
    assert mg.hvp(f, (x,), (one,)).item() == 2 * n


# ------------------------------------------------------------------------------------------------------------------- training


def tensor_training() -> Callable[[], Any]:
    """A training step of a tiny linear model, with gradients, an optimiser and its state."""
    w, x = mg.tensor([0.5, -0.5], requires_grad=True), mg.tensor([1.0, 2.0])
    opt = optim.SGD([w], lr=1e-3, momentum=0.9)

    def step() -> Any:
        loss = mg.sum(w * x)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return step


def network_training() -> Callable[[], Any]:
    """A training step of a small network with dropout and batch normalisation."""
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 3))
    x, labels = mg.random.normal((6, 4)), mg.random.integers(0, 3, (6,))
    opt = optim.AdamW(model.named_parameters(), lr=1e-3)

    def step() -> Any:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        return loss

    return step


def scalar_training() -> Callable[[], Any]:
    """A training step of a network of Values."""
    model = MLP(2, [2, 1])

    def step() -> Any:
        model.zero_grad()
        loss = (model([1.0, -2.0]) - 0.5) ** 2
        loss.backward()
        for p in model.parameters():
            p.data -= 1e-3 * p.grad
        return loss

    return step


@pytest.mark.slow
@pytest.mark.parametrize(
    ("training", "steps"),
    [
        pytest.param(tensor_training, 100_000, marks=pytest.mark.slow),
        pytest.param(network_training, 2_000, marks=pytest.mark.slow),
        (scalar_training, 20_000),
    ],
)
def test_many_steps_use_the_memory_of_the_first_thousand(training, steps):
    step = training()
    for _ in range(1000):
        step()
    gc.collect()
    blocks, resident = sys.getallocatedblocks(), psutil.Process().memory_info().rss
    for _ in range(steps):
        step()
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 200
    assert psutil.Process().memory_info().rss - resident < 2**21


@pytest.mark.parametrize("training", [tensor_training, network_training, scalar_training])
def test_a_step_leaves_no_reference_cycles(training):
    step = training()
    step()
    with only_reference_counts():
        loss = step()
        dead = weakref.ref(loss)
        node = weakref.ref(loss.node) if isinstance(loss, mg.Tensor) else dead
        del loss
        assert dead() is None
        assert node() is None
        assert gc.collect() == 0


def test_higher_derivatives_leave_no_reference_cycles():
    def f(x: mg.Tensor) -> mg.Tensor:
        return mg.sum(mg.exp(x) * mg.tanh(x))

    x = mg.tensor([0.1, 0.2])
    mg.hessian(f)(x)
    with only_reference_counts():
        mg.hessian(f)(x)
        mg.grad(f)(x)
        mg.value_and_grad(f)(x)
        mg.jvp(f, (x,), (x,))
        assert gc.collect() == 0


def test_a_backward_pass_releases_what_the_graph_saved():
    x = mg.tensor(np.ones(1000), requires_grad=True)
    with only_reference_counts():
        h = mg.exp(x)
        saved = weakref.ref(h.data)
        loss = mg.sum(h)
        del h
        assert saved() is not None
        loss.backward()
        assert saved() is None
        assert loss.item() == pytest.approx(1000 * np.e)


def test_arguments_are_not_kept() -> None:
    """A compiled function holds no array of the call that it was traced for."""
    f = mg.compile(lambda x, d, *, k: mg.sum(x * d["a"] * k["b"][0]))
    for make in (lambda: np.ones(10), lambda: mg.ones(10), lambda: mg.ones(10).requires_grad_() * 2):
        arguments = [make() for _ in range(3)]
        arrays = [x.data for x in arguments if isinstance(x, mg.Tensor)]
        held = [weakref.ref(x) for x in (*arguments, *arrays)]
        arrays.clear()
        f(arguments[0], {"a": arguments[1]}, k=OrderedDict(b=[arguments[2]]))
        arguments.clear()
        gc.collect()
        assert [r() for r in held] == [None] * len(held)
