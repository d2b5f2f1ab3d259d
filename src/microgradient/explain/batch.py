"""Which axis counts the examples: that of what an nn model was given, and of what was computed from that, row by row."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..language import translate
from ..tape import Node
from .recording import Recording
from .rows import Followed, Rows


class Batch:
    """The batch that the recorded graph `order` is of. `input` is what the model was given, None where that is not known.

    The first axis of a model's input counts the examples, unless one of its layers has `batch_first=False`: it may then be the
    second, and nothing is claimed. `calls` is how often the model was called; `labels` are what its loss was given as target.
    """

    def __init__(self, order: Sequence[Node], recording: Recording) -> None:
        self.order, self.recording = order, recording
        steps = recording.steps
        calls = [step for node in order if (step := steps.get(node)) is not None and step.input is not None]
        first = next(iter(calls), None)
        turned = any(getattr(step.layer, "batch_first", True) is False for step in steps.values())
        self.input: Any = None if first is None or turned else first.input
        self.reason = self._reason(first is None, turned)
        self.model = "" if first is None else recording.known.get(id(first.model), (type(first.model).__name__,))[0]
        self.calls = len({id(step.input) for step in calls if first is not None and step.model is first.model})
        self.count = 0 if self.input is None else len(self.input)
        targets = [a for a in recording.targets if np.ndim(a) and len(a) == self.count]
        self.labels: Any = targets[0] if self.calls == 1 and len(targets) == 1 else None
        given = [step.input for step in calls if len(step.input) == self.count]
        self.given = list({id(a): a for a in [*given, *([] if self.labels is None else [self.labels])]}.values())

    def rows(self, node: Node) -> Rows | None:
        """Which entries of the result belong to which example; None where there are none, or it is not known."""
        known = self.known.get(node)
        return None if known is None else known.rows

    @functools.cached_property
    def known(self) -> Any:
        """What follows for each node from which rows the inputs have."""
        if self.input is None or not self.count:
            return {}
        return Followed(self.order, self.recording, self.given, 0, self._has_rows).of

    def told(self) -> str:
        """What was taken for the examples, in words."""
        if self.calls == 1:
            return translate(f"axis 0 of the input of {self.model}, {self.count:,} examples")
        return translate(
            f"rows 0 to {self.count - 1:,} of the inputs of {self.model}, which was called {self.calls:,} times"
        )

    def _has_rows(self, node: Node) -> bool:
        """Of a rule that can't be computed again, such as a checkpoint: as a layer, it keeps the axis that counts them."""
        return bool(node.shape) and node.shape[0] == self.count

    def _reason(self, none: bool, turned: bool) -> str:
        if none and self.recording.gone:
            return self.recording.gone
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
