"""NumPy's functions that arrange entries, on tensors, where the array API standard has none of the same meaning."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from ..trace_hooks import note_lengths_told
from . import elementwise, indexing, linalg, manipulation, methods
from .arguments import as_tensor


def flat(x: Any, beside: Any = None) -> Tensor:
    """The entries in a row; of a number, that one, in the dtype that it takes beside the tensor `beside`."""
    return manipulation.reshape(of_dtype(x, beside), (-1,))


def _shape(a: Any) -> tuple[int, ...]:
    a = as_tensor(a)
    note_lengths_told(a)
    return a.shape


def of_dtype(x: Any, beside: Any) -> Any:
    """A Python number as an array of the dtype that it takes `beside` a tensor, not of the default one; else `x`."""
    if not isinstance(x, int | float | complex) or not isinstance(beside, Tensor):
        return x
    return np.asarray(x, np.result_type(beside.dtype, x))


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """The parts of an array: as many equal ones, or cut before each index."""
    key = "indices" if np.ndim(indices_or_sections) else "sections"
    return list(manipulation.split(ary, axis=axis, **{key: indices_or_sections}))


def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """The first parts are longer by one where they can't be equal."""
    if not np.ndim(indices_or_sections):
        short, longer = divmod(np.shape(ary)[axis], int(indices_or_sections))
        lengths = [short + (i < longer) for i in range(int(indices_or_sections))]
        indices_or_sections = list(itertools.accumulate(lengths))[:-1]
    return split(ary, indices_or_sections, axis)


def _at_least(ndim: int) -> Callable[..., Any]:
    """NumPy's atleast_1d, _2d and _3d: new axes in front, of which the third is the last."""

    def padded(x: Any) -> Any:
        lead = max(0, min(ndim, 2) - np.ndim(x))
        shape = (1,) * lead + np.shape(x)
        return manipulation.reshape(x, shape if len(shape) >= ndim else (*shape, 1))

    return lambda *arys: padded(arys[0]) if len(arys) == 1 else tuple(padded(x) for x in arys)


def _column(x: Any) -> Any:
    return manipulation.reshape(x, (-1, 1)) if np.ndim(x) < 2 else x


def _block(arrays: Any, depth: int | None = None) -> Any:
    """Lists of the innermost level are joined along the last axis, the outermost along the first that there are lists for."""
    if not isinstance(arrays, list):
        return arrays
    levels = _levels(arrays) if depth is None else depth
    parts = [_block(part, levels - 1) for part in arrays]
    ndim = max(levels, *(np.ndim(part) for part in parts))
    full = [manipulation.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part)) for part in parts]
    return manipulation.concat(full, axis=-levels)


def _levels(arrays: Any) -> int:
    return 1 + max(map(_levels, arrays)) if isinstance(arrays, list) else 0


def _append(arr: Any, values: Any, axis: int | None = None) -> Tensor:
    if axis is None:
        arr, values, axis = flat(arr, values), flat(values, arr), 0
    return manipulation.concat([arr, values], axis=axis)


def _delete(arr: Any, obj: Any, axis: int | None = None) -> Tensor:
    if axis is None:
        arr, axis = flat(arr), 0
    return indexing.take(arr, np.delete(np.arange(np.shape(arr)[axis]), np.asarray(obj)), axis=axis)


def _diag(v: Any, k: int = 0) -> Tensor:
    if np.ndim(v) > 1:
        return linalg.diagonal(v, offset=k)
    n = len(v) + abs(k)
    spread = manipulation.pad(v, (max(k, 0), max(-k, 0)))  # entry j stands in column j
    return elementwise.where(np.eye(n, k=k, dtype=bool), spread, 0)


def _rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    for _ in range(k % 4):
        m = manipulation.flip(methods.swapaxes(m, *axes), axis=axes[0])
    return m


def _rollaxis(a: Any, axis: int, start: int = 0) -> Tensor:
    axis, start = axis % np.ndim(a), start + np.ndim(a) * (start < 0)
    return manipulation.moveaxis(a, axis, start - (axis < start))


def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        default = elementwise.where(condition, choice, default)
    return default


def _apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Tensor:
    last = manipulation.moveaxis(arr, axis, -1)
    lead = last.shape[:-1]
    found = [func1d(last[i], *args, **kwargs) for i in np.ndindex(*lead)]
    whole = manipulation.reshape(manipulation.stack(found), (*lead, *np.shape(found[0])))
    own = np.ndim(found[0])  # the axes of a result stand where the one that was taken stood
    return manipulation.moveaxis(
        whole, tuple(range(-own, 0)), tuple(range(axis % np.ndim(arr), axis % np.ndim(arr) + own))
    )


COUNTERPARTS: dict[Any, Callable[..., Any]] = {
    np.ndim: lambda a: len(as_tensor(a).shape),
    np.shape: _shape,
    np.size: lambda a, axis=None: math.prod(_shape(a)) if axis is None else _shape(a)[axis],
    np.atleast_1d: _at_least(1),
    np.atleast_2d: _at_least(2),
    np.atleast_3d: _at_least(3),
    np.hstack: lambda tup: manipulation.concat([_at_least(1)(x) for x in tup], axis=int(np.ndim(tup[0]) > 1)),
    np.vstack: lambda tup: manipulation.concat([_at_least(2)(x) for x in tup], axis=0),
    np.dstack: lambda tup: manipulation.concat([_at_least(3)(x) for x in tup], axis=2),
    np.column_stack: lambda tup: manipulation.concat([_column(x) for x in tup], axis=1),
    np.block: _block,
    np.append: _append,
    np.delete: _delete,
    np.ravel: lambda a, order="C": flat(methods.transpose(a) if order == "F" else a),
    np.split: split,
    np.array_split: _array_split,
    np.hsplit: lambda ary, indices_or_sections: split(ary, indices_or_sections, int(np.ndim(ary) > 1)),
    np.vsplit: lambda ary, indices_or_sections: split(ary, indices_or_sections, 0),
    np.dsplit: lambda ary, indices_or_sections: split(ary, indices_or_sections, 2),
    np.diag: _diag,
    np.diagflat: lambda v, k=0: _diag(flat(v), k),
    np.rot90: _rot90,
    np.rollaxis: _rollaxis,
    np.select: _select,
    np.compress: lambda condition, a, axis=None: indexing.take(
        flat(a) if axis is None else a, np.flatnonzero(condition), axis=axis or 0
    ),
    np.extract: lambda condition, arr: indexing.take(flat(arr), np.flatnonzero(condition), axis=0),
    np.real_if_close: lambda a, tol=100: (
        a if a.dtype.kind != "c" or np.iscomplexobj(np.real_if_close(a.raw, tol)) else a.real
    ),
    np.apply_along_axis: _apply_along_axis,
}
