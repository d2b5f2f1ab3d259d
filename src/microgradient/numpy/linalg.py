"""`microgradient.numpy.linalg`: NumPy's linear algebra, on arrays and on tensors."""

from typing import Any

import numpy as np

from .dispatch import names_of

_FROM_NUMPY = names_of(np.linalg)


def __getattr__(name: str) -> Any:
    return _FROM_NUMPY(name)


def __dir__() -> list[str]:
    return sorted(np.linalg.__all__)
