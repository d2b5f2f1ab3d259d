"""Views: the same entries in other shapes, parts of tensors."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ShapeError
from ..functions.arguments import axes_of, one_axis
from ..indexing import shape_tuple
from ..tensor import Tensor as Base
from ..trace_hooks import note_lengths_told
from . import memory, types
from .axes import one_dim
from .function import FUNCTIONS, function
from .tensor import Tensor


def lengths(given: tuple[Any, ...]) -> tuple[int, ...]:
    """(2, 3) from f(2, 3) and from f((2, 3)) alike."""
    if (len(given) == 1 and not hasattr(given[0], "__index__")) or (
        len(given) == 1 and isinstance(given[0], list | tuple)
    ):
        return shape_tuple(given[0])
    return shape_tuple(given)


def _reshaped(input: Any, shape: tuple[int, ...], what: str) -> Any:
    size, known = input.raw.size, math.prod(n for n in shape if n != -1)
    if shape.count(-1) > 1 or any(n < -1 for n in shape):
        raise ShapeError(
            "MG121", f"{what}: only one length can be -1, the others are not negative; this is {list(shape)}."
        )
    if -1 in shape:
        if not known or size % known:
            raise ShapeError(
                "MG121", f"shape '{list(shape)}' is invalid for input of size {size}: {what} keeps the entries."
            )
        shape = tuple(size // known if n == -1 else n for n in shape)
    if math.prod(shape) != size:
        raise ShapeError(
            "MG121",
            f"shape '{list(shape)}' is invalid for input of size {size}: {what} keeps the entries of {tuple(input.shape)}.",
        )
    return mg.reshape(input, shape)


@function(view=True)
def reshape(input: Any, *lengths_: Any, shape: Any = None) -> Any:
    """The entries in another shape; one length may be -1."""
    return _reshaped(input, lengths(lengths_ if shape is None else (shape,)), "reshape")


@function(view=True, names="_unsafe_view")
def view(input: Any, *shape: Any, dtype: Any = None) -> Any:
    """The same memory in another shape, or as numbers of another dtype."""
    kind = (
        dtype
        if dtype is not None
        else shape[0]
        if len(shape) == 1 and isinstance(shape[0], types.dtype | np.dtype)
        else None
    )
    if kind is not None:
        return mg.asarray(input.raw.view(types.numpy_dtype(kind)), copy=False)
    wanted = lengths(shape)
    raw = input.raw
    if isinstance(raw, np.ndarray) and raw.size and not raw.flags.c_contiguous:
        target = _reshaped(input, wanted, "view").raw
        if not np.shares_memory(target, raw):
            raise ShapeError(
                "MG121", "view size is not compatible with input tensor's size and stride: its entries don't lie in order. "
                "Use .reshape(...) instead, or `x.contiguous()`.",
            )  # fmt: skip
    return _reshaped(input, wanted, "view")


@function(view=True)
def view_as(input: Any, other: Any) -> Any:
    """The same memory in the shape of `other`."""
    return _reshaped(input, tuple(other.shape), "view_as")


@function(view=True)
def reshape_as(input: Any, other: Any) -> Any:
    """The entries in the shape of `other`."""
    return _reshaped(input, tuple(other.shape), "reshape_as")


@function(view=True)
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Axes start_dim to end_dim as one."""
    if not input.raw.ndim:
        return mg.reshape(input, (1,))
    first, last = one_dim(start_dim, input.raw.ndim), one_dim(end_dim, input.raw.ndim)
    if first > last:
        raise ShapeError("MG124", f"flatten() has invalid args: start_dim {start_dim} comes after end_dim {end_dim}.")
    shape = input.shape
    return mg.reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@function(view=True)
def ravel(input: Any) -> Any:
    """All entries along one axis."""
    return mg.reshape(input, (-1,)) if input.raw.size else mg.reshape(input, (0,))


@function(view=True)
def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """Axis `dim` as several of lengths `sizes`."""
    i, n = one_dim(dim, input.raw.ndim), input.shape[one_dim(dim, input.raw.ndim)]
    sizes = tuple(sizes)
    if -1 in sizes:
        sizes = tuple(n // math.prod(m for m in sizes if m != -1) if s == -1 else s for s in sizes)
    if math.prod(sizes) != n:
        raise ShapeError("MG121", f"unflatten: the lengths {list(sizes)} don't make {n}, that of axis {i}.")
    return mg.reshape(input, (*input.shape[:i], *sizes, *input.shape[i + 1 :]))


@function(view=True, inplace=True)
def squeeze(input: Any, *dim: Any) -> Any:
    """Without the axes of length 1, or those of `dim` that are."""
    chosen = dim[0] if len(dim) == 1 else dim or None
    if chosen is None:
        axes: tuple[int, ...] = tuple(range(input.raw.ndim))
    else:
        axes = axes_of(tuple(chosen) if isinstance(chosen, list | tuple) else chosen, input.raw.ndim or 1)
    return mg.reshape(input, tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in axes))


@function(view=True, inplace=True)
def unsqueeze(input: Any, dim: int) -> Any:
    """With a new axis of length 1."""
    i = one_axis(dim, input.raw.ndim + 1)
    return mg.reshape(input, (*input.shape[:i], 1, *input.shape[i:]))


@function(view=True, names="swapaxes swapdims", inplace=True)
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two axes exchanged."""
    if not input.raw.ndim:
        one_dim(dim0, 0), one_dim(dim1, 0)
        return mg.reshape(input, ())
    order = list(range(input.raw.ndim))
    i, j = one_dim(dim0, len(order)), one_dim(dim1, len(order))
    order[i], order[j] = j, i
    return mg.permute_dims(input, tuple(order))


@function(view=True, inplace=True)
def t(input: Any) -> Any:
    """A matrix transposed; a vector as it is."""
    if input.raw.ndim > 2:
        raise ShapeError(
            "MG136", f"t() expects a tensor with <= 2 dimensions, but self is {input.raw.ndim}D. Write `x.mT`."
        )
    return mg.permute_dims(input, tuple(range(input.raw.ndim))[::-1])


@function(view=True)
def permute(input: Any, *order: Any, dims: Any = None) -> Any:
    """The axes in another order."""
    order = lengths(order if dims is None else (dims,))
    if len(order) != input.raw.ndim:
        raise ShapeError("MG120", f"permute: {len(order)} axes are given, the tensor has {input.raw.ndim}.")
    return mg.permute_dims(input, order)


@function(view=True, names="moveaxis")
def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other places."""
    return mg.moveaxis(input, source, destination)


@function(view=True, names="broadcast_to")
def expand(input: Any, *lengths_: Any, size: Any = None, implicit: bool = False) -> Any:
    """Axes of length 1 repeated to `size`, without taking memory; -1 keeps a length."""
    wanted = lengths(lengths_ if size is None else (size,))
    old = (1,) * (len(wanted) - input.raw.ndim) + tuple(input.shape)
    if len(wanted) < input.raw.ndim:
        raise ShapeError("MG120", f"expand: {list(wanted)} has fewer axes than the tensor, {tuple(input.shape)}.")
    return mg.broadcast_to(input, tuple(m if n == -1 else n for n, m in zip(wanted, old, strict=True)))


@function(view=True)
def expand_as(input: Any, other: Any) -> Any:
    """Axes of length 1 repeated to the shape of `other`."""
    return mg.broadcast_to(input, tuple(other.shape))


@function(view=True)
def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """The entries start … start + length - 1 along `dim`."""
    i, start = one_dim(dim, input.raw.ndim), int(start)
    n = input.shape[i]
    start = start + n if start < 0 else start
    if not 0 <= start <= n or start + length > n or length < 0:
        raise ShapeError("MG127", f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return input[(slice(None),) * i + (slice(start, start + length),)]


@function(view=True)
def select(input: Any, dim: int, index: int) -> Any:
    """The slice number `index` along `dim`, without that axis."""
    return input[(slice(None),) * one_dim(dim, input.raw.ndim) + (operator.index(index),)]


@function(view=True)
def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of two axes, as the last one."""
    i, j = one_dim(dim1, input.raw.ndim), one_dim(dim2, input.raw.ndim)
    y = mg.linalg.diagonal(mg.moveaxis(input, (i, j), (-2, -1)), offset=offset)
    if isinstance(input.raw, np.ndarray) and not memory.shares(y, input):  # rows that don't lie end to end were copied
        y.raw = np.diagonal(input.raw, offset, i, j)
        y.raw.flags.writeable = input.raw.flags.writeable
    return y


@function(view=True)
def unbind(input: Any, dim: int = 0) -> Any:
    """The slices along `dim`."""
    return mg.unstack(input, axis=one_dim(dim, input.raw.ndim))


@function(view=True)
def split(input: Any, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None) -> Any:
    """Parts of so many entries along `dim`, the last one shorter; or parts of the lengths given."""
    sizes = split_size_or_sections if split_size is None else split_size
    i = one_dim(dim, input.raw.ndim)
    n = input.shape[i]
    note_lengths_told(input)
    if not hasattr(sizes, "__index__"):
        sizes = [operator.index(s) for s in sizes]
        if sum(sizes) != n:
            raise ShapeError("MG120", f"split_with_sizes expects split_sizes to sum exactly to {n}, but got {sizes}.")
    else:
        size = operator.index(sizes)
        if size < 0 or (size == 0 and n):
            raise ShapeError("MG124", f"split expects a positive split_size, got {size}.")
        sizes = [min(size, n - k) for k in range(0, n, size)] if n else [0]
    return tuple(_part(input, i, start, start + size) for start, size in zip(_starts(sizes), sizes, strict=True))


def _starts(sizes: list[int]) -> list[int]:
    return [0, *itertools.accumulate(sizes)][:-1]


def _part(input: Any, axis: int, start: int, stop: int) -> Any:
    return mg.reshape(
        Base.__getitem__(input, (slice(None),) * axis + (slice(start, stop),)), _with(input.shape, axis, stop - start)
    )


def _with(shape: Any, axis: int, length: int) -> tuple[int, ...]:
    return tuple(length if i == axis else n for i, n in enumerate(shape))


@function(view=True, names="unsafe_split_with_sizes")
def split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> Any:
    """Parts of the lengths given."""
    return split(input, list(split_sizes), dim)


@function(view=True, names="unsafe_chunk")
def chunk(input: Any, chunks: int, dim: int = 0) -> Any:
    """At most so many parts of one length, the last one shorter."""
    if chunks < 1:
        raise ShapeError("MG124", f"chunk expects `chunks` to be greater than 0, got: {chunks}.")
    n = input.shape[one_dim(dim, input.raw.ndim)]
    size = -(-n // chunks)
    return split(input, size, dim) if n else tuple(split(input, [0] * chunks, dim))


FUNCTIONS["unsafe_split"] = split
Tensor.unsafe_split = split  # type: ignore[attr-defined]


@function(view=True)
def tensor_split(
    input: Any, indices_or_sections: Any = None, dim: int = 0, *, indices: Any = None, sections: Any = None
) -> Any:
    """So many parts, as equal as can be, or parts that begin at the indices given."""
    given = next(g for g in (indices_or_sections, indices, sections) if g is not None)
    i = one_dim(dim, input.raw.ndim)
    n = input.shape[i]
    given = given.tolist() if isinstance(given, Base) else given
    if isinstance(given, int):
        small, more = divmod(n, given)
        edges = list(itertools.accumulate([small + (k < more) for k in range(given)], initial=0))
    else:
        edges = [0, *(min(max(k + n if k < 0 else k, 0), n) for k in map(operator.index, given)), n]
    return tuple(_part(input, i, a, max(a, b)) for a, b in itertools.pairwise(edges))


def _split_along(name: str, axis: int, least: int) -> None:
    def call(input: Any, indices_or_sections: Any) -> Any:
        if input.raw.ndim < least:
            raise ShapeError(
                "MG120", f"torch.{name} requires a tensor with at least {least} dimension(s), not {input.raw.ndim}."
            )
        i = 0 if name == "hsplit" and input.raw.ndim == 1 else axis
        if isinstance(indices_or_sections, int) and input.shape[i] % indices_or_sections:
            raise ShapeError(
                "MG120", f"{name}: axis {i} of length {input.shape[i]} has no {indices_or_sections} equal parts."
            )
        return tensor_split(input, indices_or_sections, i)

    call.__name__, call.__doc__ = name, f"`tensor_split` along axis {axis}."
    function(call, view=True)


for _name, _axis, _least in (("hsplit", 1, 1), ("vsplit", 0, 2), ("dsplit", 2, 3)):
    _split_along(_name, _axis, _least)


@function(view=True)
def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of `size` entries along an axis, `step` apart, as a new last axis."""
    if not input.raw.ndim:
        return mg.reshape(input, (size,)) if size else mg.zeros((0,), dtype=input.raw.dtype)
    i = one_dim(dimension, input.raw.ndim)
    if not 0 <= size <= input.raw.shape[i] or step < 1:
        raise ShapeError(
            "MG136", f"unfold: the axis has {input.raw.shape[i]} entries: windows of {size}, {step} apart, don't fit. `size` is "
            "at most the length, and `step` at least 1.",
        )  # fmt: skip
    x = mg.windows(mg.moveaxis(input, i, -1), (size,), stride=(step,))
    return mg.moveaxis(x, -2, i)


def _attribute(name: str, doc: str, make: Any) -> None:
    make.__name__ = name
    shared = function(make, view=True, method=False)
    FUNCTIONS.pop(name)
    setattr(Tensor, name, property(lambda self: shared(self), doc=doc))


_attribute("T", "The axes in reverse order.", lambda input: mg.permute_dims(input, tuple(range(input.raw.ndim))[::-1]))
_attribute("mT", "The last two axes exchanged.", lambda input: transpose(input, -2, -1))
_attribute(
    "H",
    "A matrix, transposed and conjugated.",
    lambda input: mg.conj(transpose(input, 0, 1)) if input.raw.ndim else input,
)
_attribute("mH", "The last two axes exchanged, conjugated.", lambda input: mg.conj(transpose(input, -2, -1)))


@function
def adjoint(input: Any) -> Any:
    """The last two axes exchanged, conjugated."""
    return mg.conj(transpose(input, -2, -1))


@function(names="resolve_neg resolve_conj")
def contiguous(input: Any, memory_format: Any = None) -> Any:
    """The tensor itself if its entries lie in order in memory, else a copy."""
    if not isinstance(input.raw, np.ndarray) or input.raw.flags.c_contiguous:
        return input
    y = mg.asarray(input, copy=True)  # which keeps the order in memory
    y.raw = np.ascontiguousarray(y.raw)
    return y


@function(names="unsafe_as_strided")
def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """Any entries of the memory, by strides: gathered, so that writing to it does not reach the tensor."""
    places = (
        storage_offset
        if storage_offset is not None
        else input.storage_offset()
        if hasattr(input, "storage_offset")
        else 0
    )
    grid = np.asarray(places)
    for n, s in zip(size, stride, strict=True):
        grid = grid[..., None] + np.arange(n) * s
    if not isinstance(input.raw, np.ndarray) or not input.raw.flags.c_contiguous:
        raise ArgumentError(
            "MG124", "as_strided of a tensor whose entries don't lie in order: write `x.contiguous()` first."
        )
    flat = mg.reshape(input, (-1,))
    return mg.reshape(mg.take(flat, mg.asarray(grid.reshape(-1)), axis=0), tuple(size))
