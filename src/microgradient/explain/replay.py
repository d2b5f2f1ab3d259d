"""Compute a recorded graph again with one input moved: what the central difference of an explanation needs.

In 64-bit floats, whatever the dtype was, so that the difference is good to many digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..array_world import ARRAY
from ..primitives import TABLE
from ..tape import PICK, Node
from .differences import Check, compare, kink
from .sweep import Sweep

_UNTRACED = "needs the trace: run the step under `with mg.trace():`"
_TAKEN = "needs the trace: a later one has taken its place"


def check(sweep: Sweep, x: Node, value: Any, direction: Any, gradient: Any, scale: float) -> Check:
    """Move the tensor of node `x` along `direction` and compute the root of `sweep` again, in float64."""
    along = np.asarray(direction) != 0  # ∞ in another entry is no matter
    analytic = float(np.sum(np.asarray(gradient, np.float64)[along] * direction[along]))
    if sweep.example is not None:
        return Check(None, analytic, "", "not taken: of one example, see the check of all")
    if not sweep.steps:
        return Check(None, analytic, "", _TAKEN if sweep.recording.gone else _UNTRACED)
    dependents = _dependents(sweep, x)
    for node in dependents:
        op: Any = node.op
        recorded = node in sweep.steps and TABLE.get(op.name) is op
        if not recorded and op is not PICK and op is not TABLE["positive"]:
            return Check(None, analytic, "", f"`{op.name}` can't be computed again from the trace")
    start = np.asarray(value, np.float64)

    def f(step: float) -> float:
        data, _ = _run(sweep, dependents, x, start + step * direction)
        return float(data[sweep.root].item()) if sweep.root in data else 0.0

    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(value), initial=1.0, where=direction != 0))
        dtype = np.dtype(sweep.root.dtype)
        exact = 1e-6 if dtype == np.float64 else 1e-3
        found = compare(f, analytic, size, scale, exact)
        if found.verdict in ("differs", "undecided") and dtype != np.float64:
            wide = float(_run(sweep, dependents, x, start, direction)[1][sweep.root].item())
            if compare(f, wide, size, abs(wide), exact).verdict == "agrees":
                return replace(found, verdict="rounding", note=f"{dtype} has lost the digits: in 64 bits {wide:.6g}")
        if found.verdict == "agrees" and analytic == 0 and (told := _saturated(sweep, dependents, x, start, direction)):
            return replace(found, verdict="rounding", note=told)
        if found.verdict == "kink":
            data, _ = _run(sweep, dependents, x, start)
            at = [n for n in dependents if n in sweep.steps]
            causes = (kink(n.op.name, _arguments(n, sweep, data), n.params) for n in at)  # type: ignore[union-attr]
            cause = next(filter(None, causes), "")
            return replace(found, note=f"{cause}: {found.note}") if cause else found
    return found


def _saturated(sweep: Sweep, dependents: list[Node], x: Node, start: Any, direction: Any) -> str:
    """Where the result of tanh or sigmoid, of which the derivative is made, rounds to 1; "" if nowhere on the way from `x`."""
    data, moved = _run(sweep, dependents, x, start, direction)
    for node in dependents:
        if node.op in (TABLE["tanh"], TABLE["sigmoid"]):
            full = (np.abs(data[node]) == 1) & (moved[node.parents[0]] != 0)
            if np.any(full):
                a, y = np.broadcast_to(data[node.parents[0]], full.shape)[full][0], data[node][full][0]
                return f"{node.op.name}, input = {a:.6g}, rounds to {y:g}: its derivative, below 1e-15, is lost"
    return ""


def _dependents(sweep: Sweep, x: Node) -> list[Node]:
    """What was computed from `x`, in order of evaluation."""
    members = {x}
    for node in sweep.order:
        if not members.isdisjoint(node.parents):
            members.add(node)
    return [node for node in sweep.order if node in members and node is not x]


def _run(
    sweep: Sweep, dependents: list[Node], x: Node, start: Any, direction: Any = None
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """What the dependents of `x` come to if it is `start`, and how they move along `direction`, by the rules."""
    data: dict[Any, Any] = {x: start}
    moved: dict[Any, Any] = {} if direction is None else {x: direction}
    for node in dependents:
        op, params, parents = node.op, node.params, node.parents
        if op is PICK or node not in sweep.steps:
            for known in (data, moved):
                if (whole := known.get(parents[0])) is not None:
                    known[node] = whole[params["i"]] if op is PICK else whole
            continue
        assert op is not None
        if "dtype" in params and np.dtype(params["dtype"]).kind == "f":
            params = params | {"dtype": np.dtype(np.float64)}
        args = _arguments(node, sweep, data)
        y = getattr(ARRAY, op.name)(*args, **params)
        data[node] = y if isinstance(y, tuple) else np.asarray(y)
        if moved:
            t = op.jvp(ARRAY, [moved.get(p) for p in parents], data[node], args, params)
            moved[node] = t if isinstance(t, tuple) else np.broadcast_to(t, data[node].shape)
    return data, moved


def _arguments(node: Node, sweep: Sweep, data: Mapping[Any, Any]) -> list[Any]:
    """The arguments of `node` as computed again, or as recorded, in float64."""
    return [data[p] if p in data else _wide(a) for p, a in zip(node.parents, sweep.steps[node].args, strict=True)]


def _wide(a: Any) -> Any:
    return a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
