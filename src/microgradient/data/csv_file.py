"""Reading a CSV file into columns of text: its encoding, delimiter, header and rows, with every fault named by line."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST_FIELD = 1_000_000


@dataclass
class CsvFile:
    """The columns of a file, as text, and what the reader should be told about how it was read."""

    columns: dict[str, list[str]]
    delimiter: str
    duplicates: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def read_csv(path: Path) -> CsvFile:
    """Read a CSV file whose first row names the columns.

    UTF-8 (with or without a byte-order mark), UTF-16 with its mark, and otherwise Windows-1252, which is then said;
    comma, semicolon, tab or bar, whichever splits the rows most evenly. Raises `DataError`: MG180 if the file
    is missing, empty or not text, MG181 if its rows do not fit its header.
    """
    notes: list[str] = []
    text = _decode(read_file(path, "a CSV file"), path, notes)
    delimiter = _find_delimiter(text)
    rows = _parse(text, delimiter, path)
    if not rows:
        raise DataError("MG180", f"{path} is empty: it has no rows.")
    header, body = rows[0][1], rows[1:]
    if all(NUMBER.fullmatch(cell) for cell in header):
        notes.append("the first row holds only numbers: taken as data, the columns are called column_1, column_2, …")
        body, header = rows, [""] * len(header)
    names, duplicates = _column_names(header, notes)
    for line, row in body:
        if len(row) != len(names):
            raise DataError("MG181", f"{path}, line {line}: {_count(len(row), 'value')}, but the header names "
                                     f"{_count(len(names), 'column')} (separated by {_DELIMITERS[delimiter]}).")  # fmt: skip
    if not body:
        raise DataError("MG180", f"{path} has a header and no rows below it.")
    cells = zip(*(row for _, row in body), strict=True)
    return CsvFile(dict(zip(names, map(list, cells), strict=True)), delimiter, duplicates, notes)


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


_BINARY = {
    b"PK\x03\x04": "a spreadsheet or another zip archive", b"\xd0\xcf\x11\xe0": "a spreadsheet of the old kind (.xls)",
    b"\x1f\x8b": "compressed by gzip", b"PAR1": "a Parquet file", b"\x89PNG": "a picture",
}  # fmt: skip


def _decode(content: bytes, path: Path, notes: list[str]) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise DataError("MG180", f"{path} begins as UTF-16 text but is not: {error.reason}.") from error
        notes.append("read as UTF-16, by its byte-order mark")
        return text
    # Text holds tabs and line ends, and no other control characters.
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", content[:1_000_000]):
        kind = next(
            (kind for start, kind in _BINARY.items() if content.startswith(start)), "something with control bytes"
        )
        raise DataError(
            "MG180", f"{path} is not text but {kind}. Save the table as CSV where it was made, and name that file."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        notes.append(f"not UTF-8 (byte 0x{content[error.start]:02x} in line {line}): read as Windows-1252")
        return content.decode("cp1252", errors="replace")


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


def _parse(text: str, delimiter: str, path: Path) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, stripped, each with the number of the line it ends on."""
    limit = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        return [(reader.line_num, cells) for row in reader if any(cells := [cell.strip() for cell in row])
                or len(row) > 1]  # fmt: skip
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
