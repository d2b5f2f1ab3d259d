"""Names: what the names in a function's code stand for, looked at before its program runs again.

Looked at are the variables of the function's file that its code reads, the variables of enclosing functions, and the defaults of
its arguments; the same of functions of its own package that it calls as `f(…)`, `module.f(…)` or `object.f(…)`; and
`module.name` of modules of that package. The function itself is what a `functools.partial`, a method, a decorator that keeps
`__wrapped__`, an object's `__call__` or a module's `forward` leads to, and functions and lambdas written in it belong to it.

A name must stand for the same object, or for an equal number, string, boolean or None, or a tuple of these. The values of an
array of up to 16 kB must be the same, too, unless the program reads it: then they are an input, as those of tensors always are.
A name that the function itself sets is known by what it was after the trace. Entries of other containers, attributes of objects
and classes, and what functions further away read, are constants of the program.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Iterable
from operator import attrgetter, is_
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any, NamedTuple

import numpy as np

_PLAIN = (bool, int, float, complex, str, bytes, np.generic, NoneType)
_SMALL = 1 << 14  # bytes of the largest array whose values are compared
_contents: Callable[[Any], Any] = attrgetter("cell_contents")
_defaults: Callable[[Any], Any] = attrgetter("__defaults__", "__kwdefaults__")


class Name(NamedTuple):
    """A name, what it stood for, and where that is: in a dict, a cell, or the defaults of a function."""

    name: str
    value: Any
    home: Any

    def now(self) -> Any:
        """What it stands for now; None if it was deleted."""
        if isinstance(self.home, dict):
            return self.home.get(self.name)
        return _held(self.home) if isinstance(self.home, CellType) else _defaults(self.home)

    def put_back(self) -> None:
        """Let it stand for that again."""
        if isinstance(self.home, dict):
            self.home[self.name] = self.value
        elif isinstance(self.home, CellType):
            self.home.cell_contents = self.value


class Names:
    """The names in the code of `function`, and what they stand for now. `objects` are arguments that are no numbers."""

    def __init__(self, function: Any, objects: Iterable[Any] = ()) -> None:
        found: dict[tuple[int, str], Name] = {}
        self.codes: list[CodeType] = []
        first, bound = _unwrapped(function)
        own = {_package(f) for f in first}
        self.values = [*bound, *objects]
        called = []
        for f in first:
            attributes = _names(f.__code__)[1]
            mentioned = _named(f, found)
            self.codes.append(f.__code__)
            for x in [*mentioned, *self.values]:
                called.append(x)
                if _package(x if isinstance(x, ModuleType | type) else type(x)) in own:
                    called += [inspect.getattr_static(x, name, None) for name in attributes]
                    if isinstance(x, ModuleType):
                        found |= {(id(x), n): Name(n, vars(x)[n], vars(x)) for n in attributes & vars(x).keys()}
        for x in called:
            for f in _unwrapped(x)[0]:
                if _package(f) in own:
                    _named(f, found)
                    self.codes.append(f.__code__)
        self.names = [*found.values()]
        self.values += [x for name in self.names for x in _values(name)]
        arrays = {id(x): x for x in self.values if isinstance(x, np.ndarray) and x.nbytes <= _SMALL}
        self._arrays = [(x, x.tobytes()) for x in arrays.values()]
        self._looks: list[tuple[Callable[[Any], Any], list[Any], list[Any]]] = []
        for home in {id(x.home): x.home for x in self.names if isinstance(x.home, dict)}.values():
            here = [x for x in self.names if x.home is home]
            self._looks.append((home.get, [x.name for x in here], [x.value for x in here]))
        for look, kind in ((_contents, CellType), (_defaults, FunctionType)):
            here = [x for x in self.names if isinstance(x.home, kind)]
            if here:
                self._looks.append((look, [x.home for x in here], [x.value for x in here]))

    def are_inputs(self, arrays: Iterable[Any]) -> None:
        """These arrays are inputs of the program, so their values may change."""
        inputs = {id(x) for array in arrays for x in (array, array.base)} - {id(None)}
        self._arrays = [(x, y) for x, y in self._arrays if id(x) not in inputs and id(x.base) not in inputs]

    def hold(self) -> bool:
        """Whether all names stand for what they did."""
        try:
            for look, where, values in self._looks:
                if not all(map(is_, map(look, where), values)) and not all(map(same, map(look, where), values)):
                    return False
        except ValueError:  # a variable was deleted
            return False
        return not self._arrays or all([array.tobytes() == content for array, content in self._arrays])

    def changed(self) -> list[Name]:
        """The names that stand for something else now."""
        arrays = {id(x) for x, content in self._arrays if x.tobytes() != content}
        return [x for x in self.names if not same(x.now(), x.value) or id(x.value) in arrays]


def same(a: Any, b: Any) -> bool:
    """Whether a name that stands for `a` and one that stands for `b` mean the same."""
    if a is b:
        return True
    if isinstance(a, tuple) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and isinstance(a, _PLAIN) and repr(a) == repr(b)  # which tells 0.0 from -0.0


def is_plain(x: Any) -> bool:
    """Whether something is a number, string, boolean or None."""
    return isinstance(x, _PLAIN)


def _named(f: FunctionType, found: dict[tuple[int, str], Name]) -> list[Any]:
    """Add the names of one function; what they stand for."""
    names = [Name(n, f.__globals__.get(n), f.__globals__) for n in _names(f.__code__)[0]]  # None: one of Python's own
    cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    names += [Name(n, _held(cell), cell) for n, cell in cells if cell != CellType()]
    names += [Name(n, x, f.__kwdefaults__) for n, x in (f.__kwdefaults__ or {}).items()]
    if f.__defaults__ or f.__kwdefaults__:
        names.append(Name(f"a default of {f.__name__}", _defaults(f), f))
    found |= {(id(x.home), x.name): x for x in names}
    return [x for name in names for x in _values(name)]


def _values(name: Name) -> tuple[Any, ...]:
    return (name.value,) if not isinstance(name.home, FunctionType) else name.value[0] or ()


@functools.lru_cache(maxsize=1024)
def _names(code: CodeType) -> tuple[set[str], set[str]]:
    """The variables of its file and the attributes that code reads, with those of the functions written in it."""
    variables, attributes = set(), set()
    for i in dis.get_instructions(code):
        if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            variables.add(i.argval)
        elif i.opname in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"):
            attributes.add(i.argval)
    for part in code.co_consts:
        if isinstance(part, CodeType):
            more = _names(part)
            variables |= more[0]
            attributes |= more[1]
    return variables, attributes


def _unwrapped(x: Any) -> tuple[list[FunctionType], list[Any]]:
    """The Python functions that a call of `x` begins with, and the objects that they are bound to."""
    functions: list[FunctionType] = []
    bound: list[Any] = []
    todo, seen = [x], {id(None)}
    while todo:
        x = todo.pop()
        if id(x) in seen or isinstance(x, type):
            continue
        seen.add(id(x))
        if isinstance(x, FunctionType):
            functions += [x] if _package(x) != "microgradient" else []
        elif isinstance(x, MethodType):
            bound.append(x.__self__)
            todo.append(x.__func__)
        elif isinstance(x, functools.partial):
            bound += [*x.args, *x.keywords.values()]
            todo.append(x.func)
        elif isinstance(x, staticmethod | classmethod):
            todo.append(x.__func__)
        elif callable(x) and not isinstance(x, BuiltinFunctionType):
            bound.append(x)
            todo += [inspect.getattr_static(type(x), name, None) for name in ("forward", "__call__")]
        todo.append(inspect.getattr_static(x, "__wrapped__", None))
    return functions, bound


def _held(cell: CellType) -> Any:
    return None if cell == CellType() else cell.cell_contents  # of an enclosing function's variable; empty if deleted


def _package(x: Any) -> str:
    name = x.__name__ if isinstance(x, ModuleType) else getattr(x, "__module__", None) or ""
    return name.partition(".")[0]
