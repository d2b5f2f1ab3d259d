"""The algorithms of `microgradient.rl` in PyTorch, as they are written by hand in a single file: a peer of benchmarks/rl.py.

`train` makes all and yields (environment steps so far, returns of the episodes that ended) after each iteration.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn, optim
from torch.distributions import Categorical, Normal


class Envs:
    """gymnasium's vector environments, and the returns of their episodes."""

    def __init__(self, name: str, count: int, seed: int) -> None:
        same_step = gym.vector.AutoresetMode.SAME_STEP
        self.envs = gym.vector.SyncVectorEnv(
            [lambda: gym.make(name, disable_env_checker=True)] * count, autoreset_mode=same_step
        )
        self.obs, _ = self.envs.reset(seed=seed)
        self.sums, self.returns, self.count = np.zeros(count), [], count
        space = self.envs.single_action_space
        self.discrete = isinstance(space, gym.spaces.Discrete)
        self.features = int(np.prod(self.envs.single_observation_space.shape))
        self.actions = int(space.n) if self.discrete else int(np.prod(space.shape))
        self.space = space
        self.space.seed(seed)

    def step(self, actions):
        obs, reward, terminated, truncated, infos = self.envs.step(actions)
        self.sums += reward
        done = terminated | truncated
        following = obs
        if done.any():
            following = obs.copy()
            for i in np.flatnonzero(done):
                following[i] = infos["final_obs"][i]
                self.returns.append(self.sums[i])
                self.sums[i] = 0.0
        before, self.obs = self.obs, obs
        return before, following, reward, terminated, done


def mlp(*sizes: int, activation: Any = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers[:-1])


def layer_init(network: nn.Sequential, std: float) -> nn.Sequential:
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    for layer in linear:
        torch.nn.init.orthogonal_(layer.weight, std if layer is linear[-1] else math.sqrt(2))
        torch.nn.init.constant_(layer.bias, 0.0)
    return network


class Agent(nn.Module):
    def __init__(self, envs: Envs, hidden) -> None:
        super().__init__()
        self.critic = layer_init(mlp(envs.features, *hidden, 1, activation=nn.Tanh), 1.0)
        self.actor = layer_init(mlp(envs.features, *hidden, envs.actions, activation=nn.Tanh), 0.01)
        self.discrete = envs.discrete
        if not envs.discrete:
            self.logstd = nn.Parameter(torch.zeros(envs.actions))

    def get_value(self, x):
        return self.critic(x)[:, 0]

    def get_action_and_value(self, x, action=None):
        out = self.actor(x)
        if self.discrete:
            dist = Categorical(logits=out)
            action = dist.sample() if action is None else action
            return action, dist.log_prob(action), dist.entropy(), self.get_value(x)
        dist = Normal(out, self.logstd.exp().expand_as(out))
        action = dist.sample() if action is None else action
        return action, dist.log_prob(action).sum(1), dist.entropy().sum(1), self.get_value(x)


@dataclass(kw_only=True)
class OnPolicy:
    """REINFORCE, A2C and PPO."""

    algorithm: str
    envs: Envs
    learning_rate: float
    n_steps: int = 0
    batch_size: int = 0
    n_epochs: int = 1
    gamma: float = 0.99
    gae_lambda: float = 1.0
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    clip_range: float = 0.2
    net_arch: Sequence[int] = (64, 64)
    steps: int = 0

    def __post_init__(self) -> None:
        envs, self.agent = self.envs, Agent(self.envs, self.net_arch)
        if self.algorithm == "a2c":
            self.optimizer: Any = optim.RMSprop(self.agent.parameters(), lr=self.learning_rate, alpha=0.99, eps=1e-5)
        else:
            self.optimizer = optim.Adam(self.agent.parameters(), lr=self.learning_rate, eps=1e-5)
        self.n_steps = self.n_steps or envs.envs.envs[0].spec.max_episode_steps
        self.shape = shape = (self.n_steps, envs.count)
        self.obs, self.next_obs = torch.zeros((2, *shape, envs.features))
        self.actions = torch.zeros(shape if envs.discrete else (*shape, envs.actions))
        self.logprobs, self.rewards, self.terminated, self.dones, self.values = torch.zeros((5, *shape))

    def iterate(self) -> None:
        """A rollout, and what is learnt from it."""
        if self.algorithm == "reinforce":
            self.envs.obs, _ = self.envs.envs.reset()
            self.envs.sums[:] = 0.0
        for t in range(self.n_steps):
            self.act(t)
        advantages, weights = self.advantages()
        parts = (self.obs, self.actions, self.logprobs, advantages, advantages + self.values, weights)
        flat = [x.flatten(0, 1) for x in parts]
        size = len(flat[0])
        for _ in range(self.n_epochs):
            order = torch.randperm(size)
            for start in range(0, size, self.batch_size or size):
                self.descend(*(x[order[start : start + (self.batch_size or size)]] for x in flat))

    def act(self, t: int) -> None:
        """Step t of a rollout."""
        envs = self.envs
        self.steps += envs.count
        self.obs[t] = torch.as_tensor(envs.obs)
        with torch.no_grad():
            action, self.logprobs[t], _, self.values[t] = self.agent.get_action_and_value(self.obs[t])
        self.actions[t], a = action, action.numpy()
        a = a if envs.discrete else np.clip(a, envs.space.low, envs.space.high)
        _, following, reward, terminated, done = envs.step(a)
        self.next_obs[t], self.rewards[t] = torch.as_tensor(following), torch.as_tensor(reward)
        self.terminated[t], self.dones[t] = torch.as_tensor(terminated), torch.as_tensor(done)

    def advantages(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Generalised advantage estimates, and which steps count. The values of what was reached are of one batch."""
        weights, reinforce = torch.ones(self.shape), self.algorithm == "reinforce"
        with torch.no_grad():
            next_values = self.agent.get_value(self.next_obs.flatten(0, 1)).view(self.shape) * (1 - self.terminated)
        if reinforce:
            weights = self.dones.flip(0).cumsum(0).flip(0).clamp(max=1)
            next_values *= 1 - self.dones
        advantages, last = torch.zeros(self.shape), torch.zeros(self.envs.count)
        decay = self.gamma * (1.0 if reinforce else self.gae_lambda) * (1 - self.dones)
        deltas = self.rewards + self.gamma * next_values - self.values
        for t in reversed(range(self.n_steps)):
            advantages[t] = last = deltas[t] + decay[t] * last
        return advantages, weights

    def descend(self, obs, actions, logprobs, advantages, returns, weights) -> None:
        """One update by a minibatch."""
        _, new, entropy, value = self.agent.get_action_and_value(obs, actions)
        if self.algorithm == "ppo":
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
            ratio = (new - logprobs).exp()
            clipped = ratio.clamp(1 - self.clip_range, 1 + self.clip_range)
            pg_loss = torch.max(-advantages * ratio, -advantages * clipped).mean()
        else:
            if self.algorithm == "reinforce":
                count = weights.sum().clamp(min=1)
                advantages = advantages - (advantages * weights).sum() / count
                std = ((advantages**2 * weights).sum() / count).sqrt()
                advantages = advantages / (std + 1e-8) * weights * len(weights) / count
            pg_loss = -(advantages * new).mean()
        v_loss = (weights * (value - returns) ** 2).mean()
        loss = pg_loss + self.vf_coef * v_loss - self.ent_coef * entropy.mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.agent.parameters(), self.max_grad_norm)
        self.optimizer.step()


class ReplayBuffer:
    def __init__(self, size, envs: Envs) -> None:
        self.size, self.pos, self.filled = size, 0, 0
        self.obs, self.next_obs = np.zeros((2, size, envs.features), np.float32)
        self.actions = np.zeros((size, 1), np.int64) if envs.discrete else np.zeros((size, envs.actions), np.float32)
        self.rewards, self.dones = np.zeros((2, size), np.float32)

    def add(self, obs, next_obs, action, reward, done):
        for i in range(len(obs)):
            at = self.pos
            self.obs[at], self.next_obs[at], self.actions[at] = obs[i], next_obs[i], action[i]
            self.rewards[at], self.dones[at] = reward[i], done[i]
            self.pos = (at + 1) % self.size
            self.filled = min(self.filled + 1, self.size)

    def sample(self, n):
        i = np.random.randint(0, self.filled, n)
        return [torch.as_tensor(x[i]) for x in (self.obs, self.next_obs, self.actions, self.rewards, self.dones)]


@dataclass(kw_only=True)
class DQN:
    """Deep Q-learning."""

    envs: Envs
    learning_rate: float
    buffer_size: int = 50_000
    batch_size: int = 32
    learning_starts: int = 100
    train_freq: int = 4
    gradient_steps: int = 1
    gamma: float = 0.99
    target_update_interval: int = 10_000
    exploration_steps: int = 10_000
    exploration_final_eps: float = 0.05
    net_arch: Sequence[int] = (64, 64)
    steps: int = 0

    def __post_init__(self) -> None:
        envs = self.envs
        self.q_network, self.target_network = (mlp(envs.features, *self.net_arch, envs.actions) for _ in range(2))
        self.optimizer = optim.Adam(self.q_network.parameters(), lr=self.learning_rate)
        self.target_network.load_state_dict(self.q_network.state_dict())
        self.rb = ReplayBuffer(self.buffer_size, envs)

    def iterate(self) -> None:
        """`train_freq` steps, then `gradient_steps` minibatches."""
        for _ in range(self.train_freq):
            self.act()
        if self.steps > self.learning_starts:
            for _ in range(self.gradient_steps):
                self.descend(*self.rb.sample(self.batch_size))

    def act(self) -> None:
        """A step in the environments."""
        envs, last = self.envs, self.exploration_final_eps
        epsilon = max(1 - (1 - last) * self.steps / self.exploration_steps, last)
        if self.steps < self.learning_starts or np.random.random() < epsilon:
            actions = np.array([envs.space.sample() for _ in range(envs.count)])
        else:
            with torch.no_grad():
                actions = self.q_network(torch.as_tensor(envs.obs)).argmax(dim=1).numpy()
        obs, following, reward, terminated, _ = envs.step(actions)
        self.rb.add(obs, following, actions, reward, terminated)
        self.steps += envs.count
        if self.steps % self.target_update_interval == 0:
            self.target_network.load_state_dict(self.q_network.state_dict())

    def descend(self, obs, next_obs, actions, rewards, dones) -> None:
        """One update by a minibatch."""
        with torch.no_grad():
            td_target = rewards + self.gamma * self.target_network(next_obs).max(dim=1)[0] * (1 - dones)
        old_val = self.q_network(obs).gather(1, actions).squeeze(1)
        loss = nn.functional.smooth_l1_loss(old_val, td_target)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.q_network.parameters(), 10.0)
        self.optimizer.step()


class SoftQNetwork(nn.Module):
    def __init__(self, envs: Envs, hidden) -> None:
        super().__init__()
        self.net = mlp(envs.features + envs.actions, *hidden, 1)

    def forward(self, x, a):
        return self.net(torch.cat([x, a], 1)).squeeze(1)


class Actor(nn.Module):
    def __init__(self, envs: Envs, hidden) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*mlp(envs.features, *hidden), nn.ReLU())
        self.fc_mean, self.fc_logstd = nn.Linear(hidden[-1], envs.actions), nn.Linear(hidden[-1], envs.actions)

    def get_action(self, x):
        h = self.trunk(x)
        dist = Normal(self.fc_mean(h), self.fc_logstd(h).clamp(-20, 2).exp())
        u = dist.rsample()
        a = torch.tanh(u)
        return a, (dist.log_prob(u) - torch.log(1 - a.pow(2) + 1e-6)).sum(1)


class Noise:
    """Correlated noise, an action's."""

    def __init__(self, scale, correlation, shape) -> None:
        self.scale, self.correlation, self.state = scale, correlation, np.zeros(shape)

    def add(self, actions):
        c = self.correlation
        self.state = c * self.state + math.sqrt(1 - c * c) * np.random.normal(size=self.state.shape)
        return np.clip(actions + self.scale * self.state, -1, 1).astype(np.float32)


@dataclass(kw_only=True)
class ActorCritic:
    """What SAC and TD3 share."""

    envs: Envs
    learning_rate: float
    buffer_size: int = 50_000
    batch_size: int = 256
    learning_starts: int = 100
    train_freq: int = 1
    gradient_steps: int = 1
    gamma: float = 0.99
    tau: float = 0.005
    action_noise: float = 0.0
    noise_correlation: float = 0.0
    net_arch: Sequence[int] = (256, 256)
    steps: int = 0
    updates: int = 0

    def __post_init__(self) -> None:
        envs = self.envs
        self.qf1, self.qf2, self.qf1_target, self.qf2_target = (SoftQNetwork(envs, self.net_arch) for _ in range(4))
        self.pairs = [(self.qf1, self.qf1_target), (self.qf2, self.qf2_target)]
        self.make_actor()
        for source, target in self.pairs:
            target.load_state_dict(source.state_dict())
        self.q_optimizer = optim.Adam([*self.qf1.parameters(), *self.qf2.parameters()], lr=self.learning_rate)
        self.actor_optimizer = optim.Adam(self.actor.parameters(), lr=self.learning_rate)
        self.rb = ReplayBuffer(self.buffer_size, envs)
        self.noise = Noise(self.action_noise, self.noise_correlation, (envs.count, envs.actions))
        self.scale, self.bias = (envs.space.high - envs.space.low) / 2, (envs.space.high + envs.space.low) / 2

    def iterate(self) -> None:
        """`train_freq` steps, then `gradient_steps` minibatches."""
        for _ in range(self.train_freq):
            self.act()
        if self.steps > self.learning_starts:
            for _ in range(self.gradient_steps):
                self.updates += 1
                self.descend(*self.rb.sample(self.batch_size))

    def act(self) -> None:
        """A step in the environments."""
        envs = self.envs
        if self.steps < self.learning_starts:
            actions = np.random.uniform(-1, 1, (envs.count, envs.actions)).astype(np.float32)
        else:
            with torch.no_grad():
                actions = self.choose(torch.as_tensor(envs.obs)).numpy()
            actions = self.noise.add(actions) if self.action_noise else actions
        obs, following, reward, terminated, done = envs.step(actions * self.scale + self.bias)
        self.noise.state[done] = 0.0
        self.rb.add(obs, following, actions, reward, terminated)
        self.steps += envs.count

    def descend_critics(self, obs, actions, target) -> None:
        """One update of both critics."""
        first, second = self.qf1(obs, actions), self.qf2(obs, actions)
        qf_loss = nn.functional.mse_loss(first, target) + nn.functional.mse_loss(second, target)
        self.q_optimizer.zero_grad()
        qf_loss.backward()
        self.q_optimizer.step()

    def descend_actor(self, actor_loss) -> None:
        """One update of the actor."""
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

    def move_targets(self) -> None:
        """Towards their networks."""
        for source, target in self.pairs:
            for p, q in zip(source.parameters(), target.parameters(), strict=True):
                q.data.copy_(self.tau * p.data + (1 - self.tau) * q.data)


@dataclass(kw_only=True)
class SAC(ActorCritic):
    """Soft actor-critic; `ent_coef` None is learned."""

    ent_coef: float | None = None

    def make_actor(self) -> None:
        self.actor = Actor(self.envs, self.net_arch)
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.a_optimizer = optim.Adam([self.log_alpha], lr=self.learning_rate)

    def choose(self, obs):
        return self.actor.get_action(obs)[0]

    def descend(self, obs, next_obs, actions, rewards, dones) -> None:
        alpha = self.log_alpha.exp().item() if self.ent_coef is None else self.ent_coef
        with torch.no_grad():
            next_actions, next_log_pi = self.actor.get_action(next_obs)
            smaller = torch.min(self.qf1_target(next_obs, next_actions), self.qf2_target(next_obs, next_actions))
            target = rewards + (1 - dones) * self.gamma * (smaller - alpha * next_log_pi)
        self.descend_critics(obs, actions, target)
        pi, log_pi = self.actor.get_action(obs)
        self.descend_actor((alpha * log_pi - torch.min(self.qf1(obs, pi), self.qf2(obs, pi))).mean())
        if self.ent_coef is None:
            alpha_loss = -(self.log_alpha.exp() * (log_pi.detach() - self.envs.actions)).mean()
            self.a_optimizer.zero_grad()
            alpha_loss.backward()
            self.a_optimizer.step()
        self.move_targets()


@dataclass(kw_only=True)
class TD3(ActorCritic):
    """Twin delayed DDPG."""

    policy_delay: int = 2
    target_policy_noise: float = 0.2
    target_noise_clip: float = 0.5

    def make_actor(self) -> None:
        sizes = self.envs.features, *self.net_arch, self.envs.actions
        self.actor, self.target_actor = (nn.Sequential(*mlp(*sizes), nn.Tanh()) for _ in range(2))
        self.pairs.append((self.actor, self.target_actor))

    def choose(self, obs):
        return self.actor(obs)

    def descend(self, obs, next_obs, actions, rewards, dones) -> None:
        with torch.no_grad():
            noise = torch.randn_like(actions) * self.target_policy_noise
            noise = noise.clamp(-self.target_noise_clip, self.target_noise_clip)
            next_actions = (self.target_actor(next_obs) + noise).clamp(-1, 1)
            smaller = torch.min(self.qf1_target(next_obs, next_actions), self.qf2_target(next_obs, next_actions))
            target = rewards + (1 - dones) * self.gamma * smaller
        self.descend_critics(obs, actions, target)
        if self.updates % self.policy_delay == 0:
            self.descend_actor(-self.qf1(obs, self.actor(obs)).mean())
            self.move_targets()


def train(
    algorithm: str, name: str, total: int, seed: int, settings: dict[str, Any]
) -> Iterator[tuple[int, list[float]]]:
    """The algorithm at work: environments and networks are made at once, all else when it is asked for."""
    np.random.seed(seed)
    torch.manual_seed(seed)
    envs = Envs(name, settings.pop("n_envs"), seed)
    kind = {"dqn": DQN, "sac": SAC, "td3": TD3}.get(algorithm)
    learner = kind(envs=envs, **settings) if kind else OnPolicy(algorithm=algorithm, envs=envs, **settings)

    def iterations() -> Iterator[tuple[int, list[float]]]:
        while learner.steps < total:
            learner.iterate()
            yield learner.steps, envs.returns

    return iterations()
