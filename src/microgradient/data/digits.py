"""Handwritten digits: 1,797 pictures of 8 × 8 pixels, from scikit-learn (extra `recipes`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .extra import missing_extra


def load_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pictures (1797, 8, 8) with ink between 0 and 1, and the digit each shows, (1797,).

    The test part of the UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998).

    >>> pictures, digits = load_digits()
    >>> pictures.shape, digits[:4].tolist()
    ((1797, 8, 8), [0, 1, 2, 3])
    """
    try:
        from sklearn.datasets import load_digits as load
    except ImportError as error:
        raise missing_extra("digits", "scikit-learn") from error
    data: Any = load()
    return np.ascontiguousarray(data.images / 16, np.float32), data.target.astype(np.int64)
