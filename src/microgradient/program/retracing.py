"""Warning of a function that is traced again and again, with what keeps changing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import warn_once
from ..scalar import Value
from ..tensor import Tensor
from .names import Name
from .signature import argument_names

_PATIENCE = 8  # programs after which it is said


class Retracing:
    """How often a function was traced, and for which arguments recently."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._signatures: deque[list[str]] = deque(maxlen=_PATIENCE + 1)
        self.times = 0

    def note(self, leaves: list[Any], args: Any, options: Any, changed: list[Name]) -> None:
        """It was traced for these arguments; `changed` are names that stood for something else the time before."""
        self.times += 1
        self._signatures.append([_shown(leaf) for leaf in leaves])
        if self.times != _PATIENCE + 1:
            return
        changing = []
        for n, name in enumerate(argument_names(self._function, args, options)):
            shown = dict.fromkeys(leaves[n] for leaves in self._signatures if n < len(leaves))
            if len(shown) > 1:
                changing.append(f"`{name}` ({', '.join([*shown][-3:])})")
        changing += [f"`{x.name}`, which is read from outside: pass it as an argument" for x in changed]
        what = "Modules, optimisers, gradients or the `static` key keep changing."
        if changing:
            what = f"What keeps changing: {', '.join(changing)}."
        warn_once(
            "MG206",
            f"`{getattr(self._function, '__name__', 'the function')}` has been traced and compiled {self.times} times. {what} "
            "Every new shape, integer or string makes a new program: pad batches to one size, and pass numbers that change as "
            "floats or tensors.",
        )


def _shown(leaf: Any) -> str:
    if isinstance(leaf, float | Value):  # their numbers may change
        return type(leaf).__name__
    return f"shape {leaf.shape}" if isinstance(leaf, Tensor | np.ndarray) else f"{leaf!r:.40}"
