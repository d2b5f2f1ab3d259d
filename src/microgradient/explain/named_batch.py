"""Which axis counts the examples where the caller names the batch: of any program, found by computing it once more."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentTypeError, ShapeError
from ..language import translate
from ..primitives import TABLE
from ..tape import PICK, Node
from ..tensor import Tensor
from .recording import Recording

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
    counts = {data.shape[axis] if -data.ndim <= axis < data.ndim else 0 for _, data in found}
    if len(counts) != 1 or max(counts) < 2:
        shapes = ", ".join(str(data.shape) for _, data in found)
        raise ShapeError(
            "MG160", f"Along axis {axis} all that is named as `batch` has the same two or more examples, not {shapes}."
        )
    return tuple(found), axis


class NamedBatch:
    """The batch that a caller has named, of the recorded graph `order`: what `Batch` is for models.

    A result has an axis of examples if that axis, and nothing else of it, is permuted when the examples are: the graph is
    computed once more with the examples in another order. So nothing depends on how the program is written, and no length is
    mistaken for another.
    """

    calls = 1

    def __init__(self, order: Sequence[Node], recording: Recording, given: Named) -> None:
        (self.given, axis), self.recording = given, recording
        self.input: Any = np.moveaxis(self.given[0][1], axis, 0)
        self.count = len(self.input)
        self.labels: Any = np.moveaxis(self.given[1][1], axis, 0) if len(self.given) == 2 else None
        self.order, self.along = order, axis % self.given[0][1].ndim
        turn = np.random.default_rng(0).permutation(self.count)
        self.turn: Any = np.roll(np.arange(self.count), 1) if (turn == np.arange(self.count)).all() else turn
        self.axes: dict[Node, int | None] = {}
        self.turned = [(node, data, np.take(data, self.turn, axis)) for node, data in self.given]

    @property
    def reason(self) -> str:
        """Why no axis is known, "" if one is."""
        if self.results:
            return ""
        return (
            "Nothing in this graph reads what is named as `batch`: name the very tensors that enter it, "
            "or let them require gradients, so that all that is computed from them is recorded."
        )

    def axis(self, node: Node) -> int | None:
        """The axis of the result that has an entry for each example; None where there is none, or two look alike."""
        if node not in self.axes:
            self.axes[node] = self._found(node)
        return self.axes[node]

    def _found(self, node: Node) -> int | None:
        if node not in self.results or isinstance(again := self.results[node], tuple):
            return None
        if node not in self.recording.steps or not isinstance(first := self.recording.steps[node].value, np.ndarray):
            return None
        axes = [k for k, n in enumerate(first.shape) if n == self.count and _same(again, np.take(first, self.turn, k))]
        return axes[0] if len(axes) == 1 else None

    def told(self) -> str:
        """What was taken for the examples, in words."""
        name = self.recording.known.get(id(self.given[0][1]), ("batch", None))[0]
        return translate(f"axis {self.along} of {name}, {self.count:,} examples", name)

    @functools.cached_property
    def results(self) -> dict[Node, Any]:
        """What was computed from the batch, with its examples in another order; without what can't be computed again."""
        found: dict[Node, Any] = {node: turned for node, _, turned in self.turned if node is not None}
        leaves = set(found)
        with np.errstate(all="ignore"):
            for node in self.order:
                if node not in leaves and (again := self._again(node, found)) is not None:
                    found[node] = again
        return {node: again for node, again in found.items() if node not in leaves}

    def _again(self, node: Node, found: dict[Node, Any]) -> Any:
        op, step = node.op, self.recording.steps.get(node)
        if op is None:
            return None
        if step is None:
            whole = found.get(node.parents[0]) if node.parents[0] is not None else None
            return whole[node.params["i"]] if op is PICK and whole is not None else whole
        if TABLE.get(op.name) is not op:
            return None
        moved = [
            self._turned(arg) if parent is None else found.get(parent)
            for parent, arg in zip(node.parents, step.args, strict=True)
        ]
        if all(arg is None for arg in moved):
            return None
        args = [given if arg is None else arg for arg, given in zip(moved, step.args, strict=True)]
        return getattr(self.recording.world, op.name)(*args, **node.params)

    def _turned(self, arg: Any) -> Any:
        """A constant that is the batch, or a view of it, with the examples in the other order; None for any other."""
        for _, data, turned in self.turned if isinstance(arg, np.ndarray) else ():
            if not np.may_share_memory(arg, data):
                continue
            (begin, end), (low, high) = map(np.lib.array_utils.byte_bounds, (data, arg))
            offset = _address(arg) - _address(data)
            if (offset, arg.shape, arg.strides) == (0, data.shape, data.strides):
                return turned
            if data.flags.c_contiguous and arg.dtype == data.dtype and begin <= low and high <= end:
                return np.ndarray(arg.shape, arg.dtype, np.ascontiguousarray(turned).data, offset, arg.strides)
        return None


def _address(a: Any) -> int:
    return int(a.__array_interface__["data"][0])


def _same(a: Any, b: Any) -> bool:
    """Whether two arrays are equal up to rounding: sums may be added up in another order."""
    if a.shape != b.shape:
        return False
    if b.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    close = float(np.finfo(b.dtype).eps) ** 0.5
    largest = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
    return bool(np.allclose(a, b, rtol=close, atol=close * largest, equal_nan=True))
