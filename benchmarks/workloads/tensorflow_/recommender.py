"""Ratings from embeddings."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from ..definitions import recommender as d
from ..definitions.workload import Arrays
from .network import Network


def recommender(weights: Arrays) -> Network:
    """Mean, biases, and a product of user and item."""
    names = ("users", "items", "users_bias", "items_bias")

    class Recommender(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = layers.Embedding(d.ROWS, d.WIDTH), layers.Embedding(d.ROWS, d.WIDTH)
            self.users_bias, self.items_bias = layers.Embedding(d.ROWS, 1), layers.Embedding(d.ROWS, 1)
            self.average = self.add_weight(shape=(1,))

        def call(self, users: Any, items: Any) -> Any:
            biases = self.users_bias(users)[:, 0] + self.items_bias(items)[:, 0] + self.average
            return tf.reduce_sum(self.users(users) * self.items(items), axis=1) + biases

    model = Recommender()
    model(*np.zeros((2, 1), np.int64))
    for name in names:
        getattr(model, name).set_weights([weights[f"{name}.weight"]])
    model.average.assign(weights["mean"])
    squared_error = keras.losses.MeanSquaredError()
    return Network(model, lambda model, users, items, ratings: squared_error(ratings, model(users, items)))
