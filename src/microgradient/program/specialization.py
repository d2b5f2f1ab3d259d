"""Specialization: a compiled function for one signature. Its guards, where its inputs come from, and the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..operators import wrap
from ..tensor import Tensor, leaf_node
from .bindings import GRADIENTS, Argument, ArgumentGrad, Data, Reference, Setting
from .capture import ARGUMENT, ARRAY, FLOAT, STATIC, TENSOR, Traced
from .guards import Guards
from .owned import Owned
from .pullback import Connection

if TYPE_CHECKING:
    from ..scalar_jit import ValueSpecialization

    AnySpecialization: TypeAlias = "Specialization | ValueSpecialization"

Array = np.ndarray[Any, Any]


class Specialization:
    """A program for one signature of a function. `prepare`, then `run`: only the latter changes what others see."""

    def __init__(
        self, traced: Traced, kinds: list[int], backend: Callable[[Any], Any], again: Callable[..., Any], guards: Guards
    ) -> None:
        self.traced = traced
        self.program = program = traced.program
        self.kinds = kinds
        self.statics: list[Any] = []
        self.witness: Any = None  # of what Python read while it was traced
        self.executable = backend(program)
        self.guards = guards
        self.inputs: list[Any] = [None] * len(program.inputs)
        self.outputs: list[Any] = [None] * len(program.outputs)
        self._sort_inputs(traced)
        self._sort_outputs(traced)
        self._bound = False  # whether the executable knows the other arrays
        self._owned_are_ready = True
        self._connection: Connection | None = None
        if traced.pullback is not None:
            self._connection = Connection(traced.pullback, backend(traced.pullback.program), again, self._volatile())
        self._generators = traced.program.generators()

    def _sort_inputs(self, traced: Traced) -> None:
        """Where the inputs come from: arguments, settings, and arrays that are only read. The others are owned."""
        changed = {e.binding for e in traced.effects if e.output is not None}
        self._arguments: list[tuple[int, int, int, bool]] = []
        self._read: list[tuple[int, Any, Any, Any]] = []
        self._settings: list[tuple[int, Setting]] = []
        aliased = {a.input for a in traced.program.aliases}
        for k, (instruction, binding) in enumerate(zip(traced.program.inputs, traced.sources, strict=True)):
            if isinstance(binding, Argument):
                self._arguments.append((k, binding.number, self.kinds[binding.number], instruction.weak))
            elif isinstance(binding, Setting):
                self._settings.append((k, binding))
            elif binding not in changed or k not in aliased or isinstance(binding, ArgumentGrad):
                self._read.append((k, binding, instruction.shape, instruction.dtype))
        for k in [*(k for k, _, _, weak in self._arguments if weak), *(k for k, _ in self._settings)]:
            self.inputs[k] = np.empty((), traced.program.inputs[k].dtype)
        self._rates_are_numbers = False
        self._borrowed = [k for k, _, _, weak in self._arguments if not weak] + [k for k, *_ in self._read]

    def _sort_outputs(self, traced: Traced) -> None:
        """Where the outputs go: to owned arrays, or, new after every call, to arguments and results."""
        program = traced.program
        self._late: list[Any] = [
            e for e in traced.effects if isinstance(e.binding, Argument | ArgumentGrad) or e.output is None
        ]
        early = [e for e in traced.effects if not (isinstance(e.binding, Argument | ArgumentGrad) or e.output is None)]
        self.owned = Owned(program, early, self.inputs, self.outputs)
        sources = {a.output for a in program.aliases}
        following = {e.binding for e in traced.effects if e.output is not None} - {
            h.binding for h in self.owned.held if h.output in sources
        }
        self.changes_arguments = any(isinstance(e.binding, Argument | ArgumentGrad) for e in traced.effects)
        # whether a run can follow a run without Python: not if the backward pass needs what the last run read
        self.loops = following.isdisjoint(traced.sources) and not (traced.pullback is not None and self.owned.held)
        fresh = [r.output for r in traced.results if r.output >= 0]
        fresh += [e.output for e in self._late if e.output is not None]
        fresh += [r.value for r in traced.results if r.kind == TENSOR and r.value is not None]
        if traced.pullback is not None:
            fresh += [k for from_input, k in traced.pullback.residuals if not from_input]
        self._fresh = [(k, program.outputs[k].shape, program.outputs[k].dtype) for k in fresh]
        self._moved = [k for k, *_ in (*self._arguments, *self._read)], fresh  # what every call brings
        only = traced.results[0] if len(traced.results) == 1 else None
        plain = only is not None and only.kind == TENSOR and not only.requires_grad and traced.pullback is None
        self._single = only.output if only is not None and plain and traced.rebuild([self]) is self else None
        self._single_class = None if only is None else only.cls

    def _volatile(self) -> set[int]:
        """The inputs whose arrays the user, or the next call, may change before the backward pass."""
        numbers = {k for k, _, kind, weak in self._arguments if weak or kind == ARRAY} | {k for k, _ in self._settings}
        return numbers | {k for k, binding in enumerate(self.traced.sources) if isinstance(binding, Reference)}

    # ------------------------------------------------------------------------------------------------------------- the call

    def prepare(self, leaves: Any) -> bool:
        """Whether the program is what the function would do now, with these arguments; puts them among the inputs."""
        if not self.guards.hold(leaves):
            return False
        inputs = self.inputs
        for k, number, kind, weak in self._arguments:
            x = leaves[number]
            if weak:
                inputs[k].fill(x)
            else:
                a = x if kind == ARRAY else x.datum
                inputs[k] = a if a.__class__ is np.ndarray and a.flags.c_contiguous else _plain(a)
        for k, binding, shape, dtype in self._read:
            a = binding.tensor.datum if binding.__class__ is Data else np.asarray(binding.read(leaves))
            if a.dtype is not dtype or a.shape != shape:
                a = native_order(a)
                if a.shape != shape or a.dtype != dtype:
                    if a.ndim or a.shape != shape or not self.program.inputs[k].weak:
                        return False
                    a = a.astype(dtype)  # a whole number that an optimiser remembers becomes a real one
            inputs[k] = a if a.__class__ is np.ndarray and a.flags.c_contiguous else _plain(a)
        untouched = self.guards.untouched
        if not (untouched and self._rates_are_numbers):  # an array may change by itself
            rates = [setting.number() for _, setting in self._settings]
            self._rates_are_numbers = all([isinstance(rate, float | int) for rate in rates])
            for (k, _), rate in zip(self._settings, rates, strict=True):
                inputs[k].fill(rate)
        if self.owned.held:
            self._owned_are_ready = self.owned.ready(untouched)
            if not self._owned_are_ready:
                return self.owned.fit()
        if not untouched:
            self.guards.settle()
        return True

    def run(self, leaves: Any, repeat: int = 1) -> Any:
        """What the function returns, after all that it changes."""
        if not self._owned_are_ready:
            self._bound = False
            self.owned.take()
        before = None if self._connection is None else self._before(leaves)
        outputs = self.outputs
        for k, shape, dtype in self._fresh:
            outputs[k] = np.empty(shape, dtype)
        self.executable.run(self.inputs, outputs, repeat, self._moved if self._bound else None)
        self._bound = True
        for effect in self._late:
            effect.binding.write(None if effect.output is None else outputs[effect.output], leaves)
        if self._single is not None:
            result = wrap(outputs[self._single], None, None, self._single_class)
        else:
            result = self._results(leaves, before)
        for k, _, _ in self._fresh:
            outputs[k] = None
        for k in self._borrowed:
            self.inputs[k] = None
        return result

    def _before(self, leaves: Any) -> tuple[list[tuple[Any, Any]], list[tuple[Any, Any]], dict[int, Array]]:
        """What the function is going to read besides its arguments: the values at bindings, the states of generators, and the
        inputs that the backward pass reads after the program has put something new in their place.
        """
        held = {h.input: h.binding for h in self.owned.held if h.input is not None}
        read: list[tuple[Any, Any]] = [(b, self.inputs[k]) for k, b, *_ in self._read if isinstance(b, Data)]
        read += [(b, self.inputs[k].copy()) for k, b in held.items() if isinstance(b, Data)]
        read += kept_values([e.binding for e in self._late if isinstance(e.binding, Argument)], leaves)
        states = [(generator, generator.get_state()) for generator in self._generators]
        assert self.traced.pullback is not None
        residuals = {k for from_input, k in self.traced.pullback.residuals if from_input}
        return read, states, {k: self.inputs[k].copy() for k in residuals & held.keys()}

    def _results(self, leaves: Any, before: Any) -> Any:
        results = [self._result(r, leaves) for r in self.traced.results]
        if self._connection is not None:
            given = [x.copy() if isinstance(x, np.ndarray) else x for x in leaves]  # the user may change arrays
            read, states, overwritten = before
            inputs = [overwritten.get(k, x) for k, x in enumerate(self.inputs)]
            self._connection.connect(results, given, inputs, self.outputs, (read, states))
        return self.traced.rebuild(results)

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
        tensor: Tensor = wrap(array, None, None, r.cls)
        if r.requires_grad:
            tensor.node = leaf_node(tensor)
            tensor.node.grad = None if r.value is None else wrap(self.outputs[r.value], None, None, r.cls)
        return tensor

    def release(self) -> None:
        """Let go of the arrays: another program is going to change what is in their places."""
        self._bound = False
        self.owned.release()


def _plain(a: Any) -> Array:
    """The same as an array in C order: NumPy's sums of single numbers, put into `.data`, are no arrays and have no address."""
    return np.array(a, order="C", copy=None, subok=False)


def native_order(array: Array) -> Array:
    """The array with the bytes of its numbers in this machine's order, which machine code expects."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def kept_values(bindings: list[Any], leaves: Any) -> list[tuple[Any, Any]]:
    """What is there, to be put back by `restore`; of gradients, the tensors themselves."""
    return [(b, _tensor(b, leaves) if isinstance(b, GRADIENTS) else b.read(leaves)) for b in bindings]


def restore(values: list[tuple[Any, Any]], leaves: Any) -> None:
    """Put back what `kept_values` found."""
    for binding, value in values:
        binding.write(value, leaves)


def _tensor(binding: Any, leaves: Any) -> Any:
    return (leaves[binding.number].node if isinstance(binding, ArgumentGrad) else binding.node).grad
