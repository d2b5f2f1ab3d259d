"""What the engine knows about compiled mode: whether a function is being traced in this thread, and by what.

While `mg.compile` traces a function, the data of all tensors that thread sees are `Traced`: `program/sym.py` says what these
are, and `program/trace.py` what happens. Eager mode pays one look at `hook` where it asks at all.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np


class Traced:
    """The base of the datum of a traced tensor: a value with a shape and a dtype that is known when the program runs."""

    __slots__ = ()
    shape: tuple[int, ...]
    ndim: int
    dtype: np.dtype[Any]
    weak: bool

    def astype(self, dtype: Any) -> Traced:
        """The value in another dtype."""
        raise NotImplementedError


active: ContextVar[Any] = ContextVar("active trace", default=None)
"""The trace that operations in this thread are added to."""

hook: Any = None
"""The `Hook` of program/trace.py while something is traced, in any thread: operators, tensors and leaves ask it for data,
gradients and how to run a kernel. None at other times. Look once: another thread may begin or end a trace between two looks."""


def current() -> Any:
    """The trace that is active in this thread, or None."""
    return None if hook is None else active.get()


def on_data(function: Callable[..., Any], *data: Any, **params: Any) -> Any:
    """`function(*data, **params)`, a function of NumPy that is no primitive; traced, an instruction that calls it.

    Its result is one array, whose shape and dtype depend on those of `data` alone.
    """
    trace = current()
    return function(*data, **params) if trace is None else trace.host(function, data, params)


def as_datum(value: Any) -> Any:
    """A number or an array as the datum of a tensor."""
    return value if isinstance(value, Traced) else np.asarray(value)


def detached(datum: Any) -> Any:
    """The datum of a tensor that is cut off from the graph; traced, the program may have to know."""
    trace = current()
    return datum if trace is None else trace.detached(datum)


def note_node(tensor: Any) -> None:
    """What follows depends on whether a tensor requires a gradient, or on which leaf it is, even if its data are not read."""
    if hook is not None and (trace := active.get()) is not None:
        trace.note_node(tensor)


def note_lengths(tensor: Any) -> None:
    """The lengths of a tensor's axes are about to be known to who called the function that calls this: the user's code may do
    something else for other ones."""
    if hook is not None and (trace := active.get()) is not None:
        trace.note_lengths(tensor, sys._getframe(2))


def note_lengths_told(tensor: Any) -> None:
    """The lengths of a tensor's axes are told by a function of the package, as a number or a count of parts."""
    if hook is not None and (trace := active.get()) is not None:
        trace.note_lengths(tensor, None)


def whole_value(datum: Any, what: str) -> Any:
    """`datum`, needed by `what`, whose result has a shape that depends on it. Raises TraceError if it is not known."""
    return datum if not isinstance(datum, Traced) else current().known(datum, what)


watched: list[Any] = []
"""Classes whose objects' attributes a trace notes when they are read: that of modules, once it is loaded."""

changes = [0]
"""How often something that a compiled function may depend on was changed in any module."""

looks = [0]
"""How often a gradient, or what an optimiser remembers, was looked at or set: whoever did may have kept or changed it."""


@contextmanager
def collection_paused() -> Iterator[None]:
    """Inside, Python doesn't look for garbage: nearly all that tracing and compiling make is needed to their end."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            if not gc.get_freeze_count():  # else they are the user's, and stay so
                gc.freeze()  # and unfreezing moves every new object to the oldest generation, which the collector scans last
                gc.unfreeze()
            gc.enable()
