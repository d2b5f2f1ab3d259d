"""A training run on the page while it goes on: its curves, a pause between two steps, and the graph of the very next one.

Everything about the model happens in the thread that trains: a question that needs it waits until the step that is going on ends.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..explain.doctor.diagnosis import Diagnosis
from ..explain.doctor.snapshot import left_as_it_was
from ..explain.sweep import sweep_of
from ..explain.trace import trace
from ..language import language, speaking, translate
from ..native.runtime import blas
from ..nn import Module
from ..scalar import Value
from ..tape import no_grad
from ..train.advice import advised
from ..train.checkup import diagnosed, examinable
from ..train.offers import Film, Texts
from ..train.pictures import drawn
from ..train.progress import Progress
from ..train.recipe import Metric, NextStep, Recipe, checked_changes
from ..train.run_folder import PLACE, RunFolder, run_options
from .beside import Beside
from .session import Answers, Session, of_graph
from .step_sizes import StepSizes

_POINTS = 2000  # of a curve
_PATIENCE = 60.0  # seconds that a question waits for the thread that trains


class Curve(list[tuple[int, float]]):
    """Points of a curve by step; where there are too many, every second one is dropped."""

    stride = 1
    told = 0  # points

    def add(self, step: int, value: float) -> None:
        """One point more."""
        self.told += 1
        if self.told % self.stride == 0:
            self.append((step, value))
        if len(self) > _POINTS:
            self[:] = self[1::2]
            self.stride *= 2


class Run:
    """A run and what the page may ask of it. `progress` is what the training loop shows it by; `end` is called after it."""

    def __init__(self, recipe: Recipe, folder: RunFolder, optimizer: Any) -> None:
        self.recipe, self.folder, self.optimizer = recipe, folder, optimizer
        self.session: Session | None = None
        self.opened = 0  # graphs so far
        self.part = ""  # what of the step the graph is of, where it isn't all
        self.losses = Curve()
        self.optimizers = getattr(optimizer, "optimizers", [optimizer])
        self.sizes = StepSizes(recipe.model.parameters(), one_gradient=len(self.optimizers) == 1)
        self.measured: dict[str, Curve] = {}  # of the steps and what the recipe tells besides
        self.paused = self.finished = False
        self.single = False  # one step more, then pause again
        self.wanted: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self.changed = threading.Condition()
        self.beside: Beside | None = None
        self.answers: Answers = {
            "run": self.state,
            "pause": lambda words: self._set(paused=True),
            "resume": lambda words: self._set(paused=False),
            "step": lambda words: self._set(paused=True, single=True),
            "open": lambda words: self._ask(self.open_step),
            "rerun": self.rerun,
            "doctor": lambda words: self._told(self._ask(self.diagnosis)),
            "picture": lambda words: self._ask(lambda: self._picture(str(words.get("name", "")))),
            "sample": lambda words: _table(*self._ask(lambda: self._sample(str(words.get("name", ""))))),
            "film": lambda words: _moving(*self._ask(lambda: self._film(words))),
            **of_graph(self.opened_session),
        }

    def progress(self, make: Callable[..., Progress]) -> Callable[..., Progress]:
        """What shows a run, so that the page follows it, too."""

        def made(epochs: int, steps: int, first_step: int, loss_unit: str) -> Progress:
            return _Followed(make(epochs, steps, first_step, loss_unit), self)

        return made

    # ------------------------------------------------------------------------------------- in the thread that trains

    def follow(self, step: int, loss: float, stopped: Callable[[], bool]) -> None:
        """Called after each step: notes the loss, and holds the run while it is paused and the user has not `stopped` it."""
        self.losses.add(step, loss)
        for name, value in {**self.recipe.measured(), **self.sizes.after_step()}.items():
            self.measured.setdefault(name, Curve()).add(step, value)
        while (wanted := self._next(stopped)) is not None:
            _serve(*wanted)

    def _next(self, stopped: Callable[[], bool]) -> tuple[Callable[[], Any], Future[Any]] | None:
        """The next question, if need be after a wait; None where the run goes on."""
        with self.changed:
            while not self.wanted:
                if not self.paused or self.single or stopped():
                    self.single = False  # it is taken now
                    return None
                self.changed.wait(0.1)  # a signal to stop is seen between two waits
            return self.wanted.popleft()

    def end(self) -> None:
        """The run has ended: questions are answered at once from now on."""
        with self.changed:
            self.finished, self.paused = True, False
            while self.wanted:
                _serve(*self.wanted.popleft())

    def open_step(self) -> int:
        """Take the next step under a trace, with its own examples and random draws, undo it, and show its graph."""
        recipe, (epoch, examples) = self.recipe, self._next_examples()
        state = deepcopy(recipe.extra_state())
        with left_as_it_was(recipe.model, *self.optimizers), blas.one_thread(), np.errstate(all="ignore"):
            try:
                recipe.model.train()
                self.optimizer.zero_grad()
                recipe.set_learning_rate(self.optimizer, recipe.learning_rate(epoch))
                _label(recipe.model)
                step = self._next_step(examples)
                with trace(recipe.model if isinstance(recipe.model, Module) else None):
                    loss = step.take()
                self.session = Session(sweep_of(loss, {"model": recipe.model, "loss": loss}))
            finally:
                recipe.load_extra_state(state)
        self.part = step.part
        self.opened += 1
        return self.opened

    def _next_step(self, examples: Any) -> NextStep:
        try:
            return self.recipe.next_step(self.optimizer, examples, self.folder.run.position.step + 1)
        except NotImplementedError:
            raise ArgumentError(
                "MG188", f"A step of {self.recipe.name} is not one loss over examples: it has no single graph."
            ) from None

    def diagnosis(self) -> Diagnosis:
        """What `mg.doctor` finds on the batch of the next step."""
        with np.errstate(all="ignore"):
            found = diagnosed(self.recipe, self.optimizer, self._next_examples()[1], steps=True)
        if found is None:
            raise ArgumentError(
                "MG188", f"The doctor examines an nn.Module that learns from batches; {self.recipe.name} is none."
            )
        return found

    def _next_examples(self) -> tuple[int, Any]:
        """Which epoch the next step belongs to, and its examples."""
        position = self.folder.run.position
        batches = self.recipe.batches(position.epoch)
        if position.batch < len(batches):
            return position.epoch, batches[position.batch]
        return position.epoch + 1, self.recipe.batches(position.epoch + 1)[0]

    # ----------------------------------------------------------------------------------------- in the server's threads

    def state(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """Where the run stands, the losses of its steps, and what each epoch gave."""
        run = self.folder.run
        metrics = self.folder.metrics()
        epochs = [(line["step"], line["train_loss"]) for line in metrics if line["train_loss"] is not None]
        losses = list(self.losses) or epochs  # of a run that was trained before
        return {
            "name": self.recipe.name,
            "command": run.command,
            "folder": str(self.folder.path),
            "step": run.position.step,
            "steps": self.recipe.options.epochs * self.recipe.steps_per_epoch,
            "epoch": run.position.epoch,
            "epochs": self.recipe.options.epochs,
            "unit": self.recipe.loss_unit,
            "losses": [[step, loss] for step, loss in losses if np.isfinite(loss)],
            "metrics": metrics,
            "headings": {name: _heading(name) for name in (metrics[0] if metrics else {}) if name != "run"},
            "examinable": examinable(self.recipe),
            "paused": self.paused,
            "finished": self.finished,
            "opened": self.opened,
            "beside": None if self.beside is None else self.beside.state(),
            "past": None,  # of a run that is over, `past.PastRun`
            "shown": translate(self.part),
            "curves": self._curves(metrics),
            "pictures": _named(self.recipe.pictures()) if importlib.util.find_spec("matplotlib") else [],
            "samples": _named(self.recipe.samples()),
            "films": _named(self.recipe.films()),
        }

    def _curves(self, metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What else there is to follow: from step to step, and the held-out numbers of each epoch, but for those of baselines."""
        found: dict[str, list[tuple[int, Any]]] = {name: list(curve) for name, curve in [*self.measured.items()]}
        for key in metrics[0] if metrics else ():
            if key not in (*PLACE, "train_loss") and Metric.learns(key):
                found[key.replace("_", " ")] = [(line["step"], line.get(key)) for line in metrics]
        finite = {name: [p for p in points if p[1] is not None and np.isfinite(p[1])] for name, points in found.items()}
        return [{"name": translate(name), "points": points} for name, points in finite.items() if len(points) > 1]

    def rerun(self, words: Mapping[str, Any]) -> bool:
        """Train again from the start, beside this run, with `options` changed; what was beside it before ends."""
        given = run_options(type(self.recipe.defaults), self.folder.run, self.folder.path)
        changes = checked_changes(given, words.get("options"), type(self.recipe))
        beside = Beside(self.folder.run.source, given, changes)
        before, self.beside = self.beside, beside
        if before is not None:
            before.close()
        return True

    def _set(self, paused: bool, single: bool = False) -> bool:
        with self.changed:
            self.paused, self.single = paused and not self.finished, single
            self.changed.notify_all()
        return True

    def _ask(self, question: Callable[[], Any]) -> Any:
        """The answer of the thread that trains, which gives it between two steps, in the language of this thread."""
        answer: Future[Any] = Future()
        spoken = language()

        def asked() -> Any:
            with speaking(spoken):
                return question()

        with self.changed:
            if self.finished:
                _serve(asked, answer)
            else:
                self.wanted.append((asked, answer))
                self.changed.notify_all()
        try:
            return answer.result(_PATIENCE)
        except TimeoutError:
            raise ArgumentError(
                "MG188", f"The step that is going on has taken longer than {_PATIENCE:.0f} s."
            ) from None

    def opened_session(self) -> Session:
        """The graph that is open. Raises ArgumentError (MG188) where none is."""
        if self.session is None:
            raise ArgumentError("MG188", "No step has been opened yet: pause the run and open one.")
        return self.session

    def _told(self, found: Diagnosis) -> dict[str, Any]:
        """A diagnosis as data for the page, in the language that is spoken, with this recipe's options for the changes."""
        told = json.loads(found.to_json())
        for finding in told["findings"]:
            finding.update({name: translate(finding[name]) for name in ("rule", "evidence", "cause", "change")})
            finding["options"] = advised(self.recipe, finding["options"])
        return {**told, "text": found.text()}

    def _picture(self, name: str) -> dict[str, Any]:
        """After how many steps, and what the recipe draws of its model then, as the address of a PNG."""
        draw = self._offered(self.recipe.pictures(), name)
        with self._looking():
            content = drawn(draw, "png", (6, 4.5))
        address = f"data:image/png;base64,{base64.b64encode(content).decode()}"
        return {"step": self.folder.run.position.step, "address": address}

    def _sample(self, name: str) -> tuple[int, Texts]:
        """After how many steps, and what is written."""
        write = self._offered(self.recipe.samples(), name)
        with self._looking():
            return self.folder.run.position.step, write()

    def _film(self, words: Mapping[str, Any]) -> tuple[int, Film]:
        play = self._offered(self.recipe.films(), str(words.get("name", "")))
        with self._looking():
            return self.folder.run.position.step, play(max(0, int(words.get("number", 0))))

    def _offered(self, offers: Mapping[str, Callable[..., Any]], name: str) -> Callable[..., Any]:
        if name not in offers:
            raise ArgumentError("MG188", f"{self.recipe.name} has nothing to show that is called {name!r}.")
        return offers[name]

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """The model as it is used, and afterwards as it was; random generators, too."""
        with left_as_it_was(self.recipe.model), no_grad(), blas.one_thread(), np.errstate(all="ignore"):
            self.recipe.model.eval()
            yield


def _label(model: Any) -> None:
    """Values have their names with them: those of a model that is no nn.Module are found in no other way."""
    for name, parameter in model.named_parameters():
        if isinstance(parameter, Value) and not parameter.label:
            parameter.label = name


def _named(offers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is offered, by its name and by what it is called in the language that is spoken."""
    return [(name, translate(name.replace("_", " "))) for name in offers]


def _table(step: int, texts: Texts) -> dict[str, Any]:
    return {"step": step, "headings": [translate(heading) for heading in texts.headings], "rows": texts.rows}


def _moving(step: int, film: Film) -> dict[str, Any]:
    """A film as data for the page; four digits are more than a screen shows."""

    def rounded(x: float) -> float:
        return float(f"{x:.4g}")

    frames = [
        [
            {
                "points": [(rounded(x), rounded(y)) for x, y in stroke.points],
                "width": stroke.width,
                "colour": f"rgb{stroke.colour}",
            }
            for stroke in frame
        ]
        for frame in film.frames
    ]
    return {"step": step, **film._asdict(), "frames": frames, "told": translate(film.told)}


def _heading(key: str) -> str:
    """What a number of `metrics.jsonl` is called."""
    return translate({"lr": "learning rate"}.get(key, key.replace("_", " ")))


def _serve(question: Callable[[], Any], answer: Future[Any]) -> None:
    try:
        answer.set_result(question())
    except Exception as error:
        answer.set_exception(error)


class _Followed(Progress):
    """Passes all on to what shows the run, and each step to the page."""

    def __init__(self, shown: Progress, run: Run) -> None:
        self.shown_by, self.run = shown, run

    def __enter__(self) -> _Followed:
        self.shown_by.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.shown_by.__exit__(*error)

    def compiling(self) -> AbstractContextManager[None]:
        return self.shown_by.compiling()

    def step(self, step: int, loss: float) -> None:
        self.shown_by.step(step, loss)
        self.run.follow(step, loss, self.stopped)

    def epoch(self, epoch: int, loss: float, metric: str) -> None:
        self.shown_by.epoch(epoch, loss, metric)
