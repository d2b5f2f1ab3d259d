"""`mg.why`: one gradient, opened. Which paths it came by, what each contributed, and a central difference as a check."""

from __future__ import annotations

import functools
import math
import operator
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, GradientError, OutOfRangeError, format_location
from ..scalar import Value
from ..tape import Node, last_backward
from ..tensor import Tensor
from .evaluation import arguments, expression, value_formula
from .explanation import Edge, Why
from .names import name_graph, named_objects, node_names, user_frame, variables_of
from .nonfinite import first_nan, zero_times_infinity
from .paths import EntryPaths, Views, entry_paths, paths_into
from .render import short
from .replay import check_tensor, check_value
from .scalar_sweep import ScalarSweep
from .sentences import sentence
from .trace import Sweep, Trace, root_node, trace_of

Index = int | tuple[int, ...]


def why(x: Value | Tensor, index: Index | None = None, *, of: Value | Tensor | None = None, top: int | None = 8) -> Why:
    """Why is the gradient of `x` what it is: every path into it as upstream × local = contribution, and their sum.

    `x` is a Value, a Tensor, or with `index` one entry of a Tensor. `of` is what is differentiated: what `backward()` was
    called on last, if not given. The `top` largest contributions are shown (None: all), the others as one exact sum. The
    check is a central difference from computing everything again in 64 bits with x moved; for tensors it needs a trace
    (`with mg.trace():`), which also gives names and source lines. Works inside the trace and after it.

    Raises GradientError if there is nothing to explain: no `backward` and no `of`, a tensor that needs no gradient, or a
    graph whose data were released by `backward` outside of a trace.

    >>> import microgradient as mg
    >>> from microgradient.scalar import Value
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> L = a * b + a
    >>> L.label = "L"
    >>> mg.why(a, of=L)
    ∂L/∂a = -2.0     a = 2.0     a used 2× → 2 paths, added
      via v1  ∂L/∂v1 1.0 × ∂v1/∂a -3.0 = -3.0  ▼
      via L   ∂L/∂L  1.0 × ∂L/∂a   1.0 = +1.0  ▲
      where   v1 = a * b
      rule    × sends each input the other input, times what arrives
      rule    + passes what arrives to both inputs
      check   (f(a+h)-f(a-h))/2h = -2.000000 ✓
    """
    variables = variables_of(user_frame(sys._getframe(1)))
    if isinstance(x, Value):
        if index is not None:
            raise ArgumentTypeError("MG116", "A Value is one number: it has no entries to choose from.")
        return _of_value(x, of, variables, top)
    if not isinstance(x, Tensor):
        raise ArgumentTypeError("MG116", f"mg.why explains Values and Tensors, not {type(x).__name__}.")
    if x.node is None:
        lost = f" {x.cut} cut it off." if x.cut is not None else ""
        raise GradientError(
            "MG109", f"This tensor of shape {x.shape} needs no gradient: make it with `requires_grad=True`.{lost}"
        )
    root = root_node(of)
    trace = trace_of(root)
    sweep = Sweep(root, trace, variables)
    if x.node not in sweep.names:
        given = trace.names if trace is not None else {}
        sweep.names[x.node] = given.get(x.node) or node_names(variables, deep=True).get(x.node, "x")
    found = _of_node(x.node, index, sweep, trace, top, x.data)
    found.notes += [
        ("sum", _told_of_a_sum(x.node, found, root)),
        ("later", _not_yet(x.node, root, variables) if of is None else ""),
    ]
    return found


# ------------------------------------------------------------------------------------------------------------- a Value


def _of_value(x: Value, of: Any, variables: Mapping[str, Any], top: int | None) -> Why:
    root = last_backward() if of is None else of
    if not isinstance(root, Value):
        raise GradientError(
            "MG117",
            "Which number's gradient? No Value was differentiated lately, or it is gone. Call `loss.backward()` and keep "
            "`loss`, or pass `of=loss`.",
        )
    sweep = ScalarSweep(root)
    known = {x: "x"} | node_names(variables, deep=True) | {v: v.label for v in (*sweep.order, x) if v.label}
    names = name_graph(sweep.order, root, known)
    found = _of_value_in(x, sweep, root, known | names, top)
    found.notes.append(("later", _not_yet(x, root, variables) if of is None else ""))
    return found


def _of_value_in(x: Value, sweep: ScalarSweep, root: Value, names: Mapping[Value, str], top: int | None) -> Why:
    gradient = sweep.adjoints.get(x, 0.0)
    found = Why(names[x], names[root], sweep.data.get(x, x.data), gradient)
    found.add(
        Edge(names[v], v._op, upstream, sweep.local(v, i), contribution, value_formula(v, names), sentence(v.op),
             explain=functools.partial(_of_value_in, v, sweep, root, names, top))
        for v, i, upstream, contribution in reversed(sweep.edges_into(x))
    )  # fmt: skip
    found.keep_largest(top)
    found.check = check_value(sweep, root, x, gradient, found.scale)
    if found.value != x.data and found.value == found.value:
        found.notes.append(
            (
                "changed",
                f"the data have changed since: {found.name} is {x.data:.6g} now, {found.of} was computed with this",
            )
        )
    count, total = getattr(x, "_summed", (1, x.grad))
    if count > 1 and total == x.grad:
        found.notes.append(("sum", _sum(found, count, x.grad, root)))

    def told(v: Value) -> str:
        return f"{names[v]} = {value_formula(v, names)}"

    if not np.all(np.isfinite([gradient, root.data])):
        numbers = lambda v: (v.data, [sweep.data[p] for p in v.parents])  # noqa: E731
        found.notes.append(("NaN", first_nan(sweep.order, numbers, told)))
        if not np.isfinite(gradient):
            found.notes.append(("NaN", zero_times_infinity(sweep.edges, told, names.__getitem__)))
    return found


# ------------------------------------------------------------------------------------------------------------- a Tensor


def _of_node(node: Node, index: Index | None, sweep: Sweep, trace: Trace | None, top: int | None, data: Any) -> Why:
    """The explanation of what `node` computed, or of an entry of it. `data`: its value, if no trace tells a better one."""
    value = _value(node, sweep, trace, data)
    gradient = sweep.adjoints.get(node)
    gradient = np.zeros(node.shape, node.dtype) if gradient is None else gradient
    if index is None and math.prod(node.shape) != 1:
        found = _of_tensor(node, value, gradient, sweep, trace)
    else:
        found = _of_entry(node, _checked_index(index, node.shape), value, gradient, sweep, trace, top)
    if not (
        np.all(np.isfinite(found.gradient))
        and (trace is None or np.all(np.isfinite(_value(sweep.root, sweep, trace, 0.0))))
    ):
        steps = trace.steps if trace is not None else {}
        numbers = lambda n: (steps[n].value, steps[n].args) if n in steps else None  # noqa: E731
        told = lambda n: f"{sweep.names[n]} = {_told(n, sweep, trace)[0]} {_where(n, trace)}".rstrip()  # noqa: E731
        found.notes.append(("NaN", first_nan(sweep.order, numbers, told)))
        found.notes.append(("NaN", zero_times_infinity(sweep.edges, told, sweep.names.__getitem__)))
    cuts = trace.cuts.get(node, ()) if trace is not None else ()
    found.notes += [("cut", f"{cut}: nothing comes back from there") for cut in dict.fromkeys(map(str, cuts))]
    return found


def _of_entry(
    node: Node, index: tuple[int, ...], value: Any, adjoint: Any, sweep: Sweep, trace: Trace | None, top: int | None
) -> Why:
    name = sweep.names[node] + (f"[{', '.join(map(str, index))}]" if index else "")
    found = Why(name, sweep.names[sweep.root], float(value[index]), float(adjoint[index]), _where(node, trace))
    one_hot = np.zeros(node.shape, node.dtype)
    one_hot[index] = 1
    for path in entry_paths(sweep, Views(sweep, node), one_hot):
        consumer = sweep.names[path.node]
        common = _told(path.node, sweep, trace)

        def edge(
            k: int, path: EntryPaths = path, consumer: str = consumer, common: tuple[str, str, str, str] = common
        ) -> Edge:
            upstream, local, place = path.upstream, None, None
            if path.places is not None:
                upstream, local, place = float(path.upstream[k]), float(path.locals[k]), tuple(path.places[k].tolist())
            return Edge(
                consumer + path.entry(k), path.op, upstream, local, float(path.contributions[k]), *common,
                explain=functools.partial(_of_node, path.result(sweep), place, sweep, trace, top, None),
            )  # fmt: skip

        found.add_many(path.contributions, edge, top)
    found.keep_largest(top)
    found.check = check_tensor(sweep.order, sweep.root, node, trace, value, one_hot, adjoint, found.scale)
    return found


def _of_tensor(node: Node, value: Any, gradient: Any, sweep: Sweep, trace: Trace | None) -> Why:
    found = Why(sweep.names[node], sweep.names[sweep.root], value, gradient, _where(node, trace))
    found.add(
        Edge(sweep.names[c], op, upstream, local, contribution, *_told(c, sweep, trace),
             explain=functools.partial(_of_node, c, None, sweep, trace, None, None))
        for c, op, upstream, local, contribution in paths_into(sweep, Views(sweep, node))
    )  # fmt: skip
    direction = np.random.default_rng(0).standard_normal(node.shape)
    direction /= np.linalg.norm(direction.ravel()) or 1.0
    scale = float(sum(np.sum(np.abs(e.contribution * direction)) for e in found.edges))
    found.check = check_tensor(sweep.order, sweep.root, node, trace, value, direction, gradient, scale)
    return found


def _value(node: Node, sweep: Sweep, trace: Trace | None, data: Any) -> Any:
    """What `node` gave when the graph was computed: an optimiser may have changed the parameter since."""
    if trace is None:
        return np.full(node.shape, np.nan) if data is None else data
    if node in trace.steps and not isinstance(trace.steps[node].value, tuple):
        return np.asarray(trace.steps[node].value)
    users: Iterable[tuple[Node, int]] = ((c, i) for c, i, _, _ in sweep.edges if c.parents[i] is node)
    for consumer, i in users:
        if consumer in trace.steps:
            return np.asarray(trace.steps[consumer].args[i])
    return np.full(node.shape, np.nan) if data is None else data


# ------------------------------------------------------------------------------------------------------ what else is told


def _told_of_a_sum(node: Node, found: Why, root: Node) -> str:
    count = getattr(node, "summed", (1, 0))[0]
    if count < 2 or not isinstance(node.grad, Tensor):
        return ""
    index = found.name.partition("[")[2].rstrip("]")
    total = node.grad.data[tuple(map(int, index.split(",")))] if index and np.ndim(found.value) == 0 else node.grad.data
    return _sum(found, count, total, root)


def _sum(found: Why, count: int, total: Any, root: Any) -> str:
    one = "the last" if root is last_backward() else "one"
    return f"{found.name}.grad = {short(total)} is the sum of {count} backward passes since it was zeroed; this opens {one}"


def _not_yet(x: Any, root: Any, variables: Mapping[str, Any]) -> str:
    """That a later number among the variables depends on x, and was not differentiated."""
    for name, value, _ in named_objects(variables):
        node = value if isinstance(value, Value) else getattr(value, "node", None)
        if node is None or node.seq <= root.seq or (isinstance(value, Tensor) and value.size != 1):
            continue
        seen, todo = {node}, [node]
        while todo and x not in seen:
            new = {p for p in todo.pop().parents if p is not None and p not in seen and (p.seq > root.seq or p is x)}
            seen |= new
            todo += new
        if x in seen and node is not x:
            return f"this explains the last `backward()`; `{name}` was computed from it since, and is not differentiated yet"
    return ""


def _where(node: Node, trace: Trace | None) -> str:
    step = trace.steps.get(node) if trace is not None else None
    return format_location(step.location) if step is not None else ""


def _told(node: Node, sweep: Sweep, trace: Trace | None) -> tuple[str, str, str, str]:
    """The formula, the rule in words, the source line and the layer of what computed `node`."""
    assert node.op is not None
    formula = expression(node.op, arguments(node, trace, sweep.names), node.params)
    layer = trace.layer_path(node) if trace is not None else ""
    return formula, sentence(node.op), _where(node, trace), layer


def _checked_index(index: Index | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    if index is None:
        return (0,) * len(shape)
    try:
        places = tuple(operator.index(i) for i in (index if isinstance(index, tuple) else (index,)))
    except TypeError:
        raise ArgumentTypeError("MG128", f"An entry is named by {len(shape)} integers, not by {index!r}.") from None
    if len(places) != len(shape):
        raise OutOfRangeError(
            "MG127", f"An entry of a tensor of shape {shape} has {len(shape)} indices, not {len(places)}."
        )
    if any(not -n <= i < n for i, n in zip(places, shape, strict=True)):
        raise OutOfRangeError("MG127", f"The entry {index!r} lies outside a tensor of shape {shape}.")
    return tuple(i % n for i, n in zip(places, shape, strict=True))
