"""Losses that ask for a margin: between a score and a bound, two scores, or two distances."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import microgradient as mg

from ...errors import ArgumentError, ArgumentTypeError, ShapeError
from ...operators import wrap
from ...tensor import Tensor
from .arguments import takes_former_reduction
from .distance import pairwise_distance
from .loss import check_class_weights, class_labels, reduce


@takes_former_reduction
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """max(0, -y · (x1 - x2) + margin): y = 1 where x1 should be larger, y = -1 where x2 should.

    >>> margin_ranking_loss(mg.tensor([1.0]), mg.tensor([3.0]), mg.tensor([1.0])).item()
    2.0
    """
    return reduce(_positive(target * (input2 - input1) + margin), reduction)


@takes_former_reduction
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """x where y = 1, max(0, margin - x) where y = -1: x is a distance.

    >>> hinge_embedding_loss(mg.tensor([0.25, 0.25]), mg.tensor([1, -1]), reduction="none").tolist()
    [0.25, 0.75]
    """
    apart = mg.where(target == 1, 0.0, _positive(margin - input))
    return reduce(apart + mg.where(target == -1, 0.0, input), reduction)


@takes_former_reduction
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1, for rows (N, D) or vectors (D,).

    >>> cosine_embedding_loss(mg.tensor([[2.0, 0.0]]), mg.tensor([[0.0, 1.0]]), mg.tensor([1])).item()
    1.0
    """
    if input1.ndim not in (1, 2) or target.ndim != input1.ndim - 1:
        raise ShapeError(
            "MG163", f"cosine_embedding_loss takes (N, D), (N, D) and (N,), or (D,), (D,) and (); got {input1.shape}, "
            f"{input2.shape} and {target.shape}.",
        )  # fmt: skip
    tiny = 1e-12
    squares = [mg.sum(x * x, axis=-1) + tiny for x in (input1, input2)]
    cosine = mg.sum(input1 * input2, axis=-1) / mg.sqrt(squares[0] * squares[1])
    near, far = mg.where(target == 1, 1.0 - cosine, 0.0), mg.where(target == -1, _positive(cosine - margin), 0.0)
    return reduce(near + far, reduction)


@takes_former_reduction
def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-y · x)) for y = 1 or -1.

    >>> round(soft_margin_loss(mg.tensor([0.0]), mg.tensor([1.0])).item(), 4)
    0.6931
    """
    if input.shape != target.shape:
        raise ShapeError("MG163", f"soft_margin_loss needs equal shapes, got {input.shape} and targets {target.shape}.")
    return reduce(mg.softplus(-target * input), reduction)


@takes_former_reduction
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-weight · (y log σ(x) + (1-y) log(1-σ(x))), averaged over the classes (the last axis).

    >>> round(multilabel_soft_margin_loss(mg.tensor([[0.0, 0.0]]), mg.tensor([[1.0, 0.0]])).item(), 4)
    0.6931
    """
    loss = target * mg.softplus(-input) + (1.0 - target) * mg.softplus(input)
    return reduce(mg.mean(loss if weight is None else loss * weight, axis=-1), reduction)


@takes_former_reduction
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Σ_{j ≠ y} weight[y] · max(0, margin - x[y] + x[j])^p / C for scores x (N, C) or (C,), labels y, and p = 1 or 2.

    >>> multi_margin_loss(mg.tensor([[0.0, 0.5, 0.0]]), mg.tensor([1])).item() == mg.tensor(1 / 3).item()
    True
    """
    if p not in (1, 2):
        raise ArgumentError("MG157", f"multi_margin_loss knows p=1 and p=2, not {p!r}.")
    if input.ndim == 1 and target.ndim <= 1:
        return _single(multi_margin_loss, input, target, reduction, p, margin, weight)
    if input.ndim != 2:
        raise ShapeError("MG163", f"multi_margin_loss takes scores (N, C) or (C,), got shape {input.shape}.")
    check_class_weights("multi_margin_loss", weight, input.shape[1])
    labels = class_labels(input, target, 1)
    column = mg.expand_dims(labels, axis=-1)
    short = _positive(margin - mg.take_along_axis(input, column, axis=1) + input) ** p
    if weight is not None:
        short = short * mg.expand_dims(mg.take(weight, labels, axis=0), axis=-1)
    others = column != wrap(np.arange(input.shape[1]), None)
    return reduce(mg.sum(mg.where(others, short, 0.0), axis=1) / input.shape[1], reduction)


@takes_former_reduction
def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Σ max(0, 1 - (x[i] - x[j])) / C over all labels i and other classes j; y (N, C) or (C,) lists the labels, then -1.

    >>> scores = mg.tensor([[0.1, 0.2, 0.4, 0.8]])
    >>> round(multilabel_margin_loss(scores, mg.tensor([[3, 0, -1, 1]])).item(), 2)
    0.85
    """
    if input.shape != target.shape or input.ndim not in (1, 2):
        raise ShapeError(
            "MG163", f"multilabel_margin_loss takes (N, C) or (C,) twice, got {input.shape} and {target.shape}."
        )
    if input.ndim == 1:
        return _single(multilabel_margin_loss, input, target, reduction)
    listed = mg.cumulative_prod(mg.astype(target >= 0, mg.int64), axis=1) > 0
    labels = class_labels(input, mg.where(listed, target, 0), None)
    chosen = (mg.expand_dims(labels, axis=2) == wrap(np.arange(input.shape[1]), None)) & mg.expand_dims(listed, axis=2)
    scores = mg.take_along_axis(input, labels, axis=1)
    short = _positive(1.0 - mg.expand_dims(scores, axis=2) + mg.expand_dims(input, axis=1))
    counted = mg.expand_dims(listed, axis=2) & ~mg.any(chosen, axis=1, keepdims=True)
    return reduce(mg.sum(mg.where(counted, short, 0.0), axis=(1, 2)) / input.shape[1], reduction)


@takes_former_reduction
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin) with `pairwise_distance`; with `swap`, d(p, n) if that is below d(a, n).

    Balntas et al. 2016.

    >>> triplet_margin_loss(mg.tensor([[0.0]]), mg.tensor([[1.0]]), mg.tensor([[1.0]])).item()
    1.0
    """

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance.

    >>> rows = mg.tensor([[0.0]]), mg.tensor([[1.0]]), mg.tensor([[3.0]])
    >>> triplet_margin_with_distance_loss(*rows, distance_function=lambda a, b: mg.abs(a - b), margin=4.0).item()
    2.0
    """
    if margin <= 0:
        raise ArgumentError("MG157", f"A triplet loss needs margin > 0, got {margin}.")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            "MG163",
            f"A triplet needs three tensors of as many axes, got {anchor.shape}, {positive.shape}, {negative.shape}.",
        )
    if distance_function is not None and not callable(distance_function):
        raise ArgumentTypeError(
            "MG125", f"distance_function is a function of two tensors, not {distance_function!r:.40}."
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = mg.minimum(far, distance(positive, negative))
    return reduce(_positive(near - far + margin), reduction)


def _positive(x: Tensor) -> Tensor:
    """max(x, 0), with derivative 1 at 0, as PyTorch's losses have it."""
    return mg.clip(x, min=0.0)


def _single(loss: Callable[..., Tensor], input: Tensor, target: Tensor, reduction: str, *rest: object) -> Tensor:
    """A loss of one example without the axis of the batch."""
    row = mg.expand_dims(input, axis=0)
    label = target if target.shape == (1,) and input.shape != (1,) else mg.expand_dims(target, axis=0)
    y = loss(row, label, *rest, reduction=reduction)
    return mg.squeeze(y, axis=0) if reduction == "none" else y
