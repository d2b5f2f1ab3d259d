"""Compute a recorded graph again with one input moved: what the central difference of an explanation needs.

In 64-bit floats, whatever the dtype was, so that the difference is good to many digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..array_world import ARRAY
from ..primitives import TABLE
from ..tape import PICK, Node
from .differences import Check, compare, kink
from .recording import Step
from .sweep import Sweep


def check_tensor(sweep: Sweep, x: Node, value: Any, direction: Any, gradient: Any, scale: float) -> Check:
    """Move the tensor of node `x` along `direction` and compute the root of `sweep` again, in float64."""
    analytic = float(np.sum(np.asarray(gradient, np.float64) * direction))
    root, steps = sweep.root, sweep.steps
    if sweep.trace is None:
        return Check(None, analytic, "", "needs the trace: run the step under `with mg.trace():`")
    dependents = _dependents(sweep.order, x)
    for node in dependents:
        assert node.op is not None
        recorded = node in steps and TABLE.get(node.op.name) is node.op
        if not recorded and node.op is not PICK and node.op is not TABLE["positive"]:
            return Check(None, analytic, "", f"`{node.op.name}` can't be computed again from the trace")
    data: dict[Any, Any] = {}

    def f(step: float) -> float:
        data.clear()
        data[x] = np.asarray(value, np.float64) + step * direction
        for node in dependents:
            data[node] = _recomputed(node, steps, data)
        return float(np.asarray(data.get(root, 0.0)).reshape(()))

    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(value), initial=1.0, where=direction != 0))
        exact = 1e-6 if np.dtype(root.dtype) == np.float64 else 1e-3
        found = compare(f, analytic, size, scale, exact)
        f(0.0)
        if found.verdict in ("differs", "undecided"):
            wide = _slope(dependents, root, x, steps, data, direction)
            if np.dtype(root.dtype) != np.float64 and compare(f, wide, size, abs(wide), exact).verdict == "agrees":
                return replace(
                    found, verdict="rounding", note=f"{np.dtype(root.dtype)} has lost the digits: in 64 bits {wide:.6g}"
                )
        causes = ((n.op.name, _arguments(n, steps[n].args, data), n.params) for n in dependents if n in steps and n.op)
        return _with_cause(found, causes)


Steps = Mapping[Node, Step]


def _with_cause(found: Check, steps: Iterable[tuple[str, Sequence[Any], Any]]) -> Check:
    """At a kink, name the function that has it."""
    if found.verdict != "kink":
        return found
    cause = next((text for name, args, params in steps if (text := kink(name, args, params))), "")
    return replace(found, note=f"{cause}: {found.note}") if cause else found


def _dependents(order: Sequence[Any], x: Any) -> list[Any]:
    """The nodes (or Values) that were computed from `x`, in order of evaluation."""
    members = {x}
    found = []
    for node in order:
        if node is not x and not members.isdisjoint(node.parents):
            members.add(node)
            found.append(node)
    return found


def _slope(
    dependents: Sequence[Node], root: Node, x: Node, steps: Steps, data: dict[Any, Any], direction: Any
) -> float:
    """The derivative along `direction` by the rules, in float64, at the numbers in `data`."""
    moved: dict[Any, Any] = {x: np.asarray(direction, np.float64)}
    for node in dependents:
        if node.op is PICK:
            moved[node] = moved[node.parents[0]][node.params["i"]]
        elif node not in steps:
            moved[node] = moved[node.parents[0]]
        else:
            assert node.op is not None
            args = _arguments(node, steps[node].args, data)
            moved[node] = node.op.jvp(ARRAY, [moved.get(p) for p in node.parents], data[node], args, _widened(node))
    return float(np.sum(moved.get(root, 0.0)))


def _recomputed(node: Node, steps: Steps, data: dict[Any, Any]) -> Any:
    assert node.op is not None
    step = steps.get(node)
    if node.op is PICK:
        return data[node.parents[0]][node.params["i"]]
    if step is None:
        return data[node.parents[0]]
    return getattr(ARRAY, node.op.name)(*_arguments(node, step.args, data), **_widened(node))


def _arguments(node: Node, args: Sequence[Any], data: dict[Any, Any]) -> list[Any]:
    return [data[p] if p in data else _wide(a) for p, a in zip(node.parents, args, strict=True)]


def _widened(node: Node) -> dict[str, Any]:
    params = node.params
    if "dtype" in params and np.dtype(params["dtype"]).kind == "f":
        params = params | {"dtype": np.dtype(np.float64)}
    return params


def _wide(a: Any) -> Any:
    return a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
