"""What the rules look at: one pass, its graph, the layers, the activation functions, the parameters and the trial steps."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ...nn import Module
from ...optim import Optimizer
from ...tape import Node
from ...tensor import Tensor
from .diagnosis import Layer
from .graph import Graph, WeightUse, rms, size
from .probe import Pass, predicted
from .trial import Trial

_HALF_FLAT = 0.01  # an entry is saturated where the derivative is below this part of its largest


class Activation(NamedTuple):
    """An activation function in the graph: its node, what it is, the layer before it, and its input with units along axis 1.

    `inputs` and `outputs` have the shape (examples × positions, units).
    """

    node: Node
    kind: str
    layer: str
    inputs: Any
    outputs: Any
    source: WeightUse | None

    @property
    def dead(self) -> Any:
        """Which units of a relu are zero for every example."""
        return ~(self.inputs > 0).any(axis=0)

    @property
    def always_on(self) -> Any:
        """Which units of a relu are zero for none."""
        return (self.inputs > 0).all(axis=0)

    @property
    def saturated(self) -> float:
        """The share of entries in which a bounded function is nearly flat."""
        slope = 1 - np.square(self.outputs) if self.kind == "tanh" else 4 * self.outputs * (1 - self.outputs)
        return float(np.mean(slope < _HALF_FLAT)) if slope.size else 0.0


class Case:
    """One model with its loss, as the rules see it."""

    def __init__(self, model: Module, batch: Any, optimizer: Optimizer | None, seen: Pass, trial: Trial) -> None:
        self.model, self.batch, self.optimizer = model, batch, optimizer
        self.seen, self.trial = seen, trial
        self.parameters: dict[str, Tensor] = dict(model.named_parameters())
        self.graph = Graph(seen, self.parameters)
        self.modules: dict[str, Module] = dict(model.named_modules(remove_duplicate=False))

    @functools.cached_property
    def gradients(self) -> dict[str, Any]:
        """The gradient of each parameter that one reached."""
        found = {name: self.graph.adjoint(p.node) for name, p in self.parameters.items()}
        return {name: g for name, g in found.items() if g is not None}

    @functools.cached_property
    def finite(self) -> bool:
        """Whether the loss and all gradients are."""
        return bool(np.isfinite(self.seen.value)) and all(np.isfinite(g).all() for g in self.gradients.values())

    def kind(self, layer: str) -> str:
        """The class of a layer."""
        return type(self.modules[layer]).__name__ if layer in self.modules else ""

    @functools.cached_property
    def predictions(self) -> Any:
        """What the model returned to `loss_fn`, with a row an example, if that is one array."""
        return predicted(self.seen.probe.calls)

    @functools.cached_property
    def uses_by_layer(self) -> dict[str, list[WeightUse]]:
        """The uses of weights, by layer, in order of the first."""
        found: dict[str, list[WeightUse]] = {}
        for use in self.graph.weight_uses:
            found.setdefault(layer_of(use.parameter), []).append(use)
        return found

    def source(self, node: Node | None) -> WeightUse | None:
        """The last weight that was applied on the way to `node`."""
        by_node = {use.node: use for use in self.graph.weight_uses}
        todo, met = [node], set()
        while todo:
            latest = max((n for n in todo if n is not None), key=lambda n: n.seq, default=None)
            if latest is None:
                return None
            if latest in by_node:
                return by_node[latest]
            todo = [n for n in todo if n is not latest]
            met.add(latest)
            todo += [p for p in latest.parents if p is not None and p not in met]
        return None

    @functools.cached_property
    def activations(self) -> list[Activation]:
        """The relus, sigmoids and tanhs in the graph, in order."""
        return list(self._find_activations())

    def _find_activations(self) -> Iterator[Activation]:
        for node in self.graph.order:
            if node.op is None or (kind := self._kind_of_activation(node)) is None:
                continue
            name, argument = kind
            z, y = np.asarray(self.graph.args(node)[argument]), np.asarray(self.graph.value(node))
            if z.shape != y.shape or not z.ndim:
                continue
            source = self.source(node.parents[argument])
            of_conv = source is not None and source.node.op is not None and source.node.op.name.startswith("conv")
            axis = 1 if of_conv and z.ndim > 2 else z.ndim - 1
            layer = layer_of(source.parameter) if source is not None else self.graph.where(node)
            yield Activation(node, name, layer, _by_unit(z, axis), _by_unit(y, axis), source)

    def _kind_of_activation(self, node: Node) -> tuple[str, int] | None:
        name = node.op.name if node.op is not None else ""
        args = self.graph.args(node)
        if name in ("relu", "sigmoid", "tanh"):
            return name, 0
        if name == "maximum" and (node.parents[0] is None) is not (node.parents[1] is None):
            signal = 0 if node.parents[1] is None else 1
            return ("relu", signal) if np.size(args[1 - signal]) == 1 and not np.any(args[1 - signal]) else None
        if name == "clip" and np.size(args[1]) == 1 and not np.any(args[1]) and node.parents[0] is not None:
            return "relu", 0
        return None

    @functools.cached_property
    def layers(self) -> list[Layer]:
        """The table of layers."""
        total = sum(size(g) ** 2 for g in self.gradients.values()) or 1.0
        found: list[Layer] = []
        before: float | None = None
        groups = list(self.uses_by_layer.items())
        entering = [_gradient_entering(self.graph, uses) for _, uses in groups]
        for i, (name, uses) in enumerate(groups):
            signal = float(np.sqrt(np.mean([rms(self.graph.value(use.node)) ** 2 for use in uses])))
            if before is None:
                data = np.asarray(uses[0].signal_value)
                before = rms(data) if data.dtype.kind == "f" else None
            following = next((g for g in entering[i + 1 :] if g), None)
            gradient = entering[i]
            mine = [p for p in self.gradients if layer_of(p) == name]
            acts = [a for a in self.activations if a.layer == name]
            dead = [float(a.dead.mean()) for a in acts if a.kind == "relu"]
            flat = [a.saturated for a in acts if a.kind != "relu"]
            found.append(
                Layer(
                    name=name or "(the model)",
                    kind=self.kind(name),
                    signal=signal,
                    gain=signal / before if before else None,
                    gradient=gradient,
                    gradient_gain=gradient / following if gradient is not None and following else None,
                    share=sum(size(self.gradients[p]) ** 2 for p in mine) / total,
                    dead=max(dead, default=None),
                    saturated=max(flat, default=None),
                    update_ratio=max(
                        (self.trial.ratios[p] for p in mine if self.parameters[p].ndim > 1 and p in self.trial.ratios),
                        default=None,
                    ),
                )
            )
            before = signal
        return found


def layer_of(parameter: str) -> str:
    """The path of the module that holds a parameter."""
    return parameter.rpartition(".")[0]


def named(layer: str) -> str:
    """What a layer is called in a sentence; the model has an empty path."""
    return layer or "model"


def written(path: str, root: str = "model") -> str:
    """A path as code.

    >>> written("blocks.0.linear.weight")
    'model.blocks[0].linear.weight'
    """
    parts = path.split(".") if path else []
    return root + "".join(f"[{p}]" if p.isdigit() else f".{p}" if p.isidentifier() else f"[{p!r}]" for p in parts)


def inputs_of(use: WeightUse) -> int:
    """How many entries each weighted sum has."""
    w, y = np.asarray(use.weight), use.node
    if y.op is not None and y.op.name == "conv":
        return int(np.prod(w.shape[1:]))
    return int(w.shape[0]) if w.ndim == 2 else int(w.shape[-1])


def rate_of(case: Case) -> float:
    """The optimiser's learning rate; NaN without one."""
    return float(case.optimizer.param_groups[0].get("lr", math.nan)) if case.optimizer is not None else math.nan


def _gradient_entering(graph: Graph, uses: list[WeightUse]) -> float | None:
    found = [size(g) for use in uses if (g := graph.adjoint(use.signal)) is not None]
    return max(found, default=None)


def _by_unit(a: Any, axis: int) -> Any:
    return np.moveaxis(a, axis, -1).reshape(-1, a.shape[axis])


Rule = Callable[[Case], Iterator[Any]]
