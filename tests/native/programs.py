"""Programs written down by computing: every operation runs on NumPy and appends its instruction."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradient.array_world import ARRAY
from microgradient.program.program import Instruction, Program


class Recorded:
    """An array and the instruction that computes it."""

    def __init__(self, book: Book, array: Any, instruction: Instruction) -> None:
        self.book, self.array, self.instruction = book, np.asarray(array), instruction
        self.shape, self.dtype = self.array.shape, self.array.dtype
        self.ndim, self.size = self.array.ndim, self.array.size


class Book:
    """The namespace `xp` of recorded arrays; also makes inputs and the finished program."""

    def __init__(self) -> None:
        self.inputs: list[Recorded] = []
        self.made: list[Instruction] = []

    def input(self, array: Any) -> Recorded:
        array = np.asarray(array)
        out = Recorded(self, array, Instruction("input", (), {}, array.shape, array.dtype))
        self.inputs.append(out)
        return out

    def constant(self, array: Any) -> Recorded:
        array = np.asarray(array)
        i = Instruction("constant", (), {"value": array}, array.shape, array.dtype)
        self.made.append(i)
        return Recorded(self, array, i)

    def zeros(self, shape: Any, dtype: Any) -> Recorded:
        return self.constant(np.broadcast_to(np.zeros((), dtype), shape))

    def zeros_like(self, a: Recorded) -> Recorded:
        return self.zeros(a.shape, a.dtype)

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **params: Any) -> Any:
            with np.errstate(all="ignore"):
                y = getattr(ARRAY, name)(*map(_operand, args), **params)
            parts = tuple(a.instruction if isinstance(a, Recorded) else a for a in args)
            if isinstance(y, tuple):
                i = Instruction(name, parts, params, None, None)
                self.made.append(i)
                out = []
                for k, part in enumerate(y):
                    p = Instruction("pick", (i,), {"i": k, "n": len(y)}, part.shape, part.dtype)
                    self.made.append(p)
                    out.append(Recorded(self, part, p))
                return tuple(out)
            y = np.asarray(y)
            i = Instruction(name, parts, params, y.shape, y.dtype)
            self.made.append(i)
            return Recorded(self, y, i)

        return call

    def program(self, *outputs: Recorded, aliases: Any = ()) -> Program:
        return Program([x.instruction for x in self.inputs], self.made, [y.instruction for y in outputs], aliases)


def _operand(a: Any) -> Any:
    """What NumPy is given: weak values are Python numbers."""
    return (a.array.item() if a.instruction.weak else a.array) if isinstance(a, Recorded) else a


def _operator(name: str, reflected: bool) -> Any:
    def method(self: Recorded, other: Any) -> Any:
        return getattr(self.book, name)(other, self) if reflected else getattr(self.book, name)(self, other)

    return method


for _sign, _name in {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "pow"}.items():
    setattr(Recorded, f"__{_sign}__", _operator(_name, False))
    setattr(Recorded, f"__r{_sign}__", _operator(_name, True))
Recorded.__neg__ = lambda self: self.book.negative(self)  # type: ignore[attr-defined]
