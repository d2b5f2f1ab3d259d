"""JAX: pure functions under `jit`, with donated buffers, optax's optimisers, and `lax.scan` over time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax, nn

from . import definitions as d

VERSION = jax.__version__
Params = Any


def prepare(threads: int) -> None:
    """XLA takes as many threads as the process may use processors."""


def build(name: str) -> d.Step:
    """A workload's step."""
    workload = d.WORKLOADS[name]
    x, y = workload.batch()
    if name == "W4":
        x = x.transpose(0, 2, 3, 1)
    x, y = jax.device_put(x), jax.device_put(y)
    loss_of, convert = MODELS[name]
    params = jax.tree.map(jnp.array, convert(workload.weights()))
    if name == "W6":
        optimizer = optax.adamw(d.RATE, weight_decay=d.DECAY)
    else:
        optimizer = optax.adam(10 * d.RATE if name == "W1" else d.RATE)
    state = optimizer.init(params)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Params, state: Any, x: Any, y: Any) -> tuple[Params, Any, Any]:
        loss, gradients = jax.value_and_grad(loss_of)(params, x, y)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

    loss: Any = None

    def run(count: int) -> None:
        nonlocal params, state, loss
        for _ in range(count):
            params, state, loss = step(params, state, x, y)
        jax.block_until_ready((params, state, loss))

    return d.Step(run, lambda: loss.item())


def cross_entropy(logits: Any, y: Any) -> Any:
    """The mean over all examples."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def dense(layer: Params, x: Any) -> Any:
    """A linear layer."""
    return x @ layer["w"] + layer["b"]


def convert_dense(weights: d.Arrays, name: str) -> Params:
    """PyTorch's layer, turned."""
    return {"w": weights[f"{name}.weight"].T, "b": weights[f"{name}.bias"]}


# ------------------------------------------------------------------------------------------------------------ W1 and W3


def tiny_loss(params: Params, x: Any, y: Any) -> Any:
    """W1."""
    hidden, output = params
    return jnp.mean((nn.sigmoid(dense(output, nn.relu(dense(hidden, x)))) - y) ** 2)


def mlp_loss(params: Params, x: Any, y: Any) -> Any:
    """W3."""
    hidden, output = params
    return cross_entropy(dense(output, nn.relu(dense(hidden, x))), y)


def convert_two_layers(weights: d.Arrays) -> Params:
    """A list of two dense layers."""
    return [convert_dense(weights, "0"), convert_dense(weights, "2")]


# ------------------------------------------------------------------------------------------------------------------- W4


def cnn_loss(params: Params, x: Any, y: Any) -> Any:
    """W4, channels last."""
    for layer in params["convolutions"]:
        x = lax.conv_general_dilated(x, layer["w"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = nn.relu(x + layer["b"])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return cross_entropy(dense(params["head"], x.reshape(x.shape[0], -1)), y)


def convert_cnn(weights: d.Arrays) -> Params:
    """Windows as (row, column, in, out), and a head that reads (row, column, channel)."""
    convolutions = [
        {"w": weights[f"{i}.weight"].transpose(2, 3, 1, 0), "b": weights[f"{i}.bias"]} for i in (0, 3)
    ]  # fmt: skip
    head = weights["7.weight"].reshape(10, 32, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 10)
    return {"convolutions": convolutions, "head": {"w": head, "b": weights["7.bias"]}}


# ------------------------------------------------------------------------------------------------------------------- W5


def lstm_loss(params: Params, x: Any, y: Any) -> Any:
    """W5; the input's part of the gates is computed for all times at once."""
    gates = params["embedding"][x.T] @ params["w_ih"] + params["b_ih"] + params["b_hh"]

    def cell(state: Any, part: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(part + h @ params["w_hh"], 4, axis=-1)
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
        h = nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((x.shape[0], d.HIDDEN))
    _, outputs = lax.scan(cell, (zeros, zeros), gates)
    return cross_entropy(dense(params["head"], outputs), y.T)


def convert_lstm(weights: d.Arrays) -> Params:
    """With two biases, as PyTorch has it, so that Adam moves both."""
    return {
        "embedding": weights["embedding.weight"],
        "w_ih": weights["lstm.weight_ih_l0"].T,
        "w_hh": weights["lstm.weight_hh_l0"].T,
        "b_ih": weights["lstm.bias_ih_l0"],
        "b_hh": weights["lstm.bias_hh_l0"],
        "head": convert_dense(weights, "head"),
    }


# ------------------------------------------------------------------------------------------------------------------- W6


def layer_norm(layer: Params, x: Any) -> Any:
    """Over the last axis."""
    return nn.standardize(x, axis=-1, epsilon=1e-5) * layer["w"] + layer["b"]


def gpt_loss(params: Params, x: Any, y: Any) -> Any:
    """W6."""
    h = params["characters"][x] + params["positions"][: x.shape[1]]
    for block in params["blocks"]:
        qkv = dense(block["attention"], layer_norm(block["norm1"], h))
        q, k, v = jnp.split(qkv.reshape(*x.shape, 3 * d.HEADS, -1), 3, axis=2)
        attended = nn.dot_product_attention(q, k, v, is_causal=True)
        h = h + dense(block["projection"], attended.reshape(h.shape))
        hidden = nn.gelu(dense(block["up"], layer_norm(block["norm2"], h)), approximate=False)
        h = h + dense(block["down"], hidden)
    return cross_entropy(dense(params["head"], layer_norm(params["norm"], h)), y)


def convert_gpt(weights: d.Arrays) -> Params:
    """A list of blocks."""

    def convert_norm(name: str) -> Params:
        return {"w": weights[f"{name}.weight"], "b": weights[f"{name}.bias"]}

    def block(name: str) -> Params:
        dense_layers = {"attention": "attention", "projection": "projection", "up": "mlp.0", "down": "mlp.2"}
        layers = {key: convert_dense(weights, f"{name}.{layer}") for key, layer in dense_layers.items()}
        return layers | {key: convert_norm(f"{name}.{key}") for key in ("norm1", "norm2")}

    return {
        "characters": weights["characters.weight"],
        "positions": weights["positions.weight"],
        "blocks": [block(f"blocks.{i}") for i in range(d.LAYERS)],
        "norm": convert_norm("norm"),
        "head": convert_dense(weights, "head"),
    }


MODELS: dict[str, tuple[Callable[[Params, np.ndarray, np.ndarray], Any], Callable[[d.Arrays], Params]]] = {
    "W1": (tiny_loss, convert_two_layers),
    "W3": (mlp_loss, convert_two_layers),
    "W4": (cnn_loss, convert_cnn),
    "W5": (lstm_loss, convert_lstm),
    "W6": (gpt_loss, convert_gpt),
}
