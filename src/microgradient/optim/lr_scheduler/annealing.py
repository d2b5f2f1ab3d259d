"""Schedulers along a cosine."""

from __future__ import annotations

import math
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, positive


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
        self.T_max, self.eta_min = positive(T_max, "T_max"), eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: Any, base: float) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * epoch / self.T_max)) / 2

    def next_rate(self, lr: float, base: float) -> float:
        """What is above `eta_min` is multiplied; where that was 0, the schedule begins to rise anew."""
        if not self.last_epoch:
            return lr
        before, now = (self.rate(epoch, base) - self.eta_min for epoch in (self.last_epoch - 1, self.last_epoch))
        if (self.last_epoch - 1) % (2 * self.T_max) == self.T_max:
            return lr + now
        return self.eta_min + (lr - self.eta_min) * (now / before if before else 1)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosines from γ₀ down to `eta_min` that begin anew after `T_0` epochs, then after `T_mult` times as many, and so
    on.

    `step(epoch)` may be called within an epoch, with a fraction. Loshchilov and Hutter, "SGDR: stochastic gradient
    descent with warm restarts" (2017).

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    1.0 0.5 1.0 0.5
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0, self.T_mult, self.eta_min = positive(T_0, "T_0"), positive(T_mult, "T_mult"), eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: Any, base: float) -> float:
        length = self.T_0
        while self.T_mult > 1 and epoch >= length:
            epoch, length = epoch - length, length * self.T_mult
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * (epoch % length) / length)) / 2

    def next_rate(self, lr: float, base: float) -> float:
        return self.rate(self.last_epoch, base)
