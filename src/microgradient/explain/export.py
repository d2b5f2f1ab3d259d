"""A traced graph as plain data for other programs: version 1 of the structure.

{"version": 1, "root": id,
 "nodes": [{"id", "name", "op", "shape", "dtype", "file", "line", "layer", "composites", "params", "value", "gradient"}],
 "composites": [{"name", "call"}], functions that were called, such as "softmax" and "softmax(logits, axis=1)",
 "edges": [{"from", "to", "argument", "upstream", "local", "contribution", "flow"}],
 "flow": {"symbol", "total", "ends": [ids]},
 "forward": [ids in order of evaluation], "backward": [ids as the sweep met them]}

An edge leads from an argument ("from") to the node that used it ("to"); gradients flow against it. `value`, `gradient`,
`upstream`, `local` and `contribution` are statistics {"mean", "norm", "min", "max", "nonfinite"}, over the finite entries and
with null where there are none; `local` is null unless the primitive works entry by entry. Ids are the position in "nodes".
"flow" is that of `mg.gradient_flow()` to all leaves, its "ends"; of an edge it is [what raises, what lowers] in it, null where
nothing flows or it is not finite. The
"composites" of a node are the calls that it was computed in, the outermost first, by their position in the list of all. A
graph of Values has the same structure, without files, lines, layers and composites.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tape import PICK, Node
from .composites import Composite
from .flow import Part
from .gradient_flow import flow_to_leaves
from .sweep import Sweep
from .through import called

VERSION = 1


def export(sweep: Sweep) -> dict[str, Any]:
    """The graph of `sweep` as the data described above."""
    ids = {node: k for k, node in enumerate(sweep.order)}
    symbol, total, ends, carried = flow_to_leaves(sweep)
    parts = {(use.node, use.argument): part for use, part in carried}
    edges = [
        {
            "from": ids[use.parent], "to": ids[use.node], "argument": use.argument, "upstream": _statistics(use.upstream),
            "local": _statistics(sweep.local(use)), "contribution": _statistics(use.contribution),
            "flow": _flow(parts.get((use.node, use.argument))),
        }
        for use in reversed(sweep.uses)
    ]  # fmt: skip
    composites = dict.fromkeys(each for node in sweep.order for each in sweep.step(node).composites)
    numbers = {each: k for k, each in enumerate(composites)}
    return {
        "version": VERSION,
        "root": ids[sweep.root],
        "nodes": [_node_data(ids[node], node, sweep, numbers) for node in sweep.order],
        "composites": [{"name": each.name, "call": called(sweep, each)} for each in numbers],
        "edges": edges,
        "flow": {
            "symbol": symbol,
            "total": total if np.isfinite(total) else None,
            "ends": [k for k, node in enumerate(sweep.order) if node in ends],
        },
        "forward": [ids[node] for node in sweep.order],
        "backward": [ids[node] for node in reversed(sweep.order) if node in sweep.adjoints],
    }


def _node_data(k: int, node: Node, sweep: Sweep, numbers: Mapping[Composite, int]) -> dict[str, Any]:
    file, line = sweep.step(node).location or (None, None)
    return {
        "id": k,
        "name": sweep.names[node],
        "op": None if node.op is None else node.op.name,
        "shape": None if node.shape is None else list(node.shape),
        "dtype": None if node.dtype is None else str(np.dtype(node.dtype)),
        "file": file,
        "line": line,
        "layer": sweep.recording.layer_path(node) or None,
        "composites": [numbers[each] for each in sweep.step(node).composites],
        "params": {} if node.op is PICK else node.params,
        "value": _statistics(sweep.value(node)),
        "gradient": _statistics(sweep.adjoints.get(node)),
    }


def _flow(part: Part | None) -> list[float] | None:
    return None if part is None or not np.isfinite(part.gross) else [part.up, part.down]


def _statistics(value: Any) -> Any:
    """What is told of an array; a list with one for each part of a tuple; None for what is not there."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return [_statistics(part) for part in value]
    array = np.asarray(value, np.float64)
    finite = array[np.isfinite(array)]
    if not finite.size:
        return {"mean": None, "norm": None, "min": None, "max": None, "nonfinite": int(array.size)}
    return {
        "mean": float(np.mean(finite)),
        "norm": float(np.linalg.norm(finite)),
        "min": float(np.min(finite)),
        "max": float(np.max(finite)),
        "nonfinite": int(array.size - finite.size),
    }
