"""Compute a recorded graph again with one input moved: what the central difference of an explanation needs.

In 64-bit floats, whatever the dtype was, so that the difference is good to many digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..array_world import ARRAY
from ..operators import apply
from ..primitives import TABLE, Primitive
from ..tape import PICK, Node, backward, enable_grad, topological
from ..tensor import Tensor
from .differences import Check, compare, kink
from .sweep import Sweep


def check(sweep: Sweep, x: Node, value: Any, direction: Any, gradient: Any, scale: float) -> Check:
    """Move the tensor of node `x` along `direction` and compute the root of `sweep` again, in float64."""
    analytic = float(np.sum(np.asarray(gradient, np.float64) * direction))
    if not sweep.steps:
        return Check(None, analytic, "", "needs the trace: run the step under `with mg.trace():`")
    dependents = _dependents(sweep, x)
    for node, op in dependents:
        recorded = node in sweep.steps and TABLE.get(op.name) is op
        if not recorded and op is not PICK and op is not TABLE["positive"]:
            return Check(None, analytic, "", f"`{op.name}` can't be computed again from the trace")
    data: dict[Any, Any] = {}  # of the nodes, as tensors

    def run(start: Any) -> Any:
        data.clear()
        data[x] = start
        for node, op in dependents:
            data[node] = _recomputed(node, op, sweep, data)
        return data.get(sweep.root)

    def f(step: float) -> float:
        y = run(Tensor(np.asarray(value, np.float64) + step * direction))
        return 0.0 if y is None else float(y.item())

    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(value), initial=1.0, where=direction != 0))
        dtype = np.dtype(sweep.root.dtype)
        exact = 1e-6 if dtype == np.float64 else 1e-3
        found = compare(f, analytic, size, scale, exact)
        if found.verdict in ("differs", "undecided") and dtype != np.float64:
            wide = _slope(run, np.asarray(value, np.float64), direction)
            if compare(f, wide, size, abs(wide), exact).verdict == "agrees":
                return replace(found, verdict="rounding", note=f"{dtype} has lost the digits: in 64 bits {wide:.6g}")
        if found.verdict == "kink":
            f(0.0)
            told = (kink(op.name, _arguments(n, sweep, data), n.params) for n, op in dependents if n in sweep.steps)
            cause = next(filter(None, told), "")
            return replace(found, note=f"{cause}: {found.note}") if cause else found
    return found


def _dependents(sweep: Sweep, x: Node) -> list[tuple[Node, Primitive]]:
    """What was computed from `x`, in order of evaluation."""
    members, found = {x}, []
    for node in sweep.order:
        if node is not x and node.op is not None and not members.isdisjoint(node.parents):
            members.add(node)
            found.append((node, node.op))
    return found


def _slope(run: Callable[[Any], Any], value: Any, direction: Any) -> float:
    """The derivative along `direction` by the rules, in float64."""
    with enable_grad():
        start = Tensor(value, requires_grad=True)
        root = run(start).node
    seeds = {root: np.ones(root.shape)}
    return float(np.sum(backward(topological([root]), seeds, ARRAY)[start.node] * direction))  # type: ignore[index]


def _recomputed(node: Node, op: Primitive, sweep: Sweep, data: Mapping[Any, Any]) -> Any:
    if op is PICK:
        return data[node.parents[0]][node.params["i"]]
    if node not in sweep.steps:
        return data[node.parents[0]]
    params = node.params
    if "dtype" in params and np.dtype(params["dtype"]).kind == "f":
        params = params | {"dtype": np.dtype(np.float64)}
    return apply(op, *_arguments(node, sweep, data), **params)


def _arguments(node: Node, sweep: Sweep, data: Mapping[Any, Any]) -> list[Any]:
    """The arguments of `node` as computed again, or as recorded, in float64."""
    return [data[p] if p in data else _wide(a) for p, a in zip(node.parents, sweep.steps[node].args, strict=True)]


def _wide(a: Any) -> Any:
    return a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
