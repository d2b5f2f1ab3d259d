"""Products of arrays: matmul, tensordot, vecdot, outer, cross and einsum.

The standard's "linear algebra functions" and einsum, which it leaves out. All of them are composites of the primitives
`matmul`, `einsum` and the elementwise and shape primitives of the rulebook.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from ..errors import ArgumentError, ArgumentTypeError, ShapeError
from ..operators import binary
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import on_data
from .arguments import ArrayLike, as_tensor, as_tensors, cast_to, checked_dtype, constant_tensor, matrices

__all__ = ["diagonal", "einsum", "matmul", "matrix_transpose", "outer", "tensordot", "vecdot"]

_matrix_product = binary("matmul")


def matmul(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The matrix product: y[..., i, j] = Σ_k x1[..., i, k] · x2[..., k, j].

    x1 (..., n, k) with x2 (..., k, m) gives (..., n, m); the axes before the last two broadcast. A vector x1 (k,) counts as
    a row, a vector x2 (k,) as a column, and the axis added for that is taken away again. Dtypes are promoted: of
    int8 arrays the product is int8, and one that holds the sums is `x1.astype(mg.int32) @ x2.astype(mg.int32)`, which
    compiled programs compute without widening the arrays first.
    Raises ShapeError for a number (shape ()) and where the shapes do not fit. The same as `x1 @ x2`.

    >>> import microgradient as mg
    >>> mg.matmul(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), mg.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    a = x1 if isinstance(x1, Tensor) else as_tensor(x1)
    b = x2 if isinstance(x2, Tensor) else as_tensor(x2)
    if a.ndim >= 2 and b.ndim >= 2:
        try:
            return _matrix_product(a, b)
        except ValueError:
            raise _matmul_error(a.shape, b.shape) from None
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise _matmul_error(a.shape, b.shape)
    row = xp.reshape(a, shape=(1, a.shape[0])) if a.ndim == 1 else a
    column = xp.reshape(b, shape=(b.shape[0], 1)) if b.ndim == 1 else b
    y = _matrix_product(row, column)
    shape = y.shape[:-2] + y.shape[-2:-1] * (a.ndim > 1) + y.shape[-1:] * (b.ndim > 1)
    return xp.reshape(y, shape=shape)


def matrix_transpose(x: ArrayLike, /) -> Tensor:
    """The last two axes exchanged: y[..., i, j] = x[..., j, i]. Raises ShapeError for fewer than two axes.

    >>> import microgradient as mg
    >>> mg.matrix_transpose(mg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 3.],
            [2., 4.]])
    """
    x = matrices(x, "matrix_transpose")
    return xp.permute_dims(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def tensordot(x1: ArrayLike, x2: ArrayLike, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """The sum of products over pairs of axes; what is left of x1's shape comes first, then what is left of x2's.

    `axes` = n pairs the last n axes of x1 with the first n of x2, in order; `axes` = (p, q) pairs axis p[i] of x1 with axis
    q[i] of x2. Paired axes must be equally long: ShapeError.

    >>> import microgradient as mg
    >>> mg.tensordot(mg.ones((2, 3, 4)), mg.ones((4, 3, 5)), axes=([1, 2], [1, 0])).shape
    (2, 5)
    """
    a, b = as_tensors((x1, x2))
    p, q = _paired_axes(axes, a.ndim, b.ndim)
    if [a.shape[i] for i in p] != [b.shape[i] for i in q]:
        raise ShapeError(
            "MG134",
            f"tensordot pairs axes {p} of shape {a.shape} with axes {q} of shape {b.shape}: their lengths "
            f"{[a.shape[i] for i in p]} and {[b.shape[i] for i in q]} differ.",
        )
    rest_a = tuple(i for i in range(a.ndim) if i not in p)
    rest_b = tuple(i for i in range(b.ndim) if i not in q)
    rows, columns = tuple(a.shape[i] for i in rest_a), tuple(b.shape[i] for i in rest_b)
    k = math.prod(a.shape[i] for i in p)
    left = xp.reshape(xp.permute_dims(a, axes=rest_a + p), shape=(math.prod(rows), k))
    right = xp.reshape(xp.permute_dims(b, axes=q + rest_b), shape=(k, math.prod(columns)))
    return xp.reshape(xp.matmul(left, right), shape=rows + columns)


def vecdot(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """The dot product of vectors along `axis`: Σ_i conj(x1_i) · x2_i; the other axes broadcast.

    `axis` is negative, so that it means the same in both. Raises ShapeError if the lengths along it differ.

    >>> import microgradient as mg
    >>> mg.vecdot(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), mg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    a, b = as_tensors((x1, x2))
    low = min(a.ndim, b.ndim)
    if not low or not (-low <= axis < 0 or (0 <= axis < low and a.ndim == b.ndim)):
        raise ShapeError("MG134", f"vecdot along axis {axis} of shapes {a.shape} and {b.shape}: give -{low} to -1.")
    if a.shape[axis] != b.shape[axis]:
        raise ShapeError(
            "MG134", f"vecdot needs vectors of one length along axis {axis}; the shapes are {a.shape} and {b.shape}."
        )
    if a.dtype.kind == "c":
        a = constant_tensor(on_data(np.conj, a.raw))
    try:
        if a.dtype.kind in "iu":  # the products alone might not fit into the dtype
            p, q = (
                xp.permute_dims(x, axes=(*(i for i in range(x.ndim) if i != axis % x.ndim), axis % x.ndim))
                for x in (a, b)
            )
            return einsum("...i,...i", p, q)
        products = a * b
    except ValueError:
        raise ShapeError("MG134", f"vecdot: the shapes {a.shape} and {b.shape} do not broadcast.") from None
    total = xp.sum(products, axis=(axis % products.ndim,), keepdims=False)
    return cast_to(total, a.dtype)


def outer(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The outer product of two vectors: y[i, j] = x1[i] · x2[j]. Raises ShapeError for anything but vectors.

    >>> import microgradient as mg
    >>> mg.outer(mg.tensor([1.0, 2.0]), mg.tensor([3.0, 4.0, 5.0]))
    tensor([[ 3.,  4.,  5.],
            [ 6.,  8., 10.]])
    """
    a, b = as_tensors((x1, x2))
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError("MG134", f"outer takes two vectors; the shapes are {a.shape} and {b.shape}.")
    return xp.reshape(a, shape=(a.shape[0], 1)) * b


def cross(x1: ArrayLike, x2: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """The cross product of 3-vectors along `axis`: perpendicular to both, as long as the area they span.

    The other axes broadcast. Raises ShapeError unless both have length 3 along `axis`.

    >>> import microgradient as mg
    >>> mg.linalg.cross(mg.tensor([1.0, 0.0, 0.0]), mg.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    a, b = as_tensors((x1, x2))
    if any(not -x.ndim <= axis < x.ndim or x.shape[axis] != 3 for x in (a, b)):
        raise ShapeError("MG134", f"cross needs length 3 along axis {axis}; the shapes are {a.shape} and {b.shape}.")

    def turned(x: Tensor, places: int) -> Tensor:
        return xp.roll(x, shift=(-places,), axis=(axis % x.ndim,))

    try:
        return turned(a, 1) * turned(b, 2) - turned(a, 2) * turned(b, 1)
    except ValueError:
        raise ShapeError("MG134", f"cross: the shapes {a.shape} and {b.shape} do not broadcast.") from None


# ---------------------------------------------------------------------------------------------------------------- einsum


def einsum(spec: str, /, *arrays: ArrayLike) -> Tensor:
    """Einstein's sum: name every axis with a letter, multiply, and sum over the letters that the result does not have.

    `"ij,jk->ik"` is the matrix product, `"ii->i"` the diagonal, `"bi,bj->b"` Σ_ij x_bi y_bj. Without `->` the result has the
    letters that occur once, in alphabetical order. `...` stands for any further axes, which broadcast; so do axes of
    length 1. Spaces are ignored. Raises ArgumentError for a spec that makes no sense, ShapeError if shapes do not fit it.

    >>> import microgradient as mg
    >>> x = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> mg.einsum("ij,j->i", x, mg.tensor([1.0, 10.0]))
    tensor([21., 43.])
    >>> mg.einsum("ii", x)
    tensor(5.)
    """
    if not isinstance(spec, str):
        raise ArgumentTypeError(
            "MG135", f'The first argument of einsum is a spec such as "ij,jk->ik", not {spec!r:.60}.'
        )
    xs = as_tensors(arrays)
    steps, canonical = _plan(spec, tuple([x.shape for x in xs]))
    for i, (repeats, shape) in enumerate(steps):
        if repeats:
            xs[i] = _diagonals(xs[i], repeats)
        if xs[i].shape != shape:
            xs[i] = xp.reshape(xs[i], shape=shape)
    return xp.einsum(*xs, spec=canonical)


@functools.lru_cache(maxsize=512)
def _plan(spec: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], str]:
    """What to do to each array, and the spec then: without `...`, repeated letters, and axes of length 1 that broadcast.

    For each array its term, if a letter repeats and diagonals are to be taken, and the shape it has in the end.
    """
    terms, output = _letters(spec, tuple(map(len, shapes)))
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for c, n in zip(term, shape, strict=True):
            before = lengths.get(c, 1)
            if n != before and 1 not in (n, before):
                raise ShapeError(
                    "MG134", f'einsum "{spec}": one axis called {c} has length {before}, another {n}: {shapes}.'
                )
            lengths[c] = n if before == 1 else before
    for term, shape in zip(terms, shapes, strict=True):
        own: dict[str, int] = {}
        for c, n in zip(term, shape, strict=True):
            if own.setdefault(c, n) != n:
                raise ShapeError(
                    "MG134", f'einsum "{spec}": the diagonal {c}{c} needs axes of one length, not {shape}.'
                )
    steps, names = [], []
    for term, shape in zip(terms, shapes, strict=True):
        own = dict(zip(term, shape, strict=True))
        once = [c for c in own if term.count(c) == 1]
        name = [c for c in (*once, *(c for c in own if c not in once)) if own[c] == lengths[c]]
        names.append("".join(name))
        steps.append((term if len(own) < len(term) else "", tuple(own[c] for c in name)))
    return tuple(steps), f"{','.join(names)}->{output}"


def _letters(spec: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """The terms and the output of a spec, with letters of their own in the place of `...`."""
    left, arrow, right = "".join(spec.split()).partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ArgumentError("MG135", f'einsum "{spec}" names {len(terms)} arrays; it was given {len(ndims)}.')
    for term in [*terms, right]:
        named = term.replace("...", "", 1)
        if any(c not in ascii_letters for c in named):
            raise ArgumentError("MG135", f'einsum "{spec}": "{term}" is not made of letters and one `...`.')
    extra = [_extra_axes(spec, term, ndim) for term, ndim in zip(terms, ndims, strict=True)]
    free = [c for c in ascii_letters if c not in left]
    dots = "".join(free[: max(extra, default=0)])
    full = tuple(term.replace("...", dots[len(dots) - n :]) for term, n in zip(terms, extra, strict=True))
    if not arrow:
        once = sorted(c for c in set(left) - set(".,") if left.count(c) == 1)
        return full, dots + "".join(once)
    if dots and "..." not in right:
        raise ArgumentError(
            "MG135", f'einsum "{spec}" has axes under `...` but none in its result: write "->...{right}".'
        )
    output = right.replace("...", dots)
    if len(set(output)) < len(output) or not set(output) <= set("".join(full)):
        raise ArgumentError(
            "MG135", f'einsum "{spec}": the result "{right}" must name each letter once, and known ones.'
        )
    return full, output


def _extra_axes(spec: str, term: str, ndim: int) -> int:
    """How many axes `...` stands for in a term."""
    named = len(term.replace("...", ""))
    if ndim < named or (ndim > named and "..." not in term):
        raise ShapeError("MG134", f'einsum "{spec}": "{term}" names {named} axes, the array has {ndim}.')
    return ndim - named


def _diagonals(x: Tensor, term: str) -> Tensor:
    """`x` with one axis for each letter: those that occur once, then the diagonals over the others, in order."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            p, q = [i for i, d in enumerate(term) if d == c][:2]
            rest = [i for i in range(x.ndim) if i not in (p, q)]
            x = diagonal(xp.permute_dims(x, axes=(*rest, p, q)))
            term = "".join(term[i] for i in rest) + c
    return x


# ------------------------------------------------------------------------------------------------- diagonals and traces


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Tensor:
    """The diagonals of the matrices in the last two axes: y[..., i] = x[..., i, i + offset]; offset < 0: below the main one.

    Raises ShapeError for fewer than two axes.

    >>> import microgradient as mg
    >>> mg.linalg.diagonal(mg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.])
    """
    x = matrices(x, "diagonal")
    *batch, n, m = x.shape
    count = max(0, min(n, m - offset) if offset >= 0 else min(n + offset, m))
    start = offset if offset >= 0 else -offset * m  # in the rows laid end to end, one step along the diagonal is m + 1
    steps = slice(start, start + (count - 1) * (m + 1) + 1, m + 1) if count else slice(0, 0)
    return xp.index(xp.reshape(x, shape=(*batch, n * m)), key=(..., steps))


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonal of each matrix in the last two axes: Σ_i x[..., i, i + offset].

    `dtype` is that of the result; without it, integers smaller than the default integer are summed in it.
    Raises ShapeError for fewer than two axes.

    >>> import microgradient as mg
    >>> mg.linalg.trace(mg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    d = diagonal(x, offset=offset)
    if dtype is not None:
        d = cast_to(d, checked_dtype(dtype))
    total = xp.sum(d, axis=(d.ndim - 1,), keepdims=False)
    return total if dtype is None else cast_to(total, d.dtype)


# --------------------------------------------------------------------------------------------------------------- helpers


def _matmul_error(a: tuple[int, ...], b: tuple[int, ...]) -> ShapeError:
    if not a or not b:
        return ShapeError("MG134", f"matmul takes vectors and matrices; the shapes are {a} and {b}. Write `x * y`.")
    inner, at = (b[0], 0) if len(b) == 1 else (b[-2], -2)
    if a[-1] == inner:
        return ShapeError("MG134", f"matmul: the leading axes of the shapes {a} and {b} do not broadcast.")
    hint = ""
    if len(b) > 1 and a[-1] == b[-1]:
        hint = " The second would fit transposed: write `x @ w.mT`."
    elif len(a) > 1 and a[-2] == inner:
        hint = " The first would fit transposed: write `x.mT @ w`."
    else:
        fitting = (*b[:at], a[-1], *(b[-1:] if len(b) > 1 else ()))
        hint = f" With this first one, the second should have the shape {fitting}."
    return ShapeError(
        "MG134",
        f"matmul of shapes {a} and {b}: axis -1 of the first has length {a[-1]}, axis {at} of the second {inner}.{hint}",
    )


def _paired_axes(axes: Any, ndim_a: int, ndim_b: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, int | np.integer):
        n = int(axes)
        if not 0 <= n <= min(ndim_a, ndim_b):
            raise ShapeError("MG134", f"tensordot over {n} axes of arrays that have {ndim_a} and {ndim_b}.")
        return tuple(range(ndim_a - n, ndim_a)), tuple(range(n))
    p, q = ((int(side),) if isinstance(side, int | np.integer) else tuple(side) for side in axes)
    fit = len(p) == len(q) and all(-ndim_a <= i < ndim_a for i in p) and all(-ndim_b <= i < ndim_b for i in q)
    p, q = tuple(i % max(ndim_a, 1) for i in p), tuple(i % max(ndim_b, 1) for i in q)
    if not fit or len(set(p)) < len(p) or len(set(q)) < len(q):
        raise ShapeError("MG134", f"tensordot can't pair axes {axes} of arrays that have {ndim_a} and {ndim_b} axes.")
    return p, q
