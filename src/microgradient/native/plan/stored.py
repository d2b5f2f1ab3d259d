"""A schedule as text and back, so that a plan can be kept beside its machine code and a second process need not plan again.

Only what became kernels without loops can be kept: calls of NumPy hold functions, which no text has. What was read makes the
same launches on the same places in memory as planning does; only the groups are left out, of which no more than the origins
are looked at afterwards.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ...program.origin import Origin
from ...program.program import Instruction, Program
from . import kernel
from .launch import Launch, Operand
from .memory import Memory
from .rng_plan import Draws
from .schedule import Schedule
from .values import Buffer, Group

_SPECS: dict[str, Callable[..., Any]] = {
    one.__name__: one
    for one in (
        kernel.Access, kernel.Op, kernel.RowKernel, kernel.FlatKernel, kernel.ContractionKernel, kernel.ScatterKernel,
        kernel.ScanKernel, kernel.DrawKernel,
    )
}  # fmt: skip

_AMBIGUOUS = re.compile(r"array\(| at 0x|\bnan\b")
"""What is not shown in full: arrays, objects, and the sign of a NaN."""


def identity(program: Program) -> str | None:
    """A text that two programs share only if their schedules are the same; None if it can't be told, or nothing can be kept."""
    if any(i.op == "host" for i in program.instructions) and not Draws(program).known:
        return None
    lines: list[Any] = []
    codes: dict[Any, str] = {}
    everything = [*program.inputs, *program.instructions]
    numbers = {id(i): (n,) for n, i in enumerate(everything)}
    for i in everything:
        shown: Any = i.params
        if i.shape is None or "control" in shown or shown.get("pure"):
            return None
        if i.op == "host":
            shown = shown["draw"].kind, shown["draw"].numbers
        elif i.op == "constant":
            shown = _constant(shown["value"])
        elif isinstance(shown.get("dtype"), np.dtype):  # whose own text takes long to make
            shown = {**shown, "dtype": shown["dtype"].str}
        code = codes.get(i.dtype) or codes.setdefault(i.dtype, i.dtype.str)
        args = [numbers[id(a)] if a.__class__ is Instruction else a for a in i.args]
        lines.append((i.op, args, shown, i.shape, code, i.weak))
    outputs = [numbers[id(o)] for o in program.outputs]
    text = repr((len(program.inputs), lines, outputs, [tuple(alias) for alias in program.aliases]))
    return None if _AMBIGUOUS.search(text) else text


def _constant(array: Any) -> Any:
    """What a schedule depends on in a constant: where all entries are one number, that alone."""
    if array.size <= 1 or not any(array.strides):
        return array.strides, array.flat[0].tobytes() if array.size else None
    return array.strides, hashlib.sha256(array.tobytes()).hexdigest()


# ------------------------------------------------------------------------------------------------------------- writing


def written(schedule: Schedule, program: Program) -> bytes | None:
    """The schedule of a program as text; None if it can't be kept."""
    if not all(isinstance(launch, Launch) for launch in schedule.launches):
        return None
    specs = {id(launch.spec): launch.spec for launch in schedule.launches}
    buffers = {id(buffer): buffer for launch in schedule.launches for buffer in launch.buffers}
    kernels, places = ({key: number for number, key in enumerate(known)} for known in (specs, buffers))
    constants = _constants(program, schedule.draws)
    origins = {id(i.where): number for number, i in enumerate(program.instructions) if i.where is not None}
    try:
        launches = [
            (
                kernels[id(launch.spec)],
                launch.entries,
                [n for buffer, entry in launch.operands for n in (places[id(buffer)], entry)],
                [-1 if where is None else origins[id(where)] for where in launch.group.origins],
            )
            for launch in schedule.launches
        ]
        content = {
            "kernels": [_plain(spec) for spec in specs.values()],
            "buffers": [(b.dtype.str, b.size, b.slot, b.offset, b.kept) for b in buffers.values()],
            "launches": launches,
            "constants": [(slot, constants.index(id(array))) for slot, array in schedule.constants],
            "arena": schedule.arena_bytes,
            "slots": schedule.slots,
        }
        text = json.dumps(content, separators=(",", ":"))
    except (KeyError, TypeError, ValueError):  # something that came from elsewhere than the program, or has no text
        return None
    same = [repr(_spec(one)) for one in json.loads(text)["kernels"]] == [repr(spec) for spec in specs.values()]
    return text.encode() if same else None


def _constants(program: Program, draws: Draws) -> list[int]:
    """The ids of the arrays that constants of a schedule may be: those of the program's, and last the state of its draws."""
    return [*(id(i.params["value"]) if i.op == "constant" else 0 for i in program.instructions), id(draws.state)]


def _plain(value: Any) -> Any:
    """A specification as lists and dicts."""
    if isinstance(value, tuple):
        fields = [_plain(v) for v in value]
        return {type(value).__name__: fields} if hasattr(value, "_fields") else fields
    return value


# ------------------------------------------------------------------------------------------------------------- reading


class _Known(Group):
    """A group of which only the origins are known."""

    def __init__(self, instructions: Sequence[Instruction], numbers: Sequence[int]) -> None:
        self._instructions, self._numbers = instructions, numbers

    @property
    def origins(self) -> list[Origin | None]:
        """Where the operations in it were written."""
        return [None if number < 0 else self._instructions[number].where for number in self._numbers]


def read(text: bytes, program: Program) -> Schedule | None:
    """The schedule that was written for such a program; None if this is no such text."""
    try:
        content = json.loads(text)
        specs = [_spec(one) for one in content["kernels"]]
        draws = Draws(program)
        memory = _memory(content["constants"], program, draws)
        if memory.slots != content["slots"]:
            return None
        places = [_buffer(one, memory.slots, content["arena"]) for one in content["buffers"]]
        launches = []
        for number, entries, pairs, origins in content["launches"]:
            operands = tuple(map(_operand, [places[n] for n in pairs[::2]], pairs[1::2]))
            if max(origins, default=-1) >= program.size:
                return None
            launches.append(Launch(specs[number], operands, _Known(program.instructions, origins), entries))
        return Schedule(launches, content["arena"], memory.slots, memory.constants, draws)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError):
        return None


def _memory(constants: Iterable[Any], program: Program, draws: Draws) -> Memory:
    """The slots, with those of the constants as planning hands them out."""
    memory = Memory(len(program.inputs) + len(program.outputs))
    for slot, number in constants:
        if slot != memory.slots or number < 0:
            raise ValueError(slot)
        last = number == len(program.instructions)
        array = draws.state if last else program.instructions[number].params["value"]
        memory.constants.append((slot, np.ascontiguousarray(array)))
        memory.slots += 1
    return memory


def _buffer(fields: Any, slots: int, arena: int) -> Buffer:
    """Memory that is inside of the arena, or in one of the slots."""
    code, size, slot, offset, kept = fields
    buffer = Buffer(np.dtype(code), size, slot)
    buffer.offset, buffer.kept = offset, kept
    if not (0 <= offset <= arena - size * buffer.dtype.itemsize if slot is None else 0 <= slot < slots):
        raise ValueError(fields)
    return buffer


def _operand(buffer: Buffer, entry: int) -> Operand:
    """An array that begins inside of its memory."""
    if not 0 <= entry <= max(buffer.size, 1):
        raise ValueError(entry)
    return Operand(buffer, entry)


def _spec(value: Any) -> Any:
    """A specification from lists and dicts."""
    if isinstance(value, dict):
        ((name, fields),) = value.items()
        return _SPECS[name](*map(_spec, fields))
    if isinstance(value, list):
        return tuple(map(_spec, value))
    return value
