"""Deep Q-learning."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from ..definitions import dqn as d
from .dense import convert, relu_layers
from .network import Network, Params


def loss(online: Params, target: Params, before: Any, actions: Any, rewards: Any, after: Any, ended: Any) -> Any:
    """The target network is handed on as it is."""
    expected = rewards + d.DISCOUNT * (1 - ended) * relu_layers(target, after).max(1)
    chosen = jnp.take_along_axis(relu_layers(online, before), actions, axis=1)[:, 0]
    return optax.huber_loss(chosen, expected).mean(), target


DQN = Network(
    relu_layers, loss, lambda weights: convert(weights, "online."), lambda weights: convert(weights, "target.")
)
