"""Trace: one run of a function in which every tensor operation becomes an instruction.

While a trace is active, operators, tensors and leaves ask its `Hook` for data and gradients: in the thread that traces it gives
`Sym`s and keeps what is written in the trace, so that tensors which existed before never change; other threads see the arrays.
A tensor whose data are read for the first time becomes an input of the program, one whose data were changed an output.
Attributes of modules are noted when they are read.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import operators, trace_hooks
from ..array_world import ARRAY
from ..errors import TraceError, format_location, is_users, user_location, warn_once
from ..interop import Protocols
from ..primitives import for_each_primitive
from ..tape import Node, next_seq
from ..tensor import Tensor
from . import traced_optimizer
from .bindings import Argument, ArgumentGrad, Binding, Data, Grad, Reference
from .modules import Reads, note_read
from .origin import Origin, Origins
from .program import Instruction
from .reentry import handlers_outside
from .sym import Sym
from .traced_world import TRACED, constant, data_dependent


class Written:
    """What the traced function sees of a tensor's data, or of a leaf's gradient: the value at first, and the value now."""

    __slots__ = ("before", "binding", "node", "now", "owner", "was_read")

    def __init__(self, owner: Any, binding: Binding, before: Any, now: Any) -> None:
        self.owner = owner
        self.node = getattr(owner, "node", None)
        self.binding = binding
        self.before = before
        self.now = now
        self.was_read = True


class Trace:
    """The instructions of one run of a function, and what it read and changed. `arguments` are the tensors given to it."""

    world = TRACED
    name = "mg.compile"
    """What traces, for messages."""

    def __init__(self, arguments: dict[int, Any]) -> None:
        self.start = next_seq()
        self.outer: Any = None  # the trace inside of which this one runs
        self.inputs: list[tuple[Instruction, Binding]] = []
        self.instructions: list[Instruction] = []
        self._origins = Origins()
        self.tensors: dict[int, Written] = {}
        self.grads: dict[Node, Written] = {}
        self.nodes: dict[int, Any] = {}  # those from outside whose nodes matter, by their ids
        self.modules: Reads = {}
        # by the id of a module and the name of an attribute that was set: the module, and what the attribute was
        self._overwritten: dict[tuple[int, str], tuple[Any, Any]] = {}
        self.replaced: set[int] = set()  # the ids of tensors that modules hold no more, or would eagerly
        self.optimizers: dict[int, traced_optimizer.OptimizerTrace] = {}
        self.inside: dict[int, Node] = {}  # arguments that are computed from others, and the leaves in their place
        self._arguments = {id(tensor): number for number, tensor in arguments.items()}
        self.argument_nodes = {tensor.node: n for n, tensor in arguments.items() if tensor.node is not None}
        self._references: dict[int, Sym] = {}
        self.lengths_read: list[tuple[int, ...]] = []  # shapes that the user's code got to know
        self.refused: TraceError | None = None  # the last error for a Python decision or number that needs a value

    # ------------------------------------------------------------------------------------------------------ instructions

    def emit(self, op: str, operands: Any, params: dict[str, Any], shape: Any, dtype: Any, weak: bool = False) -> Sym:
        """Add an instruction; the Sym of its value."""
        params = {k: v._known(f"`{k}`") if isinstance(v, Sym) else v for k, v in params.items()}
        args = tuple([self._instruction(x) for x in operands])
        made = Instruction(op, args, params, shape, dtype, weak, self._origins.here())
        self.instructions.append(made)
        return Sym(self, () if shape is None else shape, dtype, made, weak=weak)

    def _instruction(self, x: Any) -> Any:
        if not isinstance(x, Sym):
            return x
        if x.instruction is None:
            x.instruction = Instruction("constant", (), {"value": x.value}, x.shape, x.dtype)
            self.instructions.append(x.instruction)
        return x.instruction

    def output(self, x: Sym) -> Instruction:
        """The instruction that computes `x`."""
        made: Instruction = self._instruction(x)
        return made

    def input(self, binding: Binding, shape: tuple[int, ...], dtype: Any, weak: bool = False) -> Sym:
        """A new input of the program."""
        dtype = np.dtype(np.dtype(dtype).type)  # in this machine's order, and the object that arrays have, too
        made = Instruction("input", (), {}, shape, dtype, weak, Origin(*user_location()))
        self.inputs.append((made, binding))
        return Sym(self, shape, dtype, made, weak=weak)

    def reference(self, array: Any) -> Sym:
        """An array of the user's as an input."""
        if any(optimizer.has_replaced(array) for optimizer in self.optimizers.values()):
            self.refuse(
                "Reading the state of an optimiser after its step",
                "Read it outside: there it has its value of after the step.",
            )
        if not array.size:
            return constant(array.copy())
        known = self._references.get(id(array))
        if known is None:
            known = self._references[id(array)] = self.input(Reference(array), array.shape, array.dtype)
        return known

    def host(self, function: Callable[..., Any], data: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """A function of NumPy that is no primitive: one array, or several."""
        operands = [constant(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x for x in data]
        values = [x.value if isinstance(x, Sym) else x for x in operands]
        if all(v is not None for v in values):
            return function(*values, **params)
        models = [np.zeros(x.shape, x.dtype) if isinstance(x, Sym) else x for x in operands]
        with np.errstate(all="ignore"):
            found = function(*models, **params)
        named = function.func if isinstance(function, functools.partial) else function
        name = getattr(named, "__name__", "function").lstrip("_")
        call = functools.partial(function, **params) if params else function
        options = {"function": call, "name": name, "pure": True}
        if not isinstance(found, tuple | list):
            found = np.asarray(found)
            return self.emit("host", operands, options, found.shape, found.dtype)
        whole = self.emit("host", operands, options, None, None)
        return tuple(
            self.emit("pick", [whole], {"i": i, "n": len(found)}, part.shape, part.dtype)
            for i, part in enumerate(found)
        )

    def known(self, x: Sym, what: str) -> Any:
        """The value of a constant, needed by `what`, whose result has a shape that depends on it."""
        if x.value is None:
            raise data_dependent(f"`{what}`")
        return x.value

    def draw(
        self,
        function: Callable[..., Any],
        name: str,
        shape: tuple[int, ...],
        dtype: Any,
        data: tuple[Any, ...],
        draw: Any,
    ) -> Sym:
        """Random numbers, drawn from the generator as `function(*data)` whenever the program runs, in the order of the trace.

        `draw` says what machine code needs to do so by itself; None if it can't.
        """
        if data and not any(isinstance(x, Sym) for x in data):
            function, data = functools.partial(function, *data), ()
        return self.emit(
            "host", data, {"function": function, "name": name, "pure": False, "draw": draw}, shape, np.dtype(dtype)
        )

    # ---------------------------------------------------------------------------------------------- what is read and changed

    def read_data(self, tensor: Any, datum: Any) -> Any:
        """The data of a tensor from outside."""
        seen = self.tensors.get(id(tensor))
        if seen is None:
            seen = self.tensors[id(tensor)] = self._first_sight(tensor, datum)
        return seen.now

    def foreign(self, x: Sym) -> Sym:
        """A value of another trace. Raises TraceError: it was kept from an earlier run."""
        raise TraceError(
            "MG203",
            f"{format_location(user_location())}: a tensor made in an earlier run of a function that `{self.name}` traced was "
            "kept and is used again; it has no value. Return it from the function instead, or keep its numbers in a tensor made "
            "outside, by `kept.data = x.data`.",
        )

    def detached(self, datum: Any) -> Any:
        """The datum of a tensor that is cut off from the graph."""
        return datum

    def with_rule(self, rule: Any, y: Any, args: list[Any]) -> Any:
        """The result of a function that has a derivative of its own."""
        return y

    def argument_number(self, tensor: Any) -> int | None:
        """Which argument a tensor is, if it is one."""
        return self._arguments.get(id(tensor))

    def _first_sight(self, tensor: Any, datum: Any) -> Written:
        number = self._arguments.get(id(tensor))
        binding: Binding = Data(tensor) if number is None else Argument(number)
        if (
            number is None
            and tensor.node is not None
            and tensor.node.op is not None
            and operators._recorder() is not None
        ):
            raise TraceError(
                "MG204",
                f"{format_location(user_location())}: a tensor of shape {datum.shape} was computed from others that need a "
                "gradient, outside the compiled function, which can't carry a gradient back through it. Compute it inside, "
                "pass it as an argument, or write `x.detach()`.",
            )
        sym = self.input(binding, datum.shape, datum.dtype)
        return Written(tensor, binding, sym, sym)

    def write_data(self, tensor: Any, datum: Any, value: Any) -> None:
        """New data for a tensor from outside."""
        seen = self.tensors.get(id(tensor)) or self.tensors.setdefault(id(tensor), self._first_sight(tensor, datum))
        seen.now = value

    def read_grad(self, node: Node, grad: Any) -> Any:
        """The gradient of a leaf from outside."""
        seen = self.grads.get(node)
        if seen is None:
            binding = self._grad_binding(node)
            if isinstance(grad, Tensor):
                datum = grad.datum
                grad = operators.wrap(self.input(binding, datum.shape, datum.dtype), None, None, grad.result_class)
            seen = self.grads[node] = Written(node, binding, grad, grad)
        return seen.now

    def write_grad(self, node: Node, grad: Any) -> None:
        """A new gradient for a leaf from outside."""
        seen = self.grads.get(node)
        if seen is None:
            seen = self.grads[node] = Written(node, self._grad_binding(node), UNKNOWN, grad)
            seen.was_read = False
        seen.now = grad

    def _grad_binding(self, node: Node) -> Binding:
        number = self.argument_nodes.get(node)
        return Grad(node) if number is None else ArgumentGrad(number)

    def note_node(self, tensor: Any) -> None:
        """It matters which node a tensor has: it must stay the same."""
        if id(tensor) not in self._arguments and not is_own(tensor.datum, self):
            self.nodes[id(tensor)] = tensor

    def note_lengths(self, tensor: Any, frame: Any) -> None:
        """The code of this frame gets to know the lengths of a tensor; without one, the user's does."""
        if frame is None or is_users(frame.f_code.co_filename):
            self.lengths_read.append(tensor.raw.shape)

    def note_read(self, module: Any, name: str) -> None:
        """An attribute of a module is read: it must not change."""
        note_read(self.modules, module, name)

    def note_write(self, module: Any, name: str) -> None:
        """An attribute of a module is about to be set or deleted."""
        old = object.__getattribute__(module, "__dict__").get(name, UNKNOWN)
        self._overwritten.setdefault((id(module), name), (module, old))

    def settle_buffers(self) -> None:
        """Where a module's tensor was replaced by one made here (`self.seen += n`), let it keep its place and get the data."""
        for (_, name), (module, old) in self._overwritten.items():
            new = object.__getattribute__(module, "__dict__").get(name)
            if not isinstance(old, Protocols) or not issubclass(type(new), Protocols) or new is old:
                continue
            datum, value = old.datum, new.raw
            fits = isinstance(value, Sym) and (value.shape, value.dtype) == (datum.shape, datum.dtype)
            if fits and new.node is None and old.node is None and not is_own(datum, self):
                self.write_data(old, datum, value)
                object.__setattr__(module, name, old)
                self.replaced.add(id(old))
                self.modules.setdefault(id(module), (module, {}))[1].setdefault(name, old)

    def warn_of_refusal(self) -> None:
        """Warn if the function caught the error of something that needs a value: the program does what it did then, always."""
        if self.refused is not None:
            warn_once(
                "MG200",
                f"{self.refused.message} The function caught this error: whatever the value is, its program does what follows "
                "that.",
            )

    def closed_over(self) -> frozenset[int]:
        """The ids of the tensors from outside that the function read or changed, but for its arguments."""
        return frozenset(id(x.owner) for x in self.tensors.values() if isinstance(x.binding, Data))

    def undo(self) -> None:
        """Leave modules and optimisers as they were before: the trace failed."""
        for optimizer in self.optimizers.values():
            optimizer.undo()
        self.put_back_attributes()

    def put_back_attributes(self) -> None:
        """Let modules have the attributes that they had before."""
        trace_hooks.changes[0] += 1
        for (_, name), (module, old) in self._overwritten.items():
            if old is not UNKNOWN:
                object.__setattr__(module, name, old)
            elif name in object.__getattribute__(module, "__dict__"):
                object.__delattr__(module, name)

    def optimizer(self, optimizer: Any) -> traced_optimizer.OptimizerTrace:
        """What is known about an optimiser that takes a step."""
        known = self.optimizers.get(id(optimizer))
        if known is None:
            known = self.optimizers[id(optimizer)] = traced_optimizer.OptimizerTrace(self, optimizer)
        return known

    def refuse(self, what: str, instead: str) -> None:
        """Raise for something that would happen while tracing only."""
        raise TraceError(
            "MG202", f"{format_location(user_location())}: {what} would happen once, when `{self.name}` traces the function, "
            f"and not when it runs. {instead}",
        )  # fmt: skip


UNKNOWN: Any = object()
"""What was in a place that was written and never read."""


# ------------------------------------------------------------------------------- what operators, tensors and leaves ask

_lock: Any = threading.Lock()
_traces = [0]  # how many are active, in all threads
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_lock._at_fork_reinit)


@contextmanager
def tracing_with(trace: Trace) -> Iterator[None]:
    """Make `trace` the active trace of this thread."""
    token = trace_hooks.active.set(trace)
    _count(1)
    try:
        with handlers_outside():
            yield
    finally:
        _count(-1)
        trace_hooks.active.reset(token)


def _count(change: int) -> None:
    """The hook is there while there are traces. Modules can't ask it: each reading of an attribute would be slower always."""
    with _lock:
        _traces[0] += change
        trace_hooks.hook = HOOK if _traces[0] else None
        for watched in trace_hooks.watched:
            if _traces[0]:
                watched.__getattribute__ = _get_attribute
            elif "__getattribute__" in vars(watched):  # not if it was loaded by what was traced
                del watched.__getattribute__


class Hook:
    """What operators, tensors and leaves ask while something is traced: the trace of their thread answers, if there is one."""

    def read_data(self, tensor: Any) -> Any:
        """The data of a tensor."""
        datum, trace = tensor.datum, trace_hooks.active.get()
        return datum if trace is None or is_own(datum, trace) else trace.read_data(tensor, datum)

    def write_data(self, tensor: Any, value: Any) -> None:
        """New data for a tensor."""
        trace = trace_hooks.active.get()
        value = self.own(value)
        datum = getattr(tensor, "datum", value)  # a new tensor has none
        if trace is None or is_own(datum, trace):
            tensor.datum = value
        else:
            trace.write_data(tensor, datum, value)

    def own(self, datum: Any) -> Any:
        """The datum of a new tensor: arrays are constants of the program."""
        if datum.__class__ is Sym or trace_hooks.active.get() is None:
            return datum
        return constant(np.asarray(datum))

    def read_grad(self, node: Node) -> Any:
        """The gradient of a leaf."""
        trace = trace_hooks.active.get()
        return node.stored if trace is None or node.seq > trace.start else trace.read_grad(node, node.stored)

    def write_grad(self, node: Node, value: Any) -> None:
        """A new gradient for a leaf."""
        trace = trace_hooks.active.get()
        if trace is None or node.seq > trace.start:
            node.stored = value
        else:
            trace.write_grad(node, value)

    def run(self, kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
        """A kernel on data: traced if one of them is, else a constant of the program."""
        if trace_hooks.active.get() is None:
            return operators._run_silently(kernel, *args, **params)
        if kernel in _NAMES and any(isinstance(a, Sym) for a in args):
            return getattr(TRACED, _NAMES[kernel])(*args, **params)
        with np.errstate(all="ignore"):  # in this context, which knows the trace
            y = kernel(*args, **params)
        return self.own(y) if kernel in _NAMES and not isinstance(y, tuple) else y


HOOK = Hook()


def is_own(datum: Any, trace: Trace) -> bool:
    """Whether a tensor with this datum was made in this trace."""
    return datum.__class__ is Sym and (datum.trace is trace or trace.outer is None)


def _get_attribute(module: Any, name: str) -> Any:
    value = object.__getattribute__(module, name)
    trace = trace_hooks.active.get()
    if trace is not None:
        trace.note_read(module, name)
    return value


_NAMES: dict[Callable[..., Any], str] = {}
for_each_primitive(lambda row: _NAMES.update({getattr(ARRAY, row.name): row.name}))
