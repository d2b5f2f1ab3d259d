"""Two interleaved half circles: the smallest problem that a straight line can't solve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def make_moons(count: int, noise: float, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points (count, 2) and the moon each lies on, 0 or 1, in random order; `noise` is the deviation of the points.

    Same distribution as scikit-learn's `make_moons`.

    >>> points, moons = make_moons(100, 0.0, seed=1)
    >>> bool(np.allclose(np.hypot(*points[moons == 0].T), 1)), int(moons.sum())
    (True, 50)
    """
    draw = np.random.default_rng(seed)
    outer, inner = np.linspace(0, np.pi, count // 2), np.linspace(0, np.pi, count - count // 2)
    points = np.concatenate([
        np.stack([np.cos(outer), np.sin(outer)], axis=1),
        np.stack([1 - np.cos(inner), 0.5 - np.sin(inner)], axis=1),
    ])  # fmt: skip
    moons = np.repeat([0, 1], [len(outer), len(inner)])
    order = draw.permutation(count)
    return points[order] + draw.normal(scale=noise, size=(count, 2)), moons[order]
