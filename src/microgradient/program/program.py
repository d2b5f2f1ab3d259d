"""Program: what a traced function computes, as a typed list of instructions.

An instruction is one primitive of the rulebook applied to earlier instructions, with the shape and dtype of its result; it
stands for its own value. Besides primitives there are `input`, `constant` and `host` (a NumPy function that is no primitive:
sorting, random draws).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import indent
from typing import Any, NamedTuple

import numpy as np

from ..traced_draws import Drawing
from .origin import Origin


@dataclass(slots=True, eq=False, repr=False)
class Instruction:
    """One value of a program: `op` applied to `args` (instructions and Python numbers) with the keyword arguments `params`.

    A primitive with several results (eigh, svd, qr) has shape and dtype None and is followed by `pick` instructions. `weak`:
    a Python number when the program runs, kept as 0-d float64 (or int64, bool), which does not decide the dtype of a result.
    `taped`: not under `no_grad`, nor detached; it matters where a program is run on tensors.
    """

    op: str
    args: tuple[Any, ...]
    params: dict[str, Any]
    shape: Any
    dtype: Any
    weak: bool = False
    where: Origin | None = None
    number: int = -1  # its place in the printed program
    taped: bool = True

    @property
    def size(self) -> int:
        """How many entries the value has."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def ndim(self) -> int:
        """How many axes the value has."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"%{self.number}" if self.number >= 0 else f"<{self.op} {self.shape}>"


class Alias(NamedTuple):
    """Output number `output` is the next value of input number `input`: both may share memory."""

    output: int
    input: int


class Program:
    """Inputs, instructions in an order in which they can run, and outputs.

    `instructions` holds the constants too, but not the inputs.
    """

    def __init__(
        self,
        inputs: list[Instruction],
        instructions: list[Instruction],
        outputs: list[Instruction],
        aliases: Iterable[Alias] = (),
    ) -> None:
        self.inputs = inputs
        self.instructions = instructions
        self.outputs = outputs
        self.aliases = list(aliases)
        self._number()

    def _number(self) -> None:
        for number, instruction in enumerate([*self.inputs, *self.instructions]):
            instruction.number = number

    @property
    def size(self) -> int:
        """How many instructions there are."""
        return len(self.instructions)

    def all_instructions(self) -> Iterator[Instruction]:
        """The instructions, and those of the programs in them."""
        for i in self.instructions:
            yield i
            for inner in inner_programs(i):
                yield from inner.all_instructions()

    def generators(self) -> list[Any]:
        """The generators that it draws random numbers from."""
        draws = [i.params["function"] for i in self.all_instructions() if i.op == "host"]
        found = [getattr(d.method, "__self__", None) for d in draws if isinstance(d, Drawing)]
        return list({id(g): g for g in found if g is not None}.values())

    def __str__(self) -> str:
        lines = [_line(i) for i in self.inputs] + [_line(i) for i in self.instructions]
        lines.append("return " + ", ".join(f"%{o.number}" for o in self.outputs))
        return "\n".join(lines)


def inner_programs(i: Instruction) -> list[Program]:
    """The programs of the steps of a loop, or of the branches of a condition."""
    return [body.program for body in i.params["control"].bodies] if "control" in i.params else []


def is_pure(i: Instruction) -> bool:
    """Whether an instruction does nothing but give its value: it draws no random numbers."""
    if i.op == "host":
        return bool(i.params.get("pure", True))
    return all(is_pure(x) for inner in inner_programs(i) for x in inner.instructions)


def _line(i: Instruction) -> str:
    """One instruction as text: `%7 = multiply %3 %5 : float32 (64, 128)`."""
    if i.op == "constant":
        value = i.params["value"]
        shown = f"{value.flat[0]:g}" if value.size == 1 or (not any(value.strides) and value.size) else "…"
        arguments = [shown]
    else:
        arguments = [f"%{a.number}" if isinstance(a, Instruction) else repr(a) for a in i.args]
        arguments += [f"{k}={_shown(v)}" for k, v in i.params.items() if k not in ("function", "draw", "control")]
    kind = "…" if i.shape is None else f"{i.dtype} {i.shape}" + (" weak" if i.weak else "")
    line = f"%{i.number} = {i.op} {' '.join(arguments)} : {kind}".replace("  ", " ")
    return "\n".join([line, *(indent(str(inner), "    ") for inner in inner_programs(i))])


def _shown(value: Any) -> str:
    if isinstance(value, np.dtype):
        return str(value)
    if isinstance(value, slice):
        edges = ["" if e is None else str(e) for e in (value.start, value.stop)]
        return ":".join(edges) + ("" if value.step is None else f":{value.step}")
    if isinstance(value, tuple):
        return "(" + ", ".join(_shown(v) for v in value) + ("," if len(value) == 1 else "") + ")"
    return str(value)
