"""An explanation as plain data for the page: each number with the place in the graph where it can be opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, OutOfRangeError
from ..explain.derivation import mathml
from ..explain.explanation import Edge
from ..explain.render import norm, short
from ..explain.sweep import Sweep
from ..explain.why import checked_index, why_node
from ..language import translate
from ..tape import Node


def card(
    sweep: Sweep, ids: Mapping[Node, int], node: int, index: tuple[int, ...] | None = None, top: int = 8
) -> dict[str, Any]:
    """What `mg.why` tells of node number `node`, or of an entry of it.

    Raises `OutOfRangeError` (MG127) for an entry that is not there, and `ArgumentTypeError` (MG116) for a node that is not.
    """
    if not 0 <= node < len(sweep.order):
        raise ArgumentTypeError(
            "MG116", f"The graph has {len(sweep.order):,} nodes, numbered from 0; there is no {node}."
        )
    at = sweep.order[node]
    if at.shape is None:
        raise OutOfRangeError("MG127", f"{sweep.names[at]} is several results: open one of them.")
    place = () if int(np.prod(at.shape)) == 1 and index is None else index
    place = (0,) * len(at.shape) if place == () else place
    found = why_node(at, None if place is None else checked_index(place, at.shape), sweep, top)
    return {
        "node": node,
        "index": None if place is None else list(place),
        "shape": list(at.shape),
        "name": found.name,
        "of": found.of,
        "value": told(found.value),
        "gradient": told(found.gradient),
        "where": found.where,
        "formula": sweep.formula(at),
        "paths": found.paths,
        "edges": [_edge(edge, ids) for edge in found.edges],
        "more": {"count": found.more[0], "sum": told(found.more[1])},
        "sum": told(found.sum),
        "check": found.told_check(),
        "agrees": found.check.agrees,
        "notes": [[translate(subject), translate(text)] for subject, text in found.notes if text],
        "mathml": mathml(found),
        "latex": found.latex(),
        "text": found.text(),
    }


def told(value: Any) -> Any:
    """A number as JSON has it, NaN and the infinities by name; of an array its description, mean, norm and range."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return [told(part) for part in value]
    array = np.asarray(value)
    if array.ndim == 0:
        number = float(array)
        return number if np.isfinite(number) else str(number)
    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    return {
        "shape": list(array.shape),
        "text": short(array),
        "norm": told(np.linalg.norm(finite)),
        "nonfinite": int(array.size - finite.size),
    }


def size(contribution: Any) -> float:
    """How long the bar and how wide the edge is: the norm, 0 where that is not finite."""
    found = norm(contribution)
    return found if np.isfinite(found) else 0.0


def _edge(edge: Edge, ids: Mapping[Node, int]) -> dict[str, Any]:
    return {
        "via": edge.via,
        "node": ids[edge.result],
        "index": None if edge.index is None else list(edge.index),
        "op": edge.op,
        "upstream": told(edge.upstream),
        "local": told(edge.local),
        "contribution": told(edge.contribution),
        "size": size(edge.contribution),
        "formula": edge.formula,
        "rule": translate(edge.rule),
        "where": edge.where,
        "layer": edge.layer,
        "argument": edge.argument,
    }
