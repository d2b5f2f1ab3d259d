"""Averages of a model's weights over its training, with PyTorch's names."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import ArgumentError, as_given
from ..nn.module import Module
from ..nn.norm import _BatchNorm
from ..operators import wrap
from ..tape import no_grad
from ..tensor import Tensor
from .lr_scheduler.base import LRScheduler, one_for_each
from .optimizer import Optimizer

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn"]
__all__ += ["get_swa_multi_avg_fn", "update_bn"]

Average = Callable[[Any, Any, Any], Any]


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's, taken at each `update_parameters(model)`.

    By default all have the same weight: θ̄ ← θ̄ + (θ - θ̄) / (n + 1) after n of them. `avg_fn(averaged, current, n)`
    returns another average, such as `get_ema_avg_fn(0.999)`, an exponential one; `multi_avg_fn` changes a list of
    averaged tensors, given the list of current ones. Buffers are averaged with `use_buffers=True`, and otherwise
    copied: call `update_bn` at the end, then.

    >>> import microgradient as mg
    >>> model = mg.nn.Linear(1, 1, bias=False)
    >>> average = mg.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     model.weight = mg.nn.Parameter([[value]])
    ...     average.update_parameters(model)
    >>> average(mg.tensor([1.0])).tolist()
    [3.0]

    Izmailov et al., "Averaging weights leads to wider optima and better generalization" (2018).
    """

    n_averaged: Tensor

    def __init__(
        self, model: Module, device: object = None, avg_fn: Average | None = None, multi_avg_fn: Average | None = None,
        use_buffers: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("MG167", "AveragedModel takes `avg_fn` or `multi_avg_fn`, and not both.")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", wrap(np.array(0), None))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters into the average."""
        averaged: list[Tensor] = [*self.module.parameters()]
        current: list[Tensor] = [*model.parameters()]
        buffers = list(zip(self.module.buffers(), model.buffers(), strict=True))
        if self.use_buffers:
            averaged, current = [*averaged, *(a for a, _ in buffers)], [*current, *(b for _, b in buffers)]
            buffers = []
        with no_grad():
            n = int(self.n_averaged.raw)
            if n and self.multi_avg_fn is not None:
                self.multi_avg_fn(averaged, current, n)
            else:
                average = (self.avg_fn or get_swa_avg_fn()) if n else lambda averaged, current, n: current
                _set(averaged, [average(a, b, n) for a, b in zip(averaged, current, strict=True)])
            _set([a for a, _ in buffers], [b for _, b in buffers])
            self.n_averaged.raw = np.array(n + 1)


def get_swa_avg_fn() -> Average:
    """The average in which all have the same weight: θ̄ + (θ - θ̄) / (n + 1).

    >>> get_swa_avg_fn()(2.0, 5.0, 2)
    3.0
    """
    return lambda averaged, current, n: averaged + (current - averaged) / (n + 1)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The exponential average: decay · θ̄ + (1 - decay) · θ. Raises ArgumentError unless `decay` is between 0 and 1.

    >>> get_ema_avg_fn(0.5)(2.0, 4.0, 1)
    3.0
    """
    if not 0 <= decay <= 1:
        raise ArgumentError("MG167", f"`decay` must be between 0 and 1, got {decay}.")
    return lambda averaged, current, n: decay * averaged + (1 - decay) * current


def get_swa_multi_avg_fn() -> Average:
    """`get_swa_avg_fn` for lists of tensors, of which the averaged ones are changed.

    >>> import microgradient as mg
    >>> averaged = [mg.tensor([2.0])]
    >>> get_swa_multi_avg_fn()(averaged, [mg.tensor([5.0])], 2)
    >>> averaged[0].tolist()
    [3.0]
    """
    return _of_lists(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Average:
    """`get_ema_avg_fn` for lists of tensors, of which the averaged ones are changed.

    >>> import microgradient as mg
    >>> averaged = [mg.tensor([2.0])]
    >>> get_ema_multi_avg_fn(0.5)(averaged, [mg.tensor([4.0])], 1)
    >>> averaged[0].tolist()
    [3.0]
    """
    return _of_lists(get_ema_avg_fn(decay))


def update_bn(loader: Iterable[Any], model: Module, device: object = None) -> None:
    """Measure the means and variances of a model's batch normalisations anew, over all batches of `loader`.

    A batch is a tensor, or a list or tuple that begins with one. The running statistics become plain averages.

    >>> import microgradient as mg
    >>> model = mg.nn.Sequential(mg.nn.BatchNorm1d(1))
    >>> update_bn([mg.tensor([[1.0], [3.0]]), mg.tensor([[5.0], [7.0]])], model)
    >>> model[0].running_mean.tolist()
    [4.0]
    """
    norms = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not norms:
        return
    training = model.training
    model.train()
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
    with no_grad():
        for batch in loader:
            model(batch[0] if isinstance(batch, list | tuple) else batch)
    for module, momentum in norms.items():
        module.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """From the learning rates as they are to `swa_lr` in `anneal_epochs`, along a cosine or, with "linear", straight.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(4):
    ...     print(optimizer.param_groups[0]["lr"], end=" ")
    ...     schedule.step()
    1.0 0.75 0.5 0.5
    """

    def __init__(
        self, optimizer: Optimizer, swa_lr: float | list[float], anneal_epochs: int = 10, anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError("MG167", f"`anneal_strategy` is 'cos' or 'linear', got {as_given(anneal_strategy)}.")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError("MG167", f"`anneal_epochs` is a whole number of at least 0, got {anneal_epochs}.")
        for group, lr in zip(optimizer.param_groups, one_for_each(swa_lr, optimizer, "values of swa_lr"), strict=True):
            group["swa_lr"] = lr
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Each rate is a mixture of where it began and `swa_lr`; what it began with follows from what it is now."""
        step = self.last_epoch if self.anneal_epochs else max(1, self.last_epoch)
        before, now = self._share(step - 1), self._share(step)
        groups = self.optimizer.param_groups
        began = [g["swa_lr"] if before == 1 else (g["lr"] - before * g["swa_lr"]) / (1 - before) for g in groups]
        return [g["swa_lr"] * now + lr * (1 - now) for g, lr in zip(groups, began, strict=True)]

    def _share(self, epoch: int) -> float:
        done = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return done if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * done)) / 2


def _of_lists(average: Average) -> Average:
    def change(averaged: list[Any], current: list[Any], n: Any) -> None:
        with no_grad():
            _set(averaged, [average(a, b, n) for a, b in zip(averaged, current, strict=True)])

    return change


def _set(tensors: list[Any], values: list[Any]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        raw = value.raw
        tensor.raw = raw.astype(tensor.raw.dtype)
