"""Ratings as products of embeddings, with biases. Koren, Bell and Volinsky 2009, "Matrix factorization techniques"."""

from __future__ import annotations

import numpy as np

from .layers import product
from .workload import Arrays

ROWS, WIDTH, BATCH = 100_000, 32, 1024  # users, and as many items


def weights() -> Arrays:
    """Of users and items: an embedding and a bias for each."""
    rng = np.random.default_rng(15)
    tables = {f"{name}.weight": rng.normal(0, 0.1, (ROWS, WIDTH)).astype(np.float32) for name in ("users", "items")}
    biases = {f"{name}_bias.weight": np.zeros((ROWS, 1), np.float32) for name in ("users", "items")}
    return tables | biases | {"mean": np.array([3.5], np.float32)}


def batch() -> tuple[np.ndarray, ...]:
    """Users, items, and the ratings from 1 to 5 that they gave and got."""
    rng = np.random.default_rng(15)
    users, items = rng.integers(0, ROWS, (2, BATCH))
    return users, items, rng.integers(1, 6, BATCH).astype(np.float32)


def flops() -> int:
    """Of the dot products: what takes the time is Adam's way through both tables."""
    return product(BATCH, WIDTH, 1)
