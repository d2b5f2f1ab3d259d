"""Random draws of a program as kernels: bit for bit the numbers that `microgradient.random` would draw at these places.

All draws of one call take their blocks from one generator, one after the other in the order of the trace. So either all of them
are kernels or none is: a permutation, whole numbers, probabilities in an array, float16 or a second generator leave all to NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...program.program import Program, is_pure
from ..lower.ops import NATIVE_DTYPES
from .kernel import DrawKernel
from .values import Buffer, BufferValue


class Draws:
    """The draws of a program by the identity of their instructions; `state` holds the seed and the counter for each."""

    def __init__(self, program: Program) -> None:
        found = [i for i in program.instructions if i.op == "host" and not i.params["pure"]]
        specs = [i.params["draw"] for i in found]
        inside = any(not is_pure(i) for i in program.instructions if i.op != "host")  # between these, in their order
        native = (
            not inside
            and all(d is not None and d.generator is specs[0].generator for d in specs)
            and all(i.dtype.str[1:] in NATIVE_DTYPES for i in found)
        )
        self.generator: Any = specs[0].generator if specs and native else None
        self.known: dict[int, tuple[DrawKernel, BufferValue, int]] = {}  # kernel, state, entry of its seed and counter
        self.state = np.zeros((len(found), 2), np.uint64)
        state = BufferValue(self.state.shape, self.state.dtype)
        state.place(Buffer(self.state.dtype, self.state.size, array=self.state))
        before = []  # for each draw, how many blocks those before it use
        self.blocks = 0
        for n, (i, d) in enumerate(zip(found, specs, strict=True) if native else ()):
            spec = DrawKernel(d.kind, i.size, i.dtype.str[1:], d.numbers)
            self.known[id(i)] = spec, state, 2 * n
            before.append(self.blocks)
            self.blocks += spec.blocks
        self._before = np.array(before, np.uint64)

    def begin(self) -> None:
        """Take the blocks of one run from the generator."""
        seed, counter = self.generator.reserve(self.blocks)
        self.state[:, 0] = seed
        self.state[:, 1] = self._before + np.uint64(counter)
