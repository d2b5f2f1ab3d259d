"""What a run folder is good for afterwards: predictions, scores, and a summary of the run."""

from __future__ import annotations

import math
import os
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import random
from ..errors import DataError
from ..explain.render import columns, width
from ..language import translate
from ..native.runtime import blas
from ..tensor import Tensor
from ..train.loop import evaluate
from ..train.options import is_finite
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe, check_options
from ..train.run_folder import PLACE, RUN, Position, RunFolder, run_options
from . import RECIPES
from .table import TableRecipe

_BLOCKS = "▁▂▃▄▅▆▇█"
_CURVE = 40  # characters
_KINDS: dict[str, type[Recipe]] = {**RECIPES, TableRecipe.name: TableRecipe}
# what details may come to that are not what the run wrote: sizes that are none or too large, names and entries that are missing
NO_MODEL = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def load(run: str | os.PathLike[str]) -> Predictor:
    """The trained model in a run folder, ready to predict. See `microgradient.train.Predictor`.

    >>> import os, tempfile
    >>> import microgradient as mg
    >>> from microgradient.cli import main
    >>> folder = os.path.join(tempfile.mkdtemp(), "run")
    >>> main(["train", "two-layer", "--epochs", "2", "--out", folder])  # doctest: +ELLIPSIS
    4 points to learn from, 3 held out
    ...
    0
    >>> mg.load(folder).predict([[0.1, 0.2], [0.7, 0.8]]).shape
    (2, 1)

    Nothing but the folder is needed, and nothing in it is executed. Raises `DataError` (MG180, MG185) if it holds no run,
    one that was not trained, or a damaged one. The state of `mg.random` stays as it is.
    """
    folder = trained(run)
    kind = _recipe(folder)
    if kind.predictor_class is None:
        raise DataError("MG188", f"{kind.name} makes no predictions: use its model in Python.")
    weights = folder.weights()
    try:
        with random.drawing_from(_FirstWeights(sum(x.size for x in weights.values()))):
            predictor = kind.predictor_class(folder.run.details)
            predictor.model.load_state_dict(weights)
    except NO_MODEL as error:
        if isinstance(error, DataError) and error.code == "MG184":  # a package is missing
            raise
        raise DataError(
            "MG185", f"The details in {folder.path / RUN} don't make a model of {kind.name} ({error!r})."
        ) from error
    predictor.model.eval()
    return predictor


def scores(run: str | os.PathLike[str]) -> list[Metric]:
    """The scores on what was held out, computed again from the data that the run was trained on."""
    recipe = trained_recipe(trained(run))
    with blas.one_thread():
        return evaluate(recipe)


def trained_recipe(folder: RunFolder) -> Recipe:
    """The recipe of a run, with its data and its trained model. Raises `DataError` (MG187) if the data are not those of then."""
    kind = _recipe(folder)
    options = run_options(type(kind.defaults), folder.run, folder.path)
    check_options(options, kind)
    make: Any = kind if kind is not TableRecipe else partial(TableRecipe, source=Path(folder.run.source))
    with blas.one_thread(), random.drawing_from(random.Generator(options.seed)):
        recipe: Recipe = make(options)
    if recipe.fingerprint() != folder.run.fingerprint:
        raise DataError(
            "MG187", f"The data of {folder.run.source} are not those that the run in {folder.path} began with."
        )
    recipe.model.load_state_dict(folder.weights())
    return recipe


def summary(run: str | os.PathLike[str]) -> list[str]:
    """Lines that tell what was trained, on what, how well, by which command, and how the numbers went."""
    folder = RunFolder.peek(Path(run))
    found, position = folder.run, folder.run.position
    metrics = folder.metrics()
    epochs = found.options.get("epochs", position.epoch)
    rows = [
        ("command", found.command),
        ("data", f"{found.source}, SHA-256 {found.fingerprint[:16]}…"),
        ("trained", _trained(position, epochs)),
        *(("result", f"{_named(name)} {_number(value)}") for name, value in found.result.items()),
        ("made with", ", ".join(f"{name} {version}" for name, version in found.versions.items())),
    ]
    lines = [f"{found.recipe}{translate(': ')}{translate(_summary_of(found.recipe))}"]
    lines += ["  ".join(cells).rstrip() for cells in columns([[translate(about), text] for about, text in rows])]
    names = {name: _named(name) for name in (metrics[-1] if metrics else {}) if name not in PLACE}
    room = max(map(width, names.values()), default=0)
    for name, told in names.items():
        values = [line[name] for line in metrics if is_finite(line.get(name))]
        if values:
            ends = f"{_number(values[0])} → {_number(values[-1])}"
            lines.append(f"{told}{' ' * (room - width(told))}  {_curve(values)}  {ends}")
    return lines


def trained(run: str | os.PathLike[str]) -> RunFolder:
    """The folder of a run that has taken at least one step."""
    folder = RunFolder.peek(Path(run))
    if not folder.run.position.step:
        go_on = f"microgradient train {shlex.quote(folder.run.source)} --resume --out {shlex.quote(str(folder.path))}"
        raise DataError("MG185", f"{folder.path} holds a model that has not been trained: go on with {go_on}.")
    return folder


class _FirstWeights(random.Generator):
    """Draws what a model begins with, for as many parameters as a file has numbers, and a little more: sizes in `run.json` that
    are not those of the file are found out before memory is full.
    """

    def __init__(self, stored: int) -> None:
        super().__init__(0)
        self.stored, self.drawn = stored, 0

    def uniform(self, shape: Any = (), *rest: Any, **more: Any) -> Tensor:
        return super().uniform(self._counted(shape), *rest, **more)

    def normal(self, shape: Any = (), *rest: Any, **more: Any) -> Tensor:
        return super().normal(self._counted(shape), *rest, **more)

    def _counted(self, shape: Any) -> Any:
        self.drawn += math.prod(shape) if isinstance(shape, tuple) else shape
        if self.drawn > 2 * self.stored + 1_000_000:
            raise ValueError(f"they ask for {self.drawn:,} parameters or more, and {self.stored:,} numbers were saved")
        return shape


def _recipe(folder: RunFolder) -> type[Recipe]:
    if folder.run.recipe not in _KINDS:
        raise DataError("MG185", f"{folder.path} holds a run of {folder.run.recipe!r}, a recipe that isn't here.")
    return _KINDS[folder.run.recipe]


def _summary_of(name: str) -> str:
    return _KINDS[name].summary if name in _KINDS else "a recipe that isn't here"


def _curve(values: list[float]) -> str:
    """A line of blocks, the mean of as many epochs as fall on each."""
    numbers = np.array(values, np.float64) / max(1.0, *map(abs, values))  # no sum or difference overflows
    return blocks(np.array([part.mean() for part in np.array_split(numbers, min(_CURVE, len(values)))]))


def blocks(heights: Any) -> str:
    """A line of blocks, from the lowest of the heights to the highest.

    >>> blocks(np.array([0.0, 1.0, 2.0, 7.0]))
    '▁▂▃█'
    """
    low, high = heights.min(), heights.max()
    places = np.zeros(len(heights)) if high == low else (heights - low) / (high - low) * (len(_BLOCKS) - 1)
    return "".join(_BLOCKS[round(place)] for place in places)


def _number(value: float | None) -> str:
    return translate("not finite") if value is None else f"{value:.4g}"


def _named(key: str) -> str:
    """What a number is called, by its key in `metrics.jsonl`."""
    return translate(key.replace("_", " "))


def _trained(position: Position, epochs: int) -> str:
    """How long the run trained, and which epoch counts."""
    n = position.best_epoch
    told = translate(f"{position.epoch:,} of {epochs:,} epochs, {position.step:,} steps in {position.seconds:.1f} s")
    if not n:
        return told
    last = 0 if 10 <= n % 100 <= 20 else n % 10
    return told + translate(
        f"; the {n:,}st is used, best by validation" if last == 1
        else f"; the {n:,}nd is used, best by validation" if last == 2
        else f"; the {n:,}rd is used, best by validation" if last == 3
        else f"; the {n:,}th is used, best by validation"
    )  # fmt: skip
