"""Functions given by samples: interpolation, integrals and derivatives; distances, Kronecker products, index tables."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import on_data, whole_value
from .arguments import ArrayLike, Axis, as_tensor, as_tensors, axes_of, cast_to, constant_tensor, inexact, one_axis
from .indexing import take
from .linalg import vector_norm
from .manipulation import reshape

__all__ = [
    "allclose", "cartesian_product", "cdist", "combinations", "cumulative_trapezoid", "gradient", "interp", "isclose", "kron",
    "nan_to_num", "trapezoid", "tril_indices", "triu_indices", "unique_consecutive",
]  # fmt: skip


def interp(
    x: ArrayLike, x1: ArrayLike, x2: ArrayLike, /, *, left: float | None = None, right: float | None = None
) -> Tensor:
    """The broken line through the points (x1[i], x2[i]), x1 ascending, at each `x`; `left` and `right` of it (None: its ends).

    It has derivatives in `x`, `x1` and `x2`.

    >>> import microgradient as mg
    >>> mg.interp(mg.tensor([0.5, 3.0]), mg.tensor([0.0, 1.0]), mg.tensor([2.0, 4.0]))
    tensor([3., 4.])
    """
    x, a, b = (inexact(t) for t in as_tensors((as_tensor(x), as_tensor(x1), as_tensor(x2))))
    if a.ndim != 1 or a.shape != b.shape or not a.shape[0]:
        raise ShapeError(
            "MG134", f"interp needs as many x1 as x2, along one axis, and at least one: not {a.shape}, {b.shape}."
        )
    n = a.shape[0]
    below, above = xp.less(x, take(a, 0)), xp.greater(x, take(a, n - 1))
    low, high = take(b, 0), take(b, n - 1)
    y: Any = low + x * 0
    if n > 1:
        i = constant_tensor(on_data(_interval, x.raw, a.raw))
        x0, y0, step, rise = take(a, i), take(b, i), take(a, i + 1) - take(a, i), take(b, i + 1) - take(b, i)
        flat = xp.equal(step, 0)
        y = xp.where(flat, y0, y0 + (x - x0) * (rise / xp.where(flat, 1, step)))
    y = xp.where(below, low if left is None else left, y)
    return xp.where(above, high if right is None else right, y)


def _interval(x: Any, a: Any) -> Any:
    return np.clip(np.searchsorted(a, x, side="right") - 1, 0, len(a) - 2)


def trapezoid(y: ArrayLike, x: ArrayLike | None = None, /, *, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The integral of `y` along `axis` by the trapezoidal rule, for samples at `x`, or at distance `dx`.

    >>> import microgradient as mg
    >>> mg.trapezoid(mg.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    areas, i = _areas(y, x, dx, axis)
    return xp.sum(areas, axis=(i,), keepdims=False)


def cumulative_trapezoid(
    y: ArrayLike, x: ArrayLike | None = None, /, *, dx: float = 1.0, axis: int = -1, initial: float | None = None
) -> Tensor:
    """The integrals of `y` from its first sample to each later one; with `initial`, that goes before. See `trapezoid`.

    >>> import microgradient as mg
    >>> mg.cumulative_trapezoid(mg.tensor([1.0, 2.0, 3.0]), initial=0)
    tensor([0. , 1.5, 4. ])
    """
    areas, i = _areas(y, x, dx, axis)
    sums = xp.cumulative_sum(areas, axis=i)
    if initial is None:
        return sums
    first = constant_tensor(np.full((*sums.shape[:i], 1, *sums.shape[i + 1 :]), initial, sums.dtype))
    return xp.concat(first, sums, axis=i)


def gradient(
    x: ArrayLike, /, *, spacing: Any = 1.0, axis: Axis = None, edge_order: int = 1
) -> Tensor | tuple[Tensor, ...]:
    """The slopes of the samples `x` along each `axis` (None: all), exact for parabolas inside; one tensor for each axis.

    `spacing` is the distance of samples, or their places along the axis, or a list of these, one for each axis. At the ends the
    slopes are those of a line (`edge_order` 1) or a parabola (2) through the nearest samples: as NumPy's.

    >>> import microgradient as mg
    >>> mg.gradient(mg.tensor([1.0, 4.0, 9.0, 16.0]))
    tensor([3., 4., 6., 7.])
    """
    x = inexact(as_tensor(x))
    axes = axes_of(axis, x.ndim)
    steps = spacing if isinstance(spacing, list | tuple) else [spacing] * len(axes)
    if len(steps) != len(axes) or edge_order not in (1, 2):
        raise ArgumentError("MG124", f"gradient needs one spacing for each of {len(axes)} axes, and edge_order 1 or 2.")
    slopes = tuple(_slopes(x, as_tensor(step), i, edge_order) for step, i in zip(steps, axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def cdist(x1: ArrayLike, x2: ArrayLike, /, *, ord: float = 2) -> Tensor:
    """The distances of all points of x1 (..., n, d) from all points of x2 (..., m, d), in the norm of order `ord`: (..., n, m).

    The derivative at distance 0 is 0.

    >>> import microgradient as mg
    >>> mg.cdist(mg.tensor([[0.0, 0.0]]), mg.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    a, b = (inexact(t) for t in as_tensors((as_tensor(x1), as_tensor(x2))))
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ShapeError("MG134", f"cdist takes points (..., n, d) and (..., m, d), not {a.shape} and {b.shape}.")
    difference = reshape(a, (*a.shape[:-1], 1, a.shape[-1])) - reshape(b, (*b.shape[:-2], 1, *b.shape[-2:]))
    return vector_norm(difference, axis=-1, ord=ord)


def kron(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The Kronecker product: each entry of `x1` times all of `x2`, in its place.

    >>> import microgradient as mg
    >>> mg.kron(mg.asarray([1, 10]), mg.asarray([1, 2, 3]))
    tensor([ 1,  2,  3, 10, 20, 30])
    """
    a, b = as_tensors((as_tensor(x1), as_tensor(x2)))
    n = max(a.ndim, b.ndim)
    a, b = (reshape(t, (*(1,) * (n - t.ndim), *t.shape)) for t in (a, b))
    wide, deep = tuple(k for m in a.shape for k in (m, 1)), tuple(k for m in b.shape for k in (1, m))
    spread = reshape(a, wide) * reshape(b, deep)
    return reshape(spread, tuple(p * q for p, q in zip(a.shape, b.shape, strict=True)))


# ------------------------------------------------------------------------------------------------- comparison, index tables


def isclose(
    x1: ArrayLike, x2: ArrayLike, /, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |x1 - x2| ≤ atol + rtol·|x2|, for each element; infinities of one sign are, and NaN if `equal_nan`.

    >>> import microgradient as mg
    >>> mg.isclose(1.0, 1.0 + 1e-6)
    tensor(True)
    """
    a, b = (t.detach() for t in as_tensors((as_tensor(x1), as_tensor(x2))))
    a, b = (t if t.dtype.kind in "fc" else cast_to(t, np.dtype(np.float64)) for t in (a, b))
    near = xp.less_equal(xp.abs(a - b), xp.abs(b) * rtol + atol)
    close = xp.logical_or(xp.equal(a, b), xp.logical_and(near, xp.logical_and(xp.isfinite(a), xp.isfinite(b))))
    return xp.logical_or(close, xp.logical_and(xp.isnan(a), xp.isnan(b))) if equal_nan else close


def allclose(
    x1: ArrayLike, x2: ArrayLike, /, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds for all elements.

    >>> import microgradient as mg
    >>> mg.allclose([1.0, 2.0], [1.0, 2.1])
    False
    """
    return bool(np.all(whole_value(isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan).raw, "allclose")))


def nan_to_num(
    x: ArrayLike, /, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """`x` with `nan` for NaN, and for ±∞ `posinf` and `neginf` (None: the largest and smallest finite numbers).

    >>> import microgradient as mg
    >>> mg.nan_to_num(mg.tensor([mg.nan, 1.0]))
    tensor([0., 1.])
    """
    x = as_tensor(x)
    if x.dtype.kind == "c":
        return xp.complex(*(nan_to_num(p, nan=nan, posinf=posinf, neginf=neginf) for p in (xp.real(x), xp.imag(x))))
    if x.dtype.kind != "f":
        return reshape(x, x.shape)
    ends = np.finfo(x.dtype)
    y = xp.where(xp.isnan(x), nan, x)
    y = xp.where(xp.equal(x, np.inf), float(ends.max) if posinf is None else posinf, y)
    return xp.where(xp.equal(x, -np.inf), float(ends.min) if neginf is None else neginf, y)


def tril_indices(n: int, /, *, m: int | None = None, k: int = 0) -> Tensor:
    """The rows and columns (2, …) of the entries of an n × m matrix (None: n × n) on diagonal `k` and below.

    >>> import microgradient as mg
    >>> mg.tril_indices(2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return constant_tensor(np.stack(np.tril_indices(n, k, m)).astype(np.int64))


def triu_indices(n: int, /, *, m: int | None = None, k: int = 0) -> Tensor:
    """The rows and columns (2, …) of the entries of an n × m matrix (None: n × n) on diagonal `k` and above.

    >>> import microgradient as mg
    >>> mg.triu_indices(2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return constant_tensor(np.stack(np.triu_indices(n, k, m)).astype(np.int64))


def cartesian_product(*arrays: ArrayLike) -> Tensor:
    """All ways to take one entry of each array, in rows (…, number of arrays), the last one varying fastest.

    >>> import microgradient as mg
    >>> mg.cartesian_product([1, 2], [3, 4])
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    tensors = as_tensors(arrays)
    if any(t.ndim != 1 for t in tensors):
        raise ShapeError("MG134", f"cartesian_product takes arrays with one axis, not {[t.shape for t in tensors]}.")
    places = np.indices([t.shape[0] for t in tensors]).reshape(len(tensors), -1)
    columns = [reshape(take(t, p), (-1, 1)) for t, p in zip(tensors, places, strict=True)]
    return xp.concat(*columns, axis=1)


def combinations(x: ArrayLike, r: int = 2, /, *, with_replacement: bool = False) -> Tensor:
    """All choices of `r` entries of `x`, each in its order, as rows (…, r); `with_replacement` an entry may come again.

    >>> import microgradient as mg
    >>> mg.combinations([1, 2, 3])
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    x = as_tensor(x)
    if x.ndim != 1 or r < 0:
        raise ArgumentError("MG124", f"combinations takes an array with one axis and r ≥ 0, not {x.shape} and {r}.")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = [*choose(range(x.shape[0]), r)]
    return take(x, np.array(chosen, np.int64).reshape(len(chosen), r))


def unique_consecutive(x: ArrayLike, /, *, axis: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """(values, inverse, counts): `x` (or its slices along `axis`) without repetitions of the one before.

    values[inverse] is `x` again, and `counts` says how often each value came in a row.

    >>> import microgradient as mg
    >>> mg.unique_consecutive(mg.asarray([1, 1, 2, 1]))
    (tensor([1, 2, 1]), tensor([0, 0, 1, 2]), tensor([2, 1, 1]))
    """
    x = as_tensor(x)
    shape = x.shape
    x, i = (reshape(x, (-1,)), 0) if axis is None else (x, one_axis(axis, x.ndim))
    rows = np.moveaxis(whole_value(x.raw, "unique_consecutive"), i, 0)
    new = np.ones(len(rows), np.bool_)
    if len(rows):
        new[1:] = (rows[1:] != rows[:-1]).any(axis=tuple(range(1, rows.ndim)))
    starts, inverse = np.flatnonzero(new), np.cumsum(new) - 1
    counts = np.diff(np.append(starts, len(rows)))
    return (
        take(x, starts, axis=i),
        constant_tensor(inverse.reshape(shape) if axis is None else inverse),
        constant_tensor(counts),
    )


# ---------------------------------------------------------------------------------------------------------------- helpers


def _parts(x: Tensor, axis: int, *slices: tuple[int | None, int | None]) -> Sequence[Tensor]:
    return [xp.index(x, key=(*(slice(None),) * axis, slice(*s))) for s in slices]


def _areas(y: ArrayLike, x: ArrayLike | None, dx: float, axis: int) -> tuple[Tensor, int]:
    """The areas of the trapezoids between neighbouring samples, and their axis."""
    y = inexact(as_tensor(y))
    i = one_axis(axis, y.ndim)
    first, second = _parts(y, i, (None, -1), (1, None))
    middle = (first + second) / 2
    if x is None:
        return middle * dx, i
    x = as_tensor(x)
    if x.ndim == 1:
        x = reshape(x, (-1, *(1,) * (y.ndim - i - 1)))
    if x.ndim < y.ndim - i or x.shape[i - y.ndim] != y.shape[i]:
        raise ShapeError("MG134", f"There is one place for each sample along axis {i} of {y.shape}, not {x.shape}.")
    first, second = _parts(x, x.ndim + i - y.ndim, (None, -1), (1, None))
    return middle * (second - first), i


def _slopes(x: Tensor, spacing: Tensor, axis: int, edge_order: int) -> Tensor:
    """Slopes along an axis: Fornberg 1988, "Generation of finite difference formulas on arbitrarily spaced grids"."""
    n = x.shape[axis]
    if n <= edge_order:
        raise ShapeError(
            "MG120", f"Slopes of edge_order {edge_order} need {edge_order + 1} samples; axis {axis} has {n}."
        )
    if spacing.ndim and spacing.shape != (n,):
        raise ShapeError("MG134", f"The places of {n} samples along axis {axis} can't have the shape {spacing.shape}.")
    if spacing.ndim:
        h: Any = reshape(spacing, (-1, *(1,) * (x.ndim - axis - 1)))
        steps = xp.index(h, key=(slice(1, None),)) - xp.index(h, key=(slice(0, -1),))
    else:
        steps = spacing + np.zeros((n - 1, *(1,) * (x.ndim - axis - 1)), x.dtype)
    first, second = _parts(x, axis, (None, -1), (1, None))
    lines = (second - first) / steps
    parts = []
    if n > 2:
        a, b = xp.index(steps, key=(slice(0, -1),)), xp.index(steps, key=(slice(1, None),))
        before, after = _parts(lines, axis, (None, -1), (1, None))
        inside = (b * before + a * after) / (a + b)
        parts = [inside]
    start, end = _parts(lines, axis, (0, 1), (-1, None))
    if edge_order == 2:
        at_start, at_end = _parts(inside, axis, (0, 1), (-1, None))
        start, end = start * 2 - at_start, end * 2 - at_end
        if spacing.ndim:  # of the parabola through three samples that are not equally far from each other
            start, end = _edges(lines, steps, axis)
    return xp.concat(start, *parts, end, axis=axis)


def _edges(lines: Tensor, steps: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The slopes at the ends of the parabolas through the first and the last three samples."""
    found = []
    for near, far in (((0, 1), (1, 2)), ((-1, None), (-2, -1))):
        (l0, l1), (h0, h1) = _parts(lines, axis, near, far), _parts(steps, 0, near, far)
        found.append(l0 + (l0 - l1) * h0 / (h0 + h1))
    return found[0], found[1]
