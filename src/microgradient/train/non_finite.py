"""A loss that is not a number: which operation made it so."""

from __future__ import annotations

from typing import Any

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
                    f"overflowed or had such a gradient. {_smaller(recipe)}")  # fmt: skip
    return ""


def blame(recipe: Recipe, examples: NDArray[np.int64], number: int) -> str:
    """Run the loss of these examples again and say, in a sentence's second half, what left the finite numbers in this step."""
    if said := bad_parameter(recipe):
        return said
    batch = recipe.batch(examples)
    if said := _bad_data(batch):
        return said
    found = "it was computed from data that are not finite."
    try:
        microgradient.compile(recipe.batch_loss, debug=True)(*batch)
    except NonFiniteError as error:
        found = f"the first operation to leave the finite numbers is at {error.message}"
    except MicrogradientError as error:  # it can't be compiled
        found = f"the operation that did it is not known, since the loss can't be compiled: {error.message}"
    if number == 1:  # no rate is to blame
        return (
            f"{found} No step was taken before: the data, or the first weights, are too large or too small for float32."
        )
    return f"{found} {_smaller(recipe)}"


def _smaller(recipe: Recipe) -> str:
    """What to try: less of what makes steps overflow."""
    rate, decay = recipe.options.lr, getattr(recipe.options, "weight_decay", None) or 0.0
    return f"Try a smaller {f'--weight-decay than {decay:g}' if rate * decay > 1 else f'--lr than {rate:g}'}."


def _bad_data(batch: tuple[Any, ...]) -> str:
    """A sentence about the first entry of a batch that is not finite; empty if all are."""
    for array in (np.asarray(getattr(part, "data", part)) for part in batch):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            place = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            return f"its data, of shape {array.shape}, have {array[place]} at {list(place)}: correct them, or scale them down."
    return ""
