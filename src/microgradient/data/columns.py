"""What a column of a table is: numbers, yes/no, dates, categories, free text, or names that teach nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .dates import DateFormat, days, find_date_format, joined_dates
from .numbers import ENOUGH, NumberFormat, find_number_format

MISSING_TEXTS = {"", "?", "na", "n/a", "#n/a", "nan", "null", "missing", "nat", "<na>"}
MISSING = MISSING_TEXTS | {"-", "--", "none", "nil"}
"""What stands for a missing number or date; the last four may well be categories."""

Numbers = NDArray[np.float64]
Cells = Sequence[str] | NDArray[Any]
"""A column as it comes: its cells as text, or numbers with NaN where there is none."""

_BOOLEANS = [("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on")]
_TRUE = {true for _, true in _BOOLEANS}
_FEW_LEVELS, _WORDS_OF_A_TEXT = 50, 3
_MARKS, _MANY_NUMBERS, _LARGEST = 3, 10, 1e37
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass
class Column:
    """A column understood. `kind` is `number`, `boolean`, `date`, `category`, `text` or `name`; `values` holds the numbers
    of the first three (dates as days since 1970), with NaN where missing; `texts` the cells, with None where missing.
    """

    name: str
    kind: str
    texts: list[str | None]
    values: Numbers
    form: NumberFormat | DateFormat | None = None
    note: str = ""
    bad: list[tuple[int, str]] = field(default_factory=list)  # cells of the wrong kind, taken as missing

    def __len__(self) -> int:
        return max(len(self.texts), len(self.values))

    @property
    def is_numeric(self) -> bool:
        return self.kind in ("number", "boolean", "date")

    @property
    def missing(self) -> int:
        """How many cells hold nothing, or nothing of the column's kind."""
        return int(np.isnan(self.values).sum()) if self.is_numeric else sum(text is None for text in self.texts)

    @property
    def levels(self) -> list[str]:
        """The different texts, sorted."""
        return sorted({text for text in self.texts if text is not None})

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The column of these rows alone."""
        texts = [self.texts[row] for row in rows] if self.texts else []
        return replace(self, texts=texts, values=self.values[rows] if len(self.values) else self.values)

    def read(self, cells: Cells) -> Column:
        """Other cells, read as this column was: the same kind, the same way to write numbers and dates."""
        return read_column(self.name, self.kind, self.form, cells)


def understand(name: str, cells: Cells, decimal: str = ".") -> Column:
    """Find out what a column is. One where at least 98 % of the cells are numbers, or dates, is one of numbers, or dates; the
    others are taken as missing and listed in `bad`. So are up to three different words, such as "unknown" or ".", beside more
    than ten different numbers that are at least half of the cells. Numbers of eight digits that are all days are dates.

    >>> understand("age", ["31", "", "4e1"]).values
    array([31., nan, 40.])
    >>> understand("ok", ["yes", "no", "yes"]).kind, understand("city", ["Ulm", "Bonn", "Ulm", "Ulm"]).levels
    ('boolean', ['Bonn', 'Ulm'])
    """
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiu":
        known = np.unique(cells[np.isfinite(cells)])
        joined = len(known) > 1 and joined_dates(f"{value:.15g}" for value in known)
        return read_column(name, "date", DateFormat(), cells) if joined else read_column(name, "number", None, cells)
    found = Counter(cell for cell in cells if cell.lower() not in MISSING)
    if not found:
        return Column(name, "name", [None] * len(cells), np.empty(0), note="it is empty")
    if len(found) > 1 and joined_dates(found):
        return replace(read_column(name, "date", DateFormat(), cells), note="eight digits: dates as year, month, day")
    if (numbers := find_number_format(_without_marks(found), decimal)) is not None:
        return replace(read_column(name, "number", numbers, cells), note=numbers.note)
    if {cell.lower() for cell in cells if cell.lower() not in MISSING_TEXTS} in map(set, _BOOLEANS):
        return read_column(name, "boolean", None, cells)
    dates, note = find_date_format(found)
    if sum(count for cell, count in found.items() if dates.parse(cell)) >= ENOUGH * found.total():
        return replace(read_column(name, "date", dates, cells), note=note)
    column = read_column(name, "category", None, cells)
    words = sum(count * len(cell.split()) for cell, count in found.items()) / found.total()
    few = len(found) <= max(2, 0.5 * found.total())
    if few and (len(found) <= _FEW_LEVELS or words < _WORDS_OF_A_TEXT):
        return column
    if words >= _WORDS_OF_A_TEXT and found.total() >= _FEW_LEVELS:
        return replace(column, kind="text")
    why = f"{len(found):,} different texts in {found.total():,} rows are names, not categories"
    words_only = [cell for cell in found if find_number_format({cell: 1}, decimal) is None]
    if len(words_only) < len(found) / 2:
        why = f"most of its cells are numbers, but {shown([repr(cell) for cell in words_only], 4)} are not: leave those empty"
    return replace(column, kind="name", note=why)


def read_column(name: str, kind: str, form: NumberFormat | DateFormat | None, cells: Cells) -> Column:
    """Cells read as a column of a known kind."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiu":
        if kind in ("number", "boolean"):
            values = cells.astype(np.float64)
            usable = np.abs(values) < _LARGEST
            bad = [(int(row), f"{values[row]:g}") for row in np.flatnonzero(~usable & ~np.isnan(values))]
            return Column(name, kind, [], np.where(usable, values, np.nan), form, bad=bad)
        cells = ["" if np.isnan(value) else f"{value:.15g}" for value in cells]
    numeric = kind in ("number", "boolean", "date")
    missing = MISSING if numeric else MISSING_TEXTS
    texts: list[str | None] = [None if cell.lower() in missing else cell for cell in cells]
    if not numeric:
        return Column(name, kind, texts, np.empty(0), form)
    number = {text: _number(kind, form, text) for text in set(texts) if text is not None}
    bad = [(row, text) for row, text in enumerate(texts) if text is not None and number[text] is None]
    values = np.array([np.nan if text is None or number[text] is None else number[text] for text in texts], np.float64)
    return Column(name, kind, texts, values, form, bad=bad)


def _number(kind: str, form: NumberFormat | DateFormat | None, text: str) -> float | None:
    if kind == "boolean":
        return float(text.lower() in _TRUE) if any(text.lower() in pair for pair in _BOOLEANS) else None
    if isinstance(form, DateFormat):
        moment = form.parse(text)
        return None if moment is None else days(moment)
    value = (form or NumberFormat()).parse(text)
    return value if value is not None and abs(value) < _LARGEST else None


def _without_marks(found: Counter[str]) -> Counter[str]:
    """The texts but for those that stand for missing numbers."""
    words = [cell for cell in found if not re.search("[0-9]", cell)]
    count = sum(found[word] for word in words)
    if len(words) <= _MARKS and len(found) - len(words) > _MANY_NUMBERS and 2 * count <= found.total():
        return Counter({cell: times for cell, times in found.items() if cell not in words})
    return found


def shown(names: Sequence[str], most: int = 8) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def date_parts(column: Column) -> Mapping[str, Column]:
    """What a date can teach: the days since 1970, and as far as they differ the hour, the weekday and the month; beyond a year
    also the day of the year.
    """
    values = column.values
    known = ~np.isnan(values)
    whole = np.floor(np.where(known, values, 0))
    day = whole.astype("datetime64[D]")
    month = day.astype("datetime64[M]").astype(np.int64) % 12 + 1
    of_year = np.where(known, (day - day.astype("datetime64[Y]")).astype(np.float64) + 1, np.nan)
    hour = np.where(known, np.round(24 * (values - whole), 6), np.nan)
    # 1970-01-01 was a Thursday
    weekday = [_WEEKDAYS[int(day + 3) % 7] if here else None for day, here in zip(whole, known, strict=True)]
    months = [f"{m:02}" if here else None for m, here in zip(month, known, strict=True)]
    parts = {
        "days": Column(f"{column.name} (days)", "number", [], values),
        "hour": Column(f"{column.name} (hour)", "number", [], hour),
        "hour of the day": Column(f"{column.name} (hour of the day)", "category",
                                  [f"{int(h):02}" if h == h else None for h in hour], np.empty(0)),
        "weekday": Column(f"{column.name} (weekday)", "category", weekday, np.empty(0)),
        "month": Column(f"{column.name} (month)", "category", months, np.empty(0)),
        "day of the year": Column(f"{column.name} (day of the year)", "number", [], of_year),
    }  # fmt: skip
    return parts


_COUNTERS = {"index", "idx", "row", "no", "nr", "rownum", "rownames", "row_names", "unnamed: 0", "obs", "serial"}
_TIMES = {"time", "t", "year", "month", "day", "week", "hour", "quarter", "period", "date", "age", "step"}


def names_things(column: Column) -> bool:
    """Whether the whole numbers of a column are names: it is called `id`, `PassengerId`, `shop_id`."""
    values = column.values
    whole = column.kind == "number" and bool(np.all(np.isnan(values) | (values == np.round(values))))
    return whole and _is_id(column.name)


def _is_id(name: str) -> bool:
    return name.lower().strip() == "id" or re.search(r"([_ .-]id|[a-z]I[dD]|_no|_nr)$", name.strip()) is not None


def row_counter(column: Column, position: int) -> str:
    """Why a column of whole numbers only counts the rows, or "": all differ, and it is named like a counter or an id, or
    grows by one from 0 or 1, or is the first and grows, with gaps, from 0 or 1 to at most twice the number of rows.
    Names of times (`year`, `week`) are believed.
    """
    values = column.values
    if column.kind != "number" or len(values) < 3 or np.isnan(values).any() or not np.all(values == np.round(values)):
        return ""
    with np.errstate(over="ignore"):
        steps = np.diff(values)
    lower = column.name.lower()
    if lower in _TIMES or len(np.unique(values)) < len(values):
        return ""
    if (
        lower.strip() in _COUNTERS
        or _is_id(column.name)
        or (re.fullmatch(r"column_[0-9]+", lower) and np.all(steps == 1))
    ):
        return "it only counts the rows" if np.all(steps > 0) else "an id: a different number in every row"
    begins = values[0] in (0, 1)
    if begins and np.all(steps == 1):
        return "it only counts the rows"
    if begins and position == 0 and np.all(steps > 0) and values[-1] <= 2 * len(values):
        return "it only counts the rows, with gaps"
    return ""
