"""`cartpole`: keep a pole upright on a cart by pushing it left and right; 500 steps are the most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..rl.recipe import ControlRecipe, DiscreteOptions
from ..train.options import Options


class CartPole(ControlRecipe):
    """Settings are those of rl-baselines3-zoo, with constant rates, save REINFORCE's, which it does not have.

    Run it by `microgradient train cartpole --algorithm dqn`.
    """

    name: ClassVar[str] = "cartpole"
    summary: ClassVar[str] = "balance a pole, by REINFORCE, A2C, PPO or DQN (--algorithm)"
    defaults: ClassVar[Options] = DiscreteOptions()
    environment: ClassVar[str] = "CartPole-v1"
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "reinforce": {"n_envs": 8, "steps": 200_000, "learning_rate": 1e-2},
        "a2c": {"n_envs": 8, "steps": 200_000, "learning_rate": 7e-4, "n_steps": 5},
        "ppo": {
            "n_envs": 8, "steps": 100_000, "learning_rate": 1e-3, "n_steps": 32, "batch_size": 256, "n_epochs": 20,
            "gamma": 0.98, "gae_lambda": 0.8,
        },
        "dqn": {
            "n_envs": 1, "steps": 50_000, "learning_rate": 2.3e-3, "batch_size": 64, "buffer_size": 100_000,
            "learning_starts": 1000, "target_update_interval": 10, "train_freq": 256, "gradient_steps": 128,
            "exploration_steps": 8000, "exploration_final_eps": 0.04, "net_arch": (256, 256),
        },
    }  # fmt: skip
