"""An explanation as plain data for the page: each number with the place in the graph where it can be opened."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, GradientError, OutOfRangeError, format_location
from ..explain.derivation import mathml
from ..explain.entry import checked_index
from ..explain.examples import by_example, first_numbers, of_example
from ..explain.explanation import Edge, Why
from ..explain.render import norm, short
from ..explain.scalar_graph import ScalarGraph
from ..explain.sweep import Sweep
from ..explain.updates.update import remarks_of
from ..explain.updates.why_update import explained
from ..explain.why import why_node
from ..language import translate
from ..tape import Node

_MOST_LINES = 6  # of code
_MOST_ENTRIES = 1 << 20  # of a parameter whose update is told as a whole, and not of one entry alone
_MOST_PIXELS = 32  # of the picture of an example, along each side


def card(
    sweep: Sweep,
    ids: Mapping[Node, int],
    node: int,
    index: tuple[int, ...] | None = None,
    top: int = 8,
    example: int | None = None,
) -> dict[str, Any]:
    """What `mg.why` tells of node number `node`, or of an entry of it; with `example`, of what that one contributes alone.

    Raises `OutOfRangeError` (MG127) for an entry that is not there, and `ArgumentTypeError` (MG116) for a node that is not.
    """
    if not 0 <= node < len(sweep.order):
        raise ArgumentTypeError(
            "MG116", f"The graph has {len(sweep.order):,} nodes, numbered from 0; there is no {node}."
        )
    at = sweep.order[node]
    if at.shape is None:
        raise OutOfRangeError("MG127", f"{sweep.names[at]} is several results: open one of them.")
    if example is not None:
        sweep = part_of_example(sweep, at, example)
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
        "example": example,
        "examples": at.op is None and not isinstance(sweep.recording, ScalarGraph),
        **_edges(found, ids, sweep),
        "sum": told(found.sum),
        "check": found.told_check(),
        "agrees": found.check.agrees,
        "notes": [[translate(subject), translate(text)] for subject, text in found.notes if text],
        "mathml": mathml(found),
        "latex": found.latex(),
        "text": found.text(),
        "update": None if example is not None else _update(sweep, at, place),
        "code": _code(sweep, ids, [at, *(edge.result for edge in found.edges)]),
    }


def _edges(found: Why, ids: Mapping[Node, int], sweep: Sweep) -> dict[str, Any]:
    """The paths, and in "through" the functions that some of them go through, each with what is not listed of its own."""
    folded = found.folded()
    numbers: dict[Any, int] = {each.composite: k for k, each in enumerate(folded)}
    through = []
    count, rest = found.more
    part_of = along(found.gradient)
    for each in folded:
        listed = [edge.contribution for edge in found.edges if edge.composite is each.composite]
        left = each.paths - len(listed)
        part = each.contribution - sum(listed) if left else 0.0
        count, rest = count - left, rest - part
        through.append(
            {
                "call": each.call,
                "node": ids[each.result],
                "result": sweep.names[each.result],
                "upstream": told((sweep.whole or sweep).adjoints.get(each.result)),
                "paths": each.paths,
                "contribution": told(each.contribution),
                "along": part_of(each.contribution),
                "size": size(each.contribution),
                "more": {"count": left, "sum": told(part), "along": part_of(part)},
                "text": each.text(),
                "mathml": each.mathml(),
                "told": translate(each.told) if each.told else "",
            }
        )
    return {
        "edges": [
            {**_edge(edge, ids), "through": numbers.get(edge.composite), "along": part_of(edge.contribution)}
            for edge in found.edges
        ],
        "through": through,
        "more": {"count": count, "sum": told(rest if count else 0.0), "along": part_of(rest if count else 0.0)},
        "along": part_of(found.sum),
    }


def _code(sweep: Sweep, ids: Mapping[Node, int], nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """The lines of the program that computed some nodes, in its order, each with all nodes that it computed."""
    lines = {sweep.step(node).location: list[int]() for node in nodes}
    for node, k in ids.items():
        if (location := sweep.step(node).location) in lines:
            lines[location].append(k)
    told = [
        {"where": format_location(at), "text": linecache.getline(*at).strip(), "nodes": made}
        for at, made in sorted((at, made) for at, made in lines.items() if at is not None)
    ]
    return [line for line in told if line["text"]][:_MOST_LINES]


def _update(sweep: Sweep, node: Node, place: tuple[int, ...] | None) -> dict[str, Any] | None:
    """What an optimiser makes of the gradient of a parameter, or of an entry of it, if it took a step under the trace."""
    recording = sweep.recording
    taken = recording.updates.get(node)
    if taken is None or taken.p.dtype.kind == "c" or (place is None and taken.p.size > _MOST_ENTRIES):
        return None
    found = explained(taken, place, sweep.names[node], True, recording.clips.get(node))
    return {
        "symbol": found.symbol,
        "optimizer": found.optimizer,
        "step": found.step,
        "before": told(found.before),
        "after": told(found.after),
        "change": told(found.change),
        "terms": [
            {
                "kind": translate(term.kind),
                "symbol": term.symbol,
                "coefficient": told(term.coefficient),
                "value": told(term.value),
                "contribution": told(term.contribution),
                "size": size(term.contribution),
                "formula": term.formula,
            }
            for term in found.terms
        ],
        "rounding": told(found.rounding),
        "notes": [[translate(subject), text] for subject, text in remarks_of(found) if subject != "rounding"],
        "mathml": found.mathml(),
        "latex": found.latex(),
    }


def part_of_example(sweep: Sweep, node: Node, example: int) -> Sweep:
    """The sweep of one example. Raises `OutOfRangeError` (MG127) where there is none of this number."""
    if not 0 <= example < sweep.batch.count:
        raise OutOfRangeError("MG127", f"There is no example {example}: the batch has {sweep.batch.count:,}.")
    return of_example(sweep, node, example)


def examples(sweep: Sweep, node: Node, index: tuple[int, ...] | None, top: int = 10) -> dict[str, Any]:
    """What `Why.examples` tells of a node or an entry: the `top` largest, with what they look like, and what the others add.

    Where it is not known which axis counts the examples, {"unknown": why}.
    """
    place = checked_index(index, node.shape) if index is not None or int(np.prod(node.shape)) == 1 else None
    try:
        found = by_example(node, place, sweep)
    except GradientError as error:
        return {"unknown": str(error)}
    largest = found[:top]
    return {
        "symbol": found.symbol,
        "gradient": told(found.gradient),
        "along": found.along,
        "count": len(found),
        "more": {"count": len(found) - len(largest), "sum": told(found.left(top))},
        "rest": told(found.rest),
        "examples": [
            {
                "number": each.number,
                "contribution": told(each.contribution),
                "size": size(each.contribution),
                "label": None if each.label is None else first_numbers(each.label),
                "numbers": each.numbers,
                "picture": _greys(each.picture),
            }
            for each in largest
        ],
    }


def _greys(picture: Any) -> list[list[int]] | None:
    """A picture in 256 levels of grey, the smallest number black and the largest white, of at most 32 × 32 pixels."""
    if picture is None:
        return None
    step = [-(-n // _MOST_PIXELS) for n in picture.shape]
    wide = np.nan_to_num(picture[:: step[0], :: step[1]].astype(np.float64), posinf=0, neginf=0)
    low, high = wide.min(), wide.max()
    greys: list[list[int]] = np.round((wide - low) * (255 / (high - low or 1.0))).astype(int).tolist()
    return greys


def told(value: Any) -> Any:
    """A number as JSON has it, NaN and the infinities by name; of an array its description, mean, norm and range."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return [told(part) for part in value]
    if isinstance(value, float):
        return float(value) if np.isfinite(value) else str(float(value))
    array = np.asarray(value)
    if array.ndim == 0:
        number = float(array)
        return number if np.isfinite(number) else str(number)
    wide = array.astype(np.float64)
    length = norm(wide)
    count = 0 if np.isfinite(length) else int(np.sum(~np.isfinite(wide)))
    return {
        "shape": list(array.shape),
        "text": short(array),
        "norm": length if not count else told(norm(wide[np.isfinite(wide)])),
        "nonfinite": count,
    }


def along(gradient: Any) -> Callable[[Any], Any]:
    """A function that gives of a contribution to an array the part along its gradient: these add up to the gradient's norm.

    None where the gradient is a number, or 0, or not finite: then contributions are told as they are.
    """
    length = norm(gradient) if np.ndim(gradient) else 0.0
    if not (0 < length < np.inf):
        return lambda contribution: None
    unit = np.asarray(gradient, np.float64) / length

    def part(contribution: Any) -> Any:
        return told(float(np.sum(np.broadcast_to(np.asarray(contribution, np.float64), unit.shape) * unit)))

    return part


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
