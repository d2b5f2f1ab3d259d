"""Schedulers that multiply the learning rate by a factor of the epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...errors import ArgumentError, ArgumentTypeError, type_name
from ..optimizer import Optimizer
from .base import LRScheduler, one_for_each, positive

Factor = Callable[[int], float]


class StepLR(LRScheduler):
    """Multiply by `gamma` every `step_size` epochs: γ₀ · gamma^⌊epoch / step_size⌋.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    1.0 1.0 0.5 0.5
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = positive(step_size, "step_size"), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: Any, base: float) -> float:
        return base * self.gamma ** (epoch // self.step_size)

    def ratio(self, epoch: int, base: float) -> float:
        return 1.0 if epoch % self.step_size else self.gamma


class MultiStepLR(LRScheduler):
    """Multiply by `gamma` at each of the epochs `milestones`: γ₀ · gamma^(number of milestones up to the epoch).

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    1.0 0.5 0.5 0.25
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if isinstance(milestones, int):
            raise ArgumentTypeError(
                "MG167", f"`milestones` are several epochs. Write `[{milestones}]` for a single one."
            )
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: Any, base: float) -> float:
        return base * self.gamma ** sum(count for milestone, count in self.milestones.items() if milestone <= epoch)

    def ratio(self, epoch: int, base: float) -> float:
        return self.gamma ** self.milestones.get(epoch, 0)  # a file gives it back as a plain dict


class ConstantLR(LRScheduler):
    """γ₀ · factor for `total_iters` epochs, then γ₀.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    0.5 0.5 1.0 1.0
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        _check_factors(factor)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: Any, base: float) -> float:
        return base * (self.factor if epoch < self.total_iters else 1.0)


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
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if not start_factor > 0:
            raise ArgumentError("MG167", f"`start_factor` must be between 0 and 1, and not 0, got {start_factor}.")
        _check_factors(start_factor, end_factor)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = positive(total_iters, "total_iters")
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: Any, base: float) -> float:
        done = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


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

    def rate(self, epoch: Any, base: float) -> float:
        return base * self.gamma**epoch

    def ratio(self, epoch: int, base: float) -> float:
        return self.gamma


class PolynomialLR(LRScheduler):
    """Fall to 0 in `total_iters` epochs: γ₀ · (1 - epoch / total_iters)^power.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=2, power=2.0)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    1.0 0.25 0.0 0.0
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = positive(total_iters, "total_iters"), power
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: Any, base: float) -> float:
        return base * (1.0 - min(epoch, self.total_iters) / self.total_iters) ** self.power


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

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | Sequence[Factor], last_epoch: int = -1) -> None:
        self.lr_lambdas: list[Factor] = one_for_each(lr_lambda, optimizer, "functions")
        for given in self.lr_lambdas:
            if not callable(given):
                raise ArgumentTypeError(
                    "MG167", f"lr_lambda should be a function of the epoch, but got {type_name(given)}."
                )
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [b * factor(self.last_epoch) for b, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def step(self, epoch: float | None = None) -> None:
        self.last_epoch = self.last_epoch if epoch is None else int(epoch) - 1
        super().step()

    def state_dict(self) -> dict[str, Any]:
        return {k: v for k, v in super().state_dict().items() if k != "lr_lambdas"}


class MultiplicativeLR(LambdaLR):
    """Multiply the learning rate, from epoch 1 on, by a function of the epoch, or of each group's own.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> for _ in range(4):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    1.0 0.5 0.25 0.125
    """

    def get_lr(self) -> list[float]:
        groups = zip(self.optimizer.param_groups, self.lr_lambdas, strict=True)
        return [float(g["lr"]) * (factor(self.last_epoch) if self.last_epoch > 0 else 1) for g, factor in groups]


def _check_factors(*factors: float) -> None:
    if not all(0 <= factor <= 1 for factor in factors):
        raise ArgumentError("MG167", f"A factor is between 0 and 1, got {' and '.join(map(str, factors))}.")
