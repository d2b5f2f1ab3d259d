"""Guards: what must still be as it was when a function was traced, or it is traced again.

They are: the graph nodes of the tensors it read (is this still the leaf that it was?), whether leaves had a gradient, the
optimisers' settings other than learning rates, and for the modules it called whether they train and which tensors and
modules they hold.
"""

from __future__ import annotations

from operator import attrgetter, is_
from typing import Any

from ..tensor import Tensor
from ..tracing import changes
from .build import Traced
from .places import ArgumentGrad, Data, Grad

_node = attrgetter("node")


class Guards:
    """The guards of one program."""

    def __init__(self, traced: Traced) -> None:
        trace = traced.trace
        self._tensors = [seen.owner for seen in trace.tensors.values() if isinstance(seen.place, Data)]
        self._nodes = [t.node for t in self._tensors]
        grads = [g for g in trace.grads.values() if g.was_read]
        self._without = [g.owner for g in grads if isinstance(g.place, Grad) and g.before is None]
        self._with = [g.owner for g in grads if isinstance(g.place, Grad) and isinstance(g.before, Tensor)]
        self._arguments = [
            (g.place.number, g.before is None) for g in grads if isinstance(g.place, ArgumentGrad)
        ]
        self._modules = list(trace.modules.values())
        self._held = [_description(m) for m in self._modules]
        self._changes = changes[0]
        self._optimizers = [_OptimizerGuard(o) for o in trace.optimizers.values()]

        self._skipped = False

    def skip(self) -> None:
        """Take the next call as it is: the function was traced for it just now."""
        self._skipped = True

    def hold(self, leaves: Any) -> bool:
        """Whether nothing has changed that the program depends on."""
        if self._skipped:
            self._skipped = False
            return True
        if not all(map(is_, map(_node, self._tensors), self._nodes)):
            return False
        for node in self._without:
            if node.grad is not None:
                return False
        for node in self._with:
            if node.grad is None:
                return False
        for number, without in self._arguments:
            if (leaves[number].node.grad is None) is not without:
                return False
        if changes[0] != self._changes:
            now = changes[0]
            if [_description(m) for m in self._modules] != self._held:
                return False
            self._changes = now
        return all([o.holds() for o in self._optimizers])


def _description(module: Any) -> dict[str, Any]:
    """What a program depends on in a module: `training`, plain settings, and which tensors and modules it holds."""
    own = type(module).__module__.startswith("microgradient.")
    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        if isinstance(value, _PLAIN):
            if name == "training" or own:
                found[name] = value
        elif isinstance(value, list | tuple):
            found[name] = [id(x) for x in value]
        elif isinstance(value, Tensor):
            if own or name in vars(module).get("_buffer_names", {}) or value.node is not None:
                found[name] = id(value)
        elif hasattr(value, "forward"):
            found[name] = id(value)
    return found


_PLAIN = (bool, int, float, str, type(None))


class _OptimizerGuard:
    """The settings of one optimiser, and the parameters whose state the program knows."""

    def __init__(self, traced: Any) -> None:
        self.optimizer = traced.optimizer
        self.states = self.optimizer.state
        self.groups = self.optimizer.param_groups
        self.known = [(g, g["params"], len(g["params"]), _settings(g)) for g in self.groups]
        self.entries = [(p, self.states.get(p), tuple(before)) for p, before in traced.before.items()]
        self.parameters = [p for p, _, _ in self.entries]
        self.dicts = [d for _, d, _ in self.entries]
        self.keys = [len(keys) for _, _, keys in self.entries]

    def holds(self) -> bool:
        optimizer = self.optimizer
        if optimizer.param_groups is not self.groups or optimizer.state is not self.states:
            return False
        if len(self.groups) != len(self.known):
            return False
        for group, params, count, settings in self.known:
            if group["params"] is not params or len(params) != count:
                return False
            for name, value in settings:
                if group[name] != value:
                    return False
        if not all(map(is_, map(self.states.get, self.parameters), self.dicts)):
            return False
        return all([d is None or len(d) == n for d, n in zip(self.dicts, self.keys, strict=True)])


def _settings(group: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(k, v) for k, v in group.items() if k not in ("params", "param_names", "lr", "initial_lr")]
