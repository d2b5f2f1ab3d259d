"""A CSV file made ready to learn from: features, targets, training and held-out rows, and what was done to them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DataError
from .columns import Cells, shown
from .csv_file import CsvFile, Say, read_csv, refuse_twice
from .features import Schema
from .split import split
from .targets import Target, answered, find_target, holds

FEWEST_ROWS = 10
HELD_OUT = 0.2


@dataclass
class Table:
    """A table of numbers. `x` is (rows, features) float32; `y` is (rows, truths) float32, for each target its class numbers,
    its numbers standardised, or zeros and ones for its labels. `cells` are the columns that `x` was made of.

    >>> table = make_table({"size": np.array([1.5, 2.5] * 30), "kind": ["small", "large"] * 30}, ["kind"], np.arange(48))
    >>> table.targets[0].classes, table.x.shape, table.y.shape
    (['large', 'small'], (60, 1), (60, 1))
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    schema: Schema
    targets: list[Target]
    cells: dict[str, Cells]
    notes: list[str]

    @property
    def target(self) -> str:
        """The first target's name."""
        return self.targets[0].name

    @property
    def classes(self) -> list[str]:
        """The first target's classes; none for a regression."""
        return self.targets[0].classes


def read_table(
    path: Path, target: str | None = None, seed: int = 0, *, task: str | None = None, drop: Sequence[str] = (),
    label_separator: str | None = None, encoding: str | None = None, delimiter: str | None = None, say: Say | None = None,
) -> Table:  # fmt: skip
    """Read a CSV file and make it ready; `target` is the column to predict, by default the last, or several with commas between.

    One fifth of the rows is held out, drawn by `seed` (of each class, in a classification). Whatever is learnt from
    the data (medians, means, categories) is learnt from the other rows. Raises `DataError` (MG180 to MG183).

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "t.csv")
    ...     _ = path.write_text("colour,size,price\\n" + "red,1.5,10\\nblue,2.5,12\\n" * 30)
    ...     table = read_table(path, target="price", seed=0)
    >>> table.x.shape, table.target, len(table.held_out)
    ((60, 3), 'price', 12)
    """
    file = read_csv(path, encoding, delimiter, say)
    notes = [f"{path.name}: {note}" for note in file.notes]
    names = _find_targets(file, target, path)
    if target is None:
        notes.append(f"predicting the last column, {names[0]!r} (choose another with --target)")
    for name in drop:
        if find_column(file, name, path) in names:
            raise ArgumentError(
                "MG188", f"{name!r} is to be predicted and to be dropped: leave it out of --drop or of --target."
            )
    cells: dict[str, Cells] = {name: column for name, column in file.columns.items() if name not in drop}
    try:
        table = make_table(cells, names, None, seed, task=task, label_separator=label_separator, decimal=file.decimal)
    except DataError as error:
        raise DataError(error.code, f"{path}: {error.message}") from error
    table.notes[:0] = notes
    return table


def make_table(
    cells: Mapping[str, Cells], targets: Sequence[str], training: NDArray[np.int64] | None = None, seed: int = 0, *,
    task: str | None = None, label_separator: str | None = None, decimal: str = ".",
) -> Table:  # fmt: skip
    """The same from columns in memory, each a list of texts or an array of numbers. `training` are the rows to learn from, by
    default four fifths of them. Rows without an answer are left out (of `training`, too).
    """
    count = len(next(iter(cells.values())))
    kept = np.arange(count)
    between = {name: label_separator if holds(cells[name], label_separator) else None for name in targets}
    if label_separator is not None and not any(between.values()):
        raise DataError("MG183", f"No cell of {shown([repr(name) for name in targets])} holds {label_separator!r}: what stands "
                                 "between the labels of a set? Say it by --separator, or leave that out.")  # fmt: skip
    for name in targets:
        kept = np.intersect1d(kept, answered(cells[name], between[name]))
    notes = []
    lacking = f"{shown([repr(name) for name in targets])} is missing there"
    if len(kept) < count:
        notes.append(f"{count - len(kept):,} of {count:,} rows left out: {lacking}")
    if len(kept) < FEWEST_ROWS:
        raise DataError("MG183", f"{len(kept)} rows with a value of {shown([repr(name) for name in targets])} are too few to "
                                 f"learn from and to hold some out; at least {FEWEST_ROWS} are needed.")  # fmt: skip
    found = []
    for name in targets:
        one, note = find_target(name, take(cells[name], kept), task, between[name], decimal)
        found.append(one)
        notes.append(note)
    # a cell of a numeric target that is no number has no answer either
    valid = ~np.isnan(np.concatenate([one.encode(take(cells[one.name], kept)) for one in found], axis=1)).any(axis=1)
    if not valid.all():
        notes.append(
            f"{int((~valid).sum()):,} rows left out: their {shown([repr(n) for n in targets])} is no number, or too large"
        )
        kept = kept[valid]
    kept_cells = {name: take(column, kept) for name, column in cells.items()}
    if training is None:
        classes = found[0].encode(kept_cells[targets[0]])[:, 0] if found[0].task == "classification" else None
        rows, held_out = split(len(kept), HELD_OUT, seed, classes)
        if not len(held_out):
            raise DataError("MG183", f"every value of {targets[0]!r} occurs once: there is no class to learn.")
    else:
        rows = np.flatnonzero(np.isin(kept, training))
        held_out = np.setdiff1d(np.arange(len(kept)), rows)
    for one in found:
        one.fit(take(kept_cells[one.name], rows))
        notes += [note] if (note := one.outliers(take(kept_cells[one.name], rows))) else []
    features = {name: column for name, column in kept_cells.items() if name not in targets}
    schema, said = Schema.learn(features, rows, decimal)
    if not schema.encodings:
        raise DataError(
            "MG183",
            "the table leaves no column to learn from"
            + "".join(f"; {note}" for note in said if " left out: " in note)
            + ".",
        )
    notes += said
    y = np.concatenate([one.encode(kept_cells[one.name]) for one in found], axis=1)
    return Table(schema.encode(features)[0], y, rows, held_out, schema, found, kept_cells, notes)


def take(cells: Cells, rows: NDArray[np.int64]) -> Cells:
    """The cells of these rows."""
    return cells[rows] if isinstance(cells, np.ndarray) else [cells[row] for row in rows]


def find_column(file: CsvFile, name: str, path: Path) -> str:
    """`name`, if the file has one such column. Raises `DataError` (MG182) that says which it has."""
    names = list(file.columns)
    refuse_twice(file, name, path)
    if name not in names:
        close = difflib.get_close_matches(name, names, 1, 0.6) or [n for n in names if n.lower() == name.lower()]
        hint = f"did you mean {close[0]!r}?" if close else f"it has {shown(names)}."
        raise DataError("MG182", f"{path} has no column {name!r}: {hint}")
    return name


def _find_targets(file: CsvFile, target: str | None, path: Path) -> list[str]:
    names = list(file.columns)
    if len(names) < 2:
        raise DataError("MG181", f"{path} has one column, {names[0]!r}: a target and at least one column to predict "
                                 "it from are needed (separated by commas, semicolons, tabs or bars; or say --sep).")  # fmt: skip
    if target is None:
        return [names[-1]]
    asked = [target] if target in names else [part.strip() for part in target.split(",")]
    return list(dict.fromkeys(find_column(file, name, path) for name in asked))
