"""Functions that an optimiser calls before or after what it does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

Hook = Callable[..., Any]
_KEYS = itertools.count()


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again, as does leaving a `with` block.

    >>> hooks = {}
    >>> with add_hook(hooks, print):
    ...     len(hooks)
    1
    >>> len(hooks)
    0
    """

    def __init__(self, hooks: dict[int, Hook], key: int) -> None:
        self.hooks, self.key = hooks, key

    def remove(self) -> None:
        """Take the hook away, if it is still there."""
        self.hooks.pop(self.key, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def add_hook(hooks: dict[int, Hook], hook: Hook, first: bool = False) -> RemovableHandle:
    """Add a hook after the others, or before them if `first`."""
    key, others = next(_KEYS), dict(hooks) if first else {}
    for k in others:
        del hooks[k]
    hooks[key] = hook
    hooks.update(others)
    return RemovableHandle(hooks, key)
