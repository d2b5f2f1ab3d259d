"""Networks of linear layers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from ..definitions.workload import Arrays
from .network import Network, classifying, dense, supervised


def sequential(weights: Arrays, prefix: str = "", last: str | None = None) -> Any:
    """Dense layers with ReLU between them, and an activation after the `last`."""
    names = [key.removesuffix(".weight") for key in weights if key.startswith(prefix) and key.endswith(".weight")]
    activations = ["relu"] * (len(names) - 1) + [last]
    sizes = [len(weights[f"{name}.bias"]) for name in names]
    model = keras.Sequential([layers.Dense(n, activation=a) for n, a in zip(sizes, activations, strict=True)])
    model.build((None, weights[f"{names[0]}.weight"].shape[1]))
    model.set_weights([array for name in names for array in dense(weights, name)])
    return model


def tiny(weights: Arrays) -> Network:
    """W1."""
    return supervised(sequential(weights, last="sigmoid"), keras.losses.MeanSquaredError())


def classifier(weights: Arrays) -> Network:
    """W3, and the wide one."""
    return classifying(sequential(weights))


def regressor(weights: Arrays) -> Network:
    """The tabular one."""
    return supervised(sequential(weights), keras.losses.MeanSquaredError())


def curved(weights: Any, x: Any, y: Any) -> Any:
    """The loss of the network whose Hessian is meant."""
    w1, b1, w2, b2 = weights
    hidden = tf.tanh(tf.matmul(x, w1, transpose_b=True) + b1)
    logits = tf.matmul(hidden, w2, transpose_b=True) + b2
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
