"""The residual network, whose running statistics are handed from step to step."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import nn

from ..definitions import images as d
from ..definitions.workload import Arrays
from .network import (
    Network,
    Params,
    convert_convolution,
    convert_dense,
    convert_norm,
    convolution,
    cross_entropy,
    dense,
)

MOMENTUM, EPSILON = 0.1, 1e-5
Statistics = dict[str, Any]  # of each norm by its name


def forward(params: Params, statistics: Statistics, x: Any) -> tuple[Any, Statistics]:
    """Logits, and the statistics as they become."""
    found: Statistics = {}

    def norm(name: str, x: Any) -> Any:
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        count = x.size // x.shape[-1]
        seen = {"mean": mean, "var": variance * count / (count - 1)}
        found[name] = {key: old + MOMENTUM * (seen[key] - old) for key, old in statistics[name].items()}
        layer = params[name]
        return (x - mean) / jnp.sqrt(variance + EPSILON) * layer["w"] + layer["b"]

    x = nn.relu(norm("norm", convolution(params["stem"], x)))
    for name, _, _, stride in d.residual_blocks():
        y = nn.relu(norm(f"{name}.norm1", convolution(params[f"{name}.conv1"], x, stride)))
        y = norm(f"{name}.norm2", convolution(params[f"{name}.conv2"], y))
        if stride > 1:
            x = norm(f"{name}.shortcut.1", convolution(params[f"{name}.shortcut.0"], x, stride, padding=0))
        x = nn.relu(x + y)
    return dense(params["head"], x.mean((1, 2))), found


def loss(params: Params, statistics: Statistics, x: Any, y: Any) -> tuple[Any, Statistics]:
    """And the statistics as they become."""
    logits, statistics = forward(params, statistics, x)
    return cross_entropy(logits, y), statistics


def norms(weights: Arrays) -> list[str]:
    """The names of the batch norms."""
    return [key.removesuffix(".running_mean") for key in weights if key.endswith(".running_mean")]


def convert(weights: Arrays) -> Params:
    """Layers by their names."""
    convolutions = [key.removesuffix(".weight") for key, array in weights.items() if array.ndim == 4]
    layers = {name: convert_convolution(weights, name) for name in convolutions}
    return (
        layers
        | {name: convert_norm(weights, name) for name in norms(weights)}
        | {"head": convert_dense(weights, "head")}
    )


def statistics(weights: Arrays) -> Statistics:
    """As they begin."""
    return {
        name: {key: weights[f"{name}.running_{key}"] for key in ("mean", "var")} for name in norms(weights)
    }  # fmt: skip


RESNET = Network(forward, loss, convert, statistics)
