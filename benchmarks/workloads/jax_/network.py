"""A network as functions of its parameters, and the layers that several have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import nn

from ..definitions.workload import Arrays

Params = Any


class Network(NamedTuple):
    """`convert` makes parameters of PyTorch's weights, and `rest` what else the loss reads or changes.

    `loss(params, rest, *batch)` is the loss and the rest as it becomes.
    """

    forward: Callable[..., Any]
    loss: Callable[..., tuple[Any, Any]]
    convert: Callable[[Arrays], Params]
    rest: Callable[[Arrays], Any] = lambda weights: None


def supervised(
    forward: Callable[[Params, Any], Any], loss: Callable[[Any, Any], Any], convert: Callable[[Arrays], Params]
) -> Network:
    """What a network makes of x is compared with y."""
    return Network(forward, lambda params, rest, x, y: (loss(forward(params, x), y), rest), convert)


def cross_entropy(logits: Any, y: Any) -> Any:
    """The mean over all examples."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def squared_error(predicted: Any, y: Any) -> Any:
    """The mean over all examples."""
    return jnp.mean((predicted - y) ** 2)


def dense(layer: Params, x: Any) -> Any:
    """A linear layer."""
    return x @ layer["w"] + layer["b"]


def convert_dense(weights: Arrays, name: str) -> Params:
    """PyTorch's layer, turned."""
    return {"w": weights[f"{name}.weight"].T, "b": weights[f"{name}.bias"]}


def convolution(layer: Params, x: Any, stride: int = 1, padding: int = 1, groups: int = 1) -> Any:
    """Channels last."""
    sides = [(padding, padding)] * 2
    y = jax.lax.conv_general_dilated(
        x, layer["w"], (stride, stride), sides, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups
    )
    return y + layer["b"] if "b" in layer else y


def convert_convolution(weights: Arrays, name: str) -> Params:
    """Windows as (row, column, in, out)."""
    layer = {"w": weights[f"{name}.weight"].transpose(2, 3, 1, 0)}
    return layer | ({"b": weights[f"{name}.bias"]} if f"{name}.bias" in weights else {})


def layer_norm(layer: Params, x: Any) -> Any:
    """Over the last axis."""
    return nn.standardize(x, axis=-1, epsilon=1e-5) * layer["w"] + layer["b"]


def convert_norm(weights: Arrays, name: str) -> Params:
    """Scale and shift."""
    return {"w": weights[f"{name}.weight"], "b": weights[f"{name}.bias"]}


def transformer_block(block: Params, h: Any, heads: int, causal: bool) -> Any:
    """Attention, and a network four times as wide."""
    qkv = dense(block["attention"], layer_norm(block["norm1"], h))
    q, k, v = jnp.split(qkv.reshape(*h.shape[:2], 3 * heads, -1), 3, axis=2)
    attended = nn.dot_product_attention(q, k, v, is_causal=causal)
    h = h + dense(block["projection"], attended.reshape(h.shape))
    hidden = nn.gelu(dense(block["up"], layer_norm(block["norm2"], h)), approximate=False)
    return h + dense(block["down"], hidden)


def convert_block(weights: Arrays, name: str) -> Params:
    """PyTorch's names."""
    dense_layers = {"attention": "attention", "projection": "projection", "up": "mlp.0", "down": "mlp.2"}
    layers = {key: convert_dense(weights, f"{name}.{layer}") for key, layer in dense_layers.items()}
    return layers | {key: convert_norm(weights, f"{name}.{key}") for key in ("norm1", "norm2")}
