"""Deep Q-learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn, optim
from ..tensor import Tensor
from .agent import OffPolicyAgent
from .environments import Environments
from .networks import DQNetworks, copy_parameters
from .replay import PrioritizedReplayBuffer, ReplayBuffer, Transitions
from .updates import Update

Array = NDArray[Any]


class DQN(OffPolicyAgent):
    """Deep Q-learning (Mnih et al. 2015, https://doi.org/10.1038/nature14236): the Huber loss of Q(s, a) - y,
    y = r + γ max_a' Q'(s', a'), with Q' a copy of Q that is renewed every `target_update_interval` steps. Actions are
    random with probability ε, which falls from 1 to `exploration_final_eps` in `exploration_steps` steps.

    `double`: the best action is Q's, its value Q'’s (van Hasselt et al. 2016, https://arxiv.org/abs/1509.06461). `dueling`:
    see `QNetwork`. `prioritized`: transitions are drawn by TD error, with β rising from 0.4 to 1 in `prioritized_steps`
    steps, see `PrioritizedReplayBuffer`. The other names and defaults are stable-baselines3's, but for `buffer_size` (there
    1,000,000) and `exploration_steps` (there `exploration_fraction`, 0.1 of the training).

    >>> agent = DQN(Environments("CartPole-v1", count=2), learning_starts=16, batch_size=8, double=True, prioritized=True)
    >>> losses = [agent.iterate() for _ in range(10)]
    >>> agent.steps, agent.policy(agent.environments.observations).shape
    (80, (2,))
    """

    name: ClassVar[str] = "dqn"
    loss_of: ClassVar[str] = "Huber"
    discrete: ClassVar[bool | None] = True
    networks: ClassVar[Callable[..., nn.Module]] = DQNetworks
    model: DQNetworks

    def __init__(
        self,
        environments: Environments,
        seed: int = 0,
        compiled: bool = True,
        *,
        learning_rate: float = 1e-4,
        buffer_size: int = 50_000,
        batch_size: int = 32,
        train_freq: int = 4,
        target_update_interval: int = 10_000,
        exploration_steps: int = 10_000,
        exploration_final_eps: float = 0.05,
        max_grad_norm: float = 10.0,
        net_arch: Sequence[int] = (64, 64),
        double: bool = False,
        dueling: bool = False,
        prioritized: bool = False,
        prioritized_steps: int = 50_000,
        **settings: Any,
    ) -> None:
        super().__init__(environments, seed, compiled, batch_size=batch_size, train_freq=train_freq, **settings)
        self.exploration_steps, self.exploration_final_eps = exploration_steps, exploration_final_eps
        self.target_update_interval, self.max_grad_norm, self.double = target_update_interval, max_grad_norm, double
        self.prioritized, self.prioritized_steps = prioritized, prioritized_steps
        kind = PrioritizedReplayBuffer if prioritized else ReplayBuffer
        self.memory = kind(buffer_size, (self.spaces.features,), (), np.int64)
        self.model = self.make_model(hidden=[*net_arch], dueling=dueling)
        self.parameters = [*self.model.online.parameters()]
        self.optimizer = optim.Adam(self.parameters, lr=learning_rate)
        self.update = Update(lambda *batch: self.descend(*batch)[0], compiled)
        self._weighted = self.program(self.descend)

    @property
    def epsilon(self) -> float:
        """The probability of a random action."""
        return max(
            self.exploration_final_eps, 1 - (1 - self.exploration_final_eps) * self.steps / self.exploration_steps
        )

    def explore(self, observations: Array) -> Array:
        chance = self.rng.random(self.environments.count) < self.epsilon
        drawn = self.random_actions()
        return drawn if chance.all() else np.where(chance, drawn, self.policy(observations))

    def after_step(self, ended: Array) -> None:
        if self.steps % self.target_update_interval < self.environments.count:
            copy_parameters(self.model.online, self.model.target)

    def learn(self) -> float:
        if isinstance(self.memory, PrioritizedReplayBuffer):
            return float(np.mean([self._learn_by_priority(self.memory) for _ in range(self.gradient_steps)]))
        return self.update(*self._minibatches())

    def first_descent(self) -> Callable[[], Tensor]:
        if isinstance(self.memory, PrioritizedReplayBuffer):
            rows, weights = self._draw_by_priority(self.memory)
            first = [*self.memory.take(rows), weights]
        else:
            first = [array[0] for array in self._minibatches()]
        return lambda: self.descend(*map(Tensor, first))[0]

    def _minibatches(self) -> Transitions:
        return self.memory.sample(self.rng, (self.gradient_steps, self.batch_size))

    def _draw_by_priority(self, memory: PrioritizedReplayBuffer) -> tuple[Array, Array]:
        beta = min(1.0, 0.4 + 0.6 * self.steps / self.prioritized_steps)
        return memory.draw(self.rng, self.batch_size, beta)

    def _learn_by_priority(self, memory: PrioritizedReplayBuffer) -> float:
        rows, weights = self._draw_by_priority(memory)
        loss, errors = self._weighted(*memory.take(rows), weights)
        memory.update(rows, errors.data)
        return float(loss.data)

    def descend(self, observations: Tensor, actions: Tensor, rewards: Tensor, next_observations: Tensor, terminated: Tensor,
                weights: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:  # fmt: skip
        """One update by a minibatch; returns the loss and the TD errors."""
        self.optimizer.zero_grad()
        loss, errors = self.loss(observations, actions, rewards, next_observations, terminated, weights)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.max_grad_norm)
        self.optimizer.step()
        return loss, errors.detach()

    def loss(self, observations: Tensor, actions: Tensor, rewards: Tensor, next_observations: Tensor, terminated: Tensor,
             weights: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The mean Huber loss, weighted, and the TD errors."""
        with mg.no_grad():
            following = self.model.target(next_observations)
            if self.double:
                best = mg.argmax(self.model.online(next_observations), axis=-1)
                value = mg.take_along_axis(following, best[..., None], axis=-1)[..., 0]
            else:
                value = mg.max(following, axis=-1)
            target = rewards + (1.0 - terminated) * self.gamma * value
        chosen = mg.take_along_axis(self.model.online(observations), actions[..., None], axis=-1)[..., 0]
        return mg.mean(weights * nn.functional.smooth_l1_loss(chosen, target, reduction="none")), chosen - target
