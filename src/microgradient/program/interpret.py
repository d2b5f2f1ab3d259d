"""The interpreter: a program run on NumPy, instruction by instruction. It says what compiled code has to compute."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import NonFiniteError, OutOfRangeError
from ..operators import run_kernel, run_primitive
from ..primitives import TABLE
from .profile import LaunchTime, sources, timing
from .program import Instruction, Program

Array = np.ndarray[Any, Any]


class Interpreter:
    """Runs a program: `run(inputs, outputs)`. With `check`, raises at the first instruction that gives a NaN or an infinity."""

    def __init__(self, program: Program, check: bool = False) -> None:
        self.program = program
        self.check = check
        known = {id(i): place for place, i in enumerate([*program.inputs, *program.instructions])}
        last = {id(a): i for i in program.instructions for a in i.args if isinstance(a, Instruction)}
        kept = {id(o) for o in program.outputs}
        self._steps = []
        for i in program.instructions:
            args = [known[id(a)] if isinstance(a, Instruction) else _Number(a) for a in i.args]
            over = {
                known[id(a)] for a in i.args if isinstance(a, Instruction) and last[id(a)] is i and id(a) not in kept
            }
            self._steps.append((i, args, known[id(i)], over))
        self._outputs = [known[id(o)] for o in program.outputs]
        self._inner: dict[int, Interpreter] = {}  # of the programs in it, by the ids of their bodies

    def run(self, inputs: Sequence[Array], outputs: Sequence[Array], repeat: int = 1, moved: object = None) -> None:
        """Run once, or `repeat` times over the same arrays. (`moved` spares machine code some work; not here.)"""
        for _ in range(repeat):
            values: list[Any] = [None] * (len(self.program.inputs) + len(self._steps))
            for place, (i, array) in enumerate(zip(self.program.inputs, inputs, strict=True)):
                values[place] = array.item() if i.weak else array
                if self.check and array.dtype.kind in "fc" and np.isnan(array).any():
                    raise _bad_input(i, array)
            times = timing.get()
            for i, args, place, over in self._steps:
                started = time.perf_counter()
                values[place] = self._value(i, [a.value if isinstance(a, _Number) else values[a] for a in args])
                for old in over:
                    values[old] = None  # nothing reads it later
                if times is not None:
                    seconds = max(time.perf_counter() - started, 1e-9)
                    times.append(LaunchTime(i.number, f"NumPy's {i.op}", seconds, 0, 0, *sources([i.where])))
            results = [np.array(values[place]) for place in self._outputs]
            for output, result in zip(outputs, results, strict=True):
                output[...] = result

    def _value(self, i: Instruction, args: list[Any]) -> Any:
        if i.op == "constant":
            return i.params["value"]
        if "control" in i.params:
            return i.params["control"].run(args, self._run_body)
        if i.op == "host":
            value = run_kernel(i.params["function"], *args)
        else:
            if TABLE[i.op].kind != "pointwise":
                args = [a if isinstance(a, tuple) else np.asarray(a) for a in args]
            try:
                value = run_primitive(i.op, args, i.params)
            except IndexError as error:
                raise out_of_bounds(error, i) from None
        if self.check and not isinstance(value, tuple | list):
            self._check(i, args, value)
        return (value.item() if isinstance(value, np.generic | np.ndarray) else value) if i.weak else value

    def _run_body(self, body: Any, args: Sequence[Array]) -> list[Array]:
        """What the program of a loop's step, or of a branch, gives for these arrays."""
        if id(body) not in self._inner:
            self._inner[id(body)] = Interpreter(body.program, self.check)
        results = [np.empty(o.shape, o.dtype) for o in body.program.outputs]
        self._inner[id(body)].run([np.asarray(a) for a in args], results)
        return results

    def _check(self, i: Instruction, args: list[Any], value: Any) -> None:
        result = np.asarray(value)
        if result.dtype.kind not in "fc" or np.all(np.isfinite(result)):
            return
        bad = np.isnan(result)
        what = "NaN" if bad.any() else "an infinity"
        if what == "an infinity" and any(np.isinf(a).any() for a in args if np.asarray(a).dtype.kind in "fc"):
            return  # it is meant: masks hold infinities
        place = tuple(int(k) for k in np.argwhere(bad if bad.any() else np.isinf(result))[0])
        operands = ", ".join(_described(a) for a in args)
        where, module = i.where or "an unknown line", i.where.module if i.where else ""
        raise NonFiniteError(
            "MG171",
            f"{where}: `{i.op}`{f' in `{module}`' if module else ''} gives {what} at {list(place)}; its operands are {operands}. "
            f"It is %{i.number} of the compiled program.",
        )


def out_of_bounds(error: IndexError, i: Instruction) -> OutOfRangeError:
    """NumPy's complaint about an index of an instruction, with the user's line."""
    where = i.where or "an unknown line"
    found = re.search(r"index (\d+) .* size (\d+)", str(error))
    below = found is not None and found[1] == found[2]
    also = " It may have been below 0, where indices don't count from the end." if below else ""
    return OutOfRangeError("MG127", f"{where}: {error}.{also} Check where the indices come from.")


def _bad_input(i: Instruction, array: Array) -> NonFiniteError:
    place = [int(k) for k in np.argwhere(np.isnan(array))[0]]
    return NonFiniteError(
        "MG171", f"An input of the program, %{i.number} of {i.dtype} {i.shape}, is NaN at {place}: an argument, or a tensor that "
        "the function closes over.",
    )  # fmt: skip


class _Number:
    """A Python number among the operands."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _described(a: Any) -> str:
    array = np.asarray(a)
    if array.ndim == 0:
        return f"{array.item()}"
    if not array.size:
        return f"empty {array.shape}"
    return f"{array.dtype} {array.shape} from {array.min():.4g} to {array.max():.4g}"
