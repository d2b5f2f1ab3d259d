"""Networks of linear layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from ..definitions import dense as d
from .network import Network, supervised


def sequential(nn: Any, sizes: Sequence[int]) -> Any:
    """Linear layers with ReLU between them."""
    modules = [nn.Linear(sizes[0], sizes[1])]
    for inputs, outputs in pairwise(sizes[1:]):
        modules += [nn.ReLU(), nn.Linear(inputs, outputs)]
    return nn.Sequential(*modules)


def tiny(library: Any) -> Network:
    """W1."""
    nn = library.nn
    return supervised(
        nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.Sigmoid()), library.F.mse_loss
    )  # fmt: skip


def digits(library: Any) -> Network:
    """W3."""
    return supervised(sequential(library.nn, d.DIGITS), library.F.cross_entropy)


def wide(library: Any) -> Network:
    """The wide one."""
    return supervised(sequential(library.nn, d.WIDE), library.F.cross_entropy)


def tabular(library: Any) -> Network:
    """The tabular one."""
    return supervised(sequential(library.nn, d.TABULAR), library.F.mse_loss)


def hessian(library: Any) -> Callable[..., Any]:
    """A loss as a function of weights by name; its activation is curved, so that all of the Hessian is there."""
    F = library.F

    def loss(weights: dict[str, Any], x: Any, y: Any) -> Any:
        hidden = library.tanh(F.linear(x, weights["0.weight"], weights["0.bias"]))
        return F.cross_entropy(F.linear(hidden, weights["2.weight"], weights["2.bias"]), y)

    return loss
