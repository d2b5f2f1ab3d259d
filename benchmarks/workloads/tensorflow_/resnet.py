"""The residual network, channels last."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from ..definitions import images as d
from ..definitions.workload import Arrays
from .network import Network, classifying, convolution, dense


def resnet(weights: Arrays) -> Network:
    """Strided windows begin one pixel outside, as PyTorch's do."""
    given: list[tuple[Any, list[Any]]] = []

    def convolve(x: Any, name: str, outputs: int, stride: int = 1) -> Any:
        arrays = convolution(weights, name)
        side = len(arrays[0])
        if side == 3:
            x = layers.ZeroPadding2D(1)(x)
        layer = layers.Conv2D(outputs, side, stride, use_bias=False)
        given.append((layer, arrays))
        return layer(x)

    def norm(x: Any, name: str) -> Any:
        layer = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
        given.append((layer, [weights[f"{name}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")]))
        return layer(x)

    inputs = keras.Input((d.SIDE, d.SIDE, 3))
    x = layers.ReLU()(norm(convolve(inputs, "stem", d.STAGES[0]), "norm"))
    for name, _, outputs, stride in d.residual_blocks():
        y = layers.ReLU()(norm(convolve(x, f"{name}.conv1", outputs, stride), f"{name}.norm1"))
        y = norm(convolve(y, f"{name}.conv2", outputs), f"{name}.norm2")
        if stride > 1:
            x = norm(convolve(x, f"{name}.shortcut.0", outputs, stride), f"{name}.shortcut.1")
        x = layers.ReLU()(x + y)
    head = layers.Dense(d.CLASSES)
    model = keras.Model(inputs, head(layers.GlobalAveragePooling2D()(x)))
    for layer, arrays in [*given, (head, dense(weights, "head"))]:
        layer.set_weights(arrays)
    return classifying(model)
