"""`torch.jit`: functions stay functions of Python; `torch.compile` makes them fast."""

from __future__ import annotations

from typing import Any

from .nn.modules import Module


class ScriptModule(Module):
    """A module; those that `script` and `trace` give back are of their own class, and not of this one."""


def script(obj: Any = None, *_: Any, **__: Any) -> Any:
    """`obj` itself."""
    return obj if obj is not None else lambda f: f


def trace(func: Any, *_: Any, **__: Any) -> Any:
    """`func` itself."""
    return func


script_method = ignore = unused = export = script_if_tracing = script
Final = Any


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False
