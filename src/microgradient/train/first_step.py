"""A look at the first step of a network of single numbers, which the doctor doesn't examine: is it far too large?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explain.doctor.diagnosis import Finding
from .recipe import Recipe

_LARGE = 0.1  # of the weights' size
_FITTING = 0.01
_TIMES = 2.0  # what the loss is after a step that is far too large, at least


def too_large(recipe: Recipe, optimizer: Any, examples: NDArray[np.int64]) -> Finding | None:
    """The finding where one step on these examples at least doubles the loss, and a small part of it lowers it.

    Weights, gradients and optimiser are afterwards what they were.
    """
    parameters = list(recipe.model.parameters())
    kept = [(p, p.data, p.grad) for p in parameters]
    state = optimizer.state_dict()
    batch = recipe.batch(examples)

    def moved_by(part: float, step: NDArray[np.float64]) -> float:
        for (p, data, _), change in zip(kept, step, strict=True):
            p.data = data + part * float(change)
        return float(recipe.batch_loss(*batch).data)

    try:
        with np.errstate(all="ignore"):
            before = np.array([data for _, data, _ in kept])
            optimizer.zero_grad()
            loss = recipe.batch_loss(*batch)
            loss.backward()
            optimizer.step()
            step = np.array([p.data for p in parameters]) - before
            ratio = math.hypot(*step) / math.hypot(*before)
            if not ratio > _LARGE:
                return None
            start, after = float(loss.data), moved_by(1.0, step)
            part = 10.0 ** round(math.log10(_FITTING / ratio)) if math.isfinite(ratio) else math.nan
            if after < _TIMES * abs(start) or not moved_by(part, step) < start:
                return None
    finally:
        for p, data, grad in kept:
            p.data, p.grad = data, grad
        optimizer.load_state_dict(state)
    rate = recipe.options.lr
    return Finding(
        "learning rate too large", "optimizer",
        f"One step changes the weights by {100 * ratio:.3g} % of their size, and the loss goes from {start:.4g} to {after:.4g}; "
        f"{part:.0e} of it lowers it.",
        f"The learning rate {rate:g} is too large.",
        "Lower it.",
        "", {"ratio": ratio, "before": start, "after": after}, {"lr": float(f"{rate * part:.0e}")},
    )  # fmt: skip
