"""The variational autoencoder."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ..definitions import vae as d
from ..definitions.workload import Arrays
from .dense import sequential
from .network import Network


def vae(weights: Arrays) -> Network:
    """Its loss is the negative evidence lower bound, a mean over the batch."""

    class VAE(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = (sequential(weights, f"{name}.") for name in ("encoder", "decoder"))

        def call(self, x: Any, noise: Any) -> Any:
            mean, logvar = tf.split(self.encoder(x), 2, axis=1)
            return self.decoder(mean + tf.exp(0.5 * logvar) * noise), mean, logvar

    def loss(model: Any, x: Any, noise: Any) -> Any:
        logits, mean, logvar = model(x, noise)
        likelihood = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(x, logits))
        divergence = -0.5 * tf.reduce_sum(1 + logvar - mean**2 - tf.exp(logvar))
        return (likelihood + divergence) / d.BATCH

    return Network(VAE(), loss)
