"""The vision transformer, channels last."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from ..definitions import images as d
from ..definitions.workload import Arrays
from .network import Network, classifying, convolution, dense
from .transformer import Block


def vit(weights: Arrays) -> Network:
    """With a mean over patches."""

    class ViT(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.patches = layers.Conv2D(d.WIDTH, d.PATCH, d.PATCH)
            self.reshape = layers.Reshape((d.PATCHES, d.WIDTH))
            self.positions = self.add_weight(shape=(1, d.PATCHES, d.WIDTH))
            self.blocks = [Block(d.WIDTH, d.HEADS, causal=False) for _ in range(d.LAYERS)]
            self.norm = layers.LayerNormalization(epsilon=1e-5)
            self.mean = layers.GlobalAveragePooling1D()
            self.head = layers.Dense(d.CLASSES)

        def call(self, x: Any) -> Any:
            x = self.reshape(self.patches(x)) + self.positions
            for block in self.blocks:
                x = block(x)
            return self.head(self.mean(self.norm(x)))

    model = ViT()
    model(np.zeros((1, d.SIDE, d.SIDE, 3), np.float32))
    model.patches.set_weights(convolution(weights, "patches"))
    model.positions.assign(weights["positions"])
    for i, block in enumerate(model.blocks):
        block.take(weights, f"blocks.{i}")
    model.head.set_weights(dense(weights, "head"))
    return classifying(model)
