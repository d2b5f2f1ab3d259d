"""What the training loop asks of a recipe. Each recipe in `microgradient/recipes/` answers it once."""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

import microgradient

from ..data.installed import require
from ..errors import ArgumentError
from ..language import translate
from .offers import Film, Texts
from .options import Options, flag, misfit
from .predictor import Predictor


@dataclass(frozen=True)
class Metric:
    """One held-out number: what it is, and in what unit.

    With the word "baseline" in its name it is what something simpler gets, which learns once and not with the run.

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

    @staticmethod
    def learns(key: str) -> bool:
        """Whether the number of this key changes from epoch to epoch: it is no baseline's.

        >>> Metric.learns("test_accuracy"), Metric.learns("tuned_baseline_micro-F1")
        (True, False)
        """
        return "baseline" not in key.split("_")

    def __str__(self) -> str:
        name = translate(self.name)
        if self.unit == "%":
            return f"{name} {100 * self.value:.2f} %"
        return f"{name} {self.value:.4g} {translate(self.unit)}".rstrip()


class NextStep(NamedTuple):
    """A step that is taken to be explained: `take` computes the loss, differentiates it, updates the model, eagerly, and returns
    the loss. `part` says what of the step that is where it isn't all.
    """

    take: Callable[[], Any]
    part: str = ""


def trained(parameters: Iterable[Any]) -> list[Any]:
    """Those that learn: the others are frozen, such as the targets of reinforcement learning."""
    return [p for p in parameters if getattr(p, "requires_grad", True)]


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
    field: ClassVar[str] = "first steps"
    summary: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()  # packages of its baseline: that one is missing is said before the training
    defaults: ClassVar[Options]
    predictor_class: ClassVar[type[Predictor] | None] = None  # what `microgradient predict` makes of a run folder
    models: ClassVar[tuple[str, ...]]
    optimizers: ClassVar[tuple[str, ...] | None] = None  # None: all of microgradient.optim
    loss_unit: str = "nats"
    lr_decay: ClassVar[float] = 0.0
    weight_decay: ClassVar[float | None] = None  # that of the optimiser, where it has one
    clip_norm: float | None = None  # the largest norm of the gradients, unless --clip says another
    clips: ClassVar[bool] = True  # whether --clip is for it
    patience: int = 0  # epochs without a better `validation` after which training ends; 0: all epochs are trained
    worked_examples: ClassVar[int] = 0  # how many training examples the gradient shown at the end is of; 0: none shown

    model: Any
    train_size: int
    data: tuple[NDArray[Any], ...]

    def __init__(self, options: Options) -> None:
        require(*self.needs)
        self.options = options
        self.norms: list[float] = []  # of the gradients in the last steps, where `--clip auto` needs them

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

    def validation(self) -> float | None:
        """A number that tells how good the model is, less being better, from examples that are neither trained nor tested on.
        The epoch where it is least is the one that is reported and used. None: the last epoch is.
        """
        return None

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        """What to draw at the end: by name, functions of a `matplotlib.figure.Figure`. Saved as PNG in the run folder."""
        return {}

    def samples(self) -> Mapping[str, Callable[[], Texts]]:
        """What the model writes as it is now: by name, functions. Nothing in them is random but from seeds of their own."""
        return {}

    def films(self) -> Mapping[str, Callable[[int], Film]]:
        """What the model does as it is now: by name, functions of a number, 0, 1, …, that chooses another film each."""
        return {}

    def measured(self) -> Mapping[str, float]:
        """What there is to follow from step to step besides the loss, by name: numbers that the last step left behind."""
        return {}

    # -- what a step is, for a recipe that isn't trained on epochs of examples

    @property
    def steps_per_epoch(self) -> int:
        """How many steps an epoch has; the last batch of examples may be a small one."""
        return -(-self.train_size // self.options.batch_size)

    def batches(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        """The examples of each step of an epoch: all of them once, in an order drawn from the seed and the epoch alone."""
        order = np.random.default_rng([self.options.seed, epoch]).permutation(self.train_size)
        size = self.options.batch_size
        return [order[start : start + size] for start in range(0, self.train_size, size)]

    def make_step(self, optimizer: Any, progress: Any) -> Callable[[NDArray[np.int64], int], float]:
        """A function of a step's examples and its number, from 1, that changes the model and returns the loss before."""
        from .step import Step

        return Step(self, optimizer, progress)

    def next_step(self, optimizer: Any, examples: NDArray[np.int64], number: int) -> NextStep:
        """The step of these examples, which has this number from 1, for the page: it takes the step under a trace, and puts back
        the model, the optimiser, `extra_state` and the random generators. What comes before the loss may be done here.
        """
        from .step import eager_step

        return eager_step(self, optimizer, examples)

    def extra_state(self) -> dict[str, Any]:
        """What else has to be saved for a resumed run to compute the same: arrays, and what JSON can hold."""
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `extra_state` gave."""

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
        optimizer = optimizers()[self.options.optimizer](self.model.parameters(), lr=self.options.lr)
        for group in optimizer.param_groups:
            if self.weight_decay is not None and "weight_decay" in group:
                group["weight_decay"] = self.weight_decay
        return optimizer

    def as_options(self, change: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the doctor advises, in the recipe's own options. Its words `activation` and `initialisation` are options of none;
        a recipe with models that differ in them names the model.
        """
        return change

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
    """Raise `ArgumentError` (MG188) for an option that makes no sense, or that the recipe doesn't know."""
    bounds = {f.name: f.metadata["least"] for f in fields(options) if f.metadata.get("least") is not None}
    for name, least in {"epochs": 1, "batch_size": 1, **bounds}.items():
        if (number := getattr(options, name)) is not None and number < least:
            raise ArgumentError("MG188", f"{flag(name)} must be at least {least}, not {number}.")
    if options.lr is not None and not (math.isfinite(options.lr) and options.lr > 0):
        raise ArgumentError("MG188", f"--lr must be a positive number, not {options.lr}.")
    if not 0 <= options.seed < 2**63:
        raise ArgumentError("MG188", f"--seed must be between 0 and 2^63 - 1, not {options.seed}.")
    if options.clip is not None and not recipe.clips:
        raise ArgumentError("MG188", f"{recipe.name} clips no gradients: leave out --clip.")
    if options.clip not in (None, "none", "auto") and not _positive(options.clip):
        raise ArgumentError("MG188", f"--clip is a positive number, none or auto, not {options.clip!r}.")
    known = {f.name: f.metadata["choices"] for f in fields(options) if f.metadata["choices"]}
    for name, choices in {
        "model": recipe.models,
        "optimizer": recipe.optimizers or tuple(optimizers()),
        **known,
    }.items():
        word = getattr(options, name)
        if word is not None and word not in choices:
            close = difflib.get_close_matches(str(word), choices, 1)
            if close:
                raise ArgumentError("MG188", f"{recipe.name} has no {flag(name)} {word!r}: did you mean {close[0]}?")
            raise ArgumentError(
                "MG188", f"{recipe.name} has no {flag(name)} {word!r}: choose from {', '.join(choices)}."
            )


def checked_changes(options: Options, changes: Any, recipe: type[Recipe]) -> Mapping[str, Any]:
    """`changes`, a table that somebody sent, if a run of `options` can be trained again with them. Raises `ArgumentError`
    (MG189) for what is no option, (MG188) for one that makes no sense.
    """
    known = {field.name for field in fields(options)}
    if not isinstance(changes, Mapping) or not changes or not changes.keys() <= known:
        raise ArgumentError("MG189", f"A run is trained again with some of its options changed, not {changes!r:.80}.")
    changed = replace(options, **changes)
    if (name := misfit(changed)) is not None:
        raise ArgumentError("MG188", f"{flag(name)} can't be {getattr(changed, name)!r:.80}.")
    check_options(changed, recipe)
    return changes


def _positive(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def optimizers() -> dict[str, Any]:
    """The optimisers of `microgradient.optim`, by their names as the command line writes them."""
    from .. import optim

    found = (getattr(optim, name) for name in sorted(optim.__all__, key=str.lower))
    classes = [cls for cls in found if isinstance(cls, type) and issubclass(cls, optim.Optimizer)]
    return {cls.__name__.lower(): cls for cls in classes if cls is not optim.Optimizer and not cls.needs_closure}
