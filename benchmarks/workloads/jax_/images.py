"""Networks for images, channels last."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax, nn

from ..definitions import images as d
from ..definitions.workload import Arrays
from .network import (
    Params,
    convert_block,
    convert_convolution,
    convert_dense,
    convert_norm,
    convolution,
    cross_entropy,
    dense,
    layer_norm,
    supervised,
    transformer_block,
)


def cnn(params: Params, x: Any) -> Any:
    """W4."""
    for layer in params["convolutions"]:
        x = nn.relu(convolution(layer, x))
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return dense(params["head"], x.reshape(x.shape[0], -1))


def convert_cnn(weights: Arrays) -> Params:
    """With a head that reads (row, column, channel)."""
    head = weights["7.weight"].reshape(10, 32, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 10)
    convolutions = [convert_convolution(weights, name) for name in ("0", "3")]
    return {"convolutions": convolutions, "head": {"w": head, "b": weights["7.bias"]}}


def depthwise(params: Params, x: Any) -> Any:
    """Each channel by itself, then each pixel by itself."""
    x = nn.relu(convolution(params["stem"], x))
    for block in params["blocks"]:
        x = nn.relu(convolution(block["depthwise"], x, groups=d.DEPTHWISE_WIDTH))
        x = nn.relu(convolution(block["pointwise"], x, padding=0))
    return dense(params["head"], x.mean((1, 2)))


def convert_depthwise(weights: Arrays) -> Params:
    """A list of blocks."""
    blocks = [
        {name: convert_convolution(weights, f"blocks.{i}.{k}") for name, k in (("depthwise", 0), ("pointwise", 2))}
        for i in range(d.DEPTHWISE_BLOCKS)
    ]
    stem = convert_convolution(weights, "stem")
    return {"stem": stem, "blocks": blocks, "head": convert_dense(weights, "head")}


def vit(params: Params, x: Any) -> Any:
    """The vision transformer."""
    h = convolution(params["patches"], x, d.PATCH, padding=0)
    h = h.reshape(h.shape[0], d.PATCHES, d.WIDTH) + params["positions"]
    for block in params["blocks"]:
        h = transformer_block(block, h, d.HEADS, causal=False)
    return dense(params["head"], layer_norm(params["norm"], h).mean(1))


def convert_vit(weights: Arrays) -> Params:
    """A list of blocks."""
    return {
        "patches": convert_convolution(weights, "patches"),
        "positions": weights["positions"],
        "blocks": [convert_block(weights, f"blocks.{i}") for i in range(d.LAYERS)],
        "norm": convert_norm(weights, "norm"),
        "head": convert_dense(weights, "head"),
    }


CNN = supervised(cnn, cross_entropy, convert_cnn)
DEPTHWISE = supervised(depthwise, cross_entropy, convert_depthwise)
VIT = supervised(vit, cross_entropy, convert_vit)
