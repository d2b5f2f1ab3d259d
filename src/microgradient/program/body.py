"""Body: the step of a loop, or a branch of a condition, as a program of its own, traced once however often it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ..operators import result_class, wrap
from ..tensor import Tensor
from ..trace_hooks import current
from .batching import front
from .bindings import Argument
from .program import Instruction, Program, is_pure
from .simplify import needed, simplify
from .vmap import ExampleTrace, replayed, source

Kind = tuple[tuple[int, ...], Any]
"""A shape and a dtype."""


class Body:
    """Inputs, instructions and outputs, as they were traced: with what is needed to differentiate them."""

    def __init__(self, inputs: list[Instruction], instructions: list[Instruction], outputs: list[Instruction]) -> None:
        self.inputs, self.instructions, self.outputs = inputs, needed(instructions, outputs), outputs

    @cached_property
    def program(self) -> Program:
        """The program that runs, without what only derivatives need."""
        new = {id(i): i for i in self.inputs}
        made = []
        for i in self.instructions:
            args = tuple([new[id(a)] if isinstance(a, Instruction) else a for a in i.args])
            if i.op == "custom_rule":
                new[id(i)] = args[0]
            else:
                new[id(i)] = Instruction(i.op, args, i.params, i.shape, i.dtype, i.weak, i.where)
                made.append(new[id(i)])
        return simplify(Program(self.inputs, made, [new[id(o)] for o in self.outputs]))

    @property
    def pure(self) -> bool:
        """Whether it draws no random numbers."""
        return all(map(is_pure, self.instructions))

    @property
    def kinds(self) -> list[Kind]:
        """What the outputs are."""
        return [(o.shape, o.dtype) for o in self.outputs]

    def invariant(self, inputs: list[Instruction]) -> tuple[list[Instruction], list[Instruction]]:
        """The instructions that depend on these inputs alone, and those of their values that the others read."""
        known, before = set(inputs), []
        for i in self.instructions:
            if (
                i.op != "custom_rule"
                and i.shape is not None
                and is_pure(i)
                and i.args
                and known.issuperset(_operands(i))
            ):
                known.add(i)
                before.append(i)
        read = {a for i in self.instructions if i not in known for a in _operands(i)} | set(self.outputs)
        # what broadcasts takes no time in the loop, and memory outside
        values = [i for i in before if i in read and i.op != "broadcast_to"]
        return before, values

    def with_inputs(self, inputs: list[Instruction], old: list[Instruction], new: list[Instruction]) -> Body:
        """The same with other inputs, of which `new` are in the place of `old` instructions."""
        places = dict(zip(old, new, strict=True))
        made = []
        for i in self.instructions:
            if i not in places:
                args = tuple([places.get(a, a) if isinstance(a, Instruction) else a for a in i.args])
                places[i] = Instruction(i.op, args, i.params, i.shape, i.dtype, i.weak, i.where, taped=i.taped)
                made.append(places[i])
        return Body(inputs, made, [places.get(o, o) for o in self.outputs])

    def replay(self, operands: Sequence[Any], mapped: Sequence[bool] = (), n: int | None = None) -> list[Any]:
        """The outputs for these tensors, one operation after the other; with `n`, for n examples, which all outputs then have
        along their first axis, as the operands that are `mapped` do."""
        mapped = mapped or (False,) * len(operands)
        values = {i: (x, m) for i, x, m in zip(self.inputs, operands, mapped, strict=True)}
        found = replayed(self.instructions, self.outputs, values, n)
        return [x if n is None else front(x, m, n) for x, m in found]


def _operands(i: Instruction) -> list[Instruction]:
    return [a for a in i.args if isinstance(a, Instruction)]


class BodyTrace(ExampleTrace):
    """The trace of a body. What it closes over becomes an input."""

    runs = "again and again as one program"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class TracedBody(NamedTuple):
    """A body, the first inputs of which are the tensors in `closures`."""

    body: Body
    closures: list[Any]


def trace_body(function: Callable[..., Any], kinds: list[Kind], name: str, models: Sequence[Any] = ()) -> TracedBody:
    """Run `function(*tensors)`, which returns a list of tensors, once on tensors of these kinds without numbers; they are of the
    classes of the `models`, if there are some."""
    trace = BodyTrace(name)
    leaves = [*models] or [None] * len(kinds)
    outputs = trace.run(function, leaves, dict(enumerate(kinds)), lambda found: (found, {}))
    places = {place.number: i for i, place in trace.inputs if isinstance(place, Argument)}
    others = [(i, source(place, {})) for i, place in trace.inputs if not isinstance(place, Argument)]
    inputs = [*(i for i, _ in others), *(places[n] for n in range(len(kinds)))]
    return TracedBody(Body(inputs, trace.instructions, outputs), [x for _, x in others])


def emit(op: str, control: Any, operands: Sequence[Any], kinds: list[Kind]) -> list[Tensor]:
    """Add an instruction with several results to the active trace; these."""
    trace = current()
    data = [strong(x.raw) for x in operands]
    whole = trace.emit(op, data, {"control": control}, None, None)
    n, cls = len(kinds), result_class(operands)
    picks = [trace.emit("pick", [whole], {"i": i, "n": n}, *kind) for i, kind in enumerate(kinds)]
    return [wrap(pick, None, None, cls) for pick in picks]


def strong(x: Any) -> Any:
    """The datum of a Python number that is known when the program runs, as an array."""
    return x.trace.emit("astype", [x], {"dtype": x.dtype}, (), x.dtype) if getattr(x, "weak", False) else x
