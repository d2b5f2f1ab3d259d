"""How a function that is traced for tensors turns out to be one of `Value`s."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import Any

from .. import scalar, trace_hooks
from ..scalar import Value

value_lock: Any = threading.RLock()
"""Of whoever changes the class Value for the time of a trace."""
_ORIGINAL = {name: attribute for name, attribute in vars(Value).items() if name not in ("__dict__", "__weakref__")}
_SCALAR = vars(scalar)["SCALAR"]


class ValuesMetError(BaseException):
    """A function that was traced for tensors uses a Value. No Exception, so that the function itself does not catch it."""


def meeting_values() -> AbstractContextManager[None]:
    """Inside, this thread's first look at the number or the gradient of a Value, or change of one, raises ValuesMetError."""

    def refuse(*_: Any) -> Any:
        raise ValuesMetError

    return watching_values(refuse, refuse)


@contextmanager
def watching_values(
    read: Callable[..., Any], write: Callable[..., None], others: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[None]:
    """Inside, this thread's looks at `data` and `grad` of a Value are `read(name, get, v)`, its changes `write(name, put, v, x)`.

    `others` are further attributes of the class meanwhile.
    """
    get_ident, active = threading.get_ident, trace_hooks.active.get
    me = get_ident()  # the thread that traces; in a signal handler, which is outside of the trace, nothing is active

    def watched(name: str, slot: Any) -> property:
        get, put = slot.__get__, slot.__set__

        def change(v: Value, x: Any) -> None:
            write(name, put, v, x) if get_ident() == me and active() is not None else put(v, x)

        return property(lambda v: read(name, get, v) if get_ident() == me and active() is not None else get(v), change)

    with value_lock:
        # not before: another thread may have put its own there
        kept = {name: vars(Value)[name] for name in ("data", "grad", *others)}
        put_on_value({name: watched(name, kept[name]) for name in ("data", "grad")} | dict(others))
        try:
            yield
        finally:
            put_on_value(kept)


def put_on_value(attributes: dict[str, Any]) -> None:
    """Set attributes of the class Value."""
    for name, attribute in attributes.items():
        setattr(Value, name, attribute)


def _after_fork() -> None:
    """The child of a fork has none of the threads that may have changed the class."""
    if trace_hooks.active.get() is None:
        value_lock._at_fork_reinit()
        put_on_value({name: x for name, x in _ORIGINAL.items() if vars(Value).get(name) is not x})
        vars(scalar)["SCALAR"] = _SCALAR


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
