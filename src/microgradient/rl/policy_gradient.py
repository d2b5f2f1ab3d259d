"""REINFORCE, A2C and PPO: gradients of the policy from rollouts of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn, optim
from ..tensor import Tensor
from .agent import Agent
from .environments import Environments
from .networks import ActorCritic
from .rollout import Rollout, gae, roll
from .updates import Update

Array = NDArray[Any]


class A2C(Agent):
    """Advantage actor-critic (Mnih et al. 2016, https://arxiv.org/abs/1602.01783, synchronously): after each `n_steps`
    steps one update by the gradient of

        - mean Â log π(a|s) + vf_coef · mean (R - V(s))² - ent_coef · H(π),   R = Â + V(s),

    with generalised advantage estimates Â. Names and defaults are stable-baselines3's.

    >>> agent = A2C(Environments("CartPole-v1", count=2))
    >>> loss = agent.iterate()
    >>> agent.steps, agent.policy(agent.environments.observations).shape
    (10, (2,))
    """

    name: ClassVar[str] = "a2c"
    loss_of: ClassVar[str] = "surrogate"
    networks: ClassVar[Callable[..., nn.Module]] = ActorCritic
    model: ActorCritic

    def __init__(
        self,
        environments: Environments,
        seed: int = 0,
        compiled: bool = True,
        *,
        learning_rate: float = 7e-4,
        n_steps: int = 5,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        ent_coef: float = 0.0,
        vf_coef: float = 0.5,
        max_grad_norm: float = 0.5,
        net_arch: Sequence[int] = (64, 64),
    ) -> None:
        super().__init__(environments, seed, compiled)
        self.n_steps, self.gamma, self.gae_lambda = n_steps, gamma, gae_lambda
        self.ent_coef, self.vf_coef, self.max_grad_norm = ent_coef, vf_coef, max_grad_norm
        self.model = model = self.make_model(hidden=[*net_arch])
        self.parameters = [*model.parameters()]
        self.optimizer = self.make_optimizer(learning_rate)
        self.update = Update(self.descend, compiled)
        self._draw = self.program(lambda seen, noise: model.sample(model.policy(seen), noise))

        def look(seen: Tensor, reached: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            said, values = model(seen)
            return values, model(reached)[1], model.log_prob(said, actions)

        self._look = self.program(look)

    @property
    def steps_per_iteration(self) -> int:
        return self.n_steps * self.environments.count

    def make_optimizer(self, learning_rate: float) -> Any:
        """RMSprop over all parameters."""
        return optim.RMSprop(self.parameters, lr=learning_rate, alpha=0.99, eps=1e-5)

    def iterate(self) -> float:
        return self.learn(*self.experience())

    def next_descent(self) -> tuple[Callable[[], Tensor], int]:
        found = self.minibatches(*self.experience())
        first = [Tensor(array[0]) for array in found]
        return lambda: self.descend(*first), len(found[0])

    def experience(self) -> tuple[Array, ...]:
        """Act for `n_steps` steps; what there is to learn from them, as arrays (steps, environments, …)."""
        with mg.no_grad():
            rollout = self.rollout()
            values, next_values, log_probs = (
                x.data for x in self._look(rollout.observations, rollout.next_observations, rollout.actions)
            )
        return rollout.observations, rollout.actions, log_probs, *self.targets(rollout, values, next_values)

    def rollout(self) -> Rollout:
        """What the policy does, and meets, in `n_steps` steps."""
        around = self.environments
        self.steps += self.steps_per_iteration
        limits = None if self.spaces.discrete else (np.array(self.spaces.low), np.array(self.spaces.high))
        return roll(around, self.draw, self.n_steps, limits)

    def draw(self, observations: Array) -> Array:
        """Actions drawn from the policy."""
        shape = (len(observations), self.spaces.actions)
        noise = self.rng.gumbel(size=shape) if self.spaces.discrete else self.rng.standard_normal(shape)
        return self._draw(observations, noise.astype(np.float32)).data

    def targets(self, rollout: Rollout, values: Array, next_values: Array) -> tuple[Array, Array]:
        """By how much each action was better than expected, and what the value should have been."""
        advantages = gae(rollout, values, next_values, self.gamma, self.gae_lambda)
        return advantages, advantages + values

    def learn(self, *steps: Array) -> float:
        """Descend on arrays (steps, environments, …)."""
        return self.update(*self.minibatches(*steps))

    def minibatches(self, *steps: Array) -> tuple[Array, ...]:
        """Arrays (steps, environments, …) as (minibatches, size of one, …)."""
        return tuple(x.reshape(1, -1, *x.shape[2:]) for x in steps)

    def descend(
        self, observations: Tensor, actions: Tensor, old: Tensor, advantages: Tensor, returns: Tensor
    ) -> Tensor:
        """One update by a minibatch; returns the loss. `old` is the log-probability at the time of the action."""
        self.optimizer.zero_grad()
        loss = self.loss(observations, actions, old, advantages, returns)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.max_grad_norm)
        self.optimizer.step()
        return loss

    def loss(self, observations: Tensor, actions: Tensor, old: Tensor, advantages: Tensor, returns: Tensor) -> Tensor:
        """Of policy, value and entropy."""
        said, values = self.model(observations)
        policy_loss = self.policy_loss(self.model.log_prob(said, actions), old, advantages)
        value_loss = mg.mean((returns - values) ** 2)
        return policy_loss + self.vf_coef * value_loss - self.ent_coef * self.model.entropy(said)

    def policy_loss(self, new: Tensor, old: Tensor, advantages: Tensor) -> Tensor:
        """Of log-probabilities `new`, the policy's, and `old`."""
        return -mg.mean(advantages * new)


class PPO(A2C):
    """Proximal policy optimisation (Schulman et al. 2017, https://arxiv.org/abs/1707.06347): `n_epochs` passes over a
    rollout in minibatches, with the loss - mean min(ρÂ, clip(ρ, 1 - ε, 1 + ε)Â) in place of A2C's first term,
    ρ = π(a|s)/π_old(a|s), ε = clip_range. Â is normalised within each minibatch, unless that is a single step; what doesn't
    fill a minibatch is left out, another part in each epoch. Names and defaults are stable-baselines3's.

    >>> agent = PPO(Environments("Pendulum-v1", count=2), n_steps=16, batch_size=8, n_epochs=2)
    >>> loss = agent.iterate()
    >>> agent.steps, agent.policy(agent.environments.observations).shape
    (32, (2, 1))
    """

    name: ClassVar[str] = "ppo"

    def __init__(
        self,
        environments: Environments,
        seed: int = 0,
        compiled: bool = True,
        *,
        learning_rate: float = 3e-4,
        n_steps: int = 2048,
        batch_size: int = 64,
        n_epochs: int = 10,
        gae_lambda: float = 0.95,
        clip_range: float = 0.2,
        **settings: Any,
    ) -> None:
        self.batch_size, self.n_epochs, self.clip_range = batch_size, n_epochs, clip_range
        super().__init__(environments, seed, compiled, learning_rate=learning_rate, n_steps=n_steps, gae_lambda=gae_lambda,
                         **settings)  # fmt: skip

    def make_optimizer(self, learning_rate: float) -> Any:
        """Adam over all parameters."""
        return optim.Adam(self.parameters, lr=learning_rate, eps=1e-5)

    def minibatches(self, *steps: Array) -> tuple[Array, ...]:
        size = steps[0].shape[0] * steps[0].shape[1]
        whole = size - size % min(self.batch_size, size)  # what is left over is another part in each epoch
        orders = np.stack([self.rng.permutation(size)[:whole] for _ in range(self.n_epochs)])
        rows = orders.reshape(-1, min(self.batch_size, size))
        return tuple(x.reshape(size, *x.shape[2:])[rows] for x in steps)

    def policy_loss(self, new: Tensor, old: Tensor, advantages: Tensor) -> Tensor:
        if advantages.shape[0] > 1:  # of one number there is no deviation
            advantages = (advantages - mg.mean(advantages)) / (mg.std(advantages, correction=1) + 1e-8)
        ratio = mg.exp(new - old)
        clipped = mg.clip(ratio, 1 - self.clip_range, 1 + self.clip_range)
        return -mg.mean(mg.minimum(advantages * ratio, advantages * clipped))


class Reinforce(A2C):
    """REINFORCE with a baseline (Williams 1992, https://doi.org/10.1007/BF00992696): after whole episodes one update by the
    gradient of - mean Â log π(a|s), Â = Σ γ^k r_{t+k} - V(s_t), normalised. The time limit counts as the end.

    All environments begin together and run for `n_steps` steps, by default the time limit; what is unfinished then has no
    say but in the entropy, if `ent_coef` is not 0.

    >>> agent = Reinforce(Environments("CartPole-v1", count=2), n_steps=40)
    >>> loss = agent.iterate()
    >>> agent.steps
    80
    """

    name: ClassVar[str] = "reinforce"

    def __init__(self, environments: Environments, seed: int = 0, compiled: bool = True, *, learning_rate: float = 1e-2,
                 n_steps: int = 0, **settings: Any) -> None:  # fmt: skip
        if not n_steps:
            environments.check_limit()
        super().__init__(environments, seed, compiled, learning_rate=learning_rate, n_steps=n_steps or environments.longest,
                         **settings)  # fmt: skip

    def make_optimizer(self, learning_rate: float) -> Any:
        """Adam over all parameters."""
        return optim.Adam(self.parameters, lr=learning_rate)

    def rollout(self) -> Rollout:
        self.environments.restart()
        return super().rollout()

    def targets(self, rollout: Rollout, values: Array, next_values: Array) -> tuple[Array, Array]:
        finished = np.logical_or.accumulate(rollout.ended[::-1])[::-1]
        errors = gae(rollout, values, np.where(rollout.ended, 0.0, next_values), self.gamma, 1.0)
        count, found = max(int(finished.sum()), 1), errors[finished]
        normal = (errors - found.mean()) / (found.std() + 1e-8) if found.size > 1 else errors
        # the means are over all steps: those that count make up for those that don't
        advantages = np.where(finished, normal * (finished.size / count), 0.0).astype(np.float32)
        return advantages, np.where(finished, values + errors, values).astype(np.float32)
