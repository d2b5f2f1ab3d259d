"""How well a policy does: the returns of whole episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .environments import Environments

Array = NDArray[Any]
Policy = Callable[[Array], Array]


def episode_returns(policy: Policy, name: str, episodes: int = 100, seed: int = 0) -> Array:
    """The undiscounted return of each of `episodes` episodes of the environment `name`, episode i with seed `seed` + i.

    `policy` takes observations, one of each episode, and gives actions: all episodes run side by side. Raises ArgumentError
    (MG188) for an environment without a time limit, where an episode may never end.

    >>> left = episode_returns(lambda observations: np.zeros(len(observations), np.int64), "CartPole-v1", 10)
    >>> left.shape, bool(left.max() < 20)
    ((10,), True)
    """
    environments = Environments(name, episodes, seed)
    environments.check_limit()
    returns, running = np.zeros(episodes), np.ones(episodes, bool)
    while running.any():
        met = environments.step(policy(environments.observations))
        returns += met.rewards * running
        running &= ~met.ended
    return returns


class Episode(NamedTuple):
    """The environment's inner states, (steps, numbers), which are what there is to draw, and the sum of all rewards."""

    states: Array
    total: float


def played(policy: Policy, name: str, seed: int = 0) -> Episode:
    """One episode. Raises DataError (MG188) where the environment's states are not known.

    >>> episode = played(lambda observations: np.ones(1, np.int64), "CartPole-v1")
    >>> episode.states.shape[1], bool(abs(episode.states[-1, 2]) > 0.15)
    (4, True)
    """
    environments = Environments(name, 1, seed)
    states, total, over = [], 0.0, False
    while not over:
        states.append(environments.states[0])
        met = environments.step(policy(environments.observations))
        total += float(met.rewards[0])
        over = bool(met.ended[0])
    return Episode(np.stack(states), total)
