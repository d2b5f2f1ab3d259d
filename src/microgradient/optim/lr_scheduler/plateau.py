"""A scheduler that watches the loss."""

from __future__ import annotations

import math
from typing import Any

from ...errors import ArgumentError, as_given
from ..optimizer import Optimizer
from .base import LRScheduler, one_for_each


class ReduceLROnPlateau(LRScheduler):
    """Multiply by `factor` when what is watched has not become better for more than `patience` epochs.

    `step(metrics)` gets its value. It is better if it is below the best so far (above, with mode="max") by more than
    `threshold` of that, or by more than `threshold` with threshold_mode="abs". After a reduction `cooldown` epochs
    don't count. Rates don't fall below `min_lr`, nor by less than `eps`. Raises ArgumentError for a factor of 1 or
    more.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (5.0, 4.0, 4.0, 4.0, 4.0):
    ...     print(optimizer.param_groups[0]["lr"], end=" ")
    ...     schedule.step(loss)
    1.0 1.0 1.0 1.0 0.1
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        threshold_mode: str = "rel", cooldown: int = 0, min_lr: float | list[float] = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        if factor >= 1.0:
            raise ArgumentError("MG167", f"`factor` must be less than 1, got {factor}.")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(
                "MG167",
                f"`mode` is 'min' or 'max' and `threshold_mode` 'rel' or 'abs', got {as_given(mode)} and "
                f"{as_given(threshold_mode)}.",
            )
        self.optimizer = optimizer
        self.min_lrs = one_for_each(min_lr, optimizer, "values of min_lr")
        self.mode, self.factor, self.patience, self.threshold = mode, factor, patience, threshold
        self.threshold_mode, self.cooldown, self.eps = threshold_mode, cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = [float(group["lr"]) for group in optimizer.param_groups]

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the new value of what is watched: a number, or a tensor of one."""
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self.is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lr = max(group["lr"] * self.factor, least)
                group["lr"] = lr if group["lr"] - lr > self.eps else group["lr"]
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [float(group["lr"]) for group in self.optimizer.param_groups]

    def is_better(self, a: float, best: float) -> bool:
        """Whether `a` is better than the best so far by more than the threshold."""
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            return sign * a < sign * best * (1 - sign * self.threshold)
        return sign * a < sign * best - self.threshold
