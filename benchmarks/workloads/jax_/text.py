"""Networks for text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax, nn

from ..definitions import text as d
from ..definitions.workload import Arrays
from .network import (
    Params,
    convert_block,
    convert_dense,
    convert_norm,
    cross_entropy,
    dense,
    layer_norm,
    supervised,
    transformer_block,
)


def lstm(params: Params, x: Any) -> Any:
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
    return dense(params["head"], outputs)


def gru(params: Params, x: Any) -> Any:
    """The same with a GRU, of PyTorch's kind: the reset gate acts on the product."""
    parts = params["embedding"][x.T] @ params["w_ih"] + params["b_ih"]

    def cell(h: Any, part: Any) -> Any:
        of_input, of_state = jnp.split(part, 3, axis=-1), jnp.split(h @ params["w_hh"] + params["b_hh"], 3, axis=-1)
        r, z = (nn.sigmoid(of_input[k] + of_state[k]) for k in (0, 1))
        n = jnp.tanh(of_input[2] + r * of_state[2])
        h = (1 - z) * n + z * h
        return h, h

    _, outputs = lax.scan(cell, jnp.zeros((x.shape[0], d.HIDDEN)), parts)
    return dense(params["head"], outputs)


def convert_recurrent(kind: str) -> Callable[[Arrays], Params]:
    """With two biases, as PyTorch has it, so that Adam moves both."""

    def convert(weights: Arrays) -> Params:
        return {
            "embedding": weights["embedding.weight"],
            "w_ih": weights[f"{kind}.weight_ih_l0"].T,
            "w_hh": weights[f"{kind}.weight_hh_l0"].T,
            "b_ih": weights[f"{kind}.bias_ih_l0"],
            "b_hh": weights[f"{kind}.bias_hh_l0"],
            "head": convert_dense(weights, "head"),
        }

    return convert


def gpt(params: Params, x: Any) -> Any:
    """W6."""
    h = params["characters"][x] + params["positions"][: x.shape[1]]
    for block in params["blocks"]:
        h = transformer_block(block, h, d.HEADS, causal=True)
    return dense(params["head"], layer_norm(params["norm"], h))


def convert_gpt(weights: Arrays) -> Params:
    """A list of blocks."""
    return {
        "characters": weights["characters.weight"],
        "positions": weights["positions.weight"],
        "blocks": [convert_block(weights, f"blocks.{i}") for i in range(d.LAYERS)],
        "norm": convert_norm(weights, "norm"),
        "head": convert_dense(weights, "head"),
    }


def by_time(logits: Any, y: Any) -> Any:
    """Of what comes with time first."""
    return cross_entropy(logits, y.T)


LSTM = supervised(lstm, by_time, convert_recurrent("lstm"))
GRU = supervised(gru, by_time, convert_recurrent("gru"))
GPT = supervised(gpt, cross_entropy, convert_gpt)
