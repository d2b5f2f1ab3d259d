"""Which examples are learnt from and which are held out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def split(
    count: int, held_out: float, seed: int, classes: NDArray[Any] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the fraction `held_out` of `count` examples by `seed`: sorted numbers of the others, and of those.

    With `classes`, the fraction is drawn from each class, and a class always keeps one example to learn from; if all
    are so small that nothing would be held out, one example of the largest is.

    >>> training, test = split(10, 0.2, seed=0)
    >>> len(training), len(test), sorted({*training.tolist(), *test.tolist()}) == list(range(10))
    (8, 2, True)
    """
    draw = np.random.default_rng(seed)
    groups = [np.arange(count)] if classes is None else [np.flatnonzero(classes == c) for c in np.unique(classes)]
    sizes = [min(round(held_out * len(group)), len(group) - 1) for group in groups]
    largest = max(range(len(groups)), key=lambda k: len(groups[k]))
    if not any(sizes) and len(groups[largest]) > 1:
        sizes[largest] = 1
    chosen = [draw.permutation(group)[:size] for group, size in zip(groups, sizes, strict=True)]
    test = np.sort(np.concatenate(chosen)).astype(np.int64)
    return np.setdiff1d(np.arange(count, dtype=np.int64), test), test
