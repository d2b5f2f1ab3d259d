"""Schedulers made of schedulers."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import ArgumentError
from ..optimizer import Optimizer
from .base import LRScheduler


class _Composed(LRScheduler):
    """Knows its parts' states as its own."""

    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        parts = [scheduler.state_dict() for scheduler in self._schedulers]
        return {**super().state_dict(), "_schedulers": parts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for scheduler, part in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(part)
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})

    def _take(self, schedulers: Iterable[LRScheduler], optimizer: Optimizer | None) -> None:
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ArgumentError("MG167", f"{type(self).__name__} needs at least one scheduler.")
        self.optimizer = self._schedulers[0].optimizer if optimizer is None else optimizer
        if any(scheduler.optimizer is not self.optimizer for scheduler in self._schedulers):
            raise ArgumentError("MG167", f"The schedulers of {type(self).__name__} are to have one optimiser.")


class ChainedScheduler(_Composed):
    """Steps several schedulers at once: each multiplies what the others have left.

    >>> import microgradient as mg
    >>> from microgradient.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = ChainedScheduler([ConstantLR(optimizer, 0.1, total_iters=2), ExponentialLR(optimizer, 0.5)])
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    0.1 0.05 0.25 0.125
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take(schedulers, optimizer)
        self._last_lr = [float(group["lr"]) for group in self.optimizer.param_groups]

    def step(self, epoch: float | None = None) -> None:
        """Step all of them, in their order."""
        for scheduler in self._schedulers:
            scheduler.step(epoch)
        self._last_lr = [float(group["lr"]) for group in self.optimizer.param_groups]


class SequentialLR(_Composed):
    """One scheduler after the other: the next takes over, from its own beginning, at each of the epochs `milestones`.

    >>> import microgradient as mg
    >>> from microgradient.optim.lr_scheduler import ExponentialLR, LinearLR, SequentialLR
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> parts = [LinearLR(optimizer, 0.25, total_iters=2), ExponentialLR(optimizer, 0.5)]
    >>> schedule = SequentialLR(optimizer, parts, milestones=[2])
    >>> for _ in range(5):
    ...     print(optimizer.param_groups[0]["lr"], end=" ")
    ...     schedule.step()
    0.25 0.625 1.0 0.5 0.25
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        self._take(schedulers, optimizer)
        if len(milestones) != len(self._schedulers) - 1:
            raise ArgumentError(
                "MG167",
                f"{len(self._schedulers)} schedulers change {len(self._schedulers) - 1} times, at as many milestones: "
                f"got {len(milestones)}.",
            )
        self._milestones, self.last_epoch = list(milestones), last_epoch + 1
        for group in optimizer.param_groups:  # each has made its first step
            group["lr"] = group["initial_lr"]
        for scheduler in self._schedulers:
            _step_back(scheduler)
        self._schedulers[0].step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self, epoch: float | None = None) -> None:
        """Step the scheduler whose turn it is."""
        self.last_epoch += 1
        turn = bisect.bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        scheduler.step(0 if turn and self._milestones[turn - 1] == self.last_epoch else None)
        self._last_lr = scheduler.get_last_lr()


def _step_back(scheduler: LRScheduler) -> None:
    for part in getattr(scheduler, "_schedulers", [])[:1]:
        _step_back(part)
    if hasattr(scheduler, "last_epoch"):
        scheduler.last_epoch -= 1
        scheduler._step_count = 0
