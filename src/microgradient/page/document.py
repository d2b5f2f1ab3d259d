"""A graph as plain data for the page: what was computed, where it is drawn, and every step of the sweep.

{"version": 1, "root": id, "nodes": [...], "groups": [...], "uses": [...], "cuts": [...],
 "nonfinite": {...}}

Ids are positions in "nodes", which are in order of evaluation. "uses" are the edges in the order in which the sweep met them:
each with what arrived at "to", what it sent on to "from", and what that one's gradient added up to then; "dropped", of relu and
clip, are how many entries let nothing through, of how many. "cuts" are where a number became a constant. The first group holds
all. "nonfinite" is where the first NaN or infinite number comes from, null where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..explain.composites import Composite
from ..explain.cuts import Dropped, dropped, zeros
from ..explain.layers import Group, grouped
from ..explain.mistakes import Mistake
from ..explain.nonfinite import Origin, first_nonfinite
from ..explain.path_search import added
from ..explain.render import norm
from ..explain.sweep import Sweep, Use
from ..explain.through import called
from ..language import translate
from ..tape import Node
from .card import size, told
from .layout import Box, layout

VERSION = 1
_MOST_CUTS = 500


def document(sweep: Sweep) -> dict[str, Any]:
    """The data described above."""
    ids = {node: k for k, node in enumerate(sweep.order)}
    places, groups = arranged(grouped(sweep), ids, lambda composite: called(sweep, composite))
    nodes = [{**_node(node, sweep), **places[node]} for node in sweep.order]
    moving = numbers(sweep)
    return {
        "version": VERSION,
        "root": ids[sweep.root],
        "of": sweep.names[sweep.root],
        "nodes": [{**node, **told} for node, told in zip(nodes, moving["nodes"], strict=True)],
        "groups": groups,
        "uses": moving["uses"],
        "nonfinite": moving["nonfinite"],
        "cuts": [_cut(each, ids) for each in dropped(sweep)[:_MOST_CUTS]],
    }


def arranged(
    root: Group, ids: Mapping[Node, int], call: Callable[[Composite], str]
) -> tuple[dict[Node, dict[str, Any]], list[dict[str, Any]]]:
    """Where each node is drawn, with the number of the group that it is in; and the groups, as data.

    Of a composite, "call" is how it was called, and "result" what was computed last in it.
    """
    boxes = layout(root)
    groups = list(root.groups())
    group_ids = {group: k for k, group in enumerate(groups)}
    outer = {member: group_ids[group] for group in groups for member in group.members}
    nodes = {member: {"group": k, **_place(boxes[member])} for member, k in outer.items() if isinstance(member, Node)}
    told = [
        {
            "path": group.path,
            "kind": group.kind,
            "group": outer.get(group),
            "call": None if group.composite is None else call(group.composite),
            "result": None if group.composite is None else max(map(ids.__getitem__, group.operations())),
            **_place(boxes[group]),
        }
        for group in groups
    ]
    return nodes, told


def numbers(sweep: Sweep, mistake: Mistake | None = None) -> dict[str, Any]:
    """What changes when a leaf does: values and gradients of the nodes, and the uses; with `mistake`, those of the wrong sweep.

    A node is "wrong" if the mistake gave it another gradient than the rules do.
    """
    ids = {node: k for k, node in enumerate(sweep.order)}
    gradients = sweep.adjoints if mistake is None else mistake.gradients
    nodes = []
    for node in sweep.order:
        value, gradient, right = sweep.value(node), gradients.get(node), sweep.adjoints.get(node)
        nodes.append(
            {
                "value": told(value),
                "gradient": told(gradient),
                "wrong": mistake is not None and not _same(gradient, right),
            }
        )
    steps = _summed(sweep) if mistake is None else mistake.steps
    uses = [_use(use, total, sweep, ids) for use, total in steps]
    return {"nodes": nodes, "uses": uses, "nonfinite": _origin(first_nonfinite(sweep), ids)}


def _origin(found: Origin | None, ids: Mapping[Node, int]) -> dict[str, Any] | None:
    """Where the first NaN or ∞ comes from."""
    if found is None:
        return None
    node, place = found.shown
    return {
        "node": ids[found.node],
        "what": found.what,
        "backward": found.backward,
        "text": translate(found.text),
        "shown": {"node": ids[node], "index": None if place is None else list(place)},
        "culprits": [
            {"text": each.text, "node": None if each.node is None else ids[each.node], "index": list(each.place)}
            for each in found.culprits
        ],
        "count": found.count,
        "victims": [ids[victim] for victim in found.victims],
        "cause": _origin(found.cause, ids),
    }


def _node(node: Node, sweep: Sweep) -> dict[str, Any]:
    file, line = sweep.step(node).location or (None, None)
    return {
        "name": sweep.names[node],
        "op": None if node.op is None else node.op.symbol or node.op.name,
        "formula": sweep.formula(node),
        "shape": None if node.shape is None else list(node.shape),
        "file": file,
        "line": line,
    }


def _place(box: Box) -> dict[str, float]:
    numbers = zip("xywh", (box.x, box.y, box.width, box.height), strict=True)
    return {name: float(f"{number:.9g}") for name, number in numbers}


def _summed(sweep: Sweep) -> Iterator[tuple[Use, Any]]:
    """Each use of the sweep with what its parent's gradient has added up to then."""
    totals: dict[Node, Any] = {}
    for use in sweep.uses:
        totals[use.parent] = added(totals.get(use.parent), use.contribution)
        yield use, totals[use.parent]


def _use(use: Use, total: Any, sweep: Sweep, ids: Mapping[Node, int]) -> dict[str, Any]:
    local = sweep.local(use)
    return {
        "from": ids[use.parent],
        "to": ids[use.node],
        "upstream": told(use.upstream),
        "local": told(local),
        "contribution": told(use.contribution),
        "size": size(use.contribution),
        "total": told(total),
        "dropped": zeros(use, local),
    }


def _cut(each: Dropped, ids: Mapping[Node, int]) -> dict[str, Any]:
    file, line = each.cut.where
    return {
        "from": None if each.source is None else ids[each.source],
        "to": None if each.user is None else ids[each.user],
        "name": each.name,
        "what": each.cut.what,
        "file": file,
        "line": line,
    }


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        given = b if a is None else a
        return given is None or not norm(given)
    if isinstance(a, tuple):
        return all(_same(p, q) for p, q in zip(a, b, strict=True))
    return bool(np.allclose(a, b, rtol=1e-6, atol=0, equal_nan=True))
