"""Affine maps, look-ups in a table, and dropout."""

from __future__ import annotations

import math

import numpy as np

import microgradient as mg

from ... import random
from ...errors import ArgumentError, DTypeError, OutOfRangeError, ShapeError
from ...operators import wrap
from ...tensor import Tensor
from ...trace_hooks import whole_value
from ..error_context import FeatureError


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b.

    `input` (..., in), `weight` (out, in), `bias` (out) → (..., out). Raises `ShapeError` if the last axis of
    `input` isn't `in` long, `DTypeError` for whole numbers.

    >>> linear(mg.tensor([[1.0, 2.0]]), mg.tensor([[3.0, 4.0]]), mg.tensor([1.0])).tolist()
    [[12.0]]
    """
    shape, (outputs, inputs) = input.shape, weight.shape
    if not shape or shape[-1] != inputs:
        raise _linear_mismatch(input, weight.shape)
    check_float("linear", input, weight)
    if len(shape) == 2:
        y = mg.matmul(input, weight.T)
    else:
        y = mg.matmul(mg.reshape(input, (math.prod(shape[:-1]), shape[-1])), weight.T)
    if bias is not None:
        y = y + bias
    return y if len(shape) == 2 else mg.reshape(y, (*shape[:-1], outputs))


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` (num, dim) that the whole numbers of `input` name: (...) → (..., dim).

    The row `padding_idx` gets no gradient. Raises `OutOfRangeError` for an index outside 0..num-1.

    >>> embedding(mg.tensor([1, 0]), mg.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    if input.dtype.kind not in "iu":
        raise DTypeError(
            "MG140", f"An embedding looks rows up by whole numbers, got {input.dtype}. Write `x.astype(mg.int64)`."
        )
    rows, width = weight.shape
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
    indices = from_start(input, rows)
    y = mg.take(weight, indices if indices.ndim == 1 else mg.reshape(indices, (indices.raw.size,)), axis=0)
    y = y if indices.ndim == 1 else mg.reshape(y, (*indices.shape, width))
    if padding_idx is None:
        return y
    padding = mg.expand_dims(indices == (padding_idx % rows), axis=-1)
    return mg.where(padding, wrap(y.raw, None), y)


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


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element becomes 0 with probability `p`, the others grow by 1/(1-p); without `training`, `input` itself.
    `inplace` is accepted and ignored: tensors do not change.

    Srivastava et al. 2014.

    >>> dropout(mg.tensor([1.0, 2.0]), 0.5, training=False).tolist()
    [1.0, 2.0]
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError("MG157", f"A dropout probability lies between 0 and 1, got {p}.")
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return input * 0.0
    return input * (random.bernoulli(1.0 - p, input.shape, dtype=input.dtype) * (1.0 / (1.0 - p)))


def check_float(name: str, input: Tensor, weight: Tensor) -> None:
    """Refuse what would silently compute in another dtype than the layer's."""
    if input.dtype == weight.dtype:
        return
    if input.dtype.kind != "f":
        raise DTypeError(
            "MG140",
            f"{name} got {input.dtype} numbers for {weight.dtype} weights. Write `x.astype(mg.{weight.dtype})`.",
        )


def _linear_mismatch(input: Tensor, weight: tuple[int, ...]) -> ShapeError:
    shape, wanted, outputs = input.shape, weight[-1], weight[0]
    name = f"Linear({wanted}→{outputs})"
    if not shape:
        return ShapeError("MG159", f"{name} got a single number; it needs {wanted} features. `mg.reshape(x, (1, -1))`.")
    given = shape[-1]
    what = f"{name} got {given} features"
    if given == 1 and len(shape) > 1 and shape[-2] == wanted:
        fix = f"Input {shape} has the features in a column: `mg.reshape(x, (-1, {wanted}))`."
    elif len(shape) > 2 and math.prod(shape[1:]) == wanted:
        fix = f"Input {shape} is not flat: put `nn.Flatten()` before."
    else:
        return FeatureError(
            what,
            f"Input {shape}. Change to Linear({given}, {outputs}).",
            shape,
            wanted,
            outputs,
            getattr(input, "node", None),
        )
    return ShapeError("MG159", f"{what}. {fix}")
