"""A function of `nn.functional` as a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..tensor import Tensor
from .module import Module


class FunctionModule(Module):
    """Calls `function` with its inputs and with its settings, which are attributes named as the function's parameters."""

    function: ClassVar[Callable[..., Tensor]]
    shown: ClassVar[tuple[str, ...] | None] = None
    """The settings that `repr` shows; None: all."""

    _settings: tuple[str, ...] = ()

    def keep(self, **settings: Any) -> None:
        """Keep settings for the function, as attributes."""
        for name, value in settings.items():
            setattr(self, name, value)
        self._settings += tuple(settings)

    def forward(self, *inputs: Tensor) -> Tensor:
        return type(self).function(*inputs, **{name: getattr(self, name) for name in self._settings})

    def extra_repr(self) -> str:
        names = self._settings if self.shown is None else self.shown
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
