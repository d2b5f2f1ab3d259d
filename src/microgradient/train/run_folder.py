"""The run folder: everything a run leaves behind, and everything that is needed to take it up again.

| file | what it holds |
| --- | --- |
| `run.json` | recipe, options, versions, data fingerprint; where the run stands, the random generator's state |
| `model.safetensors` | the model's `state_dict` |
| `optimizer.safetensors` | the optimiser's `state_dict`: its arrays, and its numbers as JSON in the metadata |
| `best.safetensors` | the model's `state_dict` of the best epoch, where a validation part chooses it |
| `state.safetensors` | what else the recipe needs to go on, where it needs anything |
| `metrics.jsonl` | one line of JSON for each finished epoch |

All carry the run's id, all but the last the number of steps done, and `run.json` the others' SHA-256. They are replaced
together: all are written as `NAME.TOKEN.new`, then renamed, the optimiser first and `run.json` last. A crash between two
renames is noticed by the step and finished when the folder is opened again. A step's state is the same however often it is
saved, or the run interrupted. While a `RunFolder` lives, `run.lock` keeps other processes out.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import ArgumentError, DataError, MicrogradientError
from . import safetensors
from .atomic import (
    PENDING,
    open_plain,
    read_plain,
    reason,
    sync,
    write_all_atomically,
    write_atomically,
)
from .event_file import PREFIX, EventFile
from .lock import Lock, lock
from .options import Options, fits, misfit

MODEL, OPTIMIZER, RUN, METRICS = "model.safetensors", "optimizer.safetensors", "run.json", "metrics.jsonl"
PLACE = ("epoch", "step", "lr", "run")
"""What a line of `metrics.jsonl` has beside measured numbers: of which moment it is."""
BEST, STATE = "best.safetensors", "state.safetensors"
_COMMITTED = (OPTIMIZER, MODEL, BEST, STATE, RUN)
_RENAMES = 0.1  # s, far more than the renames of a save take


@dataclass
class Position:
    """Where a run stands: after `epoch` whole epochs and `batch` batches of the next one.

    `best` is the least validation score so far, after `best_epoch` epochs; None and 0 where nothing is validated.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    examples: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    norms: list[float] = field(default_factory=list)  # of the gradients in the last steps
    rng: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    """The content of `run.json`."""

    recipe: str
    source: str
    options: dict[str, Any]
    fingerprint: str
    versions: dict[str, str]
    command: str
    details: dict[str, Any]
    position: Position
    result: dict[str, float | None] = field(default_factory=dict)
    id: str = ""  # a digest of what decides the run's numbers; "" in a run from before there were ids
    sha256: dict[str, str] = field(default_factory=dict)

    @property
    def stamp(self) -> dict[str, str]:
        """What the other files say of the run that they are of."""
        return {"run": self.id} if self.id else {}


class RunFolder:
    """A run folder on the disk. Make one with `create` or `open`. After `stop_signals` the run ends, saved."""

    stop_signals: ClassVar[tuple[int, ...]] = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, path: Path, run: Run, held: Lock | None) -> None:
        self.path = path
        self.run = run
        self.best: Mapping[str, Any] = {}  # the model's state_dict of the best epoch
        self.extra: Mapping[str, Any] = {}  # what else the recipe needs to go on: arrays, and what JSON can hold
        self._held = held
        self._events: EventFile | None = None

    @classmethod
    def create(cls, path: Path, run: Run) -> RunFolder:
        """Make the folder. Raises `ArgumentError` (MG186) if it holds a run, is in use or can't be written."""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:  # also when it is a file, or a folder above it is one
            raise ArgumentError("MG186", f"Can't make the run folder {path}: {reason(error)}.") from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise ArgumentError("MG186", f"The run folder {path} can't be written: choose another with --out.")
        held = lock(path)
        metrics = path / METRICS
        if any((path / name).exists() for name in _COMMITTED) or (metrics.exists() and metrics.stat().st_size):
            raise ArgumentError(
                "MG186", f"{path} already holds a run: continue it with --resume, or choose another folder with --out."
            )
        write_atomically(metrics, b"")
        return cls(path, run, held)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a folder to go on with its run. Raises `ArgumentError` or `DataError` if that can't be."""
        if not any(file.is_file() for file in (path / RUN, *_pending(path, RUN))):
            raise ArgumentError("MG187", f"There is no run to resume in {path}: it has no {RUN}.")
        held = lock(path)
        _finish_interrupted_save(path)
        return cls(path, _read_run(path / RUN), held)

    @classmethod
    def peek(cls, path: Path) -> RunFolder:
        """Open a folder to look at what was saved last, also while another process trains in it.

        Raises `DataError` (MG180) if it holds no run.
        """
        if not any(file.is_file() for file in (path / RUN, *_pending(path, RUN))):
            raise DataError(
                "MG180", f"There is no run in {path}: it has no {RUN}. `microgradient train NAME` makes one."
            )
        try:
            found = cls.open(path)
        except MicrogradientError:  # in use, or it can't be written
            return cls(path, _read_run(path / RUN), None)
        found.release()
        return found

    def release(self) -> None:
        """Let other processes use the folder: this one has written all it has to write."""
        if self._events is not None:
            self._events.close()
            self._events = None
        self._held = None

    def save(self, model: Mapping[str, Any], optimizer: Mapping[str, Any]) -> None:
        """Write model, optimiser, `best`, `extra` and `run.json` as one: after a crash the folder holds all of a save or none."""
        sync(self.path / METRICS)
        stamp = {"recipe": self.run.recipe, "step": str(self.run.position.step), **self.run.stamp}
        files = {OPTIMIZER: _optimizer_to_bytes(optimizer, stamp), MODEL: safetensors.to_bytes(model, stamp)}
        if self.best:
            files[BEST] = safetensors.to_bytes(self.best, stamp)
        if self.extra:
            files[STATE] = _state_to_bytes(self.extra, stamp)
        self.run.sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files[RUN] = json.dumps(asdict(self.run), indent=2, ensure_ascii=False).encode()
        write_all_atomically(self.path, files)

    def load(self) -> tuple[safetensors.Arrays, dict[str, Any]]:
        """The saved model's and optimiser's `state_dict`, if they are of this run. Sets `best` and `extra`."""
        model, _ = self._arrays(MODEL)
        optimizer = _optimizer_state(*self._arrays(OPTIMIZER), str(self.path / OPTIMIZER))
        if BEST in self.run.sha256:
            self.best, _ = self._arrays(BEST)
        if STATE in self.run.sha256:
            self.extra = _extra_state(*self._arrays(STATE), str(self.path / STATE))
        return model, optimizer

    def weights(self) -> safetensors.Arrays:
        """The model's `state_dict` to use: that of the best epoch, if there is one. If another process has saved the run since
        the folder was looked at, or is about to, what it saved counts.
        """
        try:
            return self._weights()
        except DataError:
            if self._held is not None:
                raise
            time.sleep(_RENAMES)
            found = _read_run(self.path / RUN)
            if found.id != self.run.id or found.position.step == self.run.position.step:
                raise
            self.run = found
        return self._weights()

    def _weights(self) -> safetensors.Arrays:
        return self._arrays(BEST if BEST in self.run.sha256 else MODEL)[0]

    def _arrays(self, name: str) -> tuple[safetensors.Arrays, dict[str, str]]:
        """Arrays and metadata of a file of the run, if it is what was saved with `run.json`."""
        content = read_plain(self.path / name)
        arrays, stamp = safetensors.from_bytes(content, str(self.path / name))
        for what, expected in {"step": str(self.run.position.step), **self.run.stamp}.items():
            if stamp.get(what) != expected:
                raise DataError(
                    "MG185", f"{self.path / name} is of {what} {stamp.get(what)}, and {RUN} of {what} {expected}: "
                    "they do not belong together. Restore the folder from a copy."
                )  # fmt: skip
        digest = hashlib.sha256(content).hexdigest()
        if self.run.sha256.get(name, digest) != digest:
            raise DataError("MG185", f"{self.path / name} is damaged: it is not what the run saved, by its SHA-256 in "
                                     f"{RUN}. Restore it from a copy.")  # fmt: skip
        return arrays, stamp

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Add one epoch's line to `metrics.jsonl`."""
        try:
            descriptor = open_plain(self.path / METRICS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            with open(descriptor, "a", encoding="utf-8") as file:
                file.write(json.dumps({**line, **self.run.stamp}, ensure_ascii=False) + "\n")
            self._write_events([line])
        except OSError as error:
            raise DataError("MG186", f"Can't write {self.path / METRICS}: {reason(error)}.") from error

    def begin_events(self) -> None:
        """Write what is in `metrics.jsonl`, and what comes, into an event file for TensorBoard, in the place of earlier ones."""
        for old in self.path.glob(f"{PREFIX}*"):
            old.unlink()
        self._events = EventFile(self.path)
        self._write_events(self.metrics())

    def _write_events(self, lines: Iterable[Mapping[str, Any]]) -> None:
        if self._events is not None:
            for line in lines:
                for name, value in line.items():
                    if value is not None and name not in ("epoch", "step", "run"):
                        self._events.scalar(name, value, line["step"])
            self._events.flush()

    def metrics(self) -> list[dict[str, Any]]:
        """The whole lines of `metrics.jsonl` that belong to the saved state, which may be older than the file."""
        if not (self.path / METRICS).exists():
            return []
        lines = []
        for number, row in enumerate(read_plain(self.path / METRICS).decode(errors="replace").splitlines(), 1):
            try:
                line = json.loads(row)
            except (ValueError, RecursionError):  # cut while it was written
                continue
            if isinstance(line, dict) and line.get("run", self.run.id) != self.run.id:
                raise DataError(
                    "MG185", f"{self.path / METRICS}, line {number}, is of run {line['run']}, and {RUN} of run {self.run.id}: "
                    "they do not belong together. Restore the folder from a copy."
                )  # fmt: skip
            epoch = line.get("epoch") if isinstance(line, dict) else None
            if type(epoch) is int and epoch <= self.run.position.epoch:
                lines.append(line)
        return lines

    def trim_metrics(self) -> None:
        """Drop from `metrics.jsonl` what was written after the last save, and a last line that was cut."""
        content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.metrics())
        write_atomically(self.path / METRICS, content.encode())


class Unwritten(RunFolder):
    """A run folder into which nothing is written."""

    def save(self, model: Mapping[str, Any], optimizer: Mapping[str, Any]) -> None:
        """Nothing is."""

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Nothing is."""


def free_folder(name: str, parent: Path = Path("runs")) -> Path:
    """`runs/NAME`, or the first of `runs/NAME-2`, `runs/NAME-3`, … that does not exist yet. Creating it claims it."""
    path, count = parent / name, 1
    while True:
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            count += 1
            path = parent / f"{name}-{count}"
        except OSError as error:
            raise ArgumentError("MG186", f"Can't make the run folder {path}: {reason(error)}.") from error
        else:
            return path


def latest_folder(name: str, parent: Path = Path("runs")) -> Path:
    """The run of this name under `runs` that was saved last."""
    numbered = [path for path in parent.glob(f"{name}-*") if path.name.removeprefix(f"{name}-").isdigit()]
    runs = [path for path in (parent / name, *numbered) if (path / RUN).is_file()]
    if not runs:
        raise ArgumentError("MG187", f"There is no run of {name} to resume in {parent}/: name its folder with --out.")
    return max(runs, key=lambda path: (path / RUN).stat().st_mtime_ns)


def _read_run(path: Path) -> Run:
    text = read_plain(path)
    try:
        content = json.loads(text.decode())
        run = Run(**{**content, "position": Position(**content["position"])})
        check_types(run)
        check_types(run.position)
        if not fits(run.options.get("epochs", 0), int):
            raise TypeError(f"its epochs are {run.options['epochs']!r:.80}")
        if min(run.position.epoch, run.position.batch, run.position.step, run.position.examples) < 0:
            raise ValueError("its position is negative")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError("MG185", f"{path} is damaged: {error}. Restore it from a copy.") from error
    return run


def run_options(kind: type[Options], run: Run, path: Path) -> Options:
    """The options of a run. What it doesn't say has its default, and what was unset and is unknown now is left out."""
    known = {field.name for field in fields(kind)}
    try:
        options = kind(**{name: value for name, value in run.options.items() if name in known or value is not None})
        check_types(options)
    except TypeError as error:
        raise DataError("MG185", f"{path / RUN} is damaged: {error}. Restore it from a copy.") from error
    return options


def check_types(record: Run | Position | Options) -> None:
    """Raise `TypeError` for a field that has not its type."""
    if (name := misfit(record)) is not None:
        raise TypeError(f"its {name} is {getattr(record, name)!r:.80}")


def _pending(path: Path, name: str) -> list[Path]:
    """What a save that was cut has left of this file."""
    return [file for file in path.glob(f"{name}.*") if file.name.endswith(PENDING)]


def _finish_interrupted_save(path: Path) -> None:
    """Finish a save that was cut between its renames; forget one that was cut before the first of them."""
    try:
        run = _read_run(_pending(path, RUN)[0])  # written last: if it is whole, so were the others
        _, stamp = safetensors.load(path / OPTIMIZER)  # renamed first
        begun = stamp.get("step") == str(run.position.step) and stamp.get("run", "") == run.id
    except (DataError, IndexError):
        begun = False
    try:
        for name in _COMMITTED:
            for file in _pending(path, name):
                if begun:
                    os.replace(file, path / name)
                else:
                    file.unlink()
    except OSError as error:
        raise DataError("MG186", f"Can't write in {path}: {reason(error)}.") from error


def _state_to_bytes(state: Mapping[str, Any], stamp: dict[str, str]) -> bytes:
    """Arrays as they are, all else as JSON."""
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in state.items() if name not in arrays}
    return safetensors.to_bytes(arrays, {**stamp, "values": json.dumps(rest)})


def _extra_state(arrays: safetensors.Arrays, metadata: dict[str, str], path: str) -> dict[str, Any]:
    try:
        return {**json.loads(metadata["values"]), **arrays}
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise DataError("MG185", f"{path} does not hold a recipe's state ({error!r}).") from error


def _optimizer_to_bytes(state: Mapping[str, Any], stamp: dict[str, str]) -> bytes:
    """`{"state": {0: {"step": 5, "exp_avg": Tensor}}, "param_groups": […]}` as arrays `0.exp_avg` and JSON."""
    arrays: dict[str, Any] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for index, entries in state["state"].items():
        numbers[str(index)] = {}
        for key, value in entries.items():
            if value is None or isinstance(value, (bool, int, float, str)):
                numbers[str(index)][key] = value
            else:
                arrays[f"{index}.{key}"] = value
    text = json.dumps({"state": numbers, "param_groups": state["param_groups"]})
    return safetensors.to_bytes(arrays, {**stamp, "numbers": text})


def _optimizer_state(arrays: safetensors.Arrays, metadata: dict[str, str], path: str) -> dict[str, Any]:
    try:
        numbers = json.loads(metadata["numbers"])
        state = {int(index): dict(entries) for index, entries in numbers["state"].items()}
        for name, array in arrays.items():
            index, key = name.split(".", 1)
            state[int(index)][key] = array
        groups = [
            {k: tuple(v) if isinstance(v, list) and k != "params" else v for k, v in group.items()}
            for group in numbers["param_groups"]
        ]
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("MG185", f"{path} does not hold an optimiser's state ({error!r}).") from error
    return {"state": state, "param_groups": groups}
