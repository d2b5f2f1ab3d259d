"""The search for the largest paths from a loss to what it was computed from, by dynamic programming.

Paths are not enumerated. They are counted, and the largest found, in the order of the backward sweep: of the paths that lead
from the loss to a node only the largest go on from there.

Where every node on the way is one number, this is exact: how a path goes on multiplies all that have arrived at a node by
the same numbers. Where there are arrays, what goes on is chosen by how much of it can reach x, Σ |cotangent| · reach, with the
reach of a node the size of its tangents with respect to x: a beam search. The sum of the others is exact either way.
"""

from __future__ import annotations

import heapq
import math
import operator
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..primitives import TABLE
from ..tape import Node, backward
from .render import norm
from .sweep import Sweep, Use, tangent

_BEAM = 4  # times `top` paths go on from a node that is an array
_ENTRIES = 2**24  # of all their cotangents together


class _Partial(NamedTuple):
    """A path from the loss to some node: its last use and what comes before that, and what it has brought to the node."""

    use: Use | None
    before: _Partial | None
    cotangent: Any
    score: float

    def chain(self) -> list[Use]:
        """Its uses, the loss's first."""
        found, at = [], self
        while at.use is not None and at.before is not None:
            found.append(at.use)
            at = at.before
        return found[::-1]


class Search:
    """The largest paths from the root of `sweep` to `x`, along `uses`, and their number."""

    def __init__(self, sweep: Sweep, uses: Sequence[Use], x: Node, place: Any, top: int) -> None:
        self.sweep, self.x, self.place, self.top = sweep, x, place, top
        leads = {x}
        for use in reversed(uses):
            if use.parent in leads:
                leads.add(use.node)
        self.uses: dict[Node, list[Use]] = {}
        counts: Counter[Node] = Counter({sweep.root: 1})
        for use in uses:  # latest first: all paths to its node are counted
            if use.parent in leads and use.node is not x and counts[use.node]:
                self.uses.setdefault(use.node, []).append(use)
                counts[use.parent] += counts[use.node]
        self.count = counts[x]
        self.reach = {} if all(map(is_number, self.uses)) else self._reaches()

    def largest(self) -> tuple[list[tuple[list[Use], Any]], bool]:
        """(uses, contribution) of each, largest first; and whether no other is larger."""
        root = self.sweep.root
        arrived: dict[Node, list[_Partial]] = {root: [_Partial(None, None, np.ones(root.shape, root.dtype), 1.0)]}
        if root is self.x:
            return [([], at(arrived[root][0].cotangent, root, self.place))], True
        exact = True
        for node, uses in self.uses.items():
            partials, number = arrived.pop(node, []), is_number(node)
            unit = sent(self.sweep, node, np.ones(node.shape, node.dtype)) if number else {}
            for partial in self._first(node, partials):
                t = partial.cotangent
                parts = {i: _scaled(g, t.item()) for i, g in unit.items()} if number else sent(self.sweep, node, t)
                for use in uses:
                    if (g := parts.get(use.argument)) is None:
                        continue
                    into, others = use.parent, arrived.setdefault(use.parent, [])
                    g = at(g, into, self.place) if into is self.x else g
                    others.append(_Partial(use, partial, g, self._score(into, g)))
                    if len(others) > 2 * self._most(into):  # what can't be among the first needs no memory
                        others[:] = self._first(into, others)
                        exact = exact and (is_number(into) or into is self.x)
            exact = exact and (number or len(partials) <= self._most(node))
        return [(p.chain(), p.cotangent) for p in self._first(self.x, arrived.get(self.x, []))], exact

    def _most(self, node: Node) -> int:
        """How many paths go on from a node: fewer where their cotangents would take too much memory."""
        if is_number(node) or node is self.x:
            return self.top
        size = 0 if node.shape is None else math.prod(node.shape)
        return min(_BEAM * self.top, max(2, _ENTRIES // max(size, 1)))

    def _first(self, node: Node, partials: list[_Partial]) -> list[_Partial]:
        return heapq.nlargest(self._most(node), partials, key=operator.attrgetter("score"))

    def _score(self, node: Node, cotangent: Any) -> float:
        """How much of a cotangent can reach x; of what is NaN, everything."""
        if is_number(node) or node is self.x:
            return _size(cotangent)
        reach = self.reach[node]
        pairs = zip(cotangent, reach, strict=True) if isinstance(cotangent, tuple) else [(cotangent, reach)]
        found = [np.sum(np.abs(c) * r, dtype=np.float64) for c, r in pairs if c is not None and r is not None]
        return _size(sum(found))

    def _reaches(self) -> dict[Node, Any]:
        """For each node on the way the size of its tangents, added up along all paths, if x varies."""
        start = np.ones(self.x.shape, self.x.dtype)
        if self.place is not None:
            start[...] = 0
            start[self.place] = 1
        found: dict[Node, Any] = {self.x: start}
        for node, uses in reversed(self.uses.items()):
            for use in uses:
                moved = found[use.parent]
                if use.op.kind == "special" and TABLE.get(use.op.name) is not use.op:  # the user's rule: only a vjp
                    t: Any = _each(np.ones_like, self.sweep.adjoints[node])
                else:
                    t = tangent(node, use.argument, moved)
                found[node] = added(found.get(node), _each(np.abs, t))
        return found


def sent(sweep: Sweep, node: Node, t: Any) -> dict[int, Any]:
    """What `node` sends to each of its arguments if `t` arrives."""
    found: dict[int, Any] = {}

    def observe(sender: Node, i: int, upstream: Any, contribution: Any) -> None:
        if sender is node:
            found[i] = contribution

    parents = dict.fromkeys(p for p in node.parents if p is not None)
    order = [node, *sorted(parents, key=operator.attrgetter("seq"), reverse=True)]
    backward(order, {node: t}, sweep.recording.world, observe=observe)
    return found


def adjoints(sweep: Sweep, uses: Sequence[Use]) -> dict[Node, Any]:
    """The adjoints of a sweep along `uses` alone."""
    found: dict[Node, Any] = {sweep.root: np.ones(sweep.root.shape, sweep.root.dtype)}
    by_node: dict[Node, list[Use]] = {}
    for use in uses:
        by_node.setdefault(use.node, []).append(use)
    for node, own in by_node.items():
        if node in found:
            parts = sent(sweep, node, found[node])
            for use in own:
                if use.argument in parts:
                    found[use.parent] = added(found.get(use.parent), parts[use.argument])
    return found


def is_number(node: Node) -> bool:
    """Whether a node has one entry."""
    return node.shape is not None and math.prod(node.shape) == 1


def at(g: Any, node: Node, place: Any) -> Any:
    """The entry of a gradient that is asked for, or all of it; 0 where nothing arrived."""
    if g is None:
        g = np.zeros(node.shape, node.dtype)
    return float(g[place]) if place is not None else g


def _size(a: Any) -> float:
    """What paths are ranked by: NaN and infinity explain most."""
    found = norm(a) if np.ndim(a) else abs(float(a))
    return found if math.isfinite(found) else math.inf


def _each(function: Callable[[Any], Any], t: Any) -> Any:
    """A function of an array, or of each of several."""
    return tuple(None if part is None else function(part) for part in t) if isinstance(t, tuple) else function(t)


def _scaled(t: Any, factor: float) -> Any:
    return _each(lambda part: part * factor, t)


def added(a: Any, b: Any) -> Any:
    """The sum of two cotangents, which may be tuples of several; None is 0."""
    if a is None or b is None:
        return b if a is None else a
    return tuple(map(added, a, b)) if isinstance(a, tuple) else a + b
