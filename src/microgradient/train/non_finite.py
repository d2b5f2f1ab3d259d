"""A loss that is not a number: which operation made it so."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tape import Node, Recorder, recording
from .recipe import Recipe

_PACKAGE = Path(__file__).parents[1]


def bad_parameter(recipe: Recipe) -> str:
    """A sentence about the first parameter that has entries which are not finite; empty if none has."""
    for name, parameter in recipe.model.named_parameters():
        size, bad = np.size(parameter.data), int(np.size(parameter.data) - np.isfinite(parameter.data).sum())
        if bad:
            return (f"{bad:,} of {size:,} entries of the parameter `{name}` are not finite, because the step before "
                    f"overflowed or had such a gradient. Try a smaller --lr than {recipe.options.lr:g}.")  # fmt: skip
    return ""


def blame(recipe: Recipe, examples: NDArray[np.int64]) -> str:
    """Run the loss of these examples again and say, in a sentence's second half, what first left the finite numbers."""
    if said := bad_parameter(recipe):
        return said
    watch = _Watch(recipe)
    token = recording.set(watch)
    try:
        loss = recipe.loss(examples)
    finally:
        recording.reset(token)
    found = watch.found or (_first_in_graph(loss) if hasattr(loss, "_prev") else "")
    return f"{found or 'it was computed from data that are not finite.'} Try a smaller --lr than {recipe.options.lr:g}."


class _Watch(Recorder):
    """Looks at every recorded operation, and keeps a sentence about the first that made non-finite out of finite."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.found = ""

    def record(self, node: Node, args: Sequence[Any], y: Any) -> None:
        """Called by the engine after each operation."""
        if self.found or node.op is None or _finite(y) or not all(_finite(arg) for arg in args):
            return
        layer, line = _place(self.recipe.model)
        y = np.asarray(y)
        bad = ~np.isfinite(y)
        ranges = "; ".join(_range(arg) for arg in args if np.size(arg) and np.asarray(arg).dtype.kind == "f")
        self.found = (f"the first operation to leave the finite numbers is `{node.op.name}`{layer} at {line}: {bad.sum():,} of "
                      f"{y.size:,} results, from inputs within {ranges}.")  # fmt: skip


def _finite(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_finite(item) for item in value)
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _range(value: Any) -> str:
    return f"[{np.min(value):.4g}, {np.max(value):.4g}]"


def _place(model: Any) -> tuple[str, str]:
    """The innermost layer that is running, as `` in `layers.2` ``, and the innermost line outside the engine."""
    names = {id(layer): name for name, layer in model.named_modules()} if hasattr(model, "named_modules") else {}
    layer, line, frame = "", "", sys._getframe(1)
    while frame is not None:
        running = frame.f_locals.get("self")
        if not layer and names.get(id(running)):
            layer = f" in `{names[id(running)]}`"
        path = Path(frame.f_code.co_filename)
        engine = path.is_relative_to(_PACKAGE) and path.relative_to(_PACKAGE).parts[0] != "recipes"
        if not line and not engine:
            line = f"{path.name}:{frame.f_lineno}"
        if (layer and line) or frame.f_back is None:
            break
        frame = frame.f_back
    return layer, line


def _first_in_graph(loss: Any) -> str:
    """The same search over a graph of `Value`s, which keep their numbers."""
    seen, stack, suspects = {loss}, [loss], []
    while stack:
        value = stack.pop()
        parents = list(value._prev)
        if not np.isfinite(value.data) and all(np.isfinite(parent.data) for parent in parents):
            suspects.append(value)
        for parent in parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    if not suspects:
        return ""
    inputs = " and ".join(f"{parent.data:.4g}" for parent in suspects[-1]._prev)
    return f"the first operation to leave the finite numbers is `{suspects[-1]._op or 'a constant'}`, from {inputs}."
