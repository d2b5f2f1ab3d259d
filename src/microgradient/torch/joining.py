"""Tensors joined, repeated and turned: what copies their entries to other places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ShapeError
from ..functions.arguments import one_axis
from ..rules import INDEX
from ..taped_world import TAPED
from ..tensor import Tensor as Base
from . import types
from .axes import one_dim
from .function import FUNCTIONS, function
from .promotion import promoted
from .shapes import lengths


def _joined(tensors: Any, what: str) -> list[Any]:
    """Tensors in the dtype they promote to, without empty ones of shape (0,)."""
    found = [x if isinstance(x, Base) else mg.asarray(x) for x in tensors]
    if not found:
        raise ShapeError("MG124", f"{what}: expected a non-empty list of Tensors.")
    kind = found[0].raw.dtype
    for x in found[1:]:
        kind = promoted(kind, x.raw.dtype)
    return [x if x.raw.dtype == kind else mg.astype(x, kind) for x in found]


@function(names="concat concatenate", method=False)
def cat(tensors: Any, dim: int = 0) -> Any:
    """The tensors joined along an axis they have. Empty ones of shape (0,) are passed over."""
    found = _joined(tensors, "torch.cat()")
    some = [x for x in found if tuple(x.shape) != (0,)] or found[:1]
    if some[0].raw.ndim == 0:
        raise ShapeError(
            "MG120", "zero-dimensional tensor (at position 0) cannot be concatenated. Write `torch.stack(…)`."
        )
    try:
        return mg.concat(some, axis=one_axis(dim, some[0].raw.ndim))
    except ShapeError as error:
        raise ShapeError("MG120", f"torch.cat: {error.message}") from None


@function(method=False)
def stack(tensors: Any, dim: int = 0) -> Any:
    """The tensors, of one shape, joined along a new axis."""
    try:
        return mg.stack(_joined(tensors, "torch.stack()"), axis=dim)
    except ShapeError as error:
        raise ShapeError("MG120", f"stack expects each tensor to be equal size. {error.message}") from None


def _at_least(ndim: int, x: Any) -> Any:
    if ndim == 3 and x.raw.ndim in (1, 2):
        return mg.reshape(x, (1, *x.shape, 1) if x.raw.ndim == 1 else (*x.shape, 1))
    return mg.reshape(x, (*(1,) * (ndim - x.raw.ndim), *x.shape)) if x.raw.ndim < ndim else x


def _at_least_function(ndim: int) -> None:
    def call(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
            return tuple(_at_least(ndim, x) for x in tensors[0])
        return tuple(_at_least(ndim, x) for x in tensors) if len(tensors) > 1 else _at_least(ndim, tensors[0])

    call.__name__, call.__doc__ = f"atleast_{ndim}d", f"With axes of length 1, so that there are at least {ndim}."
    function(call, method=False, view=True)


for _ndim in (1, 2, 3):
    _at_least_function(_ndim)


@function(method=False)
def hstack(tensors: Any) -> Any:
    """Joined side by side."""
    found = [_at_least(1, x) for x in tensors]
    return cat(found, 0 if found[0].raw.ndim == 1 else 1)


@function(names="row_stack", method=False)
def vstack(tensors: Any) -> Any:
    """Joined below each other."""
    return cat([_at_least(2, x) for x in tensors], 0)


@function(method=False)
def dstack(tensors: Any) -> Any:
    """Joined along the third axis."""
    return cat([_at_least(3, x) for x in tensors], 2)


@function(method=False)
def column_stack(tensors: Any) -> Any:
    """Vectors as columns of one matrix."""
    return cat([mg.reshape(x, (x.raw.size, 1)) if x.raw.ndim <= 1 else x for x in tensors], 1)


@function(method=False)
def block_diag(*tensors: Any) -> Any:
    """Matrices along a diagonal, zeros elsewhere."""
    blocks = [_at_least(2, x) for x in _joined(tensors, "block_diag")]
    width, left, rows = sum(b.shape[1] for b in blocks), 0, []
    for b in blocks:
        rows.append(mg.pad(b, ((0, 0), (left, width - left - b.shape[1]))))
        left += b.shape[1]
    return mg.concat(rows, axis=0)


@function(method=False)
def broadcast_tensors(*tensors: Any) -> Any:
    """The tensors, each expanded to the shape they broadcast to."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    shape = mg.broadcast_shapes(*(tuple(x.shape) for x in given))
    return tuple(FUNCTIONS["expand"](x, shape) for x in given)


@function(method=False)
def broadcast_shapes(*shapes: Any) -> Any:
    """The shape they broadcast to."""
    return types.Size(mg.broadcast_shapes(*((s,) if isinstance(s, int) else tuple(s) for s in shapes)))


@function(method=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> Any:
    """The coordinates of the points of a grid, given those of its lines. By default `indexing="ij"`."""
    lines = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    return mg.meshgrid(*(mg.reshape(x, (-1,)) for x in lines), indexing=indexing or "ij")


@function(method=False)
def cartesian_prod(*tensors: Any) -> Any:
    """All combinations of one entry of each vector, as rows."""
    return mg.cartesian_product(*tensors) if len(tensors) > 1 else tensors[0]


@function
def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All combinations of r entries of a vector, as rows."""
    return mg.combinations(input, r, with_replacement=with_replacement)


# ----------------------------------------------------------------------------------------------------------------- repeating


@function
def repeat(input: Any, *times: Any, repeats: Any = None) -> Any:
    """The whole tensor, so many times along each axis."""
    times = lengths(times if repeats is None else (repeats,))
    if len(times) < input.raw.ndim:
        raise ShapeError(
            "MG120", "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor."
        )
    return mg.tile(input, times)


@function
def tile(input: Any, *times: Any, dims: Any = None) -> Any:
    """The whole tensor, so many times along the last axes."""
    return mg.tile(input, lengths(times if dims is None else (dims,)))


@function
def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Each entry (slice along `dim`) so many times in a row."""
    if repeats is None:  # repeat_interleave(repeats): the numbers themselves
        return mg.repeat(mg.arange(input.shape[0]), input)
    if isinstance(repeats, list | tuple):
        repeats = mg.asarray(repeats)
    if isinstance(repeats, Base) and repeats.raw.size == 1:
        repeats = int(repeats.raw.reshape(()))
    return mg.repeat(mg.reshape(input, (-1,)) if dim is None else input, repeats, axis=dim if dim is not None else 0)


def _flipped(input: Any, axes: Any) -> Any:
    return mg.flip(input, axis=axes) if input.raw.ndim else mg.positive(input)


@function
def flip(input: Any, *axes: Any, dims: Any = None) -> Any:
    """The entries along the axes in reverse order."""
    axes = lengths(axes if dims is None else (dims,))
    return _flipped(input, axes) if axes else mg.positive(input)


@function
def fliplr(input: Any) -> Any:
    """The columns in reverse order."""
    return _flipped(input, 1)


@function
def flipud(input: Any) -> Any:
    """The rows in reverse order."""
    return _flipped(input, 0)


@function
def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """Turned k times by 90° in the plane of two axes."""
    i, j = (one_dim(d, input.raw.ndim) for d in dims)
    k %= 4
    if k == 0:
        return mg.positive(input)
    if k == 2:
        return mg.flip(input, axis=(i, j))
    order = list(range(input.raw.ndim))
    order[i], order[j] = j, i
    turned = mg.permute_dims(input, tuple(order))
    return mg.flip(turned, axis=i if k == 1 else j)


@function
def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """Moved round along axes; without axes, all entries in a row."""
    if dims is None or dims == ():
        flat = mg.roll(mg.reshape(input, (-1,)), sum(shifts) if isinstance(shifts, tuple | list) else shifts, axis=0)
        return mg.reshape(flat, tuple(input.shape))
    shifts, dims = ((x,) if isinstance(x, int) else tuple(x) for x in (shifts, dims))
    return mg.roll(input, shifts, axis=dims) if input.raw.ndim else input


@function(inplace=True)
def tril(input: Any, diagonal: int = 0) -> Any:
    """Zeros above a diagonal."""
    return mg.tril(input, k=diagonal)


@function(inplace=True)
def triu(input: Any, diagonal: int = 0) -> Any:
    """Zeros below a diagonal."""
    return mg.triu(input, k=diagonal)


@function
def diag(input: Any, diagonal: int = 0) -> Any:
    """A matrix with the vector on a diagonal; the diagonal of a matrix."""
    if input.raw.ndim == 1:
        return diag_embed(input, diagonal)
    if input.raw.ndim == 2:
        return mg.linalg.diagonal(input, offset=diagonal)
    raise ShapeError("MG136", f"diag(): Supports 1D or 2D tensors. Got {input.raw.ndim}D. Write `torch.diagonal`.")


@function
def diagflat(input: Any, offset: int = 0) -> Any:
    """A matrix with all entries on a diagonal."""
    return diag_embed(mg.reshape(input, (-1,)), offset)


@function
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices in two new axes, with the last axis on a diagonal."""
    n, ndim = input.shape[-1], input.raw.ndim + 1
    size = n + abs(offset)
    rows = np.arange(n) + max(-offset, 0)
    places = rows * size + rows + offset
    flat = mg.zeros((*input.shape[:-1], size * size), dtype=input.raw.dtype)
    filled = TAPED.index_set(flat, input, places, key=(Ellipsis, INDEX))
    square = mg.reshape(filled, (*input.shape[:-1], size, size))
    i, j = one_axis(dim1, ndim), one_axis(dim2, ndim)
    if i == j:
        raise ShapeError("MG124", f"diagonal dimensions cannot be identical {dim1}, {dim2}.")
    return mg.moveaxis(square, (-2, -1), (i, j))


@function
def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix."""
    if input.raw.ndim != 2:
        raise ShapeError("MG136", f"trace: expected a matrix, but got tensor with dim {input.raw.ndim}.")
    return mg.sum(mg.linalg.diagonal(input))


@function
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """Slices along `dim` scaled so that their norms of order p are at most `maxnorm`."""
    i = one_dim(dim, input.raw.ndim)
    others = tuple(k for k in range(input.raw.ndim) if k != i)
    norms = mg.linalg.vector_norm(input, axis=others, keepdims=True, ord=p)
    return input * mg.where(mg.greater(norms, maxnorm), maxnorm / (norms + 1e-7), 1.0)


@function
def constant_pad_nd(input: Any, pad: Sequence[int], value: float = 0) -> Any:
    """Constants around the last axes, or (where negative) entries cut off: (left, right, top, bottom, …)."""
    return mg.nn.functional.pad(input, tuple(pad), "constant", value)
