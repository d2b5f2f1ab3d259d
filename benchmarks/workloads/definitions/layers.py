"""Layers: their first weights, as PyTorch draws and names them, and their arithmetic."""

from __future__ import annotations

import math

import numpy as np

from .workload import Arrays


def uniform(rng: np.random.Generator, shape: tuple[int, ...], inputs: int) -> np.ndarray:
    """Between ±1/√inputs."""
    bound = 1 / math.sqrt(inputs)
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def linear(rng: np.random.Generator, name: str, outputs: int, inputs: int) -> Arrays:
    """A linear layer."""
    return {
        f"{name}.weight": uniform(rng, (outputs, inputs), inputs),
        f"{name}.bias": uniform(rng, (outputs,), inputs),
    }


def convolution(
    rng: np.random.Generator, name: str, outputs: int, inputs: int, window: int = 3, bias: bool = True
) -> Arrays:
    """A convolution with a square window; `inputs` are those that each output sees."""
    entries = window * window * inputs
    weights = {f"{name}.weight": uniform(rng, (outputs, inputs, window, window), entries)}
    return weights | ({f"{name}.bias": uniform(rng, (outputs,), entries)} if bias else {})


def norm(name: str, width: int) -> Arrays:
    """A layer norm, as it begins."""
    return {f"{name}.weight": np.ones(width, np.float32), f"{name}.bias": np.zeros(width, np.float32)}


def batch_norm(name: str, width: int) -> Arrays:
    """A batch norm, as it begins."""
    running = {f"{name}.running_mean": np.zeros(width, np.float32), f"{name}.running_var": np.ones(width, np.float32)}
    return norm(name, width) | running | {f"{name}.num_batches_tracked": np.array(0)}


def transformer_block(rng: np.random.Generator, name: str, width: int) -> Arrays:
    """Attention and a network four times as wide, each behind a layer norm."""
    weights = norm(f"{name}.norm1", width) | linear(rng, f"{name}.attention", 3 * width, width)
    weights |= linear(rng, f"{name}.projection", width, width) | norm(f"{name}.norm2", width)
    return weights | linear(rng, f"{name}.mlp.0", 4 * width, width) | linear(rng, f"{name}.mlp.2", width, 4 * width)


# ---------------------------------------------------------------------------------------------------------- arithmetic

FORWARD, FIRST, TRAINED = 1, 2, 3
"""How many products of one size a layer needs: forward alone, with the derivative of its weights, and that of its input."""


def product(rows: int, inputs: int, outputs: int, products: int = TRAINED) -> int:
    """FLOPs of (rows, inputs) @ (inputs, outputs), and of the derivatives if it is trained."""
    return 2 * rows * inputs * outputs * products


def block_flops(tokens: int, pairs: int, width: int, products: int = TRAINED) -> int:
    """Of a transformer's block: its linear layers, and scores and weighted means of so many pairs of tokens."""
    return sum(product(tokens, width, n * width, products) for n in (3, 1, 4, 4)) + 2 * product(
        pairs, width, 1, products
    )
