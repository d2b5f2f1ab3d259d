"""Compute a recorded graph again with one input moved: what the central difference of an explanation needs.

In 64-bit floats, whatever the dtype was, so that the difference is good to many digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..array_world import ARRAY
from ..rules import TABLE
from ..scalar import Value
from ..scalar_world import SCALAR
from ..tape import PICK, Node
from .trace import Trace

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Check:
    """A derivative by a central difference, beside the one by the rules.

    `numeric` is None where the graph can't be computed again; `note` says why, or along what the difference was taken.
    """

    numeric: float | None
    analytic: float
    agrees: bool
    note: str = ""


def check_value(order: Sequence[Value], root: Value, x: Value, gradient: float, scale: float) -> Check:
    """Move the Value `x` and compute `root` again. `order`: the graph in order of evaluation."""
    dependents = _dependents(order, x)
    made_by_hand = next((v for v in dependents if v.op is None), None)
    if made_by_hand is not None:
        return Check(None, gradient, True, "a Value made by hand can't be computed again")

    def f(datum: float) -> float:
        data = {x: datum}
        for v in dependents:
            args = [data.get(p, p.data) for p in v.parents]
            data[v] = _evaluated(v, args)
        return float(data.get(root, root.data))

    if not np.isclose(f(x.data), root.data, rtol=1e-9, atol=1e-12, equal_nan=True):
        return Check(None, gradient, True, "the data have changed since this was computed: compute it again")
    h = 6e-6 * max(1.0, abs(x.data))
    numeric = (f(x.data + h) - f(x.data - h)) / (2 * h)
    return _compared(numeric, gradient, scale, abs(root.data), 1e-6)


def check_tensor(
    order: Sequence[Node],
    root: Node,
    x: Node,
    trace: Trace | None,
    value: Any,
    direction: Any,
    gradient: Any,
    scale: float,
) -> Check:
    """Move the tensor of node `x` along `direction` and compute `root` again, in float64."""
    analytic = float(np.sum(np.asarray(gradient, np.float64) * direction))
    if trace is None:
        return Check(None, analytic, True, "needs the trace: run the step under `with mg.trace():`")
    dependents = _dependents(order, x)
    for node in dependents:
        assert node.op is not None
        recorded = node in trace.steps and TABLE.get(node.op.name) is node.op
        if not recorded and node.op is not PICK and node.op is not TABLE["positive"]:
            return Check(None, analytic, True, f"`{node.op.name}` can't be computed again from the trace")

    def f(step: float) -> float:
        data: dict[Node, Any] = {x: np.asarray(value, np.float64) + step * direction}
        for node in dependents:
            data[node] = _recomputed(node, trace, data)
        return float(np.asarray(data.get(root, 0.0)).reshape(()))

    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(value), initial=1.0, where=direction != 0))
        h = 6e-6 * max(1.0, size)
        numeric = (f(h) - f(-h)) / (2 * h)
        exact = 1e-6 if np.dtype(root.dtype) == np.float64 else 1e-3
        return _compared(numeric, analytic, scale, abs(f(0.0)), exact)


def _dependents(order: Sequence[Any], x: Any) -> list[Any]:
    """The nodes (or Values) that were computed from `x`, in order of evaluation."""
    members = {x}
    found = []
    for node in order:
        if node is not x and not members.isdisjoint(node.parents):
            members.add(node)
            found.append(node)
    return found


def _evaluated(v: Value, args: list[Any]) -> Any:
    assert v.op is not None
    if v.op.name == "pow" and len(args) == 1:  # a constant exponent is part of the operation: its sign is `**2`
        args.append(float(v.op.symbol.removeprefix("**")))
    return getattr(SCALAR, v.op.name)(*args)


def _recomputed(node: Node, trace: Trace, data: dict[Node, Any]) -> Any:
    assert node.op is not None
    step = trace.steps.get(node)
    if node.op is PICK:
        return data[node.parents[0]][node.params["i"]]  # type: ignore[index]
    if step is None:
        return data[node.parents[0]]  # type: ignore[index]
    args = [data[p] if p in data else _wide(a) for p, a in zip(node.parents, step.args, strict=True)]
    params = node.params
    if "dtype" in params and np.dtype(params["dtype"]).kind == "f":
        params = params | {"dtype": np.dtype(np.float64)}
    return getattr(ARRAY, node.op.name)(*args, **params)


def _wide(a: Any) -> Any:
    return a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a


def _compared(numeric: float, gradient: float, scale: float, of: float, exact: float) -> Check:
    """Whether they agree, within what rounding allows: `scale` is the size of the parts that were added up, `of` that of
    the function.
    """
    if np.isfinite(numeric):
        near = exact * max(abs(numeric), abs(gradient), scale) + 1e-9 * of + 1e-9
        return Check(numeric, gradient, abs(numeric - gradient) <= near)
    if np.isfinite(gradient):
        return Check(None, gradient, True, "can't be taken: the function is not finite within h of this point")
    return Check(numeric, gradient, bool(np.array_equal(numeric, gradient, equal_nan=True)))
