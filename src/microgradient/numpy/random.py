"""`microgradient.numpy.random`: NumPy's generators. What they draw are arrays, and constants of a derivative."""

from typing import Any

import numpy as np

from .dispatch import names_of

_FROM_NUMPY = names_of(np.random)


def __getattr__(name: str) -> Any:
    return _FROM_NUMPY(name)


def __dir__() -> list[str]:
    return sorted(np.random.__all__)
