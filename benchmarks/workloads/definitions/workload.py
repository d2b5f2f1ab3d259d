"""What says what a workload is, and what a library makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]
Kind = Literal["training", "inference", "product"]
EPSILON = 1e-8  # of Adam and AdamW


class Optimizer(NamedTuple):
    """PyTorch's of that `name`; `options` are those that it has besides its rate."""

    name: str = "Adam"
    rate: float = 1e-3
    options: dict[str, float] = {}  # noqa: RUF012 (nobody writes into it)


class Workload(NamedTuple):
    """A step; `must` and `aim` are the largest ratios of our time to that of the best of `peers`.

    The step of the kind "training" is forward, backward, and update; that of "inference" is forward without a tape; and a
    "product" is that of the loss's Hessian with a vector.
    """

    title: str
    peers: tuple[str, ...]
    must: float
    aim: float | None
    weights: Callable[[], Arrays]
    batch: Callable[[], tuple[np.ndarray, ...]]  # images as (N, channels, rows, columns)
    flops: int  # of the matrix products and convolutions, forward and backward: the rest is not counted
    kind: Kind = "training"
    optimizer: Optimizer = Optimizer()
    compared: int = 10  # steps after which the losses are compared
    tolerance: float = 1e-4  # relative, of these losses
    compile_seconds: float | None = None  # at most, with an empty cache


class Step(NamedTuple):
    """A step of one library, ready to run."""

    run: Callable[[int], None]  # that many steps, and wait until they are done
    loss: Callable[[], float]  # of the last step, before its update; where there is no loss, the `size` of its result
    repeat: Callable[[int], None] | None = None  # the same by a loop in native code


def size(arrays: list[np.ndarray]) -> float:
    """A norm of a result that is told in the place of a loss: √Σ wᵢ xᵢ², where w goes from 1 to 2, so that places count."""
    entries = np.concatenate([np.ravel(a).astype(np.float64) for a in arrays])
    return float(np.sqrt(np.linspace(1, 2, entries.size) @ entries**2))
