"""Reinforcement learning: environments of gymnasium, memories, networks and algorithms."""

from .actor_critic import SAC, TD3
from .agent import Agent
from .dqn import DQN
from .environments import Environments
from .evaluation import episode_returns
from .policy_gradient import A2C, PPO, Reinforce
from .replay import PrioritizedReplayBuffer, ReplayBuffer, SumTree
from .rollout import Rollout, gae, roll

AGENTS: dict[str, type[Agent]] = {agent.name: agent for agent in (Reinforce, A2C, PPO, DQN, SAC, TD3)}
"""The algorithms by name."""

__all__ = [
    "A2C", "AGENTS", "DQN", "PPO", "SAC", "TD3", "Agent", "Environments", "PrioritizedReplayBuffer", "Reinforce",
    "ReplayBuffer", "Rollout", "SumTree", "episode_returns", "gae", "roll",
]  # fmt: skip
