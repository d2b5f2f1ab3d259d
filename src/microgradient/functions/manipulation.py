"""Functions that move entries: shapes, axes, joining and splitting."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..indexing import shape_tuple
from ..rules import INDEX
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import note_lengths_told, whole_value
from .arguments import ArrayLike, as_dtype, as_tensor, as_tensors, axes_of, one_axis, stacked

__all__ = [
    "broadcast_arrays", "broadcast_shapes", "broadcast_to", "concat", "expand_dims", "flatten", "flip", "moveaxis",
    "pad", "permute_dims", "repeat", "reshape", "roll", "split", "squeeze", "stack", "tile", "unstack",
]  # fmt: skip


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to. Raises ShapeError if they don't.

    >>> import microgradient as mg
    >>> mg.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            "MG120",
            f"The shapes {', '.join(map(str, shapes))} don't broadcast: aligned from the right, lengths must be equal or 1.",
        ) from None


def broadcast_to(x: ArrayLike, /, shape: tuple[int, ...]) -> Tensor:
    """`x` repeated to `shape`. Raises ShapeError if it does not broadcast to it.

    >>> import microgradient as mg
    >>> mg.broadcast_to(mg.asarray([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    x, target = as_tensor(x), shape_tuple(shape)
    try:
        return xp.broadcast_to(x, shape=target)
    except ValueError:
        raise ShapeError(
            "MG120",
            f"The shape {x.shape} does not broadcast to {target}: aligned from the right, lengths must be equal or 1.",
        ) from None


def broadcast_arrays(*arrays: ArrayLike) -> tuple[Tensor, ...]:
    """The arrays, each repeated to the shape that they broadcast to.

    >>> import microgradient as mg
    >>> mg.broadcast_arrays(mg.asarray([1, 2]), mg.asarray(0))
    (tensor([1, 2]), tensor([0, 0]))
    """
    tensors = [as_tensor(a) for a in arrays]
    shape = broadcast_shapes(*(t.shape for t in tensors))
    return tuple(broadcast_to(t, shape) for t in tensors)


def concat(arrays: Sequence[ArrayLike], /, *, axis: int | None = 0) -> Tensor:
    """The arrays joined along an axis they have; flattened first if `axis` is None. Dtypes promote.

    >>> import microgradient as mg
    >>> mg.concat([mg.asarray([1, 2]), mg.asarray([3])])
    tensor([1, 2, 3])
    """
    tensors = as_tensors(arrays)
    if axis is None:
        tensors, axis = [reshape(t, (-1,)) for t in tensors], 0
    i = one_axis(axis, tensors[0].ndim)
    try:
        return xp.concat(*tensors, axis=i)
    except ValueError:
        shapes = ", ".join(str(t.shape) for t in tensors)
        raise ShapeError(
            "MG120", f"Arrays to concatenate along axis {i} may differ along it only; these have shapes {shapes}."
        ) from None


def stack(arrays: Sequence[ArrayLike], /, *, axis: int = 0) -> Tensor:
    """The arrays, of one shape, joined along a new axis.

    >>> import microgradient as mg
    >>> mg.stack([mg.asarray([1, 2]), mg.asarray([3, 4])], axis=1)
    tensor([[1, 3],
            [2, 4]])
    """
    return stacked(as_tensors(arrays), axis)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices of `x` along `axis`: what `stack` would join again.

    >>> import microgradient as mg
    >>> mg.unstack(mg.asarray([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    x = as_tensor(x)
    i = one_axis(axis, x.ndim)
    note_lengths_told(x)
    return tuple(x[(slice(None),) * i + (k,)] for k in range(x.shape[i]))


def split(
    x: ArrayLike, /, *unsaid: Any, sections: int | None = None, indices: Sequence[int] | None = None, axis: int = 0
) -> tuple[Tensor, ...]:
    """`x` cut along `axis` into `sections` equal parts, or before each of the `indices`.

    Raises ShapeError if the parts can't be equal, ArgumentTypeError for a number or list that doesn't say what it is.

    >>> import microgradient as mg
    >>> mg.split(mg.arange(4), sections=2)
    (tensor([0, 1]), tensor([2, 3]))
    >>> mg.split(mg.arange(4), indices=[1])
    (tensor([0]), tensor([1, 2, 3]))
    """
    if unsaid or (sections is None) is (indices is None):
        raise ArgumentTypeError(
            "MG125", "mg.split: NumPy takes the number of parts or where to cut, PyTorch how long the parts are. Write "
            "`mg.split(x, sections=2)` for two parts, `mg.split(x, indices=[2, 5])` for cuts before entries 2 and 5.",
        )  # fmt: skip
    x = as_tensor(x)
    i = one_axis(axis, x.ndim)
    n = x.shape[i]
    if sections is None:
        cuts = [operator.index(k) for k in cast("Sequence[int]", indices)]
    else:
        parts = operator.index(sections)
        if parts < 1 or n % parts:
            raise ShapeError("MG120", f"Axis {i} of length {n} can't be cut into {parts} equal parts.")
        cuts = list(range(n // parts, n, n // parts)) if n else [0] * (parts - 1)
    edges = zip([0, *cuts], [*cuts, None], strict=True)
    return tuple(x[(slice(None),) * i + (slice(a, b),)] for a, b in edges)


def expand_dims(x: ArrayLike, /, axis: int | tuple[int, ...]) -> Tensor:
    """`x` with new axes of length 1, which have the numbers `axis` in the result.

    >>> import microgradient as mg
    >>> mg.expand_dims(mg.asarray([1, 2]), axis=1).shape
    (2, 1)
    """
    x = as_tensor(x)
    ndim = x.ndim + (len(axis) if isinstance(axis, tuple | list) else 1)
    axes = axes_of(axis, ndim)
    rest = iter(x.shape)
    return xp.reshape(x, shape=tuple(1 if i in axes else next(rest) for i in range(ndim)))


def squeeze(x: ArrayLike, /, axis: int | tuple[int, ...]) -> Tensor:
    """`x` without the given axes, which must have length 1.

    >>> import microgradient as mg
    >>> mg.squeeze(mg.asarray([[1], [2]]), axis=1)
    tensor([1, 2])
    """
    x = as_tensor(x)
    axes = axes_of(axis, x.ndim)
    if any(x.shape[i] != 1 for i in axes):
        raise ShapeError("MG120", f"Only axes of length 1 can be squeezed, not {axes} of the shape {x.shape}.")
    return xp.reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if i not in axes))


def reshape(x: ArrayLike, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The entries of `x`, in order, in another shape; one length may be -1, to be found from the others.

    `copy=True` always copies, `copy=False` raises ArgumentError where that is needed. ShapeError if the sizes differ.

    >>> import microgradient as mg
    >>> mg.reshape(mg.arange(4), (2, -1))
    tensor([[0, 1],
            [2, 3]])
    """
    x = as_tensor(x)
    target = shape_tuple(shape)
    if -1 in target and target.count(-1) == 1:
        known = -math.prod(target)
        if known > 0 and x.raw.size % known == 0:
            target = tuple(x.raw.size // known if n == -1 else n for n in target)
    if math.prod(target) != x.raw.size or (target and min(target) < 0):
        raise ShapeError(
            "MG121", f"A tensor of shape {x.shape} has {x.raw.size} entries, which don't make the shape {shape}."
        )
    out = xp.reshape(x, shape=target)
    if copy:
        out.raw = out.raw.copy()
    elif copy is False and x.raw.size and not np.shares_memory(out.raw, x.raw):
        raise ArgumentError("MG124", f"Reshaping {x.shape} to {target} needs a copy here, which copy=False forbids.")
    return out


def permute_dims(x: ArrayLike, /, axes: tuple[int, ...]) -> Tensor:
    """`x` with its axes in another order: axis i of the result is axis `axes[i]` of `x`.

    >>> import microgradient as mg
    >>> mg.permute_dims(mg.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    x = as_tensor(x)
    order = axes_of(tuple(axes), x.ndim)
    if len(order) != x.ndim:
        raise ShapeError("MG120", f"A permutation of {x.ndim} axes must name each once; this is {axes}.")
    return xp.permute_dims(x, axes=order)


def moveaxis(x: ArrayLike, source: int | tuple[int, ...], destination: int | tuple[int, ...], /) -> Tensor:
    """`x` with the axes `source` moved to the places `destination`; the others keep their order.

    >>> import microgradient as mg
    >>> mg.moveaxis(mg.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x = as_tensor(x)
    old, new = axes_of(source, x.ndim), axes_of(destination, x.ndim)
    if len(old) != len(new):
        raise ArgumentError("MG124", f"{len(old)} axes can't be moved to {len(new)} places.")
    rest = (i for i in range(x.ndim) if i not in old)
    places = dict(zip(new, old, strict=True))
    return permute_dims(x, tuple(places[i] if i in places else next(rest) for i in range(x.ndim)))


def flip(x: ArrayLike, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """`x` in reverse order along `axis`, None for all.

    >>> import microgradient as mg
    >>> mg.flip(mg.asarray([1, 2, 3]))
    tensor([3, 2, 1])
    """
    x = as_tensor(x)
    return xp.flip(x, axis=axes_of(axis, x.ndim))


def roll(x: ArrayLike, /, shift: int | tuple[int, ...], *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """`x` shifted by `shift` places along `axis`, wrapping around; for `axis` None as if it were flat.

    >>> import microgradient as mg
    >>> mg.roll(mg.asarray([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    x = as_tensor(x)
    if axis is None:
        if isinstance(shift, tuple):
            raise ArgumentError("MG124", "Several shifts need one axis each; `axis` is None.")
        return reshape(roll(reshape(x, (-1,)), shift, axis=0), x.shape)
    axes = tuple(one_axis(i, x.ndim) for i in (axis if isinstance(axis, tuple | list) else (axis,)))
    shifts = tuple(operator.index(s) for s in (shift if isinstance(shift, tuple | list) else (shift,) * len(axes)))
    if len(shifts) != len(axes):
        raise ArgumentError("MG124", f"{len(shifts)} shifts can't go along {len(axes)} axes.")
    return xp.roll(x, shift=shifts, axis=axes)


def repeat(x: ArrayLike, repeats: int | ArrayLike, /, *, axis: int | None = None) -> Tensor:
    """Each entry along `axis` (None: of the flattened `x`) repeated `repeats` times, an integer or one for each.

    >>> import microgradient as mg
    >>> mg.repeat(mg.asarray([1, 2]), mg.asarray([2, 1]))
    tensor([1, 1, 2])
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    i = one_axis(axis, x.ndim)
    counts = whole_value(repeats.raw, "repeat") if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.dtype.kind not in "iu" or np.any(counts < 0):
        raise ArgumentError("MG124", f"Repeats must be integers of at least 0; these are {counts}.")
    if counts.shape not in ((), (1,), (x.shape[i],)):
        raise ShapeError(
            "MG120", f"Axis {i} of length {x.shape[i]} needs as many repeats; these have shape {counts.shape}."
        )
    places = np.repeat(np.arange(x.shape[i]), counts.astype(np.int64))
    return xp.index(x, places, key=(slice(None),) * i + (INDEX,))


def tile(x: ArrayLike, repetitions: tuple[int, ...], /) -> Tensor:
    """`x` as a whole repeated `repetitions[i]` times along axis i, counted from the last; either is padded with ones.

    >>> import microgradient as mg
    >>> mg.tile(mg.asarray([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    x, times = as_tensor(x), shape_tuple(repetitions)
    ndim = len(times) if len(times) > x.ndim else x.ndim
    shape = (1,) * (ndim - x.ndim) + x.shape
    times = (1,) * (ndim - len(times)) + times
    if all(k == 1 for k in times):
        return reshape(x, shape)
    split_shape = tuple(n for length in shape for n in (1, length))
    target = tuple(n for k, length in zip(times, shape, strict=True) for n in (k, length))
    spread = broadcast_to(reshape(x, split_shape), target)
    return reshape(spread, tuple(k * length for k, length in zip(times, shape, strict=True)))


def pad(x: ArrayLike, widths: int | Sequence[Any], /, *, value: float = 0) -> Tensor:
    """`x` with `value` put around it: `widths` holds (before, after) for each axis, or is one number for all of them.

    >>> import microgradient as mg
    >>> mg.pad(mg.asarray([1, 2]), ((1, 2),))
    tensor([0, 1, 2, 0, 0])
    """
    x = as_tensor(x)
    try:
        table = np.broadcast_to(np.asarray(widths, np.int64), (x.ndim, 2)) if x.ndim else ()
        pairs = tuple((int(before), int(after)) for before, after in table)
    except ValueError:
        raise ShapeError("MG120", f"{x.ndim} axes need as many pairs (before, after), not {widths}.") from None
    if any(n < 0 for pair in pairs for n in pair):
        raise ArgumentError("MG124", f"Padding widths must not be negative; these are {widths}.")
    out = xp.pad(x, widths=pairs)
    if isinstance(value, int | float) and value == 0:
        return out
    inside = np.zeros(out.shape, np.bool_)
    inside[tuple(slice(lo, lo + n) for (lo, _), n in zip(pairs, x.shape, strict=True))] = True
    return xp.where(inside, out, as_dtype(value, x.dtype))


def flatten(x: ArrayLike, /, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """The axes from `start_axis` to `end_axis` made one. A tensor of shape () becomes one of shape (1,).

    Raises OutOfRangeError for an axis that is not there, ShapeError for two in the wrong order.

    >>> import microgradient as mg
    >>> mg.flatten(mg.zeros((2, 3, 4)), 1).shape
    (2, 12)
    """
    x = as_tensor(x)
    if not x.ndim:
        return reshape(x, (1,))
    first, last = one_axis(start_axis, x.ndim), one_axis(end_axis, x.ndim)
    if first > last:
        raise ShapeError("MG120", f"flatten can't join axes {start_axis} to {end_axis} of the shape {x.shape}.")
    return xp.reshape(x, shape=(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))
