"""SAC and TD3: actors that climb what twin critics say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn, optim
from ..tensor import Tensor
from .agent import OffPolicyAgent
from .environments import Environments
from .networks import SACNetworks, TD3Networks, polyak_update
from .replay import ReplayBuffer
from .updates import Optimizers, Update

Array = NDArray[Any]


class ContinuousAgent(OffPolicyAgent):
    """What SAC and TD3 share: a replay buffer of continuous actions, and noise added to what is explored: `action_noise`
    times normal numbers, those of following steps in an episode with correlation `noise_correlation`, which is what a discrete
    Ornstein–Uhlenbeck process is. `tau` is the share of the networks in their targets after each update.
    """

    loss_of: ClassVar[str] = "MSE"
    descent: ClassVar[str] = "the critics' descent on the first minibatch; the actor's is left out"
    discrete: ClassVar[bool | None] = False
    of_critic: optim.Optimizer

    def __init__(
        self,
        environments: Environments,
        seed: int = 0,
        compiled: bool = True,
        *,
        buffer_size: int = 50_000,
        action_noise: float = 0.0,
        noise_correlation: float = 0.0,
        tau: float = 0.005,
        **settings: Any,
    ) -> None:
        super().__init__(environments, seed, compiled, **settings)
        self.action_noise, self.noise_correlation, self.tau = action_noise, noise_correlation, tau
        self.memory = ReplayBuffer(buffer_size, (self.spaces.features,), (self.spaces.actions,))
        self._drift: Array = np.zeros((environments.count, self.spaces.actions), np.float32)

    def act(self, observations: Array) -> Array:
        """The actor's action, between -1 and 1, as it explores before noise is added."""
        raise NotImplementedError

    def explore(self, observations: Array) -> Array:
        actions = self.act(observations)
        if not self.action_noise:
            return actions
        past, new = self.noise_correlation, float(np.sqrt(1 - self.noise_correlation**2))
        self._drift = past * self._drift + new * self.noise(*actions.shape)
        return np.clip(actions + self.action_noise * self._drift, -1.0, 1.0)

    def descend_critics(self, observations: Tensor, actions: Tensor, target: Tensor) -> Tensor:
        """The critics' step towards `target`; returns their loss."""
        self.of_critic.zero_grad()
        loss = self.critic_loss(observations, actions, target)
        loss.backward()
        self.of_critic.step()
        return loss

    def critic_loss(self, observations: Tensor, actions: Tensor, target: Tensor) -> Tensor:
        """How far the critics are from `target`."""
        raise NotImplementedError

    def after_step(self, ended: Array) -> None:
        self._drift[ended] = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "drift": self._drift}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._drift = np.array(state["drift"], np.float32)


class SAC(ContinuousAgent):
    """Soft actor-critic (Haarnoja et al. 2018, https://arxiv.org/abs/1812.05905). Each update, in this order:

    1. α: - log α · mean(log π(ã|s) + H̄), H̄ = -dimensions of the action, ã drawn from the policy (unless `ent_coef` is given:
       it is α, and stays);
    2. critics: ½ Σ mean (Q_i(s, a) - y)², y = r + γ (min Q'_i(s', ã') - α log π(ã'|s'));
    3. actor: mean(α log π(ã|s) - min Q_i(s, ã));
    4. targets: θ' ← (1 - τ) θ' + τ θ.

    Names and defaults are stable-baselines3's, but for `buffer_size` (there 1,000,000) and None for a learned α (there "auto").

    >>> agent = SAC(Environments("Pendulum-v1"), learning_starts=16, batch_size=8, net_arch=(8,))
    >>> losses = [agent.iterate() for _ in range(20)]
    >>> agent.steps, agent.policy(agent.environments.observations).shape
    (20, (1, 1))
    """

    name: ClassVar[str] = "sac"
    networks: ClassVar[Callable[..., nn.Module]] = SACNetworks
    model: SACNetworks

    def __init__(
        self,
        environments: Environments,
        seed: int = 0,
        compiled: bool = True,
        *,
        learning_rate: float = 3e-4,
        ent_coef: float | None = None,
        net_arch: Sequence[int] = (256, 256),
        **settings: Any,
    ) -> None:
        super().__init__(environments, seed, compiled, **settings)
        self.ent_coef, self.target_entropy = ent_coef, -float(self.spaces.actions)
        self.model = self.make_model(hidden=[*net_arch])
        actor, model = self.model.actor, self.model
        self.of_actor, self.of_critic, self.of_alpha = (
            optim.Adam(parameters, lr=learning_rate)
            for parameters in ([*actor.parameters()], [*model.critic.parameters()], [model.log_alpha])
        )
        self.optimizer = Optimizers(self.of_actor, self.of_critic, self.of_alpha)
        self.update = Update(lambda *batch: self.descend(*batch), compiled)
        self._draw = self.program(lambda seen, noise: actor.sample(seen, noise)[0])

    def act(self, observations: Array) -> Array:
        with mg.no_grad():
            return np.asarray(self._draw(observations, self.noise(len(observations), self.spaces.actions)).data)

    def learn(self) -> float:
        return self.update(*self._minibatches())

    def first_descent(self) -> Callable[[], Tensor]:
        seen, done, rewards, reached, terminated, _, noise = (Tensor(array[0]) for array in self._minibatches())
        return lambda: self.descend_critics(seen, done, self.target(rewards, reached, terminated, noise, self.alpha()))

    def _minibatches(self) -> tuple[Array, ...]:
        shape = self.gradient_steps, self.batch_size
        noise = self.noise(2, *shape, self.spaces.actions)
        return *self.memory.sample(self.rng, shape), *noise

    def descend(self, observations: Tensor, actions: Tensor, rewards: Tensor, next_observations: Tensor, terminated: Tensor,
                noise: Tensor, next_noise: Tensor) -> Tensor:  # fmt: skip
        """One update by a minibatch; returns the critics' loss."""
        drawn, log_prob = self.model.actor.sample(observations, noise)
        alpha = self.alpha()
        if self.ent_coef is None:
            self.of_alpha.zero_grad()
            self.alpha_loss(log_prob).backward()
            self.of_alpha.step()
        target = self.target(rewards, next_observations, terminated, next_noise, alpha)
        critic_loss = self.descend_critics(observations, actions, target)
        self.of_actor.zero_grad()
        self.actor_loss(observations, drawn, log_prob, alpha).backward()
        self.of_critic.zero_grad()  # the actor's loss has no say in the critics
        self.of_actor.step()
        polyak_update(self.model.critic, self.model.target, self.tau)
        return critic_loss

    def alpha(self) -> Tensor | float:
        """The temperature, a constant to the losses."""
        return mg.exp(self.model.log_alpha.detach()) if self.ent_coef is None else self.ent_coef

    def alpha_loss(self, log_prob: Tensor) -> Tensor:
        """Of log α: it rises while the entropy is below its target."""
        return -mg.mean(self.model.log_alpha * (log_prob + self.target_entropy).detach())

    def target(
        self, rewards: Tensor, next_observations: Tensor, terminated: Tensor, noise: Tensor, alpha: Any
    ) -> Tensor:
        """y, what the critics should say."""
        with mg.no_grad():
            actions, log_prob = self.model.actor.sample(next_observations, noise)
            value = mg.minimum(*self.model.target(next_observations, actions)) - alpha * log_prob
            return rewards + (1.0 - terminated) * self.gamma * value

    def critic_loss(self, observations: Tensor, actions: Tensor, target: Tensor) -> Tensor:
        """Half the sum of the two mean squared errors."""
        first, second = self.model.critic(observations, actions)
        return 0.5 * (mg.mean((first - target) ** 2) + mg.mean((second - target) ** 2))

    def actor_loss(self, observations: Tensor, drawn: Tensor, log_prob: Tensor, alpha: Any) -> Tensor:
        """What the policy's actions lack in value and entropy."""
        return mg.mean(alpha * log_prob - mg.minimum(*self.model.critic(observations, drawn)))


class TD3(ContinuousAgent):
    """Twin delayed DDPG (Fujimoto et al. 2018, https://arxiv.org/abs/1802.09477). Each update: the critics descend on
    Σ mean (Q_i(s, a) - y)², y = r + γ min Q'_i(s', clip(π'(s') + clip(ε, ±target_noise_clip), ±1)), ε normal with standard
    deviation `target_policy_noise`; every `policy_delay`-th time the actor descends on - mean Q_1(s, π(s)), and the targets
    move on by τ. Names and defaults are stable-baselines3's, but for `buffer_size` (there 1,000,000) and `action_noise` (there
    none, here 0.1, as in the paper).

    >>> agent = TD3(Environments("Pendulum-v1"), learning_starts=16, batch_size=8, net_arch=(8,))
    >>> losses = [agent.iterate() for _ in range(20)]
    >>> agent.steps, agent.policy(agent.environments.observations).shape
    (20, (1, 1))
    """

    name: ClassVar[str] = "td3"
    networks: ClassVar[Callable[..., nn.Module]] = TD3Networks
    model: TD3Networks

    def __init__(
        self,
        environments: Environments,
        seed: int = 0,
        compiled: bool = True,
        *,
        learning_rate: float = 1e-3,
        policy_delay: int = 2,
        target_policy_noise: float = 0.2,
        target_noise_clip: float = 0.5,
        action_noise: float = 0.1,
        net_arch: Sequence[int] = (400, 300),
        **settings: Any,
    ) -> None:
        super().__init__(environments, seed, compiled, action_noise=action_noise, **settings)
        self.policy_delay, self.updates = policy_delay, 0
        self.target_policy_noise, self.target_noise_clip = target_policy_noise, target_noise_clip
        self.model = self.make_model(hidden=[*net_arch])
        self.of_actor = optim.Adam(self.model.actor.parameters(), lr=learning_rate)
        self.of_critic = optim.Adam(self.model.critic.parameters(), lr=learning_rate)
        self.optimizer = Optimizers(self.of_actor, self.of_critic)
        self.update = self.program(self.descend)
        self._choose = self.program(lambda seen: self.model.actor(seen))

    def act(self, observations: Array) -> Array:
        with mg.no_grad():
            return np.asarray(self._choose(observations).data)

    def learn(self) -> float:
        losses = []
        for _ in range(self.gradient_steps):
            self.updates += 1
            losses.append(float(self.update(self.updates % self.policy_delay == 0, *self._minibatch()).data))
        return float(np.mean(losses))

    def first_descent(self) -> Callable[[], Tensor]:
        seen, done, rewards, reached, terminated, noise = map(Tensor, self._minibatch())
        return lambda: self.descend_critics(seen, done, self.target(rewards, reached, terminated, noise))

    def _minibatch(self) -> tuple[Array, ...]:
        batch = self.memory.sample(self.rng, (self.batch_size,))
        return *batch, self.noise(self.batch_size, self.spaces.actions)

    def descend(self, delayed: bool, observations: Tensor, actions: Tensor, rewards: Tensor, next_observations: Tensor,
                terminated: Tensor, noise: Tensor) -> Tensor:  # fmt: skip
        """One update by a minibatch, `delayed` with the actor's; returns the critics' loss."""
        target = self.target(rewards, next_observations, terminated, noise)
        critic_loss = self.descend_critics(observations, actions, target)
        if delayed:
            self.of_actor.zero_grad()
            self.actor_loss(observations).backward()
            self.of_actor.step()
            polyak_update(self.model.critic, self.model.critic_target, self.tau)
            polyak_update(self.model.actor, self.model.actor_target, self.tau)
        self.of_critic.zero_grad()  # the actor's loss has no say in the critics
        return critic_loss

    def target(self, rewards: Tensor, next_observations: Tensor, terminated: Tensor, noise: Tensor) -> Tensor:
        """y, what the critics should say."""
        with mg.no_grad():
            smoothing = mg.clip(self.target_policy_noise * noise, -self.target_noise_clip, self.target_noise_clip)
            actions = mg.clip(self.model.actor_target(next_observations) + smoothing, -1.0, 1.0)
            value = mg.minimum(*self.model.critic_target(next_observations, actions))
            return rewards + (1.0 - terminated) * self.gamma * value

    def critic_loss(self, observations: Tensor, actions: Tensor, target: Tensor) -> Tensor:
        """The sum of the two mean squared errors."""
        first, second = self.model.critic(observations, actions)
        return mg.mean((first - target) ** 2) + mg.mean((second - target) ** 2)

    def actor_loss(self, observations: Tensor) -> Tensor:
        """What the first critic says against the actor."""
        return -mg.mean(self.model.critic(observations, self.model.actor(observations))[0])

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "updates": self.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.updates = int(state["updates"])
