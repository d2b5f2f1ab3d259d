"""Guards: what must still be as it was when a function was traced, or it is traced again.

They are: the graph nodes of the tensors it read (is this still the leaf that it was?), whether leaves had a gradient, the
optimisers' settings other than learning rates, the attributes of modules that it read, and what the names in its code stand for.
"""

from __future__ import annotations

from operator import attrgetter, is_, itemgetter
from sys import getrefcount
from typing import Any

from ..trace_hooks import changes, looks
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
        self.outside = trace.closed_over()
        self._tensors = [x.owner for x in seen]
        self._tensors += [tensor for at, tensor in trace.nodes.items() if at not in self.outside]
        self._nodes = [t.node for t in self._tensors]
        read = set(sources)
        self._forms = [(x.owner, x.before.shape, x.before.dtype) for x in seen if x.binding not in read]
        grads = [g for g in trace.grads.values() if g.was_read]
        self._grads = [(g.owner, g.before is None) for g in grads if isinstance(g.binding, Grad)]
        self._arguments = [(g.binding.number, g.before is None) for g in grads if isinstance(g.binding, ArgumentGrad)]
        self._modules = ModuleGuard(trace.modules)
        self._changes = changes[0]
        self.names = names
        self._optimizers = [_OptimizerGuard(o) for o in trace.optimizers.values()]
        self.untouched = False  # whether nobody has looked at gradients or what optimisers remember since the last call
        self._looks = self._settled = -1
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
        if self._arguments and not all([(leaves[n].node.stored is None) is none for n, none in self._arguments]):
            return False
        if changes[0] != self._changes:
            now = changes[0]
            if not self._modules.holds():
                return False
            self._changes = now
        self.untouched = looks[0] == self._settled
        if not self.untouched:
            self._looks = looks[0]
            if not all([(node.stored is None) is none for node, none in self._grads]):
                return False
            if not all([optimizer.holds() for optimizer in self._optimizers]):
                return False
        if not self.names.hold() or (self._has_containers and not self._modules.containers_hold()):
            return False
        return not self._forms or all([(t.datum.shape, t.datum.dtype) == (s, d) for t, s, d in self._forms])

    def settle(self) -> None:
        """Everything was as it was, owned arrays, too: gradients and optimisers need no look until somebody had one."""
        self._settled = self._looks if not any([optimizer.shared for optimizer in self._optimizers]) else -1


class _OptimizerGuard:
    """The settings of one optimiser, and the parameters whose state the program knows.

    All that is in lists and dicts of the optimiser. If nobody had one of them, by Python's reference counts, when they were as
    expected, they still are until somebody asks the optimiser for them, which is counted in `looks`.
    """

    def __init__(self, traced: Any) -> None:
        self.optimizer = traced.optimizer
        self.known = []
        for group in vars(self.optimizer)["param_groups"]:
            known = ("params", "param_names", "initial_lr", *self.optimizer.inputs)
            names = [k for k in group if k not in known]
            chosen = itemgetter(*names) if names else len
            self.known.append((len(group), chosen, chosen(group), [*group["params"]]))
        self.before = {p: set(before) for p, before in traced.before.items()}
        self.shared = True  # whether somebody had one of the lists and dicts at the last `holds`

    def holds(self) -> bool:
        """Whether everything in them is as it was."""
        counts = [*map(getrefcount, _containers(**vars(self.optimizer)))]
        self.shared = max(counts) != COUNTED + 1  # its place and the list
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


def _containers(param_groups: Any, state: Any, **others: Any) -> list[Any]:
    """The lists and dicts of an optimiser that hold its settings, its parameters, and what it remembers."""
    return [param_groups, *param_groups, *(group["params"] for group in param_groups), state, *state.values()]
