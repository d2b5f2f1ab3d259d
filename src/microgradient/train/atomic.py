"""Writing files so that a crash, a full disk or a pulled plug never leaves half of one under its name.

Nothing is written through a symbolic link, a pipe or a device that lies where the file should be.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from ..errors import ArgumentTypeError, DataError, as_given

PENDING = ".new"
_PLAIN = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace the file at `path` by `content`: readers see the old file or the new one, nothing between.

    Raises `ArgumentTypeError` (MG186) for what is no path, and `DataError` (MG186), with the system's reason, if it can't be
    written; the old file then stands.
    """
    if not isinstance(path, str | os.PathLike):
        raise ArgumentTypeError("MG186", f"A file is named by a text or a Path, not {as_given(path)}.")
    if not str(path) or "\0" in str(path):
        raise DataError("MG186", f"{str(path)!r} is no name of a file.")
    path = Path(path)
    if path.is_dir():
        raise DataError("MG186", f"{path} is a folder: name a file.")
    if not os.path.lexists(path.parent):
        raise DataError("MG186", f"Can't write {path}: there is no folder {path.parent}. Make it, or name another.")
    write_all_atomically(path.parent, {path.name: content})


def write_all_atomically(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace several files of one folder: all are safely on the disk, as `NAME.TOKEN.new`, before the first is renamed.

    Should the machine stop between two renames, the reader can tell it from the `.new` files that are left.
    """
    token = secrets.token_hex(4)  # two writers at once don't write into each other's files
    pending = {name: folder / f"{name}.{token}{PENDING}" for name in files}
    try:
        for name, content in files.items():
            with open(open_plain(pending[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for name in files:
            os.replace(pending[name], folder / name)
        if os.name == "posix":  # elsewhere a folder can't be opened
            sync(folder)
    except OSError as error:
        for path in pending.values():
            try:
                path.unlink(missing_ok=True)
            except OSError:
                pass
        raise DataError("MG186", f"Can't write {', '.join(files)} in {folder}: {reason(error)}.") from error


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of the plain file at `path`. Raises `OSError` for a link, a pipe or a device, and never waits."""
    descriptor = os.open(path, flags | _PLAIN, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a plain file")
    return descriptor


def read_plain(path: Path) -> bytes:
    """The content of a file. Raises `DataError` (MG185) if it can't be read, or is a pipe or a device."""
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is not a plain file")
        return path.read_bytes()
    except OSError as error:
        raise DataError("MG185", f"Can't read {path}: {reason(error)}.") from error


def reason(error: OSError) -> str:
    """The system's own words for an error, without the number: `No space left on device`."""
    return "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror or str(error)


def sync(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is safely on the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _PLAIN)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataError("MG186", f"Can't write {path}: {reason(error)}.") from error
