"""One run from its options to its result: begin it or take it up again, train, and say what came of it."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

import microgradient

from .. import random
from ..errors import ArgumentError, DataError, MicrogradientError, NonFiniteError, TraceError
from ..language import listed, translate
from ..native.runtime import blas
from .checkup import checkup
from .loop import evaluate, save, train, use_best
from .options import Options, flag
from .pictures import save_pictures
from .progress import Progress, show_progress
from .recipe import Metric, Recipe, check_options, trained
from .run_folder import (
    METRICS,
    MODEL,
    RUN,
    Position,
    Run,
    RunFolder,
    Unwritten,
    free_folder,
    latest_folder,
    run_options,
)
from .worked_gradient import worked_gradient

Make = Callable[[Options], Recipe]
Say = Callable[[str], None]


class Session:
    """A recipe, its run folder and its optimiser, ready to train.

    `source` is what the user named: a recipe, or a CSV file. `make` builds the recipe from its options.
    """

    def __init__(self, source: str, recipe: Recipe, folder: RunFolder, optimizer: Any, changed: bool = False) -> None:
        self.source, self.recipe, self.folder, self.optimizer = source, recipe, folder, optimizer
        self.changed = changed  # compiled from here on and not before, or the other way round

    @classmethod
    def begin(cls, source: str, kind: type[Recipe], make: Make, given: Mapping[str, Any], out: Path | None) -> Session:
        """A new run, with the recipe's defaults and what was `given`, in `out` or a free folder under `runs`."""
        options = replace(kind.defaults, **given)
        check_options(options, kind)
        random.manual_seed(options.seed)
        recipe = _made(make, options)
        optimizer = recipe.optimizer()
        run = Run(
            recipe=kind.name,
            source=source,
            options=options.as_dict(),
            fingerprint=recipe.fingerprint(),
            versions={
                "microgradient": microgradient.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
                "machine": platform.machine(),
            },
            command=command_of(source, options),
            details=recipe.details(),
            position=Position(rng=random.get_state()),
        )
        run.id = _run_id(run)
        folder = RunFolder.create(out or free_folder(Path(source).stem), run)
        save(recipe, folder, optimizer)
        return cls(source, recipe, folder, optimizer)

    @classmethod
    def resume(cls, source: str, kind: type[Recipe], make: Make, given: Mapping[str, Any], out: Path | None) -> Session:
        """The run in `out`, or the latest of this name under `runs`. Of its options only the number of epochs, and whether
        it is compiled, may change. Raises `ArgumentError` or `DataError` (MG185 to MG187) if it is not the same
        run.
        """
        folder = RunFolder.open(out or latest_folder(Path(source).stem))
        run = folder.run
        compiled = run.options.setdefault("compile", False)  # a run from before there was anything to say was not
        recipe, optimizer = cls._made_again(source, kind, make, given, folder)
        _load(recipe, folder, optimizer)
        run.options, run.command = recipe.options.as_dict(), command_of(source, recipe.options)
        folder.trim_metrics()
        return cls(source, recipe, folder, optimizer, recipe.options.compile != compiled)

    @classmethod
    def again(cls, source: str, kind: type[Recipe], make: Make, folder: RunFolder) -> Session:
        """The run in `folder` as it was before its first step. What it computes then is not written anywhere."""
        folder.run.options.setdefault("compile", False)
        recipe, optimizer = cls._made_again(source, kind, make, {}, folder)
        run = replace(folder.run, position=Position(rng=random.get_state()))
        return cls(source, recipe, Unwritten(folder.path, run, None), optimizer)

    @staticmethod
    def _made_again(
        source: str, kind: type[Recipe], make: Make, given: Mapping[str, Any], folder: RunFolder
    ) -> tuple[Recipe, Any]:
        """The recipe of the run in `folder`, and its optimiser, as they were before the first step."""
        run = folder.run
        if run.recipe != kind.name:
            raise ArgumentError("MG187", f"{folder.path} holds a run of {run.recipe}, not of {kind.name}: "
                                         "name another folder with --out.")  # fmt: skip
        options = _same_options(kind.defaults, run, given, folder.path)
        check_options(options, kind)
        random.manual_seed(options.seed)
        recipe = _made(make, options)
        if recipe.fingerprint() != run.fingerprint:
            raise DataError("MG187", f"The data of {source} are not those that the run in {folder.path} began with.")
        return recipe, recipe.optimizer()

    def load(self, saved: RunFolder) -> None:
        """Stand where the run stood when it was saved."""
        _load(self.recipe, saved, self.optimizer)
        self.folder.run.position = deepcopy(saved.run.position)

    def run(
        self, say: Say, show: Callable[[int, int, int, str], Progress] = show_progress, examine: bool = False
    ) -> None:
        """Train to the end, telling `say` about the data, the model, the result and the run folder. `show` makes what shows it.
        With `examine`, `say` is told first what the doctor finds in a model that has not been trained yet, and at the end what it
        finds where the training loss has not fallen.

        Matrix products run on one thread: those of a small network gain nothing from more, lose much where another
        program wants the cores too, and their last bits would depend on the number of cores. NumPy's warnings are off:
        a loss or a parameter that is not finite ends the run, and a held-out number that is not is shown as it is.
        """
        try:
            with blas.one_thread(), np.errstate(all="ignore"):
                self._run(say, show, examine)
        except TraceError as error:
            why = f"{self.recipe.name} can't be compiled: {error.message} Or run it as it is with --no-compile."
            raise TraceError(error.code, why) from error
        finally:
            self.folder.release()

    def _run(self, say: Say, show: Callable[[int, int, int, str], Progress], examine: bool) -> None:
        recipe, options, position = self.recipe, self.recipe.options, self.folder.run.position
        for line in recipe.description():
            say(line)
        count = sum(int(np.size(parameter.data)) for parameter in trained(recipe.model.parameters()))
        length = f"{_counted(options.epochs, 'epoch')} of {_counted(recipe.steps_per_epoch, 'step')}"
        say(translate(f"model {options.model} with {count:,} parameters; {options.optimizer}, learning rate {options.lr:g}, "
                      f"{length}, seed {options.seed}", options.model, options.optimizer))  # fmt: skip
        if position.step:
            say(translate(f"going on after {position.step:,} steps ({_counted(position.epoch, 'epoch')})"))
        if self.changed:
            say(
                translate(
                    "from here on compiled, unlike before: the numbers are the same to rounding"
                    if options.compile
                    else "from here on not compiled, unlike before: the numbers are the same to rounding"
                )
            )
        found = self._tell_doctor(say, steps=False) if examine and not position.step else []
        try:
            metrics = train(recipe, self.folder, self.optimizer, show)
        except NonFiniteError:
            self._tell_doctor(say, steps=True, known=found)
            raise
        losses = [line["train_loss"] for line in self.folder.metrics()]
        if examine and len(losses) > 1 and not losses[-1] < losses[0]:
            say(
                translate(
                    f"The training loss has not fallen: {losses[0]:.4g} in the first epoch, {losses[-1]:.4g} in the last."
                )
            )
            self._tell_doctor(say, steps=True, known=found)
        if position.best_epoch or not metrics:
            use_best(recipe, self.folder)
            metrics = evaluate(recipe)
        self._tell_result(say, metrics)

    def _tell_doctor(self, say: Say, steps: bool, known: Sequence[str] = ()) -> Sequence[str]:
        """Say what it finds, and return it if it is anything. What is `known` from the start is the cause of what came after."""
        lines = known or checkup(self.recipe, self.optimizer, steps, self.command)
        for line in lines:
            say(line)
        return lines if len(lines) > 1 else ()

    def command(self, changes: Mapping[str, Any]) -> str:
        """What to type for this run with some of its options changed."""
        given = run_options(type(self.recipe.defaults), self.folder.run, self.folder.path)
        return command_of(self.source, replace(given, **changes))

    def resume_command(self) -> str:
        """What to type to go on."""
        return f"microgradient train {shlex.quote(self.source)} --resume --out {shlex.quote(str(self.folder.path))}"

    def _tell_result(self, say: Say, metrics: list[Metric]) -> None:
        position = self.folder.run.position
        say("")
        reached, epochs = listed(map(str, metrics)), _counted(position.epoch, "epoch")
        steps, seconds = f"{position.step:,}", f"{position.seconds:.1f}"
        if position.best_epoch:
            best = _counted(position.best_epoch, "epoch")
            say(translate(f"{reached} after {best}, chosen by validation of {epochs}, {steps} steps in {seconds} s"))
        else:
            say(translate(f"{reached} after {epochs}, {steps} steps in {seconds} s"))
        self.recipe.model.eval()
        with microgradient.no_grad():
            for line in self.recipe.report():
                say(line)
            pictures = save_pictures(self.recipe, self.folder.path)
        path, names = str(self.folder.path), ", ".join([MODEL, METRICS, RUN, *pictures])
        say(translate(f"run folder: {path} ({names})", path, names))
        for line in worked_gradient(self.recipe):
            say(line)


def _made(make: Make, options: Options) -> Recipe:
    """The recipe. What it solves or fits while it is made has the same bits on any number of cores, as the training has."""
    with blas.one_thread():
        return make(options)


def _load(recipe: Recipe, folder: RunFolder, optimizer: Any) -> None:
    """Put the saved state into model and optimiser, once it is clear that it fits."""
    at, batches = folder.run.position, recipe.steps_per_epoch
    shown = sum(map(len, recipe.batches(at.epoch)[: at.batch]))
    if at.batch > batches or at.step != at.epoch * batches + at.batch or at.examples != shown:
        raise DataError("MG185", f"{folder.path / RUN} is damaged: {at.epoch} epochs of {batches} steps and {at.batch} more "
                                 f"are not {at.step} steps and {at.examples} examples. Restore it from a copy.")  # fmt: skip
    arrays, optimizer_state = folder.load()
    _check_fit(recipe, arrays, folder)
    try:
        recipe.model.load_state_dict(arrays)
        optimizer.load_state_dict(optimizer_state)
        recipe.load_extra_state(folder.extra)
        recipe.norms = list(folder.run.position.norms)
        random.set_state(folder.run.position.rng)
    except (MicrogradientError, KeyError, ValueError, TypeError) as error:
        raise DataError("MG185", f"The state saved in {folder.path} does not fit: {error}") from error


def _check_fit(recipe: Recipe, arrays: Mapping[str, Any], folder: RunFolder) -> None:
    expected = {name: np.shape(value) for name, value in recipe.model.state_dict().items()}
    found = {name: array.shape for name, array in arrays.items()}
    if found != expected:
        name = next(name for name in {**expected, **found} if expected.get(name) != found.get(name))
        raise DataError("MG185", f"{folder.path / MODEL} does not fit the model: `{name}` has the shape "
                                 f"{found.get(name, 'none (it is missing)')}, expected "
                                 f"{expected.get(name, 'no such entry')}.")  # fmt: skip


def _same_options(defaults: Options, run: Run, given: Mapping[str, Any], path: Path) -> Options:
    """The run's options, with the new number of epochs if one is given and nothing else changed."""
    options = run_options(type(defaults), run, path)
    for name, value in given.items():
        before = getattr(options, name)
        if name not in ("epochs", "compile") and value != before:
            raise ArgumentError("MG187", f"The run in {path} has {flag(name)} {before}, and can't be resumed with {flag(name)} "
                                         f"{value}: leave it out, or start a new run with another --out.")  # fmt: skip
    epochs = given.get("epochs", options.epochs)
    if epochs < run.position.epoch + (run.position.batch > 0):
        raise ArgumentError("MG187", f"The run in {path} has already trained {_counted(run.position.epoch, 'epoch')}"
                                     f"{' and a part' if run.position.batch else ''}: --epochs {epochs} is fewer.")  # fmt: skip
    return replace(options, epochs=epochs, compile=given.get("compile", options.compile))


def command_of(source: str, options: Options) -> str:
    """What to type for a run with these options."""
    words, known = ["microgradient", "train", source], {field.name: field.default for field in fields(options)}
    for name, value in options.as_dict().items():
        if isinstance(value, bool):
            words += [] if value == known[name] else [flag(name) if value else "--no-" + flag(name)[2:]]
        elif value is not None:
            words += [flag(name), str(value)]
    return shlex.join(words)


def _run_id(run: Run) -> str:
    """The same for runs that compute the same numbers, however many epochs of them."""
    options = {name: value for name, value in run.options.items() if name not in ("epochs", "compile")}
    return hashlib.sha256(json.dumps([run.recipe, options, run.fingerprint]).encode()).hexdigest()[:16]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
