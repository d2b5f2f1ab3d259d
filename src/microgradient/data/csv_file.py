"""Reading a CSV file into columns of text: its encoding, delimiter, header and rows, with every fault named by line."""

from __future__ import annotations

import csv
import io
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ArgumentError, DataError
from .columns import MISSING, shown
from .numbers import NUMBER, decimal_mark, find_number_format
from .text_encoding import decode

Say = Callable[[str], None]
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST_FIELD = 1_000_000
_QUIET_SECONDS = 2.0


@dataclass
class CsvFile:
    """The columns of a file, as text, and what the reader should be told about how it was read."""

    columns: dict[str, list[str]]
    delimiter: str
    decimal: str = "."
    duplicates: set[str] = field(default_factory=set)
    blank: list[int] = field(default_factory=list)  # lines between the rows that hold nothing, and are left out
    notes: list[str] = field(default_factory=list)


def read_csv(path: Path, encoding: str | None = None, delimiter: str | None = None, say: Say | None = None) -> CsvFile:
    """Read a CSV file whose first row names the columns, unless it is a row like the others: then they are called column_1, ….

    `encoding` and `delimiter` are found if they are not given: the one by `decode`'s rule; the other as that of comma, semicolon,
    tab and bar which splits the rows most evenly. What takes longer than two seconds tells `say` how far it is. Raises
    `DataError`: MG180 if the file is missing, empty or not text, MG181 if its rows do not fit its header.
    """
    text, note = decode(read_file(path, "a CSV file"), path, encoding)
    notes = [note] if note else []
    if found := re.match("sep=(.)\r?\n", text):  # a line by which spreadsheets say it
        text, delimiter = text[found.end() :], delimiter or found[1]
    delimiter = _one_character(delimiter) if delimiter else _find_delimiter(text)
    rows, blank = _parse(text, delimiter, path, say)
    if not rows:
        raise DataError("MG180", f"{path} is empty: it has no rows.")
    header, body = rows[0][1], rows[1:]
    decimal = decimal_mark(cell for _, row in rows[:10_000] for cell in row) if delimiter == ";" else "."
    if why := _headerless(header, [row for _, row in body[:2000]], decimal):
        notes.append(f"{why}: taken as data, the columns are called column_1, column_2, …")
        body, header = rows, [""] * len(header)
    elif body and all(len(row) == len(header) + 1 for _, row in body):
        notes.append(
            "the header has one name fewer than the rows have values: the first column is taken as the rows' names"
        )
        header = ["rownames", *header]
    names, duplicates = _column_names(header, notes)
    for line, row in body:
        if len(row) != len(names):
            by = _DELIMITERS.get(delimiter, repr(delimiter))
            raise DataError("MG181", f"{path}, line {line}: {_count(len(row), 'value')}, but the header names "
                                     f"{_count(len(names), 'column')} (separated by {by}).")  # fmt: skip
    if not body:
        raise DataError("MG180", f"{path} has a header and no rows below it.")
    cells = zip(*(row for _, row in body), strict=True)
    return CsvFile(dict(zip(names, map(list, cells), strict=True)), delimiter, decimal, duplicates, blank, notes)


def one_file(names: Sequence[str]) -> str:
    """The only one of the INPUTs of a command. Raises `DataError` (MG180) if there are others, which would not be looked at."""
    if len(names) != 1:
        raise DataError("MG180", f"One CSV file is needed, not {len(names)}.")
    return names[0]


def read_named(path: Path, names: Sequence[str]) -> CsvFile:
    """Read a CSV file that has the columns `names`, among others, in any order. Raises `DataError` (MG182) if it lacks one
    or has it twice.
    """
    file = read_csv(path)
    if missing := [repr(name) for name in names if name not in file.columns]:
        several = f"{len(missing)} columns," if len(missing) > 1 else "a column"
        header = ", ".join(file.columns)[:200]
        raise DataError("MG182", f"{path} lacks {several} {shown(missing)}: its header names {header}.")
    for name in names:
        refuse_twice(file, name, path)
    return file


def refuse_twice(file: CsvFile, name: str, path: str | Path) -> None:
    """Raises `DataError` (MG182) if the header has this name more than once."""
    if name in file.duplicates:
        raise DataError("MG182", f"{path} has more than one column {name!r}: rename one of them.")


def _one_character(delimiter: str) -> str:
    """What `--sep` says: a character, or a tab as `\\t`."""
    found = "\t" if delimiter == "\\t" else delimiter
    if len(found) != 1 or found in '"\r\n ':
        raise ArgumentError(
            "MG188", f"What separates the columns is one character, such as ; or \\t, not {delimiter!r}."
        )
    return found


def _headerless(first: list[str], rest: list[list[str]], decimal: str) -> str:
    """Why the first row is data, or "": all its cells are numbers, and not 0, 1, 2, …; or where the others have numbers it has
    one, too, and elsewhere what the others have.
    """
    if all(NUMBER.fullmatch(cell) for cell in first):
        counting = len(first) > 2 and first == [str(k) for k in range(len(first))]
        return "" if counting else "the first row holds only numbers"
    columns = list(zip(*(row for row in rest if len(row) == len(first)), strict=True))
    if len(rest) < 10 or not columns:
        return ""
    numbers = 0
    for name, cells in zip(first, columns, strict=True):
        found = Counter(cell for cell in cells if cell.lower() not in MISSING)
        form = find_number_format(found, decimal)
        if form is not None and found:
            if form.parse(name) is None or re.fullmatch("(1[89]|20)[0-9]{2}", name):
                return ""
            numbers += 1
        elif name not in found:
            return ""
    return "the first row holds what the others do" if numbers else ""


def read_file(path: Path, what: str) -> bytes:
    """The content of a file that is to be `what`. Raises `DataError` (MG180) if it is missing, empty or can't be read."""
    if path.is_dir() or path.is_char_device() or path.is_block_device():
        raise DataError("MG180", f"{path} is a {'folder' if path.is_dir() else 'device'}, not {what}.")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("MG180", f"There is no file {path}.") from error
    except OSError as error:
        raise DataError("MG180", f"Can't read {path}: {error.strerror}.") from error
    if not content.strip():
        raise DataError("MG180", f"{path} is empty.")
    return content


def _find_delimiter(text: str) -> str:
    """The candidate that splits the first rows into the same number of fields most often; then into the most."""
    sample = "".join(text[:200_000].splitlines(keepends=True)[:100])

    def evenness(delimiter: str) -> tuple[float, int]:
        try:
            sizes = Counter(len(row) for row in csv.reader(io.StringIO(sample), delimiter=delimiter) if row)
        except csv.Error:
            return 0.0, 0
        width, rows = max(sizes.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
        return (rows / sum(sizes.values()), width) if width > 1 else (0.0, 0)

    return max(_DELIMITERS, key=evenness)


def _parse(text: str, delimiter: str, path: Path, say: Say | None) -> tuple[list[tuple[int, list[str]]], list[int]]:
    """The rows that are not blank, stripped, each with the number of the line it ends on; and the blank lines between them."""
    rows: list[tuple[int, list[str]]] = []
    blank: list[int] = []
    last = time.monotonic()
    limit = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if any(cells := [cell.strip() for cell in row]) or len(row) > 1:
                rows.append((reader.line_num, cells))
            elif rows:
                blank.append(reader.line_num)
            if say and not len(rows) % 10_000 and time.monotonic() - last > _QUIET_SECONDS:
                say(f"reading {path}: {len(rows):,} rows")
                last = time.monotonic()
        return rows, [line for line in blank if line < rows[-1][0]]
    except csv.Error as error:
        why = "a quotation mark is opened and never closed" if "unexpected end" in str(error) else str(error)
        raise DataError("MG181", f"{path}, line {reader.line_num}: {why}.") from error
    finally:
        csv.field_size_limit(limit)


def _column_names(header: list[str], notes: list[str]) -> tuple[list[str], set[str]]:
    """Unique names: an empty one becomes `column_3`, the second `x` becomes `x_2`; which ones occurred twice."""
    duplicates = {name for name, count in Counter(header).items() if name and count > 1}
    names: list[str] = []
    for position, name in enumerate(header, start=1):
        base = name or f"column_{position}"
        unique, count = base, 1
        while unique in names or (unique != name and unique in header):
            count += 1
            unique = f"{base}_{count}"
        names.append(unique)
    if duplicates:
        twice = ", ".join(map(repr, sorted(duplicates)))
        notes.append(f"the header has {twice} more than once: the later ones are called NAME_2, NAME_3, …")
    return names, duplicates


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
