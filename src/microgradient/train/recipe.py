"""What the training loop asks of a recipe. Each file in `microgradient/recipes/` answers it once."""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient

from ..errors import ArgumentError


@dataclass(frozen=True)
class Options:
    """What a run was asked to do. Everything a result depends on is here, in the recipe's code, or in the data.

    >>> Options(epochs=3, batch_size=32, lr=0.01, optimizer="adam", model="mlp").as_dict()["seed"]
    0
    """

    epochs: int
    batch_size: int
    lr: float
    optimizer: str
    model: str
    seed: int = 0
    target: str | None = None
    text: str | None = None
    compile: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The options as a table that JSON can hold."""
        return asdict(self)


@dataclass(frozen=True)
class Metric:
    """One held-out number: what it is, in what unit, and whether more is better.

    >>> str(Metric("test accuracy", 0.9722, "%"))
    'test accuracy 97.22 %'
    >>> str(Metric("test loss", 1.6180339, "nats/char"))
    'test loss 1.618 nats/char'
    """

    name: str
    value: float
    unit: str = ""

    @property
    def key(self) -> str:
        """The name in `metrics.jsonl`: `test_accuracy`. A percentage is kept as a fraction of 1 there."""
        return self.name.replace(" ", "_")

    def __str__(self) -> str:
        if self.unit == "%":
            return f"{self.name} {100 * self.value:.2f} %"
        return f"{self.name} {self.value:.4g} {self.unit}".rstrip()


class Recipe:
    """One training job. A subclass names itself in the class variables and, when made, holds its data and its model.

    The loop shows it every training example once an epoch, in a new order, as arrays of example numbers. `batch(numbers)`
    makes of them what `batch_loss` computes the loss from; that is differentiated and the optimiser steps. After each
    epoch `evaluate()` gives the held-out numbers, the most telling first. `model` is an `nn.Module`, or whatever else
    has `parameters`, `named_parameters`, `state_dict`, `load_state_dict`, `train` and `eval`.

    >>> from microgradient.recipes import RECIPES
    >>> recipe = RECIPES["two-layer"](RECIPES["two-layer"].defaults)
    >>> recipe.train_size, [metric.name for metric in recipe.evaluate()]
    (4, ['test accuracy', 'test loss'])
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    defaults: ClassVar[Options]
    models: ClassVar[tuple[str, ...]]
    optimizers: ClassVar[tuple[str, ...] | None] = None  # None: all of microgradient.optim
    loss_unit: str = "nats"
    lr_decay: ClassVar[float] = 0.0
    clip_norm: ClassVar[float | None] = None
    takes_target: ClassVar[bool] = False
    takes_text: ClassVar[bool] = False
    worked_examples: ClassVar[int] = 0  # how many training examples the gradient shown at the end is of; 0: none shown

    model: Any
    train_size: int
    data: tuple[NDArray[Any], ...]

    def __init__(self, options: Options) -> None:
        self.options = options

    def batch(self, examples: NDArray[np.int64]) -> tuple[Any, ...]:
        """These training examples as arguments of `batch_loss`: tensors, or arrays for a network of `Value`s. Each new
        shape costs a compilation. Random draws that make the data, not those of layers, belong here.
        """
        raise NotImplementedError

    def batch_loss(self, *batch: Any) -> Any:
        """The mean loss over a batch: a 0-d tensor or a `Value`, ready for `backward()`. It is compiled, and depends on
        the batch, the model and random draws alone.
        """
        raise NotImplementedError

    def loss(self, examples: NDArray[np.int64]) -> Any:
        """The mean loss over these training examples."""
        return self.batch_loss(*self.batch(examples))

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function` compiled, or as it is if the run was asked not to compile.

        Each shape has its program at once: a resumed run, which has not met the earlier ones, computes the very same numbers.
        """
        return microgradient.compile(function, dynamic=False) if self.options.compile else function

    def evaluate(self) -> list[Metric]:
        """Held-out numbers, the most telling first. Called with the model in `eval()` and recording off."""
        raise NotImplementedError

    def data_arrays(self) -> Iterator[NDArray[Any]]:
        """The data, for the fingerprint in `run.json`: by default what the recipe keeps as `data`."""
        yield from self.data

    def description(self) -> list[str]:
        """Lines shown before training: the data and the model, with their sizes."""
        return []

    def report(self) -> list[str]:
        """Lines shown after training: what the trained model does."""
        return []

    def details(self) -> dict[str, Any]:
        """What else `run.json` should hold, for example how a table's columns became numbers."""
        return {}

    def optimizer(self) -> Any:
        """The optimiser over the model's parameters, found by name in `microgradient.optim`."""
        return optimizers()[self.options.optimizer](self.model.parameters(), lr=self.options.lr)

    def learning_rate(self, epoch: int) -> float:
        """The learning rate of an epoch (from 0). It may not depend on how many epochs there will be: a run that is
        resumed with more of them must continue as if it had never stopped.
        """
        return self.options.lr / (1 + self.lr_decay * epoch)

    def set_learning_rate(self, optimizer: Any, rate: float) -> None:
        """Let the optimiser's next steps use this rate, compiled ones too."""
        for group in optimizer.param_groups:
            group["lr"] = rate

    def fingerprint(self) -> str:
        """SHA-256 over the data's shapes, dtypes and bytes."""
        digest = hashlib.sha256()
        for array in self.data_arrays():
            digest.update(f"{array.shape}{array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def check_options(options: Options, recipe: type[Recipe]) -> None:
    """Raise `ArgumentError` (MG188) for an option that makes no sense, or that the recipe has no use for."""
    for flag, number in (("--epochs", options.epochs), ("--batch-size", options.batch_size)):
        if number < 1:
            raise ArgumentError("MG188", f"{flag} must be at least 1, not {number}.")
    if not (math.isfinite(options.lr) and options.lr > 0):
        raise ArgumentError("MG188", f"--lr must be a positive number, not {options.lr}.")
    if not 0 <= options.seed < 2**63:
        raise ArgumentError("MG188", f"--seed must be between 0 and 2^63 - 1, not {options.seed}.")
    known = recipe.optimizers or tuple(optimizers())
    for flag, word, choices in (("--model", options.model, recipe.models), ("--optimizer", options.optimizer, known)):
        if word not in choices:
            close = difflib.get_close_matches(word, choices, 1)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(choices)}."
            raise ArgumentError("MG188", f"{recipe.name} has no {flag} {word!r}: {hint}")
    if options.target is not None and not recipe.takes_target:
        raise ArgumentError("MG188", f"--target is for CSV files; {recipe.name} has no columns to choose from.")
    if options.text is not None and not recipe.takes_text:
        raise ArgumentError("MG188", f"--text is for the recipe text; {recipe.name} reads no text file.")


def optimizers() -> dict[str, Any]:
    """The optimisers of `microgradient.optim`, by their names as the command line writes them."""
    from .. import optim

    found = (getattr(optim, name) for name in sorted(optim.__all__, key=str.lower))
    classes = [cls for cls in found if isinstance(cls, type) and issubclass(cls, optim.Optimizer)]
    return {cls.__name__.lower(): cls for cls in classes if cls is not optim.Optimizer and not cls.needs_closure}
