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
from ..trace_hooks import Traced, whole_value
from .function import FUNCTIONS, function
from .reductions import one_dim
from .shapes import ViewError


def _grid(index: Any, axis: int, length: int, negative: bool = False) -> list[Any]:
    """Index arrays of the shape of `index` that name, for each of its entries, the place along `axis` that it says."""
    raw = index.raw
    if isinstance(raw, np.ndarray):
        if raw.dtype.kind not in "iu":
            raise ArgumentError("MG128", f"An index tensor holds integers (int64), not torch.{raw.dtype}.")
        low = -length if negative else 0
        if raw.size and not (raw.min() >= low and raw.max() < length):
            wrong = raw.max() if raw.max() >= length else raw.min()
            raise IndexRangeError("MG127", f"index {wrong} is out of bounds for dimension {axis} with size {length}.")
    shape = raw.shape
    grid: list[Any] = [
        np.arange(n).reshape([-1 if d == k else 1 for d in range(len(shape))]) for k, n in enumerate(shape)
    ]
    grid[axis] = raw
    return grid


class IndexRangeError(OutOfRangeError, RuntimeError):
    """An index outside the tensor."""


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
        raise ViewError("MG120", "gather: Index tensor must have the same number of dimensions as input tensor.")
    if any(m > n for k, (m, n) in enumerate(zip(index.shape, input.shape, strict=True)) if k != axis):
        raise ViewError(
            "MG120",
            f"gather: the index {tuple(index.shape)} is larger than the tensor {tuple(input.shape)} apart from axis {axis}.",
        )
    return TAPED.index(input, *_grid(index, axis, input.shape[axis]), key=(INDEX,) * input.raw.ndim)


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
    _grid(mg.reshape(index, (-1,)), 0, input.shape[axis])
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
        raise ViewError(
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


def _scattered(input: Any, dim: int, index: Any, source: Any, reduce: str | None, include_self: bool = True) -> Any:
    if not input.raw.ndim:
        y = _scattered(mg.reshape(input, (1,)), 0, mg.reshape(index, (-1,)), _flat(source), reduce, include_self)
        return mg.reshape(y, ())
    axis = one_dim(dim, input.raw.ndim)
    if index.raw.ndim != input.raw.ndim:
        if not index.raw.size:
            return mg.positive(input)
        index = mg.reshape(index, (-1,)) if not index.raw.ndim else index
    if not index.raw.size:
        return mg.positive(input) if input.raw.dtype.kind != "b" else input
    rest, key = _grid(index, axis, input.shape[axis]), (INDEX,) * input.raw.ndim
    values = _cut_to(source, index.shape) if isinstance(source, Base) and source.raw.ndim else source
    if isinstance(values, Base):
        values = values if values.raw.dtype == input.raw.dtype else mg.astype(values, input.raw.dtype)
    else:
        values = mg.full((), input.raw.dtype.type(values).item(), dtype=input.raw.dtype)
    if tuple(values.shape) != tuple(index.shape):
        values = mg.broadcast_to(values, tuple(index.shape))
    if reduce is None:
        return TAPED.index_set(input, values, *rest, key=key)
    return _REDUCED[reduce](input, values, rest, key, include_self)


def _flat(source: Any) -> Any:
    return mg.reshape(source, (-1,)) if isinstance(source, Base) else source


def _hits(input: Any, values: Any, rest: Any, key: Any) -> Any:
    """How many of `values` go to each place of `input`."""
    ones = mg.ones(tuple(values.shape), dtype=input.raw.dtype)
    return TAPED.index_add(ones, *rest, key=key, shape=tuple(input.shape))


def _summed(input: Any, values: Any, rest: Any, key: Any, include_self: bool) -> Any:
    total = TAPED.index_add(values, *rest, key=key, shape=tuple(input.shape))
    return input + total if include_self else mg.where(_hits(input, values, rest, key) == 0, input, total)


def _averaged(input: Any, values: Any, rest: Any, key: Any, include_self: bool) -> Any:
    hits = _hits(input, values, rest, key)
    count = hits + 1 if include_self else mg.where(hits == 0, 1, hits)
    total = _summed(input, values, rest, key, include_self)
    return mg.floor_divide(total, count) if input.raw.dtype.kind in "iu" else total / count


def _extremes(largest: bool) -> Any:
    def reduced(input: Any, values: Any, rest: Any, key: Any, include_self: bool) -> Any:
        """Those that attain the extreme share the gradient."""
        raw, given = (x.raw for x in (input, values))
        if isinstance(raw, Traced) or isinstance(given, Traced):
            raise ArgumentError(
                "MG201", "scatter_reduce with 'amax' or 'amin' can't be compiled. Leave it outside the function."
            )
        out = raw.copy()
        places = tuple(np.broadcast_arrays(*rest)) if rest else ()
        if not include_self:
            out[places] = np.array(-np.inf if largest else np.inf).astype(out.dtype) if out.dtype.kind == "f" else given
        (np.maximum if largest else np.minimum).at(out, places, given)
        if input.node is None and values.node is None:
            return mg.asarray(out, copy=False)
        best = mg.asarray(out)
        own = (
            mg.astype(mg.equal(input, best), raw.dtype)
            if include_self
            else mg.astype(_hits(input, values, rest, key) == 0, raw.dtype)
        )
        hit = mg.astype(mg.equal(values, TAPED.index(best, *rest, key=key)), raw.dtype)
        shares = own + TAPED.index_add(hit, *rest, key=key, shape=tuple(input.shape))
        total = input * own + TAPED.index_add(values * hit, *rest, key=key, shape=tuple(input.shape))
        return total / shares

    return reduced


def _multiplied(input: Any, values: Any, rest: Any, key: Any, include_self: bool) -> Any:
    """The product, by rounds: the first value of each place, the second, … so that it is exact at zeros."""
    places = np.ravel_multi_index(tuple(np.broadcast_arrays(*rest)), tuple(input.shape)).reshape(-1)
    out = (
        mg.reshape(input, (-1,))
        if include_self
        else mg.reshape(mg.where(_hits(input, values, rest, key) == 0, input, 1), (-1,))
    )
    flat, todo = mg.reshape(values, (-1,)), np.arange(places.size)
    while todo.size:
        _, first = np.unique(places[todo], return_index=True)
        now = todo[first]
        at = places[now]
        out = TAPED.index_set(
            out, mg.take(out, mg.asarray(at), axis=0) * mg.take(flat, mg.asarray(now), axis=0), at, key=(INDEX,)
        )
        todo = np.delete(todo, first)
    return mg.reshape(out, tuple(input.shape))


_REDUCED: dict[str, Any] = {
    "sum": _summed, "add": _summed, "mean": _averaged, "amax": _extremes(True), "amin": _extremes(False),
    "prod": _multiplied, "multiply": _multiplied,
}  # fmt: skip


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
    return mg.asarray(
        np.stack(np.tril_indices(row, offset, col)).astype(np.int64 if dtype is None else np.dtype(dtype))
    )


@function(method=False)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Any:
    """The indices of the upper triangle: rows above columns."""
    return mg.asarray(
        np.stack(np.triu_indices(row, offset, col)).astype(np.int64 if dtype is None else np.dtype(dtype))
    )


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
