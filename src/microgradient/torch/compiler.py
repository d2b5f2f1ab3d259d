"""`torch.compiler`: what is asked of a compiler, or told it, around `torch.compile`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import trace_hooks


def is_compiling() -> bool:
    """Whether a function is being traced now."""
    return trace_hooks.current() is not None


is_dynamo_compiling = is_compiling


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself: there is nothing to turn off, since what can't be compiled runs eagerly."""
    return _itself if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    """The function itself: functions of tensors are compiled anyway."""
    return fn


def reset() -> None:
    """Nothing: programs are kept with the function that they were compiled from."""


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no graphs of CUDA."""


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """The one back end, by the name that PyTorch has for its own."""
    return ["inductor"]


def _itself(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn
