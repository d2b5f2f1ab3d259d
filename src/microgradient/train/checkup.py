"""What the doctor says of a recipe's model: one line when it is healthy."""

from __future__ import annotations

from typing import Any

from .. import random
from ..errors import MicrogradientError
from ..explain.doctor.examine import examined
from ..nn import Module
from .recipe import Recipe

_EXAMPLES = 16


def checkup(recipe: Recipe, optimizer: Any, steps: bool) -> list[str]:
    """Examine the model with some training examples, and change nothing; with `steps` the optimiser's are followed, too.

    They are not where the loop clips gradients, for then they are not the optimiser's own. Empty for a model that is no
    `nn.Module`, and for a recipe that isn't trained on batches of examples.
    """
    if not isinstance(recipe.model, Module) or type(recipe).batch_loss is Recipe.batch_loss:
        return []
    clipped = recipe.clip_norm is not None or recipe.options.clip not in (None, "none")
    before = random.get_state()  # a batch may be drawn
    try:
        batch = recipe.batch(recipe.batches(0)[0][:_EXAMPLES])
        found = examined(
            recipe.model,
            lambda model, batch: recipe.batch_loss(*batch),
            batch,
            optimizer if steps and not clipped else None,
            steps,
        )
    except MicrogradientError:  # what can't be examined may still be trained
        return []
    finally:
        random.set_state(before)
    first, *others = found.text().splitlines()
    return [f"doctor: {first}", *(f"  {line}" for line in others)]
