"""Gathering and scattering by index tensors, masks, and what finds indices."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ArgumentTypeError, OutOfRangeError, ShapeError
from ..indexing import index_key
from ..rules import INDEX
from ..taped_world import TAPED
from ..tensor import Tensor as Base
from ..trace_hooks import whole_value
from .axes import cast, one_dim
from .function import FUNCTIONS, function


def _checked(index: Any, axis: int, length: int) -> Any:
    """The numbers of an index tensor: from 0 on, unlike NumPy's."""
    raw = index.raw
    if isinstance(raw, np.ndarray):
        if raw.dtype.kind not in "iu":
            raise ArgumentError("MG128", f"An index tensor holds integers (int64), not torch.{raw.dtype}.")
        if raw.size and not (raw.min() >= 0 and raw.max() < length):
            wrong = raw.max() if raw.max() >= length else raw.min()
            raise OutOfRangeError("MG127", f"index {wrong} is out of bounds for dimension {axis} with size {length}.")
    return raw


def _cut_to(input: Any, shape: Any) -> Any:
    """The first entries along each axis."""
    if tuple(input.shape) == tuple(shape):
        return input
    return TAPED.index(input, key=tuple(slice(0, n) for n in shape))


@function
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """For each place of `index` the entry of `input` there, but along `dim` at what `index` says."""
    if not input.raw.ndim or not index.raw.ndim:
        one_dim(dim, input.raw.ndim)
        picked = TAPED.index(mg.reshape(input, (-1,)), index.raw.reshape(-1), key=(INDEX,))
        return mg.reshape(picked, tuple(index.shape))
    axis = one_dim(dim, input.raw.ndim)
    if index.raw.ndim != input.raw.ndim:
        if not index.raw.size:
            return mg.zeros(tuple(index.shape), dtype=input.raw.dtype)
        raise ShapeError("MG120", "gather: Index tensor must have the same number of dimensions as input tensor.")
    if any(m > n for k, (m, n) in enumerate(zip(index.shape, input.shape, strict=True)) if k != axis):
        raise ShapeError(
            "MG120",
            f"gather: the index {tuple(index.shape)} is larger than the tensor {tuple(input.shape)} apart from axis {axis}.",
        )
    raw = _checked(index, axis, input.shape[axis])
    grid = np.ogrid[tuple(slice(n) for n in raw.shape)]
    return TAPED.index(input, *(raw if k == axis else g for k, g in enumerate(grid)), key=(INDEX,) * input.raw.ndim)


@function
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """`gather` with broadcasting; over all entries without `dim`."""
    if dim is None:
        return mg.take(mg.reshape(input, (-1,)), mg.reshape(indices, (-1,)), axis=0)
    return mg.take_along_axis(input, indices, axis=dim)


@function
def take(input: Any, index: Any) -> Any:
    """The entries with these numbers, in C order."""
    return mg.reshape(mg.take(mg.reshape(input, (-1,)), mg.reshape(index, (-1,)), axis=0), tuple(index.shape))


@function
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices along `dim` with these numbers."""
    if not input.raw.ndim:
        return mg.positive(input)
    axis = one_dim(dim, input.raw.ndim)
    _checked(index, axis, input.shape[axis])
    return mg.take(input, mg.reshape(index, (-1,)), axis=axis)


@function
def masked_select(input: Any, mask: Any) -> Any:
    """The entries where the mask holds, along one axis."""
    x, m = mg.broadcast_arrays(input, mask)
    return TAPED.index(x, m.raw, key=(INDEX,))


@function(inplace=True)
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """`value` where the mask holds."""
    if isinstance(value, Base) and value.raw.ndim:
        raise ShapeError(
            "MG120", f"masked_fill_ only supports a 0-dimensional value tensor, but got {value.raw.ndim} dimension(s)."
        )
    if not isinstance(mask, Base) or mask.raw.dtype.kind != "b":
        found = mask.dtype if isinstance(mask, Base) else type(mask).__name__
        raise ArgumentTypeError(
            "MG140", f"masked_fill takes a mask of dtype torch.bool, not {found}. Write `mask.bool()`."
        )
    value = mg.astype(value, input.raw.dtype) if isinstance(value, Base) else input.raw.dtype.type(value)
    return mg.where(mask, value, input)


@function(inplace=True)
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """The entries of `source`, in order, where the mask holds."""
    x, m = mg.broadcast_arrays(input, mask)
    flat = mg.reshape(m, (-1,))
    place = mg.clip(mg.cumulative_sum(mg.astype(flat, np.int64)) - 1, 0, None)
    values = (
        mg.take(mg.reshape(source, (-1,)), place, axis=0)
        if source.raw.size
        else mg.zeros(place.shape, dtype=x.raw.dtype)
    )
    return mg.where(m, mg.reshape(values, tuple(x.shape)), x)


# ----------------------------------------------------------------------------------------------------------------- scattering


_REDUCE = {"add": "sum", "multiply": "prod", "amax": "max", "amin": "min"}
"""Ours by PyTorch's, where they differ."""


def _scattered(input: Any, dim: int, index: Any, source: Any, reduce: str | None, include_self: bool = True) -> Any:
    """`mg.scatter`, with a source that may be longer than the index, or a number, and takes the dtype of `input`."""
    if not input.raw.ndim:
        source = mg.reshape(source, (-1,)) if isinstance(source, Base) else source
        y = _scattered(mg.reshape(input, (1,)), dim, mg.reshape(index, (-1,)), source, reduce, include_self)
        return mg.reshape(y, ())
    if not index.raw.size:
        return mg.asarray(input, copy=True)
    axis = one_dim(dim, input.raw.ndim)
    index = index if index.raw.ndim else mg.reshape(index, (-1,))
    _checked(index, axis, input.shape[axis])
    if not isinstance(source, Base):
        source = mg.asarray(input.raw.dtype.type(source))
    elif source.raw.ndim:
        source = mg.astype(_cut_to(source, index.shape), input.raw.dtype)
    y = mg.scatter(
        input,
        index,
        mg.astype(source, input.raw.dtype),
        axis=axis,
        reduce=_REDUCE.get(str(reduce), reduce),
        include_self=include_self,
    )
    return mg.astype(mg.floor(y), input.raw.dtype) if input.raw.dtype.kind in "iu" and reduce == "mean" else y


@function(inplace=True)
def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """`input` with the entries of `src`, or one number, at the places that `gather(dim, index)` would read.

    Of several values for one place the last stays, unless `reduce` is "add" or "multiply".
    """
    return _scattered(input, dim, index, src if src is not None else value, reduce)


@function(inplace=True)
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """`input` with the entries of `src` added at the places that `gather(dim, index)` would read."""
    return _scattered(input, dim, index, src, "sum")


@function(inplace=True)
def scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """The sum, prod, mean, amax or amin of what goes to each place, and of what is there if `include_self`."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ArgumentError("MG124", f"scatter_reduce: reduce is sum, prod, mean, amax or amin, not {reduce!r}.")
    return _scattered(input, dim, index, src, reduce, include_self)


def _slices(input: Any, dim: int, index: Any) -> tuple[int, Any]:
    """The axis, and the numbers of slices as an index tensor that names all entries of these."""
    axis = one_dim(dim, input.raw.ndim)
    places = mg.reshape(index, (-1,))
    shape = tuple(places.shape[0] if k == axis else 1 for k in range(input.raw.ndim))
    whole = tuple(places.shape[0] if k == axis else n for k, n in enumerate(input.shape))
    return axis, mg.broadcast_to(mg.reshape(places, shape), whole)


@function(inplace=True)
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """`input` with alpha · the slices of `source` added to those with the numbers `index`."""
    if not input.raw.ndim:
        return input + alpha * mg.reshape(mg.sum(source), ())
    axis, places = _slices(input, dim, index)
    return _scattered(input, axis, places, mg.reshape(source, tuple(places.shape)) * alpha, "sum")


@function(inplace=True)
def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """`input` with the slices of `source` in place of those with the numbers `index`."""
    if not input.raw.ndim:
        return mg.reshape(mg.positive(source), ())
    axis, places = _slices(input, dim, index)
    return _scattered(input, axis, places, mg.reshape(source, tuple(places.shape)), None)


@function(inplace=True)
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """`input` with a number in the slices with the numbers `index`."""
    if not input.raw.ndim:
        return _scattered(input, dim, index, value, None)
    axis, places = _slices(input, dim, index)
    return _scattered(input, axis, places, value, None)


@function(inplace=True)
def index_reduce(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """The prod, mean, amax or amin of the slices that go to each number, and of what is there if `include_self`."""
    axis, places = _slices(input, dim, index)
    return _scattered(input, axis, places, mg.reshape(source, tuple(places.shape)), reduce, include_self)


@function(inplace=True)
def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """`x[indices] = values`, or `+=` that counts repeated indices."""
    pattern = tuple(slice(None) if i is None else i for i in indices)
    values = values if isinstance(values, Base) else mg.asarray(values)
    if not accumulate:
        out = mg.positive(input) if input.raw.dtype.kind != "b" else mg.asarray(input, copy=True)
        mg.Tensor.__setitem__(out, pattern, values)
        return out
    key, arrays = index_key(pattern, input.raw.shape)
    if values.raw.dtype != input.raw.dtype:
        values = mg.astype(values, input.raw.dtype)
    shape = TAPED.index(mg.stop_gradient(input), *arrays, key=key).raw.shape
    return input + TAPED.index_add(mg.broadcast_to(values, shape), *arrays, key=key, shape=tuple(input.shape))


@function(inplace=True)
def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """The entries of `source` at these numbers, in C order."""
    flat, places = mg.reshape(input, (-1,)), mg.reshape(index, (-1,))
    places = mg.where(places < 0, places + input.raw.size, places) if places.raw.size else places
    return mg.reshape(
        _scattered(flat, 0, places, mg.reshape(source, (-1,)), "sum" if accumulate else None), tuple(input.shape)
    )


def _slice_set(input: Any, key: tuple[Any, ...], src: Any) -> Any:
    target = mg.astype(src, input.raw.dtype) if src.raw.dtype != input.raw.dtype else src
    try:
        return TAPED.index_set(input, target, key=key)
    except ValueError as error:
        raise ShapeError(
            "MG120", f"{error}. The tensor has shape {tuple(input.shape)}, the source {tuple(src.shape)}."
        ) from None


@function
def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """`input` with `src` in the place of one slice along `dim`."""
    return _slice_set(input, (slice(None),) * one_dim(dim, input.raw.ndim) + (index,), src)


@function
def slice_scatter(input: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    """`input` with `src` in the place of slices start, start + step, … along `dim`."""
    return _slice_set(input, (slice(None),) * one_dim(dim, input.raw.ndim) + (slice(start, end, step),), src)


@function
def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """`input` with `src` on a diagonal of two axes."""
    numbers = mg.reshape(mg.arange(input.raw.size), tuple(input.shape))
    places = FUNCTIONS["diagonal"](numbers, offset, dim1, dim2)
    flat = TAPED.index_set(mg.reshape(input, (-1,)), mg.reshape(src, (-1,)), places.raw.reshape(-1), key=(INDEX,))
    return mg.reshape(flat, tuple(input.shape))


# ---------------------------------------------------------------------------------------------------------- finding indices


@function
def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The indices of the entries that are not 0: as rows of a matrix, or (`as_tuple`) one vector for each axis."""
    x = whole_value(input.raw, "nonzero")
    if as_tuple:
        return tuple(mg.asarray(p) for p in np.nonzero(np.atleast_1d(x)))
    return mg.asarray(np.argwhere(x).astype(np.int64))


@function
def argwhere(input: Any) -> Any:
    """The indices of the entries that are not 0, as rows."""
    return nonzero(input)


@function
def nonzero_static(input: Any, *, size: int, fill_value: int = -1) -> Any:
    """The first `size` rows of `nonzero`, filled up."""
    rows = np.argwhere(whole_value(input.raw, "nonzero_static"))[:size]
    return mg.asarray(np.concatenate([rows, np.full((size - len(rows), rows.shape[1]), fill_value)]).astype(np.int64))


@function(method=False)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Any:
    """The indices of the lower triangle: rows above columns."""
    return cast(mg.tril_indices(row, m=col, k=offset), dtype)


@function(method=False)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Any:
    """The indices of the upper triangle: rows above columns."""
    return cast(mg.triu_indices(row, m=col, k=offset), dtype)


@function
def unravel_index(indices: Any, shape: Any) -> Any:
    """Numbers in C order as indices: one tensor for each axis."""
    found = np.unravel_index(indices.raw, (shape,) if isinstance(shape, int) else tuple(shape))
    return tuple(mg.asarray(np.asarray(i)) for i in found)


@function(method=False)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each entry is one of the test elements."""
    a, b = (x if isinstance(x, Base) else mg.asarray(x) for x in (elements, test_elements))
    return mg.isin(a, b, invert=invert)
