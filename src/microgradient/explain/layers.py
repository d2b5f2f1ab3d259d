"""The operations of a graph grouped by the layers and the composites that ran them, as boxes within boxes: those of the page.

A group is one call of a layer: the operations between two that do not belong to it. So what flows between the groups of one
box never goes round in a circle. Calls of equal layers in a row, such as the blocks of a transformer, are a group of their own.
In a layer, or outside of any, so is the call of a function that is made of several primitives (`softmax`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..tape import Node
from .composites import Composite
from .sweep import Sweep

_FEWEST = 3  # equal groups in a row that are folded


class Call(NamedTuple):
    """What operations are grouped by: the call of a layer or a composite."""

    path: str
    kind: str
    composite: Composite | None = None


@dataclass(eq=False)
class Group:
    """A call of the layer at `path`, of the class `kind`: `members` are nodes and groups in order of evaluation.

    Of a `composite`, `path` is the name of the function, and `kind` "".
    """

    path: str
    kind: str
    members: list[Node | Group] = field(default_factory=list)
    composite: Composite | None = None

    @property
    def call(self) -> Call:
        """What it is the group of."""
        return Call(self.path, self.kind, self.composite)

    def groups(self) -> Iterator[Group]:
        """This group and all within it, outermost first."""
        yield self
        for member in self.members:
            if isinstance(member, Group):
                yield from member.groups()

    def operations(self) -> list[Node]:
        """All that was computed in it, in order."""
        return [node for group in self.groups() for node in group.members if isinstance(node, Node) and node.parents]


def grouped(sweep: Sweep) -> Group:
    """All nodes of `sweep` in a group without a name. What was not computed, as a weight, is in the layer that first uses it."""
    paths: dict[tuple[int, int], list[Call]] = {}

    def calls(node: Node) -> list[Call]:
        step = sweep.steps.get(node)
        if step is None:
            return []
        key = id(step.layer), id(step.model)
        if key not in paths:
            paths[key] = [] if step.layer is None else _parts(sweep, node, step.model)
        return [*paths[key], *(Call(each.name, "", each) for each in step.composites)]

    return grouped_by(sweep.order, calls)


def grouped_by(order: Sequence[Node], calls: Callable[[Node], list[Call]]) -> Group:
    """The same of nodes in order of evaluation, where `calls` are those around one, the outermost first."""
    root = Group("", "")
    opened: list[Group] = [root]
    waiting: set[Node] = set()  # leaves, until they are used
    for node in order:
        if not node.parents:
            waiting.add(node)
            continue
        inside = calls(node)
        same = 0
        while same < min(len(inside), len(opened) - 1) and opened[same + 1].call == inside[same]:
            same += 1
        del opened[same + 1 :]
        layers = [call for call in inside if call.composite is None]
        for call in inside[same : len(layers)]:
            _open(opened, call)
        used = dict.fromkeys(parent for parent in node.parents if parent in waiting)
        if used:  # beside a composite, and not in it: they are its arguments
            members = opened[len(layers)].members
            at = len(members) - (len(opened) > len(layers) + 1)
            members[at:at] = used
            waiting.difference_update(used)
        for call in inside[max(same, len(layers)) :]:
            _open(opened, call)
        opened[-1].members.append(node)
    root.members += [node for node in order if node in waiting]
    for group in list(root.groups()):
        group.members = _folded(_without_plain(group))
    return root


def _open(opened: list[Group], call: Call) -> None:
    group = Group(call.path, call.kind, composite=call.composite)
    opened[-1].members.append(group)
    opened.append(group)


def _without_plain(group: Group) -> list[Node | Group]:
    """The members, without composites that are one operation alone, or all that there is in the call of a layer or composite."""
    found: list[Node | Group] = []
    operations = len(group.operations()) if group.path else -1
    for member in group.members:
        many = len(member.operations()) if isinstance(member, Group) and member.composite is not None else 2
        plain = many < 2 or many == operations
        found += _without_plain(member) if plain and isinstance(member, Group) else [member]
    return found


def _folded(members: list[Node | Group]) -> list[Node | Group]:
    """The members, three or more equal groups in a row as one: `model.0 … model.11`, Block ×12."""
    found: list[Node | Group] = []
    for _, run in itertools.groupby(members, key=lambda m: _shape(m) if isinstance(m, Group) else m):
        same = list(run)
        first, last = same[0], same[-1]
        if len(same) >= _FEWEST and isinstance(first, Group) and isinstance(last, Group):
            path = first.path if first.composite is not None else f"{first.path} … {last.path}"
            found.append(Group(path, f"{first.kind} ×{len(same)}".lstrip(), same))
        else:
            found += same
    return found


def _shape(member: Node | Group) -> Any:
    """What is the same of two groups that do the same, with numbers of their own."""
    if isinstance(member, Node):
        return member.op, member.shape
    called = member.kind if member.composite is None else member.path
    return called, tuple(map(_shape, member.members))


def _parts(sweep: Sweep, node: Node, model: Any) -> list[Call]:
    """The calls of the layers from the outermost to the one that computed `node`."""
    whole = sweep.recording.layer_path(node)
    known = dict(model.named_modules())
    outer = sweep.recording.known.get(id(model), ("", None))[0]
    inside = whole.removeprefix(outer).lstrip(".").split(".") if whole != outer else []
    found = [Call(outer or type(model).__name__, type(model).__name__)]
    for k in range(1, len(inside) + 1):
        path = ".".join(inside[:k])
        found.append(Call(f"{found[0].path}.{path}", type(known[path]).__name__))
    return found
