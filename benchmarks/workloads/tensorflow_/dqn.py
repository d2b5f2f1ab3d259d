"""Deep Q-learning."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ..definitions import dqn as d
from ..definitions.workload import Arrays
from .dense import sequential
from .network import Network


def dqn(weights: Arrays) -> Network:
    """The target network is no part of the model, and so not trained."""
    target, huber = sequential(weights, "target."), keras.losses.Huber()

    def loss(online: Any, before: Any, actions: Any, rewards: Any, after: Any, ended: Any) -> Any:
        expected = rewards + d.DISCOUNT * (1 - ended) * tf.reduce_max(target(after), axis=1)
        chosen = tf.gather(online(before), actions[:, 0], axis=1, batch_dims=1)
        return huber(tf.stop_gradient(expected), chosen)

    return Network(sequential(weights, "online."), loss)
