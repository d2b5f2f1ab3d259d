"""A network, and what it learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Network(NamedTuple):
    """A module with its loss, `loss(module, *batch)`."""

    module: Any
    loss: Callable[..., Any]


def supervised(module: Any, loss: Callable[[Any, Any], Any]) -> Network:
    """What a module makes of x is compared with y."""
    return Network(module, lambda module, x, y: loss(module(x), y))
