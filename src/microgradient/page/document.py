"""A graph as plain data for the page: what was computed, where it is drawn, and every step of the sweep.

{"version": 1, "root": id, "nodes": [...], "groups": [...], "uses": [...], "sources": {file: {line: text}}}

Ids are positions in "nodes", which are in order of evaluation. "uses" are the edges in the order in which the sweep met them:
each with what arrived at "to", what it sent on to "from", and what that one's gradient added up to then. The first group holds
all.
"""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..explain.sweep import Sweep
from ..tape import Node
from .card import told
from .layout import Box, layout
from .structure import grouped

VERSION = 1


def document(sweep: Sweep) -> dict[str, Any]:
    """The data described above."""
    ids = {node: k for k, node in enumerate(sweep.order)}
    root = grouped(sweep)
    boxes = layout(root)
    groups = list(root.groups())
    numbers = {group: k for k, group in enumerate(groups)}
    outer = {member: numbers[group] for group in groups for member in group.members}
    nodes = [_node(node, sweep, outer[node], boxes[node]) for node in sweep.order]
    return {
        "version": VERSION,
        "root": ids[sweep.root],
        "of": sweep.names[sweep.root],
        "nodes": nodes,
        "groups": [
            {"path": group.path, "kind": group.kind, "group": outer.get(group), **_place(boxes[group])}
            for group in groups
        ],
        "uses": _uses(sweep, ids),
        "sources": _sources(nodes),
    }


def _node(node: Node, sweep: Sweep, group: int, box: Box) -> dict[str, Any]:
    file, line = sweep.step(node).location or (None, None)
    gradient, value = sweep.adjoints.get(node), sweep.value(node)
    return {
        "name": sweep.names[node],
        "op": None if node.op is None else node.op.symbol or node.op.name,
        "formula": sweep.formula(node),
        "shape": None if node.shape is None else list(node.shape),
        "value": None if value is None else told(value),
        "gradient": None if gradient is None else told(gradient),
        "literal": sweep.is_literal(node),
        "file": file,
        "line": line,
        "group": group,
        **_place(box),
    }


def _place(box: Box) -> dict[str, float]:
    return {"x": round(box.x, 1), "y": round(box.y, 1), "w": round(box.width, 1), "h": round(box.height, 1)}


def _uses(sweep: Sweep, ids: Mapping[Node, int]) -> list[dict[str, Any]]:
    totals: dict[Node, Any] = {}
    found = []
    for use in sweep.uses:
        before = totals.get(use.parent)
        totals[use.parent] = use.contribution if before is None else _added(before, use.contribution)
        local = sweep.local(use)
        found.append(
            {
                "from": ids[use.parent],
                "to": ids[use.node],
                "argument": use.argument,
                "upstream": told(use.upstream),
                "local": None if local is None else told(local),
                "contribution": told(use.contribution),
                "size": _size(use.contribution),
                "total": told(totals[use.parent]),
            }
        )
    return found


def _added(a: Any, b: Any) -> Any:
    if isinstance(a, tuple):
        return tuple(y if x is None else x if y is None else x + y for x, y in zip(a, b, strict=True))
    return a + b


def _size(contribution: Any) -> float:
    parts = contribution if isinstance(contribution, tuple) else (contribution,)
    size = float(np.sqrt(sum(float(np.sum(np.square(np.asarray(p, np.float64)))) for p in parts if p is not None)))
    return size if np.isfinite(size) else 0.0


def _sources(nodes: list[dict[str, Any]]) -> dict[str, dict[int, str]]:
    """The lines of the user's program that the nodes name."""
    found: dict[str, dict[int, str]] = {}
    for node in nodes:
        if node["file"] is not None:
            found.setdefault(node["file"], {})[node["line"]] = linecache.getline(node["file"], node["line"]).rstrip()
    return found
