"""Executable: a program as machine code, ready to run.

A program becomes a few routines (lists of kernels that run one after the other in native code) with calls of NumPy between them
for what has no kernel. All share one arena.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ...errors import OutOfRangeError
from ...operators import run_kernel, run_primitive
from ...program.profile import LaunchTime, sources, timing
from ...program.program import Program
from ..codegen import dispatch
from ..plan.control import ControlLaunch
from ..plan.groups import HostCall
from ..plan.launch import Launch, Operand, listing
from ..plan.schedule import Schedule
from ..plan.values import BufferValue, View
from . import engine, threads
from .control_ir import FIRST as _FIRST
from .plans import planned
from .routine import STATUS, BoundLaunch, BoundPart, Inside, NativeRoutine, new_arena

Array = np.ndarray[Any, Any]


class Executable:
    """Runs a program natively: `run(inputs, outputs)` reads C-contiguous arrays and writes into such arrays.

    An output that is the next value of an input may be the same array.
    """

    def __init__(self, program: Program) -> None:
        started = time.perf_counter()
        self.program = program
        self._plan, self._plan_from_disk = plan, _ = planned(program)
        self._arena = new_arena(plan.arena_bytes)
        self._texts, self._kernels = _machine_code(plan)
        self._pieces: dict[Any, int] = {}
        self._flags: list[Array] = []
        self._arenas = _inner_arenas(plan.launches)
        self._steps = self._sequence(apart=False)
        self._apart: list[Any] = []  # a step for each launch, to time them
        self._tables = [step.table for step in self._steps if isinstance(step, NativeRoutine)]
        self._alone = self._steps[0] if len(self._steps) == 1 and self._tables else None
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
        if (times := timing.get()) is not None:
            for _ in range(repeat):
                self._run_apart(inputs, outputs, times)
        elif self._draws is None and self._alone is not None:
            if self._alone.run(repeat):
                raise self._out_of_bounds()
        else:
            for _ in range(repeat):
                if self._draws is not None:
                    self._draws.begin()
                for step in self._steps:
                    self._do(step, inputs, outputs)

    def _do(self, step: Any, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        if not isinstance(step, NativeRoutine):
            step(inputs, outputs)
        elif step.run():
            raise self._out_of_bounds()

    def _run_apart(self, inputs: Sequence[Array], outputs: Sequence[Array], times: list[LaunchTime]) -> None:
        """Run once, launch by launch, and note the time of each; what a call of native code costs in itself is taken off."""
        self._apart = self._apart or self._sequence(apart=True)
        nothing = NativeRoutine([], 0, self._arena)
        for step in self._apart:
            for k, array in enumerate([*inputs, *outputs] if isinstance(step, NativeRoutine) else ()):
                step.table[_FIRST + k] = id(array)
        call = min(_seconds(nothing.run) for _ in range(20))
        if self._draws is not None:
            self._draws.begin()
        for number, (launch, step) in enumerate(zip(self._plan.launches, self._apart, strict=True)):
            seconds = _seconds(lambda step=step: self._do(step, inputs, outputs))  # type: ignore[misc]
            seconds = max(seconds - call * (not isinstance(launch, HostCall)), 1e-9)
            cost = launch.flops, launch.bytes_moved
            times.append(LaunchTime(number, launch.title, seconds, *cost, *sources(launch.group.origins)))

    def _out_of_bounds(self) -> OutOfRangeError:
        found = [i for i in self.program.all_instructions() if i.op in _INDEXING and len(i.args) > 1]
        lines = dict.fromkeys(str(i.where) for i in found if i.where)
        return OutOfRangeError(
            "MG127", "An index in the compiled function is out of bounds. It is used at one of these places: "
            f"{', '.join(lines)}. Call the function without mg.compile to see which index it is.",
        )  # fmt: skip

    def stats(self) -> dict[str, Any]:
        """What the program costs: kernels, FLOPs, bytes moved, the arena, calls of NumPy."""
        launches = self._plan.launches
        specs = [launch.spec for launch in _kernels(launches)]
        return {
            "instructions": len(self.program.instructions),
            "launches": len(launches),
            "kernels": len(set(map(repr, specs))),
            "kinds": dict(Counter(type(spec).__name__ for spec in specs)),
            "flops": sum(launch.flops for launch in launches),
            "bytes_moved": sum(launch.bytes_moved for launch in launches),
            "arena_bytes": sum(
                arena.nbytes for arena in {id(a): a for a in (self._arena, *self._arenas.values())}.values()
            ),
            "host_calls": dict(Counter(p.name for p in launches if isinstance(p, HostCall))),
            "compile_seconds": self.compile_seconds,
            "cache_hit": all(kernel.code.from_disk for kernel in self._kernels.values()),
            "plan_from_disk": self._plan_from_disk,
        }

    def listing(self) -> str:
        """The kernels in order, as text."""
        return listing(self._plan.launches)

    # ------------------------------------------------------------------------------------------------------- building

    def _sequence(self, apart: bool) -> list[Any]:
        """The routines and calls of NumPy, in order; `apart`: a routine for each launch."""
        steps: list[Any] = []
        results: dict[int, Any] = {}
        for of_numpy, group in groupby(self._plan.launches, lambda launch: isinstance(launch, HostCall)):
            if of_numpy:
                steps += [_Call(self, call, results) for call in group]
            else:
                bound = [self._bound(launch) for launch in group]
                steps += [self._routine(part) for part in ([[one] for one in bound] if apart else [bound])]
        return steps

    def _routine(self, launches: list[BoundLaunch]) -> NativeRoutine:
        routine = NativeRoutine(launches, _FIRST + self._plan.slots, self._arena)
        for slot, array in self._plan.constants:
            routine.table[_FIRST + slot] = id(array)
        return routine

    def _bound(self, launch: Any) -> BoundLaunch:
        if isinstance(launch, ControlLaunch):
            return self._bound_control(launch)
        operands: list[Any] = [_place(operand) for operand in launch.operands]
        if launch.entries is not None:
            operands.append(launch.entries)
        operands.append((STATUS, 0))
        key = id(launch.spec), launch.entries
        if (count := self._pieces.get(key)) is None:
            count = self._pieces[key] = dispatch.pieces(launch.spec, launch.entries)
        address = self._kernels[self._texts[id(launch.spec)]].address
        return BoundLaunch(address, count, operands, parallel=count > 1)

    def _bound_control(self, launch: ControlLaunch) -> BoundLaunch:
        operands: list[Any] = [] if launch.decides is None else [_place(launch.decides)]
        parts = []
        for part in launch.parts:
            flag = np.zeros(8, np.uint8)  # where a loop finds whether it goes on
            self._flags.append(flag)
            operands += [flag.ctypes.data if operand is None else _place(operand) for operand in part.operands]
            inner, plan = [self._bound(one) for one in part.plan.launches], part.plan
            constants = [(_FIRST + slot, array) for slot, array in plan.constants]
            moves = [(_FIRST + slot, size) for slot, size in part.moves]
            bases = _FIRST + plan.slots
            parts.append(BoundPart(inner, len(part.operands), bases, constants, self._arenas[id(plan)], moves))
        inside = Inside(parts, launch.steps if launch.op == "scan_loop" else 0)
        parallel = any(one.parallel for part in parts for one in part.launches)
        return BoundLaunch(threads.driver().address(launch.op), 1, operands, parallel, inside)

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


def _inner_arenas(launches: Sequence[Any]) -> dict[int, Array]:
    """Arenas of the plans of loops and conditions, by the plans' ids: one for all those that are equally deep inside, since they
    run one after the other. Where zeros have to stay, a plan has its own."""
    level = [part.plan for launch in launches if isinstance(launch, ControlLaunch) for part in launch.parts]
    if not level:
        return {}
    kept = {id(plan) for plan in level if any(buffer.kept for one in plan.launches for buffer in one.buffers)}
    shared = new_arena(max((plan.arena_bytes for plan in level if id(plan) not in kept), default=0))
    found = {id(plan): new_arena(plan.arena_bytes) if id(plan) in kept else shared for plan in level}
    return found | _inner_arenas([one for plan in level for one in plan.launches])


_INDEXING = frozenset({"index", "index_add", "index_set", "take_along_axis", "scatter_along_axis"})


def _place(operand: Operand) -> tuple[int, int]:
    """The slot of an operand, and how many bytes after its beginning the operand begins."""
    buffer, entry = operand
    offset = entry * buffer.dtype.itemsize
    return (0, buffer.offset + offset) if buffer.slot is None else (_FIRST + buffer.slot, offset)


def _kernels(launches: Iterable[Any]) -> Iterator[Launch]:
    """The launches of kernels, those in loops and conditions too."""
    for launch in launches:
        if isinstance(launch, Launch):
            yield launch
        elif isinstance(launch, ControlLaunch):
            yield from _kernels(launch.inner)


def _machine_code(plan: Schedule) -> tuple[dict[int, str], dict[str, engine.Kernel]]:
    """The texts of all specifications by their ids, and the kernels by these texts, in which 0.0 and -0.0 differ, unlike in
    specifications."""
    bits = engine.host().vector_bits
    specs = {id(launch.spec): launch.spec for launch in _kernels(plan.launches)}
    texts = {key: repr(spec) for key, spec in specs.items()}
    makers = {text: lambda name, spec=specs[key]: dispatch.generate(spec, name, bits) for key, text in texts.items()}
    return texts, engine.kernels(makers)  # type: ignore[arg-type]


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


class _Call:
    """A call of NumPy between routines."""

    def __init__(self, owner: Executable, call: HostCall, results: dict[int, Any]) -> None:
        self.owner = owner
        self.instruction, self.operands, self.value = call.instruction, call.args, call.value
        self.results = results  # of primitives with several results, until they are picked
        self._bodies: dict[int, Executable] = {}  # of the programs of a loop or a condition, by their ids

    def __call__(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        args = [self._argument(o, inputs, outputs) for o in self.operands]
        i = self.instruction
        if "control" in i.params:
            y = i.params["control"].run(args, self._run_body)
        elif i.op == "host":
            y = run_kernel(i.params["function"], *args)
        else:
            y = run_primitive(i.op, args, i.params)
        if i.shape is None:
            # views of the arena would change before they are picked
            self.results[id(self.value)] = tuple(map(np.array, y))
        else:
            self.owner.array(self.value, inputs, outputs)[...] = np.asarray(y).reshape(-1)

    def _run_body(self, body: Any, args: Sequence[Array]) -> list[Array]:
        if id(body) not in self._bodies:
            self._bodies[id(body)] = Executable(body.program)
        results = [np.empty(o.shape, o.dtype) for o in body.program.outputs]
        self._bodies[id(body)].run([np.ascontiguousarray(a) for a in args], results)
        return results

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
