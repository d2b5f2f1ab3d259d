"""The number of threads of NumPy's matrix products, asked of the OpenBLAS that its wheels bring; another BLAS keeps its own."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_NAMES = [f"{prefix}openblas_%s_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "_64", "")]


def get_threads() -> int | None:
    """On how many threads a matrix product runs; None if that can't be known."""
    get = _function("get")
    return None if get is None else int(get())


def set_threads(n: int) -> None:
    """Let matrix products run on `n` threads from now on."""
    put = _function("set")
    if put is not None:
        put(ctypes.c_int(n))


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, matrix products run on one thread, and then on as many as before."""
    before = get_threads()
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before or 1)


def _function(what: str) -> Callable[..., Any] | None:
    # it finds the BLAS that NumPy is linked with, too
    library = ctypes.CDLL(import_module("numpy._core._multiarray_umath").__file__)
    names = (name % what for name in _NAMES)
    return next((getattr(library, name) for name in names if hasattr(library, name)), None)
