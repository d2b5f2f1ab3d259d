"""Affine and bilinear maps."""

from __future__ import annotations

import math

import microgradient as mg

from ...errors import DTypeError, ShapeError
from ...tensor import Tensor
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
    rows = input if len(shape) == 2 else mg.reshape(input, (math.prod(shape[:-1]), shape[-1]))
    y = mg.matmul(rows, mg.matrix_transpose(weight))
    if bias is not None:
        y = y + bias
    return y if len(shape) == 2 else mg.reshape(y, (*shape[:-1], outputs))


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_o = x1ᵀ W_o x2 + b_o: `input1` (..., in1), `input2` (..., in2), `weight` (out, in1, in2) → (..., out).

    >>> bilinear(mg.tensor([2.0]), mg.tensor([3.0]), mg.ones((1, 1, 1))).tolist()
    [6.0]
    """
    if input1.shape[:-1] != input2.shape[:-1] or (*input1.shape[-1:], *input2.shape[-1:]) != weight.shape[1:]:
        raise ShapeError(
            "MG160",
            f"bilinear takes (..., {weight.shape[1]}) and (..., {weight.shape[2]}) for a weight of shape {weight.shape}, "
            f"got {input1.shape} and {input2.shape}.",
        )
    check_float("bilinear", input1, weight)
    rows = math.prod(input1.shape[:-1])
    a, b = mg.reshape(input1, (rows, weight.shape[1])), mg.reshape(input2, (rows, weight.shape[2]))
    y = mg.einsum("ni,oij,nj->no", a, weight, b)
    y = y if bias is None else y + bias
    return mg.reshape(y, (*input1.shape[:-1], weight.shape[0]))


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
    elif len(shape) > 3:
        fix = f"Input {shape} is not flat: put `nn.Flatten()` before, and change to Linear({math.prod(shape[1:])}, {outputs})."
    elif len(shape) == 1 and wanted == 1:
        fix = f"Input {shape} has no axis for the features: `x[:, None]`."
    elif len(shape) == 1 and given > wanted and given % wanted == 0:
        fix = f"Input {shape} has no axis for the batch: `mg.reshape(x, ({given // wanted}, {wanted}))`, or `nn.Flatten()`."
    else:
        change = f"Linear({given}, {outputs})"
        return FeatureError(what, f"Input {shape}. Change to {change}.", given, wanted, change, input.node)
    return ShapeError("MG159", f"{what}. {fix}")
