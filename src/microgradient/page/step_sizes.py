"""The norm of the gradient, and how far a step moves the weights, for the curves of a run that is watched."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..train.recipe import trained

_EVERY = 0.2  # seconds between two readings: each reads all weights


class StepSizes:
    """‖g‖, the gradient that the optimiser was given last, clipped where the run clips it, and ‖Δw‖ / ‖w‖ of the step.

    Both are over all parameters that are trained. Nothing is changed by reading them. Where several optimisers take turns there
    is not `one_gradient` that a step followed, and none is told.
    """

    def __init__(self, parameters: Iterable[Any], one_gradient: bool = True) -> None:
        self.parameters, self.one_gradient = trained(parameters), one_gradient
        self.before: list[Any] | None = None  # the weights after the step before
        self.read = -math.inf  # when

    def after_step(self) -> dict[str, float]:
        """What the step just taken was, by name; nothing if that was not read: a few times a second is enough for a curve."""
        before, self.before = self.before, None
        if before is None:
            if time.monotonic() - self.read >= _EVERY:
                self.before = [np.array(p.data) for p in self.parameters]
            return {}
        self.read = time.monotonic()
        gradients = [g for p in self.parameters if (g := p.grad) is not None] if self.one_gradient else []
        moved = _norm(p.data - old for p, old in zip(self.parameters, before, strict=True))
        found = {"gradient norm": _norm(np.asarray(g) for g in gradients)} if gradients else {}
        size = _norm(before)
        return found | ({"update / weight": moved / size} if size else {})


def _norm(arrays: Iterable[Any]) -> float:
    with np.errstate(all="ignore"):
        return math.sqrt(sum(float(np.sum(np.square(np.asarray(a, np.float64)))) for a in arrays))
