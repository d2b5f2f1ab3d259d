"""What a column of text is (numbers, yes/no, a date, a category, or nothing to learn from), and its numbers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from .csv_file import NUMBER

MISSING = {"", "?", "-", "--", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing"}
MOST_CATEGORIES = 50
_BOOLEANS = [("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on")]
_TRUE = {true for _, true in _BOOLEANS}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?Z?")
_ROW_NUMBER_NAMES = {"id", "index", "idx", "row", "no", "nr", "number", "rownum", "rowid", "row_id", "unnamed: 0"}

Numbers = NDArray[np.float64]


@dataclass
class Column:
    """A column understood. `kind` is `number`, `boolean`, `date`, `category` or `text`; `values` holds
    the numbers of the first three, with NaN where missing; `texts` the cells, with None where missing.
    """

    name: str
    kind: str
    texts: list[str | None]
    values: Numbers
    levels: list[str]
    note: str = ""

    @property
    def missing(self) -> int:
        return sum(text is None for text in self.texts) if self.kind in ("category", "text") else int(
            np.isnan(self.values).sum()
        )  # fmt: skip


def understand(name: str, cells: list[str], delimiter: str) -> Column:
    """Find out what a column is.

    >>> understand("age", ["31", "", "4e1"], ",").values
    array([31., nan, 40.])
    >>> understand("ok", ["yes", "no", "yes"], ",").kind, understand("city", ["Ulm", "Bonn", "Ulm"], ",").levels
    ('boolean', ['Bonn', 'Ulm'])
    """
    texts = [None if cell.lower() in MISSING else cell for cell in cells]
    found = Counter(text for text in texts if text is not None)
    levels = sorted(found)
    if not levels:
        return Column(name, "text", texts, np.empty(0), levels, "it is empty")
    if all(NUMBER.fullmatch(level) or level.lower() in _INFINITE for level in levels):
        return _numbers(name, texts, levels)
    if delimiter == ";" and all(NUMBER.fullmatch(level.replace(",", ".", 1)) for level in levels):
        return _numbers(name, [text and text.replace(",", ".", 1) for text in texts], levels, "decimal commas")
    if {level.lower() for level in levels} in map(set, _BOOLEANS):
        flags = [np.nan if text is None else float(text.lower() in _TRUE) for text in texts]
        return Column(name, "boolean", texts, np.array(flags), levels)
    if all(_DATE.fullmatch(level) for level in levels) and (dates := _days(texts)) is not None:
        return Column(name, "date", texts, dates, levels, "dates as days since the first")
    if len(levels) <= MOST_CATEGORIES and len(levels) <= max(2, 0.5 * found.total()):
        return Column(name, "category", texts, np.empty(0), levels)
    why = f"{len(levels):,} different texts in {found.total():,} rows are names or free text, not categories"
    return Column(name, "text", texts, np.empty(0), levels, why)


def is_row_number(column: Column) -> bool:
    """Whether a column only counts the rows: named like it, and growing by one."""
    name = column.name.lower()
    counting = name in _ROW_NUMBER_NAMES or re.fullmatch(r"column_[0-9]+", name) is not None
    return counting and column.kind == "number" and len(column.values) > 2 and bool(np.all(np.diff(column.values) == 1))


@dataclass
class Encoding:
    """How one column becomes features: learnt from the training rows alone, applied to all. `run.json` keeps it."""

    name: str
    kind: str
    median: float = 0.0
    mean: float = 0.0
    deviation: float = 1.0
    levels: list[str] = field(default_factory=list)
    missing_level: bool = False

    @property
    def width(self) -> int:
        """How many features it gives."""
        return len(self.levels) + self.missing_level if self.kind == "category" else 1

    def apply(self, column: Column) -> Numbers:
        """The features of all rows, shape (rows, width): standardised numbers, or ones and zeros for a category.
        A category that no training row had gives zeros only.
        """
        if self.kind != "category":
            filled = np.where(np.isnan(column.values), self.median, column.values)
            return ((filled - self.mean) / self.deviation)[:, None]
        features = np.zeros((len(column.texts), self.width))
        place: dict[str | None, int] = {level: index for index, level in enumerate(self.levels)}
        if self.missing_level:
            place[None] = len(self.levels)
        for row, text in enumerate(column.texts):
            if text in place:
                features[row, place[text]] = 1.0
        return features


def learn_encoding(column: Column, training: NDArray[np.int64]) -> tuple[Encoding | None, str]:
    """The encoding of a column, from its training rows; or None, and why there is nothing to learn from it."""
    if column.kind == "text":
        return None, column.note
    if column.kind == "category":
        present = {column.texts[row] for row in training}
        levels = sorted(level for level in present if level is not None)
        if len(present) < 2:
            return None, "it has one value only"
        return Encoding(column.name, "category", levels=levels, missing_level=None in present), ""
    values = column.values[training]
    known = values[~np.isnan(values)]
    if not len(known):
        return None, "it has no values in the training rows"
    with np.errstate(over="ignore", invalid="ignore"):
        median = float(np.median(known))
        filled = np.where(np.isnan(values), median, values)
        mean, deviation = float(filled.mean()), float(filled.std())
    if not np.isfinite([median, mean, deviation]).all():
        return None, f"its numbers are too large to reckon with (up to {np.abs(known).max():.3g})"
    if deviation <= max(1e-150, 1e-12 * float(np.abs(known).max())):  # squares of smaller deviations are denormal
        few = len(np.unique(known)) == 1
        return None, "it has one value only" if few else "its values differ too little to tell apart"
    return Encoding(column.name, column.kind, median, mean, deviation), ""


_INFINITE = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}


def _numbers(name: str, texts: list[str | None], levels: list[str], note: str = "") -> Column:
    values = np.array([np.nan if text is None else float(text) for text in texts])
    infinite = np.isinf(values)
    if infinite.any():
        note = f"{int(infinite.sum()):,} infinite or too large for a float, taken as missing"
        values[infinite] = np.nan
    return Column(name, "number", [None if np.isnan(v) else t for t, v in zip(texts, values, strict=True)],
                  values, levels, note)  # fmt: skip


def _days(texts: list[str | None]) -> Numbers | None:
    """Days since the earliest, or None if one of them is not in the calendar."""
    try:
        moments = [None if text is None else datetime.fromisoformat(text.removesuffix("Z")) for text in texts]
    except ValueError:
        return None
    first = min(moment for moment in moments if moment is not None)
    return np.array([np.nan if m is None else (m - first).total_seconds() / 86400 for m in moments])
