"""A softmax over very many classes in which frequent ones are cheap, and cross-entropy of the scores of a linear layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import microgradient as mg

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from . import functional
from .container import ModuleList, Sequential
from .functional.loss import class_labels
from .linear import Linear
from .module import Module


class AdaptiveOutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` gives: the log-probability of each label, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Classes in the order of their frequency: the first `cutoffs[0]` in a head, the others in clusters of smaller width.

    A cluster is one entry of the head; within it, `in_features // div_value^i` features decide. Grave et al. 2017.
    Input (N, in_features) or (in_features,), labels (N,) or ().

    >>> layer = AdaptiveLogSoftmaxWithLoss(8, 10, cutoffs=[4])
    >>> output, loss = layer(mg.ones((2, 8)), mg.tensor([1, 7]))
    >>> output.shape, layer.log_prob(mg.ones((2, 8))).shape
    ((2,), (2, 10))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        bounds = [0, *cutoffs, n_classes]
        if not len(cutoffs) or any(a >= b for a, b in pairwise(bounds)):
            raise ArgumentError(
                "MG157", f"cutoffs increase from at least 1 to at most {n_classes - 1}, got {list(cutoffs)}."
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = bounds[1:]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // (div_value ** (i + 1)))
            sizes = ((in_features, width), (width, high - low))
            self.tail.append(Sequential(*(Linear(a, b, bias=False, device=device, dtype=dtype) for a, b in sizes)))

    def reset_parameters(self) -> None:
        """Draw new weights."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input: Tensor, target: Tensor) -> AdaptiveOutput:
        if input.ndim not in (1, 2) or target.shape != input.shape[:-1]:
            raise ShapeError(
                "MG163", f"AdaptiveLogSoftmaxWithLoss takes (N, in) and labels (N,), or (in,) and (); got {input.shape} and "
                f"{target.shape}.",
            )  # fmt: skip
        scores = mg.expand_dims(self.log_prob(input), axis=0) if input.ndim == 1 else self.log_prob(input)
        labels = class_labels(scores, mg.reshape(target, (scores.shape[0],)), 1)
        output = mg.squeeze(mg.take_along_axis(scores, mg.expand_dims(labels, axis=1), axis=1), axis=1)
        return AdaptiveOutput(output if input.ndim == 2 else mg.squeeze(output, axis=0), -mg.mean(output))

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (..., in_features) → (..., n_classes)."""
        head = mg.log_softmax(self.head(input), axis=-1)
        parts = [head[..., : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            of_cluster = head[..., self.shortlist_size + i : self.shortlist_size + i + 1]
            parts.append(mg.log_softmax(cluster(input), axis=-1) + of_cluster)
        return mg.concat(parts, axis=-1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class: (N, in_features) → (N,)."""
        return mg.argmax(self.log_prob(input), axis=-1)


class LinearCrossEntropyLoss(Module):
    """The cross-entropy of the scores of a linear layer: `microgradient.nn.functional.linear_cross_entropy`.

    `linear.weight` (num_classes · prod(out_features), in_features). `options` is accepted and ignored.

    >>> LinearCrossEntropyLoss(3, 2)(mg.ones((4, 3)), mg.tensor([0, 1, 1, 0])).shape
    ()
    """

    weight: Tensor | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: object = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__()
        self.num_classes, self.out_features = num_classes, tuple(out_features)
        self.reduction, self.ignore_index, self.label_smoothing = reduction, ignore_index, label_smoothing
        self.register_buffer("weight", weight)
        self.linear = Linear(in_features, math.prod(out_features, start=num_classes), bias, device, dtype)

    def extra_repr(self) -> str:
        shown = (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}"
        )
        shown += f", bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}"
        return f"{shown}, label_smoothing={self.label_smoothing}, options=None"

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return functional.linear_cross_entropy(
            input,
            mg.reshape(self.linear.weight, (*shape, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else mg.reshape(bias, shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
        )
