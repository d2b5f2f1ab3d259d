"""What is predicted: classes, numbers or sets of labels, as the numbers that a network learns, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .columns import MISSING_TEXTS, Cells, Column, read_column, shown, understand
from .dates import DateFormat
from .numbers import NumberFormat

MOST_CLASSES = 100
_MOST_NUMBER_CLASSES = 10
_FAR_OUT = 10.0
TASKS = ("classification", "regression")


@dataclass
class Target:
    """A column to predict. Its `task` is `classification` (`classes` in order; learnt as their numbers), `regression` (learnt
    standardised by `mean` and `deviation`; a date as days since 1970, `timed` if there are hours) or `labels` (each cell is a
    set of `classes`, joined by `separator`; learnt as zeros and ones).

    >>> target, _ = Target.find(understand("y", ["a", "b", "a", "b", "b"]))
    >>> target.task, target.encode(["b", "a"])[:, 0], target.decode(np.array([[0.2, 0.8]]))
    ('classification', array([1., 0.], dtype=float32), ['b'])
    """

    name: str
    task: str
    kind: str
    classes: list[str] = field(default_factory=list)
    separator: str = ""
    decimal: str = "."
    unit: str = ""
    day_first: bool = False
    timed: bool = False
    mean: float = 0.0
    deviation: float = 1.0
    lowest: float = -np.inf
    highest: float = np.inf

    @classmethod
    def find(cls, column: Column, task: str | None = None, separator: str | None = None) -> tuple[Self, str]:
        """What a column asks for (`task` decides where it could be either), and a sentence on it. Raises `DataError` (MG183)."""
        name = column.name
        if separator is not None:
            labels = Counter(label for text in column.texts for label in _labels(text, separator))
            if len(labels) > MOST_CLASSES or len(labels) < 2:
                raise DataError("MG183", f"The target {name!r}, split at {separator!r}, has {len(labels):,} different labels: "
                                         f"between 2 and {MOST_CLASSES} can be learnt.")  # fmt: skip
            note = f"{name!r} is a set of {len(labels)} labels ({shown(sorted(labels))}): multi-label classification"
            return cls(name, "labels", "labels", sorted(labels), separator), note
        form = column.form
        written: dict[str, Any] = {"decimal": form.decimal, "unit": form.unit} if isinstance(form, NumberFormat) else {}
        if isinstance(form, DateFormat):
            written = {"day_first": form.day_first}
        target = cls(name, "regression", column.kind, **written)
        answers = target.spell(column)
        counts = Counter(answer for answer in answers if answer)
        if not counts:
            raise DataError("MG183", f"The target {name!r} has no value that can be learnt: its numbers are too large.")
        if len(counts) == 1:
            raise DataError(
                "MG183", f"The target {name!r} is {next(iter(counts))!r} in every row: there is nothing to learn."
            )
        whole = column.kind == "number" and bool(np.all(column.values == np.round(column.values)))
        few = len(counts) <= _MOST_NUMBER_CLASSES and len(counts) <= len(column) / 5
        numeric = column.kind == "date" or (column.kind == "number" and not (whole and few))
        if column.kind not in ("number", "date", "boolean") and task == "regression":
            raise DataError("MG183", f"The target {name!r} is not a number ({shown(column.levels, 3)}): no regression. "
                                     "Leave out --task regression.")  # fmt: skip
        if task == "regression" or (numeric and task is None):
            hint = "" if len(counts) > MOST_CLASSES or task else " (for classes: --task classification)"
            return target, f"{name!r} has {len(counts):,} different numbers: regression{hint}"
        if len(counts) > MOST_CLASSES or (column.kind in ("name", "text") and len(counts) > len(column) / 2):
            raise DataError("MG183", f"The target {name!r} has {len(counts):,} different texts in "
                                     f"{len(column):,} rows: too many to be classes.")  # fmt: skip
        ordered = column.kind in ("number", "date")
        target.task = "classification"
        target.classes = sorted(counts, key=lambda text: (float(text), text) if ordered else (0.0, text))
        if column.kind == "boolean":  # as the file spells them most often
            spellings = Counter(text for text in column.texts if text)
            target.classes = [
                max((s for s in spellings if s.lower() == c), key=spellings.__getitem__) for c in target.classes
            ]
        kind = "whole numbers" if column.kind == "number" else "values"
        hint = " (for a number: --task regression)" if column.kind == "number" and task is None else ""
        return target, f"{name!r} has {len(counts)} different {kind} ({shown(target.classes)}): classification{hint}"

    def spell(self, column: Column) -> list[str]:
        """The answers of a column, with one spelling each: 1 for 1.0, yes for YES; "" where there is none."""
        if column.kind in ("number", "date"):
            return ["" if np.isnan(value) else f"{value:.15g}" for value in column.values]
        texts = [text or "" for text in column.texts]
        return [text.lower() for text in texts] if column.kind == "boolean" else texts

    @property
    def width(self) -> int:
        """How many outputs a network has for it."""
        return len(self.classes) or 1

    @property
    def truths(self) -> int:
        """How many columns `encode` gives."""
        return len(self.classes) if self.task == "labels" else 1

    def fit(self, cells: Cells) -> None:
        """Learn from the training rows what standardises a regression. Raises `DataError` (MG183) if it hardly varies."""
        if self.task != "regression":
            return
        values = self.read(cells).values
        with np.errstate(over="ignore", invalid="ignore"):
            self.mean, self.deviation = float(values.mean()), float(values.std())
        if not np.isfinite(self.deviation) or self.deviation <= 1e-14 * abs(self.mean):
            raise DataError("MG183", f"The target {self.name!r} hardly varies: nothing to learn.")
        self.timed = self.kind == "date" and bool(np.any(values != np.round(values)))
        low, high = float(values.min()), float(values.max())
        self.lowest, self.highest = low - 0.25 * (high - low), high + 0.25 * (high - low)

    def outliers(self, cells: Cells) -> str:
        """A sentence on the answers further beyond the quartiles than ten times the distance between these, if there are some."""
        if self.task != "regression":
            return ""
        column = self.read(cells)
        low, high = np.quantile(column.values, [0.25, 0.75])
        beyond = np.maximum(low - column.values, column.values - high)
        far = np.flatnonzero(beyond > _FAR_OUT * (high - low))
        if high == low or not len(far):
            return ""
        worst = column.values[far[beyond[far].argmax()]]
        count = "an outlier" if len(far) == 1 else f"{len(far):,} outliers"
        return (f"{self.name!r} has {count}: half of the rows lie between {low:g} and {high:g}, one is {worst:g}. What is learnt "
                "depends on such rows most: correct them, or leave them out, if they are mistakes")  # fmt: skip

    def read(self, cells: Cells) -> Column:
        """Cells, as this target understands them."""
        form = DateFormat(self.day_first) if self.kind == "date" else NumberFormat(self.decimal, self.unit)
        return read_column(self.name, self.kind, form, cells)

    def encode(self, cells: Cells) -> NDArray[np.float32]:
        """The truth, (rows, truths): class numbers, standardised numbers, or zeros and ones for labels; NaN where there is none,
        or none that is known.
        """
        column = self.read(cells)
        if self.task == "labels":
            found = [set(_labels(text, self.separator)) for text in column.texts]
            return np.array([[label in labels for label in self.classes] for labels in found], np.float32)
        if self.task == "regression":
            with np.errstate(over="ignore"):
                return ((column.values - self.mean) / self.deviation).astype(np.float32)[:, None]
        place = {c.lower() if self.kind == "boolean" else c: index for index, c in enumerate(self.classes)}
        return np.array([[place.get(text, np.nan)] for text in self.spell(column)], np.float32).reshape(-1, 1)

    def decode(self, probabilities: NDArray[Any]) -> list[Any]:
        """What `probabilities`, (rows, width), say: classes, numbers in the column's own unit, or labels joined."""
        if self.task == "classification":
            return [self.classes[k] for k in probabilities.argmax(axis=1)]
        if self.task == "labels":
            return [
                self.separator.join(c for c, p in zip(self.classes, row, strict=True) if p > 0.5)
                for row in probabilities
            ]
        found = self.original(probabilities[:, 0])
        if self.kind == "date":
            unit = "s" if self.timed else "D"
            seconds = np.round(found * 86400 if self.timed else found).astype(np.int64)
            return np.datetime_as_string(seconds.astype(f"datetime64[{unit}]")).tolist()
        return found.tolist()

    def bounded(self, probabilities: NDArray[Any]) -> str:
        """A sentence on the numbers that are held at a bound of `original`, or ""."""
        if self.task != "regression":
            return ""
        said = probabilities[:, 0].astype(np.float64) * self.deviation + self.mean
        held = int(((said < self.lowest) | (said > self.highest)).sum())
        if not held:
            return ""
        return (f"{self.name!r}: {held:,} predictions are held within {self.lowest:g} and {self.highest:g}, a quarter of the "
                "training rows' range beyond it: the model has seen nothing like these rows")  # fmt: skip

    def original(self, standardised: NDArray[Any]) -> NDArray[np.float64]:
        """A regression's numbers in the column's own unit, no further out of the training rows' range than a quarter of it."""
        return np.clip(standardised.astype(np.float64) * self.deviation + self.mean, self.lowest, self.highest)

    def details(self) -> dict[str, Any]:
        """As JSON, without what has its default value."""
        plain = asdict(Target("", "", ""))
        return {
            key: value for key, value in asdict(self).items() if value != plain[key] or key in ("name", "task", "kind")
        }

    @classmethod
    def from_details(cls, details: Mapping[str, Any]) -> Self:
        """What `details` made."""
        return cls(**details)


def find_target(name: str, cells: Cells, task: str | None, separator: str | None, decimal: str) -> tuple[Target, str]:
    """The target that the cells of a column are, as `Target.find` has it."""
    column = understand(name, cells, decimal) if separator is None else read_column(name, "category", None, cells)
    if task == "classification" and column.kind == "text":
        column = read_column(name, "category", None, cells)
    return Target.find(column, task, separator)


def parts(targets: Sequence[Target]) -> list[tuple[Target, slice]]:
    """Each target and its places among the outputs."""
    ends = np.cumsum([0, *(target.width for target in targets)])
    return [(target, slice(int(a), int(b))) for target, (a, b) in zip(targets, pairwise(ends), strict=True)]


def answered(cells: Cells, separator: str | None = None) -> NDArray[np.int64]:
    """The rows that have an answer: all of them if it is a set of labels, joined by a separator, as sets may be empty."""
    if separator:
        return np.arange(len(cells))
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "f":
        return np.flatnonzero(np.isfinite(cells))
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iu":
        return np.arange(len(cells))
    return np.array([row for row, cell in enumerate(cells) if cell.lower() not in MISSING_TEXTS], np.int64)


def holds(cells: Cells, separator: str | None) -> bool:
    """Whether any cell holds the separator, if there is one."""
    return bool(separator) and not isinstance(cells, np.ndarray) and any(str(separator) in cell for cell in cells)


def _labels(text: str | None, separator: str) -> Sequence[str]:
    return [label for part in (text or "").split(separator) if (label := part.strip())]
