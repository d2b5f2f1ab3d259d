"""Microgradient: compiled, and eager."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import microgradient as mg
import microgradient.nn.functional as F  # noqa: N812
from microgradient import nn, optim, scalar

from . import definitions as d
from . import models, values

VERSION = mg.__version__


def prepare(threads: int) -> None:
    """Before anything runs."""
    if hasattr(mg, "set_num_threads"):
        mg.set_num_threads(threads)


def build(name: str, compiled: bool) -> d.Step:
    """A workload's step."""
    compile: Callable[[Any], Any] = mg.compile if compiled else lambda function: function
    if name == "W2":
        return values.build(scalar.Value, scalar.MLP, compile)
    workload = d.WORKLOADS[name]
    model, loss_of = models.build(name, SimpleNamespace(nn=nn, F=F, arange=mg.arange))
    model.load_state_dict(workload.weights())
    optimizer = models.optimizer(name, model, optim)
    x, y = (mg.tensor(array) for array in workload.batch())

    @compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    loss: Any = None

    def run(count: int) -> None:
        nonlocal loss
        for _ in range(count):
            loss = step(x, y)

    def repeat(count: int) -> None:
        nonlocal loss
        loss = step.repeat(count, x, y)

    return d.Step(run, lambda: loss.item(), repeat if hasattr(step, "repeat") else None)


def build_call() -> d.Step:
    """What a compiled function costs that does nothing."""
    identity, x = mg.compile(lambda x: x), mg.tensor(1.0)

    def run(count: int) -> None:
        for _ in range(count):
            identity(x)

    return d.Step(run, lambda: identity(x).item())
