"""Recording turned on and off, as in PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ... import tape
from ...tape import TAPE, enable_grad, is_grad_enabled, no_grad, recording

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]


class inference_mode(no_grad):  # noqa: N801 (PyTorch's name)
    """As `no_grad`; `inference_mode(False)` changes nothing."""

    def __new__(cls, mode: Any = True) -> Any:
        return cls()(mode) if callable(mode) else object.__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = mode

    def __enter__(self) -> None:
        self._inner = no_grad() if self.mode else None
        if self._inner is not None:
            self._inner.__enter__()

    def __exit__(self, *error: object) -> None:
        if self._inner is not None:
            self._inner.__exit__(*error)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return no_grad()(function) if self.mode else function


class set_grad_enabled:  # noqa: N801 (PyTorch's name)
    """Record from now on, or not; as a context, until its end.

    >>> import microgradient.torch as torch
    >>> with torch.set_grad_enabled(False):
    ...     torch.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self._before = recording.get()
        self._set(self.mode)

    def _set(self, mode: bool) -> None:
        recording.set((self._before or TAPE) if mode else None)

    def __enter__(self) -> None:
        self._set(self.mode)

    def __exit__(self, *_: object) -> None:
        recording.set(self._before)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self._set(self._before is not None)
        context = tape.enable_grad if self.mode else tape.no_grad

        @functools.wraps(function)
        def decorated(*args: Any, **options: Any) -> Any:
            with context():
                return function(*args, **options)

        return decorated
