"""From a function to a program: run it once under a trace, and gather what it returned and what it changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..errors import TraceError, type_name
from ..operators import wrap
from ..tape import NO_PARAMS, Node, Spent, recording, topological
from ..tensor import Tensor
from ..tree import flatten
from .bindings import Argument, Binding, Entry
from .leaks import Leaks
from .program import Alias, Instruction, Program
from .pullback import Pullback, Seed, split, traced_cotangents
from .simplify import simplify
from .sym import Sym
from .trace import Trace, tracing_with
from .traced_optimizer import FLOAT64
from .traced_world import constant

ARRAY, TENSOR, INSIDE, FLOAT, STATIC, VALUE = range(6)
"""Kinds of argument: an ndarray; a tensor, with or without a gradient of its own; one computed from others that need a gradient
(or an argument of `mg.grad`); a Python float; anything else, a constant of the program; a Value, in a function of Values."""


class Result(NamedTuple):
    """A leaf of what the function returned: how to make it (TENSOR, ARRAY, FLOAT, STATIC, ARGUMENT), and from what.

    `value` of a tensor is the number of the output that is its gradient.
    """

    kind: int
    output: int
    value: Any = None
    requires_grad: bool = False
    cls: type[Tensor] | None = None


ARGUMENT = 6


class Effect(NamedTuple):
    """Something that the function changed: where, and which output it becomes (None: the gradient becomes None)."""

    binding: Binding
    output: int | None


class Traced(NamedTuple):
    """A program, where its inputs come from and where its outputs go."""

    program: Program
    sources: list[Binding]
    results: list[Result]
    rebuild: Callable[[list[Any]], Any]
    effects: list[Effect]
    pullback: Pullback | None  # if there are results that can be differentiated


def trace_function(
    function: Callable[..., Any], leaves: list[Any], kinds: list[int], rebuild: Any, leaks: Leaks
) -> tuple[Traced, Trace]:
    """Run `function` once on the arguments, traced.

    The trace holds the arguments: whoever keeps it keeps them.
    """
    tensors = {id(x): doppelganger(x) for x, kind in zip(leaves, kinds, strict=True) if kind == TENSOR}
    leaves = [tensors.get(id(x), x) for x in leaves]
    given = {id(x) for x in tensors.values()}
    trace = Trace({n: x for n, (x, kind) in enumerate(zip(leaves, kinds, strict=True)) if kind == TENSOR})
    with tracing_with(trace):
        try:
            args, options = rebuild(
                [_stand_in(trace, n, x, kind) for n, (x, kind) in enumerate(zip(leaves, kinds, strict=True))]
            )
            value = function(*args, **options)
            trace.warn_of_refusal()
            for optimizer in trace.optimizers.values():
                optimizer.refuse_new_rates()
            leaks.refuse(lambda x: _is_traced(x) or id(x) in given)
            return _gathered(trace, value), trace
        except BaseException:
            trace.undo()
            raise
        finally:
            for seen in trace.tensors.values():
                if seen.owner.node is not seen.node and seen.owner.node is not None and seen.owner.node.op is not None:
                    seen.owner.node = seen.node


def doppelganger(x: Tensor) -> Tensor:
    """A tensor for the trace in the place of `x`: what the function does with `x` if it closes over it, too, is another thing."""
    new = type(x).__new__(type(x))
    new.datum, new.node, new.cut = x.datum, x.node, x.cut
    if hasattr(x, "__dict__"):  # of a class of the user's
        vars(new).update(vars(x))
    return new


def _stand_in(trace: Trace, number: int, leaf: Any, kind: int) -> Any:
    """What the function gets in the place of an argument."""
    if kind in (TENSOR, STATIC):
        return leaf
    if kind == FLOAT:
        return trace.input(Argument(number), (), FLOAT64, weak=True)
    datum = leaf.datum if isinstance(leaf, Tensor) else leaf
    node = Node(None, (), (), NO_PARAMS, datum.shape, datum.dtype) if kind == INSIDE else None
    if node is not None:
        trace.inside[number] = node
    cls = leaf.result_class if isinstance(leaf, Tensor) else None
    return wrap(trace.input(Argument(number), datum.shape, datum.dtype), node, None, cls)


def _gathered(trace: Trace, value: Any) -> Traced:
    """What the function returned and changed, as outputs of a program."""
    leaves, rebuild = flatten(value)
    trace.settle_buffers()
    outputs: list[Sym] = []
    results = [_result(trace, leaf, outputs) for leaf in leaves]
    connected = [
        (k, x.node) for k, x in enumerate(leaves) if results[k].kind == TENSOR and _differentiable(trace, x.node)
    ]
    effects = []
    for binding, new in _changes(trace):
        effects.append(Effect(binding, None if new is None else len(outputs)))
        if new is not None:
            outputs.append(new)
    _refuse_kept(trace)
    program, pullback = _programs(trace, outputs, connected)
    also = {id(r) for r in pullback[1]} if pullback is not None else set()
    program, sources = _with_aliases(trace, program, effects, also)
    if pullback is not None:
        pullback = _numbered(pullback, program, len(outputs))
    return Traced(program, sources, results, rebuild, effects, pullback)


def _programs(trace: Trace, outputs: list[Sym], connected: list[tuple[int, Node]]) -> tuple[Program, Any]:
    """The program with these outputs; with connected results, residuals follow as outputs, and there is a backward program."""
    leaves, cotangents = traced_cotangents(trace, connected) if connected else ([], [])
    made = [trace.output(x) for x in (*outputs, *cotangents)]
    whole = simplify(Program([i for i, _ in trace.inputs], trace.instructions, made))
    if not leaves:
        return whole, None
    seeds = {id(i) for i, binding in trace.inputs if isinstance(binding, Seed)}
    early, back, residuals = split(whole, len(outputs), seeds)
    ahead = [i for i in whole.inputs if id(i) not in seeds]
    kept = [r for r in residuals if r.op != "input"]
    program = Program(ahead, early, [*whole.outputs[: len(outputs)], *kept])
    return program, (back, residuals, [k for k, _ in connected], leaves)


def _numbered(parts: Any, program: Program, outputs: int) -> Pullback:
    """The backward program, with residuals as numbers of inputs and outputs of the forward program."""
    back, residuals, connected, leaves = parts
    inputs = {id(i): k for k, i in enumerate(program.inputs)}
    numbers, further = [], outputs
    for r in residuals:
        if r.op == "input":
            numbers.append((True, inputs[id(r)]))
        else:
            numbers.append((False, further))
            further += 1
    return Pullback(back, numbers, connected, leaves)


def _with_aliases(trace: Trace, whole: Program, effects: list[Effect], also: set[int]) -> tuple[Program, list[Binding]]:
    """The program without inputs that nobody reads (`also` are kept), and which outputs are next values of inputs."""
    used = {id(a) for i in whole.instructions for a in i.args if isinstance(a, Instruction)}
    used |= also | {id(o) for o in whole.outputs}
    kept = [(i, binding) for i, binding in trace.inputs if id(i) in used]
    sources = [binding for _, binding in kept]
    where = {binding: k for k, binding in enumerate(sources)}
    aliases = []
    for effect in effects:
        k = where.get(effect.binding)
        if k is not None and effect.output is not None:
            old, new = kept[k][0], whole.outputs[effect.output]
            if (old.shape, old.dtype) == (new.shape, new.dtype):
                aliases.append(Alias(effect.output, k))
    return Program([i for i, _ in kept], whole.instructions, whole.outputs, aliases), sources


def _result(trace: Trace, leaf: Any, outputs: list[Sym]) -> Result:
    if isinstance(leaf, Tensor):
        datum = leaf.datum
        if id(leaf) in trace.replaced:  # by a new one in its module, so it keeps its value
            datum = trace.tensors[id(leaf)].before
        if not isinstance(datum, Sym):  # a tensor from outside, returned itself
            number = trace.argument_number(leaf)
            return Result(STATIC, -1, leaf) if number is None else Result(ARGUMENT, -1, number)
        for number, node in trace.inside.items():
            if leaf.node is node:
                return Result(ARGUMENT, -1, number)
        outputs.append(datum)
        output = len(outputs) - 1
        is_leaf = leaf.node is not None and leaf.node.op is None
        grad = leaf.node.stored if is_leaf else None
        if not isinstance(grad, Tensor):
            return Result(TENSOR, output, None, is_leaf, leaf.result_class)
        outputs.append(grad.datum)
        return Result(TENSOR, output, len(outputs) - 1, is_leaf, leaf.result_class)
    if isinstance(leaf, Sym):
        outputs.append(leaf)
        return Result(FLOAT if leaf.weak else ARRAY, len(outputs) - 1)
    refuse_hidden(leaf, _is_traced)
    return Result(STATIC, -1, leaf)


def _is_traced(x: Any) -> bool:
    return isinstance(x, Sym) or (isinstance(x, Tensor) and isinstance(x.datum, Sym))


def refuse_hidden(leaf: Any, is_traced: Callable[[Any], bool]) -> None:
    """Raise TraceError for a result that hides something traced: in its attributes, or as a set, generator or text does."""
    if isinstance(leaf, Iterator | AsyncIterator | Coroutine) or _hides(leaf, is_traced, set()):
        raise TraceError(
            "MG203",
            f"The compiled function returned {type_name(leaf)}, whose numbers would have no value when the program runs. "
            "Return them in tuples, lists, dicts or named tuples, and make other objects of them outside.",
        )


def _hides(x: Any, is_traced: Callable[[Any], bool], seen: set[int]) -> bool:
    if is_traced(x) or (isinstance(x, str) and "<traced " in x):  # which is how one is written
        return True
    if id(x) in seen or isinstance(x, type | ModuleType | FunctionType | np.ndarray | str | bytes | int | float):
        return False
    seen.add(id(x))
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, set | frozenset | list | tuple) else ()
    slots = getattr(type(x), "__slots__", ())
    named = [getattr(x, name, None) for name in ([slots] if isinstance(slots, str) else slots)]
    return any(_hides(part, is_traced, seen) for part in (*parts, *named, *getattr(x, "__dict__", {}).values()))


def _differentiable(trace: Trace, node: Node | None) -> bool:
    """Whether a result was computed, in a graph that is still there, from leaves outside."""
    if node is None or node.op is None or recording.get() is None:
        return False
    reached = topological([node])
    if any(n.saved.__class__ is Spent for n in reached):
        return False  # backward() has been here
    return any(n.seq < trace.start or n in trace.inside.values() for n in reached)


def _changes(trace: Trace) -> list[tuple[Binding, Sym | None]]:
    """Every binding that was changed and its new value; None for a gradient that is no more."""
    changes: list[tuple[Binding, Sym | None]] = []
    for seen in trace.tensors.values():
        node = seen.owner.node
        if node is not seen.node and node is not None and node.op is not None and node.saved.__class__ is not Spent:
            raise TraceError(
                "MG204",
                f"A tensor of shape {seen.owner.shape} from outside the compiled function was given a value that needs a "
                "gradient; the graph can't outlive the call. Write `x[i] = value.detach()`.",
            )
        if seen.now is not seen.before:
            changes.append((seen.binding, seen.now))
    for grad in trace.grads.values():
        if grad.now is not grad.before:
            changes.append((grad.binding, None if grad.now is None else grad.now.raw))
    for optimizer in trace.optimizers.values():
        for p, state in optimizer.now.items():
            before = optimizer.before[p]
            for key, value in state.items():
                if value is not before.get(key) and value is not None:
                    new = value if isinstance(value, Sym) else constant(np.asarray(value))
                    changes.append((Entry(optimizer.optimizer, p, key), new))
    return changes


def _refuse_kept(trace: Trace) -> None:
    """Raise where a module holds a tensor that has a value only in the program."""
    for module, seen in trace.modules.values():
        for name, value in object.__getattribute__(module, "__dict__").items():
            # the type, since `isinstance` asks a module in there for its class, and a read is noted in `trace.modules`
            if not issubclass(type(value), Tensor):
                continue
            given = trace.argument_number(value) is not None and seen.get(name, value) is not value
            if given or isinstance(value.datum, Sym):
                raise TraceError(
                    "MG203",
                    f"`{type(module).__name__}.{name}` was set to a tensor computed in the compiled function, which would not "
                    f"be set again when the program runs. Return it, or make `{name}` a tensor in `__init__` and write "
                    f"`self.{name}.data = value.data`.",
                )
