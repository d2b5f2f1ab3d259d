"""Memories of transitions for off-policy learning: drawn from uniformly, or by priority."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DataError

Array = NDArray[Any]


class Transitions(NamedTuple):
    """Steps of environments, one along the first axis each (or axes, for several minibatches). `terminated` is 1 where
    the episode came to an end of its own, and not where it was truncated: there the next state has a value still.
    """

    observations: Array
    actions: Array
    rewards: Array
    next_observations: Array
    terminated: Array


class ReplayBuffer:
    """The last `capacity` transitions, in a ring.

    >>> memory = ReplayBuffer(capacity=100, observation=(4,), action=(), action_dtype=np.int64)
    >>> rows = memory.add(np.zeros((2, 4)), np.array([0, 1]), np.ones(2), np.ones((2, 4)), np.zeros(2))
    >>> len(memory), memory.sample(np.random.default_rng(0), (8, 64)).rewards.shape
    (2, (8, 64))
    """

    def __init__(
        self, capacity: int, observation: tuple[int, ...], action: tuple[int, ...] = (), action_dtype: Any = np.float32
    ) -> None:
        if capacity < 1:
            raise ArgumentError("MG188", f"A replay buffer keeps at least 1 transition, not {capacity}.")
        self.capacity, self.position, self.size = capacity, 0, 0
        self.stored = Transitions(
            np.zeros((capacity, *observation), np.float32), np.zeros((capacity, *action), action_dtype),
            np.zeros(capacity, np.float32), np.zeros((capacity, *observation), np.float32), np.zeros(capacity, np.float32),
        )  # fmt: skip

    def __len__(self) -> int:
        return self.size

    def add(
        self, observations: Array, actions: Array, rewards: Array, next_observations: Array, terminated: Array
    ) -> Array:
        """Remember one transition of each environment, in place of the oldest; returns where they lie."""
        rows = (self.position + np.arange(len(rewards))) % self.capacity
        for kept, new in zip(self.stored, (observations, actions, rewards, next_observations, terminated), strict=True):
            kept[rows] = new
        self.position = int(self.position + len(rows)) % self.capacity
        self.size = min(self.size + len(rows), self.capacity)
        return rows

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Transitions:
        """Transitions drawn uniformly, with replacement."""
        return self.take(rng.integers(0, self.size, shape))

    def take(self, rows: Array) -> Transitions:
        """The transitions that lie there."""
        return Transitions(*(kept[rows] for kept in self.stored))

    def state_dict(self) -> dict[str, Any]:
        """What is remembered, and where the ring's beginning is."""
        kept = {name: array[: self.size] for name, array in self.stored._asdict().items()}
        return {**kept, "position": self.position}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave. Raises DataError (MG185) if it does not fit."""
        size = len(state["rewards"])
        for name, array in self.stored._asdict().items():
            if size > self.capacity or np.shape(state[name]) != (size, *array.shape[1:]):
                raise DataError("MG185", f"The saved replay buffer has {name} of shape {np.shape(state[name])}, where "
                                         f"{array.shape} is the most. Restore the run from a copy.")  # fmt: skip
            array[:size] = state[name]
        self.position, self.size = int(state["position"]), size


class PrioritizedReplayBuffer(ReplayBuffer):
    """Transitions are drawn in proportion to priority^α, priority |δ| + 10⁻⁶ after the last TD error δ; new ones have the
    highest priority so far. Weights (N·P(i))^-β, divided by their largest, undo the bias (Schaul et al. 2016,
    https://arxiv.org/abs/1511.05952, proportional variant).

    >>> memory = PrioritizedReplayBuffer(100, (1,))
    >>> rows = memory.add(np.zeros((2, 1)), np.zeros(2), np.zeros(2), np.zeros((2, 1)), np.zeros(2))
    >>> memory.update(rows, np.array([3.0, 1.0]))
    >>> rows, weights = memory.draw(np.random.default_rng(0), 1000, beta=1.0)
    >>> bool(550 < (rows == 0).sum() < 750), float(weights.max())
    (True, 1.0)
    """

    def __init__(
        self,
        capacity: int,
        observation: tuple[int, ...],
        action: tuple[int, ...] = (),
        action_dtype: Any = np.float32,
        alpha: float = 0.6,
    ) -> None:
        super().__init__(capacity, observation, action, action_dtype)
        self.alpha, self.highest, self.tree = alpha, 1.0, SumTree(capacity)

    def add(
        self, observations: Array, actions: Array, rewards: Array, next_observations: Array, terminated: Array
    ) -> Array:
        rows = super().add(observations, actions, rewards, next_observations, terminated)
        self.tree.set(rows, np.full(len(rows), self.highest**self.alpha))
        return rows

    def draw(self, rng: np.random.Generator, count: int, beta: float) -> tuple[Array, Array]:
        """Where `count` transitions lie, drawn one from each of `count` equal parts of the total, and their weights."""
        rows = self.tree.find((np.arange(count) + rng.random(count)) / count * self.tree.total)
        rows = np.minimum(rows, self.size - 1)
        weights = (self.tree.get(rows) / self.tree.total * self.size) ** -beta
        return rows, (weights / weights.max()).astype(np.float32)

    def update(self, rows: Array, errors: Array) -> None:
        """Set priorities by new TD errors."""
        priorities = np.abs(np.asarray(errors, np.float64)) + 1e-6
        self.highest = max(self.highest, float(priorities.max()))
        self.tree.set(rows, priorities**self.alpha)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "priorities": self.tree.get(np.arange(self.size)), "highest": self.highest}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.highest, self.tree = float(state["highest"]), SumTree(self.capacity)
        self.tree.set(np.arange(self.size), np.asarray(state["priorities"]))


class SumTree:
    """Non-negative numbers whose sum, and the place of a partial sum, take log₂ n steps. Arrays of them at once.

    >>> tree = SumTree(4)
    >>> tree.set(np.arange(4), np.array([1.0, 0.0, 2.0, 1.0]))
    >>> tree.total, tree.find(np.array([0.5, 1.5, 2.9, 3.5]))
    (4.0, array([0, 2, 2, 3]))
    """

    def __init__(self, capacity: int) -> None:
        self.levels = max(1, (capacity - 1).bit_length())
        self.leaves = 1 << self.levels
        self.nodes = np.zeros(2 * self.leaves)  # node i has the children 2i and 2i + 1; the root is 1

    @property
    def total(self) -> float:
        """The sum of all."""
        return float(self.nodes[1])

    def get(self, rows: Array) -> Array:
        """The numbers at these places."""
        return self.nodes[self.leaves + rows]

    def set(self, rows: Array, values: Array) -> None:
        """Put numbers at these places; where one comes twice, the last counts."""
        nodes = self.leaves + rows
        self.nodes[nodes] = values
        for _ in range(self.levels):
            nodes = np.unique(nodes // 2)
            self.nodes[nodes] = self.nodes[2 * nodes] + self.nodes[2 * nodes + 1]

    def find(self, sums: Array) -> Array:
        """For each number s, the first place up to which the sum is more than s."""
        nodes, left = np.ones(len(sums), np.int64), np.array(sums, np.float64)
        for _ in range(self.levels):
            nodes = 2 * nodes
            right = (left >= self.nodes[nodes]) & (self.nodes[nodes + 1] > 0)
            left -= np.where(right, self.nodes[nodes], 0.0)
            nodes += right
        return nodes - self.leaves
