"""A micrograd program gives the same numbers after changing its import lines."""

from __future__ import annotations

import random

import numpy as np
import pytest

import microgradient.scalar as ours

engine = pytest.importorskip("micrograd.engine")
networks = pytest.importorskip("micrograd.nn")


def train(Value, MLP, steps):
    """micrograd's demo in small: max-margin loss with L2 regularisation, SGD with a decaying rate."""
    random.seed(1337)
    rng = np.random.default_rng(1337)
    X, y = rng.normal(size=(12, 2)), rng.choice([-1, 1], 12)
    model = MLP(2, [8, 8, 1])
    losses = []
    for k in range(steps):
        scores = [model(list(map(Value, row))) for row in X]
        data_loss = sum((1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)) * (1.0 / len(y))
        total = data_loss + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
        losses.append(float(total.data))
    return losses


def test_the_demo_gives_the_same_losses():
    # to rounding: micrograd walks through sets, so the order in which it adds gradients up changes from run to run
    assert train(ours.Value, ours.MLP, 8) == pytest.approx(train(engine.Value, networks.MLP, 8), rel=1e-12)


def test_the_lecture_network_gives_the_same_losses():
    def run(Value, MLP):
        random.seed(7)
        n = MLP(3, [4, 4, 1])
        xs, ys = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]], [1.0, -1.0, -1.0, 1.0]
        losses = []
        for _ in range(10):
            loss = sum((n(x) - y) ** 2 for x, y in zip(xs, ys, strict=True))
            for p in n.parameters():
                p.grad = 0.0
            loss.backward()
            for p in n.parameters():
                p.data += -0.05 * p.grad
            losses.append(loss.data)
        return losses

    assert run(ours.Value, ours.MLP) == pytest.approx(run(engine.Value, networks.MLP), rel=1e-12)


def test_representations_are_the_same():
    for Value in (ours.Value, engine.Value):
        a, b = Value(2), Value(-3.0)
        c = a * b + a**2
        c.backward()
        assert (repr(a), repr(b), repr(c)) == (
            "Value(data=2, grad=1.0)", "Value(data=-3.0, grad=2)", "Value(data=-2.0, grad=1)"
        )  # fmt: skip
    random.seed(0)
    mine = ours.MLP(2, [3, 1])
    random.seed(0)
    theirs = networks.MLP(2, [3, 1])
    assert repr(mine) == repr(theirs)
    assert [p.data for p in mine.parameters()] == [p.data for p in theirs.parameters()]
