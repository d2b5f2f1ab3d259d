"""Microgradient: compiled, and eager."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import microgradient as mg
import microgradient.nn.functional as F  # noqa: N812
from microgradient import nn, optim, scalar

from . import models, values
from .definitions import WORKLOADS, Workload
from .definitions.workload import Step, size

VERSION = mg.__version__
LIBRARY = SimpleNamespace(
    nn=nn, F=F, arange=mg.arange, exp=mg.exp, tanh=mg.tanh, zeros=mg.zeros, no_grad=mg.no_grad,
    amax=lambda x, dim: mg.max(x, axis=dim), gather=lambda x, dim, index: mg.take_along_axis(x, index, axis=dim),
)  # fmt: skip
Compile = Callable[[Any], Any]


def prepare(threads: int) -> None:
    """Before anything runs."""
    if hasattr(mg, "set_num_threads"):
        mg.set_num_threads(threads)


def build(name: str, compiled: bool) -> Step:
    """A workload's step."""
    compile: Compile = mg.compile if compiled else lambda function: function
    if name == "W2":
        return values.build(scalar.Value, scalar.MLP, compile)
    workload = WORKLOADS[name]
    function, told = KINDS[workload.kind](name, workload, compile)
    batch = [mg.tensor(array) for array in workload.batch()]
    result: Any = None

    def run(count: int) -> None:
        nonlocal result
        for _ in range(count):
            result = function(*batch)

    def repeat(count: int) -> None:
        nonlocal result
        result = function.repeat(count, *batch)

    return Step(run, lambda: told(result), repeat if hasattr(function, "repeat") else None)


def training(name: str, workload: Workload, compile: Compile) -> tuple[Any, Callable[[Any], float]]:
    """Forward, backward, update."""
    model, loss_of = models.build(name, LIBRARY)
    model.load_state_dict(workload.weights())
    optimizer = models.optimizer(workload.optimizer, model, optim)

    @compile
    def step(*batch: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model, *batch)
        loss.backward()
        optimizer.step()
        return loss

    return step, lambda loss: loss.item()


def inference(name: str, workload: Workload, compile: Compile) -> tuple[Any, Callable[[Any], float]]:
    """Forward, without a tape."""
    model = models.build(name, LIBRARY).module
    model.load_state_dict(workload.weights())

    @compile
    def forward(x: Any) -> Any:
        with mg.no_grad():
            return model(x)

    return forward, lambda y: size([y.numpy()])


def hessian_product(name: str, workload: Workload, compile: Compile) -> tuple[Any, Callable[[Any], float]]:
    """Forward over reverse."""
    loss_of = models.dense.hessian(LIBRARY)
    arrays = {key: mg.tensor(array) for key, array in workload.weights().items()}
    weights = {key: array for key, array in arrays.items() if f"direction.{key}" in arrays}
    direction = {key: arrays[f"direction.{key}"] for key in weights}
    moved = compile(lambda weights, direction, x, y: mg.hvp(lambda w: loss_of(w, x, y), weights, direction))
    return (
        lambda x, y: moved(weights, direction, x, y),
        lambda product: size([a.numpy() for a in product.values()]),
    )  # fmt: skip


KINDS = {"training": training, "inference": inference, "product": hessian_product}


def build_call() -> Step:
    """What a compiled function costs that does nothing."""
    identity, x = mg.compile(lambda x: x), mg.tensor(1.0)

    def run(count: int) -> None:
        for _ in range(count):
            identity(x)

    return Step(run, lambda: identity(x).item())
