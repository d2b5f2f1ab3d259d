"""Which entries of a result belong to which example of a batch: followed from the batch through the recorded graph.

- What moves entries (an index, a slice, a mask, a permutation, `reshape`, `concat`, …) moves the numbers of their examples alike.
  So `x[:2]`, `x[perm]` and `x[i]` have rows, or an entry, of known examples, and so has a `stack` of them.
- What works entry by entry keeps them, if all arguments that come from the batch have the same example there.
- What was computed from one example alone belongs to it, whatever the operation.
- Any other operation (a product, a sum, a convolution, a normalisation) is computed once more with the rows in another order: the
  axis that is permuted alike, if it is the only one, has the same examples as before. A mean over the batch has none.
- Where different parts of a batch, or orders of it, enter one operation, as in `x[a] * x[b]`, no example is known, nor after it.

What needs no gradient is followed, too: a trace records it. What is computed outside of the trace, under `no_grad` or by NumPy
is a constant, and so are numbers made of tensors that need a gradient without having one (`h > 0`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..primitives import TABLE
from ..tape import PICK, Node
from .recording import Recording

_MOVES = frozenset({"index", "take_along_axis", "permute_dims", "reshape", "broadcast_to", "flip", "roll", "concat"})
_KEEPS = frozenset({"astype", "conj", "real", "imag", "tril", "triu"})  # work entry by entry, too


class Rows(NamedTuple):
    """Entry k along `axis` belongs to example `numbers[k]`; where `axis` is None, all of the result to `numbers[0]`."""

    axis: int | None
    numbers: Any

    @property
    def key(self) -> bytes:
        """Which examples these are, in this order."""
        return bytes(self.numbers.tobytes())

    @property
    def counts(self) -> bool:
        """Whether places along the axis are the numbers of the examples."""
        return self.axis is not None and bool(np.array_equal(self.numbers, np.arange(len(self.numbers))))

    def sums(self, a: Any, count: int) -> Any:
        """The entries of `a`, added up for each of `count` examples."""
        found = np.zeros(count)
        if self.axis is None:
            found[self.numbers[0]] = np.sum(a)
        else:
            np.add.at(found, self.numbers, np.moveaxis(a, self.axis, 0).reshape(len(self.numbers), -1).sum(axis=1))
        return found

    def of(self, example: int, ndim: int) -> Any:
        """Where the entries of one example are, as an array that broadcasts to the result's `ndim` axes."""
        here = self.numbers == example
        return here[0] if self.axis is None else here.reshape(-1, *[1] * (ndim - self.axis - 1))


class Known(NamedTuple):
    """A value that comes from the batch: what it is with rows in another order (None: not known), its rows, of which examples,
    in which order, it was computed, and the numbers of the arrays that were given."""

    again: Any
    rows: Rows | None
    of: frozenset[bytes]
    given: frozenset[int]


class Followed:
    """`of` has what is known of each node of `order`, where `axis` of the arrays `given` counts the examples.

    `opaque` tells which rows the result of a rule has that can't be computed again.
    """

    def __init__(
        self,
        order: Sequence[Node],
        recording: Recording,
        given: Sequence[Any],
        axis: int,
        opaque: Callable[[Node], bool] = lambda node: False,
    ) -> None:
        self.recording, self.opaque = recording, opaque
        self.orders: dict[bytes, tuple[Any, Any]] = {}  # numbers, and where each row goes
        whole = self._rows(axis % given[0].ndim, np.arange(given[0].shape[axis]))
        self.given = [
            (a, Known(self._turned(a, rows), rows, frozenset([rows.key]), frozenset([k])))
            for k, a in enumerate(given)
            for rows in [whole._replace(axis=axis % a.ndim)]
        ]
        self.shaped: dict[tuple[int, ...], list[tuple[Any, Known]]] = {}
        for pair in self.given:
            self.shaped.setdefault(pair[0].shape, []).append(pair)
        self.whole = whole
        self.of: dict[Node, Known] = {}
        self.arrays: dict[int, Known] = {}
        self.values = {p: a for s in recording.steps.values() for p, a in zip(s.node.parents, s.args, strict=True)}
        with np.errstate(all="ignore"):
            for made in recording.made:
                if (known := self._computed(made.op.name, made.args, made.params, made.value)) is not None:
                    self._keep(made.value, known)
            for node in order:
                if node.op is not None and (known := self._of_node(node)) is not None:
                    self.of[node] = known

    def read(self, targets: Sequence[Any]) -> frozenset[int]:
        """The numbers of those arrays that enter the graph, or what losses were given as `target`."""
        ours = [*self.of.values(), *filter(None, map(self._seen, targets))]
        return frozenset[int]().union(*(known.given for known in ours))

    # ------------------------------------------------------------------------------------------------- one operation

    def _of_node(self, node: Node) -> Known | None:
        op, step = node.op, self.recording.steps.get(node)
        assert op is not None
        parents = [None if p is None else self.of.get(p) for p in node.parents]
        if op is PICK and parents[0] is not None:
            return self._picked(node, parents[0])
        if step is None and op is TABLE["positive"]:
            return parents[0]
        args = [self.values.get(p) for p in node.parents if p is not None] if step is None else step.args
        known = [p or self._seen(a) for p, a in zip(parents, args, strict=step is not None)]
        if TABLE.get(op.name) is not op or step is None:
            found = _joined([k for k in known if k is not None])
            return found and self._guarded(node, found, None if step is None else step.value)
        return self._computed(op.name, args, node.params, step.value, known)

    def _picked(self, node: Node, several: Known) -> Known:
        value = self.recording.steps.get(node.parents[0])  # type: ignore[arg-type]
        if value is None:
            return self._guarded(node, several, self.values.get(node))
        i = node.params["i"]
        found = several._replace(again=None if several.again is None else several.again[i])
        return found if found.rows is not None else self._tested(found, value.value[i])

    def _guarded(self, node: Node, known: Known, value: Any) -> Known:
        """Of a rule that can't be computed again."""
        if known.of != {self.whole.key} or value is None or not self.opaque(node):
            return known
        rows = self.whole._replace(axis=0)
        return known._replace(again=self._turned(value, rows), rows=rows)

    def _computed(self, name: str, args: Sequence[Any], params: Any, value: Any, known: Any = None) -> Known | None:
        """What is known of the result of a primitive, from what is known of its arguments; None if they aren't of the batch."""
        known = [self._seen(a) for a in args] if known is None else known
        ours = [k for k in known if k is not None]
        if (found := _joined(ours)) is None:
            return None
        if len(found.of) == 1 and all(k.rows is not None and k.rows.axis is None for k in ours):
            return found._replace(again=value, rows=ours[0].rows)
        rows = self._moved(name, args, params, known)
        if rows is None and (TABLE[name].kind == "pointwise" or name in _KEEPS):
            rows = _aligned(args, known, np.ndim(value))
        if rows is not None:
            return found._replace(again=self._turned(value, rows), rows=rows, of=frozenset([rows.key]))
        again = None
        if all(k is None or k.again is not None for k in known):
            turned = [a if k is None else k.again for a, k in zip(args, known, strict=True)]
            again = getattr(self.recording.world, name)(*turned, **params)
        return self._tested(found._replace(again=again), value)

    def _moved(self, name: str, args: Sequence[Any], params: Any, known: Sequence[Known | None]) -> Rows | None:
        """The rows of what has entries of its arguments in other places."""
        count = len(args) if name == "concat" else 1
        if name not in _MOVES or any(k is None or k.rows is None for k in known[:count]):
            return None
        numbers = [_numbers(k.rows, np.shape(a)) for k, a in zip(known, args[:count], strict=False) if k and k.rows]
        return self._rows_of(getattr(self.recording.world, name)(*numbers, *args[count:], **params))

    def _rows_of(self, numbers: Any) -> Rows | None:
        """The rows of a result whose entries belong to these examples; None where they differ along several axes."""
        if not numbers.size:
            return None
        if np.all(numbers == numbers.flat[0]):
            return self._rows(None, numbers.ravel()[:1].copy())
        for axis in range(numbers.ndim):
            line = np.moveaxis(numbers, axis, 0).reshape(numbers.shape[axis], -1)[:, 0].copy()
            if np.all(numbers == _numbers(Rows(axis, line), numbers.shape)):
                return self._rows(axis, line)
        return None

    def _tested(self, known: Known, value: Any) -> Known:
        """With rows, if exactly one axis of the value is permuted as its rows were, and these are of one part of the batch."""
        if len(known.of) != 1 or known.again is None or not isinstance(value, np.ndarray):
            return known
        numbers, turn = self.orders[next(iter(known.of))]
        axes = [
            k
            for k, n in enumerate(value.shape)
            if n == len(numbers) > 1 and _same(known.again, np.take(value, turn, k))
        ]
        return known._replace(rows=Rows(axes[0], numbers)) if len(axes) == 1 else known

    # ------------------------------------------------------------------------------------------------ rows and arrays

    def _rows(self, axis: int | None, numbers: Any) -> Rows:
        rows = Rows(axis, numbers)
        if rows.key not in self.orders:  # of each part of the batch its own order, so that none is taken for another
            turn = np.random.default_rng(zlib.crc32(rows.key)).permutation(len(numbers))
            same = bool(np.all(turn == np.arange(len(turn))))
            self.orders[rows.key] = numbers, np.roll(turn, 1) if same else turn
        return rows

    def _turned(self, value: Any, rows: Rows) -> Any:
        return value if rows.axis is None else np.take(value, self.orders[rows.key][1], rows.axis)

    def _keep(self, value: Any, known: Known) -> None:
        if not isinstance(value, tuple):
            self.arrays[id(value)] = known
            if known.again is not None and np.ndim(value):
                self.shaped.setdefault(value.shape, []).append((value, known))
            return
        for k, part in enumerate(value):
            found = known._replace(again=None if known.again is None else known.again[k])
            self.arrays[id(part)] = found if found.rows is not None else self._tested(found, part)

    def _seen(self, arg: Any) -> Known | None:
        """A constant that is the batch, a view of it, or was computed from it under the trace."""
        if not isinstance(arg, np.ndarray):
            return None
        if id(arg) in self.arrays:
            return self.arrays[id(arg)]
        for data, known in self.given:
            if np.may_share_memory(arg, data) and (found := self._view(arg, data, known)) is not None:
                return found
        for data, known in self.shaped.get(arg.shape, ()):  # in the dtype in which it is computed with
            if (
                arg.dtype != data.dtype
                and np.can_cast(data.dtype, arg.dtype, "same_kind")
                and np.array_equal(arg, data)
            ):
                return known._replace(again=known.again.astype(arg.dtype))
        return None

    def _view(self, arg: Any, data: Any, known: Known) -> Known | None:
        (begin, end), (low, high) = map(np.lib.array_utils.byte_bounds, (data, arg))
        offset = _address(arg) - _address(data)
        if (offset, arg.shape, arg.strides) == (0, data.shape, data.strides):
            return known
        if not (data.flags.c_contiguous and arg.dtype == data.dtype and begin <= low and high <= end):
            return None
        assert known.rows is not None
        numbers = np.ascontiguousarray(_numbers(known.rows, data.shape))
        size, wide = data.itemsize, numbers.itemsize
        steps = tuple(step // size * wide for step in arg.strides)
        rows = self._rows_of(np.ndarray(arg.shape, numbers.dtype, numbers.data, offset // size * wide, steps))
        if rows is not None:
            return known._replace(again=self._turned(arg, rows), rows=rows, of=frozenset([rows.key]))
        again = np.ndarray(arg.shape, arg.dtype, np.ascontiguousarray(known.again).data, offset, arg.strides)
        return known._replace(again=again, rows=None)


def _joined(known: Sequence[Known]) -> Known | None:
    """Of whatever was computed from these: from which examples."""
    if not known:
        return None
    of = frozenset[bytes]().union(*(k.of for k in known))
    return Known(None, None, of, frozenset[int]().union(*(k.given for k in known)))


def _aligned(args: Sequence[Any], known: Sequence[Known | None], ndim: int) -> Rows | None:
    """The rows that all arguments have that are of the batch, where they meet entry by entry."""
    found = []
    for arg, k in zip(args, known, strict=True):
        if k is None:
            continue
        if k.rows is None:
            return None
        axis = None if k.rows.axis is None else k.rows.axis + ndim - np.ndim(arg)
        found.append(Rows(axis, k.rows.numbers))
    return found[0] if all((r.axis, r.key) == (found[0].axis, found[0].key) for r in found) else None


def _numbers(rows: Rows, shape: tuple[int, ...]) -> Any:
    """The example of each entry."""
    line = rows.numbers if rows.axis is None else rows.numbers.reshape(-1, *[1] * (len(shape) - rows.axis - 1))
    return np.broadcast_to(line, shape)


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
