"""Loops and conditions as launches: the programs of their steps and branches planned like any other, on arrays of the outer plan.

A step reads and writes entries of its xs and ys that move on, and what it carries lies in one place from the first step to the
last: the next value is written over the old one, as that of a parameter is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...program.program import Alias, Instruction, Program
from ..lower.ops import NATIVE_DTYPES
from ..lower.views import Step, dense
from .fusion import Fusion
from .groups import HostCall
from .launch import Operand
from .memory import Memory
from .values import Buffer, BufferValue, Group, View


class Part(NamedTuple):
    """A program inside: its plan, the array in each of its slots (None: a boolean of the loop's own), and by how many bytes the
    arrays in some slots move on after each step."""

    plan: Any  # a Schedule
    operands: tuple[Operand | None, ...]
    moves: tuple[tuple[int, int], ...] = ()


class ControlLaunch(NamedTuple):
    """A loop or a condition: `op` says which, `decides` is the boolean of a condition, `steps` how many a scan has."""

    op: str
    parts: tuple[Part, ...]
    group: Group
    decides: Operand | None = None
    steps: int = 1

    @property
    def buffers(self) -> list[Buffer]:
        """All memory that it reads or writes."""
        found = [o.buffer for part in self.parts for o in part.operands if o is not None]
        return found if self.decides is None else [*found, self.decides.buffer]

    @property
    def inner(self) -> list[Any]:
        """The launches of the programs inside."""
        return [launch for part in self.parts for launch in part.plan.launches]

    @property
    def title(self) -> str:
        """What it is, in a line."""
        often = {"scan_loop": f", {self.steps} steps", "cond": ", one of two"}.get(self.op, "")
        return f"{self.op}{often}, of {len(self.inner)} launches"

    @property
    def flops(self) -> int:
        """Those inside, for each step of a scan, and once where it is not known how often they run."""
        return self.steps * sum(int(launch.flops) for launch in self.inner)

    @property
    def bytes_moved(self) -> int:
        """The same for bytes."""
        return self.steps * sum(int(launch.bytes_moved) for launch in self.inner)


@dataclass(eq=False)
class ControlGroup(Group):
    """A loop or condition before memory is known: for each program its plan, a view for each slot, and what moves."""

    number: int
    op: str
    plans: list[Any]
    slots: list[list[View | None]]
    moves: list[tuple[tuple[int, int], ...]]
    decides: View | None
    steps: int

    def __post_init__(self) -> None:
        self.inputs = [v for views in self.slots for v in views if v is not None]
        self.inputs += [] if self.decides is None else [self.decides]

    def launch(self, memory: Memory) -> ControlLaunch:
        """With memory for all arrays."""
        parts = [
            Part(plan, tuple([None if v is None else memory.operand(v) for v in views]), moves)
            for plan, views, moves in zip(self.plans, self.slots, self.moves, strict=True)
        ]
        decides = None if self.decides is None else memory.operand(self.decides)
        return ControlLaunch(self.op, tuple(parts), self, decides, self.steps)


def enter(fusion: Fusion, i: Instruction, operands: list[Any]) -> Any:
    """A loop or condition: the views of its results; of NumPy if something in it, or the shape of something, has no kernel."""
    control = i.params["control"]
    kinds = [kind for body in control.bodies for kind in [*_kinds(body.inputs), *_kinds(body.outputs)]]
    if any(0 in shape or dtype.str[1:] not in NATIVE_DTYPES for shape, dtype in kinds):
        return fusion.host(i, operands)
    plans = [fusion.plan(_with_carry(control, n)) for n in range(len(control.bodies))]
    if any(plan.draws.known or not _native(plan.launches) for plan in plans):
        return fusion.host(i, operands)
    return _ENTER[i.op](fusion, control, plans, [_in_memory(fusion, view) for view in operands])


def pick(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    """One of several results."""
    whole = operands[0]
    return whole[i.params["i"]] if isinstance(whole, list) else fusion.host(i, operands)


def _kinds(instructions: Sequence[Instruction]) -> list[Any]:
    return [(x.shape, x.dtype) for x in instructions]


def _native(launches: Sequence[Any]) -> bool:
    return all(not isinstance(launch, HostCall) for launch in launches)


def _with_carry(control: Any, number: int) -> Program:
    """A program of the loop, with what its step carries as next values of inputs."""
    program = control.bodies[number].program
    place, count = control.carried(number)
    aliases = [Alias(k, place + k) for k in range(count)]
    return Program(program.inputs, program.instructions, program.outputs, aliases)


def _in_memory(fusion: Fusion, view: View) -> View:
    """An operand as it is, or copied, dense and in a place that it keeps."""
    value, natural = view.value, dense(view.shape)
    lies = value.literal is None and all(
        s == t or n == 1 for s, t, n in zip(view.layout.strides, natural, view.shape, strict=True)
    )
    if lies and (value.placed or (not view.steps and value.size == math.prod(view.shape))):
        if not value.placed:
            value.place(Buffer(value.dtype, value.size))
        return view
    return _copied(fusion, view)


def _copied(fusion: Fusion, view: View) -> View:
    copy = fusion.pieced(view, range(len(view.shape)))
    copy.value.place(Buffer(copy.value.dtype, copy.value.size))
    return copy


def _carried(fusion: Fusion, views: list[View]) -> list[View]:
    """What a loop begins with, in memory that the loop may overwrite."""
    copies = [_copied(fusion, view) for view in views]
    for copy in copies:
        copy.value.group = None  # nothing joins its copying: it changes later
    return copies


def _results(shapes: Sequence[Any]) -> list[View]:
    values = [BufferValue(shape, dtype) for shape, dtype in shapes]
    for value in values:
        value.place(Buffer(value.dtype, value.size))
    return [View(value) for value in values]


def _begun(
    fusion: Fusion,
    op: str,
    plans: list[Any],
    slots: Any,
    moves: Any,
    results: list[View],
    decides: Any = None,
    steps: int = 1,
) -> list[View]:
    group = fusion.begin(ControlGroup(len(fusion.groups), op, plans, slots, moves, decides, steps))
    for result in results:
        result.value.ready = group.number
    return results


def _scan(fusion: Fusion, scan: Any, plans: list[Any], operands: list[View]) -> list[View]:
    consts, start, xs = scan.parts(operands)
    carry = _carried(fusion, start)
    ys = _results(scan.kinds[scan.carry :])
    slots = [*consts, *carry, *map(_first_entry(scan), xs), *carry, *map(_first_entry(scan), ys)]
    moving = [*range(len(consts) + len(carry), len(operands)), *range(len(operands) + len(carry), len(slots))]
    sizes = [slots[k].value.dtype.itemsize * math.prod(slots[k].shape) for k in moving]
    moves = tuple([(k, -size if scan.reverse else size) for k, size in zip(moving, sizes, strict=True)])
    return _begun(fusion, "scan_loop", plans, [slots], [moves], [*carry, *ys], steps=scan.length)


def _first_entry(scan: Any) -> Callable[[View], View]:
    """The view of the entry that the first step reads or writes."""

    def entry(view: View) -> View:
        step = Step("index", view.shape[1:], {"key": (scan.order[0],)})
        return View(view.value, (*view.steps, step), view.shape[1:])

    return entry


def _condition(fusion: Fusion, condition: Any, plans: list[Any], operands: list[View]) -> list[View]:
    decides, of_true, of_false = condition.parts(operands)
    results = _results(condition.on_true.kinds)
    slots = [[*of_true, *results], [*of_false, *results]]
    return _begun(fusion, "cond", plans, slots, [(), ()], results, decides)


def _repetition(fusion: Fusion, repeated: Any, plans: list[Any], operands: list[View]) -> list[View]:
    of_condition, of_step, start = repeated.parts(operands)
    state = _carried(fusion, start)
    slots = [[*of_condition, *state, None], [*of_step, *state, *state]]
    return _begun(fusion, "while_loop", plans, slots, [(), ()], state)


_ENTER = {"scan_loop": _scan, "cond": _condition, "while_loop": _repetition}
