"""`acrobot`: swing a double pendulum above a line by its elbow alone; each step costs 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..rl.recipe import ControlRecipe, DiscreteOptions
from ..train.options import Options


class Acrobot(ControlRecipe):
    """Settings are close to those of rl-baselines3-zoo, with constant rates and without normalised observations.

    Run it by `microgradient train acrobot --algorithm a2c`.
    """

    name: ClassVar[str] = "acrobot"
    summary: ClassVar[str] = "swing up a double pendulum, by REINFORCE, A2C, PPO or DQN (--algorithm)"
    defaults: ClassVar[Options] = DiscreteOptions()
    environment: ClassVar[str] = "Acrobot-v1"
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "reinforce": {"n_envs": 16, "steps": 400_000, "learning_rate": 3e-3, "ent_coef": 0.01},
        "a2c": {"n_envs": 16, "steps": 200_000, "learning_rate": 7e-4, "n_steps": 5},
        "ppo": {
            "n_envs": 16, "steps": 200_000, "learning_rate": 1e-3, "n_steps": 64, "batch_size": 256, "n_epochs": 4,
            "gae_lambda": 0.94,
        },
        "dqn": {
            "n_envs": 1, "steps": 100_000, "learning_rate": 6.3e-4, "batch_size": 128, "buffer_size": 50_000,
            "learning_starts": 128, "target_update_interval": 250, "train_freq": 4, "gradient_steps": 4,
            "exploration_steps": 12_000, "exploration_final_eps": 0.1, "net_arch": (64, 64),
        },
    }  # fmt: skip
