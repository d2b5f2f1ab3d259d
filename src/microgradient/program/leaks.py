"""Leaks: what is traced must not stay in a variable, a container or an object when the trace is over.

The program would not put it there again, and it has no value outside. Python numbers that the function counts up are no error
but a warning: the program has the first one for ever.
"""

from __future__ import annotations

import dis
import pickle
import random
from collections import deque
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..errors import TraceError, warn_once
from .modules import Reads
from .names import Names, same

_FAR = 3  # containers in containers that are looked into
_LONG = 64  # entries of a container that are looked into
_ATTRIBUTE = "{}"
_BETWEEN_THREADS = ("threading", "queue", "concurrent.futures._base")
_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState)


class Leaks:
    """The names of a function, and copies of the containers that they lead to, as they were before a trace."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._kept: dict[
            int, tuple[Any, Any, str]
        ] = {}  # a container or an object's dict, a copy, and how an entry is shown
        self._generators: list[Any] = []
        for x in names.values:
            self._keep(x, _FAR)
        self._draws = self._states()

    def refuse(self, is_traced: Callable[[Any], bool]) -> None:
        """Raise TraceError where a traced tensor or Value stays behind, after putting back what was there."""
        found = [x.name for x in self.names.changed() if _holds(x.now(), is_traced)]
        for x in self.names.changed() if found else ():
            x.put_back()
        for space, before, form in self._kept.values():
            now = dict(_entries(space))
            known = dict(_entries(before))
            bad = [k for k, x in now.items() if x is not known.get(k, now) and _holds(x, is_traced)]
            found += [form.format(k) for k in bad]
            if bad:
                refill(space, before)
        if found:
            raise TraceError(
                "MG203",
                f"`{found[0]}` was set to a tensor or Value computed in the compiled function, which would not be set again "
                f"when the program runs. Return it and pass it in as an argument, or let `{found[0]}` be what it was and write "
                "`.data = value.data` to it.",
            )

    def contents(self) -> list[tuple[Any, Any]]:
        """The containers, and copies of what they hold now."""
        return [(space, space.copy()) for space, *_ in self._kept.values()]

    def put_back(self) -> None:
        """Let names, containers and random numbers be what they were."""
        for name in self.names.changed():
            name.put_back()
        for space, before, _ in self._kept.values():
            now, then = _entries(space), _entries(before)
            if len(now) != len(then) or any(map(_other, now, then)):
                refill(space, before)
        python, numpy, *generators = map(pickle.loads, self._draws)
        random.setstate(python)
        np.random.set_state(numpy)
        for generator, then in zip(self._generators, generators, strict=True):
            if isinstance(generator, np.random.Generator):
                generator.bit_generator.state = then.bit_generator.state
            else:
                generator.__setstate__(then.__getstate__())

    def warn(self, function: Any, modules: Reads) -> None:
        """Warn of numbers that the function read and then set, and of random numbers of Python and NumPy."""
        changed = [(x.name, x.value, x.now(), self.names.codes) for x in self.names.changed()]
        for module, seen in modules.values():
            codes = [type(module).forward.__code__] if hasattr(type(module).forward, "__code__") else []
            changed += [(name, x, vars(module).get(name), self.names.codes + codes) for name, x in seen.items()]
        for space, before, form in self._kept.values():
            if form == _ATTRIBUTE:
                changed += [(name, x, space.get(name), self.names.codes) for name, x in before.items()]
        for name, before, now, codes in changed:
            numbers = type(before) in (int, float) and type(now) in (int, float)
            if numbers and not same(before, now) and sum(_uses(code, name) for code in {*codes}) > 0:
                warn_once(
                    "MG216",
                    f"The compiled function changed `{name}` from {before} to {now} while it was traced, and reads it: its "
                    f"program neither changes it nor sees another value at later calls. Change `{name}` outside, and pass it in "
                    "as a float or a tensor.",
                )
        if self._states() != self._draws:
            warn_once(
                "MG216",
                f"`{getattr(function, '__name__', function)}` draws random numbers with Python's `random` or `np.random` while "
                "it is traced: every call of the compiled function will use these same ones. Draw outside, and pass the numbers "
                "as arguments; draws of tensors by `mg.` functions are new at every call.",
            )

    def _keep(self, x: Any, far: int, called: str = "") -> None:
        if isinstance(x, _GENERATORS) and not isinstance(x, random.SystemRandom):  # which has no state
            self._generators.append(x)
        if type(x).__module__ in _BETWEEN_THREADS:  # others wait there, whom a copy put back would forget
            return
        space = x if isinstance(x, list | dict | deque) else _attributes(x)
        if space is not None and id(space) not in self._kept:
            self._kept[id(space)] = space, space.copy(), called + "[{!r}]" if space is x else _ATTRIBUTE
            for _, part in _entries(space)[:_LONG] if far else ():
                self._keep(part, far - 1, called and called + "[…]")
        if hasattr(type(x), "named_parameters"):  # a module: its attributes are guarded, what its lists hold is not
            for module in x.modules():
                for name, part in vars(module).items():
                    if isinstance(part, list | dict | deque):
                        self._keep(part, far, f"{type(module).__name__}.{name}")

    def _states(self) -> list[bytes]:
        """Where the random numbers of Python, of NumPy and of these generators are."""
        python, numpy = random.getstate(), np.random.get_state(legacy=False)
        return [pickle.dumps(x) for x in (python, numpy, *self._generators)]


def _uses(code: CodeType, name: str) -> int:
    """How much oftener code reads a name than it sets it, if it reads it first: `n += 1` does both once."""
    signs = [1 if i.opname.startswith("LOAD_") else -1 for i in dis.get_instructions(code) if _word(i) == name]
    inside = sum(_uses(part, name) for part in code.co_consts if isinstance(part, CodeType))
    return inside + (sum(signs) if signs[:1] == [1] else 0)


def _word(i: dis.Instruction) -> Any:
    return i.argval if i.opname.partition("_")[2] in ("ATTR", "METHOD", "GLOBAL", "NAME", "DEREF") else None


def _attributes(x: Any) -> Any:
    """The attributes of an object of a user's class. Those of modules have guards of their own."""
    if isinstance(x, type | ModuleType | FunctionType | np.ndarray) or type(x).__module__.startswith("microgradient"):
        return None
    return None if hasattr(type(x), "named_parameters") else getattr(x, "__dict__", None)


def _other(a: tuple[Any, Any], b: tuple[Any, Any]) -> bool:
    return a[1] is not b[1] or (a[0] is not b[0] and not (isinstance(a[0], int) and a[0] == b[0]))


def refill(space: Any, entries: Any) -> None:
    space.clear()
    space.update(entries) if isinstance(space, dict) else space.extend(entries)


def _entries(space: Any) -> list[tuple[Any, Any]]:
    return [*(space.items() if isinstance(space, dict) else enumerate(space))]


def _holds(x: Any, is_traced: Callable[[Any], bool], far: int = _FAR) -> bool:
    """Whether something is a traced tensor, or a container around one."""
    if not isinstance(x, list | tuple | dict):
        return is_traced(x)
    return far > 0 and any(_holds(part, is_traced, far - 1) for part in (x.values() if isinstance(x, dict) else x))
