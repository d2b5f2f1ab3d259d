"""Guards: what must still be as it was when a function was traced, or it is traced again.

They are: the graph nodes of the tensors it read (is this still the leaf that it was?), whether leaves had a gradient, the
optimisers' settings other than learning rates, the attributes of modules that it read, and what the names in its code stand for.
"""

from __future__ import annotations

from operator import attrgetter, is_, itemgetter
from sys import getrefcount
from typing import Any

from ..tensor import Tensor
from ..trace_hooks import changes
from .bindings import ArgumentGrad, Binding, Data, Grad
from .modules import ModuleGuard
from .names import Names
from .owned import COUNTED
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
        self._optimizers = [_OptimizerGuard(o) for o in trace.optimizers.values()]
        self.untouched = False  # whether nobody has looked at what the optimisers remember since the last call
        self._has_containers = self._modules.has_containers()
        self._skipped = False

    def skip(self) -> None:
        """Take the next call as it is: the function was traced for it just now, and nothing happened since."""
        self._skipped = True

    def hold(self, leaves: Any) -> bool:
        """Whether nothing has changed that the program depends on."""
        if self._skipped:
            self._skipped = self.untouched = False
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
        self.untouched = True
        for optimizer in self._optimizers:
            if not optimizer.untouched():
                self.untouched = False
                if not optimizer.holds():
                    return False
        if not self.names.hold() or (self._has_containers and not self._modules.containers_hold()):
            return False
        return not self._forms or all([(t.datum.shape, t.datum.dtype) == (s, d) for t, s, d in self._forms])

    def settle(self) -> None:
        """Everything was as it was, owned arrays, too: what the optimisers remember needs no look until somebody had one."""
        for optimizer in self._optimizers:
            optimizer.settle()

    def _kinds_hold(self, leaves: Any) -> bool:
        """Whether the leaves whose gradient was read have one, or none, as then."""
        return (
            all([node.grad is None for node in self._without])
            and all([node.grad is not None for node in self._with])
            and all([(leaves[n].node.grad is None) is without for n, without in self._arguments])
        )


class _OptimizerGuard:
    """The settings of one optimiser, and the parameters whose state the program knows.

    All that is in lists and dicts of the optimiser. If nobody had one of them, by Python's reference counts, when they were as
    expected, they still are until somebody asks the optimiser for them, which changes `looked`.
    """

    def __init__(self, traced: Any) -> None:
        self.optimizer = traced.optimizer
        self.known = []
        for group in vars(self.optimizer)["param_groups"]:
            names = [k for k in group if k not in ("params", "param_names", "lr", "initial_lr")]
            chosen = itemgetter(*names) if names else len
            self.known.append((len(group), chosen, chosen(group), [*group["params"]]))
        self.before = {p: set(before) for p, before in traced.before.items()}
        self._seen: Any = None
        self._now: Any = None

    def untouched(self) -> bool:
        """Whether nobody can have changed anything since `settle`."""
        return self.optimizer.looked is self._seen

    def holds(self) -> bool:
        """Whether everything in them is as it was."""
        looked = self.optimizer.looked
        counts = [*map(getrefcount, _containers(**vars(self.optimizer)))]
        self._now = looked if max(counts) == COUNTED + 1 else None  # its place and the list
        groups, states = vars(self.optimizer)["param_groups"], vars(self.optimizer)["state"]
        if len(groups) != len(self.known):
            return False
        for group, (length, chosen, settings, params) in zip(groups, self.known, strict=True):
            now = group["params"]
            if len(group) != length or chosen(group) != settings or len(now) != len(params):
                return False
            if not all(map(is_, now, params)):
                return False
        return all([states.get(p, {}).keys() == keys for p, keys in self.before.items()])

    def settle(self) -> None:
        """From now on `untouched` compares with what was there at the last `holds`."""
        self._seen = self._now


def _containers(param_groups: Any, state: Any, **others: Any) -> list[Any]:
    """The lists and dicts of an optimiser that hold its settings, its parameters, and what it remembers."""
    return [param_groups, *param_groups, *(group["params"] for group in param_groups), state, *state.values()]
