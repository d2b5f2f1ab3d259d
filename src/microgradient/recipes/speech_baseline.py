"""What `speech` is compared with: recordings are cut into equal parts, each of which is taken for one digit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CUTS = 6  # averages over time of each part


def equal_parts(known: Sequence[NDArray[Any]], strings: Sequence[str], asked: Sequence[NDArray[Any]]) -> list[str]:
    """The digits in the recordings `asked`, log-mels (frames, bands), learnt from `known` ones and what is said in them.

    How many digits there are is taken from the length, by the mean length of a digit; each part, averaged over six stretches of
    time, is classified by scikit-learn's logistic regression.
    """
    from sklearn.linear_model import LogisticRegression

    x = np.concatenate([_parts(mels, len(digits)) for mels, digits in zip(known, strings, strict=True)])
    y = np.array([int(digit) for digits in strings for digit in digits])
    fitted = LogisticRegression(C=0.1, max_iter=300).fit(x, y)
    length = sum(map(len, known)) / len(y)
    return ["".join(map(str, fitted.predict(_parts(mels, max(1, round(len(mels) / length)))))) for mels in asked]


def _parts(mels: NDArray[Any], count: int) -> NDArray[Any]:
    """(count, 6 · bands)."""
    edges = np.linspace(0, len(mels), count * _CUTS + 1)
    means = [mels[int(a) : max(int(a) + 1, int(b))].mean(axis=0) for a, b in pairwise(edges)]
    return np.stack(means).reshape(count, -1)
