"""A compiled function for one signature: guards, the arrays it owns, and the call.

What a program changes (parameters, gradients, optimiser state) lives in arrays that the variant owns and that are updated in
place, as long as nobody else holds them: that is looked up in Python's reference counts at every call. If somebody does (a
`state_dict()`, a view, a graph), the value is copied first and the place gets a new array, so nothing a user holds ever changes.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from operator import getitem, is_
from sys import getrefcount
from typing import Any, cast

import numpy as np

from ..operators import wrap
from ..tape import NO_PARAMS, Node
from ..tensor import Tensor
from .bindings import Argument, ArgumentGrad, Data, Entry, Grad, Place, Reference, Setting
from .capture import ARGUMENT, ARRAY, FLOAT, STATIC, TENSOR, Traced
from .guards import Guards
from .pullback import Connection

Array = np.ndarray[Any, Any]
_probe = [np.empty(1)]
_COUNTED = next(map(getrefcount, _probe))  # of an array that one list holds


class Held:
    """One place that the program changes: the array owned for it, and where this is among inputs and outputs."""

    __slots__ = ("count", "dtype", "input", "output", "place", "shape")

    def __init__(self, place: Place, output: int, input: int | None, shape: tuple[int, ...], dtype: Any) -> None:
        self.place, self.output, self.input = place, output, input
        self.shape, self.dtype = shape, dtype
        self.count = _COUNTED + 3 + (input is not None)  # the place itself, `owned`, `outputs` and perhaps `inputs`


class Variant:
    """A program for one signature of a function."""

    def __init__(
        self, traced: Traced, kinds: list[int], backend: Callable[[Any], Any], again: Callable[..., Any], guards: Guards
    ) -> None:
        self.traced = traced
        self.program = program = traced.program
        self.kinds = kinds
        self.statics: list[Any] = []
        self.executable = backend(program)
        self.guards = guards
        self.inputs: list[Any] = [None] * len(program.inputs)
        self.outputs: list[Any] = [None] * len(program.outputs)
        self._sort_inputs(traced)
        self._sort_effects(traced)
        self._fresh = [
            (r.output, program.outputs[r.output].shape, program.outputs[r.output].dtype)
            for r in traced.results
            if r.output >= 0
        ]
        late = [e.output for e in self._late if e.output is not None]
        late += [r.value for r in traced.results if r.kind == TENSOR and r.value is not None]
        pullback = traced.pullback
        if pullback is not None:
            late += [k for from_input, k in pullback.residuals if not from_input]
        self._fresh += [(k, program.outputs[k].shape, program.outputs[k].dtype) for k in late]
        self._borrowed = [k for k, _, _, weak in self._arguments if not weak] + [k for k, *_ in self._read]
        anew = [k for k, *_ in self._arguments] + [k for k, *_ in self._read]
        self._moved = anew, [k for k, *_ in self._fresh]  # the inputs and outputs that every call brings anew
        draws = [i.params.get("draw") for i in program.instructions if i.op == "host"]
        self._generators = list({id(d.generator): d.generator for d in draws if d is not None}.values())
        self._bound = False  # whether the executable knows the other arrays
        self._connection: Connection | None = None
        # inputs that the way back reads, in whose place the program puts something new
        self._overwritten: list[int] = []
        if pullback is not None:
            volatile = {k for k, _, kind, weak in self._arguments if weak or kind == ARRAY}
            volatile |= {k for k, *_ in self._settings}
            volatile |= {k for k, place in enumerate(traced.sources) if isinstance(place, Reference)}
            self._connection = Connection(pullback, backend(pullback.program), again, volatile)
            owned = {h.input for h in self._held}
            self._overwritten = [k for from_input, k in pullback.residuals if from_input and k in owned]
        only = traced.results[0] if len(traced.results) == 1 else None
        plain = only is not None and only.kind == TENSOR and not only.requires_grad and pullback is None
        self._single = only.output if only is not None and plain else None
        self._single_tree = traced.rebuild([self]) is self if only is not None else False

    # --------------------------------------------------------------------------------------------------------- sorting out

    def _sort_inputs(self, traced: Traced) -> None:
        """Where the inputs come from: arguments, tensors that are only read, settings, and arrays that stay."""
        changed = {e.place for e in traced.effects if e.output is not None}
        self._arguments: list[tuple[int, int, int, bool]] = []
        self._read: list[tuple[int, Any, Any, Any]] = []
        self._settings: list[tuple[int, Any, int, str]] = []
        self._seen: dict[int, Any] = {}
        aliased = {a.input for a in traced.program.aliases}
        for k, (instruction, place) in enumerate(zip(traced.program.inputs, traced.sources, strict=True)):
            if isinstance(place, Argument):
                self._arguments.append((k, place.number, self.kinds[place.number], instruction.weak))
                if instruction.weak:
                    self.inputs[k] = np.empty((), instruction.dtype)
            elif isinstance(place, Setting):
                self.inputs[k] = np.empty((), instruction.dtype)
                self._settings.append((k, place.optimizer, place.group, place.name))
            elif place not in changed or k not in aliased or isinstance(place, ArgumentGrad):
                self._read.append((k, place, instruction.shape, instruction.dtype))
        self._rates: list[Any] = [None] * len(self._settings)

    def _sort_effects(self, traced: Traced) -> None:
        """What is owned and updated in place, and what is written afresh after every call."""
        sources = {a.output: a.input for a in traced.program.aliases}
        self._late = [e for e in traced.effects if isinstance(e.place, Argument | ArgumentGrad) or e.output is None]
        self._data: list[Held] = []
        self._grads: list[Held] = []
        self._entries: list[Held] = []
        lists = {Data: self._data, Grad: self._grads, Entry: self._entries}
        for effect in traced.effects:
            if effect.output is not None and type(effect.place) in lists:
                new = traced.program.outputs[effect.output]
                lists[type(effect.place)].append(
                    Held(effect.place, effect.output, sources.get(effect.output), new.shape, new.dtype)
                )
        self._tensors = [h.place.tensor for h in self._data]  # type: ignore[union-attr]
        self._nodes = [h.place.node for h in self._grads]  # type: ignore[union-attr]
        self._states: list[Any] = []
        self._keys: list[str] = []
        for h in self._entries:
            place: Any = h.place
            self._states.append(place.optimizer.state.setdefault(place.parameter, {}))
            self._keys.append(place.key)
        changed = [e for e in traced.effects if e.output is not None]
        following = {
            e.place for e in changed if e.output not in sources or isinstance(e.place, Argument | ArgumentGrad)
        }
        self.changes_arguments = any(isinstance(e.place, Argument | ArgumentGrad) for e in traced.effects)
        self._held: list[Held] = [*self._data, *self._entries, *self._grads]
        self.loops = following.isdisjoint(traced.sources)  # whether a run can follow a run without Python
        if traced.pullback is not None and self._held:
            self.loops = False  # the way back needs what the last run read
        self._owned: list[Any]
        self._owned_grads: list[Any]
        self._disown()
        self._count = sum(h.count for h in self._held)
        self._grad_count = (_COUNTED + 2) * len(self._grads)

    # ------------------------------------------------------------------------------------------------------------- the call

    def call(self, leaves: list[Any] | tuple[Any, ...], repeat: int = 1) -> Any:
        """Run on these arguments. MISMATCH if a guard says that this program is not what the function would do now."""
        if not self.guards.hold(leaves):
            return MISMATCH
        inputs = self.inputs
        for k, number, kind, weak in self._arguments:
            x = leaves[number]
            if weak:
                inputs[k].fill(x)
            else:
                a = x if kind == ARRAY else x.data
                inputs[k] = a if a.__class__ is np.ndarray and a.flags.c_contiguous else _plain(a)
        for k, place, shape, dtype in self._read:
            a = place.tensor.data if place.__class__ is Data else _read(place, leaves)
            if a.dtype is not dtype or a.shape != shape:
                a = self._fitting(k, native_order(a), shape, dtype)
                if a is MISMATCH:
                    return MISMATCH
            inputs[k] = a if a.__class__ is np.ndarray and a.flags.c_contiguous else _plain(a)
        for n, (k, optimizer, group, name) in enumerate(self._settings):
            rate = optimizer.param_groups[group][name]
            if rate is not self._rates[n]:
                self._rates[n] = rate if isinstance(rate, float | int) else None  # an array may change by itself
                inputs[k].fill(rate)
        if self._held and not self._ready() and not self._take():
            return MISMATCH
        before = None if self._connection is None else self._before(leaves)
        outputs = self.outputs
        for k, shape, dtype in self._fresh:
            outputs[k] = np.empty(shape, dtype)
        self.executable.run(inputs, outputs, repeat, self._moved if self._bound else None)
        self._bound = True
        return self._finish(leaves, before)

    def _fitting(self, k: int, a: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        """The array for input k, or MISMATCH. A whole number that an optimiser remembers becomes a real one."""
        if a.shape == shape and a.dtype == dtype:
            return a
        return MISMATCH if a.ndim or not self.program.inputs[k].weak else a.astype(dtype)

    def _before(self, leaves: Any) -> tuple[list[tuple[Any, Any]], list[tuple[Any, Any]], dict[int, Array]]:
        """What the function is going to read besides its arguments: the values at places, the states of generators, and the
        inputs that the way back reads after the program has put something new in their place.
        """
        read: list[tuple[Any, Any]] = [(p, self.inputs[k]) for k, p, *_ in self._read if isinstance(p, Data)]
        # what it is also going to change
        read += [(h.place, self.inputs[h.input].copy()) for h in self._data if h.input is not None]
        read += kept_values([e.place for e in self._late if isinstance(e.place, Argument)], leaves)
        states = [(generator, generator.get_state()) for generator in self._generators]
        return read, states, {k: self.inputs[k].copy() for k in self._overwritten}

    def _ready(self) -> bool:
        """Whether every place holds the array that is owned for it, and nobody else does."""
        current = [t.data for t in self._tensors]
        try:
            current += map(getitem, self._states, self._keys)
        except KeyError:
            return False
        if self._nodes:
            grads = [n.grad for n in self._nodes]
            if not all(map(is_, grads, self._owned_grads)) or sum(map(getrefcount, grads)) != self._grad_count:
                return False
            current += [g.data for g in grads]
        return all(map(is_, current, self._owned)) and sum(map(getrefcount, current)) == self._count

    def _take(self) -> bool:
        """Bring the places to arrays of our own. False if a value has another shape or dtype than the program expects."""
        self._bound = False
        values = [_value(h.place) for h in self._held]
        for h, value in zip(self._held, values, strict=True):
            if h.input is not None and not self._fits(h, value):
                return False
        del value
        shared = self._shared(values)
        for n, h in enumerate(self._held):
            if values[n] is None or values[n] is not self._owned[n] or shared[n]:
                array = _aligned(h.shape, h.dtype)
                if h.input is not None:
                    array[...] = values[n]
                _write(h.place, array)
                self._owned[n] = self.outputs[h.output] = array
                if h.input is not None:
                    self.inputs[h.input] = array
            values[n] = None  # its memory may be free now
        self._owned_grads = [n.grad for n in self._nodes]
        return True

    def _fits(self, h: Held, value: Any) -> bool:
        """Whether the program can begin with this value. Numbers become those of the input, whatever their type is."""
        if value is None or np.shape(value) != h.shape:
            return False
        return self.program.inputs[cast("int", h.input)].weak or _dtype(value) == h.dtype

    def _shared(self, values: list[Any]) -> list[bool]:
        """Whether somebody else holds an array of ours, or the gradient tensor around it.

        They are counted in a list, as in `_ready`: how often a variable counts differs between versions of Python.
        """
        shared = [n > h.count for n, h in zip(map(getrefcount, values), self._held, strict=True)]
        grads = [node.grad for node in self._nodes]
        first = len(shared) - len(grads)
        for k, count in enumerate(map(getrefcount, grads)):
            if count > _COUNTED + 2 or grads[k] is not self._owned_grads[k]:
                shared[first + k] = True
        return shared

    def _finish(self, leaves: Any, before: Any) -> Any:
        """What the function returns, after the rest of what it changes."""
        outputs = self.outputs
        for effect in self._late:
            new = None if effect.output is None else outputs[effect.output]
            _write(effect.place, new, leaves)
        if self._single is not None and self._single_tree:
            result = wrap(outputs[self._single], None)
        else:
            results = [self._result(r, leaves) for r in self.traced.results]
            if self._connection is not None:
                given = [x.copy() if isinstance(x, np.ndarray) else x for x in leaves]  # the user may change arrays
                read, states, overwritten = before
                inputs = [overwritten.get(k, x) for k, x in enumerate(self.inputs)]
                self._connection.connect(results, given, inputs, outputs, (read, states))
            result = self.traced.rebuild(results)
        for k, _, _ in self._fresh:
            outputs[k] = None
        for k in self._borrowed:
            self.inputs[k] = None
        return result

    def release(self) -> None:
        """Let go of the arrays: another program is going to change what is in their places."""
        self._bound = False
        self._disown()
        for h in self._held:
            self.outputs[h.output] = None
            if h.input is not None:
                self.inputs[h.input] = None

    def _disown(self) -> None:
        self._owned = [None] * len(self._held)
        self._owned_grads = [None] * len(self._grads)

    def _result(self, r: Any, leaves: Any) -> Any:
        if r.kind == STATIC:
            return r.value
        if r.kind == ARGUMENT:
            return leaves[r.value]
        array = self.outputs[r.output]
        if r.kind == FLOAT:
            return array.item()
        if r.kind == ARRAY:
            return array
        tensor: Tensor = wrap(array, None)
        if r.requires_grad:
            tensor.node = Node(None, (), (), NO_PARAMS, array.shape, array.dtype)
            tensor.node.grad = None if r.value is None else wrap(self.outputs[r.value], None)
        return tensor


MISMATCH: Any = object()


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array that begins at a multiple of 64 bytes, where vectors are read fastest.

    Its base is no array, so that views of it count as references to it and not to its base.
    """
    size = dtype.itemsize * math.prod(shape)
    memory = bytearray(size + 64)
    shift = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % 64
    return np.ndarray(shape, dtype, memory, shift)


def _plain(a: Any) -> Array:
    """The same as an array in C order: NumPy's sums of single numbers, put into `.data`, are no arrays and have no address."""
    return np.array(a, order="C", copy=None, subok=False)


def native_order(array: Array) -> Array:
    """The array with the bytes of its numbers in this machine's order, which machine code expects."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def kept_values(places: list[Any], leaves: list[Any]) -> list[tuple[Any, Any]]:
    """What is at these places, to be put back by `restore`; of gradients, the tensors themselves."""
    return [(p, _gradient(p, leaves) if isinstance(p, Grad | ArgumentGrad) else _value(p, leaves)) for p in places]


def restore(values: list[tuple[Any, Any]], leaves: list[Any]) -> None:
    """Put back what `kept_values` found."""
    for place, value in values:
        _write(place, value, leaves)


def _gradient(place: Any, leaves: Any) -> Any:
    return (place.node if isinstance(place, Grad) else leaves[place.number].node).grad


def _read(place: Any, leaves: Any) -> Any:
    """The array at a place that is only read and is no tensor."""
    if isinstance(place, Reference):
        return place.array
    if isinstance(place, ArgumentGrad):
        return leaves[place.number].node.grad.data
    return np.asarray(_value(place))


def _value(place: Any, leaves: Any = ()) -> Any:
    """What is at a place now: an array, a number, or None."""
    if isinstance(place, Data):
        return place.tensor.data
    if isinstance(place, Argument):
        return leaves[place.number].data
    if isinstance(place, Grad):
        return place.node.grad.data if isinstance(place.node.grad, Tensor) else None
    return place.optimizer.state.get(place.parameter, {}).get(place.key)


def _dtype(value: Any) -> Any:
    return (getattr(value, "dtype", None) or np.dtype(np.float64)).newbyteorder("=")


def _write(place: Any, array: Any, leaves: Any = ()) -> None:
    """Put an array where it belongs; for a gradient also a tensor, or None if it is no more."""
    if isinstance(place, Data):
        place.tensor.data = array
    elif isinstance(place, Argument):
        leaves[place.number].data = array
    elif isinstance(place, Entry):
        place.optimizer.state.setdefault(place.parameter, {})[place.key] = array
    else:
        node = place.node if isinstance(place, Grad) else leaves[place.number].node
        node.grad = array if array is None or isinstance(array, Tensor) else wrap(array, None)
