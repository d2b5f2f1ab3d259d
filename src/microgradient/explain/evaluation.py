"""The evaluation trace of a number, as textbooks print it: what was computed, forward, and the adjoints, backward.

A. Griewank & A. Walther, "Evaluating Derivatives" (2008), chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import GradientError
from ..rules import Primitive
from ..scalar import Value
from ..tape import PICK, Node
from ..tensor import Tensor
from .names import name_graph, node_names
from .render import columns, number, short
from .scalar_sweep import ScalarSweep
from .trace import Sweep, Trace, root_node, trace_of

_LONGEST = 200  # rows of each half; of more, the first and the last hundred are shown
Row = tuple[str, str, str]


def evaluation_trace(x: Value | Tensor, variables: Mapping[str, Any]) -> str:
    """The two tables of `mg.trace(x)` as text. `variables`: where names are looked up."""
    forward, backward = _of_value(x, variables) if isinstance(x, Value) else _of_tensor(x, variables)
    return "\n".join(["forward ↓", *_table(forward), "backward ↑", *_table(backward)])


def expression(op: Primitive, args: Sequence[str], params: Mapping[str, Any]) -> str:
    """A primitive applied to named arguments: `a * b`, `-a`, `tanh(h)`, `sum(h, axis=(0,))`.

    >>> from microgradient.rules import TABLE
    >>> expression(TABLE["multiply"], ["a", "b"], {}), expression(TABLE["sum"], ["h"], {"axis": (0,), "keepdims": False})
    ('a * b', 'sum(h, axis=(0,))')
    """
    if op.name == "matmul":
        return " @ ".join(args)
    if op.name in ("square", "power"):
        return f"{args[0]}**{params.get('n', 2):g}"
    if op.symbol and len(args) == 2:
        return f"{args[0]} {op.symbol} {args[1]}"
    if op.symbol and len(args) == 1:
        return args[0] + op.symbol if op.symbol.startswith("**") else op.symbol + args[0]
    shown = [f"{key}={value}" for key, value in params.items() if key in _TELLING]
    return f"{op.name}({', '.join([*args, *shown])})"


def value_formula(v: Value, names: Mapping[Value, str]) -> str:
    """How a Value was computed; "" if it was not."""
    args = [names[p] for p in v.parents]
    if v.op is None:
        return f"{v._op}({', '.join(args)})" if args else ""
    return expression(v.op, args, {})


_TELLING = {"axis", "axes", "shape", "spec", "stride", "padding", "i", "n", "k", "shift", "dtype"}


def _of_value(root: Value, variables: Mapping[str, Any]) -> tuple[list[Row], list[Row]]:
    sweep = ScalarSweep(root)
    names = name_graph(
        sweep.order, root, node_names(variables, deep=True) | {v: v.label for v in sweep.order if v.label}
    )
    literal = {v for v in sweep.order if not v.parents and names[v] == f"{v.data:.6g}"}
    forward = []
    for v in sweep.order:
        if v in literal:
            continue
        text = value_formula(v, names)
        forward.append((names[v], f" = {text}" if text else "", number(sweep.data[v])))
    parts: dict[Value, list[str]] = {}
    for v, i, upstream, _ in sweep.edges:
        parts.setdefault(v.parents[i], []).append(f"{names[v]}: {number(upstream)} × {number(sweep.local(v, i))}")
    backward = [
        (f"∂{names[root]}/∂{names[v]}", f" = {' + '.join(parts[v])}" if v in parts else "", number(sweep.adjoints[v]))
        for v in reversed(sweep.order)
        if v not in literal
    ]
    return forward, backward


def _of_tensor(x: Tensor, variables: Mapping[str, Any]) -> tuple[list[Row], list[Row]]:
    root = root_node(x)
    trace = trace_of(root)
    if trace is None:
        raise GradientError(
            "MG118",
            "An evaluation trace needs the numbers on the way, which tensors do not keep. Compute it under `with mg.trace():`, "
            "then `mg.trace(loss)`.",
        )
    sweep = Sweep(root, trace, variables)
    names = sweep.names
    forward: list[Row] = []
    for node in sweep.order:
        value = _datum(node, sweep, trace)
        text = "" if node.op is None else expression(node.op, arguments(node, trace, names), node.params)
        forward.append((names[node], f" = {text}" if text else "", "?" if value is None else short(value)))
    users: dict[Node, list[str]] = {}
    for node, i, _, _ in sweep.edges:
        users.setdefault(node.parents[i], []).append(f"via {names[node]} ({_verb(node)})")  # type: ignore[arg-type]
    backward: list[Row] = []
    for node in reversed(sweep.order):
        adjoint = sweep.adjoints.get(node)
        told = "0.0" if adjoint is None else short(adjoint)
        text = f" = {' + '.join(users[node])}" if node in users else ""
        backward.append((f"∂{names[root]}/∂{names[node]}", text, told))
    return forward, backward


def _verb(node: Node) -> str:
    assert node.op is not None
    return node.op.symbol or {"matmul": "@"}.get(node.op.name, node.op.name)


def _datum(node: Node, sweep: Sweep, trace: Trace) -> Any:
    """The value of a node: recorded, or what a consumer was given."""
    if node in trace.steps:
        return trace.steps[node].value
    if node.op is PICK and node.parents[0] in trace.steps:
        return trace.steps[node.parents[0]].value[node.params["i"]]
    for consumer, i, _, _ in sweep.edges:
        if consumer.parents[i] is node and consumer in trace.steps:
            return trace.steps[consumer].args[i]
    return None


def arguments(node: Node, trace: Trace | None, names: Mapping[Node, str]) -> list[str]:
    """The arguments of a node by name; constants by their number, their variable or their shape, if they were traced."""
    step = trace.steps.get(node) if trace is not None else None
    told = []
    for i, parent in enumerate(node.parents):
        if parent is not None:
            told.append(names[parent])
        elif step is None or trace is None:
            told.append("…")
        elif np.ndim(step.args[i]) == 0:
            told.append(f"{float(step.args[i]):.6g}")
        else:
            told.append(trace.constants.get(id(step.args[i]), (str(np.shape(step.args[i])), None))[0])
    return told


def _table(rows: list[Row]) -> list[str]:
    total = len(rows)
    cut = total > _LONGEST
    kept = rows[: _LONGEST // 2] + rows[-_LONGEST // 2 :] if cut else rows
    lines = [f"  {name}{text} = {value}".rstrip() for name, text, value in columns(kept, right=_right(kept))]
    if cut:
        lines.insert(_LONGEST // 2, f"  … {total - _LONGEST:,} more")
    return lines


def _right(rows: list[Row]) -> tuple[int, ...]:
    """Single numbers are aligned to the right, descriptions of arrays to the left."""
    return () if any(value.startswith(("(", "[")) for _, _, value in rows) else (2,)
