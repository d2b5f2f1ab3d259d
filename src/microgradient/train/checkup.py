"""What the doctor says of a recipe's model: one line when it is healthy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import random
from ..errors import MicrogradientError
from ..explain.doctor.diagnosis import Diagnosis
from ..explain.doctor.examine import examined
from ..language import translate
from ..nn import Module
from ..optim import Optimizer
from .advice import advised
from .first_step import too_large
from .recipe import Recipe

_EXAMPLES = 16


def examinable(recipe: Recipe) -> bool:
    """Whether the doctor can examine what a recipe trains: an `nn.Module` that learns from batches of examples."""
    return isinstance(recipe.model, Module) and type(recipe).batch_loss is not Recipe.batch_loss


def diagnosed(recipe: Recipe, optimizer: Any, examples: NDArray[np.int64], steps: bool) -> Diagnosis | None:
    """What `mg.doctor` finds with these training examples; nothing is changed. With `steps` the optimiser's are followed, too;
    without them no more than the first, unless it is large.

    They are not where the loop clips gradients, for then they are not the optimiser's own. None for what isn't `examinable`.
    """
    if not examinable(recipe):
        return None
    clipped = recipe.clip_norm is not None or recipe.options.clip not in (None, "none")
    followed = optimizer if isinstance(optimizer, Optimizer) and not clipped else None
    before = random.get_state()  # a batch may be drawn
    try:
        batch = recipe.batch(examples)
        return examined(recipe.model, lambda model, batch: recipe.batch_loss(*batch), batch, followed, steps)
    finally:
        random.set_state(before)


def checkup(
    recipe: Recipe, optimizer: Any, steps: bool, command: Callable[[Mapping[str, Any]], str]
) -> list[str]:  # fmt: skip
    """What it finds with the first training examples, as lines; none where it can't examine the model. Of a network of single
    numbers that is a learning rate which is far too large.

    `command` is what to type for a run with some options changed: shown where these make a finding's change.
    """
    examples = recipe.batches(0)[0][:_EXAMPLES]
    try:
        if examinable(recipe):
            found = diagnosed(recipe, optimizer, examples, steps)
        else:
            found = _of_numbers(recipe, optimizer, examples)
    except MicrogradientError:  # what can't be examined may still be trained
        return []
    if found is None:
        return []
    first, *others = found.text().splitlines()
    commands = [command(options) for finding in found.findings if (options := advised(recipe, finding.options))]
    return [
        translate(f"doctor: {first}"),
        *(f"  {line}" for line in others),
        *("  " + translate(f"to train again with this change: {words}", words) for words in commands),
    ]


def _of_numbers(recipe: Recipe, optimizer: Any, examples: NDArray[np.int64]) -> Diagnosis | None:
    """What is found of a network of `Value`s, if anything is."""
    if isinstance(recipe.model, Module) or type(recipe).batch_loss is Recipe.batch_loss:
        return None
    found = too_large(recipe, optimizer, examples)
    return None if found is None else Diagnosis([found], [], [], found.numbers["before"])
