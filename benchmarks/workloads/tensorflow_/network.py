"""A Keras model with its loss, and PyTorch's weights as Keras's layers want them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from ..definitions.workload import Arrays


class Network(NamedTuple):
    """A model with its loss, `loss(model, *batch)`."""

    model: Any
    loss: Callable[..., Any]


def supervised(model: Any, loss: Any) -> Network:
    """What a model makes of x is compared with y."""
    return Network(model, lambda model, x, y: loss(y, model(x, training=True)))


def classifying(model: Any) -> Network:
    """With cross entropy as its loss."""
    return supervised(model, keras.losses.SparseCategoricalCrossentropy(from_logits=True))


def dense(weights: Arrays, name: str) -> list[np.ndarray]:
    """A Dense layer's weights."""
    return [weights[f"{name}.weight"].T, weights[f"{name}.bias"]]


def convolution(weights: Arrays, name: str) -> list[np.ndarray]:
    """A Conv2D layer's weights, (row, column, in, out)."""
    bias = [weights[f"{name}.bias"]] if f"{name}.bias" in weights else []
    return [weights[f"{name}.weight"].transpose(2, 3, 1, 0), *bias]


def depthwise_convolution(weights: Arrays, name: str) -> list[np.ndarray]:
    """A DepthwiseConv2D layer's weights, (row, column, channel, 1)."""
    return [weights[f"{name}.weight"].transpose(2, 3, 0, 1), weights[f"{name}.bias"]]
