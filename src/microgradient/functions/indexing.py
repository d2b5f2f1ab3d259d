"""Indexing functions: entries at the places that arrays of integers name."""

from __future__ import annotations

from ..errors import ArgumentError, ArgumentTypeError, OutOfRangeError
from ..rules import INDEX
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from .arguments import ArrayLike, as_tensor, one_axis

__all__ = ["take", "take_along_axis"]


def take(x: ArrayLike, indices: ArrayLike, /, *, axis: int | None = None) -> Tensor:
    """The slices of `x` along `axis` with the numbers `indices`, which take its place; negative ones count from the end.

    `axis` may be left out for one axis. Raises OutOfRangeError for an index outside of it.

    >>> import microgradient as mg
    >>> mg.take(mg.asarray([[1, 2, 3], [4, 5, 6]]), mg.asarray([2, 0]), axis=1)
    tensor([[3, 1],
            [6, 4]])
    """
    x, places = as_tensor(x), integers(indices)
    if axis is None and x.ndim != 1:
        raise ArgumentError("MG124", f"A tensor with {x.ndim} axes needs `axis` to take from.")
    i = one_axis(0 if axis is None else axis, x.ndim)
    try:
        return xp.index(x, places.raw, key=(slice(None),) * i + (INDEX,))
    except IndexError as error:
        raise OutOfRangeError("MG127", f"{error}: taken from the shape {x.shape}.") from None


def take_along_axis(x: ArrayLike, indices: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """For each place of `indices` the entry of `x` at the same place but with that number along `axis`.

    `indices` has the shape of `x` or broadcasts with it, except along `axis`. It fits what argsort and argmax return.

    >>> import microgradient as mg
    >>> mg.take_along_axis(mg.asarray([[3, 1, 2]]), mg.asarray([[1, 2, 0]]))
    tensor([[1, 2, 3]])
    """
    x, places = as_tensor(x), integers(indices)
    if places.ndim != x.ndim:
        raise ArgumentError(
            "MG120", f"The indices have {places.ndim} axes, the tensor {x.ndim}; these numbers must be equal."
        )
    try:
        return xp.take_along_axis(x, places.raw, axis=one_axis(axis, x.ndim))
    except IndexError as error:
        raise OutOfRangeError("MG127", f"{error}: taken from the shape {x.shape}.") from None


def integers(indices: ArrayLike) -> Tensor:
    """Indices as a tensor. Raises ArgumentTypeError unless they are integers."""
    places = as_tensor(indices)
    if not places.raw.size and places.dtype.kind == "f" and not isinstance(indices, Tensor):
        places = as_tensor(places.raw.astype("int64"))
    if places.dtype.kind not in "iu":
        raise ArgumentTypeError("MG128", f"Indices are integers, not {places.dtype}.")
    return places
