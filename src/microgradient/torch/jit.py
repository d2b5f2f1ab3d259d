"""`torch.jit`: functions stay functions of Python; `torch.compile` makes them fast."""

from __future__ import annotations

from typing import Any


def script(obj: Any = None, *_: Any, **__: Any) -> Any:
    """`obj` itself."""
    return obj if obj is not None else lambda f: f


def trace(func: Any, *_: Any, **__: Any) -> Any:
    """`func` itself."""
    return func


ignore = unused = export = script_if_tracing = script
Final = Any


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False
