"""How the graph of a loss is read: which operations apply weights, how deep they are, what is a softmax, what feeds the loss."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...tape import Node
from ...tensor import Tensor
from .probe import Event, Pass

VIEWS = {
    "reshape",
    "permute_dims",
    "broadcast_to",
    "astype",
    "positive",
    "index",
    "flip",
    "concat",
    "pad",
    "take_along_axis",
}
"""Operations that only move entries."""
MIXING = {"matmul", "einsum", "conv", "conv_input"}
"""Operations that make new features of weighted sums of others."""
WEIGHT_FORMULA = {"multiply", "divide", "add", "subtract", "sqrt", "sum", "square", "power", "norm", "max", "abs"}
"""Operations by which a layer may compute its weight from parameters alone (weight norm, a scaled weight)."""


class WeightUse(NamedTuple):
    """A weight applied to a signal: `node` = op(signal, weight). `signal` is None where it is the data."""

    node: Node
    parameter: str
    weight: Any
    signal: Node | None
    signal_value: Any


class Graph:
    """The graph of one pass. `parameters` names the leaves that belong to the model."""

    def __init__(self, seen: Pass, parameters: Mapping[str, Tensor]) -> None:
        self.seen = seen
        self.events: dict[Node, Event] = seen.probe.events
        self.order, self.adjoints = seen.order, seen.adjoints
        self.names = {p.node: name for name, p in parameters.items() if p.node is not None}
        self.parameters = parameters
        self.children: dict[Node, list[Node]] = defaultdict(list)
        for node in self.order:
            for parent in node.parents:
                if parent is not None:
                    self.children[parent].append(node)
        self._weights: dict[Node, str | None] = {}
        self.weight_uses: list[WeightUse] = []
        self.depth: dict[Node, int] = {}
        self._measure_depth()

    def value(self, node: Node) -> Any:
        """What `node` computed."""
        event = self.events.get(node)
        return None if event is None else event.value

    def args(self, node: Node) -> tuple[Any, ...]:
        """The raw data of a node's arguments."""
        event = self.events.get(node)
        return () if event is None else event.args

    def adjoint(self, node: Node | None) -> Any:
        """∂loss/∂node, None if nothing arrived."""
        return None if node is None else self.adjoints.get(node)

    def where(self, node: Node) -> str:
        """The layer, or the line, that computed `node`."""
        event = self.events.get(node)
        return "" if event is None else event.layer or event.where

    def weight_of(self, node: Node | None) -> str | None:
        """The name of the largest parameter that `node` is computed from, if it is computed from parameters alone."""
        if node is None:
            return None
        if node not in self._weights:
            self._weights[node] = self._find_weight(node)
        return self._weights[node]

    def _find_weight(self, node: Node) -> str | None:
        if node.op is None:
            return self.names.get(node)
        if node.op.name not in VIEWS and node.op.name not in WEIGHT_FORMULA:
            return None
        found = []
        for parent, arg in zip(node.parents, self.args(node), strict=False):
            if parent is None:
                if np.size(arg) != 1:
                    return None
                continue
            found.append(self.weight_of(parent))
        if not found or None in found:
            return None
        return max((name for name in found if name), key=lambda name: self.parameters[name].raw.size)

    def _measure_depth(self) -> None:
        """Depth: how many different weights lie between the data and a node, along the longest way.

        One that is used again, as in each step of a recurrent layer, counts once.
        """
        of_weight: dict[str, int] = {}
        for node in self.order:
            depth = max((self.depth[p] for p in node.parents if p is not None), default=0)
            use = self._weight_use(node)
            if use is not None:
                self.weight_uses.append(use)
                depth = max(depth, of_weight.setdefault(use.parameter, depth + 1))
            self.depth[node] = depth

    def _weight_use(self, node: Node) -> WeightUse | None:
        if node.op is None:
            return None
        args = self.args(node)
        if node.op.name == "index" and len(args) == 2 and np.asarray(args[1]).dtype.kind in "iu":
            name = self.weight_of(node.parents[0])
            return WeightUse(node, name, args[0], None, args[1]) if name and np.ndim(args[0]) == 2 else None
        if node.op.name not in MIXING or len(node.parents) < 2:
            return None
        for i, parent in enumerate(node.parents[:2]):
            name = self.weight_of(parent)
            other = node.parents[1 - i]
            if name and np.ndim(args[i]) >= 2 and self.weight_of(other) is None:
                return WeightUse(node, name, args[i], other, args[1 - i])
        return None

    @functools.cached_property
    def last_depth(self) -> int:
        """The depth of the loss."""
        return self.depth[self.order[-1]] if self.order else 0

    def after_the_weights(self, node: Node) -> bool:
        """Whether no weight is applied any more between `node` and the loss."""
        return node not in self._before_weights

    @functools.cached_property
    def _before_weights(self) -> set[Node]:
        found = {use.node for use in self.weight_uses}
        applied = set(found)
        for node in reversed(self.order):
            if any(child in found for child in self.children[node]):
                found.add(node)
        return found - {node for node in applied if not any(child in found for child in self.children[node])}

    def through_views(self, node: Node | None) -> Node | None:
        """The node whose entries `node` only moves."""
        while node is not None and node.op is not None and node.op.name in VIEWS and len(node.parents) > 0:
            if node.op.name == "concat":
                break
            node = node.parents[0]
        return node

    def of(self, *names: str) -> Iterator[Node]:
        """The nodes computed by these primitives, in order."""
        return (node for node in self.order if node.op is not None and node.op.name in names)

    @functools.cached_property
    def softmaxes(self) -> dict[Node, Node]:
        """Nodes that are exp(x) / Σ exp(x), each with the node of x."""
        found = {}
        for node in self.of("divide"):
            top, below = node.parents
            if top is None or below is None or top.op is None or top.op.name != "exp":
                continue
            total = self.through_views(below)
            if total is not None and total.op is not None and total.op.name == "sum" and total.parents[0] is top:
                found[node] = self._unshifted(top.parents[0])
        return found

    @functools.cached_property
    def log_softmaxes(self) -> dict[Node, Node]:
        """Nodes that are x - log Σ exp(x), or the logarithm of a softmax, each with the node of x."""
        found = {}
        for node in self.of("subtract"):
            x, below = node.parents
            if x is None or below is None or not self._is_log_sum_exp(below):
                continue
            found[node] = self._unshifted(x)
        for node in self.of("log"):
            inside = self._clipped(node.parents[0])
            if inside in self.softmaxes:
                found[node] = self.softmaxes[inside]
        return found

    def _clipped(self, node: Any) -> Any:
        """What a small number was added to, or a bound put under, before a logarithm."""
        while node is not None and node.op is not None and node.op.name in ("add", "clip", "maximum"):
            inside = [p for p in node.parents if p is not None]
            if len(inside) != 1:
                return node
            node = inside[0]
        return node

    def _is_log_sum_exp(self, node: Any) -> bool:
        for _ in range(8):
            if node is None or node.op is None:
                return False
            if node.op.name == "log":
                inside = node.parents[0]
                while inside is not None and inside.op is not None and inside.op.name in ("where", *VIEWS):
                    inside = next((p for p in inside.parents if p is not None), None)
                if inside is None or inside.op is None or inside.op.name != "sum":
                    return False
                e = inside.parents[0]
                return e is not None and e.op is not None and e.op.name == "exp"
            if node.op.name not in ("where", "add", *VIEWS):
                return False
            node = next((p for p in node.parents if p is not None), None)
        return False

    def _unshifted(self, x: Any) -> Any:
        """x, if it is x minus its constant maximum."""
        if x is not None and x.op is not None and x.op.name == "subtract" and x.parents[1] is None:
            return x.parents[0]
        return x


def rms(x: Any) -> float:
    """The root of the mean square of the entries that are finite."""
    a = np.asarray(x)
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64)))) if a.size else 0.0


def size(x: Any) -> float:
    """The Euclidean norm of all entries."""
    a = np.asarray(x, np.float64).ravel()
    return float(np.sqrt(a @ a))
