"""Which axis counts the examples: that of what an nn model was given, and of what it computed from that, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..language import translate
from ..tape import Node
from .recording import Recording, Step


class Batch:
    """The batch that the recorded graph `order` is of. `input` is what the model was given, None where that is not known.

    The first axis of a model's input counts the examples, unless one of its layers has `batch_first=False`: it may then be the
    second, and nothing is claimed. `calls` is how often the model was called; `labels` are what its loss was given as target.
    """

    def __init__(self, order: Sequence[Node], recording: Recording) -> None:
        self.steps: Mapping[Node, Step] = recording.steps
        calls = [step for node in order if (step := self.steps.get(node)) is not None and step.input is not None]
        first = next(iter(calls), None)
        turned = any(getattr(step.layer, "batch_first", True) is False for step in self.steps.values())
        self.input: Any = None if first is None or turned else first.input
        self.reason = self._reason(first is None, turned)
        self.model = "" if first is None else recording.known.get(id(first.model), (type(first.model).__name__,))[0]
        self.calls = len({id(step.input) for step in calls if first is not None and step.model is first.model})
        self.count = 0 if self.input is None else len(self.input)
        targets = [a for a in recording.targets if np.ndim(a) and len(a) == self.count]
        self.labels: Any = targets[0] if self.calls == 1 and len(targets) == 1 else None
        self.known = [step.input for step in calls] + ([] if self.labels is None else [self.labels])
        self.varies: set[Node] = set()  # computed from the examples
        for node in order if self.input is not None else ():
            if any(p in self.varies for p in node.parents) or self._reads_examples(node):
                self.varies.add(node)

    def axis(self, node: Node) -> int | None:
        """The axis of the result that has an entry for each example; None where there is none, or it is not known.

        It is looked for within layers: where these flatten examples with positions on the way, there is none.
        """
        step = self.steps.get(node)
        if step is None or step.layer is None or node not in self.varies or not node.shape:
            return None
        return 0 if node.shape[0] == self.count else None

    def told(self) -> str:
        """What was taken for the examples, in words."""
        if self.calls == 1:
            return translate(f"axis 0 of the input of {self.model}, {self.count:,} examples")
        return translate(
            f"rows 0 to {self.count - 1:,} of the inputs of {self.model}, which was called {self.calls:,} times"
        )

    def _reads_examples(self, node: Node) -> bool:
        """Whether an argument is an input of the model or its labels; or as many equal rows, such as the first hidden state.

        Any other constant that is as long as the batch may be of something else: of features, of places.
        """
        args = [a for a in self.steps[node].args if isinstance(a, np.ndarray)] if node in self.steps else []
        if any(np.may_share_memory(a, each) for a in args for each in self.known):
            return True
        return any(a.ndim > 1 and len(a) == self.count and bool(np.all(a == a[:1])) for a in args)

    @staticmethod
    def _reason(none: bool, turned: bool) -> str:
        if none:
            return (
                "Which axis counts the examples is known where an nn.Module was called with them under `mg.trace()`. "
                "Else name the tensor: `.examples(batch=x)`, `mg.view(loss, batch=x)`."
            )
        if turned:
            return (
                "Which axis counts the examples is not known: a layer has `batch_first=False`. "
                "Name it: `.examples(batch=x, axis=1)`."
            )
        return ""
