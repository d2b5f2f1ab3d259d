"""Creation functions. Without a dtype, Python floats become the default float, integers int64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..coercion import holds_tensor
from ..errors import ArgumentError, ShapeError, as_given, type_name
from ..indexing import new_shape
from ..interop import DEFAULT_FLOAT, check_device
from ..taped_world import TAPED as xp
from ..tensor import Tensor
from ..trace_hooks import Traced
from .arguments import ArrayLike, DType, as_tensor, cast_to, checked_dtype, constant_tensor, matrices
from .manipulation import broadcast_to, reshape
from .pointwise import positive

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid",
    "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip

Shape = int | tuple[int, ...]
Number = complex


def asarray(obj: ArrayLike, /, *, dtype: DType = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor with the values of `obj`: a Tensor, ndarray, number, nested sequence or anything with DLPack or a buffer.

    A tensor with the right dtype is returned as it is unless `copy`; it stays in the graph either way. Arrays are copied
    unless `copy=False`, which raises ArgumentError where a copy can't be avoided.

    >>> import microgradient as mg
    >>> mg.asarray([1, 2], dtype=mg.float64)
    tensor([1., 2.], dtype=float64)
    """
    check_device(device)
    target = None if dtype is None else checked_dtype(dtype)
    if isinstance(obj, Traced):  # a number given as an argument of a compiled function
        return Tensor(obj, target)
    if copy is False:
        return _without_copy(obj, target)
    if not isinstance(obj, Tensor | np.ndarray | np.generic | list | tuple | bool | int | float | complex):
        obj = from_dlpack(obj, copy=True) if hasattr(obj, "__dlpack__") else np.asarray(obj)
    x = as_tensor(obj) if target is None or holds_tensor(obj) else Tensor(obj, target)
    if target is not None and x.dtype != target:
        return cast_to(x, target)
    if not copy or x is not obj:
        return x
    return positive(x) if x.node is not None else constant_tensor(x.raw.copy())


def _without_copy(obj: Any, target: np.dtype[Any] | None) -> Tensor:
    if isinstance(obj, Tensor) and target in (None, obj.dtype):
        return obj
    try:
        array = np.asarray(obj.raw if isinstance(obj, Tensor) else obj, dtype=target, copy=False)
    except ValueError:
        raise ArgumentError(
            "MG124", f"asarray: {type_name(obj)} can't become a tensor of {target} without a copy."
        ) from None
    checked_dtype(array.dtype)
    return constant_tensor(array)


def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: DType = None, device: Any = None
) -> Tensor:
    """start, start + step, ... up to but without `stop`; `arange(n)` starts at 0.

    >>> import microgradient as mg
    >>> mg.arange(1, 7, 2)
    tensor([1, 3, 5])
    """
    check_device(device)
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ArgumentError("MG124", "The step must not be 0.")
    start, stop, step = (v.item() if hasattr(v, "item") else v for v in (start, stop, step))
    whole = isinstance(start, int) and isinstance(stop, int) and isinstance(step, int)
    target = checked_dtype(dtype) if dtype is not None else np.dtype(np.int64) if whole else DEFAULT_FLOAT[0]
    if whole:
        return constant_tensor(np.arange(start, stop, step, dtype=target))
    if not math.isfinite((stop - start) / step):
        raise ArgumentError("MG124", f"arange needs finite numbers, not from {start} to {stop} in steps of {step}.")
    length = max(math.ceil((stop - start) / step), 0)
    return constant_tensor((start + step * np.arange(length)).astype(target))


def from_both_ends(start: float, stop: float, num: int, dtype: Any) -> np.ndarray[Any, Any]:
    """What `torch.linspace` gives, to the last bit in float32: equal steps of that dtype, to the middle from each end."""
    dtype = np.dtype(dtype)
    kind = dtype.type if dtype.kind == "f" else np.float64
    step = float((kind(stop) - kind(start)) / kind(num - 1)) if num > 1 else 0.0
    i = np.arange(num)
    values = np.where(i < num // 2, float(kind(start)) + step * i, float(kind(stop)) - step * (num - 1 - i))
    return np.asarray(values if num > 1 else np.full(num, start)).astype(dtype)


def linspace(
    start: Number,
    stop: Number,
    /,
    num: int,
    *,
    dtype: DType = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`, which is the last of them if `endpoint`.

    >>> import microgradient as mg
    >>> mg.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    check_device(device)
    if num < 0:
        raise ArgumentError("MG124", f"`num` says how many numbers to make, at least 0; it is {num}.")
    values = np.linspace(start, stop, num, endpoint=endpoint)
    default = DEFAULT_FLOAT[0] if values.dtype.kind == "f" else np.result_type(DEFAULT_FLOAT[0], 1j)
    return constant_tensor(values.astype(default if dtype is None else checked_dtype(dtype)))


def empty(shape: Shape, *, dtype: DType = None, device: Any = None) -> Tensor:
    """A tensor whose values are not to be read: zeros.

    >>> import microgradient as mg
    >>> mg.empty((2, 3)).shape
    (2, 3)
    """
    return zeros(shape, dtype=dtype, device=device)


def zeros(shape: Shape, *, dtype: DType = None, device: Any = None) -> Tensor:
    """Zeros, of the default float dtype unless `dtype` is given.

    >>> import microgradient as mg
    >>> mg.zeros(2)
    tensor([0., 0.])
    """
    return constant_tensor(np.zeros(new_shape(shape), _dtype_on(device, dtype)))


def ones(shape: Shape, *, dtype: DType = None, device: Any = None) -> Tensor:
    """Ones, of the default float dtype unless `dtype` is given.

    >>> import microgradient as mg
    >>> mg.ones((1, 2))
    tensor([[1., 1.]])
    """
    return constant_tensor(np.ones(new_shape(shape), _dtype_on(device, dtype)))


def full(shape: Shape, fill_value: ArrayLike, *, dtype: DType = None, device: Any = None) -> Tensor:
    """Every entry `fill_value`, a number, which also decides the dtype unless `dtype` is given. A tensor stays in the graph.

    >>> import microgradient as mg
    >>> mg.full((2,), 7)
    tensor([7, 7])
    """
    value = asarray(fill_value, dtype=dtype, device=device)
    if value.ndim:
        raise ShapeError("MG120", f"The fill value must be one number; this has shape {value.shape}.")
    if value.node is not None or isinstance(value.raw, Traced):
        return broadcast_to(value, new_shape(shape))
    return constant_tensor(np.full(new_shape(shape), value.raw, value.dtype))


def empty_like(x: ArrayLike, /, *, dtype: DType = None, device: Any = None) -> Tensor:
    """A tensor with the shape and dtype of `x` whose values are not to be read: zeros.

    >>> import microgradient as mg
    >>> mg.empty_like(mg.asarray([1, 2])).dtype
    dtype('int64')
    """
    return zeros_like(x, dtype=dtype, device=device)


def zeros_like(x: ArrayLike, /, *, dtype: DType = None, device: Any = None) -> Tensor:
    """Zeros with the shape of `x`, and its dtype unless `dtype` is given.

    >>> import microgradient as mg
    >>> mg.zeros_like(mg.asarray([1, 2]))
    tensor([0, 0])
    """
    x = as_tensor(x)
    return zeros(x.shape, dtype=x.dtype if dtype is None else dtype, device=device)


def ones_like(x: ArrayLike, /, *, dtype: DType = None, device: Any = None) -> Tensor:
    """Ones with the shape of `x`, and its dtype unless `dtype` is given.

    >>> import microgradient as mg
    >>> mg.ones_like(mg.asarray([1, 2]))
    tensor([1, 1])
    """
    x = as_tensor(x)
    return ones(x.shape, dtype=x.dtype if dtype is None else dtype, device=device)


def full_like(x: ArrayLike, /, fill_value: ArrayLike, *, dtype: DType = None, device: Any = None) -> Tensor:
    """Every entry `fill_value`, with the shape of `x`, and its dtype unless `dtype` is given.

    >>> import microgradient as mg
    >>> mg.full_like(mg.asarray([1, 2]), 7)
    tensor([7, 7])
    """
    x = as_tensor(x)
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: DType = None, device: Any = None) -> Tensor:
    """Ones on the k-th diagonal of a matrix of zeros: k > 0 is above the main diagonal.

    >>> import microgradient as mg
    >>> mg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return constant_tensor(np.eye(n_rows, n_rows if n_cols is None else n_cols, k, _dtype_on(device, dtype)))


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor with the data of an array of another library that offers DLPack, copied only if `copy`.

    >>> import microgradient as mg, numpy as np
    >>> mg.from_dlpack(np.asarray([1, 2]))
    tensor([1, 2])
    """
    check_device(device)
    if isinstance(x, Tensor):
        return asarray(x, copy=copy)
    array = np.from_dlpack(x)
    checked_dtype(array.dtype)
    return constant_tensor(array.copy() if copy else array)


def meshgrid(*arrays: ArrayLike, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinates of the points of a grid, given those of its lines: one array with all points for each direction.

    With `indexing="ij"` axis i of the results runs along `arrays[i]`; with "xy" the first two are exchanged.

    >>> import microgradient as mg
    >>> mg.meshgrid(mg.asarray([1, 2]), mg.asarray([3]), indexing="ij")
    (tensor([[1],
            [2]]), tensor([[3],
            [3]]))
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError("MG124", f"`indexing` is 'xy' or 'ij', not {as_given(indexing)}.")
    tensors = [as_tensor(a) for a in arrays]
    if any(t.ndim > 1 for t in tensors):
        raise ShapeError(
            "MG120", f"meshgrid takes tensors with one axis; these have shapes {[t.shape for t in tensors]}."
        )
    places = list(range(len(tensors)))
    if indexing == "xy" and len(places) > 1:
        places[:2] = 1, 0
    lengths = [tensors[i].raw.size for i in places]
    lines = [
        reshape(t, tuple(t.raw.size if d == place else 1 for d in range(len(tensors))))
        for t, place in zip(tensors, places, strict=True)
    ]
    return tuple(broadcast_to(line, tuple(lengths)) for line in lines)


def tril(x: ArrayLike, /, *, k: int = 0) -> Tensor:
    """Each matrix in `x` (its last two axes) with zeros above the k-th diagonal.

    >>> import microgradient as mg
    >>> mg.tril(mg.ones((2, 2)))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return xp.tril(matrices(x, "tril"), k=k)


def triu(x: ArrayLike, /, *, k: int = 0) -> Tensor:
    """Each matrix in `x` (its last two axes) with zeros below the k-th diagonal.

    >>> import microgradient as mg
    >>> mg.triu(mg.ones((2, 2)))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return xp.triu(matrices(x, "triu"), k=k)


def _dtype_on(device: Any, dtype: DType) -> np.dtype[Any]:
    check_device(device)
    return DEFAULT_FLOAT[0] if dtype is None else checked_dtype(dtype)
