"""Guards: what must still be as it was when a function was traced, or it is traced again.

They are: the graph nodes of the tensors it read (is this still the leaf that it was?), whether leaves had a gradient, the
optimisers' settings other than learning rates, the attributes of modules that it read, and what the names in its code stand for.
"""

from __future__ import annotations

from operator import attrgetter, is_, itemgetter
from typing import Any

from ..tensor import Tensor
from ..trace_hooks import changes
from .bindings import ArgumentGrad, Binding, Data, Grad
from .modules import ModuleGuard
from .names import Names
from .trace import Trace

_node = attrgetter("node")


class Guards:
    """The guards of one program."""

    def __init__(self, trace: Trace, sources: list[Binding], names: Names) -> None:
        """`sources`: where the program's inputs come from."""
        seen = [x for x in trace.tensors.values() if isinstance(x.binding, Data)]
        self.outside = frozenset(id(x.owner) for x in seen)  # the tensors that the function closes over
        self._tensors = [x.owner for x in seen]
        self._tensors += [tensor for at, tensor in trace.nodes.items() if at not in self.outside]
        self._nodes = [t.node for t in self._tensors]
        read = set(sources)
        self._forms = [(x.owner, x.before.shape, x.before.dtype) for x in seen if x.binding not in read]
        grads = [g for g in trace.grads.values() if g.was_read]
        self._without = [g.owner for g in grads if isinstance(g.binding, Grad) and g.before is None]
        self._with = [g.owner for g in grads if isinstance(g.binding, Grad) and isinstance(g.before, Tensor)]
        self._arguments = [(g.binding.number, g.before is None) for g in grads if isinstance(g.binding, ArgumentGrad)]
        self._with_kinds = bool(self._without or self._with or self._arguments)
        self._modules = ModuleGuard(trace.modules)
        self._changes = changes[0]
        self.names = names
        self._checks = [_OptimizerGuard(o).holds for o in trace.optimizers.values()]
        self._checks.append(names.hold)
        if self._modules.has_containers():
            self._checks.append(self._modules.containers_hold)
        self._skipped = False

    def skip(self) -> None:
        """Take the next call as it is: the function was traced for it just now, and nothing happened since."""
        self._skipped = True

    def hold(self, leaves: Any) -> bool:
        """Whether nothing has changed that the program depends on."""
        if self._skipped:
            self._skipped = False
            return True
        if [*map(_node, self._tensors)] != self._nodes:  # nodes are equal if they are the same
            return False
        if self._with_kinds and not self._kinds_hold(leaves):
            return False
        if changes[0] != self._changes:
            now = changes[0]
            if not self._modules.holds():
                return False
            self._changes = now
        for check in self._checks:
            if not check():
                return False
        return not self._forms or all([(t.datum.shape, t.datum.dtype) == (s, d) for t, s, d in self._forms])

    def _kinds_hold(self, leaves: Any) -> bool:
        """Whether the leaves whose gradient was read have one, or none, as then."""
        return (
            all([node.grad is None for node in self._without])
            and all([node.grad is not None for node in self._with])
            and all([(leaves[n].node.grad is None) is without for n, without in self._arguments])
        )


class _OptimizerGuard:
    """The settings of one optimiser, and the parameters whose state the program knows."""

    def __init__(self, traced: Any) -> None:
        self.optimizer = traced.optimizer
        self.states = self.optimizer.state
        self.groups = self.optimizer.param_groups
        self.known = []
        for group in self.groups:
            names = [k for k in group if k not in ("params", "param_names", "lr", "initial_lr")]
            chosen = itemgetter(*names) if names else len
            self.known.append((group, len(group), chosen, chosen(group), group["params"], len(group["params"])))
        self.parameters = list(traced.before)
        dicts = [self.states.get(p) for p in self.parameters]
        self.stateful = [d for d in dicts if d is not None]
        self.lengths = [len(before) for p, before in traced.before.items() if self.states.get(p) is not None]
        self.expected = [*(p for group in self.groups for p in group["params"]), *dicts]

    def holds(self) -> bool:
        optimizer = self.optimizer
        if optimizer.param_groups is not self.groups or optimizer.state is not self.states:
            return False
        if len(self.groups) != len(self.known):
            return False
        now: list[Any] = []
        for group, length, chosen, settings, params, count in self.known:
            if (
                len(group) != length
                or chosen(group) != settings
                or group["params"] is not params
                or len(params) != count
            ):
                return False
            now += params
        now += map(self.states.get, self.parameters)
        return all(map(is_, now, self.expected)) and [*map(len, self.stateful)] == self.lengths
