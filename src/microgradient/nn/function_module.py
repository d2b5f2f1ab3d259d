"""A function of `nn.functional` as a module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import ClassVar, dataclass_transform

from ..tensor import Tensor
from .module import Module


@dataclass_transform(field_specifiers=(field,))
class FunctionModule(Module):
    """Calls `function` with its inputs and with its settings: the fields of a dataclass, named as the function's parameters."""

    function: ClassVar[Callable[..., Tensor]]
    hidden: ClassVar[tuple[str, ...]] = ("inplace",)
    """The settings that `repr` does not show."""

    _settings: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        if cls.__module__.startswith(str(__package__)):  # what a class of the user's adds is no setting
            cls._settings = tuple(each.name for each in fields(dataclass(repr=False, eq=False)(cls)))  # type: ignore[arg-type]

    def forward(self, *inputs: Tensor) -> Tensor:
        return type(self).function(*inputs, **{name: getattr(self, name) for name in self._settings})

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings if name not in self.hidden)
