"""PyTorch, eager."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn, optim

from . import definitions as d
from . import models

VERSION = torch.__version__


def prepare(threads: int) -> None:
    """Before anything runs."""
    torch.set_num_threads(threads)


def build(name: str) -> d.Step:
    """A workload's step."""
    workload = d.WORKLOADS[name]
    model, loss_of = models.build(name, SimpleNamespace(nn=nn, F=F, arange=torch.arange))
    model.load_state_dict({key: torch.from_numpy(array) for key, array in workload.weights().items()})
    optimizer = models.optimizer(name, model, optim)
    x, y = (torch.from_numpy(array) for array in workload.batch())
    loss: Any = None

    def run(count: int) -> None:
        nonlocal loss
        for _ in range(count):
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()

    return d.Step(run, lambda: loss.item())
