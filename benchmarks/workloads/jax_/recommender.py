"""Ratings from embeddings."""

from __future__ import annotations

from typing import Any

from ..definitions.workload import Arrays
from .network import Network, Params, squared_error


def forward(params: Params, users: Any, items: Any) -> Any:
    """Mean, biases, and a product of user and item."""
    biases = params["users_bias"][users, 0] + params["items_bias"][items, 0] + params["mean"]
    return (params["users"][users] * params["items"][items]).sum(1) + biases


def loss(params: Params, rest: Any, users: Any, items: Any, ratings: Any) -> tuple[Any, Any]:
    """Of the ratings."""
    return squared_error(forward(params, users, items), ratings), rest


def convert(weights: Arrays) -> Params:
    """By shorter names."""
    return {key.removesuffix(".weight"): array for key, array in weights.items()}


RECOMMENDER = Network(forward, loss, convert)
