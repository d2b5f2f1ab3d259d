"""`mg.why`: one gradient, opened. Which paths it came by, what each contributed, and a central difference as a check."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

from ..errors import ArgumentTypeError, GradientError, OutOfRangeError, format_location
from ..scalar import Value
from ..tape import Node, last_backward
from ..tensor import Tensor
from .evaluation import arguments, expression, value_formula
from .explanation import Edge, Why
from .names import name_graph, node_names, user_frame
from .paths import Views, entry_paths, paths_into
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
    variables = user_frame(sys._getframe(1)).f_locals
    if isinstance(x, Value):
        if index is not None:
            raise ArgumentTypeError("MG116", "A Value is one number: it has no entries to choose from.")
        return _of_value(x, of, variables, top)
    if not isinstance(x, Tensor):
        raise ArgumentTypeError("MG116", f"mg.why explains Values and Tensors, not {type(x).__name__}.")
    if x.node is None:
        raise GradientError(
            "MG109", f"This tensor of shape {x.shape} needs no gradient: make it with `requires_grad=True`."
        )
    root = root_node(of)
    trace = trace_of(root)
    sweep = Sweep(root, trace, variables)
    if x.node not in sweep.names:
        given = trace.names if trace is not None else {}
        sweep.names[x.node] = given.get(x.node) or node_names(variables).get(x.node, "x")
    if index is None and x.size != 1:
        return _of_tensor(x, sweep, trace)
    return _of_entry(x, _checked_index(index, x), sweep, trace, top)


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
    known = node_names(variables) | {v: v.label for v in (*sweep.order, x) if v.label}
    names = name_graph(sweep.order, root, known)
    gradient = sweep.adjoints.get(x, 0.0)
    found = Why(names.get(x) or known.get(x, "x"), names[root], x.data, gradient)
    found.add(
        Edge(names[v], v._op, upstream, sweep.local(v, i), contribution, value_formula(v, names), sentence(v.op))
        for v, i, upstream, contribution in reversed(sweep.edges_into(x))
    )
    found.keep_largest(top)
    found.check = check_value(sweep.order, root, x, gradient, found.scale)
    return found


# ------------------------------------------------------------------------------------------------------------- a Tensor


def _of_entry(x: Tensor, index: tuple[int, ...], sweep: Sweep, trace: Trace | None, top: int | None) -> Why:
    node = cast("Node", x.node)
    value = _value(x, sweep, trace)
    adjoint = sweep.adjoints.get(node)
    gradient = 0.0 if adjoint is None else float(adjoint[index])
    name = sweep.names[node] + (f"[{', '.join(map(str, index))}]" if index else "")
    found = Why(name, sweep.names[sweep.root], float(value[index]), gradient, _where(node, trace))
    one_hot = np.zeros(x.shape, x.dtype)
    one_hot[index] = 1
    for path in entry_paths(sweep, Views(sweep, node), one_hot):
        consumer = sweep.names[path.node]
        common = _told(path.node, sweep, trace)
        found.add_many(
            path.contributions,
            lambda k, path=path, consumer=consumer, common=common: Edge(  # type: ignore[misc]
                consumer + path.entry(k), path.op, float(path.upstream[k]), float(path.locals[k]),
                float(path.contributions[k]), *common,
            ),
            top,
        )  # fmt: skip
    found.keep_largest(top)
    found.check = check_tensor(
        sweep.order, sweep.root, node, trace, value, one_hot, adjoint_or_zero(adjoint, x), found.scale
    )
    return found


def _of_tensor(x: Tensor, sweep: Sweep, trace: Trace | None) -> Why:
    node = cast("Node", x.node)
    value = _value(x, sweep, trace)
    gradient = adjoint_or_zero(sweep.adjoints.get(node), x)
    found = Why(sweep.names[node], sweep.names[sweep.root], value, gradient, _where(node, trace))
    found.add(
        Edge(sweep.names[c], op, upstream, local, contribution, *_told(c, sweep, trace))
        for c, op, upstream, local, contribution in paths_into(sweep, Views(sweep, node))
    )
    direction = np.random.default_rng(0).standard_normal(x.shape)
    direction /= np.linalg.norm(direction.ravel()) or 1.0
    scale = float(sum(np.sum(np.abs(e.contribution * direction)) for e in found.edges))
    found.check = check_tensor(sweep.order, sweep.root, node, trace, value, direction, gradient, scale)
    return found


def adjoint_or_zero(adjoint: Any, x: Tensor) -> Any:
    """The gradient of `x`, zeros where nothing arrived."""
    return np.zeros(x.shape, x.dtype) if adjoint is None else adjoint


def _value(x: Tensor, sweep: Sweep, trace: Trace | None) -> Any:
    """What `x` was when the graph was computed: an optimiser may have changed the parameter since."""
    if trace is None:
        return x.data
    node = cast("Node", x.node)
    if node in trace.steps and not isinstance(trace.steps[node].value, tuple):
        return np.asarray(trace.steps[node].value)
    users: Iterable[tuple[Node, int]] = ((c, i) for c, i, _, _ in sweep.edges if c.parents[i] is node)
    for consumer, i in users:
        if consumer in trace.steps:
            return np.asarray(trace.steps[consumer].args[i])
    return x.data


def _where(node: Node, trace: Trace | None) -> str:
    step = trace.steps.get(node) if trace is not None else None
    return format_location(step.location) if step is not None else ""


def _told(node: Node, sweep: Sweep, trace: Trace | None) -> tuple[str, str, str, str]:
    """The formula, the rule in words, the source line and the layer of what computed `node`."""
    assert node.op is not None
    formula = expression(node.op, arguments(node, trace, sweep.names), node.params)
    layer = trace.layer_path(node) if trace is not None else ""
    return formula, sentence(node.op), _where(node, trace), layer


def _checked_index(index: Index | None, x: Tensor) -> tuple[int, ...]:
    if index is None:
        return (0,) * x.ndim
    try:
        places = tuple(operator.index(i) for i in (index if isinstance(index, tuple) else (index,)))
    except TypeError:
        raise ArgumentTypeError("MG128", f"An entry is named by {x.ndim} integers, not by {index!r}.") from None
    if len(places) != x.ndim:
        raise OutOfRangeError(
            "MG127", f"An entry of a tensor of shape {x.shape} has {x.ndim} indices, not {len(places)}."
        )
    if any(not -n <= i < n for i, n in zip(places, x.shape, strict=True)):
        raise OutOfRangeError("MG127", f"The entry {index!r} lies outside a tensor of shape {x.shape}.")
    return tuple(i % n for i, n in zip(places, x.shape, strict=True))
