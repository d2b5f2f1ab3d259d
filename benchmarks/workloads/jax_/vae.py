"""The variational autoencoder."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from ..definitions import vae as d
from .dense import convert, relu_layers
from .network import Network, Params


def forward(params: Params, x: Any, noise: Any) -> tuple[Any, Any, Any]:
    """Logits of the pixels, means and logarithms of variances."""
    mean, logvar = jnp.split(relu_layers(params["encoder"], x), 2, axis=1)
    return relu_layers(params["decoder"], mean + jnp.exp(0.5 * logvar) * noise), mean, logvar


def loss(params: Params, rest: Any, x: Any, noise: Any) -> tuple[Any, Any]:
    """The negative evidence lower bound, a mean over the batch."""
    logits, mean, logvar = forward(params, x, noise)
    likelihood = optax.sigmoid_binary_cross_entropy(logits, x).sum()
    divergence = -0.5 * (1 + logvar - mean**2 - jnp.exp(logvar)).sum()
    return (likelihood + divergence) / d.BATCH, rest


VAE = Network(forward, loss, lambda weights: {name: convert(weights, f"{name}.") for name in ("encoder", "decoder")})
