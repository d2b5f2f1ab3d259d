"""A transformer's block, with its norms in front."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from ..definitions.workload import Arrays
from .network import dense


class Block(layers.Layer):
    """Attention, and a network four times as wide."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.norm1 = layers.LayerNormalization(epsilon=1e-5)
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.norm2 = layers.LayerNormalization(epsilon=1e-5)
        self.up = layers.Dense(4 * width, activation=lambda x: keras.activations.gelu(x, approximate=False))
        self.down = layers.Dense(width)
        self.width, self.heads, self.causal = width, heads, causal

    def call(self, x: Any) -> Any:
        """Of (batch, tokens, width)."""
        h = self.norm1(x)
        x = x + self.attention(h, h, use_causal_mask=self.causal)
        return x + self.down(self.up(self.norm2(x)))

    def take(self, weights: Arrays, name: str) -> None:
        """PyTorch's weights, those of the attention by heads: of query, key and value, and of the output."""
        by_heads, arrays = (self.heads, self.width // self.heads), []
        for kernel, bias in zip(
            np.split(weights[f"{name}.attention.weight"], 3),
            np.split(weights[f"{name}.attention.bias"], 3),
            strict=True,
        ):
            arrays += [kernel.T.reshape(self.width, *by_heads), bias.reshape(by_heads)]
        kernel, bias = dense(weights, f"{name}.projection")
        self.attention.set_weights([*arrays, kernel.reshape(*by_heads, self.width), bias])
        self.up.set_weights(dense(weights, f"{name}.mlp.0"))
        self.down.set_weights(dense(weights, f"{name}.mlp.2"))
