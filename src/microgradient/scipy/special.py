"""`microgradient.scipy.special`: SciPy's functions on arrays, those of `mg.special` where a tensor takes part.

>>> import microgradient as mg, microgradient.numpy as np
>>> from microgradient.scipy.special import logsumexp
>>> logsumexp(np.zeros(1), keepdims=True)
array([0.])
>>> mg.grad(logsumexp)(np.zeros(4))
tensor([0.25, 0.25, 0.25, 0.25], dtype=float64)
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

from .. import special
from ..coercion import holds_tensor


def either(theirs: Callable[[], Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """`ours` where a tensor is among the arguments, else SciPy's function, which `theirs` finds."""

    def chosen(*args: Any, **options: Any) -> Any:
        function = ours if holds_tensor((args, tuple(options.values()))) else theirs()
        return function(*args, **options)

    return chosen


def __getattr__(name: str) -> Any:
    if name not in special.__all__:
        raise AttributeError(f"microgradient.scipy.special has no {name!r}; there are {', '.join(special.__all__)}.")
    ours = getattr(special, name)
    return functools.wraps(ours)(either(lambda: getattr(importlib.import_module("scipy.special"), name), ours))


def __dir__() -> list[str]:
    return sorted(special.__all__)
