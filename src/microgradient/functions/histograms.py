"""How often values occur, and how they vary together: `bincount`, histograms, covariance and correlation."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..rules import INDEX
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import on_data, whole_value
from .arguments import ArrayLike, as_tensor, cast_to, constant_tensor, inexact
from .indexing import integers
from .manipulation import reshape
from .products import diagonal, matmul
from .searching import searchsorted

__all__ = ["HistogramResult", "bincount", "bucketize", "corrcoef", "cov", "histogram", "histogramdd"]


class HistogramResult(NamedTuple):
    """What `histogram` and `histogramdd` return.

    >>> import microgradient as mg
    >>> mg.histogram([1.0, 2.0], bins=2).edges
    tensor([1. , 1.5, 2. ])
    """

    counts: Tensor
    edges: Any


def bincount(x: ArrayLike, /, *, weights: ArrayLike | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, … occurs among the integers x ≥ 0, or the sum of the `weights` there, which have a derivative.

    >>> import microgradient as mg
    >>> mg.bincount([0, 2, 2])
    tensor([1, 0, 2])
    """
    places = reshape(integers(x), (-1,))
    known = whole_value(places.raw, "bincount")
    if known.min(initial=0) < 0:
        raise ArgumentError("MG124", f"bincount counts integers from 0 on; there is {known.min()}.")
    return _added(places, weights, max(int(known.max(initial=-1)) + 1, minlength), as_tensor(x).shape)


def bucketize(x: ArrayLike, boundaries: ArrayLike, /, *, right: bool = False) -> Tensor:
    """In which interval between the ascending `boundaries` each element lies: number i has boundaries[i-1] < x ≤ boundaries[i].

    With `right`, boundaries[i-1] ≤ x < boundaries[i].

    >>> import microgradient as mg
    >>> mg.bucketize(mg.tensor([0.5, 1.0, 3.0]), mg.tensor([1.0, 2.0]))
    tensor([0, 0, 2])
    """
    return searchsorted(boundaries, x, side="right" if right else "left")


def histogram(
    x: ArrayLike,
    /,
    bins: int | ArrayLike = 10,
    *,
    range: tuple[float, float] | None = None,
    weights: ArrayLike | None = None,
    density: bool = False,
) -> HistogramResult:
    """(counts, edges): how many entries of `x` lie in each of the `bins`, or the sum of their `weights`, which have a derivative.

    `bins` is a number, of equal bins over `range` (None: from the smallest entry to the largest), or their edges. The last bin
    has its upper edge. With `density`, divided by the width of each bin and the whole sum.

    >>> import microgradient as mg
    >>> mg.histogram([1.0, 2.0, 2.5], bins=[1.0, 2.0, 3.0]).counts
    tensor([1, 2])
    """
    x = as_tensor(x)
    edges = np.histogram_bin_edges(whole_value(x.raw, "histogram"), _bins(bins), range)
    counts = _cells([reshape(x, (-1,))], [edges], weights, x.shape)
    counts = _density(counts, [edges], x) if density else counts
    return HistogramResult(counts, constant_tensor(edges.astype(inexact(x).dtype)))


def histogramdd(
    x: ArrayLike,
    /,
    bins: int | Sequence[Any] = 10,
    *,
    range: Sequence[tuple[float, float]] | None = None,
    weights: ArrayLike | None = None,
    density: bool = False,
) -> HistogramResult:
    """(counts, edges): how many of the points x (n, d) lie in each cell of a grid, or the sum of their `weights`, and the edges.

    `bins` is a number, or for each coordinate a number or edges, as in `histogram`; with `density`, divided as there.

    >>> import microgradient as mg
    >>> mg.histogramdd(mg.tensor([[0.0, 0.0], [1.0, 1.0]]), bins=2).counts
    tensor([[1, 0],
            [0, 1]])
    """
    x = as_tensor(x)
    if x.ndim != 2:
        raise ShapeError("MG134", f"histogramdd takes points (n, d), not the shape {x.shape}.")
    n, d = x.shape
    each = [bins] * d if isinstance(bins, int) else [*bins]
    spans = [None] * d if range is None else [*range]
    if len(each) != d or len(spans) != d:
        raise ArgumentError(
            "MG124", f"{d} coordinates need as many `bins` and ranges, not {len(each)} and {len(spans)}."
        )
    known = whole_value(x.raw, "histogramdd")
    edges = [np.histogram_bin_edges(known[:, i], _bins(b), s) for i, (b, s) in enumerate(zip(each, spans, strict=True))]
    counts = _cells([xp.index(x, key=(slice(None), i)) for i, _ in enumerate(edges)], edges, weights, (n,))
    counts = _density(counts, edges, x) if density else counts
    return HistogramResult(counts, tuple(constant_tensor(e.astype(inexact(x).dtype)) for e in edges))


def cov(
    x: ArrayLike, /, *, correction: float = 1, fweights: ArrayLike | None = None, aweights: ArrayLike | None = None
) -> Tensor:
    """The covariances of the rows of x (variables, observations), with n - `correction` in the denominator.

    `fweights` says how often each observation was made, `aweights` how much it counts.

    >>> import microgradient as mg
    >>> mg.cov(mg.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    x = inexact(as_tensor(x))
    if x.ndim > 2:
        raise ShapeError("MG134", f"cov takes variables in rows, at most 2 axes; the shape is {x.shape}.")
    rows = reshape(x, (1, -1)) if x.ndim < 2 else x
    w: Any = constant_tensor(np.ones(rows.shape[1:], x.dtype))
    for weights in (fweights, aweights):
        w = w if weights is None else w * as_tensor(weights)
    total = xp.sum(w, axis=(0,), keepdims=False)
    lost = (
        correction
        if aweights is None
        else correction * xp.sum(w * as_tensor(aweights), axis=(0,), keepdims=False) / total
    )
    rows = rows - xp.sum(rows * w, axis=(1,), keepdims=True) / total
    turned = xp.permute_dims(xp.conj(rows) if rows.dtype.kind == "c" else rows, axes=(1, 0))
    y = matmul(rows * w, turned) / xp.maximum(xp.real(total - lost) if x.dtype.kind == "c" else total - lost, 0)
    return reshape(y, ()) if x.ndim < 2 else y


def corrcoef(x: ArrayLike, /) -> Tensor:
    """Pearson's correlation coefficients of the rows of x (variables, observations), from -1 to 1.

    >>> import microgradient as mg
    >>> mg.corrcoef(mg.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    c = cov(x)
    if not c.ndim:
        return c / c
    scale = xp.sqrt(xp.real(diagonal(c)) if c.dtype.kind == "c" else diagonal(c))
    return c / reshape(scale, (-1, 1)) / scale


# ---------------------------------------------------------------------------------------------------------------- helpers


def _bins(bins: Any) -> Any:
    return bins if isinstance(bins, int) else np.asarray(as_tensor(bins).raw)


def _density(counts: Tensor, edges: list[Any], x: Tensor) -> Tensor:
    """The counts, divided by the sizes of their cells and by their sum."""
    counts = inexact(cast_to(counts, inexact(x).dtype) if counts.dtype.kind in "iu" else counts)
    sizes = functools.reduce(np.multiply.outer, [np.diff(e) for e in edges]).astype(counts.dtype)
    return counts / (sizes * xp.sum(counts, axis=tuple(range(counts.ndim)), keepdims=False))


def _cells(columns: list[Tensor], edges: list[Any], weights: ArrayLike | None, shape: tuple[int, ...]) -> Tensor:
    """The counts, or sums of weights, in the cells of a grid; what lies outside goes into a cell that is cut off."""
    sizes = tuple(len(e) - 1 for e in edges)
    place = on_data(_cell, *(c.raw for c in columns), *edges)
    total = int(np.prod(sizes))
    counts = _added(constant_tensor(place), weights, total + 1, shape)
    return reshape(xp.index(counts, key=(slice(0, total),)), sizes)


def _cell(*columns_and_edges: Any) -> Any:
    d = len(columns_and_edges) // 2
    columns, edges = columns_and_edges[:d], columns_and_edges[d:]
    flat, outside = np.zeros(len(columns[0]), np.int64), np.zeros(len(columns[0]), np.bool_)
    for x, e in zip(columns, edges, strict=True):
        i = np.searchsorted(e, x, side="right") - 1
        i = np.where(x == e[-1], len(e) - 2, i)
        outside |= (i < 0) | (i > len(e) - 2) | (x != x)
        flat = flat * (len(e) - 1) + i
    return np.where(outside, np.prod([len(e) - 1 for e in edges]), flat).astype(np.int64)


def _added(places: Tensor, weights: ArrayLike | None, n: int, shape: tuple[int, ...]) -> Tensor:
    if weights is None:
        values = constant_tensor(np.ones(places.shape, np.int64))
    else:
        values = as_tensor(weights)
        if values.shape != shape:
            raise ShapeError("MG134", f"There is one weight for each entry: {shape}, not {values.shape}.")
        values = reshape(values, (-1,))
    return xp.index_add(values, places.raw, key=(INDEX,), shape=(n,))
