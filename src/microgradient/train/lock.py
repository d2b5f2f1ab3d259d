"""One run at a time in a folder: a lock that the system releases when its process ends, in whatever way."""

from __future__ import annotations

import os
import platform
import weakref
from pathlib import Path

from ..errors import ArgumentError, DataError
from .atomic import open_plain, reason

try:
    import fcntl
except ImportError:  # Windows has none, and gets none
    fcntl = None  # type: ignore[assignment]

LOCK = "run.lock"


class Lock:
    """This process's hold on a folder, for as long as an object lives that shares it. See `lock`."""

    def __init__(self, path: Path) -> None:
        descriptor = _acquire(path)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} on {platform.node()}".encode())
        weakref.finalize(self, _release, path, descriptor, os.getpid())


_held: weakref.WeakValueDictionary[tuple[int, int], Lock] = weakref.WeakValueDictionary()  # by device and inode


def lock(folder: Path) -> Lock:
    """The lock on `folder`. Raises `ArgumentError` (MG186), naming the process, if another one holds it."""
    try:
        known = os.stat(folder)
        held = _held.get((known.st_dev, known.st_ino)) or Lock(folder / LOCK)
    except OSError as error:
        raise DataError("MG186", f"Can't write {folder / LOCK}: {reason(error)}.") from error
    _held[known.st_dev, known.st_ino] = held
    return held


def _acquire(path: Path) -> int:
    while True:
        descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
        try:
            if fcntl is not None:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass  # whoever held it has removed it meanwhile
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(descriptor, 200).decode(errors="replace")
            raise ArgumentError("MG186", f"{path.parent} is in use by process {holder or 'unknown'}: wait until that ends, "
                                         "or choose another folder with --out.") from error  # fmt: skip
        os.close(descriptor)


def _release(path: Path, descriptor: int, owner: int) -> None:
    try:
        if os.getpid() == owner:  # a forked child has no part in it
            path.unlink(missing_ok=True)
        os.close(descriptor)
    except OSError:  # the folder is gone, or can no longer be written
        pass
