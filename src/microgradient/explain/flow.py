"""How much of a derivative comes along each edge of a graph: a flow that is preserved at every node.

Along a direction ẋ of the leaves every node moves by its tangent ẏ = Σᵢ ∂y/∂xᵢ ẋᵢ. With ȳ, what arrives at y, the edge from y to
its argument i carries the contributions ȳ ⊙ (∂y/∂xᵢ ẋᵢ), entry by entry of y. What comes into a node are those of the edges from
its users, together Σ ȳ ẏ by the rule of each; what leaves it are those to its arguments, together Σ ȳ ẏ by the chain rule. So the
sums are preserved, from the loss, where it is the derivative along ẋ, to the leaves; the sums of their sizes are not, where
contributions cancel.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import GradientError
from ..primitives import TABLE
from ..tape import Node
from .path_search import added
from .paths import VIEWS
from .sweep import Sweep, Use, tangent

_CLOSE = 1e-6  # of their size: contributions that are the same but for rounding


class Part(NamedTuple):
    """Contributions added up: those that raise the derivative, and those that lower it.

    >>> part = Part(1000.0, -998.0)
    >>> part.net, part.gross
    (2.0, 1998.0)
    """

    up: float = 0.0
    down: float = 0.0

    @classmethod
    def of(cls, number: float) -> Part:
        """One contribution. NaN is counted among those that raise."""
        return cls(0.0, number) if number < 0 else cls(number, 0.0)

    @property
    def net(self) -> float:
        """Their sum."""
        return self.up + self.down

    @property
    def gross(self) -> float:
        """The sum of their sizes."""
        return self.up - self.down

    def plus(self, other: Part) -> Part:
        """Both together."""
        return Part(self.up + other.up, self.down + other.down)


def added_up(parts: Iterable[Part]) -> Part:
    """All of them together."""
    return functools.reduce(Part.plus, parts, Part())


def flows(sweep: Sweep, direction: Mapping[Node, Any]) -> list[tuple[Use, Part]]:
    """What each use that leads to a node of `direction` carries if these nodes move so, latest use first."""
    moved: dict[Node, Any] = dict(direction)
    carried: dict[int, Part] = {}
    with np.errstate(all="ignore"):
        for uses in _by_node(sweep):
            node, on_the_way = uses[0].node, [use for use in uses if use.parent in moved]
            if node in direction or not on_the_way:
                continue
            moves = {use.argument: _moved(use, moved[use.parent], sweep) for use in on_the_way}
            for use in on_the_way:
                moved[node] = added(moved.get(node), moves[use.argument])
                carried[id(use)] = _part(use.upstream, moves[use.argument])
    arrived: dict[Node, Part] = {}
    found = []
    for use in sweep.uses:
        if (part := carried.get(id(use))) is None:
            continue
        if use.op.name in VIEWS and TABLE.get(use.op.name) is use.op:
            part = arrived.get(use.node, part)  # the same entries in other places: what was apart remains apart
        arrived[use.parent] = arrived.get(use.parent, Part()).plus(part)
        found.append((use, part))
    return found


def _by_node(sweep: Sweep) -> list[list[Use]]:
    """The uses of each node's arguments, in order of evaluation."""
    found: dict[Node, list[Use]] = {}
    for use in sweep.uses:
        found.setdefault(use.node, []).append(use)
    return [found[node] for node in sweep.order if node in found]


def _moved(use: Use, t: Any, sweep: Sweep) -> Any:
    """How the result moves if the argument moves by `t`.

    A rule of the user's may not say so, or not what its vjp says, which is what the sweep used. Then it is the shortest tangent
    with the right contribution: along what arrives.
    """
    if use.op.kind != "special" or TABLE.get(use.op.name) is use.op:
        return tangent(use.node, use.argument, t)
    sent = float(np.sum(use.contribution * t, dtype=np.float64))
    try:
        known = tangent(use.node, use.argument, t)
        said = _part(use.upstream, known)
        if abs(said.net - sent) <= _CLOSE * max(said.gross, abs(sent)):
            return known
    except GradientError:
        pass
    several = use.upstream if isinstance(use.upstream, tuple) else (use.upstream,)
    length = sum(float(np.sum(np.square(part), dtype=np.float64)) for part in several if part is not None)
    along = tuple(None if part is None else part * (sent / length if length else 0.0) for part in several)
    return along if isinstance(use.upstream, tuple) else along[0]


def product(upstream: Any, moved: Any) -> Any:
    """upstream ⊙ moved: 0 where nothing moves, even if what arrives there is infinite or NaN."""
    up, t = np.asarray(upstream, np.float64), np.asarray(moved, np.float64)
    return np.where(t == 0, 0.0, up * t)


def _part(upstream: Any, moved: Any) -> Part:
    """The contributions upstream ⊙ moved, added up."""
    if isinstance(upstream, tuple):
        pairs = zip(upstream, moved, strict=True)
        return added_up(_part(up, t) for up, t in pairs if up is not None and t is not None)
    if not np.ndim(upstream):
        return Part.of(float(product(upstream, moved)))
    contributions = product(upstream, moved)
    total = float(np.sum(contributions))
    if not np.isfinite(total):
        return Part.of(total)
    up = float(np.sum(contributions, where=contributions > 0))
    return Part(up, float(np.sum(contributions, where=contributions < 0)))
