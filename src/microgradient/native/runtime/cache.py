"""Machine code and plans on disk, in the user's cache folder, so that a second process need not make them again.

The folder is $MICROGRADIENT_CACHE, or microgradient in $XDG_CACHE_HOME or ~/.cache; MICROGRADIENT_CACHE=off turns it off.
What is read here is executed, so a folder or file that others may write to is not used. Whatever goes wrong (a full disk, a
damaged file), the answer is only that nothing is there.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

MAGIC = b"microgradient machine code 1\n"
SUFFIX, NEW = ".microgradient", "new-"
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a link leads elsewhere, a pipe makes us wait
LIMIT = 512 * 2**20
"""Bytes in the folder above which those not used for longest are removed."""


def folder() -> Path | None:
    """The folder, made if it wasn't there; None if there is none to use."""
    name = os.environ.get("MICROGRADIENT_CACHE", "")
    if name.lower() == "off":
        return None
    try:
        usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "microgradient"
        path = Path(name) if name else usual
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path if _is_ours(path.stat()) else None
    except (OSError, RuntimeError):  # can't be made; there is no home
        return None


def digest(*what: object) -> str:
    """The name under which code is stored: a digest of `what`, this package's generators and LLVM's version."""
    return hashlib.sha256(repr((what, _sources())).encode()).hexdigest()


def load(name: str) -> bytes | None:
    """What was stored under `name`, if it is there and sound."""
    where = folder()
    if where is None:
        return None
    try:
        with open(os.open(where / (name + SUFFIX), os.O_RDONLY | _PLAIN), "rb") as file:
            known = os.fstat(file.fileno())
            if not _is_ours(known) or not stat.S_ISREG(known.st_mode) or known.st_size > LIMIT:
                return None
            content = file.read()
            with suppress(OSError):  # the folder may be on a disk that can only be read
                os.utime(file.fileno())  # so that it is not the first to be removed
    except OSError:
        return None
    head = MAGIC + bytes.fromhex(name)
    code = content[len(head) + 32 :]
    return code if content[: len(head) + 32] == head + hashlib.sha256(head + code).digest() else None


def store(name: str, code: bytes) -> None:
    """Keep `code` under `name`. Processes that do so at once don't harm each other: a file appears whole or not at all."""
    where = folder()
    if where is None:
        return
    head = MAGIC + bytes.fromhex(name)
    with suppress(OSError):
        number, temporary = tempfile.mkstemp(prefix=NEW, suffix=SUFFIX, dir=where)
        try:
            with open(number, "wb") as file:
                file.write(head + hashlib.sha256(head + code).digest() + code)
            os.replace(temporary, where / (name + SUFFIX))
        except OSError:
            os.unlink(temporary)
        else:
            _since[where] = _since.get(where, LIMIT) + len(code)
            if _since[where] > LIMIT // 16:
                _since[where] = 0
                _shrink(where)


_since: dict[
    Path, int
] = {}  # bytes stored by this process since it last looked at all files of a folder, which takes time


def _shrink(where: Path) -> None:
    """Remove the files not used for longest until a quarter of the room is free, and what broken processes left behind.

    Only plain files of this user with our suffix, whatever else lies in the folder; others may be removing them, too.
    """
    files = []
    with os.scandir(where) as entries:
        for entry in entries:
            with suppress(OSError):
                known = entry.stat(follow_symlinks=False)
                if not entry.name.endswith(SUFFIX) or not stat.S_ISREG(known.st_mode) or not _is_ours(known):
                    continue
                if not entry.name.startswith(NEW):
                    files.append((known.st_mtime, known.st_size, entry.path))
                elif time.time() - known.st_mtime > 3600:
                    os.unlink(entry.path)
    total = sum(size for _, size, _ in files)
    if total <= LIMIT:
        return
    for _, size, path in sorted(files):
        with suppress(OSError):
            os.unlink(path)
        total -= size
        if total <= LIMIT * 3 // 4:
            return


def _is_ours(known: os.stat_result) -> bool:
    """Whether a file or folder belongs to this user and nobody else may change it."""
    if not hasattr(os, "geteuid"):
        return True
    return known.st_uid == os.geteuid() and not known.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@cache
def _sources() -> tuple[str, ...]:
    """The source of what makes code and plans, and the versions of this package and of LLVM."""
    import llvmlite
    import llvmlite.binding

    from ... import __version__

    text = hashlib.sha256()
    package = Path(__file__).parents[2]
    folders = [package / "native", package / "program", package / "scalar_jit"]
    alone = [package / "box_muller.py", package / "primitives.py", *sorted(package.glob("rules*.py"))]
    for path in (*(path for folder in folders for path in sorted(folder.rglob("*.py"))), *alone):
        text.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return text.hexdigest(), __version__, llvmlite.__version__, str(llvmlite.binding.llvm_version_info)
