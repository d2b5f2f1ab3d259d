"""What all schedulers share."""

from __future__ import annotations

from typing import Any

from ... import trace_hooks
from ...errors import ArgumentError, ArgumentTypeError, warn_once
from ..optimizer import Optimizer


class LRScheduler:
    """Sets the learning rates of an optimiser: a subclass defines `rate`, or, as in PyTorch, `get_lr`.

    `last_epoch` is -1 for a fresh start. To resume, make the scheduler as before and call `load_state_dict`. Warns when
    it steps before the optimiser does.

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
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError("MG167", f"A scheduler takes an optimiser, not {type(optimizer).__name__}.")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            if last_epoch != -1 and "initial_lr" not in group:
                raise ArgumentError(
                    "MG167",
                    f"To begin after epoch {last_epoch}, every group needs the 'initial_lr' that it began with. Load the "
                    "optimiser's state first, or begin with last_epoch=-1 and call `load_state_dict`.",
                )
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._last_lr: list[float] = []
        self.step()

    def rate(self, epoch: Any, base: float) -> float:
        """The learning rate in epoch `epoch`, counted from 0, of a group that began with `base`."""
        raise NotImplementedError

    def next_rate(self, lr: float, base: float) -> float:
        """The learning rate of this epoch, of a group that had `lr` in the one before: times `ratio`."""
        if not self.last_epoch:
            return self.rate(0, base) if base in (0, lr) else lr * (self.rate(0, base) / base)
        ratio = self.ratio(self.last_epoch, base)
        return self.rate(self.last_epoch, base) if ratio is None else lr * ratio

    def ratio(self, epoch: int, base: float) -> float | None:
        """The `rate` in an epoch over that in the one before, None if that was 0."""
        before = self.rate(epoch - 1, base)
        return self.rate(epoch, base) / before if before else None

    def get_lr(self) -> list[float]:
        """The learning rates of this epoch, from those of the one before."""
        pairs = zip(self.optimizer.param_groups, self.base_lrs, strict=True)
        return [self.next_rate(float(group["lr"]), base) for group, base in pairs]

    def step(self, epoch: float | None = None) -> None:
        """Move to the next epoch, or to `epoch`."""
        trace = trace_hooks.current()
        if trace is not None:
            trace.refuse(
                "A scheduler's step", "Call `scheduler.step()` outside: the program reads the new learning rate."
            )
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is None:
            self.last_epoch += 1
            self._set(self.get_lr())
        else:
            self.last_epoch = int(epoch)
            self._set([self.rate(epoch, base) for base in self.base_lrs])

    def get_last_lr(self) -> list[float]:
        """The learning rate of every group, as this scheduler has set it."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """All settings and the epoch, but not the optimiser nor functions."""
        return {k: v for k, v in vars(self).items() if k != "optimizer" and not callable(v)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict`, with the learning rates of then."""
        vars(self).update(state_dict)
        self._set(self._last_lr or self.get_lr())

    def _set(self, rates: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = list(rates)

    def _check_order(self) -> None:
        """Warn if there are gradients that no step has used: the first learning rate would be skipped."""
        optimizer = self.optimizer
        counted = type(optimizer).step is Optimizer.step
        if counted and not optimizer._steps and any(p.grad is not None for p in optimizer._parameters()):
            warn_once(
                "MG168",
                "The scheduler steps before the optimiser has: the first learning rate is never used. Call "
                "`optimizer.step()` first, `scheduler.step()` after it.",
            )


def positive(value: int, name: str) -> int:
    """`value`, if it is more than 0."""
    if value <= 0:
        raise ArgumentError("MG167", f"`{name}` must be more than 0, got {value}.")
    return value


def one_for_each(value: Any, optimizer: Optimizer, name: str) -> list[Any]:
    """A value for each group of parameters, from one for all or a list of them."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, list | tuple) else [value] * groups
    if len(values) != groups:
        raise ArgumentError("MG167", f"{groups} groups of parameters need {groups} {name}, got {len(values)}.")
    return values
