"""Which axis counts the examples where the caller names the batch: of any program, found by computing it once more."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, ShapeError
from ..language import translate
from ..tape import Node
from ..tensor import Tensor
from .recording import Recording
from .rows import Followed, Rows

Named = tuple[tuple[tuple[Node | None, Any], ...], int]
"""(node, data) of each tensor that is named, and the axis of theirs that counts the examples."""


def named(batch: Any, axis: int) -> Named:
    """Raises ArgumentTypeError (MG116) for what is no tensor or no axis, ShapeError (MG160) where numbers of examples differ."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise ArgumentTypeError("MG116", f"`axis` is an integer, not {type(axis).__name__}.")
    axis = operator.index(axis)
    parts = batch if isinstance(batch, tuple | list) else (batch,)
    found = []
    for part in parts:
        data = part.raw if isinstance(part, Tensor) else part
        if not isinstance(data, np.ndarray):
            raise ArgumentTypeError("MG116", f"`batch` is a tensor, or several in a tuple, not {type(part).__name__}.")
        found.append((part.node if isinstance(part, Tensor) else None, data))
    if not found:
        raise ArgumentTypeError("MG116", "`batch` names no tensor.")
    for _, data in found:
        if not -data.ndim <= axis < data.ndim:
            raise ShapeError("MG160", f"There is no axis {axis} in `batch`, which has shape {data.shape}.")
    counts = {data.shape[axis] for _, data in found}
    if len(counts) != 1 or max(counts) < 2:
        shapes = ", ".join(str(data.shape) for _, data in found)
        raise ShapeError(
            "MG160", f"Along axis {axis} all that is named as `batch` has the same two or more examples, not {shapes}."
        )
    return tuple(found), axis


class NamedBatch:
    """The batch that a caller has named, of the recorded graph `order`: what `Batch` is for models.

    Nothing depends on how the program is written, and no length is mistaken for another: see `rows.py`.
    """

    calls = 1

    def __init__(self, order: Sequence[Node], recording: Recording, given: Named) -> None:
        self.recording, self.axis = recording, given[1]
        self.given = [data for _, data in given[0]]
        self.nodes = [node for node, _ in given[0] if node is not None]
        axis = given[1]
        self.input: Any = np.moveaxis(self.given[0], axis, 0)
        self.count = len(self.input)
        self.labels: Any = np.moveaxis(self.given[1], axis, 0) if len(self.given) == 2 else None
        self.order, self.along = order, axis % self.given[0].ndim

    @functools.cached_property
    def reason(self) -> str:
        """Why no axis is known, "" if one is."""
        if self.recording.gone:
            return self.recording.gone
        read = self.followed.read(self.recording.targets)
        unread = [
            f"{self._name(a, f'batch[{k}]' if len(self.given) > 1 else 'batch')} {a.shape}"
            for k, a in enumerate(self.given)
            if k not in read
        ]
        if not unread:
            return ""
        return (
            f"Nothing in this graph reads {', '.join(unread)}, named as `batch`: name the very tensors that enter it, or compute "
            "from them, under the trace and not by NumPy, what does. Leave out what takes no part."
        )

    def rows(self, node: Node) -> Rows | None:
        """Which entries of the result belong to which example; None where there are none, or two axes look alike."""
        known = self.followed.of.get(node)
        return None if known is None else known.rows

    def told(self) -> str:
        """What was taken for the examples, in words."""
        name = self._name(self.given[0], "batch")
        return translate(f"axis {self.along} of {name}, {self.count:,} examples", name)

    @functools.cached_property
    def followed(self) -> Followed:
        """What is known of each node."""
        return Followed(self.order, self.recording, self.given, self.axis)

    def _name(self, array: Any, other: str) -> str:
        return self.recording.known.get(id(array), (other, None))[0]
