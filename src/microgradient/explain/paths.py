"""The paths into the gradient of a tensor, or of one of its entries.

A path starts where x is used. Where it is only turned or reshaped (`w.T`), the path starts at the use behind that: the
entry is the same number there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..array_world import ARRAY
from ..primitives import TABLE
from ..tape import PICK, Node, backward, forward
from .sweep import Sweep, Use, tangent

VIEWS = frozenset({"permute_dims", "reshape", "positive", "astype", "flip", "roll"})


class Views:
    """A tensor's node and the views of it: nodes that hold the same entries in other places.

    `uses` are what was computed from any of them, in order of evaluation.
    """

    def __init__(self, sweep: Sweep, node: Node) -> None:
        self.sweep = sweep
        self.nodes = [node]
        members = {node}
        for other in sweep.order:
            turned = other.op is not None and other.op.name in VIEWS and other is not node and other is not sweep.root
            if turned and other.parents[0] in members:
                members.add(other)
                self.nodes.append(other)
        self.uses = [u for u in reversed(sweep.uses) if u.parent in members and u.node not in members]

    def carry(self, one_hot: Any) -> dict[Node, Any]:
        """The tangent of each view when that of the tensor is `one_hot`."""
        return forward(self.nodes[::-1], {self.nodes[0]: one_hot}, ARRAY)

    def bring_back(self, node: Node, g: Any) -> Any:
        """A contribution to the view `node` as a contribution to the tensor."""
        return backward(self.nodes[::-1], {node: g}, ARRAY)[self.nodes[0]]


@dataclass(frozen=True)
class EntryPaths:
    """The paths of one entry through one use of it: for each entry of the result that it moves, a number in each array.

    `part` is the number of the result where the primitive has several. A rule of the user's is one path for all entries of
    the result, without places and locals.
    """

    use: Use
    places: Any  # (n, ndim): indices into the result
    upstream: Any
    locals: Any
    contributions: Any
    part: int | None = None

    def result(self, sweep: Sweep) -> Node:
        """The node of the result."""
        node = self.use.node
        parts = (n for n in sweep.order if n.op is PICK and n.parents[0] is node and n.params["i"] == self.part)
        return next(parts, node)

    def entry(self, k: int) -> str:
        """The k-th place as text: "[5, 12]"."""
        if self.places is None:
            return ""
        part = "" if self.part is None else f".{self.part}"
        place = ", ".join(map(str, self.places[k].tolist()))
        return part + (f"[{place}]" if place else "")


def entry_paths(views: Views, one_hot: Any) -> Iterator[EntryPaths]:
    """The paths into the entry where `one_hot` is 1, in order of evaluation."""
    carried = views.carry(one_hot)
    for use in views.uses:
        op, t = use.op, carried[use.parent]
        if op.kind == "special" and TABLE.get(op.name) is not op:  # its vjp alone is what the sweep used
            total = np.sum(use.contribution[t != 0], dtype=np.float64)
            yield EntryPaths(use, None, use.upstream, None, np.array([total]))
            continue
        moved, several = tangent(use.node, use.argument, t), isinstance(use.upstream, tuple)
        for part, (up, local) in enumerate(
            zip(use.upstream, moved, strict=True) if several else [(use.upstream, moved)]
        ):
            if up is None or local is None:
                continue
            # of what is pointwise also where the derivative happens to be 0
            touched = np.broadcast_to(t != 0, local.shape) if op.kind == "pointwise" else local != 0
            example = views.sweep.example
            if example is not None and (rows := views.sweep.batch.rows(use.node)) is not None:
                touched = touched & rows.of(example, touched.ndim)
            up, down = (np.asarray(a, np.float64)[touched] for a in (up, local))
            with np.errstate(all="ignore"):
                yield EntryPaths(use, np.argwhere(touched), up, down, up * down, part if several else None)


def groups(uses: Sequence[EntryPaths], sweep: Sweep, top: int) -> Iterator[tuple[str, Any]]:
    """(along what, sums) along each axis of the results, where there are more than `top` paths into one or several like it.

    A layer that is used in every time step has a result in each: their paths are added up together, example by example.
    """
    alike: dict[Any, list[EntryPaths]] = {}
    for use in uses:
        if use.places is not None and use.places.shape[1] > 1:
            alike.setdefault((use.use.op.name, use.part, use.places.shape[1]), []).append(use)
    for same in alike.values():
        places = np.concatenate([use.places for use in same])
        contributions = np.concatenate([use.contributions for use in same])
        node = same[0].use.node
        counts = (rows.axis for use in same if (rows := sweep.batch.rows(use.use.node)) and rows.counts)
        counted = next(counts, None)
        name = sweep.names[node] + (f" and {len(same) - 1:,} more like it" if len(same) > 1 else "")
        for axis in range(places.shape[1] if len(places) > top else 0):
            if np.ptp(places[:, axis]):
                example = "example, " if axis == counted else ""
                yield f"{example}axis {axis} of {name}", np.bincount(places[:, axis], contributions)
