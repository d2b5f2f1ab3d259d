"""Recomputing: a cheap result that only other kernels read, of operands that lie in memory anyway, is computed where it is read.

Not stored and read again, it saves more time in memory than its operation costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...program.program import Program
from ..lower.views import Layout, dense, resolve
from .fusion import Fused
from .groups import BufferValue, FusedOp, FusionGroup, View

_CHEAP = frozenset({
    "add", "subtract", "multiply", "negative", "where", "relu", "square", "equal", "less", "less_equal", "greater",
    "greater_equal", "maximum", "minimum", "astype", "abs", "positive",
})  # fmt: skip
_LONGEST = 40  # entries of a kernel
_MOST_READERS = 2

Reads = Callable[[FusionGroup], list[tuple[Any, View]]]


def recompute(program: Program, fused: Fused, reads: Reads) -> None:
    """Move entries out of groups that do not need them themselves, into those that do."""
    readers: dict[int, set[int]] = {}
    for group in fused.groups:
        for _, ref in reads(group):
            readers.setdefault(id(ref.value), set()).add(group.number)
    outputs = {id(ref.value) for ref in fused.outputs}
    changing = {id(fused.inputs[alias.input]) for alias in program.aliases}  # inputs that are overwritten at some time

    def stored(value: BufferValue) -> bool:
        return value.placed or value.group is None or id(value) in outputs or len(readers.get(id(value), ())) > 1

    for group in reversed(fused.groups):
        if group.kind not in ("row", "contract"):
            continue
        for entry in reversed(list(group.entries)):
            users = readers.get(id(entry.value), set())
            if not _may_go(entry, group, users, outputs):
                continue
            own = [o for o in entry.operands if isinstance(o, View)]
            if any(not stored(o.value) or id(o.value) in changing for o in own):
                continue
            targets = [fused.groups[user] for user in users]
            if not all(_may_come(entry, target, own) for target in targets):
                continue
            group.entries.remove(entry)
            for target in targets:
                _move(entry, target)
            for o in own:
                readers[id(o.value)] |= users
                if not any(ref.value is o.value for _, ref in reads(group)):
                    readers[id(o.value)].discard(group.number)


def _may_go(entry: FusedOp, group: FusionGroup, users: set[int], outputs: set[int]) -> bool:
    value = entry.value
    return (
        entry.name in _CHEAP
        and not value.placed
        and id(value) not in outputs
        and 0 < len(users) <= _MOST_READERS
        and group.number not in users
        and value.shape == group.domain
        and value.size > 1
    )


def _may_come(entry: FusedOp, target: FusionGroup, own: list[View]) -> bool:
    """Whether the target reads the value entry by entry, in the order of its own loops."""
    value = entry.value
    if target.kind != "row" or target.domain != value.shape or len(target.entries) > _LONGEST:
        return False
    for other in target.entries:
        for o in other.operands:
            if isinstance(o, View) and o.value is value:
                there = resolve(Layout(0, dense(value.shape)), value.shape, o.steps)
                if other.name in ("gather", "copy") or o.shape != value.shape or there != Layout(0, dense(value.shape)):
                    return False
    innermost = next((a for a in reversed(target.order) if target.domain[a] > 1), None)
    return all(o.shape != target.domain or innermost is None or abs(o.layout.strides[innermost]) <= 1 for o in own)


def _move(entry: FusedOp, target: FusionGroup) -> None:
    """Compute an entry's value again in another group, as a value of its own there."""
    old = entry.value
    new = BufferValue(old.shape, old.dtype, old.layout)
    new.group, new.ready, new.domain_strides, new.weak = target, target.number, old.domain_strides, old.weak

    def replaced(o: Any) -> Any:
        return View(new, o.steps, o.shape) if isinstance(o, View) and o.value is old else o

    place = next(
        k for k, e in enumerate(target.entries) if any(isinstance(o, View) and o.value is old for o in e.operands)
    )
    target.entries = [FusedOp(e.value, e.name, tuple(map(replaced, e.operands)), e.params) for e in target.entries]
    target.entries.insert(place, FusedOp(new, entry.name, entry.operands, entry.params))
