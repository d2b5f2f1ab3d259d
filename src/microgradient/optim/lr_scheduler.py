"""Schedules for the learning rate, with PyTorch's names and settings.

A scheduler is a formula `rate(epoch, base)`: the learning rate of an epoch from the rate that the group began with.
Call `step()` once after each epoch (or each step, if that is what you count in). Unlike PyTorch's, two schedulers of
one optimiser do not multiply: the last one that steps decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import trace_hooks
from ..errors import ArgumentError
from .optimizer import Optimizer


class LRScheduler:
    """Sets the learning rates of an optimiser: a subclass defines `rate`.

    `last_epoch` is -1 for a fresh start; to resume, make the scheduler as before and call `load_state_dict`.

    >>> import microgradient as mg
    >>> class Halves(mg.optim.lr_scheduler.LRScheduler):
    ...     def rate(self, epoch, base):
    ...         return base / 2**epoch
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = Halves(optimizer)
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, epoch: int, base: float) -> float:
        """The learning rate in epoch `epoch`, counted from 0, of a group that began with `base`."""
        raise NotImplementedError

    def step(self) -> None:
        """Move to the next epoch."""
        trace = trace_hooks.current()
        if trace is not None:
            trace.refuse(
                "A scheduler's step", "Call `scheduler.step()` outside: the program reads the new learning rate."
            )
        self.last_epoch += 1
        self._set_rates()

    def get_last_lr(self) -> list[float]:
        """The learning rate of every group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All settings and the epoch, but not the optimiser nor functions."""
        return {k: v for k, v in vars(self).items() if k != "optimizer" and not callable(v)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        vars(self).update(state_dict)
        self._set_rates()

    def _set_rates(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(self.last_epoch, base)


class StepLR(LRScheduler):
    """Multiply by `gamma` every `step_size` epochs: γ₀ · gamma^⌊epoch / step_size⌋.

    >>> import microgradient as mg
    >>> from microgradient.optim import SGD, lr_scheduler
    >>> opt = SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = lr_scheduler.StepLR(opt, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     print(opt.param_groups[0]["lr"], end=" ")
    ...     schedule.step()
    1.0 1.0 0.5 0.5
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = _positive(step_size, "step_size"), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float) -> float:
        return base * self.gamma ** (epoch // self.step_size)


class ExponentialLR(LRScheduler):
    """Multiply by `gamma` every epoch: γ₀ · gamma^epoch.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    1.0 0.5 0.25 0.125
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float) -> float:
        return base * self.gamma**epoch


class LinearLR(LRScheduler):
    """Go in `total_iters` equal steps from γ₀ · start_factor to γ₀ · end_factor, and stay there: a warm-up.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=3)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    0.25 0.5 0.75 1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ArgumentError("MG167", f"The factors are between 0 and 1, got {start_factor} and {end_factor}.")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = _positive(total_iters, "total_iters")
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float) -> float:
        done = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from γ₀ down to `eta_min` at epoch `T_max`: η + (γ₀ - η) · (1 + cos(π · epoch / T_max)) / 2.

    After `T_max` it rises again. Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    1.0 0.5 0.0 0.5
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = _positive(T_max, "T_max"), eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * epoch / self.T_max)) / 2


class LambdaLR(LRScheduler):
    """Multiply γ₀ by a function of the epoch, or of each group's own: a function, or a list with one for each group.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    1.0 0.5 0.333 0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(lambdas) != groups:
            raise ArgumentError("MG167", f"{groups} groups of parameters need {groups} functions, got {len(lambdas)}.")
        self.lr_lambdas = lambdas
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        return {k: v for k, v in super().state_dict().items() if k != "lr_lambdas"}

    def _set_rates(self) -> None:
        for group, base, factor in zip(self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True):
            group["lr"] = base * factor(self.last_epoch)


def _positive(value: int, name: str) -> int:
    if value <= 0:
        raise ArgumentError("MG167", f"`{name}` must be more than 0, got {value}.")
    return value
