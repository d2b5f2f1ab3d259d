"""`torch.utils.checkpoint`: what a function computes on the way is computed again for the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...custom_rules import checkpoint as _checkpoint
from ..tensor import adopt


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, **options: Any) -> Any:
    """function(*args), without keeping what it computes on the way.

    >>> import microgradient.torch as torch
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(7.3891)
    """
    for name in ("preserve_rng_state", "context_fn", "determinism_check", "debug", "early_stop"):
        options.pop(name, None)
    return adopt(_checkpoint(function)(*args, **options))


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **options: Any
) -> Any:
    """The functions one after the other, in so many parts, each with `checkpoint`."""
    parts = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = -(-len(parts) // segments)

    def run(some: list[Any]) -> Callable[[Any], Any]:
        def call(x: Any) -> Any:
            for f in some:
                x = f(x)
            return x

        return call

    for start in range(0, len(parts), size):
        input = checkpoint(run(parts[start : start + size]), input)
    return input
