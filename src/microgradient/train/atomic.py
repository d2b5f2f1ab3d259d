"""Writing files so that a crash, a full disk or a pulled plug never leaves half of one under its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from microgradient.errors import DataError

PENDING = ".new"


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at ``path`` by ``content``: readers see the old file or the new one, nothing between.

    Raises :class:`DataError` (MG186), with the system's reason, if it can't be written; the old file then stands.
    """
    write_all_atomically(path.parent, {path.name: content})


def write_all_atomically(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace several files of one folder: all are safely on the disk, as ``NAME.new``, before the first is renamed.

    Should the machine stop between two renames, the reader can tell it from the ``.new`` files that are left.
    """
    try:
        for name, content in files.items():
            with open(folder / (name + PENDING), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name in files:
            os.replace(folder / (name + PENDING), folder / name)
        if os.name == "posix":  # elsewhere a folder can't be opened
            sync(folder)
    except OSError as error:
        _remove_pending(folder, files)
        raise DataError("MG186", f"Can't write {', '.join(files)} in {folder}: {reason(error)}.") from error


def reason(error: OSError) -> str:
    """The system's own words for an error, without the number: ``No space left on device``."""
    return error.strerror or str(error)


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is safely on the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataError("MG186", f"Can't write {path}: {reason(error)}.") from error


def _remove_pending(folder: Path, files: Mapping[str, bytes]) -> None:
    for name in files:
        try:
            (folder / (name + PENDING)).unlink(missing_ok=True)
        except OSError:
            pass
