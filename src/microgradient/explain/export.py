"""A traced graph as plain data for other programs: version 1 of the structure.

{"version": 1, "root": id,
 "nodes": [{"id", "name", "op", "shape", "dtype", "file", "line", "layer", "params", "value", "gradient"}],
 "edges": [{"from", "to", "argument", "upstream", "local", "contribution"}],
 "forward": [ids in order of evaluation], "backward": [ids as the sweep met them]}

An edge leads from an argument ("from") to the node that used it ("to"); gradients flow against it. `value`, `gradient`,
`upstream`, `local` and `contribution` are statistics {"mean", "norm", "min", "max", "nonfinite"}, over the finite entries and
with null where there are none; `local` is null unless the primitive works entry by entry. Ids are the position in "nodes".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tape import PICK, Node
from .evaluation import _datum
from .paths import tangent
from .trace import Sweep, Trace

VERSION = 1


def export(trace: Trace, root: Node) -> dict[str, Any]:
    """The graph of `root` as the data described above."""
    sweep = Sweep(root, trace)
    ids = {node: k for k, node in enumerate(sweep.order)}
    nodes = [_node_data(ids[node], node, sweep, trace) for node in sweep.order]
    edges = []
    for node, i, upstream, contribution in reversed(sweep.edges):
        parent = node.parents[i]
        assert parent is not None
        assert node.op is not None
        local = None
        if node.op.kind == "pointwise":
            local = _statistics(tangent(node, i, np.ones(parent.shape, parent.dtype)))
        edges.append({
            "from": ids[parent], "to": ids[node], "argument": i, "upstream": _statistics(upstream), "local": local,
            "contribution": _statistics(contribution),
        })  # fmt: skip
    reached = [ids[node] for node in reversed(sweep.order) if node in sweep.adjoints]
    forward = [ids[node] for node in sweep.order]
    return {
        "version": VERSION, "root": ids[root], "nodes": nodes, "edges": edges, "forward": forward, "backward": reached,
    }  # fmt: skip


def _node_data(k: int, node: Node, sweep: Sweep, trace: Trace) -> dict[str, Any]:
    step = trace.steps.get(node)
    file, line = step.location if step is not None else (None, None)
    return {
        "id": k,
        "name": sweep.names[node],
        "op": None if node.op is None else node.op.name,
        "shape": None if node.shape is None else list(node.shape),
        "dtype": None if node.dtype is None else str(np.dtype(node.dtype)),
        "file": file,
        "line": line,
        "layer": trace.layer_path(node) or None,
        "params": {} if node.op is PICK else _plain(node.params),
        "value": _statistics(_datum(node, sweep, trace)),
        "gradient": _statistics(sweep.adjoints.get(node)),
    }


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


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON has them; what it does not know as text."""
    known = (int, float, str, bool, type(None))

    def told(value: Any) -> Any:
        if isinstance(value, tuple | list):
            return [told(part) for part in value]
        return value if isinstance(value, known) else str(value)

    return {key: told(value) for key, value in params.items()}
