"""Rollouts: what a policy did and met in a fixed number of steps, and the advantages of what it did."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .environments import Environments

Array = NDArray[Any]


class Rollout(NamedTuple):
    """Steps along axis 0, environments along axis 1. `next_observations` are those that the action led to, before an
    episode that ended was followed by a new one.

    >>> Rollout._fields
    ('observations', 'actions', 'rewards', 'next_observations', 'terminated', 'ended')
    """

    observations: Array
    actions: Array
    rewards: Array
    next_observations: Array
    terminated: Array
    ended: Array


def roll(environments: Environments, act: Any, steps: int, limits: tuple[Any, Any] | None = None) -> Rollout:
    """Let `act`, a function of observations (environments, …), act for so many steps. Actions are stored as it chose them
    and, with `limits`, taken between these.

    >>> rollout = roll(Environments("CartPole-v1", 2), lambda seen: np.zeros(2, np.int64), 5)
    >>> rollout.observations.shape, rollout.rewards.shape
    ((5, 2, 4), (5, 2))
    """
    rows = []
    for _ in range(steps):
        before = environments.observations
        actions = act(before)
        met = environments.step(actions if limits is None else np.clip(actions, *limits))
        rows.append((before, actions, met.rewards, met.observations, met.terminated, met.ended))
    return Rollout(*map(np.stack, zip(*rows, strict=True)))


def gae(rollout: Rollout, values: Array, next_values: Array, gamma: float, lam: float) -> Array:
    """Generalised advantage estimates Â_t = δ_t + γλ Â_{t+1}, δ_t = r_t + γ V(s_{t+1}) - V(s_t), (steps, environments).

    V(s_{t+1}) counts as 0 where the episode terminated; the recursion ends wherever an episode did. With λ = 1 and next
    values of 0 they are the discounted returns less V (Schulman et al. 2016, https://arxiv.org/abs/1506.02438).

    >>> one = np.ones((3, 1))
    >>> end = np.array([[False], [False], [True]])
    >>> gae(Rollout(one, one, one, one, end, end), 0 * one, 0 * one, gamma=0.5, lam=1.0)[:, 0]
    array([1.75, 1.5 , 1.  ])
    """
    errors = rollout.rewards + gamma * next_values * ~rollout.terminated - values
    keep = gamma * lam * ~rollout.ended
    advantages = np.empty_like(errors)
    following = np.zeros_like(errors[0])
    for t in reversed(range(len(errors))):
        advantages[t] = following = errors[t] + keep[t] * following
    return advantages
