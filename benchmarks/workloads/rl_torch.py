"""The algorithms of `microgradient.rl` in PyTorch, as they are written by hand in a single file: a peer of benchmarks/rl.py.

Every function yields (environment steps so far, returns of the episodes that ended) after each iteration.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
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
        self.envs = gym.vector.SyncVectorEnv([lambda: gym.make(name)] * count, autoreset_mode=same_step)
        self.obs, _ = self.envs.reset(seed=seed)
        self.sums, self.returns, self.count = np.zeros(count), [], count
        space = self.envs.single_action_space
        self.discrete = isinstance(space, gym.spaces.Discrete)
        self.features = int(np.prod(self.envs.single_observation_space.shape))
        self.actions = int(space.n) if self.discrete else int(np.prod(space.shape))
        self.space = space

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


def on_policy(
    algorithm, envs, total, *, learning_rate, n_steps=0, batch_size=0, n_epochs=1, gamma=0.99, gae_lambda=1.0, ent_coef=0.0,
    vf_coef=0.5, max_grad_norm=0.5, clip_range=0.2, net_arch=(64, 64),
) -> Iterator[tuple[int, list[float]]]:  # fmt: skip
    agent = Agent(envs, net_arch)
    if algorithm == "a2c":
        optimizer: Any = optim.RMSprop(agent.parameters(), lr=learning_rate, alpha=0.99, eps=1e-5)
    else:
        optimizer = optim.Adam(agent.parameters(), lr=learning_rate, eps=1e-5)
    n_steps = n_steps or envs.envs.envs[0].spec.max_episode_steps
    shape = (n_steps, envs.count)
    obs = torch.zeros((*shape, envs.features))
    actions = torch.zeros(shape if envs.discrete else (*shape, envs.actions))
    logprobs, rewards, dones, values, next_values = (torch.zeros(shape) for _ in range(5))
    steps = 0
    while steps < total:
        if algorithm == "reinforce":
            envs.obs, _ = envs.envs.reset()
            envs.sums[:] = 0.0
        for t in range(n_steps):
            steps += envs.count
            obs[t] = torch.as_tensor(envs.obs)
            with torch.no_grad():
                action, logprob, _, value = agent.get_action_and_value(obs[t])
            actions[t], logprobs[t], values[t] = action, logprob, value
            a = action.numpy()
            _, following, reward, terminated, done = envs.step(
                a if envs.discrete else np.clip(a, envs.space.low, envs.space.high)
            )
            rewards[t], dones[t] = torch.as_tensor(reward), torch.as_tensor(done)
            with torch.no_grad():
                next_values[t] = agent.get_value(torch.as_tensor(following)) * torch.as_tensor(~terminated)
        weights = torch.ones(shape)
        if algorithm == "reinforce":
            weights = dones.flip(0).cumsum(0).flip(0).clamp(max=1)
            next_values *= 1 - dones
        advantages, last = torch.zeros(shape), torch.zeros(envs.count)
        for t in reversed(range(n_steps)):
            delta = rewards[t] + gamma * next_values[t] - values[t]
            advantages[t] = last = (
                delta + gamma * (1.0 if algorithm == "reinforce" else gae_lambda) * (1 - dones[t]) * last
            )
        flat = [x.flatten(0, 1) for x in (obs, actions, logprobs, advantages, advantages + values, weights)]
        size = n_steps * envs.count
        for _ in range(n_epochs):
            order = torch.randperm(size)
            for start in range(0, size, batch_size or size):
                b_obs, b_actions, b_logprobs, b_adv, b_returns, b_w = (
                    x[order[start : start + (batch_size or size)]] for x in flat
                )
                _, new, entropy, value = agent.get_action_and_value(b_obs, b_actions)
                if algorithm == "ppo":
                    b_adv = (b_adv - b_adv.mean()) / (b_adv.std() + 1e-8)
                    ratio = (new - b_logprobs).exp()
                    pg_loss = torch.max(-b_adv * ratio, -b_adv * ratio.clamp(1 - clip_range, 1 + clip_range)).mean()
                else:
                    if algorithm == "reinforce":
                        count = b_w.sum().clamp(min=1)
                        mean = (b_adv * b_w).sum() / count
                        b_adv = (
                            (b_adv - mean)
                            / (((b_adv - mean) ** 2 * b_w).sum() / count).sqrt().add(1e-8)
                            * b_w
                            * size
                            / count
                        )
                    pg_loss = -(b_adv * new).mean()
                v_loss = (b_w * (value - b_returns) ** 2).mean()
                loss = pg_loss + vf_coef * v_loss - ent_coef * entropy.mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), max_grad_norm)
                optimizer.step()
        yield steps, envs.returns


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


def dqn(
    envs, total, *, learning_rate, buffer_size=50_000, batch_size=32, learning_starts=100, train_freq=4, gradient_steps=1,
    gamma=0.99, target_update_interval=10_000, exploration_steps=10_000, exploration_final_eps=0.05, net_arch=(64, 64),
) -> Iterator[tuple[int, list[float]]]:  # fmt: skip
    q_network, target_network = (mlp(envs.features, *net_arch, envs.actions) for _ in range(2))
    optimizer = optim.Adam(q_network.parameters(), lr=learning_rate)
    target_network.load_state_dict(q_network.state_dict())
    rb, steps = ReplayBuffer(buffer_size, envs), 0
    while steps < total:
        for _ in range(train_freq):
            epsilon = max(1 - (1 - exploration_final_eps) * steps / exploration_steps, exploration_final_eps)
            if steps < learning_starts or np.random.random() < epsilon:
                actions = np.array([envs.space.sample() for _ in range(envs.count)])
            else:
                with torch.no_grad():
                    actions = q_network(torch.as_tensor(envs.obs)).argmax(dim=1).numpy()
            obs, following, reward, terminated, _ = envs.step(actions)
            rb.add(obs, following, actions, reward, terminated)
            steps += envs.count
            if steps % target_update_interval == 0:
                target_network.load_state_dict(q_network.state_dict())
        if steps > learning_starts:
            for _ in range(gradient_steps):
                obs, next_obs, actions, rewards, dones = rb.sample(batch_size)
                with torch.no_grad():
                    td_target = rewards + gamma * target_network(next_obs).max(dim=1)[0] * (1 - dones)
                old_val = q_network(obs).gather(1, actions).squeeze(1)
                loss = nn.functional.smooth_l1_loss(old_val, td_target)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(q_network.parameters(), 10.0)
                optimizer.step()
        yield steps, envs.returns


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

    def add(self, actions, done):
        c = self.correlation
        self.state = c * self.state + math.sqrt(1 - c * c) * np.random.normal(size=self.state.shape)
        return np.clip(actions + self.scale * self.state, -1, 1).astype(np.float32)


def actor_critic(
    algorithm, envs, total, *, learning_rate, buffer_size=50_000, batch_size=256, learning_starts=100, train_freq=1,
    gradient_steps=1, gamma=0.99, tau=0.005, ent_coef=0.0, action_noise=0.0, noise_correlation=0.0, policy_delay=2,
    target_policy_noise=0.2, target_noise_clip=0.5, net_arch=(256, 256),
) -> Iterator[tuple[int, list[float]]]:  # fmt: skip
    sac = algorithm == "sac"

    def make_actor():
        return Actor(envs, net_arch) if sac else nn.Sequential(*mlp(envs.features, *net_arch, envs.actions), nn.Tanh())

    actor, target_actor = make_actor(), make_actor()
    qf1, qf2, qf1_target, qf2_target = (SoftQNetwork(envs, net_arch) for _ in range(4))
    pairs = [(qf1, qf1_target), (qf2, qf2_target), *([] if sac else [(actor, target_actor)])]
    for source, target in pairs:
        target.load_state_dict(source.state_dict())
    q_optimizer = optim.Adam([*qf1.parameters(), *qf2.parameters()], lr=learning_rate)
    actor_optimizer = optim.Adam(actor.parameters(), lr=learning_rate)
    log_alpha = torch.zeros(1, requires_grad=True)
    a_optimizer = optim.Adam([log_alpha], lr=learning_rate)
    rb, noise = ReplayBuffer(buffer_size, envs), Noise(action_noise, noise_correlation, (envs.count, envs.actions))
    scale, bias = (envs.space.high - envs.space.low) / 2, (envs.space.high + envs.space.low) / 2
    steps, updates = 0, 0
    while steps < total:
        for _ in range(train_freq):
            if steps < learning_starts:
                actions = np.random.uniform(-1, 1, (envs.count, envs.actions)).astype(np.float32)
            else:
                with torch.no_grad():
                    x = torch.as_tensor(envs.obs)
                    actions = (actor.get_action(x)[0] if sac else actor(x)).numpy()
                actions = noise.add(actions, None) if action_noise else actions
            obs, following, reward, terminated, done = envs.step(actions * scale + bias)
            noise.state[done] = 0.0
            rb.add(obs, following, actions, reward, terminated)
            steps += envs.count
        if steps > learning_starts:
            for _ in range(gradient_steps):
                updates += 1
                obs, next_obs, actions, rewards, dones = rb.sample(batch_size)
                alpha = ent_coef or log_alpha.exp().item()
                with torch.no_grad():
                    if sac:
                        next_actions, next_log_pi = actor.get_action(next_obs)
                    else:
                        clipped = (torch.randn_like(actions) * target_policy_noise).clamp(
                            -target_noise_clip, target_noise_clip
                        )
                        next_actions, next_log_pi = (target_actor(next_obs) + clipped).clamp(-1, 1), 0.0
                    smaller = torch.min(qf1_target(next_obs, next_actions), qf2_target(next_obs, next_actions))
                    next_q = rewards + (1 - dones) * gamma * (smaller - alpha * next_log_pi if sac else smaller)
                qf_loss = nn.functional.mse_loss(qf1(obs, actions), next_q) + nn.functional.mse_loss(
                    qf2(obs, actions), next_q
                )
                q_optimizer.zero_grad()
                qf_loss.backward()
                q_optimizer.step()
                if not sac and updates % policy_delay:
                    continue
                if sac:
                    pi, log_pi = actor.get_action(obs)
                    actor_loss = (alpha * log_pi - torch.min(qf1(obs, pi), qf2(obs, pi))).mean()
                else:
                    actor_loss = -qf1(obs, actor(obs)).mean()
                actor_optimizer.zero_grad()
                actor_loss.backward()
                actor_optimizer.step()
                if sac and not ent_coef:
                    alpha_loss = -(log_alpha.exp() * (log_pi.detach() - envs.actions)).mean()
                    a_optimizer.zero_grad()
                    alpha_loss.backward()
                    a_optimizer.step()
                for source, target in pairs:
                    for p, q in zip(source.parameters(), target.parameters(), strict=True):
                        q.data.copy_(tau * p.data + (1 - tau) * q.data)
        yield steps, envs.returns


def train(
    algorithm: str, name: str, total: int, seed: int, settings: dict[str, Any]
) -> Iterator[tuple[int, list[float]]]:
    """The algorithm at work."""
    np.random.seed(seed)
    torch.manual_seed(seed)
    envs = Envs(name, settings.pop("n_envs"), seed)
    if algorithm == "dqn":
        return dqn(envs, total, **settings)
    if algorithm in ("sac", "td3"):
        return actor_critic(algorithm, envs, total, **settings)
    return on_policy(algorithm, envs, total, **settings)
