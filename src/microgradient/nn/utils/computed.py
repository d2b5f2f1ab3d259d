"""Attributes of modules that are computed whenever they are read: what weight norm, parametrizations and pruning are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module import Module


def add_computed(
    module: Module,
    name: str,
    get: Callable[[Any], Any],
    put: Callable[[Any, Any], None] | None = None,
    prefix: str = "",
) -> None:
    """Let `module.name` be `get(module)`: the module becomes of a class of its own, and loses the tensor of that name."""
    kind = type(module)
    if "_before" not in vars(kind):
        made = type(f"{prefix}{kind.__name__}", (kind,), {"_before": kind, "__module__": kind.__module__})
        module.__class__ = made
    drop_tensor(module, name)
    setattr(type(module), name, property(get, put))


def remove_computed(module: Module, name: str, value: Any) -> None:
    """Put a tensor in the place of a computed attribute."""
    kind: Any = type(module)
    delattr(kind, name)
    if not computed_names(module):
        module.__class__ = kind._before
    setattr(module, name, value)


def computed_names(module: Module) -> list[str]:
    """The attributes that are computed."""
    kind = type(module)
    return (
        [name for name, value in vars(kind).items() if isinstance(value, property)] if "_before" in vars(kind) else []
    )


def drop_tensor(module: Module, name: str) -> None:
    """Forget a parameter or buffer."""
    if name in vars(module):
        delattr(module, name)
    vars(module).get("_buffer_names", {}).pop(name, None)


def check_tensor(module: Module, name: str) -> Any:
    """The parameter or buffer of that name. Raises `ArgumentError` if there is none."""
    from ...errors import ArgumentError
    from ...tensor import Tensor

    value = vars(module).get(name)
    if not isinstance(value, Tensor):
        raise ArgumentError("MG154", f"{type(module).__name__} has no parameter or buffer `{name}` of its own.")
    return value
