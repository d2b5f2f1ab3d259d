"""Look-ups in a table of vectors."""

from __future__ import annotations

import math

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, DTypeError, OutOfRangeError, ShapeError
from ...rules import INDEX
from ...taped_world import TAPED
from ...tensor import Tensor
from ...trace_hooks import whole_value


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (num, dim) that the whole numbers of `input` name: (...) → (..., dim).

    The row `padding_idx` gets no gradient. With `max_norm`, the rows that are used and whose p-norm (p = `norm_type`) is larger
    are first scaled down to it, in `weight` itself. `scale_grad_by_freq` divides a row's gradient by how often it is used.
    `sparse` is accepted and ignored: gradients are dense. Raises `OutOfRangeError` for an index outside 0..num-1.

    >>> embedding(mg.tensor([1, 0]), mg.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    _check_rows(input, weight.shape[0])
    if max_norm is not None:
        _limit_rows(weight, input, max_norm, norm_type)
    y = _rows(input, weight, scale_grad_by_freq)
    if padding_idx is None:
        return y
    padding = mg.expand_dims(input == (padding_idx % weight.shape[0]), axis=-1)
    return mg.where(padding, mg.stop_gradient(y), y)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or largest entries (`mode`) of the rows of `weight` (num, dim) named by each bag of `input`: → (bags, dim).

    `input` (bags, n) holds bags of one size; `input` (n,) with `offsets` (bags,) bags that begin there (with
    `include_last_offset` the last offset is the end). `per_sample_weights`, shaped as `input`, weighs the rows (mode "sum" only).
    Entries equal to `padding_idx` don't count; an empty bag gives zeros. The other arguments are as in `embedding`.

    >>> embedding_bag(mg.tensor([0, 1, 1]), mg.tensor([[1.0], [3.0]]), mg.tensor([0, 1]), mode="sum").tolist()
    [[1.0], [6.0]]
    """
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError("MG157", f"embedding_bag knows the modes 'sum', 'mean' and 'max', not {mode!r}.")
    if per_sample_weights is not None and (mode != "sum" or per_sample_weights.shape != input.shape):
        raise ArgumentError(
            "MG157", f"per_sample_weights need mode='sum' and the input's shape {input.shape}; "
            f"got mode={mode!r} and {per_sample_weights.shape}.",
        )  # fmt: skip
    if (offsets is None) != (input.ndim == 2) or input.ndim not in (1, 2):
        raise ShapeError("MG160", f"embedding_bag takes (bags, n), or (n,) with offsets; got shape {input.shape}.")
    _check_rows(input, weight.shape[0])
    if max_norm is not None:
        _limit_rows(weight, input, max_norm, norm_type)
    rows, counted = _rows(input, weight, scale_grad_by_freq), mg.ones(input.shape, dtype=mg.bool)
    if padding_idx is not None:
        counted = input != padding_idx % weight.shape[0]
    if per_sample_weights is not None:
        rows = rows * mg.expand_dims(per_sample_weights, axis=-1)
    if offsets is not None:
        places, inside = _bags(offsets, input.shape[0], include_last_offset)
        flat = mg.asarray(places.ravel())
        rows = mg.reshape(mg.take(rows, flat, axis=0), (*places.shape, weight.shape[1]))
        counted = mg.reshape(mg.take(counted, flat, axis=0), places.shape) & mg.asarray(inside)
    counts = mg.expand_dims(counted, axis=-1)
    if not rows.shape[1]:
        return mg.sum(rows, axis=1)
    if mode == "max":
        top = mg.max(mg.where(counts, rows, -math.inf), axis=1)
        return mg.where(mg.any(counts, axis=1), top, 0.0)
    total = mg.sum(mg.where(counts, rows, 0.0), axis=1)
    return total if mode == "sum" else total / mg.clip(mg.sum(mg.astype(counts, rows.dtype), axis=1), min=1.0)


def from_start(indices: Tensor, length: int) -> Tensor:
    """The whole numbers themselves. Traced, those below 0 become `length`, so that the gather refuses them when it runs."""
    if isinstance(indices.raw, np.ndarray) or indices.dtype.kind == "u":
        return indices
    return mg.where(indices < 0, length, mg.astype(indices, mg.int64))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Whole numbers (...) → int64 (..., num_classes), 1 where the number is, else 0; -1 counts up to the largest.

    >>> one_hot(mg.tensor([0, 2])).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    labels = tensor
    if labels.dtype.kind not in "iu":
        raise DTypeError("MG140", f"one_hot takes whole numbers, got {labels.dtype}. Write `x.astype(mg.int64)`.")
    data = labels.raw
    if num_classes == -1:
        data = whole_value(data, "one_hot without num_classes")
        if labels.raw.size == 0:
            raise ArgumentError("MG157", "one_hot of no labels can't count the classes: pass num_classes.")
        num_classes = int(data.max()) + 1
    if isinstance(data, np.ndarray) and data.size and (data.min() < 0 or data.max() >= num_classes):
        raise OutOfRangeError(
            "MG158",
            f"one_hot with {num_classes} classes needs labels 0–{num_classes - 1}, got {data.min()}–{data.max()}.",
        )
    classes = mg.arange(num_classes)
    if not isinstance(data, np.ndarray) and num_classes:  # a gather, which looks whether they are in bounds
        flat = mg.reshape(from_start(labels, num_classes), (labels.raw.size,))
        labels = mg.reshape(mg.take(classes, flat, axis=0), labels.shape)
    return mg.astype(mg.expand_dims(labels, axis=-1) == classes, mg.int64)


def _bags(offsets: Tensor, n: int, include_last_offset: bool) -> tuple[np.ndarray, np.ndarray]:
    """For each bag the numbers of its entries, as many as the largest has, and which of them are its own."""
    starts = np.asarray(whole_value(offsets.raw, "embedding_bag with offsets"))
    if starts.ndim != 1 or (starts.size and starts[0] != 0) or np.any(np.diff(starts) < 0) or np.any(starts > n):
        raise ArgumentError(
            "MG157", f"offsets begin with 0, don't decrease and end at most at {n}; got {starts.tolist()}."
        )
    ends = starts[1:] if include_last_offset else np.append(starts[1:], n)
    starts = starts[: len(ends)]
    longest = int(np.max(ends - starts, initial=0)) if n else 0
    places = starts[:, None] + np.arange(longest)
    return np.minimum(places, n - 1), places < ends[:, None]


def _rows(input: Tensor, weight: Tensor, scale_grad_by_freq: bool) -> Tensor:
    rows, width = weight.shape
    indices = from_start(input, rows)
    flat = indices if indices.ndim == 1 else mg.reshape(indices, (math.prod(indices.shape),))
    y = mg.take(weight, flat, axis=0)
    if scale_grad_by_freq:
        ones = mg.ones(flat.shape, dtype=weight.dtype)
        counts = mg.take(TAPED.index_add(ones, flat.raw, key=(INDEX,), shape=(rows,)), flat, axis=0)
        constant = mg.stop_gradient(y)
        y = constant + (y - constant) / mg.expand_dims(counts, axis=-1)
    return y if indices.ndim == 1 else mg.reshape(y, (*indices.shape, width))


def _limit_rows(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that `input` names down to `max_norm`, in place."""
    with mg.no_grad():
        flat = mg.reshape(input, (math.prod(input.shape),))
        used = TAPED.index_add(mg.ones(flat.shape, dtype=mg.int64), flat.raw, key=(INDEX,), shape=weight.shape[:1]) > 0
        norms = mg.linalg.vector_norm(weight, ord=norm_type, axis=1)
        factor = mg.where(used & (norms > max_norm), max_norm / (norms + 1e-7), 1.0)
        weight.store(mg.astype(weight * mg.expand_dims(factor, axis=1), weight.dtype).raw)


def _check_rows(input: Tensor, rows: int) -> None:
    if input.dtype.kind not in "iu":
        raise DTypeError(
            "MG140", f"An embedding looks rows up by whole numbers, got {input.dtype}. Write `x.astype(mg.int64)`."
        )
    data = input.raw
    if isinstance(data, np.ndarray) and data.size and (data.min() < 0 or data.max() >= rows):
        wrong = int(data.min()) if data.min() < 0 else int(data.max())
        raise OutOfRangeError(
            "MG158",
            f"Index {wrong} is outside an embedding with {rows} rows (0–{rows - 1}). "
            f"Use num_embeddings={wrong + 1} or more, or check where the indices come from."
            if wrong >= 0
            else f"Index {wrong} is outside an embedding with {rows} rows (0–{rows - 1}); rows aren't counted from the end.",
        )
