"""How a function that is traced for tensors turns out to be one of `Value`s."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..scalar import Value

value_lock = threading.RLock()
"""Of whoever changes the class Value for the time of a trace."""


class ValuesMetError(BaseException):
    """A function that was traced for tensors uses a Value. No Exception, so that the function itself does not catch it."""


@contextmanager
def meeting_values() -> Iterator[None]:
    """Inside, this thread's first look at the number or the gradient of a Value, or change of one, raises ValuesMetError."""
    me, current = threading.get_ident(), threading.get_ident

    def refusing(slot: Any) -> property:
        def read(v: Value) -> Any:
            if current() == me:
                raise ValuesMetError
            return slot.__get__(v)

        def write(v: Value, x: Any) -> None:
            if current() == me:
                raise ValuesMetError
            slot.__set__(v, x)

        return property(read, write)

    with value_lock:
        # not before: another thread may have put its own there
        slots = {name: vars(Value)[name] for name in ("data", "grad")}
        put_on_value({name: refusing(slot) for name, slot in slots.items()})
        try:
            yield
        finally:
            put_on_value(slots)


def put_on_value(attributes: dict[str, Any]) -> None:
    """Set attributes of the class Value."""
    for name, attribute in attributes.items():
        setattr(Value, name, attribute)
