"""Ctrl-C where it is not the command that ends: a page is left by it, and a program may do with it what it likes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def raised() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, as in Python, in the place of ending the command at once (startup.py)."""
    if threading.current_thread() is not threading.main_thread():  # which alone hears of it
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stay(page: Any) -> None:
    """Serve a page until Ctrl-C. That is how one leaves it: nothing is lost, so the command has not failed."""
    with raised():
        page.wait()
