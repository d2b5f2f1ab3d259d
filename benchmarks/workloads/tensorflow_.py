"""TensorFlow: Keras layers and optimisers, the step a `tf.function`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from . import definitions as d

VERSION = tf.__version__
EPSILON = (
    d.EPSILON / 20
)  # Keras adds it before v is corrected for its bias; so it is about the same in the first ten steps
TOLERANCE = {"W5": 2e-3}  # Keras's LSTM has one bias where PyTorch's has two, both of which Adam moves


def prepare(threads: int) -> None:
    """Before anything runs."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def build(name: str) -> d.Step:
    """A workload's step."""
    workload = d.WORKLOADS[name]
    x, y = workload.batch()
    if name == "W4":
        x = x.transpose(0, 2, 3, 1)
    x, y = tf.constant(x), tf.constant(y)
    model = MODELS[name](workload.weights())
    if name == "W1":
        loss_of = keras.losses.MeanSquaredError()
    else:
        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if name == "W6":
        optimizer = keras.optimizers.AdamW(d.RATE, weight_decay=d.DECAY, epsilon=EPSILON)
    else:
        optimizer = keras.optimizers.Adam(10 * d.RATE if name == "W1" else d.RATE, epsilon=EPSILON)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        # made dense: where a character occurs twice, Keras's Adam would square its two gradients apart
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, model.trainable_variables)]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    loss: Any = None

    def run(count: int) -> None:
        nonlocal loss
        for _ in range(count):
            loss = step(x, y)

    return d.Step(run, lambda: float(loss.numpy()))


def dense(weights: d.Arrays, name: str) -> list[np.ndarray]:
    """A Dense layer's weights."""
    return [weights[f"{name}.weight"].T, weights[f"{name}.bias"]]


def two_layers(weights: d.Arrays) -> Any:
    """W1 and W3."""
    hidden, outputs = len(weights["0.bias"]), len(weights["2.bias"])
    model = keras.Sequential(
        [layers.Dense(hidden, activation="relu"), layers.Dense(outputs, activation="sigmoid" if outputs == 1 else None)]
    )
    model.build((None, weights["0.weight"].shape[1]))
    model.set_weights([*dense(weights, "0"), *dense(weights, "2")])
    return model


def cnn(weights: d.Arrays) -> Any:
    """W4, channels last: so the last layer reads (row, column, channel)."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
            layers.Flatten(), layers.Dense(10),
        ]
    )  # fmt: skip
    convolutions = [a for i in (0, 3) for a in (weights[f"{i}.weight"].transpose(2, 3, 1, 0), weights[f"{i}.bias"])]
    head = weights["7.weight"].reshape(10, 32, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 10)
    model.set_weights([*convolutions, head, weights["7.bias"]])
    return model


def lstm(weights: d.Arrays) -> Any:
    """W5; the layer has one bias, the sum of PyTorch's two."""
    model = keras.Sequential(
        [
            keras.Input((d.TIME,), dtype="int64"),
            layers.Embedding(d.VOCABULARY, d.EMBEDDING),
            layers.LSTM(d.HIDDEN, return_sequences=True),
            layers.Dense(d.VOCABULARY),
        ]
    )
    bias = weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]
    recurrent = [weights["lstm.weight_ih_l0"].T, weights["lstm.weight_hh_l0"].T, bias]
    model.set_weights([weights["embedding.weight"], *recurrent, *dense(weights, "head")])
    return model


def gpt(weights: d.Arrays) -> Any:
    """W6."""

    class Block(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.norm1 = layers.LayerNormalization(epsilon=1e-5)
            self.attention = layers.MultiHeadAttention(d.HEADS, d.WIDTH // d.HEADS)
            self.norm2 = layers.LayerNormalization(epsilon=1e-5)
            self.up = layers.Dense(4 * d.WIDTH, activation=lambda x: keras.activations.gelu(x, approximate=False))
            self.down = layers.Dense(d.WIDTH)

        def call(self, x: Any) -> Any:
            h = self.norm1(x)
            x = x + self.attention(h, h, use_causal_mask=True)
            return x + self.down(self.up(self.norm2(x)))

    class GPT(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.characters = layers.Embedding(d.VOCABULARY, d.WIDTH)
            self.positions = layers.Embedding(d.TIME, d.WIDTH)
            self.blocks = [Block() for _ in range(d.LAYERS)]
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
        name = f"blocks.{i}"
        block.attention.set_weights(attention(weights, name))
        for layer, key in ((block.up, "mlp.0"), (block.down, "mlp.2")):
            layer.set_weights(dense(weights, f"{name}.{key}"))
    model.head.set_weights(dense(weights, "head"))
    return model


def attention(weights: d.Arrays, name: str) -> list[np.ndarray]:
    """A MultiHeadAttention's weights, by heads: of query, key and value, and of the output."""
    width, heads, size = d.WIDTH, d.HEADS, d.WIDTH // d.HEADS
    arrays = []
    for i in range(3):
        part = slice(i * width, (i + 1) * width)
        arrays.append(weights[f"{name}.attention.weight"][part].T.reshape(width, heads, size))
        arrays.append(weights[f"{name}.attention.bias"][part].reshape(heads, size))
    kernel, bias = dense(weights, f"{name}.projection")
    return [*arrays, kernel.reshape(heads, size, width), bias]


MODELS: dict[str, Callable[[d.Arrays], Any]] = {"W1": two_layers, "W3": two_layers, "W4": cnn, "W5": lstm, "W6": gpt}
