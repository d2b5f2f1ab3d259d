"""The threads that share the work of kernels.

Work is cut into pieces that don't depend on the number of threads (`pieces` in kernel.py), so results don't either. The threads
are native: no Python runs in them, and the GIL is free while they work. They are started when the first launch needs them.
Each has a range of the pieces of a launch, takes some at a time, and when its range is used up takes from the others' ranges;
so a thread that the operating system holds up delays nobody for longer than the pieces it has taken. Between launches threads
spin for a moment, then sleep.
"""

from __future__ import annotations

import ctypes
import os
import threading
from functools import cache
from pathlib import Path

from ...errors import ArgumentError
from . import blas, engine
from .threadpool_ir import MOST, constants, text


def set_num_threads(n: int) -> None:
    """Compiled functions run on `n` threads from now on, the calling one included. Results are the same for any `n`, bit for bit.

    NumPy's matrix products, which eager tensors use, run on `n` threads, too, if its BLAS is an OpenBLAS; their last bits, and
    those of what compiled functions leave to NumPy (`stats()` lists it), may depend on `n`.

    At first `n` is the variable MICROGRADIENT_NUM_THREADS or the number of processors that this process may use; matrix products
    begin with NumPy's own number.

    Raises ArgumentError: `n` is not a whole number from 1 to 256.

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    global _wanted
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:
        raise ArgumentError(
            "MG209", f"set_num_threads({n!r}): the number of threads is a whole number from 1 to {MOST}."
        )
    _wanted = n
    if _driver.cache_info().currsize:
        driver().resize(_wanted)
    blas.set_threads(_wanted)


def get_num_threads() -> int:
    """How many threads compiled functions run on.

    >>> import microgradient as mg
    >>> mg.get_num_threads() >= 1
    True
    """
    return _wanted


class Driver:
    """The code of threadpool_ir.py, loaded: `run(routine, repeat)`, `resize(threads)`, and `reset()` after a fork."""

    def __init__(self) -> None:
        code = engine.code_of_text(text, "driver " + repr(constants()))
        self._code = code
        self.run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(code.address("run"))
        self.resize = ctypes.CFUNCTYPE(None, ctypes.c_int64)(code.address("resize"))
        self.reset = ctypes.CFUNCTYPE(None)(code.address("reset"))

    def address(self, name: str) -> int:
        """Where one of its functions begins."""
        return self._code.address(name)


def driver() -> Driver:
    """The process's driver. It is never unloaded: threads may be in it until the process ends."""
    with _lock:
        return _driver()


def _initial() -> int:
    given = os.environ.get("MICROGRADIENT_NUM_THREADS", "").strip()
    if not given:
        return min(_processors(), MOST)
    if not given.isdecimal() or not 1 <= int(given) <= MOST:
        raise ArgumentError("MG209", f"MICROGRADIENT_NUM_THREADS={given!r} is not a whole number from 1 to {MOST}.")
    return int(given)


def _processors() -> int:
    """How many this process may use at once, by its affinity and by the quota of its container (cgroup version 2, then 1)."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = map(int, " ".join((CGROUP / file).read_text() for file in files).split())
        except (OSError, ValueError):  # there is no such file, or no limit: "max"
            continue
        return max(1, min(count, quota // period)) if quota > 0 else count
    return count


CGROUP = Path("/sys/fs/cgroup")
_lock = threading.RLock()


@cache
def _driver() -> Driver:
    made = Driver()
    made.reset()
    made.resize(_wanted)
    return made


def _after_fork() -> None:
    """A child process has none of the threads."""
    if _driver.cache_info().currsize:
        _driver().reset()
    _lock.release()


_wanted = _initial()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)
