"""Convolutional networks, channels last."""

from __future__ import annotations

import keras
from keras import layers

from ..definitions import images as d
from ..definitions.workload import Arrays
from .network import Network, classifying, convolution, dense, depthwise_convolution


def cnn(weights: Arrays) -> Network:
    """W4; the last layer reads (row, column, channel)."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
            layers.Flatten(), layers.Dense(10),
        ]
    )  # fmt: skip
    head = weights["7.weight"].reshape(10, 32, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 10)
    model.set_weights([*convolution(weights, "0"), *convolution(weights, "3"), head, weights["7.bias"]])
    return classifying(model)


def depthwise(weights: Arrays) -> Network:
    """Each channel by itself, then each pixel by itself."""
    width, names = d.DEPTHWISE_WIDTH, [f"blocks.{i}" for i in range(d.DEPTHWISE_BLOCKS)]
    model = keras.Sequential(
        [keras.Input((d.SIDE, d.SIDE, 3)), layers.Conv2D(width, 3, padding="same", activation="relu")]
    )
    for _ in names:
        model.add(layers.DepthwiseConv2D(3, padding="same", activation="relu"))
        model.add(layers.Conv2D(width, 1, activation="relu"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(d.CLASSES))
    arrays = convolution(weights, "stem")
    for name in names:
        arrays += depthwise_convolution(weights, f"{name}.0") + convolution(weights, f"{name}.2")
    model.set_weights([*arrays, *dense(weights, "head")])
    return classifying(model)
