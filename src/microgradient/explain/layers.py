"""The operations of a graph grouped by the layers that ran them, as boxes within boxes: those of the page.

A group is one call of a layer: the operations between two that do not belong to it. So what flows between the groups of one
box never goes round in a circle. Calls of equal layers in a row, such as the blocks of a transformer, are a group of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..tape import Node
from .sweep import Sweep

_FEWEST = 3  # equal groups in a row that are folded


@dataclass(eq=False)
class Group:
    """A call of the layer at `path`, of the class `kind`: `members` are nodes and groups in order of evaluation."""

    path: str
    kind: str
    members: list[Node | Group] = field(default_factory=list)

    def groups(self) -> Iterator[Group]:
        """This group and all within it, outermost first."""
        yield self
        for member in self.members:
            if isinstance(member, Group):
                yield from member.groups()


def grouped(sweep: Sweep) -> Group:
    """All nodes of `sweep` in a group without a name. What nothing computed, such as a weight, is where it is first used."""
    paths: dict[tuple[int, int], list[tuple[str, str]]] = {}

    def layers(node: Node) -> list[tuple[str, str]]:
        step = sweep.steps.get(node)
        if step is None or step.layer is None:
            return []
        key = id(step.layer), id(step.model)
        if key not in paths:
            paths[key] = _parts(sweep, node, step.model)
        return paths[key]

    return grouped_by(sweep.order, layers)


def grouped_by(order: Sequence[Node], layers: Callable[[Node], list[tuple[str, str]]]) -> Group:
    """The same of nodes in order of evaluation, where `layers` are (path, class) of those around one, the outermost first."""
    root = Group("", "")
    opened = [root]
    waiting: set[Node] = set()  # leaves, until they are used
    for node in order:
        if not node.parents:
            waiting.add(node)
            continue
        inside = layers(node)
        same = 0
        while same < min(len(inside), len(opened) - 1) and opened[same + 1].path == inside[same][0]:
            same += 1
        del opened[same + 1 :]
        for path, kind in inside[same:]:
            group = Group(path, kind)
            opened[-1].members.append(group)
            opened.append(group)
        for parent in node.parents:
            if parent in waiting:
                waiting.discard(parent)
                opened[-1].members.append(parent)
        opened[-1].members.append(node)
    root.members += [node for node in order if node in waiting]
    for group in list(root.groups()):
        group.members = _folded(group.members)
    return root


def _folded(members: list[Node | Group]) -> list[Node | Group]:
    """The members, three or more equal groups in a row as one: `model.0 … model.11`, Block ×12."""
    found: list[Node | Group] = []
    for _, run in itertools.groupby(members, key=lambda m: _shape(m) if isinstance(m, Group) else m):
        same = list(run)
        first, last = same[0], same[-1]
        if len(same) >= _FEWEST and isinstance(first, Group) and isinstance(last, Group):
            found.append(Group(f"{first.path} … {last.path}", f"{first.kind} ×{len(same)}", same))
        else:
            found += same
    return found


def _shape(member: Node | Group) -> Any:
    """What is the same of two groups that do the same, with numbers of their own."""
    if isinstance(member, Node):
        return member.op, member.shape
    return member.kind, tuple(map(_shape, member.members))


def _parts(sweep: Sweep, node: Node, model: Any) -> list[tuple[str, str]]:
    """(path, class) of the layers from the outermost to the one that computed `node`."""
    whole = sweep.recording.layer_path(node)
    known = dict(model.named_modules())
    outer = sweep.recording.known.get(id(model), ("", None))[0]
    inside = whole.removeprefix(outer).lstrip(".").split(".") if whole != outer else []
    found = [(outer or type(model).__name__, type(model).__name__)]
    for k in range(1, len(inside) + 1):
        path = ".".join(inside[:k])
        found.append((f"{found[0][0]}.{path}", type(known[path]).__name__))
    return found
