"""The instructions of a lowered program gathered into groups, each of which becomes one launch: a rule for each form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...program.program import Instruction, Program
from ..lower.ops import POINTWISE, REDUCTIONS, VIEWS
from ..lower.views import Step
from . import control, groups
from .contraction import contract
from .fusion import Fusion, Supported
from .in_place_concat import assemble
from .rng_plan import Draws
from .values import Buffer, BufferValue, View, literal_view


class Fused(NamedTuple):
    """The groups of a program in order, its inputs as values and its outputs as views."""

    groups: list[Any]
    inputs: list[BufferValue]
    outputs: list[View]
    draws: Draws


def fuse(program: Program, supported: Supported, plan: Callable[[Program], Any]) -> Fused:
    """Group the instructions of a lowered program; `plan` makes the schedules of programs in it."""
    draws = Draws(program)
    fusion = Fusion(updating(program), supported, plan)
    inputs = []
    for number, i in enumerate(program.inputs):
        value = BufferValue(i.shape, i.dtype)
        value.place(Buffer(i.dtype, value.size, number))
        value.weak = i.weak
        inputs.append(value)
        fusion.views[id(i)] = View(value)
    for i in program.instructions:
        fusion.where = i.where
        operands = [fusion.views[id(a)] if isinstance(a, Instruction) else a for a in i.args]
        if (drawn := draws.known.get(id(i))) is not None:
            made = View(BufferValue(i.shape, i.dtype))
            fusion.views[id(i)] = fusion.single([], partial(groups.draw, *drawn, made), made.value)
        else:
            rule: Rule = _RULES.get(i.op, Fusion.host)
            fusion.views[id(i)] = rule(fusion, i, operands)
    return Fused(fusion.groups, inputs, [fusion.views[id(o)] for o in program.outputs], draws)


def updating(program: Program) -> dict[int, int]:
    """The elementwise operations on arrays that lead to the next values of inputs and to nothing else: what optimisers do.

    Each is mapped to a number that those of one formula share.
    """
    users: dict[int, list[Instruction]] = {}
    for i in program.instructions:
        for a in i.args:
            if isinstance(a, Instruction):
                users.setdefault(id(a), []).append(i)
    numbers = {alias.output for alias in program.aliases}
    aliased = {id(program.outputs[k]) for k in numbers}
    others = {id(o) for k, o in enumerate(program.outputs) if k not in numbers}
    found: dict[int, int] = {}
    for i in reversed(program.instructions):
        uses = users.get(id(i), [])
        if i.op not in POINTWISE or not i.shape or id(i) in others or (not uses and id(i) not in aliased):
            continue
        if all([id(u) in found and u.shape == i.shape for u in uses]):
            formulas = sorted({found[id(u)] for u in uses})
            found[id(i)] = formulas[0] if formulas else len(found)
            if len(formulas) > 1:
                found.update({k: formulas[0] for k, n in found.items() if n in formulas})
    return found


# ------------------------------------------------------------------------------------------------------ one rule per form


def _constant(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    array = i.params["value"]
    if array.size <= 1 or not any(array.strides):
        return literal_view(array.flat[0] if array.size else 0, i.shape, i.dtype)
    value = BufferValue(i.shape, i.dtype)
    value.place(Buffer(i.dtype, value.size, array=np.ascontiguousarray(array)))
    return View(value)


def _view(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    if len(operands) > 1:  # an index by arrays that is no gather
        return fusion.host(i, operands)
    return fusion.view(operands[0], Step(i.op, i.shape, i.params))


def _pointwise(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    if not fusion.native(i, operands):
        return fusion.host(i, operands)
    return fusion.pointwise(i.op, operands, i.params, i.shape, i.dtype, i.weak, fusion.updates.get(id(i)))


def _reduction(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    return fusion.reduction(i, operands[0]) if fusion.native(i, operands) else fusion.host(i, operands)


def _gather(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    return fusion.pointwise("gather", [fusion.stored(o) for o in operands], i.params, i.shape, i.dtype)


def _words(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    return fusion.words(fusion.stored(operands[0]), i.params["axis"])


def _scatter(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    initial = literal_view(0, i.shape, np.dtype(i.dtype)) if i.params["add"] else operands.pop()
    target = fusion.pieced(initial, range(len(i.shape))).value
    inputs = [fusion.stored(operand) for operand in operands]
    fusion.single([*inputs, View(target)], partial(groups.scatter, inputs, target, i.params), target)
    target.group = None  # nothing joins what makes the zeros or the copy
    return View(target)


def _scan(fusion: Fusion, i: Instruction, operands: list[Any]) -> View:
    operands = [fusion.stored(operand) for operand in operands]
    value = View(BufferValue(i.shape, i.dtype))
    return fusion.single(operands, partial(groups.scan, operands, value, i.params), value.value)


Rule = Callable[[Fusion, Instruction, list[Any]], Any]
_RULES: dict[str, Rule] = {
    "constant": _constant, "index": _view, "contract": contract, "assemble": assemble, "gather": _gather, "words": _words,
    "scatter": _scatter, "scan": _scan, **dict.fromkeys(("scan_loop", "cond", "while_loop"), control.enter),
    "pick": control.pick, **dict.fromkeys(VIEWS, _view), **dict.fromkeys(POINTWISE, _pointwise),
    **dict.fromkeys(REDUCTIONS, _reduction),
}  # fmt: skip
