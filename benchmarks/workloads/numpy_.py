"""NumPy: the rate of a matrix product, by which the arithmetic floor of a workload is reckoned."""

from __future__ import annotations

import numpy as np

from .definitions.workload import Step

VERSION = np.__version__
SIZE = 1024
FLOPS = 2 * SIZE**3


def prepare(threads: int) -> None:
    """The number of BLAS's threads is taken from the environment."""


def build(name: str) -> Step:
    """A product of two 1024×1024 matrices."""
    a, b = np.random.default_rng(0).random((2, SIZE, SIZE), np.float32)
    out = np.empty_like(a)

    def run(count: int) -> None:
        for _ in range(count):
            np.matmul(a, b, out=out)

    return Step(run, lambda: float(out[0, 0]))
