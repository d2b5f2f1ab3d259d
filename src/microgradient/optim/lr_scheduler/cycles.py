"""Schedulers that go up and down, the momentum the other way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...errors import ArgumentError, as_given
from ..optimizer import Optimizer
from .base import LRScheduler, one_for_each, positive


class _Cycling(LRScheduler):
    """Sets a momentum, too: that of SGD, or the first beta."""

    cycle_momentum: bool

    def momentum(self, group: int) -> float:
        """The momentum of this epoch for a group."""
        raise NotImplementedError

    def _set(self, rates: list[float]) -> None:
        super()._set(rates)
        for number, group in enumerate(self.optimizer.param_groups if self.cycle_momentum else ()):
            if "betas" in group:
                group["betas"] = (self.momentum(number), *group["betas"][1:])
            else:
                group["momentum"] = self.momentum(number)

    def _use_momentum(self, optimizer: Optimizer) -> None:
        """Let compiled steps know that the momentum changes. Raises ArgumentError if there is none."""
        if not self.cycle_momentum:
            return
        names = [name for name in ("betas", "momentum") if name in optimizer.defaults]
        if not names:
            raise ArgumentError(
                "MG167", f"{type(optimizer).__name__} has neither a momentum nor betas. Write `cycle_momentum=False`."
            )
        optimizer.inputs = tuple({**dict.fromkeys(optimizer.inputs), names[0]: None})


class CyclicLR(_Cycling):
    """Straight up from `base_lr` to `max_lr` in `step_size_up` steps, and down again in `step_size_down`, over and
    over.

    The height of cycle k is divided by 2^(k - 1) with mode "triangular2", and multiplied by gamma^step with
    "exp_range", or by `scale_fn` of the cycle (of the step, with scale_mode="iterations"). The momentum goes from
    `max_momentum` to `base_momentum` and back, unless `cycle_momentum=False`.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.CyclicLR(optimizer, 0.1, 0.5, step_size_up=2, cycle_momentum=False)
    >>> for _ in range(5):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    0.1 0.3 0.5 0.3 0.1

    Smith, "Cyclical learning rates for training neural networks" (2017).
    """

    def __init__(
        self, optimizer: Optimizer, base_lr: Any, max_lr: Any, step_size_up: int = 2000, step_size_down: int | None = None,
        mode: str = "triangular", gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle", cycle_momentum: bool = True, base_momentum: Any = 0.8, max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ArgumentError("MG167", f"`mode` is 'triangular', 'triangular2' or 'exp_range', got {as_given(mode)}.")
        self.cycle_momentum, self.mode, self.gamma = cycle_momentum, mode, gamma
        self._use_momentum(optimizer)
        self._scale_fn, self.scale_mode = (
            scale_fn,
            "iterations" if scale_fn is None and mode == "exp_range" else scale_mode,
        )
        up = positive(step_size_up, "step_size_up")
        self.total_size = up + (up if step_size_down is None else step_size_down)
        self.step_ratio = up / self.total_size
        self.max_lrs = one_for_each(max_lr, optimizer, "values of max_lr")
        self.base_momentums = one_for_each(base_momentum, optimizer, "values of base_momentum")
        self.max_momentums = one_for_each(max_momentum, optimizer, "values of max_momentum")
        for group, lr in zip(
            optimizer.param_groups, one_for_each(base_lr, optimizer, "values of base_lr"), strict=True
        ):
            if last_epoch == -1:
                group["lr"] = group["initial_lr"] = lr
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base + (top - base) * self._height() for base, top in zip(self.base_lrs, self.max_lrs, strict=True)]

    def momentum(self, group: int) -> float:
        low, high = self.base_momentums[group], self.max_momentums[group]
        return float(high - (high - low) * self._height())

    def _height(self) -> float:
        """How far up it is, from 0 to 1."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        return height * self._scale(cycle if self.scale_mode == "cycle" else self.last_epoch)

    def _scale(self, x: float) -> float:
        if self._scale_fn is not None:
            return self._scale_fn(x)
        return {"triangular": 1.0, "triangular2": 0.5 ** (x - 1), "exp_range": self.gamma**x}[self.mode]


class OneCycleLR(_Cycling):
    """Up from γ = max_lr / div_factor to `max_lr` in the share `pct_start` of all steps, then down to γ /
    final_div_factor.

    With `three_phase` it comes down to γ in as many steps first. It goes along half a cosine, or straight with
    anneal_strategy="linear". The momentum goes from `max_momentum` to `base_momentum` and back, unless
    `cycle_momentum=False`. Say how many steps there are by `total_steps`, or by `epochs` and `steps_per_epoch`;
    one more is an ArgumentError.

    >>> import microgradient as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.OneCycleLR(
    ...     optimizer, 1.0, total_steps=5, pct_start=0.4, anneal_strategy="linear", div_factor=2, final_div_factor=1
    ... )
    >>> for _ in range(5):
    ...     print(round(optimizer.param_groups[0]["lr"], 3), end=" ")
    ...     schedule.step()
    0.5 1.0 0.833 0.667 0.5

    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates" (2018).
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: Any, total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos", cycle_momentum: bool = True,
        base_momentum: Any = 0.85, max_momentum: Any = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
        three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ArgumentError("MG167", "OneCycleLR needs `total_steps`, or `epochs` and `steps_per_epoch`.")
            total_steps = positive(epochs, "epochs") * positive(steps_per_epoch, "steps_per_epoch")
        if not 0 <= pct_start <= 1:
            raise ArgumentError("MG167", f"`pct_start` must be between 0 and 1, got {pct_start}.")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError("MG167", f"`anneal_strategy` is 'cos' or 'linear', got {as_given(anneal_strategy)}.")
        self.total_steps, self.anneal_strategy = positive(total_steps, "total_steps"), anneal_strategy
        self.cycle_momentum = cycle_momentum
        self._use_momentum(optimizer)
        top = pct_start * total_steps - 1
        # where each phase ends, and what it goes between: γ, the largest and the smallest rate by number
        self.phases = (
            [(top, 0, 1), (2 * top, 1, 0), (total_steps - 1, 0, 2)]
            if three_phase
            else [(top, 0, 1), (total_steps - 1, 1, 2)]
        )
        self.rates = [
            (lr / div_factor, lr, lr / div_factor / final_div_factor)
            for lr in one_for_each(max_lr, optimizer, "values of max_lr")
        ]
        lows, highs = (one_for_each(m, optimizer, "momenta") for m in (base_momentum, max_momentum))
        self.momenta = [(high, low, high) for low, high in zip(lows, highs, strict=True)]
        for group, rates in zip(optimizer.param_groups, self.rates, strict=True):
            if last_epoch == -1:
                group["lr"] = group["initial_lr"] = rates[0]
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                "MG167", f"OneCycleLR was made for {self.total_steps} steps, and this is step {self.last_epoch + 1}."
            )
        return [self._between(rates) for rates in self.rates]

    def momentum(self, group: int) -> float:
        return self._between(self.momenta[group])

    def _between(self, ends: tuple[float, float, float]) -> float:
        start = 0.0
        for end, a, b in self.phases:
            if self.last_epoch <= end or (end, a, b) == self.phases[-1]:
                break
            start = end
        done = (self.last_epoch - start) / (end - start)
        if self.anneal_strategy == "cos":
            done = (1 - math.cos(math.pi * done)) / 2
        return ends[a] + (ends[b] - ends[a]) * done
