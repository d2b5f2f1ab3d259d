"""What a program depends on in modules: the attributes that were read while it was traced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .names import is_plain, same

Reads = dict[int, tuple[Any, dict[str, Any]]]
"""For each module (by id) itself, and what its attributes were when they were first read."""

_MISSING = object()  # of the class, not of the module itself, and no plain value


def note_read(reads: Reads, module: Any, name: str) -> None:
    """Remember the attribute `name` of a module as it is now. `__dict__` stands for all tensors and modules in it."""
    _, seen = reads.setdefault(id(module), (module, {}))
    if name not in seen:
        seen[name] = _now(module, name)


class ModuleGuard:
    """Whether the attributes that were read are as they were. What the function changes itself is left out."""

    def __init__(self, reads: Reads) -> None:
        held = [(module, name, value) for module, seen in reads.values() for name, value in seen.items()]
        self._held = [(module, name, value) for module, name, value in held if same(value, _now(module, name))]
        found = [x for module, name, _ in self._held for x in _containers(vars(module), name)]
        self._containers = [(x, fixed(x)) for x in {id(x): x for x in found}.values()]

    def holds(self) -> bool:
        """Whether every attribute is as it was: needed only after one of some module was set."""
        return all([same(value, _now(module, name)) for module, name, value in self._held])

    def has_containers(self) -> bool:
        """Whether there are any of these."""
        return bool(self._containers)

    def containers_hold(self) -> bool:
        """Whether lists and dicts hold what they did: they change without being set."""
        return all([same(value, fixed(x)) for x, value in self._containers])


def _now(module: Any, name: str) -> Any:
    attributes: dict[str, Any] = object.__getattribute__(module, "__dict__")
    if name != "__dict__":
        if name in attributes:
            return fixed(attributes[name])
        of_class = getattr(type(module), name, _MISSING)  # such as `training`, until it is set
        return of_class if is_plain(of_class) else _MISSING
    return tuple([(key, fixed(x)) for key, x in attributes.items() if _has_parts(x)])


def _containers(attributes: Mapping[str, Any], name: str) -> list[Any]:
    values = attributes.values() if name == "__dict__" else [attributes.get(name)]
    return [x for x in values if isinstance(x, list | dict) and (name != "__dict__" or _has_parts(x))]


def _has_parts(value: Any) -> bool:
    """Whether a value is more than numbers and texts."""
    if isinstance(value, dict):
        return any(map(_has_parts, value.values()))
    return any(map(_has_parts, value)) if isinstance(value, list | tuple) else not is_plain(value)


def fixed(value: Any, depth: int = 3) -> Any:
    """A value that stays as it is: a tuple of what a list or dict holds."""
    if not isinstance(value, list | tuple | dict) or not depth:
        return value
    return tuple([fixed(x, depth - 1) for x in (value.items() if isinstance(value, dict) else value)])
