"""Modules that hold modules or parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, cast

from ..errors import ArgumentTypeError, OutOfRangeError, as_given
from .module import Module
from .parameter import Parameter


class _Numbered(Module):
    """Parts named "0", "1", ... that behave like a list."""

    _part: type = Module

    def _named(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if isinstance(value, self._part)}

    def _name_at(self, index: int) -> str:
        names = [*self._named()]
        if not -len(names) <= index < len(names):
            raise OutOfRangeError("MG154", f"{type(self).__name__} has {len(names)} parts, there is none at {index}.")
        return names[index]

    def _replace_all(self, parts: list[Any]) -> None:
        for name in self._named():
            delattr(self, name)
        for i, part in enumerate(parts):
            self.add_module(str(i), part)

    def __len__(self) -> int:
        return len(self._named())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._named().values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return cast("Any", type(self))([*self][index])
        return getattr(self, self._name_at(index))

    def __setitem__(self, index: int, part: Any) -> None:
        setattr(self, self._name_at(index), self._checked(part))

    def __delitem__(self, index: int | slice) -> None:
        parts = [*self]
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
        parts = [*self]
        parts.insert(index, self._checked(part))
        self._replace_all(parts)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take one part out, and return it."""
        part = self[index]
        del self[index]
        return part

    def __add__(self, other: Iterable[Any]) -> Any:
        return cast("Any", type(self))([*self, *other])

    def __iadd__(self, other: Iterable[Any]) -> Any:
        return self.extend(other)

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
            self.extend(args)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)({name: getattr(self, name) for name in [*self._named()][index]})
        return super().__getitem__(index)

    def __delitem__(self, index: int | slice) -> None:
        names = [*self._named()][index]
        for name in [names] if isinstance(names, str) else names:
            delattr(self, name)
        if all(name.isdigit() for name in self._named()):
            self._replace_all([*self])

    def __add__(self, other: Iterable[Module]) -> Any:
        return type(self)(*self, *other)

    def __mul__(self, times: int) -> Any:
        """The modules repeated: the same ones, so they share their parameters."""
        return type(self)(*[*self] * self._times(times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Any:
        return self.extend([*self] * (self._times(times) - 1))

    def _times(self, times: int) -> int:
        if not isinstance(times, int) or times < 1:
            raise ArgumentTypeError(
                "MG152", f"A Sequential is repeated a whole number of times, at least once, got {as_given(times)}."
            )
        return times


class ModuleList(_Numbered):
    """A list of modules. (A plain list works as well: see `Module`.)

    >>> from microgradient import nn
    >>> len(ModuleList([nn.Linear(2, 2) for _ in range(3)]))
    3
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())


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


class _Named(Module, MutableMapping[str, Any]):
    """Parts by name: a mapping as dicts are."""

    _part: type = Module

    def __init__(self, parts: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self.update(parts or {})

    def __getitem__(self, key: str) -> Any:
        found = vars(self).get(key)
        if not isinstance(found, self._part):
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, part: Any) -> None:
        self._check_name(key)
        setattr(self, key, self._checked(key, part))

    def _checked(self, key: str, part: Any) -> Any:
        raise NotImplementedError

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in vars(self).items() if isinstance(value, self._part))

    def clear(self) -> None:
        """Take all out."""
        for key in list(self):
            del self[key]

    __eq__, __hash__ = Module.__eq__, Module.__hash__  # a module is itself alone


class ModuleDict(_Named):
    """Modules by name: a mapping as dicts are.

    >>> from microgradient import nn
    >>> list(ModuleDict({"a": nn.Linear(1, 1), "b": nn.ReLU()}))
    ['a', 'b']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__(modules)

    def _checked(self, key: str, part: Any) -> Module:
        if not isinstance(part, Module):
            raise ArgumentTypeError("MG152", f"ModuleDict holds modules, got {type(part).__name__} for {key!r}.")
        return part


class ParameterDict(_Named):
    """Parameters by name: a mapping as dicts are; tensors and arrays become parameters.

    >>> list(ParameterDict({"w": [1.0], "b": [2.0]}).state_dict())
    ['w', 'b']
    """

    _part = Parameter

    def __init__(self, parameters: Any = None) -> None:
        super().__init__(parameters)

    def _checked(self, key: str, part: Any) -> Parameter:
        return part if isinstance(part, Parameter) else Parameter(part)

    @classmethod
    def fromkeys(cls, keys: Iterable[str], default: Any) -> ParameterDict:
        """A mapping with one parameter for all keys, or copies of a tensor or array."""
        return cls(dict.fromkeys(keys, default))

    def copy(self) -> ParameterDict:
        """A new mapping with the same parameters."""
        return ParameterDict(dict(self))

    def __or__(self, other: Mapping[str, Any]) -> ParameterDict:
        return ParameterDict({**self, **other})

    def __ior__(self, other: Mapping[str, Any]) -> ParameterDict:
        self.update(other)
        return self

    def extra_repr(self) -> str:
        return ", ".join(f"({name}): {tuple(part.shape)}" for name, part in self.items())


class DataParallel(Module):
    """`module` run on all devices at once; here there is one, which threads share, so it is run as it is.

    >>> from microgradient import nn
    >>> list(DataParallel(nn.Linear(1, 1)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.dim = dim
        self.device_ids: list[Any] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
