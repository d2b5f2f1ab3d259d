"""Networks of linear layers: W1, W3, and the wide, the tabular and the twice differentiated one; W2 is made of single numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .layers import FIRST, FORWARD, TRAINED, linear, product
from .workload import Arrays

BATCH = 64  # of W3, and of the Hessian's products
DIGITS, WIDE = (784, 128, 10), (784, 1024, 1024, 10)
TABULAR, HESSIAN = (40, 256, 256, 1), (64, 128, 10)
WIDE_BATCH, ROWS = 256, 8192
VALUES_RATE, VALUES_DECAY = 0.1, 1e-4  # of W2

# ------------------------------------------------------------------------------------------------------------- weights


def layers(rng: np.random.Generator, sizes: Sequence[int], prefix: str = "") -> Arrays:
    """Linear layers in a `Sequential`, where every second module is an activation."""
    weights = {}
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        weights |= linear(rng, f"{prefix}{2 * i}", outputs, inputs)
    return weights


def tiny_weights() -> Arrays:
    """W1's: drawn again until both hidden units are on for all four points, or they would never learn."""
    rng = np.random.default_rng(1)
    while True:
        weights = layers(rng, (2, 2, 1))
        if (tiny_batch()[0] @ weights["0.weight"].T + weights["0.bias"] > 0).all():
            return weights


def values_weights() -> Arrays:
    """W2's: every neuron's weights, then its bias, as micrograd lists and draws them."""
    rng = np.random.default_rng(2)
    neurons = [(2, 16), (16, 16), (16, 1)]
    drawn = [np.append(rng.uniform(-1, 1, inputs), 0.0) for inputs, count in neurons for _ in range(count)]
    return {"parameters": np.concatenate(drawn)}


def digits_weights() -> Arrays:
    """W3's."""
    return layers(np.random.default_rng(3), DIGITS)


def wide_weights() -> Arrays:
    """The wide network's."""
    return layers(np.random.default_rng(7), WIDE)


def tabular_weights() -> Arrays:
    """The tabular network's."""
    return layers(np.random.default_rng(8), TABULAR)


def hessian_weights() -> Arrays:
    """Those of the network whose Hessian is meant, and behind `direction.` the vector that it is multiplied with."""
    rng = np.random.default_rng(9)
    weights = layers(rng, HESSIAN)
    return weights | {f"direction.{name}": rng.standard_normal(a.shape, np.float32) for name, a in weights.items()}


# ---------------------------------------------------------------------------------------------------------------- data


def tiny_batch() -> tuple[np.ndarray, np.ndarray]:
    """The article's four points."""
    points = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]], np.float32)
    return points, np.array([[0], [1], [1], [1]], np.float32)


def moons_batch() -> tuple[np.ndarray, np.ndarray]:
    """100 points on two half circles, the moons being -1 and 1."""
    rng = np.random.default_rng(2)
    angle = np.linspace(0, np.pi, 50)
    upper, lower = np.stack([np.cos(angle), np.sin(angle)], 1), np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = np.concatenate([upper, lower]) + rng.normal(0, 0.1, (100, 2))
    return points, np.repeat([-1, 1], 50)


def classes_batch(rows: int, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of numbers from 0 to 1, and ten classes."""
    rng = np.random.default_rng(3)
    return rng.random((rows, inputs), np.float32), rng.integers(0, 10, rows)


def tabular_batch() -> tuple[np.ndarray, np.ndarray]:
    """Standardised columns, and a target that depends on them and on chance."""
    rng = np.random.default_rng(8)
    x = rng.standard_normal((ROWS, TABULAR[0]), np.float32)
    y = x[:, :1] * x[:, 1:2] + np.sin(x[:, 2:3]) + 0.1 * rng.standard_normal((ROWS, 1), np.float32)
    return x, y


# ---------------------------------------------------------------------------------------------------------- arithmetic


def flops(rows: int, sizes: Sequence[int], products: int = TRAINED) -> int:
    """Of linear layers, the first of which needs no derivative of its input."""
    pairs = list(pairwise(sizes))
    first = product(rows, *pairs[0], min(products, FIRST))
    return first + sum(product(rows, inputs, outputs, products) for inputs, outputs in pairs[1:])


def forward_flops(rows: int, sizes: Sequence[int]) -> int:
    """Without derivatives."""
    return flops(rows, sizes, FORWARD)


def hessian_flops() -> int:
    """Forward, its tangent, and the tangent of backward; what the gradient alone would need in the end is not counted.

    In the first layer x W, x V and the tangent of the weights' gradient; in the second h W, ḣ W + h V, ȳ W and its two-part
    tangent, and the two parts of the tangent of ȳ h.
    """
    inputs, hidden, outputs = HESSIAN
    return product(BATCH, inputs, hidden, products=3) + product(BATCH, hidden, outputs, products=8)
