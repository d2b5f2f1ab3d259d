"""The parts of a model between which its gradient is shown to flow: layers, and the operations between them.

They are a tree. A layer holds the layers that it calls. Operations outside of any layer, or between two of those in one, are a
station of their own, and so is what was given beside layers: so every node is in one. More of them than can be drawn are split
into stretches. A station that is open is shown as those in it. Each is a stretch of the order of evaluation, so what flows
between them goes round in no circle.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ..tape import Node
from .layers import Group, grouped
from .sweep import Sweep

_MOST = 24  # stations in one that has no layers in it
_FIRST = 16  # that are shown at first: layers are looked into, all of a depth together, as long as there are no more


@dataclass(eq=False)
class Station:
    """A layer, operations between layers, or one node: `inside` has what is shown in its place when it is open.

    `number` names it, in order of evaluation, what is in it after itself.
    """

    name: str
    kind: str
    nodes: list[Node]
    inside: list[Station] = field(default_factory=list)
    layer: bool = False
    number: int = -1

    def all(self) -> Iterator[Station]:
        """This one and all within it."""
        yield self
        for each in self.inside:
            yield from each.all()


def stations(sweep: Sweep) -> Station:
    """The tree of the graph of a sweep; its root is number 0."""
    return stations_of(grouped(sweep), sweep.names)


def stations_of(group: Group, names: Mapping[Node, str]) -> Station:
    """The same of a graph whose nodes are grouped already."""
    root = _of_group(group, names)
    for number, each in enumerate(root.all()):
        each.number = number
    return root


def opened(root: Station, numbers: Collection[int] | None = None) -> list[Station]:
    """What is shown if the stations with these numbers are open; by default as many as can be looked at at once.

    Those in a closed one are not shown, whether open or not.
    """
    shown = root.inside or [root]
    if numbers is not None:
        return list(itertools.chain.from_iterable(_shown(each, numbers) for each in shown))
    while True:
        layers = [each.inside if any(s.layer for s in each.inside) or len(shown) == 1 else [] for each in shown]
        finer = [one for each, inside in zip(shown, layers, strict=True) for one in inside or [each]]
        if not any(layers) or len(finer) > (_FIRST if len(shown) > 2 else 2 * _MOST):
            return shown
        shown = finer


def _shown(station: Station, numbers: Collection[int]) -> Iterator[Station]:
    if station.inside and station.number in numbers:
        for each in station.inside:
            yield from _shown(each, numbers)
    else:
        yield station


def _of_group(group: Group, names: Mapping[Node, str]) -> Station:
    """The station of a call of a layer, or of the whole graph."""
    inside: list[Station] = []
    alone = not any(isinstance(member, Group) for member in group.members)
    for kind, run in itertools.groupby(group.members, key=lambda member: _kind(member, alone)):
        members = list(run)
        if kind == "group":
            inside += [_of_group(member, names) for member in members if isinstance(member, Group)]
        else:
            stretch = _of_nodes([member for member in members if isinstance(member, Node)], names)
            inside += stretch.inside if alone and stretch.inside else [stretch]
    nodes = [node for each in inside for node in each.nodes]
    return Station(group.path, group.kind, nodes, inside, layer=bool(group.path) and group.composite is None)


def _kind(member: Node | Group, alone: bool) -> str:
    """Whether a member is a group, or was given beside groups: that is a station of its own, as it keeps what comes to it."""
    if isinstance(member, Group):
        return "group"
    return "given" if not (member.parents or alone) else "computed"


def _of_nodes(nodes: list[Node], names: Mapping[Node, str]) -> Station:
    """The station of operations that belong to no other: named by the first and the last."""
    if len(nodes) == 1:
        node = nodes[0]
        return Station(names[node], "" if node.op is None else node.op.symbol or node.op.name, nodes)
    size = -(-len(nodes) // _MOST)
    inside = [_of_nodes(nodes[k : k + size], names) for k in range(0, len(nodes), size)]
    computed = [names[node] for node in nodes if node.op is not None] or [names[node] for node in nodes]
    return Station(" … ".join(dict.fromkeys((computed[0], computed[-1]))), "", nodes, inside)
