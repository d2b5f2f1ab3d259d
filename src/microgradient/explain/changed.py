"""The same graph computed again with another number in one of its leaves: what moves forward, and what comes back then."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, GradientError
from ..operators import wrap
from ..primitives import TABLE
from ..tape import PICK, Node
from .composites import Composite
from .recording import Recording, Step
from .sweep import Sweep


def changed(sweep: Sweep, node: Node, index: tuple[int, ...], value: float) -> Sweep:
    """The sweep of `sweep`'s graph where the entry `index` of the leaf `node` is `value`; nodes have the same order and names.

    Each operation is computed in the dtype that it had. Raises GradientError (MG118) where the trace does not know what to
    compute again, and ArgumentTypeError (MG116) if `node` was itself computed.
    """
    if node.op is not None:
        raise ArgumentTypeError(
            "MG116", f"{sweep.names[node]} was computed: only what it was computed from can be changed."
        )
    start = sweep.value(node)
    if start is None:
        raise GradientError("MG118", f"The value of {sweep.names[node]} was not recorded.")
    moved = np.array(start, copy=True)
    moved[index] = value
    again = copy.copy(sweep.recording)
    again.steps, again.values, again.sweeps = {}, {}, {}
    data: dict[Node, Any] = {node: moved}
    twins: dict[Node, Node] = {}
    with np.errstate(all="ignore"):
        for old in sweep.order:
            twins[old] = _again(old, sweep, data, twins, again)
    _move_composites(sweep, again, data, twins)
    _give_inputs(sweep, data, again)
    again.nodes = {x: twins[old] for x, old in sweep.recording.nodes.items() if old in twins}
    again.names = {twins[old]: name for old, name in sweep.recording.names.items() if old in twins}
    found = Sweep(twins[sweep.root], again)
    if sweep.named is not None:
        given, axis = sweep.named
        found.named = (
            tuple((None, array) if old is None else (twins.get(old), data.get(old, array)) for old, array in given),
            axis,
        )
    found.names = {twins[old]: name for old, name in sweep.names.items() if old in twins}
    return found


def _again(old: Node, sweep: Sweep, data: dict[Node, Any], twins: dict[Node, Node], recording: Recording) -> Node:
    """A node like `old`, computed from `data`, where its own value is put."""
    parents = tuple(None if parent is None else twins[parent] for parent in old.parents)
    new = Node(old.op, parents, old.saved, old.params, old.shape, old.dtype)
    given = sweep.recording.values.get(old)
    if given is not None:
        recording.values[new] = given
    if old.op is None:
        data.setdefault(old, sweep.value(old))
        return new
    if old.op is PICK:
        data[old] = data[_only(old)][old.params["i"]]
        return new
    if old not in sweep.steps:
        if old.op is not TABLE["positive"]:
            raise GradientError("MG118", f"`{old.op.name}` can't be computed again: it was not recorded.")
        data[old] = data[_only(old)]
        return new
    recorded = sweep.steps[old]
    args = tuple(
        constant if parent is None else data[parent]
        for parent, constant in zip(old.parents, recorded.args, strict=True)
    )
    if TABLE.get(old.op.name) is not old.op:
        raise GradientError("MG118", f"`{old.op.name}`, a rule of your own, can't be computed again from the trace.")
    y = getattr(recording.world, old.op.name)(*args, **old.params)
    data[old] = y
    new.saved = (y, *args)
    step = recording.steps[new] = Step(new, args, y)
    step.layer, step.model, step.location = recorded.layer, recorded.model, recorded.location
    step.input = recorded.input
    return new


def _move_composites(sweep: Sweep, again: Recording, data: dict[Node, Any], twins: dict[Node, Node]) -> None:
    """The calls of functions, with the data that their arguments have now."""
    moved: dict[Composite, Composite] = {}
    for old in sweep.order:
        for each in sweep.step(old).composites:
            if each not in moved:
                now = {
                    name: wrap(data[x.node], twins[x.node]) if getattr(x, "node", None) in data else x
                    for name, x in each.arguments.items()
                }
                moved[each] = Composite(each.name, now, each.parameters)
                moved[each].operations = each.operations
        if twins[old] in again.steps:
            again.steps[twins[old]].composites = tuple(moved[each] for each in sweep.step(old).composites)


def _give_inputs(sweep: Sweep, data: dict[Node, Any], again: Recording) -> None:
    """What models were called with, where that was a tensor of the graph: what it is now."""
    now: dict[int, Any] = {}
    for node in sweep.order:
        if (step := sweep.steps.get(node)) is not None:
            known = [(node, step.value), *zip(node.parents, step.args, strict=True)]
            now |= {id(value): data[n] for n, value in known if n in data}
    for step in again.steps.values():
        step.input = now.get(id(step.input), step.input)


def _only(node: Node) -> Any:
    return node.parents[0]
