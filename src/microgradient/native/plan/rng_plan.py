"""Random draws of a program as kernels: bit for bit the numbers that `microgradient.random` would draw at these places.

All draws of one call take their blocks from one generator, one after the other in the order of the trace. So either all of them
are kernels or none is: a permutation, whole numbers, probabilities in an array, float16 or a second generator leave all to NumPy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...program.program import Instruction, Program
from ..codegen import philox
from ..lower.ops import NATIVE_DTYPES
from ..lower.views import Layout, dense
from .groups import Buffer, BufferValue, View
from .kernel import DrawKernel


class Draw(NamedTuple):
    """One draw: its kernel, and the entry of the state where its seed and its counter are."""

    spec: DrawKernel
    entry: int


class Draws:
    """The draws of a program by the identity of their instructions; `state` holds the seed and the counter for each."""

    def __init__(self, program: Program) -> None:
        found = [i for i in program.instructions if i.op == "host" and not i.params["pure"]]
        specs = [i.params["draw"] for i in found]
        native = all(d is not None and d.generator is specs[0].generator for d in specs) and all(
            i.dtype.str[1:] in NATIVE_DTYPES for i in found
        )
        self.generator: Any = specs[0].generator if specs and native else None
        self.known: dict[int, Draw] = {}
        before = []  # for each draw, how many blocks those before it use
        self.blocks = 0
        for n, (i, d) in enumerate(zip(found, specs, strict=True) if native else ()):
            spec = DrawKernel(d.kind, i.size, i.dtype.str[1:], d.numbers)
            self.known[id(i)] = Draw(spec, 2 * n)
            before.append(self.blocks)
            self.blocks += philox.blocks(spec)
        self._before = np.array(before, np.uint64)
        self.state = np.zeros((len(before), 2), np.uint64)
        self.buffer = Buffer(self.state.dtype, self.state.size)
        self.buffer.array = self.state

    def begin(self) -> None:
        """Take the blocks of one run from the generator."""
        seed, counter = self.generator.reserve(self.blocks)
        self.state[:, 0] = seed
        self.state[:, 1] = self._before + np.uint64(counter)


def draw(fusion: Any, i: Instruction, made: Draw) -> View:
    """Make a group of a draw."""
    group = fusion.begin("draw", i.shape, tuple(range(len(i.shape))))
    group.closed = True
    value = BufferValue(i.shape, i.dtype, Layout(0, dense(i.shape)))
    value.ready = group.number
    group.detail = (made, value)
    return View(value, (), i.shape)
