"""The variational autoencoder."""

from __future__ import annotations

from typing import Any

from ..definitions import vae as d
from .network import Network


def vae(library: Any) -> Network:
    """Its loss is the negative evidence lower bound of an image, a mean over the batch."""
    nn, F = library.nn, library.F

    class VAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(d.PIXELS, d.HIDDEN), nn.ReLU(), nn.Linear(d.HIDDEN, 2 * d.LATENT))
            self.decoder = nn.Sequential(nn.Linear(d.LATENT, d.HIDDEN), nn.ReLU(), nn.Linear(d.HIDDEN, d.PIXELS))

        def forward(self, x: Any, noise: Any) -> Any:
            code = self.encoder(x)
            mean, logvar = code[:, : d.LATENT], code[:, d.LATENT :]
            return self.decoder(mean + library.exp(0.5 * logvar) * noise), mean, logvar

    def loss(module: Any, x: Any, noise: Any) -> Any:
        logits, mean, logvar = module(x, noise)
        likelihood = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        divergence = -0.5 * (1 + logvar - mean**2 - library.exp(logvar)).sum()
        return (likelihood + divergence) / d.BATCH

    return Network(VAE(), loss)
