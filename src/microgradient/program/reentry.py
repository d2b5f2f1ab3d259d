"""Calls within calls: a signal handler, or a `__del__` that the collector runs, may call a compiled function at any time.

A thread that is in one compiled function does not enter another: what it calls meanwhile runs eagerly. Until a program
starts, a call that was interrupted like this checks everything again; from then on the arrays are in use, and calls within
are refused. No lock is taken twice by one thread, and a child process after a fork begins with free ones.
"""

from __future__ import annotations

import os
import threading
from typing import Any
from weakref import WeakSet

from ..errors import CompileError

running: dict[int, bool] = {}
"""The threads that are in a compiled function, by their number, and whether its program has started."""

interruptions = [0]
"""How many calls there were within others, in all threads."""


def interrupt(name: str) -> None:
    """Note a call within another one of this thread. Raises where its program has started."""
    interruptions[0] += 1
    if running[threading.get_ident()]:
        raise CompileError(
            "MG220",
            f"`{name}` was called, by a signal handler or a `__del__`, while a compiled function runs in the same thread: the "
            "parameters are being changed. Let the handler set a flag, check it between two steps, and call then.",
        )


def give_lock(owner: Any) -> None:
    """Give `owner` a lock for one thread at a time; another one in the child of a fork, which calls
    `owner.release()`, if there is such a method: the thread that had it is not there."""
    owner._lock = threading.Lock()
    _owners.add(owner)


def _after_fork() -> None:
    me = threading.get_ident()
    for thread in [*running]:
        if thread != me:
            del running[thread]
    for owner in _owners:
        owner._lock = threading.Lock()
        if me not in running and hasattr(owner, "release"):
            owner.release()


_owners: WeakSet[Any] = WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
