"""PyTorch: eager in training, and by `torch.compile` in inference where there is a C++ compiler for it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn, optim

from . import models
from .definitions import WORKLOADS, Workload
from .definitions.workload import Step, size

VERSION = torch.__version__
LIBRARY = SimpleNamespace(
    nn=nn, F=F, arange=torch.arange, exp=torch.exp, tanh=torch.tanh, zeros=torch.zeros, no_grad=torch.no_grad,
    amax=torch.amax, gather=torch.gather,
)  # fmt: skip


def prepare(threads: int) -> None:
    """Before anything runs."""
    torch.set_num_threads(threads)


def build(name: str) -> Step:
    """A workload's step."""
    workload = WORKLOADS[name]
    function, told = KINDS[workload.kind](name, workload)
    batch = [torch.from_numpy(array) for array in workload.batch()]
    result: Any = None

    def run(count: int) -> None:
        nonlocal result
        for _ in range(count):
            result = function(*batch)

    return Step(run, lambda: told(result))


def network(name: str, workload: Workload) -> models.Network:
    """With the workload's weights."""
    model, loss_of = models.build(name, LIBRARY)
    model.load_state_dict({key: torch.from_numpy(array) for key, array in workload.weights().items()})
    return models.Network(model, loss_of)


def training(name: str, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward, backward, update."""
    model, loss_of = network(name, workload)
    optimizer = models.optimizer(workload.optimizer, model, optim)

    def step(*batch: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model, *batch)
        loss.backward()
        optimizer.step()
        return loss

    return step, lambda loss: loss.item()


def inference(name: str, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward, without a tape."""
    torch._dynamo.config.suppress_errors = True  # then the model runs eagerly
    model = torch.compile(network(name, workload).module.eval())

    def forward(x: Any) -> Any:
        with torch.inference_mode():
            return model(x)

    return forward, lambda y: size([y.numpy()])


def hessian_product(name: str, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward over reverse."""
    loss_of = models.dense.hessian(LIBRARY)
    arrays = {key: torch.from_numpy(array) for key, array in workload.weights().items()}
    weights = {key: array for key, array in arrays.items() if f"direction.{key}" in arrays}
    direction = {key: arrays[f"direction.{key}"] for key in weights}

    def moved(x: Any, y: Any) -> Any:
        gradient = torch.func.grad(lambda w: loss_of(w, x, y))
        return torch.func.jvp(gradient, (weights,), (direction,))[1]

    return moved, lambda product: size([a.numpy() for a in product.values()])


KINDS = {"training": training, "inference": inference, "product": hessian_product}
