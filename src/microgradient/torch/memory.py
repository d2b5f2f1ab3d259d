"""Tensors that share memory, and writing in place.

Where nothing is recorded, a view is a view of NumPy's, and what is written through one tensor is seen through all that share its
memory. Where a gradient is recorded (or a program traced), the arrays stay as they are, since rules will read them, and names get
new values: the tensor that owns the memory, its **base**, is computed anew by `index_set`, and every view of it by the function
that made it a view. Either way all of them see the same numbers, with their derivatives.

An array that was written in place and that a rule is going to read would give wrong gradients: `in_place.WRITTEN` remembers it,
and the backward sweep refuses, as PyTorch's does.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import array_world, trace_hooks
from ..errors import DTypeError, GradientError, ShapeError
from ..in_place import note_written
from ..operators import run_kernel, wrap
from ..rules import INDEX
from ..tape import recording
from ..taped_world import TAPED
from ..tensor import Tensor as Base

if TYPE_CHECKING:
    from .tensor import Tensor

Replay = Callable[[Any], Any]


class View(NamedTuple):
    """How a tensor shares the memory of another: its base, the function that makes it of that, whether this cuts the graph.

    `unwatched`: what is written through it is not refused where a rule will read it, as PyTorch's of `.data`.
    """

    base: Tensor
    replay: Replay
    cut: bool
    unwatched: bool


def share(view: Tensor, source: Tensor, replay: Replay, cut: bool = False, unwatched: bool = False) -> Tensor:
    """Note that `view`, which is `replay(source)`, shares the memory of `source`. Returns `view`."""
    base, first = source, source._view
    if first is not None:
        base = first.base
        then, before = replay, first.replay
        replay, cut, unwatched = lambda b: then(before(b)), cut or first.cut, unwatched or first.unwatched
    view._view = View(base, replay, cut, unwatched)
    _make_writeable(view, source)
    views = base._views
    if views is None:
        views = base._views = weakref.WeakValueDictionary()  # by id: tensors compare entry by entry
    views[id(view)] = view
    return view


def _make_writeable(view: Tensor, source: Tensor) -> None:
    """NumPy's broadcasts and windows are read-only, also where each entry has its own place in memory."""
    v, a = view.raw, source.raw
    if v.__class__ is not np.ndarray or v.flags.writeable or a.__class__ is not np.ndarray or not a.flags.writeable:
        return
    if (
        v.size == a.size
        and v.ctypes.data == a.ctypes.data
        and all(v.strides[i] for i, n in enumerate(v.shape) if n > 1)
    ):
        view.raw = np.lib.stride_tricks.as_strided(a, v.shape, v.strides)


def shares(view: Any, source: Any) -> bool:
    """Whether the data of `view` lie in the memory of those of `source`; in a trace, whether they would."""
    a, b = view.raw, source.raw
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return bool(a.size) and np.may_share_memory(a, b)
    return True


def apart(y: Any, sources: Iterable[Any]) -> None:
    """Give the result of a function that makes no view memory of its own, where NumPy's is a view of one of the arguments."""
    raw = y.raw
    if raw.__class__ is not np.ndarray or raw.base is None or any(x is y for x in sources):
        return
    arrays = [x.raw for x in sources if isinstance(x, Base) and x.raw.__class__ is np.ndarray]
    if not raw.flags.writeable or any(np.may_share_memory(raw, a) for a in arrays):
        y.raw = raw.copy()


def write(x: Tensor, new: Any, what: str = "an operation in place") -> Tensor:
    """Give `x`, and all that shares its memory, the values `new`, which is broadcast to its shape. Returns `x`.

    Raises GradientError for a leaf that requires a gradient while operations are recorded, ShapeError and DTypeError where the
    values don't fit.
    """
    new = _fitting(x, new)
    base = _base(x)
    recorded = recording.get() is not None
    if recorded and x._view is not None and x._view.cut:
        token = recording.set(None)  # what its base is computed from has nothing to do with it
        try:
            write(x, new, what)
        finally:
            recording.reset(token)
        x.node = new.node
        return x
    if recorded and base.node is not None and base.node.op is None:
        raise _leaf_error(what, "a leaf" if base is x else "a view of a leaf")
    taped = recorded and (new.node is not None or x.node is not None or base.node is not None)
    if not taped and trace_hooks.current() is None:
        _check_writeable(x)
        run_kernel(np.copyto, x.datum, new.datum)
        _note_written(x)
    elif base is x:
        _rebind(x, new)
    else:
        values, places = TAPED.reshape(new, shape=(x.raw.size,)), _places(x, base)
        flat = TAPED.reshape(base, shape=(base.raw.size,))
        _rebind(base, TAPED.reshape(TAPED.index_set(flat, values, places, key=(INDEX,)), shape=tuple(base.shape)))
    return x


def become(x: Tensor, replay: Replay, what: str) -> Tensor:
    """Let `x` be the view `replay(x)` of what it was, which its views stay views of. Returns `x`."""
    leaf = x.node is not None and x.node.op is None
    if leaf and recording.get() is not None:
        raise _leaf_error(what, "a leaf")
    old: Tensor = wrap(x.raw, x.node, x.cut, x.result_class)
    old._view, old._views = x._view, x._views
    for view in list((x._views or {}).values()):
        view._view = view._view._replace(base=old)
    y = replay(old)
    x.raw, x._view, x._views = y.raw, None, None
    if not leaf:
        x.node, x.cut = y.node, y.cut
    else:
        x.node.shape = x.raw.shape  # type: ignore[union-attr]
    return share(x, old, replay, cut=leaf)


def _leaf_error(what: str, leaf: str) -> GradientError:
    return GradientError(
        "MG104",
        f"{what} would change {leaf} that requires a gradient while operations are recorded (PyTorch: a leaf Variable that "
        "requires grad is being used in an in-place operation). Write it under `with torch.no_grad():`, or to a copy: "
        "`x = x.clone()`.",
    )


def _places(view: Any, base: Tensor) -> Any:
    """Where the entries of `view` lie among those of `base`, both in C order."""
    token, recorder = trace_hooks.active.set(None), recording.set(None)
    try:
        numbers = wrap(np.arange(base.raw.size).reshape(tuple(base.shape)), None, None, base.result_class)
        return view._view.replay(numbers).datum.reshape(-1)
    finally:
        recording.reset(recorder)
        trace_hooks.active.reset(token)


def _rebind(base: Tensor, new: Any) -> None:
    """Let `base` be `new`, and its views be computed from it again."""
    base.raw = new.raw.copy() if isinstance(new.raw, np.ndarray) else new.raw  # which may be that of another tensor
    if recording.get() is not None:
        base.node, base.cut = new.node, new.cut
    for view in list((base._views or {}).values()):
        again = view._view.replay(base)
        view.raw = again.raw
        if recording.get() is not None:
            view.node, view.cut = again.node, again.cut


def _fitting(x: Tensor, new: Any) -> Any:
    """`new` in the dtype and shape of `x`."""
    kind, wanted = new.raw.dtype, x.raw.dtype
    if kind != wanted:
        if "biufc".index(kind.kind.replace("u", "i")) > "biufc".index(wanted.kind.replace("u", "i")):
            raise ResultTypeError(
                "MG141", f"Values of dtype torch.{kind} can't be put into a tensor of dtype torch.{wanted}."
            )
        new = TAPED.astype(new, dtype=wanted)
    if tuple(new.shape) != tuple(x.shape):
        try:
            new = TAPED.broadcast_to(new, shape=tuple(x.shape))
        except ValueError:
            raise ShapeError(
                "MG121",
                f"Values of shape {tuple(new.shape)} don't fit in place into a tensor of shape {tuple(x.shape)}.",
            ) from None
    return new


class ResultTypeError(DTypeError, RuntimeError):
    """A result that the tensor it is written to can't hold."""


def _check_writeable(x: Tensor) -> None:
    if not x.datum.flags.writeable:
        raise GradientError(
            "MG111", "Several entries of this expanded tensor are one number in memory, or its memory is read-only: write to a "
            "copy, `x = x.clone()`.",
        )  # fmt: skip


def assign(x: Tensor, pattern: Any, indices: list[Any], value: Any) -> None:
    """`x[key] = value`, in place."""
    recorded = recording.get() is not None
    plain = trace_hooks.current() is None and not (
        recorded and (x.node is not None or value.node is not None or _base(x).node)
    )
    if plain:
        _check_writeable(x)
        run_kernel(array_world.assign, x.datum, value.datum, *indices, key=pattern)
        _note_written(x)
        return
    write(x, TAPED.index_set(x, value, *indices, key=pattern), "`x[i] = …`")


def _note_written(x: Tensor) -> None:
    note_written(x.datum, refused=x._view is None or not x._view.unwatched)


def _base(x: Tensor) -> Tensor:
    return x if x._view is None else x._view.base
