"""Warning of a function that needs one program after another, with what keeps changing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import warn_once
from .names import Name
from .signature import argument_names, shown

_PATIENCE = 8  # programs after which it is said


class Retracing:
    """How many programs were made of a function, and for which arguments it needed, or would need, another one recently."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._signatures: deque[list[str]] = deque(maxlen=_PATIENCE + 1)
        self._met = 0
        self.programs = 0

    def note(self, leaves: list[Any], args: Any, options: Any, changed: list[Name]) -> str:
        """No program fits these arguments, which are described; `changed` are names that stood for something else before."""
        self._met += 1
        self._signatures.append([shown(leaf) for leaf in leaves])
        if self._met == _PATIENCE + 1:
            self._warn(argument_names(self._function, args, options), changed)
        return self.described(leaves, args, options)

    def described(self, leaves: list[Any], args: Any, options: Any) -> str:
        """These arguments."""
        names = argument_names(self._function, args, options)
        return ", ".join(f"`{name}` {shown(leaf)}" for name, leaf in zip(names, leaves, strict=False))

    def _warn(self, names: list[str], changed: list[Name]) -> None:
        changing = []
        for n, name in enumerate(names):
            different = dict.fromkeys(leaves[n] for leaves in self._signatures if n < len(leaves))
            if len(different) > 1:
                changing.append(f"`{name}` ({', '.join([*different][-3:])})")
        changing += [f"`{x.name}`, which is read from outside: pass it as an argument" for x in changed]
        what = "Modules, optimisers, gradients or the `static` key keep changing."
        if changing:
            what = f"What keeps changing: {', '.join(changing)}."
        warn_once(
            "MG206",
            f"`{getattr(self._function, '__name__', 'the function')}` has met {self._met} signatures, and {self.programs} were "
            f"compiled. {what} Every new shape, integer or string needs a program of its own, or runs eagerly until it has come "
            "often: pad batches to one size, and pass numbers that change as floats or tensors. Lengths of one axis share a "
            'program, unless `stats()["fixed_lengths"]` says why not.',
        )
