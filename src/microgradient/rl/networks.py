"""The networks of reinforcement learning: values, policies, critics."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import microgradient as mg

from .. import nn
from ..tensor import Tensor
from .environments import Spaces

LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def mlp(
    sizes: Sequence[int], activation: type[nn.Module] = nn.ReLU, last: type[nn.Module] | None = None
) -> nn.Sequential:
    """Linear layers of these sizes with activations between them, and after the last if `last` is given.

    >>> [type(layer).__name__ for layer in mlp((4, 8, 2))]
    ['Linear', 'ReLU', 'Linear']
    """
    layers: list[nn.Module] = []
    for into, out in itertools.pairwise(sizes):
        layers += [nn.Linear(into, out), activation()]
    return nn.Sequential(*layers[:-1], *([last()] if last else []))


class QNetwork(nn.Module):
    """Observations (…, features) to the value of each action (…, actions). `dueling`: a state's value V and advantages A
    from a trunk in common, Q = V + A - mean A (Wang et al. 2016, https://arxiv.org/abs/1511.06581).
    """

    def __init__(self, features: int, actions: int, hidden: Sequence[int], dueling: bool = False) -> None:
        super().__init__()
        self.dueling = dueling
        if dueling:
            self.trunk = mlp((features, *hidden), last=nn.ReLU)
            self.value, self.advantage = nn.Linear(hidden[-1], 1), nn.Linear(hidden[-1], actions)
        else:
            self.trunk = mlp((features, *hidden, actions))

    def forward(self, observations: Tensor) -> Tensor:
        h = self.trunk(observations)
        if not self.dueling:
            return h
        advantage = self.advantage(h)
        return self.value(h) + advantage - mg.mean(advantage, axis=-1, keepdims=True)


class ActorCritic(nn.Module):
    """A policy and a value function, two networks. The policy is categorical where actions are discrete, and else normal
    with a standard deviation that does not depend on the state. Weights are orthogonal, the policy's last ones small, as
    PPO's are by custom.
    """

    def __init__(self, spaces: Spaces, hidden: Sequence[int]) -> None:
        super().__init__()
        self.spaces = spaces
        self.policy = mlp((spaces.features, *hidden, spaces.actions), nn.Tanh)
        self.value = mlp((spaces.features, *hidden, 1), nn.Tanh)
        self.log_std = None if spaces.discrete else nn.Parameter(mg.zeros(spaces.actions))
        for network, gain in ((self.policy, 0.01), (self.value, 1.0)):
            layers = [layer for layer in network if isinstance(layer, nn.Linear)]
            for layer in layers:
                nn.init.orthogonal_(layer.weight, gain if layer is layers[-1] else math.sqrt(2))
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """What the policy says (logits, or means), and the value (…)."""
        return self.policy(observations), self.value(observations)[..., 0]

    def act(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely actions, as the environment takes them, and the states' values."""
        said, values = self(observations)
        actions = self.sample(said, 0.0)
        if not self.spaces.discrete:
            actions = mg.clip(actions, np.array(self.spaces.low, np.float32), np.array(self.spaces.high, np.float32))
        return actions, values

    def sample(self, said: Tensor, noise: Any) -> Tensor:
        """Actions drawn from a policy that said this. `noise` has its shape: Gumbel for discrete actions (the largest of
        logits + noise is a draw from the softmax), else standard normal.
        """
        return mg.argmax(said + noise, axis=-1) if self.log_std is None else said + mg.exp(self.log_std) * noise

    def log_prob(self, said: Tensor, actions: Tensor) -> Tensor:
        """The logarithm of the actions' probability, or density."""
        if self.log_std is None:
            logs = nn.functional.log_softmax(said, -1)
            return mg.take_along_axis(logs, actions[..., None], axis=-1)[..., 0]
        z = (actions - said) / mg.exp(self.log_std)
        return mg.sum(-0.5 * z * z - self.log_std - _HALF_LOG_2PI, axis=-1)

    def entropy(self, said: Tensor) -> Tensor:
        """The policy's entropy, mean over the batch, in nats."""
        if self.log_std is None:
            logs = nn.functional.log_softmax(said, -1)
            return -mg.mean(mg.sum(mg.exp(logs) * logs, axis=-1))
        return mg.sum(self.log_std + 0.5 + _HALF_LOG_2PI)


class SquashedGaussian(nn.Module):
    """The policy a = tanh(μ + σ·noise), μ and log σ functions of the observation, log σ between -20 and 2 (Haarnoja et al.
    2018, https://arxiv.org/abs/1812.05905).
    """

    def __init__(self, features: int, actions: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.trunk = mlp((features, *hidden), last=nn.ReLU)
        self.mean, self.log_std = nn.Linear(hidden[-1], actions), nn.Linear(hidden[-1], actions)

    def forward(self, observations: Tensor) -> Tensor:
        """The most likely action, tanh μ."""
        return mg.tanh(self.mean(self.trunk(observations)))

    def sample(self, observations: Tensor, noise: Any) -> tuple[Tensor, Tensor]:
        """Actions, and the logarithm of their density: that of the normal distribution, less Σ log(1 - a²)."""
        h = self.trunk(observations)
        log_std = mg.clip(self.log_std(h), LOG_STD_MIN, LOG_STD_MAX)
        u = self.mean(h) + mg.exp(log_std) * noise
        # log(1 - tanh²u) = 2(log 2 - u - softplus(-2u)), without the cancellation
        squash = 2.0 * (math.log(2.0) - u - nn.functional.softplus(-2.0 * u))
        return mg.tanh(u), mg.sum(-0.5 * noise * noise - log_std - _HALF_LOG_2PI - squash, axis=-1)


class TwinCritic(nn.Module):
    """Two values of an action in a state, (batch,) each; the smaller is the one to trust (Fujimoto et al. 2018)."""

    def __init__(self, features: int, actions: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.first, self.second = (mlp((features + actions, *hidden, 1)) for _ in range(2))

    def forward(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        x = mg.concat([observations, actions], axis=-1)
        return self.first(x)[..., 0], self.second(x)[..., 0]


class DQNetworks(nn.Module):
    """The network that learns, and its copy that the targets are of."""

    def __init__(self, spaces: Spaces, hidden: Sequence[int], dueling: bool = False) -> None:
        super().__init__()
        self.online, self.target = (QNetwork(spaces.features, spaces.actions, hidden, dueling) for _ in range(2))
        copy_parameters(self.online, self.target)
        self.target.requires_grad_(False)

    def act(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """The best actions, and the values of all."""
        values = self.online(observations)
        return mg.argmax(values, axis=-1), values


class Actors(nn.Module):
    """Networks with an actor and twin critics."""

    spaces: Spaces
    actor: nn.Module
    critic: TwinCritic

    def act(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """The actor's actions, as the environment takes them, and the smaller of what the critics say of them."""
        actions = self.actor(observations)
        return self.spaces.scaled(actions), mg.minimum(*self.critic(observations, actions))


class SACNetworks(Actors):
    """Actor, critics, the critics' targets, and log α."""

    actor: SquashedGaussian

    def __init__(self, spaces: Spaces, hidden: Sequence[int]) -> None:
        super().__init__()
        self.spaces, features, actions = spaces, spaces.features, spaces.actions
        self.actor = SquashedGaussian(features, actions, hidden)
        self.critic, self.target = (TwinCritic(features, actions, hidden) for _ in range(2))
        self.log_alpha = nn.Parameter(mg.zeros(1))
        copy_parameters(self.critic, self.target)
        self.target.requires_grad_(False)


class TD3Networks(Actors):
    """Actor and critics, and their targets."""

    def __init__(self, spaces: Spaces, hidden: Sequence[int]) -> None:
        super().__init__()
        self.spaces, features, actions = spaces, spaces.features, spaces.actions
        self.actor, self.actor_target = (mlp((features, *hidden, actions), last=nn.Tanh) for _ in range(2))
        self.critic, self.critic_target = (TwinCritic(features, actions, hidden) for _ in range(2))
        for source, target in ((self.actor, self.actor_target), (self.critic, self.critic_target)):
            copy_parameters(source, target)
            target.requires_grad_(False)


def copy_parameters(source: nn.Module, target: nn.Module) -> None:
    """The hard update of a target network: θ' ← θ."""
    for p, q in zip(target.parameters(), source.parameters(), strict=True):
        p.data = np.array(q.data)


def polyak_update(source: nn.Module, target: nn.Module, tau: float) -> None:
    """The soft update of a target network, θ' ← (1 - τ) θ' + τ θ; may be part of a compiled step."""
    with mg.no_grad():
        for p, q in zip(target.parameters(), source.parameters(), strict=True):
            p.data = ((1.0 - tau) * p + tau * q).data
