"""Deep Q-learning on observations of CartPole's size. Mnih et al. 2013, "Playing Atari with deep reinforcement learning"."""

from __future__ import annotations

import numpy as np

from . import dense
from .workload import Arrays

SIZES, BATCH, DISCOUNT = (4, 128, 128, 2), 128, 0.99


def weights() -> Arrays:
    """Of the network that learns, and of the one that sets its targets: other ones, as after some steps."""
    rng = np.random.default_rng(14)
    return dense.layers(rng, SIZES, "online.") | dense.layers(rng, SIZES, "target.")


def batch() -> tuple[np.ndarray, ...]:
    """Observations, actions (N, 1), rewards, next observations, and 1 where the episode ended."""
    rng = np.random.default_rng(14)
    before, after = rng.standard_normal((2, BATCH, SIZES[0]), np.float32)
    ended = (rng.random(BATCH) < 0.05).astype(np.float32)
    return before, rng.integers(0, SIZES[-1], (BATCH, 1)), np.ones(BATCH, np.float32), after, ended


def flops() -> int:
    """The target network's forward pass, too."""
    return dense.flops(BATCH, SIZES) + dense.forward_flops(BATCH, SIZES)
