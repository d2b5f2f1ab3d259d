"""`torch._dynamo`: the parts of it that programs use; its settings can be set and change nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .compiler import allow_in_graph, disable, is_compiling, reset

__all__ = ["allow_in_graph", "config", "disable", "graph_break", "is_compiling", "mark_dynamic", "reset"]

config = SimpleNamespace(
    suppress_errors=True, verbose=False, cache_size_limit=8, recompile_limit=8, capture_scalar_outputs=False
)


def graph_break() -> None:
    """Nothing: what can't be compiled runs eagerly as a whole."""


def mark_dynamic(t: Any, index: Any, **options: Any) -> None:
    """Nothing: each combination of shapes is compiled when it is met."""
