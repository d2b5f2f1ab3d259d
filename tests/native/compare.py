"""A program run as machine code and by the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradient.native.runtime.executable import Executable
from microgradient.program.interpret import Interpreter
from microgradient.program.program import Program


class Fenced:
    """An array with bytes around it that nobody may write."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.memory = np.full(size + 256, 0x5A, np.uint8)
        self.array = self.memory[128 : 128 + size].view(dtype).reshape(shape)

    def whole(self) -> bool:
        """Whether the bytes around are as they were."""
        end = len(self.memory) - 128
        return bool((self.memory[:128] == 0x5A).all() and (self.memory[end:] == 0x5A).all())


def outcomes(runner: Any, inputs: Sequence[Any], runs: int = 2) -> list[list[Any]]:
    """The outputs of each of some runs on the same inputs; outputs that are inputs' next values overwrite them."""
    program = runner.program
    sources = {a.output: a.input for a in program.aliases}
    # one array for each input and output, as a caller keeps them
    fences = [Fenced(i.shape, i.dtype) for i in program.inputs]
    arrays = [f.array for f in fences]
    outputs = []
    for k, o in enumerate(program.outputs):
        if k not in sources:
            fences.append(Fenced(o.shape, o.dtype))
        outputs.append(arrays[sources[k]] if k in sources else fences[-1].array)
    found = []
    for _ in range(runs):
        for array, given in zip(arrays, inputs, strict=True):
            array[...] = given
        for k, o in enumerate(outputs):
            if k not in sources:
                o.reshape(-1).view(np.uint8)[...] = 0xA5 if o.dtype.kind != "b" else 0
        runner.run(arrays, outputs)
        assert all(f.whole() for f in fences), "written out of bounds"
        changing = {a.input for a in program.aliases}
        for k, (array, given) in enumerate(zip(arrays, inputs, strict=True)):
            if k not in changing:
                np.testing.assert_array_equal(array, given, err_msg=f"input {k} was changed")
        found.append([o.copy() for o in outputs])
    return found


def both(program: Program, inputs: Sequence[Any], runs: int = 2) -> list[tuple[Any, Any]]:
    """(as machine code, by the interpreter) for each output; all runs must give the same bits."""
    first, *rest = outcomes(Executable(program), inputs, runs)
    for again in rest:
        for k, (x, y) in enumerate(zip(first, again, strict=True)):
            assert x.tobytes() == y.tobytes(), f"output {k} of a second run differs"
    return list(zip(first, outcomes(Interpreter(program), inputs, 1)[0], strict=True))


def assert_near(program: Program, inputs: Sequence[Any], errors: Sequence[float], slack: float = 4.0) -> None:
    """Machine code and interpreter agree to within these errors; where they are 0, exactly (but for the sign of zero)."""
    for k, ((x, y), error) in enumerate(zip(both(program, inputs), errors, strict=True)):
        np.testing.assert_allclose(x, y, rtol=0, atol=slack * error, err_msg=f"output {k}")
