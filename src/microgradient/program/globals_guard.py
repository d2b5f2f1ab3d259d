"""What a program depends on besides arguments, modules and optimisers: what the names in a function's code stand for.

These are the variables around a function (of enclosing functions, and of its file), and attributes of a user's own objects. The
program holds the tensors and numbers that were there when it was traced, so another one means another program. Functions that
the code mentions are followed, but not into this package and other libraries.
"""

from __future__ import annotations

import dis
import functools
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable
from operator import itemgetter
from types import CellType, CodeType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any

import numpy as np

from ..errors import TraceError
from ..scalar import Value
from ..tensor import Tensor
from ..trace_hooks import Traced
from .modules import fixed, same

_FAR = 8  # steps from the function to functions that functions mention, to objects in attributes of objects
_LONG = 64  # a container with more entries is known by itself and its length alone
_SMALL = 1 << 14  # bytes of the largest array whose values are compared if Python read them while tracing
_PLAIN = (Tensor, Value, Traced, np.ndarray, np.generic, str, bytes, int, float, complex, NoneType)
_CONTAINERS = (list, dict, set, deque)
_SETTINGS = (*_PLAIN, *_CONTAINERS, tuple)
_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState)
_WRITTEN_FOR_DATA = {  # by `dataclass`; they mention all attributes, of which the function may read few
    "__init__", "__repr__", "__eq__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__", "__match_args__",
}  # fmt: skip


class NameGuard:
    """Whether the names in a function's code stand for what they did. What the function changes itself is left out."""

    def __init__(
        self, function: Any, others: list[Any], before: NameGuard | None = None, read: Iterable[Any] = ()
    ) -> None:
        """`others`: arguments that are objects, and the modules whose `forward` ran; `before`: the guard made before it ran;
        `read`: arrays whose values are read at every call.
        """
        mentioned = _Mentioned([function, *others])
        spaces, cells = mentioned.found()
        own = set() if before is None else before._moved()
        self._cells = [(cell, cell.cell_contents, name) for name, cell in cells if (id(cell), name) not in own]
        self._variables = [(s, n, s[n]) for s, names in spaces for n in names if (id(s), n) not in own]
        self._containers = [(x, _entries(x)) for at, x in mentioned.containers.items() if (at, "") not in own]
        inputs = {id(x) for array in read for x in (array, array.base)} - {id(None)}
        known = {at for at, x in mentioned.arrays.items() if at in inputs or id(x.base) in inputs}
        self._arrays = [
            (x, x.tobytes()) for at, x in mentioned.arrays.items() if at not in known and (at, "") not in own
        ]
        self.generators = list(mentioned.generators.values())  # of random numbers
        self.codes = mentioned.codes
        self._absent = [(space, mentioned.attributes - space.keys()) for space in mentioned.instances.values()]
        self._prepare()

    def _prepare(self) -> None:
        """What is only equal to itself can be compared at once, many at a time; the others are compared one by one."""
        self._slow = [x for x in self._variables if not _is_only_itself(x[2])]
        self._quick = []
        names: dict[int, tuple[Any, list[str]]] = {}
        for space, name, value in self._variables:
            if _is_only_itself(value):
                names.setdefault(id(space), (space, []))[1].append(name)
        for space, several in names.values():
            get = itemgetter(*several, several[0])  # of one name, a tuple too
            self._quick.append((get, space, get(space)))
        self._lists = [(x, [*x]) for x, _ in self._containers if _holds_only_such(x)]
        lists = {id(x) for x, _ in self._lists}
        self._slow_containers = [(x, entries) for x, entries in self._containers if id(x) not in lists]

    def is_empty(self) -> bool:
        """Whether there are no such names."""
        return not (self._cells or self._variables or self._containers or self._arrays or self._absent)

    def holds(self) -> bool:
        """Whether they do."""
        try:
            for cell, value, _ in self._cells:
                if cell.cell_contents is not value and not same(cell.cell_contents, value):
                    return False
            for get, space, known in self._quick:
                if get(space) != known:
                    return False
            for space, name, value in self._slow:
                if space[name] is not value and not same(space[name], value):
                    return False
            for x, entries in self._lists:
                if x != entries:
                    return False
            for array, content in self._arrays:
                if array.tobytes() != content:
                    return False
            for space, names in self._absent:
                if not space.keys().isdisjoint(names):
                    return False
        except (KeyError, ValueError, TypeError):  # one was deleted, or became an array
            return False
        for y, held in self._slow_containers:  # noqa: SIM110 (a generator would cost more)
            if not same(held, _entries(y)):
                return False
        return True

    def changed(self) -> list[str]:
        """The names that stand for something else now."""
        moved = self._moved()
        names = [(id(cell), name, x) for cell, x, name in self._cells] + [(id(s), n, x) for s, n, x in self._variables]
        return list(dict.fromkeys(name for at, name, x in names if (at, name) in moved or _reaches(x, moved)))

    def changes(self) -> list[tuple[int, str, Any, Any]]:
        """Each cell and variable that holds something else now: where, its name, what it held, and what it holds."""
        now = [(id(cell), name, x, _contents(cell)) for cell, x, name in self._cells]
        now += [(id(space), name, x, space.get(name)) for space, name, x in self._variables]
        return [(at, name, before, x) for at, name, before, x in now if not same(before, x)]

    def refuse_kept(self, is_traced: Callable[[Any], bool]) -> None:
        """Raise TraceError where a name, or an entry of a container, became a traced tensor."""
        for cell, x, name in self._cells:
            if _contents(cell) is not x and _holds(_contents(cell), is_traced):
                cell.cell_contents = x
                raise _kept(name)
        for space, name, x in self._variables:
            if space.get(name) is not x and _holds(space.get(name), is_traced):
                if isinstance(space, dict):
                    space[name] = x
                raise _kept(name)
        for space, names in self._absent:
            for name in names & space.keys():
                if _holds(space[name], is_traced):
                    del space[name]
                    raise _kept(name)
        for container, _ in self._containers:
            for key, x in [*(container.items() if isinstance(container, dict) else enumerate(container))]:
                if _holds(x, is_traced):
                    self._put_back(is_traced)
                    raise _kept(f"[{key!r}]")

    def _put_back(self, is_traced: Callable[[Any], bool]) -> None:
        """Leave lists and dicts without traced tensors."""
        for container, entries in self._containers:
            if entries.__class__ is int or not isinstance(container, list | dict):
                continue
            known = dict(entries if isinstance(container, dict) else enumerate(entries))
            now = [*(container.items() if isinstance(container, dict) else enumerate(container))]
            for key, x in reversed(now):
                if is_traced(x) and key in known:
                    container[key] = known[key]
                elif is_traced(x):
                    del container[key]

    def _moved(self) -> set[tuple[int, str]]:
        """The cells and variables that hold something else now, and the containers that do."""
        found = {(at, name) for at, name, *_ in self.changes()}
        found |= {(id(x), "") for x, content in self._arrays if x.tobytes() != content}
        return found | {(id(x), "") for x, entries in self._containers if not same(entries, _entries(x))}


def _kept(name: str) -> TraceError:
    return TraceError(
        "MG203",
        f"`{name}` was set to a tensor or Value computed in the compiled function, which would not be set again when the program "
        f"runs. Return it and pass it in as an argument, or let `{name}` be what it was and write `.data = value.data` to it.",
    )


def _holds(x: Any, is_traced: Callable[[Any], bool], far: int = 3) -> bool:
    """Whether something is a traced tensor, or a container around one."""
    if not isinstance(x, list | tuple | dict):
        return is_traced(x)
    return far > 0 and any(_holds(part, is_traced, far - 1) for part in (x.values() if isinstance(x, dict) else x))


def _reaches(x: Any, moved: set[tuple[int, str]], far: int = _FAR) -> bool:
    """Whether a container, or one inside of it, is among those that changed."""
    if (id(x), "") in moved:
        return True
    if not far or not isinstance(x, list | tuple | dict) or len(x) > _LONG:
        return False
    return any(_reaches(part, moved, far - 1) for part in (x.values() if isinstance(x, dict) else x))


def _is_only_itself(x: Any) -> bool:
    """Whether `==` says whether it is the same."""
    return getattr(type(x), "__eq__", None) == object.__eq__ or isinstance(x, str | bytes | NoneType)


def _holds_only_such(x: Any) -> bool:
    return isinstance(x, list) and len(x) <= _LONG and all(map(_is_only_itself, x))


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # deleted
        return None


class _Mentioned:
    """The variables and attributes that functions mention, found by following them."""

    def __init__(self, beginning: list[Any]) -> None:
        self.beginning = beginning
        self.attributes: set[str] = set()
        self.cells: dict[int, tuple[str, CellType]] = {}
        self.spaces: dict[int, tuple[Any, set[str]]] = {}
        self.containers: dict[int, Any] = {}
        self.arrays: dict[int, np.ndarray[Any, Any]] = {}
        self.instances: dict[int, dict[str, Any]] = {}
        self.generators: dict[int, Any] = {}
        self.codes: set[CodeType] = set()
        self.seen: set[int] = set()

    def found(self) -> tuple[list[tuple[Any, list[str]]], list[tuple[str, CellType]]]:
        """The names in each mapping of variables or attributes, and the cells of enclosing functions with their names."""
        known = -1
        while len(self.attributes) > known:  # code met late may mention attributes of objects met before
            known = len(self.attributes)
            self.seen.clear()
            for x in self.beginning:
                self._follow(x, _FAR)
        return [(space, sorted(names)) for space, names in self.spaces.values() if names], list(self.cells.values())

    def _follow(self, x: Any, far: int) -> None:
        if isinstance(x, np.ndarray) and x.nbytes <= _SMALL:
            self.arrays[id(x)] = x
        if not far or id(x) in self.seen or isinstance(x, _PLAIN):
            return
        self.seen.add(id(x))
        if isinstance(x, _CONTAINERS):
            self.containers[id(x)] = x
        if isinstance(x, _GENERATORS) and not isinstance(x, random.SystemRandom):  # which has no state
            self.generators[id(x)] = x
        elif isinstance(x, FunctionType):
            self._function(x, far - 1)
        elif isinstance(x, MethodType):
            self._follow(x.__func__, far)
            self._follow(x.__self__, far)
        elif isinstance(x, staticmethod | classmethod):
            self._follow(x.__func__, far)
        elif isinstance(x, functools.partial):
            for part in (x.func, *x.args, *x.keywords.values()):
                self._follow(part, far)
        elif isinstance(x, list | tuple | dict) and len(x) <= _LONG:
            for part in x.values() if isinstance(x, dict) else x:
                self._follow(part, far - 1)
        elif isinstance(x, ModuleType | type):
            names = self.attributes
            if _is_of_a_library(x):  # settings alone: to look at every function that is mentioned would cost more
                names = {n for n in names if isinstance(x, ModuleType) and isinstance(vars(x).get(n, x), _SETTINGS)}
            self._note(id(x), vars(x), names, far - 1)
        elif hasattr(x, "__dict__") or hasattr(x, "__slots__"):
            self._object(x, far - 1)

    def _function(self, f: FunctionType, far: int) -> None:
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            self.cells[id(cell)] = name, cell
            self._follow(value, far)
        if not _is_of_a_library(f):
            self.codes.add(f.__code__)
            variables, attributes, imported = _names(f.__code__)
            self.attributes |= attributes
            for name in imported:
                self._follow(sys.modules.get(name), far)
            self._note(id(f.__globals__), f.__globals__, variables, far)
            defaults = {str(k): x for k, x in enumerate(f.__defaults__ or ())} | (f.__kwdefaults__ or {})
            self._note(id(f.__code__), defaults, defaults.keys(), far)

    def _object(self, x: Any, far: int) -> None:
        """A module's attributes have a guard of their own, but objects and containers in them have not; of compiled functions,
        only what they compile is of interest, of other objects of libraries their attributes and not their methods.
        """
        space = vars(x) if hasattr(x, "__dict__") else _Slots(x)
        if _is_of_a_library(type(x)):
            self._follow(getattr(x, "_function", None), far)
            if _package(type(x)) != "microgradient":
                self._note(id(x), space, self.attributes, far)
            if isinstance(space, dict) and _package(type(x)) in ("types", "argparse"):  # their namespaces
                self.instances[id(x)] = space
            return
        cls: Any = type(x)
        for name in {"__call__", "forward", *self.attributes, *_unmentioned(cls)}:
            method = getattr(cls, name, None)
            self._follow(method.fget if isinstance(method, property) else method, far)
        if hasattr(type(x), "named_parameters"):
            for name in space.keys() & self.attributes:
                self._follow(space[name], far)
        else:
            self._note(id(x), space, self.attributes, far)
            if isinstance(space, dict):
                self.instances[id(x)] = space
        for base in type(x).__mro__:
            self._follow(base, far + 1)

    def _note(self, at: int, space: Any, names: Iterable[str], far: int) -> None:
        _, known = self.spaces.setdefault(at, (space, set()))
        for name in space.keys() & names:
            known.add(name)
            self._follow(space[name], far)


@functools.cache
def _unmentioned(cls: type) -> frozenset[str]:
    """The methods of a user's class that run without being mentioned, for operators, `with`, `for`, `len`, and so on."""
    own = [vars(base) for base in cls.__mro__ if not _is_of_a_library(base)]
    special = {name for names in own for name in names if name.startswith("__") and name.endswith("__")}
    return frozenset(special - _WRITTEN_FOR_DATA)


class _Slots:
    """The attributes of an object without a dict of them, as a mapping."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def keys(self) -> set[str]:
        """The names of slots that hold something."""
        slots = [getattr(base, "__slots__", ()) for base in type(self.x).__mro__]
        names = {name for s in slots for name in ([s] if isinstance(s, str) else s)}
        return {name for name in names if hasattr(self.x, name)}

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def get(self, name: str) -> Any:
        """The attribute; None if it was deleted."""
        return getattr(self.x, name, None)


@functools.cache
def _names(code: CodeType) -> tuple[frozenset[str], ...]:
    """The variables of the file and the attributes that code reads, and the modules that it imports itself.

    Those of functions written in it are included.
    """
    variables, attributes, imported = set(), set(), set()
    for i in dis.get_instructions(code):
        if i.opname.startswith(("LOAD_GLOBAL", "LOAD_NAME")):
            variables.add(i.argval)
        elif i.opname.startswith(_OF_ATTRIBUTES):
            attributes.add(i.argval)
        elif i.opname == "IMPORT_NAME":
            imported.add(i.argval)
    if not variables.isdisjoint(("getattr", "hasattr")):
        attributes |= {part for part in code.co_consts if isinstance(part, str) and part.isidentifier()}
    for part in code.co_consts:
        if isinstance(part, CodeType):
            more = _names(part)
            variables |= more[0]
            attributes |= more[1]
            imported |= more[2]
    return frozenset(variables), frozenset(attributes), frozenset(imported)


_OF_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "LOAD_SUPER_ATTR")  # the last from Python 3.12 on


def _entries(x: Any) -> Any:
    if len(x) > _LONG:
        return len(x)
    return fixed(x if isinstance(x, list | dict) else list(x), 2)  # containers in it are known by themselves


@functools.cache
def _is_library(package: str) -> bool:
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    installed = "site-packages" in file or "dist-packages" in file  # the latter is Debian's and Colab's
    return installed or package in ("microgradient", "builtins", *sys.stdlib_module_names)


def _is_of_a_library(x: Any) -> bool:
    """Whether a class, function or module is of a library."""
    return _is_library(_package(x))


def _package(x: Any) -> str:
    name = x.__name__ if isinstance(x, ModuleType) else getattr(x, "__module__", None) or ""
    return name.partition(".")[0]
