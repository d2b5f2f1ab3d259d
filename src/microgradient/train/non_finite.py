"""A loss that is not a number: which operation made it so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import microgradient

from ..errors import MicrogradientError, NonFiniteError
from .recipe import Recipe


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
    found = "it was computed from data that are not finite."
    try:
        microgradient.compile(recipe.batch_loss, debug=True)(*recipe.batch(examples))
    except NonFiniteError as error:
        found = f"the first operation to leave the finite numbers is at {error.message}"
    except MicrogradientError as error:  # it can't be compiled
        found = f"the operation that did it is not known, since the loss can't be compiled: {error.message}"
    return f"{found} Try a smaller --lr than {recipe.options.lr:g}."
