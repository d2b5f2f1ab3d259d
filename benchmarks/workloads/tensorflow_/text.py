"""Networks for text."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from ..definitions import text as d
from ..definitions.workload import Arrays
from .network import Network, classifying, dense
from .transformer import Block


def recurrent(weights: Arrays, layer: Any, time: int, arrays: list[np.ndarray]) -> Network:
    """With an LSTM or a GRU in the middle, whose weights are given."""
    model = keras.Sequential(
        [
            keras.Input((time,), dtype="int64"),
            layers.Embedding(d.VOCABULARY, d.EMBEDDING),
            layer,
            layers.Dense(d.VOCABULARY),
        ]
    )
    model.set_weights([weights["embedding.weight"], *arrays, *dense(weights, "head")])
    return classifying(model)


def lstm(weights: Arrays) -> Network:
    """W5; the layer has one bias, the sum of PyTorch's two."""
    bias = weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]
    arrays = [weights["lstm.weight_ih_l0"].T, weights["lstm.weight_hh_l0"].T, bias]
    return recurrent(weights, layers.LSTM(d.HIDDEN, return_sequences=True), d.TIME, arrays)


def gru(weights: Arrays) -> Network:
    """Keras has the update gate first, then the reset gate."""

    def turned(name: str) -> np.ndarray:
        reset, update, new = np.split(weights[f"gru.{name}_l0"], 3)
        return np.concatenate([update, reset, new])

    biases = np.stack([turned("bias_ih"), turned("bias_hh")])
    arrays = [turned("weight_ih").T, turned("weight_hh").T, biases]
    return recurrent(weights, layers.GRU(d.HIDDEN, return_sequences=True), d.GRU_TIME, arrays)


def gpt(weights: Arrays) -> Network:
    """W6."""

    class GPT(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.characters = layers.Embedding(d.VOCABULARY, d.WIDTH)
            self.positions = layers.Embedding(d.TIME, d.WIDTH)
            self.blocks = [Block(d.WIDTH, d.HEADS, causal=True) for _ in range(d.LAYERS)]
            self.norm = layers.LayerNormalization(epsilon=1e-5)
            self.head = layers.Dense(d.VOCABULARY)

        def call(self, text: Any) -> Any:
            x = self.characters(text) + self.positions(tf.range(text.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    model = GPT()
    model(np.zeros((1, d.TIME), np.int64))
    model.characters.set_weights([weights["characters.weight"]])
    model.positions.set_weights([weights["positions.weight"]])
    for i, block in enumerate(model.blocks):
        block.take(weights, f"blocks.{i}")
    model.head.set_weights(dense(weights, "head"))
    return classifying(model)
