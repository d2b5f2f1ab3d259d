"""The run folder: everything a run leaves behind, and everything that is needed to take it up again.

| file | what it holds |
| --- | --- |
| ``run.json`` | recipe, options, versions, data fingerprint; where the run stands, the random generator's state |
| ``model.safetensors`` | the model's ``state_dict`` |
| ``optimizer.safetensors`` | the optimiser's ``state_dict``: its arrays, and its numbers as JSON in the metadata |
| ``metrics.jsonl`` | one line of JSON for each finished epoch |

The first three carry the number of steps done. They are replaced together: all are written as ``NAME.new``, then
renamed, the optimiser first and ``run.json`` last. A crash between two renames is noticed by that number and finished
when the folder is opened again. A step's state is the same however often it is saved, or the run interrupted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microgradient.errors import ArgumentError, DataError
from microgradient.train import safetensors
from microgradient.train.atomic import PENDING, reason, sync, write_all_atomically, write_atomically

MODEL, OPTIMIZER, RUN, METRICS = "model.safetensors", "optimizer.safetensors", "run.json", "metrics.jsonl"
_COMMITTED = (OPTIMIZER, MODEL, RUN)


@dataclass
class Position:
    """Where a run stands: after ``epoch`` whole epochs and ``batch`` batches of the next one."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    examples: int = 0
    seconds: float = 0.0
    rng: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    """The content of ``run.json``."""

    recipe: str
    source: str
    options: dict[str, Any]
    fingerprint: str
    versions: dict[str, str]
    command: str
    details: dict[str, Any]
    position: Position
    result: dict[str, float | None] = field(default_factory=dict)


class RunFolder:
    """A run folder on the disk. Make one with :meth:`create` or :meth:`open`."""

    def __init__(self, path: Path, run: Run) -> None:
        self.path = path
        self.run = run

    @classmethod
    def create(cls, path: Path, run: Run) -> RunFolder:
        """Make the folder. Raises :class:`ArgumentError` (MG186) if it holds a run or can't be written."""
        metrics = path / METRICS
        if any((path / name).exists() for name in _COMMITTED) or (metrics.exists() and metrics.stat().st_size):
            raise ArgumentError(
                "MG186", f"{path} already holds a run: go on with it by --resume, or choose another folder with --out."
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:  # also when it is a file, or a folder above it is one
            raise ArgumentError("MG186", f"Can't make the run folder {path}: {reason(error)}.") from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise ArgumentError("MG186", f"The run folder {path} can't be written: choose another with --out.")
        write_atomically(path / METRICS, b"")
        return cls(path, run)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a folder to go on with its run. Raises :class:`ArgumentError` or :class:`DataError` if that can't be."""
        if not (path / RUN).is_file() and not (path / (RUN + PENDING)).is_file():
            raise ArgumentError("MG187", f"There is no run to resume in {path}: it has no {RUN}.")
        _finish_interrupted_save(path)
        return cls(path, _read_run(path / RUN))

    def save(self, model: Mapping[str, Any], optimizer: Mapping[str, Any]) -> None:
        """Write model, optimiser and ``run.json`` as one: after a crash the folder holds all of a save or none."""
        sync(self.path / METRICS)
        stamp = {"recipe": self.run.recipe, "step": str(self.run.position.step)}
        write_all_atomically(self.path, {
            OPTIMIZER: _optimizer_to_bytes(optimizer, stamp),
            MODEL: safetensors.to_bytes(model, stamp),
            RUN: json.dumps(asdict(self.run), indent=2, ensure_ascii=False).encode(),
        })  # fmt: skip

    def load(self) -> tuple[safetensors.Arrays, dict[str, Any]]:
        """The saved model's and the saved optimiser's ``state_dict``."""
        model, model_stamp = safetensors.load(self.path / MODEL)
        optimizer, optimizer_stamp = _load_optimizer(self.path / OPTIMIZER)
        for name, stamp in ((MODEL, model_stamp), (OPTIMIZER, optimizer_stamp)):
            if stamp.get("step") != str(self.run.position.step):
                raise DataError(
                    "MG185", f"{self.path / name} is of step {stamp.get('step')}, and {RUN} of step "
                    f"{self.run.position.step}: they do not belong together. Restore the folder from a copy."
                )  # fmt: skip
        return model, optimizer

    def append_metrics(self, line: Mapping[str, Any]) -> None:
        """Add one epoch's line to ``metrics.jsonl``."""
        try:
            with open(self.path / METRICS, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise DataError("MG186", f"Can't write {self.path / METRICS}: {reason(error)}.") from error

    def metrics(self) -> list[dict[str, Any]]:
        """The whole lines of ``metrics.jsonl`` that belong to the saved state, which may be older than the file."""
        try:
            text = (self.path / METRICS).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise DataError("MG186", f"Can't read {self.path / METRICS}: {reason(error)}.") from error
        lines = []
        for row in text.splitlines():
            try:
                line = json.loads(row)
            except ValueError:  # cut while it was written
                continue
            if isinstance(line, dict) and line.get("epoch", np.inf) <= self.run.position.epoch:
                lines.append(line)
        return lines

    def trim_metrics(self) -> None:
        """Drop from ``metrics.jsonl`` what was written after the last save, and a last line that was cut."""
        content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.metrics())
        write_atomically(self.path / METRICS, content.encode())


def free_folder(name: str, parent: Path = Path("runs")) -> Path:
    """``runs/NAME``, or the first of ``runs/NAME-2``, ``runs/NAME-3``, … that is not there yet."""
    path, count = parent / name, 1
    while path.exists():
        count += 1
        path = parent / f"{name}-{count}"
    return path


def latest_folder(name: str, parent: Path = Path("runs")) -> Path:
    """The run of this name under ``runs`` that was saved last."""
    numbered = [path for path in parent.glob(f"{name}-*") if path.name.removeprefix(f"{name}-").isdigit()]
    runs = [path for path in (parent / name, *numbered) if (path / RUN).is_file()]
    if not runs:
        raise ArgumentError("MG187", f"There is no run of {name} to resume in {parent}/: name its folder with --out.")
    return max(runs, key=lambda path: (path / RUN).stat().st_mtime_ns)


def _read_run(path: Path) -> Run:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        run = Run(**{**content, "position": Position(**content["position"])})
        numbers = [run.position.epoch, run.position.batch, run.position.step, run.position.examples]
        reals = [run.position.loss_sum, run.position.seconds]
        texts = [run.recipe, run.source, run.fingerprint]
        tables = [run.options, run.details, run.versions, run.position.rng]
        whole = (
            all(type(number) is int and number >= 0 for number in numbers)
            and all(type(real) in (int, float) for real in reals)
            and all(isinstance(text, str) for text in texts)
            and all(isinstance(table, dict) for table in tables)
        )
        if not whole:
            raise ValueError("a field is of the wrong type")
    except OSError as error:
        raise DataError("MG186", f"Can't read {path}: {reason(error)}.") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError("MG185", f"{path} is damaged: {error}. Restore it from a copy.") from error
    return run


def _finish_interrupted_save(path: Path) -> None:
    """Finish a save that was cut between its renames; forget one that was cut before the first of them."""
    pending = [name for name in _COMMITTED if (path / (name + PENDING)).exists()]
    if not pending:
        return
    try:
        step = _read_run(path / (RUN + PENDING)).position.step  # written last: if it is whole, so were the others
        _, stamp = safetensors.load(path / OPTIMIZER)  # renamed first
        begun = stamp.get("step") == str(step)
    except DataError:
        begun = False
    try:
        for name in pending:
            if begun:
                os.replace(path / (name + PENDING), path / name)
            else:
                (path / (name + PENDING)).unlink()
    except OSError as error:
        raise DataError("MG186", f"Can't write in {path}: {reason(error)}.") from error


def _optimizer_to_bytes(state: Mapping[str, Any], stamp: dict[str, str]) -> bytes:
    """``{"state": {0: {"step": 5, "exp_avg": Tensor}}, "param_groups": […]}`` as arrays ``0.exp_avg`` and JSON."""
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


def _load_optimizer(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    arrays, metadata = safetensors.load(path)
    try:
        numbers = json.loads(metadata["numbers"])
        state = {int(index): dict(entries) for index, entries in numbers["state"].items()}
        for name, array in arrays.items():
            index, key = name.split(".", 1)
            state[int(index)][key] = array
        groups = [
            {
                key: tuple(value) if isinstance(value, list) and key != "params" else value
                for key, value in group.items()
            }
            for group in numbers["param_groups"]
        ]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError("MG185", f"{path} does not hold an optimiser's state ({error!r}).") from error
    return {"state": state, "param_groups": groups}, metadata
