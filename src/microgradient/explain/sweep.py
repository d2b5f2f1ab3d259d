"""The backward sweep with every edge kept, and what is known about the nodes of its graph."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..array_world import ARRAY
from ..errors import ArgumentTypeError, DTypeError, GradientError, format_location
from ..gradients import no_gradient_for, told_of
from ..primitives import TABLE, Primitive
from ..scalar import Value
from ..tape import PICK, Node, Spent, _operands, backward, last_backward, topological
from ..tensor import Tensor
from .batch import Batch
from .composites import Composite
from .named_batch import Named, NamedBatch, named
from .names import name_graph, node_names
from .recording import Recording, Step, recording_of
from .scalar_graph import ScalarGraph
from .sentences import expression


def sweep_of(of: Any, variables: Mapping[str, Any], x: Any = None) -> Sweep:
    """The sweep from `of`, or from what was differentiated last; a trace keeps it. Names are looked up in `variables`.

    Of `x`, a Value or Tensor, something is to be told: it has to be of the kind of `of`.
    """
    of = last_backward() if of is None else of
    known: Mapping[Any, str] = node_names(variables, deep=True)
    recording: Recording
    if x is not None and isinstance(of, Value) != isinstance(x, Value):
        raise _nothing_differentiated()
    if isinstance(of, Value):
        recording = graph = ScalarGraph(of)
        if x is not None and x not in graph.nodes:
            graph.nodes[x] = Node(None, (), (), {}, (), np.dtype(np.float64))
        root = graph.nodes[of]
        known = {node: v.label or known[v] for v, node in graph.nodes.items() if v.label or v in known}
    else:
        root = root_node(of)
        recording = recording_of(root)
    if root not in recording.sweeps:
        recording.sweeps[root] = Sweep(root, recording)
    sweep: Sweep = recording.sweeps[root]
    known = {**known, **recording.names}
    sweep.names = known | name_graph(sweep.order, root, known, recording.values)
    return sweep


class Use(NamedTuple):
    """An edge of a sweep: `node` was computed by `op` with `parent` as its argument number `argument`.

    `upstream` is what arrived at `node`, `contribution` what it sent on to `parent`.
    """

    node: Node
    op: Primitive
    argument: int
    parent: Node
    upstream: Any
    contribution: Any


class Sweep:
    """One backward sweep from `root`: the adjoint of every node, and every use of one, latest first.

    `order` is in order of evaluation, `names` has a name for each node, `recording` has what is known of the graph's numbers.
    """

    def __init__(self, root: Node, recording: Recording) -> None:
        latest_first = topological([root])
        if any(node.dtype is not None and node.dtype.kind == "c" for node in latest_first):
            raise GradientError(
                "MG116", "mg.why explains derivatives of real numbers, and there are complex ones on the way to this one. "
                "Compute with their parts: `mg.view_as_real(z)`.",
            )  # fmt: skip
        _restore(latest_first, recording)
        self.root = root
        self.recording = recording
        self.steps = recording.steps
        self.order = latest_first[::-1]
        self.names: dict[Node, str] = {}
        self.uses: list[Use] = []
        self.whole: Sweep | None = None  # where this is the part of one example, the sweep of all,
        self.example: int | None = None  # and which one it is
        self.named: Named | None = None  # the batch, where it was named

        def observe(node: Node, i: int, upstream: Any, contribution: Any) -> None:
            parent, op = node.parents[i], node.op
            assert parent is not None
            assert op is not None
            self.uses.append(Use(node, op, i, parent, upstream, contribution))

        with np.errstate(all="ignore"):
            seeds = {root: np.ones(root.shape, root.dtype)}
            self.adjoints = backward(latest_first, seeds, recording.world, observe=observe)

    def node(self, x: Any) -> Any:
        """The node of a Tensor or Value, in this graph."""
        return self.recording.nodes.get(x) if isinstance(x, Value) else x.node if isinstance(x, Tensor) else x

    def value(self, node: Node) -> Any:
        """What `node` gave when the graph was computed, if it is known: an optimiser may have changed it since."""
        if node in self.steps:
            return self.steps[node].value
        if node.op is PICK and node.parents[0] in self.steps:
            return self.steps[node.parents[0]].value[node.params["i"]]
        known = (use for use in self.uses if use.parent is node and use.node in self.steps)
        return next((self.steps[use.node].args[use.argument] for use in known), None)

    def step(self, node: Node) -> Step:
        """What is known of the operation that made `node`."""
        return self.steps.get(node) or Step(node, (), None)

    def formula(self, node: Node) -> str:
        """How `node` was computed, such as `a * b`; "" if it was not."""
        return "" if node.op is None else expression(node.op, self._argument_names(node), node.params)

    def local(self, use: Use) -> Any:
        """∂node/∂parent, entry by entry; None unless the primitive is pointwise."""
        if use.op.kind != "pointwise":
            return None
        return tangent(use.node, use.argument, np.ones(use.parent.shape, use.parent.dtype))

    @functools.cached_property
    def batch(self) -> Batch | NamedBatch:
        """What is known of the examples that the graph was computed from."""
        if self.named is not None:
            return NamedBatch(self.order, self.recording, self.named)
        return Batch(self.order, self.recording)

    @functools.cached_property
    def results(self) -> dict[Composite, dict[Node, None]]:
        """Of each call of a function the nodes that were computed in it and used outside, or are the root."""
        found: dict[Composite, dict[Node, None]] = {}
        for use in self.uses:
            outside = self.step(use.node).composites
            for composite in self.step(use.parent).composites:
                if composite not in outside:
                    found.setdefault(composite, {})[use.parent] = None
        for composite in self.step(self.root).composites:
            found.setdefault(composite, {})[self.root] = None
        return found

    def of_batch(self, batch: Any, axis: int) -> Sweep:
        """This sweep, of a graph whose batch the caller names; `axis` of these tensors counts the examples."""
        found = copy.copy(self)
        found.named = named(batch, axis)
        vars(found).pop("batch", None)
        return found

    def is_literal(self, node: Node) -> bool:
        """Whether `node` is a number in a formula, without a name."""
        value = self.recording.values.get(node)
        return value is not None and not node.parents and f"{value.data:.6g}" == self.names[node]

    def _argument_names(self, node: Node) -> list[str]:
        """The arguments of a node by name; constants by their number, their variable or their shape, if they were traced."""
        given, told = self.step(node).args, []
        for i, parent in enumerate(node.parents):
            if parent is not None:
                told.append(self.names[parent])
            elif not given:
                told.append("…")
            elif np.ndim(given[i]) == 0:
                told.append(f"{float(given[i]):.6g}")
            else:
                told.append(self.recording.known.get(id(given[i]), (str(np.shape(given[i])), None))[0])
        return told


def tangent(node: Node, i: int, t: Any) -> Any:
    """How the result of `node` moves when its argument `i` alone moves along `t`.

    Entries that don't move, where `t` is 0, move nothing, whatever the local derivative: of what works entry by entry and of
    products (matmul, einsum, convolution), where 0 × ∞ would be NaN. Of primitives with a rule of their own (`kind` "special")
    it is what their jvp says.
    """
    assert node.op is not None
    incoming = [t if k == i else None for k in range(len(node.parents))]
    y, args = _operands(node, node.saved, None)
    with np.errstate(all="ignore"):
        moved = node.op.jvp(ARRAY, incoming, y, args, node.params)
        if node.op.kind == "pointwise" and not np.all(np.isfinite(moved)):
            moved = np.where(np.broadcast_to(np.asarray(t) == 0, np.shape(moved)), 0, moved)  # also where 0 × ∞ is NaN
        elif node.op.kind == "multilinear" and not np.all(np.isfinite(moved)):
            moved = _of_product(node, i, t, args, moved)
    if node.shape is None or (node.shape == () and np.ndim(moved) == 0):
        return moved
    return np.broadcast_to(np.asarray(moved), node.shape)


def _of_product(node: Node, i: int, t: Any, args: Sequence[Any], moved: Any) -> Any:
    """The tangent `moved` of a sum of products, without the products in which `t` is 0.

    How many products of which sign there are in each entry is told by the same operation on ones and zeros. With one other
    factor, the finite products are added up apart from those that are not; with several, or where `t` is not finite itself,
    entries are told apart that have no product in which `t` is not 0.
    """
    assert node.op is not None
    kernel = getattr(ARRAY, node.op.name)

    def of(*factors: Any) -> Any:
        return kernel(*(np.asarray(f, moved.dtype) for f in factors), **node.params)

    others = [k for k in range(len(args)) if k != i]
    if len(others) != 1 or not np.all(np.isfinite(t)):
        return np.where(of(*(t != 0 if k == i else np.ones(np.shape(a)) for k, a in enumerate(args))) == 0, 0, moved)
    other = np.asarray(args[others[0]])

    def with_other(mine: Any, its: Any) -> Any:
        return of(mine, its) if i == 0 else of(its, mine)

    up, down = other == np.inf, other == -np.inf
    found = with_other(t, np.where(np.isfinite(other), other, 0))
    found = found + np.where(with_other(t > 0, up) + with_other(t < 0, down) > 0, np.inf, 0)
    found = found - np.where(with_other(t > 0, down) + with_other(t < 0, up) > 0, np.inf, 0)
    return found + np.where(with_other(t != 0, np.isnan(other)) > 0, np.nan, 0)


def _restore(order: Sequence[Node], recording: Recording) -> None:
    """Give nodes back what a backward pass outside of the trace released: the trace has kept it."""
    for node in order:
        if node.saved.__class__ is not Spent:
            continue
        if node.op is PICK or (node.op is TABLE["positive"]):
            node.saved = (None, None)
        elif node in recording.steps:
            node.saved = recording.steps[node].saved
        else:
            raise GradientError(
                "MG118",
                f"What this graph had saved was released by the backward pass at {format_location(node.saved.location)}. "
                "Run the step under `with mg.trace():`, or write `loss.backward(retain_graph=True)`.",
            )


def root_node(of: Any) -> Node:
    """The node of what is being differentiated: `of`, or what was differentiated last. It has to be one number."""
    if not isinstance(of, Tensor | Node | None):
        raise ArgumentTypeError("MG116", f"`of` is a Value or a Tensor, not {type(of).__name__}.")
    root = last_backward() if of is None else of.node if isinstance(of, Tensor) else of
    if isinstance(of, Tensor) and of.dtype.kind not in "fc":
        raise DTypeError("MG142", no_gradient_for(of.dtype))
    if root is None and isinstance(of, Tensor):
        raise GradientError(
            "MG102",
            f"{told_of(of).who} is not connected to any tensor that requires a gradient. What a compiled function returned has "
            "no graph: call the function itself under `with mg.trace():`.",
        )
    if not isinstance(root, Node):
        raise _nothing_differentiated()
    if int(np.prod(root.shape)) != 1:
        raise GradientError(
            "MG101",
            f"What was differentiated has shape {root.shape}; an explanation needs one number: pass `of=loss.mean()`.",
        )
    return root


def _nothing_differentiated() -> GradientError:
    return GradientError(
        "MG117",
        "Which number's gradient? None was differentiated recently, or it is gone. Call `loss.backward()` and keep `loss`, "
        "or pass `of=loss`. A compiled step leaves no graph: run it once under `with mg.trace():`.",
    )
