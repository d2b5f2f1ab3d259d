"""One step of gradient descent: the same lines eagerly and, by default, as one compiled program."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import random
from ..errors import NonFiniteError
from ..nn import Module
from ..nn.utils import clip_grad_norm_
from .non_finite import blame
from .progress import Progress
from .recipe import Recipe


class Step:
    """A step of a recipe's training, called with the numbers of its examples. It tells `progress` when it compiles."""

    def __init__(self, recipe: Recipe, optimizer: Any, progress: Progress) -> None:
        self.recipe, self.progress = recipe, progress
        buffers = recipe.model.buffers() if isinstance(recipe.model, Module) else ()
        self.changed = [*recipe.model.parameters(), *buffers]
        self.compiled = recipe.options.compile
        self.descend = recipe.compiled(_descent(recipe, optimizer))
        self.shapes: set[Any] = set()  # of the batches that there are programs for

    def __call__(self, examples: NDArray[np.int64], number: int) -> float:
        """Change the model and return the loss before. Raises NonFiniteError if it is not finite, and changes nothing then."""
        rng = random.get_state()
        batch = self.recipe.batch(examples)
        before = [copy(x.data) for x in self.changed]
        loss = float(self._run(batch))
        if math.isfinite(loss):
            return loss
        for x, data in zip(self.changed, before, strict=True):
            x.data = data
        random.set_state(rng)
        raise NonFiniteError("MG170", f"The loss became {loss} at step {number:,}: {blame(self.recipe, examples)}")

    def _run(self, batch: tuple[Any, ...]) -> Any:
        if not self.compiled:
            return self.descend(*batch)
        shapes = tuple(getattr(part, "shape", ()) for part in batch)
        new = shapes not in self.shapes
        self.shapes.add(shapes)
        with self.progress.compiling() if new else nullcontext():
            return self.descend(*batch)


def _descent(recipe: Recipe, optimizer: Any) -> Callable[..., Any]:
    """Forward, backward, clipping and the optimiser's update, as a function of a batch that returns the loss."""

    def descend(*batch: Any) -> Any:
        optimizer.zero_grad()
        loss = recipe.batch_loss(*batch)
        loss.backward()
        if recipe.clip_norm is not None:
            clip_grad_norm_(recipe.model.parameters(), recipe.clip_norm)
        optimizer.step()
        return loss.data

    return descend
