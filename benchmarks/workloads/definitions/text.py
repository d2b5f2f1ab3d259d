"""Networks for text: W5, the GRU, and W6."""

from __future__ import annotations

import numpy as np

from .layers import FORWARD, TRAINED, block_flops, linear, norm, product, transformer_block, uniform
from .workload import Arrays

VOCABULARY, TIME, WIDTH, HEADS, LAYERS = 65, 64, 128, 4, 4  # of the GPT; the others have its vocabulary, too
EMBEDDING, HIDDEN = 64, 128  # of LSTM and GRU
GPT_BATCH, RECURRENT_BATCH, GRU_TIME = 12, 32, 100

# ------------------------------------------------------------------------------------------------------------- weights


def recurrent_weights(kind: str, gates: int) -> Arrays:
    """A recurrent network's, with a layer of that name in the middle."""
    rng = np.random.default_rng(5)
    weights = {"embedding.weight": rng.standard_normal((VOCABULARY, EMBEDDING)).astype(np.float32)}
    for name, inputs in (("ih", EMBEDDING), ("hh", HIDDEN)):
        weights[f"{kind}.weight_{name}_l0"] = uniform(rng, (gates * HIDDEN, inputs), HIDDEN)
        weights[f"{kind}.bias_{name}_l0"] = uniform(rng, (gates * HIDDEN,), HIDDEN)
    return weights | linear(rng, "head", VOCABULARY, HIDDEN)


def lstm_weights() -> Arrays:
    """W5's."""
    return recurrent_weights("lstm", 4)


def gru_weights() -> Arrays:
    """The GRU's."""
    return recurrent_weights("gru", 3)


def gpt_weights() -> Arrays:
    """W6's."""
    rng = np.random.default_rng(6)
    weights = {
        "characters.weight": rng.normal(0, 0.02, (VOCABULARY, WIDTH)).astype(np.float32),
        "positions.weight": rng.normal(0, 0.02, (TIME, WIDTH)).astype(np.float32),
    }
    for i in range(LAYERS):
        weights |= transformer_block(rng, f"blocks.{i}", WIDTH)
    return weights | norm("norm", WIDTH) | linear(rng, "head", VOCABULARY, WIDTH)


# ---------------------------------------------------------------------------------------------------------------- data


def text_batch(size: int, time: int = TIME) -> tuple[np.ndarray, np.ndarray]:
    """Characters (batch, time), and the next ones; each is one to three places after the last, so there is something to learn."""
    rng = np.random.default_rng(5)
    text = np.cumsum(rng.integers(1, 4, (size, time + 1)), axis=1) % VOCABULARY
    return np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:])


# ---------------------------------------------------------------------------------------------------------- arithmetic


def gpt_flops(batch: int, products: int) -> int:
    """W6's; of the attention only what the causal mask lets through."""
    tokens, pairs = batch * TIME, batch * TIME * (TIME + 1) // 2
    return LAYERS * block_flops(tokens, pairs, WIDTH, products) + product(tokens, WIDTH, VOCABULARY, products)


def gpt_training_flops() -> int:
    """W6's."""
    return gpt_flops(GPT_BATCH, TRAINED)


def gpt_inference_flops() -> int:
    """Of its forward pass with one text."""
    return gpt_flops(1, FORWARD)


def recurrent_flops(time: int, gates: int) -> int:
    """Of a recurrent network."""
    tokens = RECURRENT_BATCH * time
    return product(tokens, EMBEDDING + HIDDEN, gates * HIDDEN) + product(tokens, HIDDEN, VOCABULARY)
