"""The sweep done wrong, as everyone does it once: what each mistake gives, step by step.

What a node sends to its parents is computed by the right rules; only what is done with it is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, as_given
from ..tape import Node
from .path_search import added, sent
from .sweep import Sweep, Use

MOST = 20_000  # steps: a recursion takes as many as there are paths

MISTAKES = {
    "recursion": "each node sends on at once what it has, and again whenever more arrives",
    "leaves first": "the rules run in the order of evaluation, when nothing has arrived yet",
    "no accumulation": "a contribution replaces those before it: the last one wins",
    "no zeroing": "the leaves still have the gradients of the step before",
}
"""What is done wrong, by name."""


class Mistake:
    """A sweep with the mistake `kind`: `steps` are (use, what its parent has then), `gradients` what each node ends with.

    `complete` is False where a recursion was given up after 20,000 steps. Raises ArgumentTypeError (MG116) for another kind.

    >>> import microgradient as mg
    >>> from microgradient.explain.sweep import sweep_of
    >>> a = mg.Value(1.0)
    >>> b = a + a
    >>> c = b + b
    >>> c.backward()
    >>> sweep = sweep_of(c, {"a": a})
    >>> [float(Mistake(sweep, kind).gradients.get(sweep.node(a), 0)) for kind in MISTAKES]
    [8.0, 0.0, 1.0, 8.0]
    """

    def __init__(self, sweep: Sweep, kind: str) -> None:
        if kind not in MISTAKES:
            raise ArgumentTypeError(
                "MG116", f"A mistake is one of {', '.join(map(repr, MISTAKES))}, not {as_given(kind)}."
            )
        self.kind, self.sweep = kind, sweep
        self.gradients: dict[Node, Any] = {}
        self.steps: list[tuple[Use, Any]] = []
        self.complete = True
        with np.errstate(all="ignore"):
            for node in self._visited():
                if len(self.steps) >= MOST:
                    self.complete = False
                    break
                self._send(node)

    def _visited(self) -> Iterator[Node]:
        """The nodes whose rules run, in turn."""
        root, order = self.sweep.root, self.sweep.order
        self.gradients[root] = np.ones(root.shape, root.dtype)
        if self.kind == "recursion":
            waiting = [root]
            while waiting:
                node = waiting.pop()
                yield node
                waiting += [parent for parent in reversed(node.parents) if parent is not None]
            return
        yield from order if self.kind == "leaves first" else order[::-1]
        if self.kind == "no zeroing":
            self.gradients = {node: g for node, g in self.gradients.items() if node.op is None}
            self.gradients[root] = np.ones(root.shape, root.dtype)
            yield from order[::-1]

    def _send(self, node: Node) -> None:
        """Run the rule of `node` with what has arrived there."""
        arrived, op = self.gradients.get(node), node.op
        if op is None or arrived is None:
            return
        for i, contribution in sent(self.sweep, node, arrived).items():
            parent = node.parents[i]
            assert parent is not None
            before = None if self.kind == "no accumulation" else self.gradients.get(parent)
            self.gradients[parent] = added(before, contribution)
            self.steps.append((Use(node, op, i, parent, arrived, contribution), self.gradients[parent]))
