"""`mg.why`: one gradient, opened. Which paths it came by, what each contributed, and a central difference as a check."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..array_world import ARRAY
from ..errors import ArgumentTypeError, DTypeError, GradientError
from ..gradients import NEW, no_gradient_for
from ..scalar import Value
from ..tape import Node, backward, last_backward, topological
from ..tensor import Tensor
from .entry import Index, checked_index
from .examples import by_example
from .explanation import Edge, Why
from .names import named_objects, user_variables
from .nonfinite import first_nan, zero_times_infinity
from .paths import VIEWS, Views, entry_paths, groups
from .render import largest, short
from .replay import check
from .sentences import sentence
from .sweep import Sweep, Use, sweep_of
from .through import outermost, through


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
    sweep, node, place, data, late, variables = question(x, index, of)
    found = why_node(node, place, sweep, top, data)
    if late and node is sweep.node(x):
        found.notes.append(("later", f"it was computed after {found.of}: ask about what it was computed from"))
    if isinstance(x, Value) and found.value != x.data and found.value == found.value:
        told = f"the data have changed since: {found.name} is {x.data:.6g} now, {found.of} was computed with this"
        found.notes.append(("changed", told))
    found.notes.append(("sum", _told_of_a_sum(x, node, place, found.name, sweep)))
    found.notes.append(("later", _not_yet(x, sweep, variables) if of is None else ""))
    return found


class Question(NamedTuple):
    """What is asked about: an entry `place` of `node`, or all of it (None), in `sweep`; `data` is its value.

    `late`: it was computed after the loss. `variables` are those of the user's code.
    """

    sweep: Sweep
    node: Node
    place: tuple[int, ...] | None
    data: Any
    late: bool
    variables: Mapping[str, Any]


def question(x: Any, index: Index | None, of: Any) -> Question:
    """What is meant by `x`, an index and `of`, as `why` takes them."""
    if not isinstance(x, Value | Tensor):
        raise ArgumentTypeError("MG116", f"What is explained is a Value or a Tensor, not {type(x).__name__}.")
    if isinstance(x, Value) and index is not None:
        raise ArgumentTypeError("MG116", "A Value is one number: it has no entries to choose from.")
    if isinstance(x, Tensor) and x.dtype.kind not in "fc":
        raise DTypeError("MG142", no_gradient_for(x.dtype))
    if isinstance(x, Tensor) and x.node is None:
        lost = f" {x.cut} cut it off." if x.cut is not None else ""
        raise GradientError(
            "MG109", f"This tensor of shape {x.shape} needs no gradient: make it with `requires_grad=True`.{lost}"
        )
    variables = user_variables()
    sweep = sweep_of(of, variables, x)
    node, data = sweep.node(x), x.data
    place = None if index is None and math.prod(node.shape) != 1 else checked_index(index, node.shape)
    late = isinstance(x, Tensor) and node.op is not None and node.seq > sweep.root.seq
    if late:
        node, place, data = _entry_of_known(node, place, sweep, data)
    return Question(sweep, node, place, data, late, variables)


def why_node(node: Node, place: tuple[int, ...] | None, sweep: Sweep, top: int | None, data: Any = None) -> Why:
    """The explanation of what `node` computed, or of an entry of it. `data`: its value, if no trace tells a better one."""
    value, gradient = sweep.value(node), sweep.adjoints.get(node)
    value = data if value is None else value
    value = np.full(node.shape, np.nan) if value is None else np.asarray(value)
    gradient = np.zeros(node.shape, node.dtype) if gradient is None else gradient
    if place is None:
        found = _of_tensor(node, value, gradient, sweep, top)
    else:
        found = _of_entry(node, place, value, gradient, sweep, top)
    explain = functools.partial(why_node, node, place, top=top, data=data)
    found.by_example = lambda batch, axis: by_example(
        node, place, sweep if batch is None else sweep.of_batch(batch, axis), explain
    )
    if sweep.whole is not None:
        every = np.asarray(sweep.whole.adjoints[node])[... if place is None else place]
        told = f"{sweep.example} alone, of {sweep.batch.count:,}: the gradient by all is {short(every)}"
        found.notes.insert(0, ("example", told))
    _tell_of_nan(found, sweep)
    cuts = dict.fromkeys(map(str, sweep.recording.cuts.get(node, ())))
    found.notes += [("cut", f"{cut}: nothing comes back from there") for cut in cuts]
    return found


def _of_entry(node: Node, index: tuple[int, ...], value: Any, gradient: Any, sweep: Sweep, top: int | None) -> Why:
    name = sweep.names.get(node, "x") + (f"[{', '.join(map(str, index))}]" if index else "")
    found = Why(name, sweep.names[sweep.root], float(value[index]), float(gradient[index]), sweep.step(node).where)
    one_hot = np.zeros(node.shape, node.dtype)
    one_hot[index] = 1
    views = Views(sweep, node)
    uses = list(entry_paths(views, one_hot))
    paths = [(use, k) for use in uses for k in range(len(use.contributions))]

    def edge(i: int) -> Edge:
        path, k = paths[i]
        upstream, local, place = path.upstream, None, None
        if path.places is not None:
            upstream, local, place = float(path.upstream[k]), float(path.locals[k]), tuple(path.places[k].tolist())
        numbers = upstream, local, float(path.contributions[k])
        called = outermost(sweep, path.use.node, node)
        return edge_of(path.use, path.entry(k), numbers, sweep, place, path.result(sweep), top, called)

    found.keep([float(path.contributions[k]) for path, k in paths], edge, top)
    came = [(path.use, len(path.contributions), float(np.sum(path.contributions))) for path in uses]
    _tell_of_composites(found, sweep, views.nodes, index, came)
    if top is not None and len(uses) > top:  # a recurrent layer uses its weights once in each time step
        found.groups.append(("use, in order of evaluation", np.array([np.sum(use.contributions) for use in uses])))
    if top is not None:
        found.groups += groups(uses, sweep, top)
    found.check = check(sweep, node, value, one_hot, gradient, found.scale)
    return found


def _entry_of_known(node: Node, place: Any, sweep: Sweep, data: Any) -> tuple[Node, Any, Any]:
    """`w[0]`, written for the question after the loss was computed, is the entry of w that it shows."""
    views = topological([node], sweep.root.seq)
    known = views[-1].parents[0]
    one_hot = np.zeros(node.shape)
    one_hot[... if place is None else place] = 1
    same = known in sweep.order and all(v.op is not None and v.op.name in (*VIEWS, "index") for v in views)
    if known is None or not same or np.sum(one_hot) != 1:
        return node, place, data
    whole = backward([*views, known], {node: one_hot.astype(node.dtype)}, ARRAY)[known]
    return known, tuple(np.argwhere(whole)[0].tolist()), np.full(known.shape, data[one_hot == 1])


def _of_tensor(node: Node, value: Any, gradient: Any, sweep: Sweep, top: int | None) -> Why:
    found = Why(sweep.names.get(node, "x"), sweep.names[sweep.root], value, gradient, sweep.step(node).where)
    views = Views(sweep, node)
    contributions = [views.bring_back(use.parent, use.contribution) for use in views.uses]

    def edge(i: int) -> Edge:
        use = views.uses[i]
        numbers = use.upstream, sweep.local(use), contributions[i]
        return edge_of(use, "", numbers, sweep, top=top, composite=outermost(sweep, use.node, node))

    found.keep(contributions, edge, top)
    came = [(use, 1, c) for use, c in zip(views.uses, contributions, strict=True)]
    _tell_of_composites(found, sweep, views.nodes, None, came)
    direction = np.random.default_rng(0).standard_normal(node.shape)
    direction /= np.linalg.norm(direction.ravel()) or 1.0
    scale = float(sum(np.sum(np.abs(c * direction)) for c in contributions))
    found.check = check(sweep, node, value, direction, gradient, scale)
    if gradient.size > 4:
        found.notes.append(("entries", largest(gradient)))
    return found


def edge_of(
    use: Use,
    entry: str,
    numbers: Sequence[Any],
    sweep: Sweep,
    place: Any = None,
    result: Any = None,
    top: int | None = 8,
    composite: Any = None,
) -> Edge:
    """A use as an edge: with upstream, local derivative and contribution, and with what is known of the operation.

    Its `why()` is that of the entry `place` of `result`, or all of it (None).
    """
    node = use.node
    result = result or node
    value = sweep.recording.values.get(node)
    op = use.op.name if value is None else value._op
    told = sweep.formula(node), sentence(use.op), sweep.step(node).where, sweep.recording.layer_path(node)
    whole = sweep.whole or sweep  # one example has the rows of the result to itself: what arrives there is the same
    explain = functools.partial(why_node, result, place, whole, top) if result.shape is not None else None
    made = node if value is None else value
    upstream, local, contribution = numbers
    return Edge(
        sweep.names[node] + entry, op, upstream, local, contribution, *told, use.argument, explain, made, result, place,
        composite,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------ what else is told


def _tell_of_composites(
    found: Why, sweep: Sweep, views: Sequence[Node], place: Any, came: Sequence[tuple[Use, int, Any]]
) -> None:
    """Add up what came through each call: (use, paths, contribution), in order of evaluation."""
    totals: dict[Any, tuple[int, Any]] = {}
    for use, paths, contribution in came:
        composite = outermost(sweep, use.node, views[0])
        if composite is not None:
            count, total = totals.get(composite, (0, 0.0))
            totals[composite] = count + paths, total + contribution
    told = (through(sweep, views, composite, place, *total) for composite, total in totals.items())
    found.through = [each for each in told if each is not None]


def _tell_of_nan(found: Why, sweep: Sweep) -> None:
    value = sweep.value(sweep.root)
    if not (np.all(np.isfinite(found.gradient)) and (value is None or np.all(np.isfinite(value)))):
        found.notes += [("NaN", first_nan(sweep)), ("NaN", zero_times_infinity(sweep))]


def _told_of_a_sum(x: Value | Tensor, node: Node, place: tuple[int, ...] | None, name: str, sweep: Sweep) -> str:
    """That `x.grad`, of `node` in the graph, is the sum of several backward passes, one of which is explained."""
    if isinstance(x, Value):
        grad, (count, total, *_) = x.grad, getattr(x, "_summed", (1, x.grad))
        stale = total != grad
    else:
        grad, (count, *_) = getattr(node, "grad", None), getattr(node, "summed", NEW)
        stale = not isinstance(grad, Tensor)
    if stale or count < 2:
        return ""
    told = short(np.asarray(grad)[... if place is None else place])
    one = "the last" if sweep.node(last_backward()) is sweep.root else "one"
    return f"{name}.grad = {told} is the sum of {count} backward passes since it was zeroed; this opens {one}"


def _not_yet(x: Value | Tensor, sweep: Sweep, variables: Mapping[str, Any]) -> str:
    """That a later number among the variables depends on x, and was not differentiated."""
    start, since = x.node if isinstance(x, Tensor) else x, sweep.root.seq
    for name, value, _ in named_objects(variables):
        node: Any = value if isinstance(value, Value) else getattr(value, "node", None)
        if node is None or node.seq <= since or (isinstance(value, Tensor) and value.size != 1):
            continue
        if any(start in later.parents for later in topological([node], since)):
            return f"this explains the last `backward()`; `{name}` was computed from it since, and is not differentiated yet"
    return ""
