"""Scores of predictions for a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.targets import Target, parts
from ..train.recipe import Metric


def table_metrics(said: NDArray[np.float32], y: NDArray[np.float32], targets: Sequence[Target]) -> list[Metric]:
    """Accuracy, log-loss and, of two classes, the area under the ROC curve; RMSE in the target's unit and R²; or micro-F1."""
    found, at = [], 0
    for target, place in parts(targets):
        p, t = said[:, place].astype(np.float64), y[:, at : at + target.truths].astype(np.float64)
        at += target.truths
        of = f" of {target.name}" if len(targets) > 1 else ""
        if target.task == "classification":
            classes = t[:, 0].astype(int)
            right = np.maximum(p[np.arange(len(p)), classes], 1e-12)
            found.append(Metric(f"held-out accuracy{of}", float((p.argmax(axis=1) == classes).mean()), "%"))
            found.append(Metric(f"held-out log-loss{of}", float(-np.log(right).mean()), "nats"))
            if target.width == 2 and 0 < classes.sum() < len(classes):
                found.append(Metric(f"held-out AUC{of}", auc(p[:, 1], classes)))
        elif target.task == "labels":
            found.append(Metric(f"held-out micro-F1{of}", micro_f1(t > 0.5, p > 0.5), "%"))
        else:
            guess, truth = target.original(p[:, 0]), t[:, 0] * target.deviation + target.mean
            squared = float(np.mean((guess - truth) ** 2))
            variance = float(np.var(truth))
            found.append(Metric(f"held-out RMSE{of}", squared**0.5))
            found.append(Metric(f"held-out R²{of}", 1 - squared / variance if variance else 0.0))
    return found


def micro_f1(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    """2 · true positives / (2 · true positives + false positives + false negatives), all labels counted together; 1
    where there are none, and none are said.

    >>> micro_f1(np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 0]]))
    0.6666666666666666
    """
    both = int(truth.sum() + predicted.sum())
    return 2 * int((truth * predicted).sum()) / both if both else 1.0


def auc(scores: NDArray[np.float64], positive: NDArray[np.int64]) -> float:
    """The chance that a positive has a higher score than a negative; ties count half.

    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    0.75
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(positive.sum())
    rest = len(positive) - positives
    return float((ranks[positive > 0].sum() - positives * (positives + 1) / 2) / (positives * rest))
