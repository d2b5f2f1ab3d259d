"""What the doctor touches, kept: model, optimiser and random states are afterwards, bit for bit, what they were before."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ... import errors, in_place, tape
from ...nn import Module
from ...optim import Optimizer
from ...random import Generator, shared_generator
from ...tensor import Tensor

Restore = Callable[[], None]


@contextmanager
def left_as_it_was(*things: Any) -> Iterator[None]:
    """Inside, anything may be done to these modules and optimisers and to the random generators; afterwards nothing was.

    Kept are the numbers, gradients and modes of all modules, what their attributes are and what lists and dicts there hold,
    hooks, the optimiser's groups and state, the generators of `mg.random`, NumPy and Python, and which warnings were given.
    """
    kept = _Kept()
    for thing in things:
        kept.keep(thing)
    kept.keep_random_states()
    kept.keep_in_place(tape.DEPARTED)
    kept.keep_in_place(in_place.WRITTEN)
    kept.keep_in_place(in_place.LENT)
    kept.keep_in_place(errors._warned)
    try:
        yield
    finally:
        kept.restore()


class _Kept:
    """Functions that restore what was met, each thing once."""

    def __init__(self) -> None:
        self._restores: list[Restore] = []
        self._met: dict[int, Any] = {}  # by id; holding the things keeps the ids theirs

    def restore(self) -> None:
        for restore in self._restores:
            restore()

    def keep(self, thing: Any) -> None:
        """Keep a thing and what it holds."""
        if thing is None or id(thing) in self._met or isinstance(thing, str | bytes | int | float | type):
            return
        self._met[id(thing)] = thing
        if isinstance(thing, np.ndarray):
            self._keep_array(thing)
        elif isinstance(thing, Tensor):
            self._keep_tensor(thing)
        elif isinstance(thing, Generator):
            state = thing.get_state()
            self._restores.append(lambda: thing.set_state(state) if thing.get_state() != state else None)
        elif isinstance(thing, np.random.Generator):
            bits, bit_state = thing.bit_generator, thing.bit_generator.state
            self._restores.append(lambda: setattr(bits, "state", bit_state))
        elif isinstance(thing, dict | list | deque | set):
            self._keep_container(thing)
        elif isinstance(thing, tuple):
            for part in thing:
                self.keep(part)
        elif isinstance(thing, Module | Optimizer):
            self._keep_container(vars(thing))

    def keep_in_place(self, container: Any) -> None:
        """Keep what a container holds, and nothing of what is inside of that."""
        before = container.copy()

        def restore() -> None:
            if container != before:
                _refill(container, before)

        self._restores.append(restore)

    def keep_random_states(self) -> None:
        """The generator that layers draw from, and those of NumPy and of Python, if anybody has loaded them."""
        self.keep(shared_generator())
        if "numpy.random" in sys.modules:
            state = np.random.get_state()
            self._restores.append(lambda: np.random.set_state(state))
        if (python := sys.modules.get("random")) is not None:
            python_state = python.getstate()
            self._restores.append(lambda: python.setstate(python_state))

    def _keep_array(self, array: np.ndarray[Any, Any]) -> None:
        if not array.flags.writeable:
            return
        before = array.copy()

        def restore() -> None:
            if array.tobytes() != before.tobytes():
                array[...] = before

        self._restores.append(restore)

    def _keep_tensor(self, x: Tensor) -> None:
        raw, node = x.raw, x.node
        self.keep(raw)
        stored = node.stored if node is not None else None
        summed = getattr(node, "summed", None)
        if isinstance(stored, Tensor):
            self.keep(stored)

        def restore() -> None:
            if x.raw is not raw:
                x.raw = raw
            if x.node is not node:
                x.node = node
            if node is None:
                return
            if node.stored is not stored:
                node.grad = stored
            if summed is not None:
                node.summed = summed
            elif hasattr(node, "summed"):
                del node.summed

        self._restores.append(restore)

    def _keep_container(self, container: Any) -> None:
        before = container.copy()
        for part in list(before.values() if isinstance(before, dict) else before):
            self.keep(part)

        def restore() -> None:
            if not _holds_the_same(container, before):
                _refill(container, before)

        self._restores.append(restore)


def _holds_the_same(a: Any, b: Any) -> bool:
    if len(a) != len(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(a[key] is b[key] for key in b)
    if isinstance(a, set):
        return {id(x) for x in a} == {id(x) for x in b}
    return all(x is y for x, y in zip(a, b, strict=True))


def _refill(container: Any, content: Any) -> None:
    container.clear()
    if isinstance(container, dict | set):
        container.update(content)
    else:
        container.extend(content)
