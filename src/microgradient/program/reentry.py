"""Calls within calls: a signal handler, or a `__del__` that the collector runs, may call a compiled function at any time.

A thread that is in one compiled function does not enter another: what it calls meanwhile runs eagerly. Until a program
starts, a call that was interrupted like this checks everything again; from then on the arrays are in use, and calls within
are refused. What a signal handler does while a function is traced is no part of the program. No lock is taken twice by one
thread, and a child process after a fork begins with free ones.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any
from weakref import WeakSet

from .. import trace_hooks
from ..errors import CompileError

running: dict[int, bool] = {}
"""The threads that are in a compiled function, by their number, and whether its program has started."""

importing = threading.RLock()
"""Held while a module is imported late. A fork waits for it: the child would inherit a half-imported module and its lock."""

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


@contextmanager
def handlers_outside() -> Iterator[None]:
    """Inside, signal handlers run outside of the trace: nothing of what they do is recorded."""
    replaced: dict[signal.Signals, tuple[Any, Any]] = {}
    if threading.current_thread() is threading.main_thread():  # the only one that handlers run in
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler) and handler is not signal.default_int_handler:
                replaced[number] = handler, functools.partial(copy_context().run, _untraced, handler)
                signal.signal(number, replaced[number][1])
    try:
        yield
    finally:
        for number, (handler, own) in replaced.items():
            if signal.getsignal(number) is own:
                signal.signal(number, handler)


def _untraced(handler: Any, *args: Any) -> None:
    trace_hooks.active.set(None)
    handler(*args)


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
    os.register_at_fork(before=importing.acquire, after_in_parent=importing.release, after_in_child=importing.release)
