"""Ratings from embeddings."""

from __future__ import annotations

from typing import Any

from ..definitions import recommender as d
from .network import Network


def recommender(library: Any) -> Network:
    """Mean, biases, and a product of user and item."""
    nn = library.nn

    class Recommender(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = nn.Embedding(d.ROWS, d.WIDTH), nn.Embedding(d.ROWS, d.WIDTH)
            self.users_bias, self.items_bias = nn.Embedding(d.ROWS, 1), nn.Embedding(d.ROWS, 1)
            self.mean = nn.Parameter(library.zeros((1,)))

        def forward(self, users: Any, items: Any) -> Any:
            biases = self.users_bias(users)[:, 0] + self.items_bias(items)[:, 0] + self.mean
            return (self.users(users) * self.items(items)).sum(1) + biases

    return Network(Recommender(), lambda module, users, items, y: library.F.mse_loss(module(users, items), y))
