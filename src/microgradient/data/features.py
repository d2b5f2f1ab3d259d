"""How the columns of a table become features: learnt from the training rows, kept as JSON, applied to any rows."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Cells, Column, Numbers, date_parts, names_things, read_column, row_counter, shown, understand
from .dates import DateFormat
from .numbers import NumberFormat

MOST_LEVELS = 45
"""How many levels of a category have a feature each; the rarer ones share one, `other`."""

TEXT_FEATURES = 128
_MOST_KNOTS, _MOST_BENDS = 129, 256
_LONG_TAIL, _FARTHEST = 5.0, 1e6


@dataclass
class Encoding:
    """How a column, or the part of a date, becomes features.

    A number: standardised, (x - mean) / deviation; with a long tail (something beyond 5 deviations) also z / √(1 + (z/3)²)
    of z = (x - median) / spread, which puts outliers within ±3; and, if the training rows lack some, whether it is missing
    (then the median stands for it). `knots` are quantiles, between which a network may bend. A category: one-hot. A text:
    the words and the trigrams of their letters, hashed.
    """

    source: str
    kind: str
    part: str = ""
    day_first: bool = False
    decimal: str = "."
    unit: str = ""
    median: float = 0.0
    spread: float = 1.0
    mean: float = 0.0
    deviation: float = 1.0
    long_tail: bool = False
    missing: bool = False
    knots: list[float] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    other: bool = False

    @property
    def name(self) -> str:
        return f"{self.source} ({self.part})" if self.part else self.source

    @property
    def form(self) -> NumberFormat | DateFormat | None:
        if self.kind == "date" or self.part:
            return DateFormat(self.day_first)
        return NumberFormat(self.decimal, self.unit)

    @property
    def width(self) -> int:
        """How many features it gives."""
        if self.kind == "text":
            return TEXT_FEATURES
        if self.kind == "category":
            return len(self.levels) + self.other + self.missing
        return 1 + self.long_tail + self.missing

    def read(self, cells: Cells) -> Column:
        """The cells of the source column, as this encoding understands them."""
        return read_column(self.source, "date" if self.part else self.kind, self.form, cells)

    def apply(self, column: Column) -> Numbers:
        """The features of all rows, shape (rows, width). A category that no training row had is `other`, or zeros."""
        column = date_parts(column)[self.part] if self.part else column
        if self.kind == "text":
            return hashed_words(column.texts)
        if self.kind == "category":
            return self._one_hot(column.texts)
        gone = np.isnan(column.values)
        filled = np.where(gone, self.median, column.values)
        features = [np.clip((filled - self.mean) / self.deviation, -_FARTHEST, _FARTHEST)]
        if self.long_tail:
            z = (filled - self.median) / self.spread
            features.append(z / np.sqrt(1 + (z / 3) ** 2))
        if self.missing:
            features.append(gone.astype(np.float64))
        return np.stack(features, axis=1)

    def unseen(self, column: Column) -> list[str]:
        """The categories that no training row had."""
        if self.kind != "category" or self.part:
            return []
        return sorted({text for text in column.texts if text is not None} - set(self.levels))

    def _one_hot(self, texts: Sequence[str | None]) -> Numbers:
        features = np.zeros((len(texts), self.width + 1))  # a last column takes what has no feature
        place: dict[str | None, int] = {level: index for index, level in enumerate(self.levels)}
        rest = len(self.levels) if self.other else self.width
        place[None] = len(self.levels) + self.other if self.missing else self.width
        features[np.arange(len(texts)), [place.get(text, rest) for text in texts]] = 1.0
        return features[:, :-1]


def learn_encodings(column: Column, training: NDArray[np.int64]) -> tuple[list[Encoding], str]:
    """The encodings of a column, from its training rows; or none, and why there is nothing to learn from it."""
    if column.kind == "name":
        return [], column.note
    if column.kind == "date":
        assert isinstance(column.form, DateFormat)
        kinds = dict(date_parts(column))
        seen = column.values[training][~np.isnan(column.values[training])]
        if not len(seen) or np.ptp(seen) < 366:  # within a year the day tells the same as the days since 1970
            del kinds["day of the year"]
        found = [learn_encodings(part, training)[0] for part in kinds.values()]
        parts = [encoding for encodings in found for encoding in encodings]
        for encoding in parts:
            encoding.source, encoding.part = column.name, encoding.source[len(column.name) + 2 : -1]
            encoding.day_first = column.form.day_first
        return parts, "" if parts else "it has one value only"
    if column.kind == "text":
        return [Encoding(column.name, "text")], ""
    if column.kind == "category":
        counts = Counter(column.texts[row] for row in training)
        missing = bool(counts.pop(None, 0))
        if len(counts) + missing < 2:
            return [], "it has one value only"
        kept = sorted(level for level, _ in counts.most_common(MOST_LEVELS) if level is not None)
        return [Encoding(column.name, "category", levels=kept, missing=missing, other=len(counts) > len(kept))], ""
    return _learn_number(column, column.values[training])


def _learn_number(column: Column, values: Numbers) -> tuple[list[Encoding], str]:
    known = values[~np.isnan(values)]
    if not len(known):
        return [], f"it has no number{' that is not too large' if column.bad else ''} in the training rows"
    with np.errstate(over="ignore", invalid="ignore"):
        median = float(np.median(known))
        filled = np.where(np.isnan(values), median, values)
        mean, deviation = float(filled.mean()), float(filled.std())
    if not np.isfinite([median, mean, deviation]).all():
        return [], f"its numbers are too large to reckon with (up to {np.abs(known).max():.3g})"
    if deviation <= max(1e-150, 1e-12 * float(np.abs(known).max())):  # squares of smaller deviations are denormal
        few = len(np.unique(known)) == 1
        return [], "it has one value only" if few else "its values differ too little to tell apart"
    low, high = np.quantile(known, [0.25, 0.75])
    spread = float(high - low) / 1.349 or deviation
    form = column.form if isinstance(column.form, NumberFormat) else NumberFormat()
    encoding = Encoding(
        column.name, column.kind, median=median, mean=mean, deviation=deviation, missing=len(known) < len(values),
        spread=spread, decimal=form.decimal, unit=form.unit,
        long_tail=bool(np.max(np.abs(known - mean)) > _LONG_TAIL * deviation),
    )  # fmt: skip
    if column.kind == "number":
        count = min(_MOST_KNOTS, max(2, len(known) // 4))
        knots = np.unique(np.quantile(known, np.linspace(0, 1, count)))
        encoding.knots = [float(f"{knot:.6g}") for knot in knots]
        encoding.knots = sorted(set(encoding.knots)) if len(knots) > 2 else []
    return [encoding], ""


def hashed_words(texts: Sequence[str | None]) -> Numbers:
    """Texts as counts of words, and of trigrams of letters within them, each counted in the place that its CRC-32 says; the
    square roots, scaled to length 4 (Weinberger et al. 2009).

    >>> hashed_words(["to be or not to be", None]).sum(axis=1) > 0
    array([ True, False])
    """
    features = np.zeros((len(texts), TEXT_FEATURES))
    cache: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", (text or "").lower()):
            if word not in cache:
                marked = f"<{word}>"
                pieces = [marked, *(marked[k : k + 3] for k in range(len(marked) - 2))]
                cache[word] = [zlib.crc32(piece.encode()) % TEXT_FEATURES for piece in pieces]
            np.add.at(features[row], cache[word], 1.0)
    features = np.sqrt(features)
    return 4 * features / np.maximum(1e-9, np.linalg.norm(features, axis=1, keepdims=True))


@dataclass
class Schema:
    """The features of a table: its columns' encodings.

    >>> schema, _ = Schema.learn({"a": ["1", "2", "4"], "b": ["x", "y", "x"]}, np.arange(3))
    >>> schema.width, schema.encode({"b": ["y"], "a": ["3"], "more": [""]})[0].shape
    (2, (1, 2))
    """

    encodings: list[Encoding]

    @classmethod
    def learn(
        cls, cells: Mapping[str, Cells], training: NDArray[np.int64], decimal: str = "."
    ) -> tuple[Schema, list[str]]:
        """The encodings of all columns, by these rows; and what a reader should know about them."""
        encodings: list[Encoding] = []
        notes: list[str] = []
        for position, (name, column_cells) in enumerate(cells.items()):
            column = understand(name, column_cells, decimal)
            why = row_counter(column, position) if len(cells) > 1 else ""
            if not why and names_things(column):
                column = read_column(name, "category", None, column_cells)
            learnt, problem = ([], why) if why else learn_encodings(column, training)
            if not learnt:
                notes.append(f"{name!r} left out: {why or problem}")
            encodings += learnt
            notes += _notes(column, learnt) if learnt else []
        return cls(encodings), notes

    @classmethod
    def from_details(cls, details: Sequence[Mapping[str, Any]]) -> Schema:
        """What `details` made."""
        return cls([Encoding(**encoding) for encoding in details])

    def details(self) -> list[dict[str, Any]]:
        """As JSON, without what has its default value."""
        plain = asdict(Encoding("", ""))
        return [
            {key: value for key, value in asdict(e).items() if value != plain[key] or key in ("source", "kind")}
            for e in self.encodings
        ]

    @property
    def width(self) -> int:
        return sum(encoding.width for encoding in self.encodings)

    @property
    def columns(self) -> list[str]:
        """The columns that the features are made of."""
        return list(dict.fromkeys(encoding.source for encoding in self.encodings))

    def knots(self) -> list[tuple[int, list[float]]]:
        """For every number that may bend, its place among the features and its knots, standardised as it is. All of them together
        bend in at most 256 places; where that leaves fewer than two to each, as of more than 128 numbers, none bends.
        """
        most = _MOST_BENDS // max(1, sum(bool(e.knots) for e in self.encodings))
        if most < 2:
            return []
        found, place = [], 0
        for e in self.encodings:
            if e.knots:
                chosen = np.unique(np.linspace(0, len(e.knots) - 1, min(most + 1, len(e.knots))).round().astype(int))
                found.append((place, [(e.knots[k] - e.mean) / e.deviation for k in chosen]))
            place += e.width
        return found

    def encode(self, cells: Mapping[str, Cells]) -> tuple[NDArray[np.float32], list[str]]:
        """The features of rows, (rows, width), and what was odd about them: cells that are no numbers, new categories."""
        read: dict[str, Column] = {}
        blocks, notes = [], []
        for encoding in self.encodings:
            column = read.get(encoding.source)
            if column is None:
                column = read[encoding.source] = encoding.read(cells[encoding.source])
                notes += _bad_cells(column)
                notes += (
                    [] if encoding.missing else _missing_cells(column, encoding)
                )  # odd where no training row lacks it
            if new := encoding.unseen(column):
                where = "all zeros" if not encoding.other else "taken as other"
                notes.append(f"{encoding.source!r}: {shown(new)} not among the training rows, {where}")
            blocks.append(encoding.apply(column))
        if not blocks:
            return np.zeros((len(next(iter(cells.values()))), 0), np.float32), notes
        return np.ascontiguousarray(np.concatenate(blocks, axis=1), np.float32), notes


def _notes(column: Column, encodings: list[Encoding]) -> list[str]:
    name, first = column.name, encodings[0]
    notes = [f"{name!r}: {column.note}"] if column.note else []
    notes += _bad_cells(column)
    if column.kind == "date":
        notes.append(f"{name!r}: dates, as {shown([e.part for e in encodings])}")
    if column.kind == "text":
        notes.append(f"{name!r}: free text, as {TEXT_FEATURES} hashed words and trigrams of letters")
    if first.other:
        notes.append(f"{name!r}: {len(column.levels):,} categories, of which the {len(first.levels)} most frequent are "
                     "told apart; the rest are other")  # fmt: skip
    notes += _missing_cells(column, first)
    if first.long_tail:
        notes.append(
            f"{name!r}: a long tail (beyond {_LONG_TAIL:g} standard deviations), so also in a form that tames outliers"
        )
    return notes


def _missing_cells(column: Column, encoding: Encoding) -> list[str]:
    if not column.missing or column.kind in ("date", "text"):
        return []
    done = f"filled with the median {encoding.median:g}"
    if column.kind == "category":
        done = "a category of their own" if encoding.missing else "all zeros: no training row lacks it"
    return [f"{column.name!r}: {column.missing:,} missing, {done}"]


def _bad_cells(column: Column) -> list[str]:
    if not column.bad:
        return []
    what = {"number": "finite number (up to 1e37)", "date": "date", "boolean": "yes or no"}[column.kind]
    said = ", ".join(f"{text!r} in row {row + 1}" for row, text in column.bad[:3])
    more = f" and {len(column.bad) - 3:,} more" if len(column.bad) > 3 else ""
    return [f"{column.name!r}: {said}{more} is no {what}: taken as missing"]
