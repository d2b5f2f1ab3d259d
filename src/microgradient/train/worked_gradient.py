"""One gradient of a trained network, opened: where it comes from, path by path, with the numbers."""

from __future__ import annotations

import numpy as np

from ..errors import MicrogradientError
from ..explain import trace, why
from ..language import translate
from ..scalar import Value
from .recipe import Recipe


def worked_gradient(recipe: Recipe) -> list[str]:
    """Differentiate the mean loss of the first training examples and explain the largest gradient in the first layer
    (of all `Value`s, for a scalar network). Empty if the recipe shows none, or there is nothing left to learn.
    """
    if not recipe.worked_examples:
        return []
    examples = np.arange(min(recipe.worked_examples, recipe.train_size))
    name, parameter = next(iter(recipe.model.named_parameters()))
    index: tuple[int, ...] | None = None
    for other in recipe.model.parameters():
        other.grad = 0.0 if isinstance(other, Value) else None
    with trace():
        loss = recipe.loss(examples)
        loss.backward()
    if isinstance(parameter, Value):
        name, parameter = max(recipe.model.named_parameters(), key=lambda item: abs(item[1].grad))
        parameter.label, loss.label, size = name, "loss", abs(parameter.grad)
    else:
        grad = np.abs(parameter.grad.data)
        index = tuple(int(i) for i in np.unravel_index(grad.argmax(), grad.shape))
        name, size = f"{name}[{', '.join(map(str, index))}]", float(grad[index])
    if not (np.isfinite(size) and size > 0):
        return []
    try:
        explained = repr(why(parameter, index, of=loss))
    except MicrogradientError as error:  # an explanation that fails must not make a finished run fail
        return [translate(f"(no worked gradient: {error.message})")]
    told = translate(f"one gradient, worked: of the mean loss of {len(examples)} training examples, by {name}", name)
    return ["", told, explained]
