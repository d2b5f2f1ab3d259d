"""What each workload is, whatever the library: sizes, data, first weights, arithmetic, and what is to be reached.

Weights have the names and shapes of PyTorch's modules; each library's file puts them where its own layers want them.
Only NumPy is needed here, so that every library's process can load this.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]

VOCABULARY, TIME, WIDTH, HEADS, LAYERS = 65, 64, 128, 4, 4  # of the GPT; the LSTM has its vocabulary and length, too
EMBEDDING, HIDDEN = 64, 128  # of the LSTM
GPT_BATCH, LSTM_BATCH, BATCH = 12, 32, 64
RATE, DECAY, EPSILON = 1e-3, 1e-2, 1e-8  # of Adam and AdamW, and W1 learns ten times as fast
VALUES_RATE, VALUES_DECAY = 0.1, 1e-4


class Workload(NamedTuple):
    """A training step; `must` and `aim` are the largest ratios of our time to that of the best of `peers`."""

    title: str
    peers: tuple[str, ...]
    must: float
    aim: float
    weights: Callable[[], Arrays]
    batch: Callable[[], tuple[np.ndarray, np.ndarray]]
    flops: int  # of the matrix products and convolutions, forward and backward: the rest is not counted
    compared: int = 10  # steps after which the losses are compared
    tolerance: float = 1e-4  # relative, of these losses
    compile_seconds: float | None = None  # at most, with an empty cache


class Step(NamedTuple):
    """A training step of one library, ready to run."""

    run: Callable[[int], None]  # that many steps, and wait until they are done
    loss: Callable[[], float]  # of the last step, before its update
    repeat: Callable[[int], None] | None = None  # the same by a loop in native code


# ------------------------------------------------------------------------------------------------------------- weights


def linear(rng: np.random.Generator, name: str, outputs: int, inputs: int) -> Arrays:
    """A linear layer."""
    return {
        f"{name}.weight": _uniform(rng, (outputs, inputs), inputs),
        f"{name}.bias": _uniform(rng, (outputs,), inputs),
    }


def convolution(rng: np.random.Generator, name: str, outputs: int, inputs: int) -> Arrays:
    """A convolution with a 3×3 window."""
    weight = _uniform(rng, (outputs, inputs, 3, 3), 9 * inputs)
    return {f"{name}.weight": weight, f"{name}.bias": _uniform(rng, (outputs,), 9 * inputs)}


def norm(name: str) -> Arrays:
    """A layer norm, as it begins."""
    return {f"{name}.weight": np.ones(WIDTH, np.float32), f"{name}.bias": np.zeros(WIDTH, np.float32)}


def tiny_weights() -> Arrays:
    """W1's: drawn again until both hidden units are on for all four points, or they would never learn."""
    rng = np.random.default_rng(1)
    while True:
        hidden, output = linear(rng, "0", 2, 2), linear(rng, "2", 1, 2)
        if (tiny_batch()[0] @ hidden["0.weight"].T + hidden["0.bias"] > 0).all():
            return hidden | output


def values_weights() -> Arrays:
    """W2's: every neuron's weights, then its bias, as micrograd lists and draws them."""
    rng = np.random.default_rng(2)
    neurons = [(2, 16), (16, 16), (16, 1)]
    drawn = [np.append(rng.uniform(-1, 1, inputs), 0.0) for inputs, count in neurons for _ in range(count)]
    return {"parameters": np.concatenate(drawn)}


def mlp_weights() -> Arrays:
    """W3's."""
    rng = np.random.default_rng(3)
    return linear(rng, "0", 128, 784) | linear(rng, "2", 10, 128)


def cnn_weights() -> Arrays:
    """W4's; the last layer reads (channel, row, column)."""
    rng = np.random.default_rng(4)
    return convolution(rng, "0", 16, 1) | convolution(rng, "3", 32, 16) | linear(rng, "7", 10, 32 * 7 * 7)


def lstm_weights() -> Arrays:
    """W5's."""
    rng = np.random.default_rng(5)
    weights = {"embedding.weight": rng.standard_normal((VOCABULARY, EMBEDDING)).astype(np.float32)}
    for name, inputs in (("ih", EMBEDDING), ("hh", HIDDEN)):
        weights[f"lstm.weight_{name}_l0"] = _uniform(rng, (4 * HIDDEN, inputs), HIDDEN)
        weights[f"lstm.bias_{name}_l0"] = _uniform(rng, (4 * HIDDEN,), HIDDEN)
    return weights | linear(rng, "head", VOCABULARY, HIDDEN)


def gpt_weights() -> Arrays:
    """W6's."""
    rng = np.random.default_rng(6)
    weights = {
        "characters.weight": rng.normal(0, 0.02, (VOCABULARY, WIDTH)).astype(np.float32),
        "positions.weight": rng.normal(0, 0.02, (TIME, WIDTH)).astype(np.float32),
    }
    for block in (f"blocks.{i}" for i in range(LAYERS)):
        weights |= norm(f"{block}.norm1") | linear(rng, f"{block}.attention", 3 * WIDTH, WIDTH)
        weights |= linear(rng, f"{block}.projection", WIDTH, WIDTH) | norm(f"{block}.norm2")
        weights |= linear(rng, f"{block}.mlp.0", 4 * WIDTH, WIDTH) | linear(rng, f"{block}.mlp.2", WIDTH, 4 * WIDTH)
    return weights | norm("norm") | linear(rng, "head", VOCABULARY, WIDTH)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], inputs: int) -> np.ndarray:
    bound = 1 / math.sqrt(inputs)
    return rng.uniform(-bound, bound, shape).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------- data


def tiny_batch() -> tuple[np.ndarray, np.ndarray]:
    """The article's four points."""
    points = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]], np.float32)
    return points, np.array([[0], [1], [1], [1]], np.float32)


def moons_batch() -> tuple[np.ndarray, np.ndarray]:
    """100 points on two half circles, the moons being -1 and 1."""
    rng = np.random.default_rng(2)
    angle = np.linspace(0, np.pi, 50)
    upper, lower = np.stack([np.cos(angle), np.sin(angle)], 1), np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = np.concatenate([upper, lower]) + rng.normal(0, 0.1, (100, 2))
    return points, np.repeat([-1, 1], 50)


def digits_batch() -> tuple[np.ndarray, np.ndarray]:
    """Rows of 784 numbers, and classes."""
    rng = np.random.default_rng(3)
    return rng.random((BATCH, 784), np.float32), rng.integers(0, 10, BATCH)


def images_batch() -> tuple[np.ndarray, np.ndarray]:
    """The same as images (N, 1, 28, 28)."""
    rows, classes = digits_batch()
    return rows.reshape(BATCH, 1, 28, 28), classes


def text_batch(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Characters (batch, time), and the next ones; each is one to three places after the last, so there is something to learn."""
    rng = np.random.default_rng(5)
    text = np.cumsum(rng.integers(1, 4, (size, TIME + 1)), axis=1) % VOCABULARY
    return np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:])


# ---------------------------------------------------------------------------------------------------------- arithmetic


def product(rows: int, inputs: int, outputs: int, first: bool = False) -> int:
    """FLOPs of (rows, inputs) @ (inputs, outputs) and both derivatives; the `first` layer needs that of its weights only."""
    return 2 * rows * inputs * outputs * (2 if first else 3)


def gpt_flops() -> int:
    """W6's; of the attention only what the causal mask lets through."""
    tokens = GPT_BATCH * TIME
    attention = 2 * product(GPT_BATCH * TIME * (TIME + 1) // 2, WIDTH, 1)  # scores, and weighted means
    block = sum(product(tokens, WIDTH, n * WIDTH) for n in (3, 1, 4, 4)) + attention
    return LAYERS * block + product(tokens, WIDTH, VOCABULARY)


def lstm_flops() -> int:
    """W5's."""
    tokens = LSTM_BATCH * TIME
    return product(tokens, EMBEDDING + HIDDEN, 4 * HIDDEN) + product(tokens, HIDDEN, VOCABULARY)


WORKLOADS = {
    "W1": Workload(
        "2-2-1 network, 4 samples, Adam",
        ("torch", "jax", "tensorflow"), 0.5, 0.1, tiny_weights, tiny_batch,
        product(4, 2, 2, first=True) + product(4, 2, 1),
    ),
    "W2": Workload(
        "micrograd's demo on Values: MLP(2,[16,16,1]), 100 moons, SGD",
        ("micrograd",), 0.01, 0.001, values_weights, moons_batch,
        product(100, 2, 16, first=True) + product(100, 16, 16) + product(100, 16, 1), compared=3, tolerance=1e-9,
    ),
    "W3": Workload(
        "MLP 784-128-10, batch 64, Adam",
        ("torch", "jax", "tensorflow"), 0.75, 0.5, mlp_weights, digits_batch,
        product(BATCH, 784, 128, first=True) + product(BATCH, 128, 10), compile_seconds=1.0,
    ),
    "W4": Workload(
        "CNN 16-32 on 28×28, batch 64, Adam",
        ("torch", "jax", "tensorflow"), 0.7, 0.35, cnn_weights, images_batch,
        product(BATCH * 28 * 28, 9, 16, first=True) + product(BATCH * 14 * 14, 9 * 16, 32) + product(BATCH, 1568, 10),
    ),
    "W5": Workload(
        "character LSTM 65-64-128, 64 steps, batch 32, Adam",
        ("torch", "jax", "tensorflow"), 0.85, 0.6, lstm_weights, lambda: text_batch(LSTM_BATCH), lstm_flops(),
    ),
    "W6": Workload(
        "GPT, 4 layers, width 128, 64 characters, batch 12, AdamW",
        ("torch", "jax", "tensorflow"), 0.8, 0.55, gpt_weights, lambda: text_batch(GPT_BATCH), gpt_flops(),
        compile_seconds=5.0,
    ),
}  # fmt: skip
