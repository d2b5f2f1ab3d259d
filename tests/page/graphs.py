"""Small graphs that the page's tests show."""

from __future__ import annotations

import microgradient as mg
from microgradient import nn
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session


def of_values():
    """a = 2, b = -3: L = (ab + a)² + ab."""
    a, b = mg.Value(2.0, label="a"), mg.Value(-3.0, label="b")
    c = a * b
    L = (c + a) ** 2 + c
    L.backward()
    return Session(sweep_of(L, {"a": a, "b": b, "c": c, "L": L}))


def of_a_model(seed=0):
    """A classifier with a box within a box."""
    mg.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 3))
    with mg.trace():
        loss = nn.functional.cross_entropy(model(mg.randn(5, 4)), mg.tensor([0, 1, 2, 0, 1]))
        loss.backward()
    return Session(sweep_of(loss, {"model": model, "loss": loss}))


class Block(nn.Module):
    """A residual block: its stream passes by the layers within."""

    def __init__(self):
        super().__init__()
        self.inner, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, x):
        return x + mg.tanh(self.inner(self.norm(x)))


def of_blocks(count):
    """Residual blocks in a row, between two layers."""
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), *(Block() for _ in range(count)), nn.Linear(4, 2))
    with mg.trace():
        loss = mg.mean(model(mg.randn(3, 4)) ** 2)
        loss.backward()
    return Session(sweep_of(loss, {"model": model, "loss": loss}))


def of_pictures(seed=0):
    """A classifier of 12 flat pictures, 8 × 8, with weight decay."""
    mg.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 4), nn.Tanh(), nn.Linear(4, 3))
    pictures, labels = mg.randn(12, 64), mg.tensor([0, 1, 2] * 4)
    with mg.trace():
        loss = nn.functional.cross_entropy(model(pictures), labels) + 0.01 * mg.sum(model[0].weight ** 2)
        loss.backward()
    return Session(sweep_of(loss, {"model": model, "loss": loss})), pictures
