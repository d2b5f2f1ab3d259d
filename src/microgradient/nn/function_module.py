"""A function of `nn.functional` as a module."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, dataclass_transform

from ..tensor import Tensor
from .module import Module


class _Signature:
    """The signature of a class, which its `__init__` has once it is made."""

    def __get__(self, instance: object, cls: type[FunctionModule]) -> inspect.Signature:
        cls._make()
        signature = inspect.signature(cls.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


@dataclass_transform(field_specifiers=(field,))
class FunctionModule(Module):
    """Calls `function` with its inputs and with its settings: the fields of a dataclass, named as the function's parameters.

    The classes become dataclasses when they are first used: a hundred of them would take longer than all other imports.
    """

    function: ClassVar[Callable[..., Tensor]]
    hidden: ClassVar[tuple[str, ...]] = ("inplace",)
    """The settings that `repr` does not show."""

    _settings: ClassVar[tuple[str, ...]] = ()
    __signature__ = _Signature()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        cls._make()
        return super().__new__(cls)

    @classmethod
    def _make(cls) -> None:
        for kind in reversed(cls.__mro__):
            ours = kind.__module__.startswith(str(__package__))  # what a class of the user's adds is no setting
            if ours and issubclass(kind, FunctionModule) and "_settings" not in vars(kind):
                kind._settings = ()  # `dataclass` asks for the signature itself
                kind._settings = tuple(each.name for each in fields(dataclass(repr=False, eq=False)(kind)))  # type: ignore[arg-type]

    def forward(self, *inputs: Tensor) -> Tensor:
        return type(self).function(*inputs, **{name: getattr(self, name) for name in self._settings})

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._settings if name not in self.hidden)
