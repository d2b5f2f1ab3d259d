"""`torch.utils.checkpoint`: what a function computes on the way is computed again for the backward pass."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

from ... import trace_hooks
from ...custom_rules import checkpoint as _checkpoint
from ..random import default_generator
from ..tensor import adopt


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, **options: Any) -> Any:
    """function(*args), without keeping what it computes on the way.

    >>> import microgradient.torch as torch
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(7.3891)
    """
    preserved = options.pop("preserve_rng_state", True)
    for name in ("context_fn", "determinism_check", "debug", "early_stop"):
        options.pop(name, None)
    if preserved and trace_hooks.current() is None:
        function = _drawing_the_same(function)
    return adopt(_checkpoint(function)(*args, **options))


def _drawing_the_same(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, drawing in every later call the random numbers that it draws in the first."""
    start, calls = default_generator.get_state(), itertools.count()

    @functools.wraps(function, updated=())
    def call(*args: Any, **options: Any) -> Any:
        if not next(calls):
            return function(*args, **options)
        now = default_generator.get_state()
        default_generator.set_state(start)
        try:
            return function(*args, **options)
        finally:
            default_generator.set_state(now)

    return call


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
        input = checkpoint(run(parts[start : start + size]), input, **options)
    return input
