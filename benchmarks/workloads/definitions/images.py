"""Networks for images: W4, residual, depthwise, and the vision transformer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .layers import FIRST, batch_norm, block_flops, convolution, linear, norm, product, transformer_block
from .workload import Arrays

BATCH, SMALL_BATCH = 64, 32  # of W4, and of the others
SIDE, CLASSES = 32, 10
STAGES, BLOCKS = (16, 32, 64), 2  # of the residual network: channels, and blocks in each stage
DEPTHWISE_WIDTH, DEPTHWISE_BLOCKS = 32, 4
PATCH, WIDTH, HEADS, LAYERS = 4, 128, 4, 4  # of the vision transformer
PATCHES = (SIDE // PATCH) ** 2

# ------------------------------------------------------------------------------------------------------------- weights


def cnn_weights() -> Arrays:
    """W4's; the last layer reads (channel, row, column)."""
    rng = np.random.default_rng(4)
    return convolution(rng, "0", 16, 1) | convolution(rng, "3", 32, 16) | linear(rng, "7", 10, 32 * 7 * 7)


def residual_blocks() -> Iterator[tuple[str, int, int, int]]:
    """The name, inputs, outputs and stride of each block of the residual network."""
    inputs = STAGES[0]
    for number in range(len(STAGES) * BLOCKS):
        outputs = STAGES[number // BLOCKS]
        yield f"blocks.{number}", inputs, outputs, outputs // inputs
        inputs = outputs


def resnet_weights() -> Arrays:
    """The residual network's."""
    rng = np.random.default_rng(10)
    weights = convolution(rng, "stem", STAGES[0], 3, bias=False) | batch_norm("norm", STAGES[0])
    for name, inputs, outputs, stride in residual_blocks():
        for number, channels in (("1", inputs), ("2", outputs)):
            weights |= convolution(rng, f"{name}.conv{number}", outputs, channels, bias=False)
            weights |= batch_norm(f"{name}.norm{number}", outputs)
        if stride > 1:
            weights |= convolution(rng, f"{name}.shortcut.0", outputs, inputs, window=1, bias=False)
            weights |= batch_norm(f"{name}.shortcut.1", outputs)
    return weights | linear(rng, "head", CLASSES, STAGES[-1])


def depthwise_weights() -> Arrays:
    """The depthwise network's."""
    rng, width = np.random.default_rng(11), DEPTHWISE_WIDTH
    weights = convolution(rng, "stem", width, 3)
    for name in (f"blocks.{i}" for i in range(DEPTHWISE_BLOCKS)):
        weights |= convolution(rng, f"{name}.0", width, 1) | convolution(rng, f"{name}.2", width, width, window=1)
    return weights | linear(rng, "head", CLASSES, width)


def vit_weights() -> Arrays:
    """The vision transformer's."""
    rng = np.random.default_rng(12)
    weights = convolution(rng, "patches", WIDTH, 3, window=PATCH)
    weights["positions"] = rng.normal(0, 0.02, (1, PATCHES, WIDTH)).astype(np.float32)
    for i in range(LAYERS):
        weights |= transformer_block(rng, f"blocks.{i}", WIDTH)
    return weights | norm("norm", WIDTH) | linear(rng, "head", CLASSES, WIDTH)


# ---------------------------------------------------------------------------------------------------------------- data


def digits_batch() -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 1, 28, 28), and classes."""
    rng = np.random.default_rng(3)
    return rng.random((BATCH, 1, 28, 28), np.float32), rng.integers(0, 10, BATCH)


def colours_batch() -> tuple[np.ndarray, np.ndarray]:
    """Images of CIFAR's size, and classes."""
    rng = np.random.default_rng(10)
    images = rng.standard_normal((SMALL_BATCH, 3, SIDE, SIDE), np.float32)
    return images, rng.integers(0, CLASSES, SMALL_BATCH)


# ---------------------------------------------------------------------------------------------------------- arithmetic


def cnn_flops() -> int:
    """W4's."""
    first = product(BATCH * 28 * 28, 9, 16, FIRST)
    return first + product(BATCH * 14 * 14, 9 * 16, 32) + product(BATCH, 1568, 10)


def resnet_flops() -> int:
    """The residual network's; a stride of 2 leaves a quarter of the pixels."""
    pixels = SMALL_BATCH * SIDE * SIDE
    flops = product(pixels, 9 * 3, STAGES[0], FIRST) + product(SMALL_BATCH, STAGES[-1], CLASSES)
    for _, inputs, outputs, stride in residual_blocks():
        pixels //= stride * stride
        flops += product(pixels, 9 * inputs, outputs) + product(pixels, 9 * outputs, outputs)
        flops += product(pixels, inputs, outputs) if stride > 1 else 0
    return flops


def depthwise_flops() -> int:
    """The depthwise network's."""
    pixels, width = SMALL_BATCH * SIDE * SIDE, DEPTHWISE_WIDTH
    block = product(pixels * width, 9, 1) + product(pixels, width, width)
    return product(pixels, 9 * 3, width, FIRST) + DEPTHWISE_BLOCKS * block + product(SMALL_BATCH, width, CLASSES)


def vit_flops() -> int:
    """The vision transformer's."""
    tokens = SMALL_BATCH * PATCHES
    embedding = product(tokens, 3 * PATCH * PATCH, WIDTH, FIRST)
    return embedding + LAYERS * block_flops(tokens, tokens * PATCHES, WIDTH) + product(SMALL_BATCH, WIDTH, CLASSES)
