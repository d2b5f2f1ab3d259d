"""A variational autoencoder of binary images. Kingma and Welling 2013, "Auto-encoding variational Bayes"."""

from __future__ import annotations

import numpy as np

from .layers import FIRST, linear, product
from .workload import Arrays

PIXELS, HIDDEN, LATENT, BATCH = 784, 400, 20, 128


def weights() -> Arrays:
    """Of the encoder, whose last layer gives means and logarithms of variances, and of the decoder."""
    rng = np.random.default_rng(13)
    encoder = linear(rng, "encoder.0", HIDDEN, PIXELS) | linear(rng, "encoder.2", 2 * LATENT, HIDDEN)
    return encoder | linear(rng, "decoder.0", HIDDEN, LATENT) | linear(rng, "decoder.2", PIXELS, HIDDEN)


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Images, and the noise that makes samples of means and variances: given, so that all libraries have the same."""
    rng = np.random.default_rng(13)
    images = (rng.random((BATCH, PIXELS)) < 0.2).astype(np.float32)
    return images, rng.standard_normal((BATCH, LATENT), np.float32)


def flops() -> int:
    """Of four linear layers."""
    first = product(BATCH, PIXELS, HIDDEN, FIRST)
    return first + product(BATCH, HIDDEN, 3 * LATENT) + product(BATCH, HIDDEN, PIXELS)
