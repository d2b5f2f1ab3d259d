"""Executable: a program as machine code, ready to run.

A program becomes a few routines (lists of kernels that run one after the other in native code) with calls of NumPy between them
for what has no kernel. All share one arena.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...array_world import ARRAY
from ...errors import OutOfRangeError, format_location
from ...operators import run_kernel
from ...program.program import Program
from ..codegen import dispatch
from ..codegen.pointwise import supported
from ..plan.groups import HostCall
from ..plan.launch import Launch, listing
from ..plan.schedule import Schedule, schedule
from ..plan.values import BufferValue, View
from . import engine
from .routine import STATUS, BoundLaunch, NativeRoutine, new_arena

Array = np.ndarray[Any, Any]


class Executable:
    """Runs a program natively: `run(inputs, outputs)` reads C-contiguous arrays and writes into such arrays.

    An output that is the next value of an input may be the same array.
    """

    def __init__(self, program: Program) -> None:
        started = time.perf_counter()
        self.program = program
        plan = schedule(program, supported)
        self._arena = new_arena(plan.arena_bytes)
        self._constants = plan.constants  # kept alive
        self._steps = self._built(plan)
        self._routines = [step for step in self._steps if isinstance(step, NativeRoutine)]
        self._tables = [routine.table for routine in self._routines]
        self._alone = self._routines[0] if len(self._steps) == 1 and self._routines else None
        self._plan = plan
        self._draws = plan.draws if plan.draws.known else None
        self.compile_seconds = time.perf_counter() - started

    def run(
        self,
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        repeat: int = 1,
        moved: tuple[Iterable[int], Iterable[int]] | None = None,
    ) -> None:
        """Run once, or `repeat` times over the same arrays. `moved`: only these inputs and outputs are other arrays than in the
        last call. Raises OutOfRangeError for an index out of bounds."""
        some_inputs, some_outputs = moved or (range(len(inputs)), range(len(outputs)))
        first_output = _FIRST + len(inputs)
        for table in self._tables:
            for k in some_inputs:
                table[_FIRST + k] = id(inputs[k])
            for k in some_outputs:
                table[first_output + k] = id(outputs[k])
        if self._draws is None and self._alone is not None:
            if self._alone.run(repeat):
                raise self._out_of_bounds()
            return
        for _ in range(repeat):
            if self._draws is not None:
                self._draws.begin()
            for step in self._steps:
                if isinstance(step, NativeRoutine):
                    if step.run():
                        raise self._out_of_bounds()
                else:
                    step(inputs, outputs)

    def _out_of_bounds(self) -> OutOfRangeError:
        found = [i for i in self.program.instructions if i.op in _INDEXING and len(i.args) > 1]
        lines = dict.fromkeys(format_location(i.where) for i in found if i.where)
        return OutOfRangeError(
            "MG127", "An index in the compiled function is out of bounds. It is used at one of these places: "
            f"{', '.join(lines)}. Call the function without mg.compile to see which index it is.",
        )  # fmt: skip

    def stats(self) -> dict[str, Any]:
        """What the program costs: kernels, FLOPs, bytes moved, the arena, calls of NumPy."""
        launches = self._plan.launches
        specs = [launch.spec for launch in launches if isinstance(launch, Launch)]
        return {
            "instructions": len(self.program.instructions),
            "launches": len(launches),
            "kernels": len(set(map(repr, specs))),
            "kinds": dict(Counter(type(spec).__name__ for spec in specs)),
            "flops": sum(launch.flops for launch in launches),
            "bytes_moved": sum(launch.bytes_moved for launch in launches),
            "arena_bytes": self._plan.arena_bytes,
            "host_calls": dict(Counter(p.name for p in launches if isinstance(p, HostCall))),
            "compile_seconds": self.compile_seconds,
            "cache_hit": self._code.from_disk,
        }

    def listing(self) -> str:
        """The kernels in order, as text."""
        return listing(self._plan.launches)

    # ------------------------------------------------------------------------------------------------------- building

    def _built(self, plan: Schedule) -> list[Any]:
        """The routines and calls of NumPy, in order."""
        names: dict[str, str] = {}  # of kernels by their text, in which 0.0 and -0.0 differ, unlike in specifications
        thunks: dict[str, Any] = {}
        bits = engine.host().vector_bits
        for launch in plan.launches:
            if isinstance(launch, Launch) and (text := repr(launch.spec)) not in names:
                names[text] = name = f"k{len(names)}"
                thunks[name] = partial(dispatch.generate, launch.spec, name, bits)
        self._code = engine.machine_code(thunks, repr(list(names)))
        steps: list[Any] = []
        pending: list[BoundLaunch] = []
        results: dict[int, Any] = {}
        for launch in plan.launches:
            if isinstance(launch, Launch):
                pending.append(self._bound(launch, self._code.address(names[repr(launch.spec)])))
                continue
            if pending:
                steps.append(self._routine(pending, plan))
                pending = []
            steps.append(_Call(self, launch, results))
        if pending:
            steps.append(self._routine(pending, plan))
        return steps

    def _routine(self, launches: list[BoundLaunch], plan: Schedule) -> NativeRoutine:
        routine = NativeRoutine(launches, _FIRST + plan.slots, self._arena)
        for slot, array in plan.constants:
            routine.table[_FIRST + slot] = id(array)
        return routine

    def _bound(self, launch: Launch, address: int) -> BoundLaunch:
        operands: list[Any] = []
        for buffer, entry in launch.operands:
            offset = entry * buffer.dtype.itemsize
            operands.append((0, buffer.offset + offset) if buffer.slot is None else (_FIRST + buffer.slot, offset))
        if launch.entries is not None:
            operands.append(launch.entries)
        operands.append((STATUS, 0))
        count = dispatch.pieces(launch.spec, launch.entries)
        return BoundLaunch(address, count, operands, parallel=count > 1)

    def array(self, value: BufferValue, inputs: Sequence[Array], outputs: Sequence[Array]) -> Array:
        """The flat array behind a value."""
        buffer = value.buffer
        assert buffer is not None
        if buffer.slot is None:
            end = buffer.offset + buffer.size * buffer.dtype.itemsize
            return self._arena[buffer.offset : end].view(buffer.dtype)
        if buffer.array is not None:
            flat: Array = buffer.array.reshape(-1)
            return flat
        known = [*inputs, *outputs][buffer.slot]
        return known.reshape(-1)


_INDEXING = frozenset({"index", "index_add", "index_set", "take_along_axis", "scatter_along_axis"})
_FIRST = 2  # slots 0 and 1 are the arena and the status


class _Call:
    """A call of NumPy between routines."""

    def __init__(self, owner: Executable, call: HostCall, results: dict[int, Any]) -> None:
        self.owner = owner
        self.instruction, self.operands, self.value = call.instruction, call.args, call.value
        self.results = results  # of primitives with several results, until they are picked

    def __call__(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        args = [self._argument(o, inputs, outputs) for o in self.operands]
        i = self.instruction
        if i.op == "host":
            y = run_kernel(i.params["function"], *args)
        else:
            y = run_kernel(getattr(ARRAY, i.op), *args, **i.params)
        if i.shape is None:
            self.results[id(self.value)] = tuple(
                map(np.array, y)
            )  # views of the arena would change before they are picked
        else:
            self.owner.array(self.value, inputs, outputs)[...] = np.asarray(y).reshape(-1)

    def _argument(self, operand: Any, inputs: Sequence[Array], outputs: Sequence[Array]) -> Any:
        if not isinstance(operand, View):
            return operand
        value = operand.value
        if value.literal is not None:
            return np.full(operand.shape, value.literal, value.dtype)
        if id(value) in self.results:
            return self.results[id(value)]
        if 0 in operand.shape:
            return np.empty(operand.shape, value.dtype)
        flat = self.owner.array(value, inputs, outputs)
        offset, strides = operand.layout
        steps = tuple(s * flat.itemsize for s in strides)
        view: Array = np.ndarray(operand.shape, flat.dtype, flat.data, offset * flat.itemsize, steps)
        if value.weak:
            return view.item()
        view.flags.writeable = False
        return view
