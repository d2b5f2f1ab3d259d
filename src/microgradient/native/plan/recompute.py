"""Recomputing: a cheap result that only other kernels read, of operands that lie in memory anyway, is computed where it is read.

Not stored and read again, it saves more time in memory than its operation costs.
"""

from __future__ import annotations

from typing import Any

from ...program.program import Program
from ..lower.views import Layout, dense, resolve
from .fusion_group import FusionGroup
from .grouping import Fused
from .groups import RowGroup
from .values import BufferValue, FusedOp, View

_CHEAP = frozenset({
    "add", "subtract", "multiply", "negative", "where", "relu", "square", "equal", "less", "less_equal", "greater",
    "greater_equal", "maximum", "minimum", "astype", "abs", "positive",
})  # fmt: skip
_LONGEST = 40  # operations of a kernel
_MOST_READERS = 2


def recompute(program: Program, fused: Fused) -> None:
    """Move operations out of groups that do not need them themselves, into those that do."""
    readers: dict[int, set[int]] = {}
    for group in fused.groups:
        for _, view in group.operands():
            readers.setdefault(id(view.value), set()).add(group.number)
    outputs = {id(view.value) for view in fused.outputs}
    changing = {id(fused.inputs[alias.input]) for alias in program.aliases}  # inputs that are overwritten at some time

    def stored(value: BufferValue) -> bool:
        return value.placed or value.group is None or id(value) in outputs or len(readers.get(id(value), ())) > 1

    for group in reversed(fused.groups):
        if not isinstance(group, FusionGroup):
            continue
        for op in reversed(list(group.ops)):
            users = readers.get(id(op.value), set())
            if not _may_go(op, group, users, outputs):
                continue
            own = op.views
            if any(not stored(o.value) or id(o.value) in changing for o in own):
                continue
            targets = [fused.groups[user] for user in users]
            if not all(_may_come(op, target, own) for target in targets):
                continue
            group.ops.remove(op)
            for target in targets:
                _move(op, target)
            for o in own:
                readers[id(o.value)] |= users
                if not any(view.value is o.value for _, view in group.operands()):
                    readers[id(o.value)].discard(group.number)


def _may_go(op: FusedOp, group: FusionGroup, users: set[int], outputs: set[int]) -> bool:
    value = op.value
    return (
        op.name in _CHEAP
        and not value.placed
        and id(value) not in outputs
        and 0 < len(users) <= _MOST_READERS
        and group.number not in users
        and value.shape == group.domain
        and value.size > 1
    )


def _may_come(op: FusedOp, target: Any, own: list[View]) -> bool:
    """Whether the target reads the value entry by entry, in the order of its own loops."""
    value = op.value
    if not isinstance(target, RowGroup) or target.domain != value.shape or len(target.ops) > _LONGEST:
        return False
    for other in target.ops:
        for o in other.views:
            if o.value is value:
                there = resolve(Layout(0, dense(value.shape)), value.shape, o.steps)
                if other.name in ("gather", "copy") or o.shape != value.shape or there != Layout(0, dense(value.shape)):
                    return False
    innermost = next((a for a in reversed(target.order) if target.domain[a] > 1), None)
    return all(o.shape != target.domain or innermost is None or abs(o.layout.strides[innermost]) <= 1 for o in own)


def _move(op: FusedOp, target: FusionGroup) -> None:
    """Compute an operation's value again in another group, as a value of its own there."""
    old = op.value
    new = BufferValue(old.shape, old.dtype, old.layout, target.number)
    new.group, new.domain_strides, new.weak = target, old.domain_strides, old.weak

    def replaced(o: Any) -> Any:
        return View(new, o.steps, o.shape) if isinstance(o, View) and o.value is old else o

    place = next(k for k, e in enumerate(target.ops) if any(view.value is old for view in e.views))
    target.ops = [FusedOp(e.value, e.name, tuple(map(replaced, e.operands)), e.params, e.where) for e in target.ops]
    target.ops.insert(place, FusedOp(new, op.name, op.operands, op.params, op.where))
