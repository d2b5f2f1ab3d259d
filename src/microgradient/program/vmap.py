"""vmap: a function of one example as a function of a batch of them.

The function is traced once, on the shapes of one example; the program is then run on all examples at once, each instruction by
the batch rule of its primitive (batching.py). This run is on Tensors, so it can be differentiated or traced by `mg.compile`.
What the function closes over are inputs of the program that have no batch, and stay on the tape.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .. import operators, trace_hooks
from ..custom_rules import with_rule
from ..errors import (
    ArgumentError,
    ArgumentTypeError,
    MicrogradientError,
    ShapeError,
    TraceError,
    as_given,
    format_location,
    type_name,
    user_location,
)
from ..primitives import Primitive, World
from ..tape import TAPE, Node, recording
from ..taped_world import TAPED
from ..tensor import Tensor
from ..tree import flatten
from .batching import alone, batched, front
from .bindings import Argument, Binding, Data, Grad, Reference
from .interpret import out_of_bounds
from .program import Instruction, is_pure
from .sym import Sym
from .trace import Trace, Written, is_own, tracing_with
from .traced_world import constant

Function = Callable[..., Any]
Axes = Any  # an int, None, or containers of them


def vmap(f: Function, in_axes: Axes = 0, out_axes: Axes = 0) -> Function:
    """f for many examples at once: `vmap(f)(xs)` is the stack of f(x) for the x along the first axis of xs, as in JAX.

    `in_axes` says which axis of each argument counts the examples: an int for all arguments, or a tuple with an int, None (the
    same for every example) or nested containers for each; keyword arguments use axis 0. `out_axes` says where results have
    the axis. Random numbers are drawn separately for each example. Nests with itself, the other transforms and `mg.compile`.
    Raises ShapeError if the axes differ in length, ArgumentError if there are none, TraceError where f needs a value to go on.

    >>> import microgradient as mg
    >>> x = mg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> mg.vmap(lambda row: row @ row)(x)
    tensor([ 5., 25., 61.])
    >>> loss = lambda w, row: (row @ w) ** 2
    >>> mg.vmap(mg.grad(loss), in_axes=(None, 0))(mg.tensor([1.0, 0.0]), x)    # a gradient for each row
    tensor([[ 2.,  4.],
            [18., 24.],
            [50., 60.]])
    """

    @functools.wraps(f)
    def over_examples(*args: Any, **options: Any) -> Any:
        leaves, rebuild = flatten((args, options))
        axes, labels = _axes_of_arguments(in_axes, args, options)
        n, examples = _examples(leaves, axes, labels)
        trace = ExampleTrace()
        value = trace.run(f, leaves, {k: (x.shape[1:], x.dtype) for k, x in examples.items()}, rebuild)
        outputs, rebuild_outputs = flatten(value)
        places = _spread(out_axes, value, "out_axes", "the result")
        values = {i: (source(place, examples), isinstance(place, Argument)) for i, place in trace.inputs}
        results = replayed(trace.instructions, outputs, values, n)
        return rebuild_outputs([_result(y, m, axis, n) for (y, m), axis in zip(results, places, strict=True)])

    return over_examples


# ---------------------------------------------------------------------------------------------------------- arguments, axes


def _axes_of_arguments(in_axes: Axes, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """For each leaf of the arguments its axis, or None, and what to call it."""
    if isinstance(in_axes, tuple | list):
        if len(in_axes) != len(args):
            raise ArgumentError(
                "MG112",
                f"vmap: in_axes has {len(in_axes)} entries, but the function was called with {len(args)} positional arguments. "
                "Write one entry for each, None for what is the same for every example.",
            )
    elif isinstance(in_axes, bool) or not isinstance(in_axes, int | None):
        raise ArgumentTypeError(
            "MG112",
            f"vmap: in_axes is an int, None, or a tuple with an entry for each argument, not {as_given(in_axes)}.",
        )
    axes: list[Any] = []
    labels: list[str] = []
    prefixes = in_axes if isinstance(in_axes, tuple | list) else (in_axes,) * len(args)
    for number, (prefix, arg) in enumerate(zip(prefixes, args, strict=True)):
        axes += _spread(prefix, arg, f"in_axes[{number}]", f"argument {number}")
        labels += [f"argument {number}"] * (len(axes) - len(labels))
    for name, arg in options.items():
        axes += _spread(0, arg, "in_axes", name)
        labels += [f"`{name}`"] * (len(axes) - len(labels))
    return axes, labels


def _spread(prefix: Axes, tree: Any, what: str, whose: str) -> list[Any]:
    """For each leaf of `tree` an axis, from containers that are nested as it is, down to where one axis is for all below."""
    if prefix is None or (isinstance(prefix, int) and not isinstance(prefix, bool)):
        return [prefix] * len(flatten(tree)[0])
    if isinstance(prefix, dict) and isinstance(tree, dict) and prefix.keys() == tree.keys():
        pairs = [(prefix[key], child) for key, child in tree.items()]
    elif isinstance(prefix, list | tuple) and isinstance(tree, list | tuple) and len(prefix) == len(tree):
        pairs = list(zip(prefix, tree, strict=True))
    else:
        raise ArgumentTypeError(
            "MG112",
            f"vmap: {what} = {prefix!r} is not nested as {whose} is, {type_name(tree)}. Write an int, None, or the same "
            "containers with those.",
        )
    return [axis for part, child in pairs for axis in _spread(part, child, what, whose)]


def _examples(leaves: list[Any], axes: list[Any], labels: list[str]) -> tuple[int, dict[int, Tensor]]:
    """How many examples there are, and the mapped leaves by number, as tensors with the examples along their first axis."""
    examples: dict[int, Tensor] = {}
    lengths: dict[str, int] = {}
    for number, (leaf, axis, label) in enumerate(zip(leaves, axes, labels, strict=True)):
        if axis is None:
            continue
        shape = leaf.shape if isinstance(leaf, Tensor | np.ndarray | trace_hooks.Traced) else ()
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(
                "MG133",
                f"vmap: {label} has no axis {axis} to map over: it is {type_name(leaf)} of shape {shape}. Write None in "
                "in_axes for what is the same for every example.",
            )
        x = leaf if isinstance(leaf, Tensor) else Tensor(leaf, None)
        examples[number] = _moved(x, axis % x.ndim, 0)
        lengths[f"{label} has {shape[axis]} (shape {shape}, axis {axis})"] = shape[axis]
    if not examples:
        raise ArgumentError(
            "MG112",
            "vmap: no argument has an axis to map over. Write an int in in_axes for one of them, or call the function.",
        )
    if len(set(lengths.values())) > 1:
        raise ShapeError("MG120", f"vmap: the axes to map over differ in length: {'; '.join(lengths)}.")
    return next(iter(lengths.values())), examples


def _result(y: Any, mapped: bool, axis: Any, n: int) -> Any:
    """A result with the examples where `out_axes` wants them."""
    if axis is None:
        if mapped:
            raise ArgumentError(
                "MG112",
                f"vmap: out_axes is None for a result of shape {y.shape[1:]} that differs between examples. Write an int, the "
                "axis where the examples should be.",
            )
        return y
    y = front(y, mapped, n)
    if not -y.ndim <= axis < y.ndim:
        raise ShapeError(
            "MG133", f"vmap: out_axes = {axis} for a result that has {y.ndim} axes, counting that of the examples."
        )
    return _moved(y, 0, axis % y.ndim)


def _moved(x: Tensor, source: int, target: int) -> Any:
    """`x` with one axis in another place."""
    order = [k for k in range(x.ndim) if k != source]
    order.insert(target, source)
    return x if source == target else TAPED.permute_dims(x, axes=tuple(order))


# ------------------------------------------------------------------------------------------------- one example, then all


class ExampleTrace(Trace):
    """One run of a function on the shapes of one example. What it closes over becomes an input, or a constant."""

    name = "mg.vmap"
    runs = "for all examples at once"

    def __init__(self) -> None:
        super().__init__({})
        self.outer = trace_hooks.current()
        self._changes: dict[int, TraceError] = {}  # for each tensor from outside that was written to, by its id

    def run(self, f: Function, leaves: list[Any], kinds: dict[int, tuple[Any, Any]], rebuild: Function) -> Any:
        """The result of f, with the instructions that compute them in the place of tensors.

        `kinds` are the shapes and dtypes of the leaves that are inputs, by number.
        """
        token = recording.set(None if recording.get() is None else TAPE)
        try:
            with tracing_with(self):
                args, options = rebuild([self._stand_in(k, x, kinds.get(k)) for k, x in enumerate(leaves)])
                outputs, rebuild_outputs = flatten(f(*args, **options))
                self.warn_of_refusal()
                data: list[Any] = [(y if isinstance(y, Tensor) else Tensor(y, None)).raw for y in outputs]
                for seen in self.tensors.values():
                    if seen.now is not seen.before:
                        raise self._changes[id(seen.owner)]
                return rebuild_outputs([self.output(datum) for datum in data])
        finally:
            recording.reset(token)

    def _stand_in(self, number: int, leaf: Any, kind: tuple[Any, Any] | None) -> Any:
        if kind is not None:
            cls = leaf.result_class if isinstance(leaf, Tensor) else None
            return operators.wrap(self.input(Argument(number), *kind), None, None, cls)
        return operators.wrap(leaf.raw, None, None, leaf.result_class) if isinstance(leaf, Tensor) else leaf

    def emit(self, op: str, operands: Any, params: dict[str, Any], shape: Any, dtype: Any, weak: bool = False) -> Sym:
        made = super().emit(op, operands, params, shape, dtype, weak)
        if made.instruction is not None:
            made.instruction.taped = recording.get() is not None
        return made

    def detached(self, datum: Any) -> Any:
        if datum.dtype.kind != "f" or datum.value is not None:
            return datum
        made = self.emit("positive", [datum], {}, datum.shape, datum.dtype, datum.weak)
        if made.instruction is not None:
            made.instruction.taped = False
        return made

    def with_rule(self, rule: Primitive, y: Tensor, args: list[Tensor]) -> Tensor:
        if recording.get() is None:
            return y
        operands = [y.raw, *(a.raw for a in args)]
        made: Tensor = operators.wrap(
            self.emit("custom_rule", operands, {"rule": rule}, y.shape, y.dtype), None, None, y.result_class
        )
        return made

    # what is outside; a constant unless it may need a gradient or belongs to an outer trace

    def _first_sight(self, tensor: Any, datum: Any) -> Written:
        place = Data(tensor)
        known = datum
        if self.outer is not None:
            known = (datum if is_own(datum, self.outer) else self.outer.read_data(tensor, datum)).value
        if tensor.node is None and known is not None:
            seen = constant(known)
        else:
            seen = self.input(place, datum.shape, datum.dtype)
        return Written(tensor, place, seen, seen)

    def reference(self, array: Any) -> Sym:
        return constant(array) if self.outer is None else self.foreign(self.outer.reference(array))

    def foreign(self, x: Sym) -> Sym:
        if self.outer is None:
            return super().foreign(x)
        if x.value is not None:
            return constant(x.value)
        known = self._references.get(id(x))
        if known is None:
            known = self._references[id(x)] = self.input(Reference(x), x.shape, x.dtype, x.weak)
        return known

    def note_lengths(self, tensor: Any, frame: Any) -> None:
        if self.outer is not None:
            self.outer.note_lengths(tensor, frame)

    def note_node(self, tensor: Any) -> None:
        if self.outer is not None:
            self.outer.note_node(tensor)

    def note_read(self, module: Any, name: str) -> None:
        if self.outer is not None:
            self.outer.note_read(module, name)

    def note_write(self, module: Any, name: str) -> None:
        if self.outer is not None:
            self.outer.note_write(module, name)

    # what would change something outside

    def write_data(self, tensor: Any, datum: Any, value: Any) -> None:
        """An error in the end, unless what was there is put back, as `functional_call` does."""
        super().write_data(tensor, datum, value)
        self._changes[id(tensor)] = self._would_change(
            f"changes a tensor of shape {datum.shape} from outside. Return the new value from the function; for the running "
            "statistics of a normalisation layer, call `model.eval()` first."
        )

    def write_grad(self, node: Node, grad: Any) -> NoReturn:
        raise self._would_change(
            f"changes the `.grad` of a leaf of shape {node.shape} from outside. Return `mg.grad(loss)(…)` with the parameters as "
            "an argument."
        )

    def optimizer(self, optimizer: Any) -> NoReturn:
        raise self._would_change(
            f"takes a step of {type(optimizer).__name__}. Return the gradients, and take it outside."
        )

    def _would_change(self, what: str) -> TraceError:
        where = format_location(user_location())
        return TraceError("MG210", f"{where}: a function under {self.name} runs {self.runs}, and this one {what}")


def replayed(
    instructions: list[Instruction],
    outputs: list[Instruction],
    values: dict[Instruction, tuple[Any, bool]],
    n: int | None,
) -> list[tuple[Any, bool]]:
    """The values of `outputs` for all n examples, and whether they differ between these, from the `values` of inputs.

    If n is None there are no examples, and no value differs.
    """
    for i, done in _live(instructions, outputs):
        operands = [values[a] if isinstance(a, Instruction) else (a, False) for a in i.args]
        args, mapped = [x for x, _ in operands], tuple(m for _, m in operands)
        each = any(mapped) or (n is not None and not is_pure(i))
        token = recording.set(recording.get() if i.taped else None)
        try:
            values[i] = _value(n, i, args, mapped, each), each
        except MicrogradientError:
            raise
        except IndexError as error:
            raise out_of_bounds(error, i) from None
        finally:
            recording.reset(token)
        for operand in done:
            del values[operand]
    # a function never returns its argument itself
    same = [y.op in ("input", "constant") for y in outputs]
    found = [values[y] for y in outputs]
    return [(TAPED.reshape(x, shape=x.shape) if s else x, m) for (x, m), s in zip(found, same, strict=True)]


def _value(n: Any, i: Instruction, args: list[Any], mapped: tuple[bool, ...], each: bool) -> Any:
    if i.op == "constant":
        return operators.wrap(i.params["value"], None)
    if i.op == "custom_rule":
        y, *operands = args
        rule = i.params["rule"]
        if each:
            rule, y = _for_all(rule, mapped[1:]), front(y, mapped[0], n)
        return with_rule(rule, y, operands)
    if "control" in i.params:
        control = i.params["control"]
        return control.batched(n, args, mapped) if each else control.alone(args)
    return batched(n, i, args, mapped) if each else alone(i, args)


def _live(instructions: list[Instruction], outputs: list[Instruction]) -> list[tuple[Instruction, list[Instruction]]]:
    """The instructions that `outputs` depend on, each with the operands that are read for the last time."""
    needed = set(outputs)
    order = []
    for i in reversed(instructions):
        if i in needed:
            done = {a for a in i.args if isinstance(a, Instruction) and a not in needed}
            needed |= done
            order.append((i, list(done)))
    return order[::-1]


def source(place: Binding, examples: dict[int, Tensor]) -> Any:
    """What an input of the program stands for."""
    if isinstance(place, Argument):
        return examples[place.number]
    if isinstance(place, Data):
        return place.tensor
    if isinstance(place, Grad):
        return place.node.grad
    assert isinstance(place, Reference)
    return operators.wrap(place.array, None)


# -------------------------------------------------------------------------------------------------------- rules of the user


def _for_all(rule: Primitive, mapped: tuple[bool, ...]) -> Primitive:
    """The rule that a function of one example was given by `custom_rule`, for arguments of which those `mapped` have a batch."""
    axes = tuple(0 if m else None for m in mapped)

    def run_vjp(xp: World, t: Any, y: Any, args: Any, wanted: Any, params: Any) -> list[Any]:
        each = vmap(lambda t, y, *args: list(rule.vjp(TAPED, t, y, args, wanted, params)), in_axes=(0, 0, *axes))
        found = each(_boxed(t), _boxed(y), *map(_boxed, args))
        found = [
            g if g is None or m else TAPED.sum(g, axis=(0,), keepdims=False) for g, m in zip(found, mapped, strict=True)
        ]
        return [None if g is None else g if xp is TAPED else g.raw for g in found]

    def run_jvp(xp: World, tangents: Any, y: Any, args: Any, params: Any) -> Any:
        each = vmap(lambda t, y, *args: rule.jvp(TAPED, t, y, args, params), in_axes=(axes, 0, *axes))
        moved = each(tuple(map(_boxed, tangents)), _boxed(y), *map(_boxed, args))
        return moved if xp is TAPED else moved.raw

    return Primitive(rule.name, "special", (run_vjp,), run_vjp, run_jvp, rule.reads)


def _boxed(x: Any) -> Any:
    return x if x is None or isinstance(x, Tensor) else operators.wrap(x, None)
