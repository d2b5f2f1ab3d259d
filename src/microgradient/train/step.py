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
from ..tensor import tensor
from .non_finite import blame
from .progress import Progress
from .recipe import NextStep, Recipe

_PERCENTILE, _REMEMBERED, _FEWEST = 90, 100, 10  # steps


class Step:
    """A step of a recipe's training, called with the numbers of its examples. It tells `progress` when it compiles."""

    def __init__(self, recipe: Recipe, optimizer: Any, progress: Progress) -> None:
        self.recipe, self.progress = recipe, progress
        buffers = recipe.model.buffers() if isinstance(recipe.model, Module) else ()
        self.changed = [*recipe.model.parameters(), *buffers]
        self.compiled = recipe.options.compile
        self.descend = recipe.compiled(_descent(recipe, optimizer))
        self.measured = recipe.options.clip == "auto"
        self.shapes: set[Any] = set()  # of the batches that there are programs for

    def __call__(self, examples: NDArray[np.int64], number: int) -> float:
        """Change the model and return the loss before. Raises NonFiniteError if it is not finite, and changes nothing then."""
        rng = random.get_state()
        batch = self.recipe.batch(examples)
        before = [copy(x.data) for x in self.changed]
        limit = largest_norm(self.recipe)
        loss, norm = self._run(limit, batch)
        if math.isfinite(loss):
            if self.measured and math.isfinite(norm):
                self.recipe.norms = [*self.recipe.norms[1 - _REMEMBERED :], norm]
            return loss
        for x, data in zip(self.changed, before, strict=True):
            x.data = data
        random.set_state(rng)
        raise NonFiniteError(
            "MG170", f"The loss became {loss} at step {number:,}: {blame(self.recipe, examples, number)}"
        )

    def _run(self, limit: Any, batch: tuple[Any, ...]) -> tuple[float, float]:
        """Loss and norm of the gradients; 0 where they are not clipped."""
        if not self.compiled:
            return tuple(map(float, self.descend(limit, *batch)))  # type: ignore[return-value]
        shapes = tuple(getattr(part, "shape", ()) for part in batch)
        new = shapes not in self.shapes
        self.shapes.add(shapes)
        with self.progress.compiling() if new else nullcontext():
            return tuple(map(float, self.descend(limit, *batch)))  # type: ignore[return-value]


def largest_norm(recipe: Recipe) -> Any:
    """The norm to which the gradients of a step are clipped; None where they are not.

    `auto` is the 90th percentile of the last norms. Seetharaman, Wichern, Pardo and Le Roux 2020 ("AutoClip").
    """
    clip, norms = recipe.options.clip, recipe.norms
    if clip != "auto":
        return recipe.clip_norm if clip is None else None if clip == "none" else float(clip)
    return tensor(
        float(np.percentile(norms, _PERCENTILE)) if len(norms) >= _FEWEST else float(np.finfo(np.float32).max)
    )


def update(recipe: Recipe, optimizer: Any, limit: Any) -> Any:
    """Clip the gradients to the norm `limit`, if there is one, and take the optimiser's step. Returns their norm before, or 0."""
    norm = 0.0 if limit is None else clip_grad_norm_(recipe.model.parameters(), limit).data
    optimizer.step()
    return norm


def eager_step(recipe: Recipe, optimizer: Any, examples: NDArray[np.int64]) -> NextStep:
    """A step as it is, to be explained. Of a recipe that computes with single numbers it is the loss of its `worked_examples`
    first examples, differentiated, and no update.
    """
    whole = isinstance(recipe.model, Module)
    count, total = len(examples) if whole else recipe.worked_examples, len(examples)

    def take() -> Any:
        loss = recipe.loss(examples[:count])
        loss.backward()
        if whole and type(recipe).make_step is Recipe.make_step:
            update(recipe, optimizer, largest_norm(recipe))
        return loss

    return NextStep(take, f"{count} of {total} examples" if count < total else "")


def _descent(recipe: Recipe, optimizer: Any) -> Callable[..., Any]:
    """Forward, backward, clipping and the optimiser's update, as a function of the largest norm and a batch, that returns the
    loss and the norm of the gradients."""

    def descend(limit: Any, *batch: Any) -> Any:
        optimizer.zero_grad()
        loss = recipe.batch_loss(*batch)
        loss.backward()
        return loss.data, update(recipe, optimizer, limit)

    return descend
