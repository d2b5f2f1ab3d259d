"""How well a policy does: the returns of whole episodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def episode_states(policy: Policy, name: str, seed: int = 0) -> Array:
    """The environment's inner states in one episode, (steps, numbers): what there is to draw. Raises DataError (MG188) where
    they are not known.

    >>> states = episode_states(lambda observations: np.ones(1, np.int64), "CartPole-v1")
    >>> states.shape[1], bool(abs(states[-1, 2]) > 0.15)
    (4, True)
    """
    environments = Environments(name, 1, seed)
    states, over = [], False
    while not over:
        states.append(environments.states[0])
        over = bool(environments.step(policy(environments.observations)).ended[0])
    return np.stack(states)
