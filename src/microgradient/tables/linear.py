"""Linear models of a table, solved to the optimum: ridge and logistic regression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.targets import Target, parts

Floats = NDArray[np.float64]

STRENGTHS = (10.0, 1.0, 0.2, 0.04, 0.01, 2e-3, 4e-4)
_ITERATIONS, _TOLERANCE = 60, 1e-4
_WIDE = 512  # features


def solve_path(
    x: Floats, y: Floats, weights: Floats, targets: Sequence[Target], strengths: Sequence[float] = STRENGTHS
) -> Iterator[tuple[Floats, Floats]]:
    """Weights W (features, outputs) and bias b for each λ of `strengths`, which minimise the mean of loss(x W + b, y) plus
    λ/2 ‖W‖², where y is the truth in the shape of the outputs.

    Solved by accelerated gradient descent with restarts (Nesterov 1983; O'Donoghue & Candès 2015) in the coordinates in which a
    least-squares problem is round, W = V (S + λ)^-½ U with x^T x / n = V S V^T: there the curvature is at most 1, so that the
    step 1 is safe, and a ridge regression takes one. Each λ begins where the one before ended.

    >>> x, y = np.array([[-1.0], [0.0], [1.0]]), np.array([[-1.0], [0.0], [1.0]])
    >>> weight, bias = next(solve_path(x, y, np.ones(3), [Target("y", "regression", "number")], [2 / 3]))
    >>> bool(abs(weight[0, 0] - 0.5) < 1e-3), bool(abs(bias[0]) < 1e-3)
    (True, True)
    """
    outputs = y.shape[1]
    shares = (weights / weights.sum())[:, None]
    center = (x * shares).sum(axis=0)
    centred = x - center
    spectrum, axes = _principal_axes(centred, shares)
    rotated = centred @ axes
    weight, bias = np.zeros((len(spectrum), outputs)), np.zeros((1, outputs))
    for strength in strengths:
        scale = 1 / np.sqrt(np.maximum(spectrum, 0.0) + strength)[:, None]
        inputs, penalty = rotated * scale.T, strength * scale**2

        u = _minimise(np.concatenate([weight / scale, bias]), inputs, penalty, y, shares, targets)
        weight, bias = u[:-1] * scale, u[-1:]
        plain = axes @ weight
        yield plain, bias[0] - center @ plain


def _principal_axes(centred: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """S and V of x^T x / n = V S V^T. Of a wide table these are only the axes along which rows differ: the weights lie in
    their span, as the penalty is least there, and the work grows with the square of the rows, not the cube of the features.
    """
    rows, features = centred.shape
    if features <= max(rows, _WIDE):
        return np.linalg.eigh((centred * shares).T @ centred)
    _, deviations, axes = np.linalg.svd(centred * np.sqrt(shares), full_matrices=False)
    return deviations**2, axes.T


def _minimise(
    point: Floats, inputs: Floats, penalty: Floats, y: Floats, shares: Floats, targets: Sequence[Target]
) -> Floats:
    """From `point`, the weights and below them the bias, to where the gradient is nearly nothing."""
    ahead, momentum = point, 1.0
    for _ in range(_ITERATIONS):
        slopes = _slopes(inputs @ ahead[:-1] + ahead[-1:], y, targets) * shares
        gradient = np.concatenate([inputs.T @ slopes + penalty * ahead[:-1], slopes.sum(axis=0, keepdims=True)])
        following = ahead - gradient
        if (gradient * (following - point)).sum() > 0:  # the momentum leads uphill
            momentum = 1.0
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = following + (momentum - 1) / grown * (following - point)
        point, momentum = following, grown
        if np.abs(gradient).max() < _TOLERANCE:
            break
    return point


def _slopes(outputs: Floats, truth: Floats, targets: Sequence[Target]) -> Floats:
    """The derivative of the loss of each row, half of it for numbers: for all three kinds it is answer - truth."""
    slopes = np.empty_like(outputs)
    for target, place in parts(targets):
        o, t = outputs[:, place], truth[:, place]
        if target.task == "classification":
            powers = np.exp(o - o.max(axis=1, keepdims=True))
            slopes[:, place] = powers / powers.sum(axis=1, keepdims=True) - t
        elif target.task == "labels":
            slopes[:, place] = (1 / (1 + np.exp(-o)) - t) / target.width
        else:
            slopes[:, place] = o - t
    return slopes / len(targets)
