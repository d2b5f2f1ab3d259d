"""Losses: one number that says how far predictions are from targets.

Every loss takes `reduction`: "mean" (over the elements, unless said otherwise), "sum", or "none".
"""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ShapeError, warn_once
from ...operators import wrap
from ...tensor import Tensor
from .arguments import takes_former_reduction
from .embedding import from_start


@takes_former_reduction
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(x - y)², averaged.

    Warns if the shapes differ and would broadcast to each other, as (n, 1) against (n,).

    >>> mse_loss(mg.tensor([1.0, 3.0]), mg.tensor([1.0, 1.0])).item()
    2.0
    """
    difference = _difference("mse_loss", input, target)
    return reduce(difference * difference, reduction)


@takes_former_reduction
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """abs(x - y), averaged.

    >>> l1_loss(mg.tensor([1.0, 3.0]), mg.tensor([1.0, 1.0])).item()
    1.0
    """
    return reduce(mg.abs(_difference("l1_loss", input, target)), reduction)


@takes_former_reduction
def smooth_l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d² / (2·beta) where abs(d) < beta, else abs(d) - beta/2, for d = x - y. Girshick 2015.

    >>> smooth_l1_loss(mg.tensor([0.0, 3.0]), mg.tensor([1.0, 1.0]), reduction="none").tolist()
    [0.5, 1.5]
    """
    if beta < 0:
        raise ArgumentError("MG157", f"smooth_l1_loss needs beta ≥ 0, got {beta}.")
    difference = _difference("smooth_l1_loss", input, target)
    return reduce(_huber(difference, beta) / beta if beta else mg.abs(difference), reduction)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d²/2 where abs(d) < delta, else delta · (abs(d) - delta/2), for d = x - y. Huber 1964.

    >>> huber_loss(mg.tensor([0.0, 3.0]), mg.tensor([1.0, 1.0]), reduction="none").tolist()
    [0.5, 1.5]
    """
    if delta <= 0:
        raise ArgumentError("MG157", f"huber_loss needs delta > 0, got {delta}.")
    return reduce(_huber(_difference("huber_loss", input, target), delta), reduction)


@takes_former_reduction
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-(y log p + (1-y) log(1-p)) for probabilities p, each logarithm at least -100.

    The derivative is PyTorch's, (p - y) / max(p · (1-p), 1e-12): large, but finite, where a prediction is surely wrong.
    Prefer `binary_cross_entropy_with_logits`, which is exact for every number. Raises `ArgumentError` for
    an input outside 0..1.

    >>> round(binary_cross_entropy(mg.tensor([0.5]), mg.tensor([1.0])).item(), 4)
    0.6931
    """
    target = _same_shape("binary_cross_entropy", input, target)
    values = input.raw
    if isinstance(values, np.ndarray) and values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ArgumentError(
            "MG162",
            f"binary_cross_entropy takes probabilities, got numbers from {values.min():.4g} to {values.max():.4g}. "
            "Use `binary_cross_entropy_with_logits(x, y)` for the scores before the sigmoid.",
        )
    p = input.detach()
    sure = p * (1.0 - p) < 1e-12
    bounded = (mg.clip(mg.log(q), min=-100.0) for q in (p, 1.0 - p))
    line = (input - p) * (p - target) * 1e12 - _mixed(target, *bounded)
    inner = mg.where(sure, 0.5, input)
    loss = mg.where(sure, line, -_mixed(target, mg.log(inner), mg.log(1.0 - inner)))
    return reduce(loss if weight is None else loss * weight, reduction)


@takes_former_reduction
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-(pos_weight · y log σ(x) + (1-y) log(1-σ(x))), computed as (1-y)·x + (1 + (pos_weight-1)·y) · softplus(-x).

    >>> round(binary_cross_entropy_with_logits(mg.tensor([0.0]), mg.tensor([1.0])).item(), 4)
    0.6931
    """
    target = _same_shape("binary_cross_entropy_with_logits", input, target)
    if _made_by(input) == "sigmoid":
        warn_once(
            "MG165",
            lambda: (
                f"{_origin(input, 'Sigmoid')} has been through a sigmoid already; binary_cross_entropy_with_logits applies it "
                "itself. Give it the scores before the sigmoid, or use `binary_cross_entropy(p, y)`."
            ),
        )
    spread = mg.softplus(-input)
    if pos_weight is not None:
        spread = spread * ((pos_weight - 1.0) * target + 1.0)
    loss = (1.0 - target) * input + spread
    return reduce(loss if weight is None else loss * weight, reduction)


@takes_former_reduction
def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """y · (log y - x) for log-probabilities x and probabilities y (their logarithms, with `log_target`); NaN for y < 0.

    "mean" divides by the number of elements; `reduction="batchmean"` by the batch size, which is the mathematical one.

    >>> kl_div(mg.tensor([[0.0]]), mg.tensor([[1.0]]), reduction="batchmean").item()
    0.0
    """
    if log_target:
        loss = mg.exp(target) * (target - input)
    else:
        zero = target == 0
        loss = mg.where(zero, 0.0, target * mg.log(mg.where(zero, 1.0, target))) - target * input
    if reduction == "batchmean":
        return mg.sum(loss) / (input.shape[0] if input.ndim else 1)
    return reduce(loss, reduction)


@takes_former_reduction
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-weight[y] · x[y] for log-probabilities x (N, C), (C,) or (N, C, d...) and labels y (N,), () or (N, d...).

    "mean" divides by the sum of the weights used. Rows with the label `ignore_index` are left out.

    >>> nll_loss(mg.tensor([[-1.0, -2.0]]), mg.tensor([1])).item()
    2.0
    """
    axis = _class_axis("nll_loss", input)
    check_class_weights("nll_loss", weight, input.shape[axis])
    _warn_if_softmax(
        input, axis, "nll_loss takes their logarithms: use `mg.log_softmax`, or cross_entropy on the scores."
    )
    labels, kept = _labels(input, target, axis, ignore_index)
    return _weigh(-_at_labels(input, labels, axis), labels, kept, weight, reduction)


@takes_former_reduction
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(x)[y] for scores ("logits") x and labels y, or -Σ y log softmax(x) for probabilities y.

    `input` (N, C), (C,) or (N, C, d...); labels (N,), () or (N, d...), whole numbers 0..C-1, of any dtype; probabilities
    have the input's shape. `weight` (C,) weighs the classes; "mean" divides by the sum of the weights used (labels) or
    by N (probabilities). `label_smoothing` mixes in that much of the uniform distribution (Szegedy et al. 2016).
    Warns if `input` looks like a softmax. Raises `ArgumentError` for a label outside 0..C-1.

    >>> round(cross_entropy(mg.tensor([[0.0, 0.0]]), mg.tensor([1])).item(), 4)
    0.6931
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError("MG157", f"label_smoothing lies between 0 and 1, got {label_smoothing}.")
    axis = _class_axis("cross_entropy", input)
    check_class_weights("cross_entropy", weight, input.shape[axis])
    _warn_if_softmax(
        input, axis, "cross_entropy applies softmax itself. Give it the scores before, or use `nll_loss(mg.log(p), y)`."
    )
    if target.shape == input.shape and target.dtype.kind == "f":
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing, axis)
    labels, kept = _labels(input, target, axis, ignore_index)
    log_p = mg.log_softmax(input, axis=axis)
    loss = _weigh(-_at_labels(log_p, labels, axis), labels, kept, weight, reduction)
    if label_smoothing == 0.0:
        return loss
    spread = -mg.sum(log_p if weight is None else log_p * _along(weight, input, axis), axis=axis)
    smooth = _weigh(spread, labels, kept, None, "none" if reduction == "none" else "sum")
    if reduction == "mean":
        smooth = smooth / _weigh(mg.ones(labels.shape, dtype=input.dtype), labels, kept, weight, "sum")
    return loss * (1.0 - label_smoothing) + smooth * (label_smoothing / input.shape[axis])


class LabelError(ArgumentError, IndexError):
    """A label that is none of the classes."""


def reduce(loss: Tensor, reduction: str) -> Tensor:
    """The mean or sum of all elements, or the elements themselves.

    >>> reduce(mg.tensor([1.0, 3.0]), "mean").item()
    2.0
    """
    if reduction == "mean":
        return mg.mean(loss)
    if reduction == "sum":
        return mg.sum(loss)
    if reduction == "none":
        return loss
    raise ArgumentError("MG157", f"reduction={reduction!r} is unknown: use 'mean', 'sum' or 'none'.")


def check_class_weights(name: str, weight: Tensor | None, classes: int) -> None:
    """Raise ShapeError unless there is one weight for each class."""
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ShapeError(
            "MG163", f"{name}: `weight` has one number for each of {classes} classes, shape ({classes},); its shape is "
            f"{tuple(weight.shape)}."
        )  # fmt: skip


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float, axis: int
) -> Tensor:
    classes = input.shape[axis]
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / classes
    product = mg.log_softmax(input, axis=axis) * target
    loss = -mg.sum(product if weight is None else product * _along(weight, input, axis), axis=axis)
    return reduce(loss, reduction)


def _class_axis(name: str, input: Tensor) -> int:
    if input.ndim == 0:
        raise ShapeError("MG163", f"{name} takes (N, C) or (C,), got a single number.")
    return 0 if input.ndim == 1 else 1


def _along(weight: Tensor, input: Tensor, axis: int) -> Tensor:
    """Class weights, shaped so that they lie along `axis`."""
    return mg.reshape(weight, (-1,) + (1,) * (input.ndim - 1 - axis))


def _at_labels(x: Tensor, labels: Tensor, axis: int) -> Tensor:
    """x[n, labels[n, ...], ...]: for each label the entry of `x` that it names along `axis`."""
    grid = [wrap(np.arange(n).reshape((n,) + (1,) * (labels.ndim - 1 - k)), None) for k, n in enumerate(labels.shape)]
    return x[(*grid[:axis], labels, *grid[axis:])]


def _weigh(loss: Tensor, labels: Tensor, kept: Tensor | None, weight: Tensor | None, reduction: str) -> Tensor:
    """Reduce `loss` with the class weights, leaving out what is not `kept`."""
    if weight is None and kept is None:
        return reduce(loss, reduction)
    if weight is None:
        counted = mg.astype(kept, loss.dtype)
    else:
        flat = mg.take(weight, mg.reshape(labels, (labels.raw.size,)), axis=0)
        counted = mg.reshape(flat, labels.shape)
        if kept is not None:
            counted = mg.where(kept, counted, 0.0)
    loss = loss * counted if kept is None else mg.where(kept, loss * counted, 0.0)
    if reduction == "mean":
        return mg.sum(loss) / mg.sum(counted)
    return reduce(loss, reduction)


def _labels(input: Tensor, target: Tensor, axis: int, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """The labels as int64 with 0 in place of `ignore_index`, and where they count (None: everywhere)."""
    classes = input.shape[axis]
    wanted = input.shape[:axis] + input.shape[axis + 1 :]
    if target.shape != wanted:
        raise _label_shape(input.shape, target.shape, wanted)
    if not isinstance(target.raw, np.ndarray):
        kept = target != ignore_index
        wanted_labels = mg.where(kept, target, 0)
        if target.dtype.kind == "f":  # out of bounds for the gather that follows, where they aren't whole
            wanted_labels = mg.where(wanted_labels == mg.floor(wanted_labels), wanted_labels, classes)
        return from_start(mg.astype(wanted_labels, mg.int64), classes), kept
    labels = target.raw
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels) & (labels == np.floor(labels))
        if not whole.all():
            row = tuple(int(i) for i in np.argwhere(~whole)[0])
            raise ArgumentError(
                "MG164",
                f"Labels are whole numbers (or probabilities of shape {input.shape}); {_row(row)} is {labels[row]:.4g}. "
                "To predict a quantity, use `mse_loss`.",
            )
        labels = labels.astype(np.int64)
    elif labels.dtype.kind not in "iu":
        labels = labels.astype(np.int64)
    if not labels.size:
        return mg.asarray(labels), None
    low, high = int(labels.min()), int(labels.max())
    if low >= 0 and high < classes and not low <= ignore_index <= high:
        return mg.asarray(labels), None  # nothing to leave out, in nearly every case
    ignored = labels == ignore_index
    labels = np.where(ignored, 0, labels)
    if labels.min() < 0 or labels.max() >= classes:
        row = tuple(int(i) for i in np.argwhere((labels < 0) | (labels >= classes))[0])
        highest = labels.max()
        told = f"{classes} outputs need labels 0–{classes - 1}; {_row(row)} is {labels[row]}."
        if classes == 1:
            told = f"One output has no other class to choose; {_row(row)} of the labels is {labels[row]}."
            hint = " For yes and no write `binary_cross_entropy_with_logits(x[:, 0], y)`."
        elif highest == classes and labels.min() >= 1 - ignored.any():
            hint = " Labels from 1? `y - 1`."
        elif labels[row] < 0:
            hint = f" To leave such rows out, write `ignore_index={labels[row]}`."
        else:
            hint = f" Give the model {highest + 1} outputs?"
        raise LabelError("MG164", told + hint)
    return mg.asarray(labels), mg.asarray(~ignored)


def class_labels(input: Tensor, target: Tensor, axis: int | None) -> Tensor:
    """Labels 0..C-1 as int64, shaped as `input` (axis None) or without its `axis`. Raises `ArgumentError` for others."""
    if axis is not None:
        return _labels(input, target, axis, -(2**31))[0]
    classes = input.shape[-1]
    data = target.raw
    if isinstance(data, np.ndarray) and data.size and data.max() >= classes:
        raise LabelError("MG164", f"{classes} outputs need labels 0–{classes - 1}, got {data.max()}.")
    return from_start(mg.astype(target, mg.int64), classes)


def _row(row: tuple[int, ...]) -> str:
    if len(row) == 1:
        return f"row {row[0]}"
    return f"the one at {row}" if row else "this one"


def _label_shape(shape: tuple[int, ...], given: tuple[int, ...], wanted: tuple[int, ...]) -> ShapeError:
    if given == (*wanted, 1):
        fix = "Write `mg.squeeze(y, axis=-1)`."
    elif given == shape:
        fix = "One-hot rows of whole numbers? `mg.argmax(y, axis=1)`, or `y.astype(mg.float32)` for probabilities."
    elif len(shape) == 3 and given == (shape[0], shape[1]):
        fix = "Are the classes last? `mg.permute_dims(logits, (0, 2, 1))`, or flatten both to (N·T, C) and (N·T,)."
    else:
        fix = f"Give one label for each row, shape {wanted}."
    return ShapeError("MG163", f"Scores of shape {shape} need labels of shape {wanted}, got {given}. {fix}")


def _warn_if_softmax(input: Tensor, axis: int, instead: str) -> None:
    if _made_by(input) == "softmax":
        warn_once("MG165", lambda: f"{_origin(input, 'Softmax')} has been through a softmax already; {instead}")
        return
    values = input.raw
    if not isinstance(values, np.ndarray) or values.shape[axis] < 2 or not values.size:
        return
    one: Any = ... if values.ndim == 1 else (0, slice(None), *(0,) * (values.ndim - 2))
    if not abs(float(values[one].sum()) - 1.0) < 1e-5:
        return  # cheap: one row decides in nearly every case
    if values.min() >= 0 and np.all(np.abs(values.sum(axis=axis) - 1.0) < 1e-5):
        warn_once(
            "MG165",
            lambda: f"The rows of {_origin(input, 'Softmax', of=True)} already sum to 1, as after a softmax; {instead}",
        )


def _made_by(x: Tensor) -> str:
    """The last operation on the tape of `x`, "softmax" for exp(x) / Σ exp(x); reshaping, indexing and the like don't count."""
    node = x.node
    while node is not None and node.op is not None and node.op.kind == "linear" and node.op.name != "sum":
        node = node.parents[0]
    if node is None or node.op is None:
        return ""
    if node.op.name == "divide":
        above, below = node.parents
        e = above.op if above is not None else None
        share = below is not None and below.op is not None and below.op.name == "sum" and below.parents[0] is above
        return "softmax" if share and e is not None and e.name == "exp" else "divide"
    return node.op.name


def _origin(x: Tensor, layer: str, of: bool = False) -> str:
    """What the user's code calls `x` and where it computed it, or which layer of that kind a model there has."""
    from ...explain import source

    frame = source.caller()
    name = source.variable(x, frame)
    found = source.assignment(name, frame) if name else None
    where = f" (`{found.text}` at {found.where})" if found else source.layer(layer, frame)
    return f"`{name}`{where}" if name else f"{'the' if of else 'The'} input{where}"


def _difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    if input.shape != target.shape:
        _warn_stretched(name, input.shape, target.shape)
    return input - target


def _huber(difference: Tensor, delta: float) -> Tensor:
    """d²/2 where abs(d) ≤ delta, else delta · (abs(d) - delta/2), without the kink of abs at 0."""
    inner = mg.clip(difference, min=-delta, max=delta)
    return inner * (difference - inner * 0.5)


def _warn_stretched(name: str, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    try:
        c = np.broadcast_shapes(a, b)
    except ValueError:
        raise ShapeError("MG163", f"{name} needs predictions and targets of one shape, got {a} and {b}.") from None
    if len(b) < len(a) and a[-1:] == (1,) and a[:-1] == b:
        why, fix = "every prediction against every target", "`y[:, None]` or `mg.squeeze(prediction, axis=-1)`"
    elif len(a) < len(b) and b[-1:] == (1,) and b[:-1] == a:
        why, fix = "every prediction against every target", "`mg.squeeze(y, axis=-1)` or `prediction[:, None]`"
    else:
        why, fix = "each element is used several times", "shapes that are equal"
    warn_once("MG166", f"{name}: a prediction {a} against a target {b} is computed as {c}: {why}. Use {fix}.")


def _same_shape(name: str, input: Tensor, target: Tensor) -> Tensor:
    if target.shape != input.shape:
        fix = (
            f"`mg.reshape(y, {input.shape})`" if target.raw.size == input.raw.size else "one target for each prediction"
        )
        raise ShapeError(
            "MG163", f"{name} needs equal shapes, got {input.shape} and targets {target.shape}. Use {fix}."
        )
    return target if target.dtype.kind == "f" else mg.astype(target, input.dtype)


def _mixed(y: Tensor, of_one: Tensor, of_zero: Tensor) -> Tensor:
    return y * of_one + (1.0 - y) * of_zero
