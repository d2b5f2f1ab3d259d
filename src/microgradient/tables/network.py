"""Networks for tables: many small ones side by side, as one model with stacked weights, and how their answers are mixed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn, random
from ..data.targets import Target, parts
from ..nn.functional import dropout, log_softmax, relu, sigmoid, softmax, softplus
from ..tensor import Tensor

Knots = Sequence[tuple[int, Sequence[float]]]


@dataclass(frozen=True)
class Plan:
    """What a group of networks is. Without hidden layers they are linear, and solved rather than trained. `rate` is a factor
    of the learning rate; with `bends` they see the piecewise linear encodings of numbers, too.

    >>> Plan("small", (32, 32), dropout=0.1).bends
    True
    """

    name: str
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0
    rate: float = 1.0
    decay: float = 0.0
    bends: bool = True


class StackedLinear(nn.Module):
    """`count` linear layers at once: x (count, rows, in) → (count, rows, out), one batched product.

    >>> StackedLinear(3, 4, 2)(mg.zeros((3, 5, 4))).shape
    (3, 5, 2)
    """

    def __init__(self, count: int, features: int, outputs: int, gain: float = 1.0) -> None:
        super().__init__()
        bound = gain * math.sqrt(3 / max(1, features))
        self.weight = nn.Parameter(random.uniform((count, features, outputs), -bound, bound))
        self.bias = nn.Parameter(mg.zeros((count, 1, outputs)))

    def forward(self, x: Tensor) -> Tensor:
        return mg.matmul(x, self.weight) + self.bias


class Stack(nn.Module):
    """`count` multilayer perceptrons of one plan: (count, rows, features) → (count, rows, outputs)."""

    def __init__(self, plan: Plan, count: int, features: int, outputs: int) -> None:
        super().__init__()
        sizes = [features, *plan.hidden, outputs]
        gains = [math.sqrt(2)] * len(plan.hidden) + [0.1]
        self.layers = nn.ModuleList(
            [StackedLinear(count, a, b, gain) for (a, b), gain in zip(pairwise(sizes), gains, strict=True)]
        )
        self.dropout = plan.dropout

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = relu(layer(x))
            if self.dropout:
                x = dropout(x, self.dropout, training=self.training)
        return last(x)


class TableNetwork(nn.Module):
    """All groups of networks for a table, `count` of each. `trained` are at work; `kept` are as they were when their group was
    best on the rows that it does not learn from, and what `forward` uses; `mix` has the groups' weights, which sum to 1.

    forward: features (rows, width) → (rows, outputs), probabilities of classes and labels, standardised numbers.

    >>> network = TableNetwork([Plan("small", (8,))], 3, 2, [], [Target("y", "regression", "number")])
    >>> network(mg.zeros((5, 2))).shape
    (5, 1)
    """

    mix: Tensor

    def __init__(self, plans: Sequence[Plan], count: int, width: int, knots: Knots, targets: Sequence[Target]) -> None:
        super().__init__()
        outputs = sum(target.width for target in targets)
        self.plans, self.count, self.targets, self.knots = list(plans), count, list(targets), knots
        widths = [bent_width(width, knots) if plan.bends else width for plan in plans]
        self.trained = nn.ModuleList(
            [Stack(p, count, w, outputs) for p, w in zip(plans, widths, strict=True) if p.hidden]
        )
        self.kept = nn.ModuleList([Stack(p, count, w, outputs) for p, w in zip(plans, widths, strict=True)])
        for parameter in self.kept.parameters():
            parameter.requires_grad_(False)
        self.register_buffer("mix", mg.full((len(plans),), 1 / len(plans)))

    def forward(self, x: Tensor) -> Tensor:
        bent = bend(x, self.knots)
        total = mg.zeros(())
        for k, (plan, stack) in enumerate(zip(self.plans, self.kept, strict=True)):
            seen = (bent if plan.bends else x)[None]
            total = total + self.mix[k] * mg.mean(answers(stack(seen), self.targets), axis=0)
        return total


def bent_width(width: int, knots: Knots) -> int:
    """How many features `bend` makes of `width`."""
    return width + sum(len(at) - 1 for _, at in knots)


def bend(x: Tensor, knots: Knots) -> Tensor:
    """The features, and after them the piecewise linear encodings of those with knots: how far a number has come from each knot
    to the next, 0 before and 1 after it (Gorishniy et al. 2022). A linear model of these is a broken line.

    >>> bend(mg.tensor([[0.25], [2.0]]), [(0, [0.0, 0.5, 3.0])]).tolist()
    [[0.25, 0.5, 0.0], [2.0, 1.0, 0.6000000238418579]]
    """
    if not knots:
        return x
    columns = np.concatenate([np.full(len(at) - 1, place) for place, at in knots])
    low = np.concatenate([np.asarray(at[:-1]) for _, at in knots]).astype(np.float32)
    width = np.concatenate([np.diff(at) for _, at in knots]).astype(np.float32)
    return mg.concat([x, mg.clip((x[:, columns] - Tensor(low)) / Tensor(width), 0.0, 1.0)], axis=1)


def answers(outputs: Tensor, targets: Sequence[Target]) -> Tensor:
    """What the outputs say: softmax of classes, sigmoid of labels, numbers as they are."""
    found = []
    for target, place in parts(targets):
        part = outputs[..., place]
        if target.task == "classification":
            part = softmax(part, dim=-1)
        elif target.task == "labels":
            part = sigmoid(part)
        found.append(part)
    return mg.concat(found, axis=-1) if len(found) > 1 else found[0]


def loss_of_rows(outputs: Tensor, truth: Tensor, targets: Sequence[Target]) -> Tensor:
    """The loss of each row, the mean over the targets: cross-entropy, of labels the mean binary one, or the squared error.
    `truth` has ones for the right classes and labels, zeros for the others, and numbers standardised: the shape of `outputs`.
    """
    total = mg.zeros(())
    for target, place in parts(targets):
        o, t = outputs[..., place], truth[..., place]
        if target.task == "classification":
            part = -mg.sum(t * log_softmax(o, dim=-1), axis=-1)
        elif target.task == "labels":
            part = mg.mean(softplus(o) - t * o, axis=-1)
        else:
            part = mg.sum((o - t) * (o - t), axis=-1)
        total = total + part
    return total / len(targets)


def loss_of_answers(
    said: NDArray[np.float64], truth: NDArray[np.float64], targets: Sequence[Target]
) -> NDArray[np.float64]:
    """The same from answers, as they are mixed: probabilities and numbers."""
    total = np.zeros(len(said))
    for target, place in parts(targets):
        p, t = said[:, place], truth[:, place]
        if target.task == "classification":
            total -= np.log(np.maximum((t * p).sum(axis=1), 1e-12))
        elif target.task == "labels":
            total -= (t * np.log(np.maximum(p, 1e-12)) + (1 - t) * np.log(np.maximum(1 - p, 1e-12))).mean(axis=1)
        else:
            total += ((p - t) ** 2).sum(axis=1)
    return total / len(targets)


def dense_truth(y: NDArray[np.float32], targets: Sequence[Target]) -> NDArray[np.float32]:
    """`Table.y` in the shape of the outputs: class numbers as ones and zeros."""
    blocks, at = [], 0
    for target in targets:
        part = y[:, at : at + target.truths]
        at += target.truths
        blocks.append(
            part if target.task != "classification" else np.eye(target.width, dtype=np.float32)[part[:, 0].astype(int)]
        )
    return np.ascontiguousarray(np.concatenate(blocks, axis=1))
