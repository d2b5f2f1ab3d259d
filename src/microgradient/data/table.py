"""A CSV file made ready to learn from: features, target, training and held-out rows, and what was done to them."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .columns import MISSING, Column, is_row_number, learn_encoding, understand
from .csv_file import CsvFile, read_csv
from .split import split

MOST_CLASSES = 100
_FEWEST_ROWS = 10
_HELD_OUT = 0.2
_MOST_NUMBER_CLASSES = 10


@dataclass
class Table:
    """A table of numbers. `x` is (rows, features) float32, standardised; `y` is (rows,) int64 classes for a
    classification, or (rows,) float32, standardised by `target_mean` and `target_deviation`, for a regression.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "t.csv")
    ...     _ = path.write_text("size,kind\\n" + "1.5,small\\n2.5,large\\n" * 30)
    ...     table = read_table(path, None, seed=0)
    >>> table.is_classification, table.classes, table.x.shape
    (True, ['large', 'small'], (60, 1))
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    target: str
    classes: list[str]
    target_mean: float
    target_deviation: float
    notes: list[str]
    encodings: list[dict[str, Any]]

    @property
    def is_classification(self) -> bool:
        return bool(self.classes)


def read_table(path: Path, target: str | None, seed: int) -> Table:
    """Read a CSV file and make it ready; `target` is the column to predict, by default the last.

    One fifth of the rows is held out, drawn by `seed` (of each class, in a classification). Whatever is learnt from
    the data (medians, means, categories) is learnt from the other rows. Raises `DataError` (MG180 to MG183).

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "t.csv")
    ...     _ = path.write_text("colour,size,price\\n" + "red,1.5,10\\nblue,2.5,12\\n" * 30)
    ...     table = read_table(path, target="price", seed=0)
    >>> table.x.shape, table.target, len(table.held_out)
    ((60, 3), 'price', 12)
    """
    file = read_csv(path)
    name = _find_target(file, target, path)
    cells = file.columns.pop(name)
    notes = [f"{path.name}: {note}" for note in file.notes]
    if target is None:
        notes.append(f"predicting the last column, {name!r} (choose another with --target)")
    kept = [row for row, cell in enumerate(cells) if cell.lower() not in MISSING]
    if len(kept) < len(cells):
        notes.append(f"{len(cells) - len(kept):,} of {len(cells):,} rows left out: {name!r} is missing there")
    if len(kept) < _FEWEST_ROWS:
        raise DataError("MG183", f"{path}: {len(kept)} rows with a value of {name!r} are too few to learn from "
                                 f"and to hold some out; at least {_FEWEST_ROWS} are needed.")  # fmt: skip
    answer = understand(name, [cells[row] for row in kept], file.delimiter)
    y, classes, mean, deviation, note = _encode_target(answer, path)
    notes.append(note)
    training, held_out = split(len(y), _HELD_OUT, seed, y if classes else None)
    if not len(held_out):
        raise DataError("MG183", f"{path}: every value of {name!r} occurs once: there is no class to learn.")
    if not classes:
        with np.errstate(over="ignore", invalid="ignore"):
            mean, deviation = float(y[training].mean()), float(y[training].std())
        if deviation == 0 or not np.isfinite(deviation):
            raise DataError("MG183", f"{path}: the target {name!r} hardly varies or is too large: nothing to learn.")
        y = ((y - mean) / deviation).astype(np.float32)
    columns = [
        understand(other, [column[row] for row in kept], file.delimiter) for other, column in file.columns.items()
    ]
    x, encodings = _encode_features(columns, training, notes, path)
    return Table(x, y, training, held_out, name, classes, mean, deviation, notes, encodings)


def _find_target(file: CsvFile, target: str | None, path: Path) -> str:
    names = list(file.columns)
    if len(names) < 2:
        raise DataError("MG181", f"{path} has one column, {names[0]!r}: a target and at least one column to predict "
                                 "it from are needed (separated by commas, semicolons, tabs or bars).")  # fmt: skip
    if target is None:
        return names[-1]
    if target in file.duplicates:
        raise DataError("MG182", f"{path} has more than one column {target!r}: rename one of them.")
    if target not in names:
        close = difflib.get_close_matches(target, names, 1, 0.6) or [n for n in names if n.lower() == target.lower()]
        hint = f"did you mean {close[0]!r}?" if close else f"it has {_shown(names)}."
        raise DataError("MG182", f"{path} has no column {target!r}: {hint}")
    return target


def _encode_target(column: Column, path: Path) -> tuple[NDArray[Any], list[str], float, float, str]:
    """Numbers, class names, mean, deviation and a sentence on what is predicted."""
    name = column.name
    answers = _canonical(column)
    counts = Counter(answers)
    whole = column.kind == "number" and bool(np.all(column.values == np.round(column.values)))
    few = len(counts) <= _MOST_NUMBER_CLASSES and len(counts) <= len(column.texts) / 5
    if len(counts) == 1:
        raise DataError("MG183", f"{path}: the target {name!r} is {next(iter(counts))!r} in every row: "
                                 "there is nothing to learn.")  # fmt: skip
    if column.kind == "date" or (column.kind == "number" and not (whole and few)):
        if not np.isfinite(column.values).all():
            raise DataError("MG183", f"{path}: the target {name!r} has values too large for a float.")
        return column.values, [], 0.0, 1.0, f"{name!r} has {len(counts):,} different numbers: regression"
    if column.kind == "text" or len(counts) > MOST_CLASSES:
        raise DataError("MG183", f"{path}: the target {name!r} has {len(counts):,} different texts in "
                                 f"{len(column.texts):,} rows: too many to be classes.")  # fmt: skip
    classes = sorted(counts, key=lambda text: (float(text), text) if column.kind == "number" else (0.0, text))
    place = {text: index for index, text in enumerate(classes)}
    y = np.array([place[text] for text in answers], np.int64)
    kind = "whole numbers" if column.kind == "number" else "values"
    return y, classes, 0.0, 1.0, f"{name!r} has {len(classes)} different {kind} ({_shown(classes)}): classification"


def _canonical(column: Column) -> list[str]:
    """The answers, with one spelling each: 1 for 1.0, yes for YES."""
    if column.kind == "number":
        return [f"{value:.15g}" for value in column.values]
    return [(text or "").lower() if column.kind == "boolean" else text or "" for text in column.texts]


def _encode_features(
    columns: list[Column], training: NDArray[np.int64], notes: list[str], path: Path
) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    blocks, encodings = [], []
    for column in columns:
        encoding, why = learn_encoding(column, training)
        if encoding is not None and is_row_number(column):
            encoding, why = None, "it only counts the rows"
        if encoding is None:
            notes.append(f"{column.name!r} dropped: {why}")
            continue
        if column.note:
            notes.append(f"{column.name!r}: {column.note}")
        if column.missing:
            done = (
                "a category of their own" if encoding.missing_level else f"filled with the median {encoding.median:g}"
            )
            if encoding.kind == "category" and not encoding.missing_level:
                done = "all zeros: no training row lacks it"
            notes.append(f"{column.name!r}: {column.missing:,} missing, {done}")
        blocks.append(encoding.apply(column))
        encodings.append(asdict(encoding))
    if not blocks:
        said = "; ".join(note for note in notes if " dropped: " in note)
        raise DataError("MG183", f"{path} leaves no column to learn from: {said}.")
    return np.ascontiguousarray(np.concatenate(blocks, axis=1), np.float32), encodings


def _shown(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
