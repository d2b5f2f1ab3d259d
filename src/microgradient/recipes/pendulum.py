"""`pendulum`: swing a pendulum up by a motor that is too weak, and keep it there; cost is angle, speed and torque."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..rl.recipe import ContinuousOptions, ControlRecipe
from ..train.options import Options


class Pendulum(ControlRecipe):
    """Settings are close to those of rl-baselines3-zoo; the networks are smaller and do as well.

    Run it by `microgradient train pendulum --algorithm td3`.
    """

    name: ClassVar[str] = "pendulum"
    summary: ClassVar[str] = "swing up a pendulum, by SAC, TD3 or PPO (--algorithm)"
    defaults: ClassVar[Options] = ContinuousOptions()
    environment: ClassVar[str] = "Pendulum-v1"
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "sac": {"n_envs": 1, "steps": 12_000, "learning_rate": 1e-3, "batch_size": 256, "net_arch": (64, 64)},
        "td3": {
            "n_envs": 1, "steps": 20_000, "learning_rate": 1e-3, "batch_size": 256, "gamma": 0.98, "action_noise": 0.1,
            "learning_starts": 10_000, "net_arch": (64, 64),
        },
        "ppo": {
            "n_envs": 4, "steps": 200_000, "learning_rate": 1e-3, "n_steps": 1024, "batch_size": 64, "n_epochs": 10,
            "gamma": 0.9,
        },
    }  # fmt: skip
