"""Rules about a batch that no training can fit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case
from .diagnosis import Finding
from .graph import rms, size
from .loss_rules import picked_logarithms, squared_errors

_HALF = 0.5
_SAME = 1e-5  # of the predictions' size


def cannot_overfit(case: Case) -> Iterator[Finding]:
    """Equal examples with different targets, predictions that don't depend on the example, or steps that lead nowhere."""
    yield from _contradictions(case) or _ignored_inputs(case) or _no_descent(case)


def _contradictions(case: Case) -> list[Finding]:
    """How much of the error of always saying the same is left by the best function of the inputs, if equal ones disagree."""
    arrays = examples(case.batch)
    if arrays is None or not (_uniform_labels(case) or any(True for _ in squared_errors(case))):
        return []
    x, y = arrays
    groups: dict[bytes, list[int]] = {}
    for i, row in enumerate(x):
        groups.setdefault(row.tobytes(), []).append(i)
    if len(groups) == len(x):
        return []
    classes = y.dtype.kind in "iu"
    whole = _spread(y, classes)
    floor = sum(len(rows) * _spread(y[rows], classes) for rows in groups.values()) / len(x)
    if not (whole > 0 and floor > _HALF * whole):
        return []
    repeated = sum(len(rows) for rows in groups.values() if len(rows) > 1)
    return [
        Finding(
            "cannot overfit", "batch",
            f"{repeated} of {len(x)} examples have inputs that occur with different targets, among {len(groups)} different "
            f"inputs: the best function of them leaves {100 * floor / whole:.0f} % of the error of always predicting the same.",
            "The inputs do not tell the targets apart: they were lost, or do not belong to these targets.",
            "Look at what enters the model, and whether inputs and targets are in the same order.",
            "print(x.std(axis=0))  # 0 where all examples are the same",
            {"floor": floor / whole, "inputs": float(len(groups))},
        )
    ]  # fmt: skip


def examples(batch: Any) -> tuple[Any, Any] | None:
    """Inputs and targets as arrays with a row an example, if the batch is a pair of such."""
    if not isinstance(batch, list | tuple) or len(batch) != 2:
        return None
    x, y = (np.asarray(getattr(part, "raw", part)) for part in batch)
    if x.dtype == object or y.dtype == object or not x.ndim or not y.ndim or len(x) != len(y) or len(x) < 8:
        return None
    return np.ascontiguousarray(x.reshape(len(x), -1)), y.reshape(len(y), -1)


def _spread(y: Any, classes: bool) -> float:
    """Variance of numbers; entropy of labels."""
    if not classes:
        return float(np.var(y.astype(np.float64), axis=0).sum())
    counts = np.unique(y, axis=0, return_counts=True)[1] / len(y)
    return float(-np.sum(counts * np.log(counts)))


def _uniform_labels(case: Case) -> bool:
    """Whether the loss takes log-probabilities of labels, all with one weight, as a policy's are not."""
    found = [g for node in picked_logarithms(case) if (g := case.graph.adjoint(node)) is not None]
    return bool(found) and all(np.ptp(g) <= 1e-6 * np.abs(g).max() for g in found)


def _ignored_inputs(case: Case) -> list[Finding]:
    """The same prediction for all examples, though these differ, also after the steps."""
    before, after = case.predictions, case.trial.predictions
    arrays = examples(case.batch)
    if before is None or after is None or arrays is None or before.shape != after.shape or len(after) != len(arrays[0]):
        return []
    if not np.ptp(arrays[0].astype(np.float64), axis=0).any():
        return []
    spread = [rms(p - p.mean(axis=0)) / (rms(p) or 1.0) for p in (before, after)]
    if max(spread) > _SAME:
        return []
    return [
        Finding(
            "cannot overfit", "model",
            f"The predictions for {len(after)} different examples are the same: they vary by {100 * max(spread):.2g} % of their "
            f"size, after {case.trial.steps} steps of training as before.",
            "What enters the model does not reach its output.",
            "Look for a factor of zero, a softmax over an axis of length 1, or a layer that forgets its input.",
            "print(model(x).std(axis=0))  # should not be 0",
            {"spread": max(spread)},
        )
    ]  # fmt: skip


def _no_descent(case: Case) -> list[Finding]:
    """A gradient that promises a lower loss, which neither steps of Adam nor small ones against the gradient bring."""
    own, below = case.trial.own, case.trial.below
    if len(own) < 10 or not below or not all(map(math.isfinite, own)):
        return []
    promised = 0.01 * sum(size(case.parameters[name].raw) * size(g) for name, g in case.gradients.items())
    stays = float(np.median(own[-5:])) >= own[0] and min(below.values()) >= own[0]
    rounding = (
        promised * 1e4 * float(np.finfo(case.seen.loss.raw.dtype).eps)
    )  # what a hundred roundings of the weights do
    if not (promised > 1e-3 * abs(own[0]) and rounding < abs(own[0]) and stays):
        return []
    return [
        Finding(
            "cannot overfit", "loss",
            f"In {len(own) - 1} steps of Adam on this one batch the loss goes from {own[0]:.4g} to {own[-1]:.4g}, and "
            f"{len(below)} small steps against the gradient give {min(below.values()):.4g} or more; it promises {promised:.2g} "
            "less for a change of the weights by 1 %.",
            "The loss does not follow its gradient: a derivative is wrong, or the loss changes by itself.",
            "Compare with finite differences, and compute the loss twice.",
            "print(loss_fn(model, batch), loss_fn(model, batch))",
            {"promised": promised, "lowest": min(*own, *below.values())},
        )
    ]  # fmt: skip
