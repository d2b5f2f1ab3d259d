"""`microgradient.numpy.fft`: NumPy's discrete Fourier transforms, on arrays and on tensors."""

from typing import Any

import numpy as np

from .dispatch import names_of

_FROM_NUMPY = names_of(np.fft)


def __getattr__(name: str) -> Any:
    return _FROM_NUMPY(name)


def __dir__() -> list[str]:
    return sorted(np.fft.__all__)
