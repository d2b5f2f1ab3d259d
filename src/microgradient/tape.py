"""The tape: what an operation leaves behind so that it can be differentiated, and the sweeps over it.

A tape is a graph of `Node`s, held alive by the tensors computed from it. Nodes refer to data and to parent nodes, never
to tensors: there are no reference cycles, and memory goes back when the loss goes out of scope. `seq` grows with every
node, so descending `seq` is a topological order and no sweep recurses.

Both sweeps apply the rows of the rulebook. They run on raw arrays with `xp = ARRAY`; where the sweep itself is to be
differentiated, they run on Tensors with `xp` the Tensor functions, rebuilt by `wrap` from (saved datum, node).
"""

from __future__ import annotations

import functools
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from operator import attrgetter
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from . import trace_hooks
from .errors import GradientError, ShapeError, format_location, user_location
from .in_place import WRITTEN, refuse_written
from .in_place import next_seq as next_seq
from .primitives import TABLE, Primitive, World
from .rules import unbroadcast
from .tensor_hooks import ON_CONTRIBUTIONS, ON_COTANGENT, added
from .trace_hooks import looks


class Node:
    """One operation on the tape: the primitive, where its arguments came from, and what its rule will read.

    `parents` holds a node per argument, None for constants. `saved` is (y, a, b, ...), None where the rule does not
    read it. A leaf has no `op`. `grad` accumulates in leaves and in nodes asked to keep it; NOT_STORED elsewhere. `summed`
    exists with a gradient: how many backward passes it is the sum of, how many of them a step has used, and how many steps
    optimisers had taken when the second came. `called` exists where the node is the result of a function of `torch`, which may
    be several operations (see `torch.graph`).
    """

    __slots__ = (
        "__weakref__", "called", "dtype", "op", "params", "parents", "saved", "seq", "shape", "stored", "summed"
    )  # fmt: skip
    summed: tuple[int, int, int]
    called: tuple[str, bool, int]

    def __init__(
        self,
        op: Primitive | None,
        parents: tuple[Node | None, ...],
        saved: tuple[Any, ...],
        params: dict[str, Any],
        shape: Any,
        dtype: Any,
    ) -> None:
        self.op = op
        self.parents = parents
        self.saved = saved
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.seq = next_seq()
        self.stored: Any = NOT_STORED

    @property
    def grad(self) -> Any:
        """The gradient, as `stored` has it; while something is traced, what the trace knows of it."""
        hook = trace_hooks.hook
        found = self.stored if hook is None else hook.read_grad(self)
        looks[0] += 1  # only now: until then, whoever looks holds `found`, which is counted
        return found

    @grad.setter
    def grad(self, value: Any) -> None:
        hook = trace_hooks.hook
        if hook is None:
            self.stored = value
        else:
            hook.write_grad(self, value)
        looks[0] += 1

    @property
    def ndim(self) -> int:
        """Number of axes of the value computed here."""
        return len(self.shape)

    def __repr__(self) -> str:
        name = "leaf" if self.op is None else self.op.name
        return f"<Node {self.seq} {name} {self.shape}>"


class Shaped(NamedTuple):
    """Shape and dtype of a constant argument whose values no rule reads."""

    shape: tuple[int, ...]
    dtype: Any

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


class Spent(NamedTuple):
    """Takes the place of `Node.saved` after a backward pass that released it; says where that was."""

    location: tuple[str, int]


NOT_STORED = object()
"""Marks a node whose gradient is not kept."""
NO_PARAMS: dict[str, Any] = {}
PICK = TABLE["pick"]


class Recorder:
    """Decides that operations are taped. A subclass may also look at each one (see `explain.trace`)."""

    def record(self, node: Node, args: Sequence[Any], y: Any) -> None:
        """Called for each taped operation, but not on TAPE itself."""

    def record_constant(self, op: Primitive, args: Sequence[Any], params: dict[str, Any], y: Any) -> None:
        """Called for each operation that is not taped, because none of its arguments needs a gradient; not on TAPE itself."""

    def note_cut(self, node: Node, cut: Cut) -> None:
        """Called where the value of `node` is used as a constant."""

    def note_update(self, optimizer: Any, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Called before an optimiser updates the tensor `p`."""

    def note_clip(self, p: Any, grad: Any, scale: Any, norm: Any) -> None:
        """Called where the gradient of the tensor `p` has become `scale` times `grad`, because all together had that norm."""

    def note_constant(self, node: Node, cut: Cut) -> None:
        """Called where an argument of `node`, or the leaf that it is, is a constant that had a gradient before `cut`."""


TAPE = Recorder()
recording: ContextVar[Recorder | None] = ContextVar("recording", default=TAPE)
"""TAPE: operations are taped where an argument needs a gradient. None: nothing is (no_grad). Else: an observer."""


class no_grad:  # noqa: N801 (PyTorch's name)
    """Under `with mg.no_grad():`, or in a function decorated with `@mg.no_grad()`, operations leave no tape.

    >>> import microgradient as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> with mg.no_grad():
    ...     print((w * 2).requires_grad)
    False
    """

    _mode: Recorder | None = None

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if function is None else cls()(function)  # @no_grad, without brackets

    def __init__(self) -> None:
        self._tokens: list[tuple[Any, Any]] = []

    def __enter__(self) -> None:
        here = Cut("mg.no_grad()", user_location())
        self._tokens.append((recording.set(self._mode), _silenced.set(here)))

    def __exit__(self, *_: object) -> None:
        recorder, cut = self._tokens.pop()
        recording.reset(recorder)
        _silenced.reset(cut)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def decorated(*args: Any, **options: Any) -> Any:
            with type(self)():
                return function(*args, **options)

        return decorated


class enable_grad(no_grad):  # noqa: N801 (PyTorch's name)
    """The opposite of `no_grad`, to record inside it.

    >>> import microgradient as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> with mg.no_grad():
    ...     with mg.enable_grad():
    ...         y = x * x
    >>> y.requires_grad
    True
    """

    _mode = TAPE


def is_grad_enabled() -> bool:
    """Whether operations are being recorded.

    >>> import microgradient as mg
    >>> with mg.no_grad():
    ...     mg.is_grad_enabled()
    False
    """
    return recording.get() is not None


class Cut(NamedTuple):
    """Where a tensor that had a gradient became a constant. The constant carries it, and so does what is computed from that.

    `seq` tells when, and `leaves` the leaves of the tensor, where they are few operations away.
    """

    what: str
    where: tuple[str, int]
    seq: int = 0
    leaves: tuple[weakref.ref[Node], ...] = ()

    def __str__(self) -> str:
        return f"{self.what} at {format_location(self.where)}"


_NEAR = 64  # nodes between a number that was taken out of the graph and a leaf that may miss a gradient for it
_silenced: ContextVar[Cut | None] = ContextVar("no_grad", default=None)
DEPARTED: deque[Cut] = deque(maxlen=16)
"""The last conversions of tensors to numbers and arrays, which can't carry a cut, and of uses of functions that are flat."""


def cut(tensor: Any, what: str) -> Cut | None:
    """The cut that a constant computed from `tensor` by `what` carries: a new one if `tensor` has a gradient."""
    node, recorder = tensor.node, recording.get()
    if node is None:
        found: Cut | None = tensor.cut
        return found
    if recorder is None:
        return _silenced.get()
    new = Cut(what, user_location())
    recorder.note_cut(node, new)
    return new


transforming = [0]  # how many functions are being run by a transform, in all threads


def leave_graph(tensor: Any, what: str) -> None:
    """Remember that `tensor` became numbers by `what`, if it had a gradient."""
    if tensor.node is None or (recorder := recording.get()) is None:
        return
    seen, todo = {tensor.node}, [tensor.node]
    while todo and len(seen) <= _NEAR:
        new = {p for p in todo.pop().parents if p is not None and p not in seen}
        seen |= new
        todo += new
    leaves = [weakref.ref(node) for node in seen if node.op is None] if not todo else []
    DEPARTED.append(Cut(what, user_location(), next_seq(), tuple(leaves)))
    recorder.note_cut(tensor.node, DEPARTED[-1])


_last_root: list[weakref.ref[Any]] = []


def note_backward(root: Any) -> None:
    """Remember, weakly, what was differentiated last: the `L` in the explanation of a gradient."""
    _last_root[:] = [weakref.ref(root)]


def last_backward() -> Any:
    """The node or Value that was differentiated last, None if there is none or it is gone."""
    return _last_root[0]() if _last_root else None


Observer = Callable[[Node, int, Any, Any], None]
"""Called as observe(node, i, upstream, contribution) for every edge of a backward sweep."""


def topological(roots: Iterable[Node], since: int = -1) -> list[Node]:
    """The nodes made after number `since` that `roots` were computed from, latest first."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent not in seen and parent.seq > since:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("seq"), reverse=True)


def backward(
    order: Sequence[Node],
    cotangents: dict[Node, Any],
    xp: World,
    wrap: Callable[[Any, Node | None], Any] | None = None,
    spent: Spent | None = None,
    observe: Observer | None = None,
) -> dict[Node, Any]:
    """The backward sweep: carry `cotangents` of the roots to the leaves, and return those of the leaves.

    `order` is topological and bounds the sweep: nodes outside it receive nothing, a node in it without an `op`, or
    without a parent in it, is a leaf. With `spent`, what each node saved is released as soon as it has been used. With
    `observe`, the cotangents of all nodes are returned.
    """
    grads = dict(cotangents)
    leaves: dict[Node, Any] = {}
    members = set(order)
    hooked, intercepted = (bool(ON_COTANGENT), bool(ON_CONTRIBUTIONS)) if added[0] else (False, False)
    for node in order:
        t = grads.pop(node, None)
        if t is None:
            continue
        if hooked and node in ON_COTANGENT:
            for hook in ON_COTANGENT[node]:
                t = hook(t)
        op, parents = node.op, node.parents
        if op is None or members.isdisjoint(parents):
            leaves[node] = t
            continue
        if node.stored is not NOT_STORED or observe is not None:
            leaves[node] = t
        saved = node.saved
        if saved.__class__ is Spent:
            raise _already_spent(saved, order)
        if WRITTEN:
            refuse_written(node, op.name)
        contributions = _contributions(node, op, t, saved, xp, wrap)
        if intercepted and node in ON_CONTRIBUTIONS:
            contributions = _through_hooks(node, t, contributions, xp)
        if spent is not None:
            node.saved = spent
        for i, g in enumerate(contributions):
            parent = parents[i]
            if g is None or parent is None or parent not in members:
                continue
            shape = parent.shape
            if shape is not None:
                if g.shape != shape:
                    g = _unbroadcast(xp, g, parent)
                if g.dtype is not parent.dtype and g.dtype != parent.dtype:
                    g = _in_dtype(xp, g, parent.dtype)
            if observe is not None:
                observe(node, i, t, g)
            if parent not in grads:
                grads[parent] = g
            else:
                _add(grads, parent, g)
    return leaves


def _add(grads: dict[Node, Any], node: Node, g: Any) -> None:
    """Add `g` to what has arrived at `node`: in the same memory if it is a large array that nothing else holds."""
    if node.shape is None:
        both = zip(grads[node], g, strict=True)
        grads[node] = tuple(p if q is None else q if p is None else p + q for p, q in both)
    elif getrefcount(grads[node]) == _ALONE and _is_large(grads[node]):
        grads[node] += g
    else:
        grads[node] = grads[node] + g


def _is_large(t: Any) -> bool:
    return t.__class__ is np.ndarray and t.size > _LARGE and t.base is None and bool(t.flags.writeable)


_LARGE = 4096  # entries for which new memory costs more than to ask for it
_probe = {0: np.zeros(1)}
_ALONE = getrefcount(_probe[0])  # what Python counts for an array that nothing but a dictionary holds


def forward(
    order: Sequence[Node], tangents: dict[Node, Any], xp: World, wrap: Callable[[Any, Node | None], Any] | None = None
) -> dict[Node, Any]:
    """The forward sweep: carry `tangents` of some nodes along the tape, and return those of every node that varies."""
    moved = dict(tangents)
    for node in reversed(order):
        op = node.op
        if op is None or node in tangents:
            continue
        incoming = [None if parent is None else moved.get(parent) for parent in node.parents]
        if all(t is None for t in incoming):
            continue
        if node.saved.__class__ is Spent:
            raise _already_spent(node.saved, order)
        y, args = _operands(node, node.saved, wrap)
        t = op.jvp(xp, incoming, y, args, node.params)
        if node.shape is not None:
            if t.shape != node.shape:
                t = xp.broadcast_to(t, shape=node.shape)
            if t.dtype != node.dtype:
                t = _in_dtype(xp, t, node.dtype)
        moved[node] = t
    return moved


def _contributions(node: Node, op: Primitive, t: Any, saved: tuple[Any, ...], xp: World, wrap: Any) -> Sequence[Any]:
    """What `node` sends to each of its parents when `t` arrives."""
    if op.passes:
        return [t] * len(node.parents)
    if op.kind == "pointwise" and wrap is None:
        maps, parents, params = op.maps, node.parents, node.params
        if len(parents) == 1:
            return (maps[0](xp, t, *saved, **params),)  # type: ignore[misc]
        if len(parents) == 2 and not params:
            p, q = parents
            y, a, b = saved
            return (
                None if p is None else maps[0](xp, t, y, a, b),  # type: ignore[misc]
                None if q is None else maps[1](xp, t, y, a, b),  # type: ignore[misc]
            )
    y, args = _operands(node, saved, wrap)
    return op.vjp(xp, t, y, args, [p is not None for p in node.parents], node.params)


def _operands(node: Node, saved: tuple[Any, ...], wrap: Any) -> tuple[Any, list[Any]]:
    """y and the arguments as a rule gets them: the datum where it was saved, else something that has its shape."""
    y = saved[0]
    if wrap is None:
        return y, [p if s is None else s for s, p in zip(saved[1:], node.parents, strict=True)]
    if isinstance(y, tuple):
        y = tuple(wrap(part, picked(node, i, part, len(y))) for i, part in enumerate(y))
    elif y is not None:
        y = wrap(y, node)
    return y, [p if s is None else wrap(s, p) for s, p in zip(saved[1:], node.parents, strict=True)]


def picked(node: Node, i: int, part: Any, n: int) -> Node:
    """The node of result `i` of `n` of a primitive with several results."""
    return Node(PICK, (node,), (None, None), {"i": i, "n": n}, part.shape, part.dtype)


def _through_hooks(node: Node, t: Any, contributions: Sequence[Any], xp: World) -> Sequence[Any]:
    """What the hooks of a node let pass of what it sends to its parents, in the shapes of these."""
    found: Sequence[Any] = [
        g if g is None or p is None or p.shape is None else _unbroadcast(xp, g, p)
        for g, p in zip(contributions, node.parents, strict=True)
    ]
    for hook in ON_CONTRIBUTIONS[node]:
        found = hook(t, found)
    return found


def _in_dtype(xp: World, g: Any, dtype: Any) -> Any:
    """`g` in the dtype of what it arrives at; a real number takes the real part."""
    if g.dtype.kind == "c" and dtype.kind != "c":
        g = xp.real(g)
    return g if g.dtype == dtype else xp.astype(g, dtype=dtype)


def _unbroadcast(xp: World, g: Any, parent: Node) -> Any:
    try:
        return unbroadcast(xp, g, parent.shape)
    except (ValueError, IndexError):
        raise ShapeError(
            "MG122",
            f"A gradient of shape {g.shape} arrived at a tensor that had shape {parent.shape}: its `.data` was replaced by an "
            "array of another shape. Make a new tensor with `requires_grad=True` instead, and give it to the optimiser.",
        ) from None


def _already_spent(saved: Spent, order: Sequence[Node]) -> GradientError:
    from .gradients import already_differentiated

    return already_differentiated(saved, order)
