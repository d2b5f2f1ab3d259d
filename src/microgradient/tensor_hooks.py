"""Hooks: functions of the user's that see, and may replace, the gradient of a tensor while it passes.

Nothing is asked of tensors that have none: a sweep looks once whether there is any hook at all.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, MutableMapping
from typing import Any

Hooks = tuple[Callable[..., Any], ...]

ON_COTANGENT: weakref.WeakKeyDictionary[Any, Hooks] = weakref.WeakKeyDictionary()
"""By node: functions of its complete cotangent, each of which returns what goes on instead."""

ON_CONTRIBUTIONS: weakref.WeakKeyDictionary[Any, Hooks] = weakref.WeakKeyDictionary()
"""By node: functions of its cotangent and of what it sends to its parents, each of which returns what is sent instead."""

AFTER_ACCUMULATION: weakref.WeakKeyDictionary[Any, Hooks] = weakref.WeakKeyDictionary()
"""By leaf: functions without arguments, called when a backward pass has added to its gradient."""


added = [False]
"""Whether there ever was a hook. A weak dictionary takes longer than an operation to say that it is empty."""


class RemovableHandle:
    """What registering a hook gives: `remove()` takes it away again, and so does the end of a `with` block.

    >>> import microgradient as mg
    >>> x = mg.tensor([1.0], requires_grad=True)
    >>> with x.register_hook(lambda g: g * 10.0):
    ...     mg.sum(x).backward()
    >>> x.grad
    tensor([10.])
    """

    def __init__(self, remove: Callable[[], None]) -> None:
        self._remove = remove

    def remove(self) -> None:
        """Take the hook away."""
        self._remove()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def add_hook(hooks: MutableMapping[Any, Hooks], node: Any, hook: Callable[..., Any]) -> RemovableHandle:
    """Register a hook of a node, after those that it has."""
    added[0] = True
    hooks[node] = (*hooks.get(node, ()), hook)
    held = weakref.ref(node)

    def remove() -> None:
        if (node := held()) is not None and node in hooks:
            rest = tuple(h for h in hooks[node] if h is not hook)
            if rest:
                hooks[node] = rest
            else:
                del hooks[node]

    return RemovableHandle(remove)
