"""Owned arrays: what a program changes (parameters, gradients, optimiser state), updated in place.

An array is ours as long as its binding holds it and nobody else does: that is looked up in Python's reference counts at every
call. If somebody does (a `state_dict()`, a view, a graph), the value is copied first and the binding gets a new array, so nothing
a user holds ever changes.
"""

from __future__ import annotations

import ctypes
import math
from operator import add, attrgetter, is_
from sys import getrefcount
from typing import Any
from weakref import getweakrefcount

import numpy as np

from .bindings import Data, Entry, Grad
from .program import Program

Array = np.ndarray[Any, Any]
_probe = [np.empty(1)]
COUNTED = next(map(getrefcount, _probe))  # of an array that one list holds
_datum, _grad = attrgetter("datum"), attrgetter("stored")


class Held:
    """One binding that the program changes: the array owned for it, and where this is among inputs and outputs."""

    __slots__ = ("binding", "count", "dtype", "input", "output", "shape")

    def __init__(self, binding: Any, output: int, input: int | None, new: Any) -> None:
        self.binding, self.output, self.input = binding, output, input
        self.shape, self.dtype = new.shape, new.dtype
        self.count = COUNTED + 3 + (input is not None)  # the binding itself, `_arrays`, `outputs` and perhaps `inputs`


class Owned:
    """The owned arrays of one program, which are also among its `inputs` and `outputs`."""

    def __init__(self, program: Program, effects: list[Any], inputs: list[Any], outputs: list[Any]) -> None:
        self.program, self.inputs, self.outputs = program, inputs, outputs
        sources = {a.output: a.input for a in program.aliases}
        held = [Held(e.binding, e.output, sources.get(e.output), program.outputs[e.output]) for e in effects]
        data, entries, grads = ([h for h in held if isinstance(h.binding, kind)] for kind in (Data, Entry, Grad))
        self.held = [*grads, *data, *entries]
        self._tensors = [h.binding.tensor for h in data]
        self._nodes = [h.binding.node for h in grads]
        self._entries = [h.binding for h in entries]
        self._arrays: list[Any] = []
        self._grads: list[Any] = []
        # the arrays of data; gradients' tensors, their arrays, and those of entries
        self._open: list[Any] = []
        self._hidden: list[Any] = []
        # what `ready` counts: one of these holds each, too, and `_grads`, `_open` or `_hidden`, and a node the tensors
        self._open_count = sum(h.count + 1 for h in data)
        self._hidden_count = sum(h.count + 1 for h in (*grads, *entries)) + len(grads) * (COUNTED + 4)
        self.release()

    def ready(self, untouched: bool) -> bool:
        """Whether every binding holds the array that is owned for it, and nobody else does.

        `untouched`: since the last look, nobody can have had a gradient or what an optimiser remembers.
        """
        held = [*map(_datum, self._tensors)]
        if not self.taken or not all(map(is_, held, self._open)) or sum(map(getrefcount, held)) != self._open_count:
            return False
        if untouched or not self._hidden:
            return True
        grads = [*map(_grad, self._nodes)]
        if any(g is None for g in grads):
            return False
        held = [*grads, *map(_datum, grads), *(entry.read(()) for entry in self._entries)]
        counts = map(add, map(getrefcount, held), map(getweakrefcount, held))  # by a weak one it may be had unseen
        return all(map(is_, held, self._hidden)) and sum(counts) == self._hidden_count

    def fit(self) -> bool:
        """Whether the program can begin with the values that are there. Numbers become those of the input."""
        for h in self.held:
            if h.input is not None:
                value = h.binding.read(())
                if value is None or np.shape(value) != h.shape:
                    return False
                if not self.program.inputs[h.input].weak and _dtype(value) != h.dtype:
                    return False
        return True

    def take(self) -> None:
        """Bring the bindings to arrays of our own."""
        self.taken, self._open, self._hidden = False, [], []
        values = [h.binding.read(()) for h in self.held]
        shared = self._shared(values)
        for n, h in enumerate(self.held):
            if values[n] is None or values[n] is not self._arrays[n] or shared[n]:
                array = _aligned(h.shape, h.dtype)
                if h.input is not None:
                    array[...] = values[n]
                h.binding.write(array, ())
                self._arrays[n] = self.outputs[h.output] = array
                if h.input is not None:
                    self.inputs[h.input] = array
            values[n] = None  # its memory may be free now
        self._grads = [n.stored for n in self._nodes]
        first, last = len(self._grads), len(self._grads) + len(self._tensors)
        self._open = self._arrays[first:last]
        self._hidden = [*self._grads, *self._arrays[:first], *self._arrays[last:]]
        self.taken = True

    def _shared(self, values: list[Any]) -> list[bool]:
        """Whether somebody else holds an array of ours, or the gradient tensor around it.

        They are counted in a list, as in `ready`: how often a variable counts differs between versions of Python.
        """
        counts = map(add, map(getrefcount, values), map(getweakrefcount, values))
        shared = [n > h.count for n, h in zip(counts, self.held, strict=True)]
        grads = [node.stored for node in self._nodes]
        for k, count in enumerate(map(add, map(getrefcount, grads), map(getweakrefcount, grads))):
            if count > COUNTED + 2 or grads[k] is not self._grads[k]:
                shared[k] = True
        return shared

    def release(self) -> None:
        """Let go of the arrays: another program is going to change what is in their places."""
        self._arrays = [None] * len(self.held)
        self._grads = [None] * len(self._nodes)
        self.taken, self._open, self._hidden = False, [], []
        for h in self.held:
            self.outputs[h.output] = None
            if h.input is not None:
                self.inputs[h.input] = None


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array that begins at a multiple of 64 bytes, where vectors are read fastest.

    Its base is no array, so that views of it count as references to it and not to its base.
    """
    size = dtype.itemsize * math.prod(shape)
    memory = bytearray(size + 64)
    shift = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % 64
    return np.ndarray(shape, dtype, memory, shift)


def _dtype(value: Any) -> Any:
    return (getattr(value, "dtype", None) or np.dtype(np.float64)).newbyteorder("=")
