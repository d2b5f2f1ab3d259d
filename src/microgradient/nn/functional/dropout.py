"""Dropout of elements and of whole channels."""

from __future__ import annotations

import math

import microgradient as mg  # noqa: F401 (for the examples)

from ... import random
from ...errors import ArgumentError, ShapeError, warn_once
from ...tensor import Tensor
from .arguments import in_dimensions


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element becomes 0 with probability `p`, the others grow by 1/(1-p); without `training`, `input` itself.
    `inplace` is accepted and ignored: tensors do not change.

    Srivastava et al. 2014.

    >>> dropout(mg.tensor([1.0, 2.0]), 0.5, training=False).tolist()
    [1.0, 2.0]
    """
    return _scaled(input, p, training, input.shape)


def channel_dropout(
    ndim: int, /, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    check_probability(p)
    usual = input.ndim in (ndim + 1, ndim + 2)
    if not usual and (ndim == 1 or input.ndim < 2):
        raise ShapeError(
            "MG160",
            f"dropout{ndim}d takes {ndim + 1} axes (C, ...) or {ndim + 2} (N, C, ...), got shape {input.shape}.",
        )
    batched = ndim == 2 or input.ndim == ndim + 2
    if not usual or (ndim == 2 and input.ndim == 3):
        layout, instead = "(N, C, ...)" if batched else "(C, ...)", "dropout1d" if input.ndim == 3 else "dropout"
        warn_once(
            "MG160", f"dropout{ndim}d takes an input of shape {input.shape} as {layout}; {instead} says so itself."
        )
    features = input.shape[: 2 if batched else 1]
    return _scaled(input, p, training, (*features, *(1,) * (input.ndim - len(features))))


@in_dimensions(1, channel_dropout)
def dropout1d() -> None:
    """`dropout` of whole channels of (N, C, L) or (C, L). Tompson et al. 2015.

    >>> dropout1d(mg.ones((1, 2, 2)), training=False).tolist()
    [[[1.0, 1.0], [1.0, 1.0]]]
    """


@in_dimensions(2, channel_dropout)
def dropout2d() -> None:
    """`dropout` of whole channels of (N, C, H, W).

    As in PyTorch, three axes are (N, C, L) and two (N, C), and a warning says so.

    >>> dropout2d(mg.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """


@in_dimensions(3, channel_dropout)
def dropout3d() -> None:
    """`dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W).

    >>> dropout3d(mg.ones((2, 3, 1, 4, 4))).shape
    (2, 3, 1, 4, 4)
    """


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for `selu`: a dropped element becomes -1.7581, and all are then shifted and scaled to mean 0 and variance 1.

    Klambauer et al. 2017.

    >>> alpha_dropout(mg.tensor([1.0, 2.0])).tolist()  # not in training
    [1.0, 2.0]
    """
    return _alpha(input, p, training, input.shape)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels of (N, C, ...).

    >>> feature_alpha_dropout(mg.ones((2, 3, 4)), training=True).shape
    (2, 3, 4)
    """
    if training and input.ndim < 2:
        raise ShapeError("MG160", f"feature_alpha_dropout takes (N, C, ...), got an input of shape {input.shape}.")
    return _alpha(input, p, training, (*input.shape[:2], *(1,) * (input.ndim - 2)))


def check_probability(p: float) -> None:
    """Raises `ArgumentError` unless p lies between 0 and 1."""
    if not 0.0 <= p <= 1.0:
        raise ArgumentError("MG157", f"A dropout probability lies between 0 and 1, got {p}.")


def _scaled(input: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    """`input` times noise of `shape`: 0 with probability p, else 1/(1-p)."""
    check_probability(p)
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return input * 0.0
    return input * (random.bernoulli(1.0 - p, shape, dtype=input.dtype) * (1.0 / (1.0 - p)))


_DROPPED = -1.7580993408473766  # what selu tends to at -∞


def _alpha(input: Tensor, p: float, training: bool, shape: tuple[int, ...]) -> Tensor:
    check_probability(p)
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return input * 0.0
    kept = random.bernoulli(1.0 - p, shape, dtype=input.dtype)
    scale = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * _DROPPED**2))
    return (input * kept + (1.0 - kept) * _DROPPED) * scale - scale * _DROPPED * p
