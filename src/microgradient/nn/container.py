"""Modules that hold modules or parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from ..errors import ArgumentTypeError, OutOfRangeError
from .module import Module
from .parameter import Parameter


class _Numbered(Module):
    """Parts named "0", "1", ... that behave like a list."""

    _part: type = Module

    def _parts(self) -> list[Any]:
        return [value for value in vars(self).values() if isinstance(value, self._part)]

    def _names(self) -> list[str]:
        return [name for name, value in vars(self).items() if isinstance(value, self._part)]

    def _name_at(self, index: int) -> str:
        names = self._names()
        if not -len(names) <= index < len(names):
            raise OutOfRangeError("MG154", f"{type(self).__name__} has {len(names)} parts, there is none at {index}.")
        return names[index]

    def _replace_all(self, parts: list[Any]) -> None:
        for name in self._names():
            delattr(self, name)
        for i, part in enumerate(parts):
            self.add_module(str(i), part)

    def __len__(self) -> int:
        return len(self._parts())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parts())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return cast("Any", type(self))(self._parts()[index])
        return getattr(self, self._name_at(index))

    def __setitem__(self, index: int, part: Any) -> None:
        setattr(self, self._name_at(index), self._checked(part))

    def __delitem__(self, index: int | slice) -> None:
        parts = self._parts()
        del parts[index]
        self._replace_all(parts)

    def append(self, part: Any) -> Any:
        """Add one part at the end; returns self."""
        self.add_module(str(len(self)), self._checked(part))
        return self

    def extend(self, parts: Iterable[Any]) -> Any:
        """Add parts at the end; returns self."""
        for part in parts:
            self.append(part)
        return self

    def insert(self, index: int, part: Any) -> Any:
        """Put one part before position `index`; returns self."""
        parts = self._parts()
        parts.insert(index, self._checked(part))
        self._replace_all(parts)
        return self

    def _checked(self, part: Any) -> Any:
        if not isinstance(part, self._part):
            kind = "parameters" if self._part is Parameter else "modules"
            raise ArgumentTypeError(
                "MG152",
                f"{type(self).__name__} holds {kind}, got {type(part).__name__}."
                + (f" Write `{part.__name__}()`, with brackets." if isinstance(part, type) else ""),
            )
        return part


class Sequential(_Numbered):
    """Modules one after the other: each gets what the one before gives.

    Takes modules, or an `OrderedDict` of names and modules. Slices are Sequentials of the same modules.

    >>> import microgradient as mg
    >>> from microgradient import nn
    >>> Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))(mg.ones((5, 2))).shape
    (5, 1)
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, self._checked(module))
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), self._checked(module))

    def forward(self, input: Any) -> Any:
        for module in self._parts():
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)({name: getattr(self, name) for name in self._names()[index]})
        return super().__getitem__(index)

    def __delitem__(self, index: int | slice) -> None:
        names = self._names()[index]
        for name in [names] if isinstance(names, str) else names:
            delattr(self, name)
        if all(name.isdigit() for name in self._names()):
            self._replace_all(self._parts())


class ModuleList(_Numbered):
    """A list of modules. (A plain list works as well: see `Module`.)

    >>> from microgradient import nn
    >>> len(ModuleList([nn.Linear(2, 2) for _ in range(3)]))
    3
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])


class ParameterList(_Numbered):
    """A list of parameters; tensors and arrays become parameters.

    >>> list(ParameterList([[1.0], [2.0]]).state_dict())
    ['0', '1']
    """

    _part = Parameter

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _checked(self, part: Any) -> Parameter:
        return part if isinstance(part, Parameter) else Parameter(part)

    def extra_repr(self) -> str:
        return ", ".join(f"({i}): {tuple(part.shape)}" for i, part in enumerate(self))


class ModuleDict(Module):
    """Modules by name.

    >>> from microgradient import nn
    >>> list(ModuleDict({"a": nn.Linear(1, 1), "b": nn.ReLU()}))
    ['a', 'b']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Module:
        if not isinstance(vars(self).get(key), Module):
            raise KeyError(key)
        return cast("Module", vars(self)[key])

    def __setitem__(self, key: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise ArgumentTypeError("MG152", f"ModuleDict holds modules, got {type(module).__name__} for {key!r}.")
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: str) -> bool:
        return isinstance(vars(self).get(key), Module)

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, value in vars(self).items() if isinstance(value, Module)]

    def values(self) -> list[Module]:
        """The modules."""
        return [value for value in vars(self).values() if isinstance(value, Module)]

    def items(self) -> list[tuple[str, Module]]:
        """(name, module)."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Module)]

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add or replace modules."""
        for key, module in modules.items():
            self[key] = module

    def pop(self, key: str) -> Module:
        """Take a module out."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all out."""
        for key in self.keys():
            del self[key]
