"""Networks of linear layers."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import nn

from ..definitions.workload import Arrays
from .network import Params, convert_dense, cross_entropy, dense, squared_error, supervised


def relu_layers(layers: Params, x: Any) -> Any:
    """ReLU between them."""
    for layer in layers[:-1]:
        x = nn.relu(dense(layer, x))
    return dense(layers[-1], x)


def convert(weights: Arrays, prefix: str = "") -> Params:
    """A list of dense layers, from a `Sequential`'s."""
    layers = []
    while f"{prefix}{2 * len(layers)}.weight" in weights:
        layers.append(convert_dense(weights, f"{prefix}{2 * len(layers)}"))
    return layers


def tanh_layers(layers: Params, x: Any) -> Any:
    """Of two layers."""
    hidden, output = layers
    return dense(output, jnp.tanh(dense(hidden, x)))


TINY = supervised(lambda layers, x: nn.sigmoid(relu_layers(layers, x)), squared_error, convert)
CLASSIFIER = supervised(relu_layers, cross_entropy, convert)
REGRESSOR = supervised(relu_layers, squared_error, convert)
CURVED = supervised(tanh_layers, cross_entropy, convert)
