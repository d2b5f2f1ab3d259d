"""`mountaincar`: drive a car that is too weak out of a valley by rocking; 100 for the flag, less the fuel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ..rl.recipe import ContinuousOptions, ControlRecipe
from ..train.options import Options

_SHARED = {
    "n_envs": 1, "steps": 20_000, "train_freq": 32, "gradient_steps": 32, "gamma": 0.9999, "tau": 0.01, "net_arch": (64, 64),
    "action_noise": 1.0, "noise_correlation": 0.99,
}  # fmt: skip


class MountainCar(ControlRecipe):
    """Who never sees the flag learns to stand still, so exploration is what counts: noise whose steps are correlated, as the
    car has to be pushed one way for a while. It takes the place of the state-dependent exploration that rl-baselines3-zoo has in
    its settings, which these are otherwise close to.

    Run it by `microgradient train mountaincar`.
    """

    name: ClassVar[str] = "mountaincar"
    summary: ClassVar[str] = "drive out of a valley by rocking, by SAC, TD3 or PPO (--algorithm)"
    defaults: ClassVar[Options] = ContinuousOptions()
    environment: ClassVar[str] = "MountainCarContinuous-v0"
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "sac": {**_SHARED, "learning_rate": 3e-4, "batch_size": 512, "ent_coef": 0.1, "learning_starts": 0},
        "td3": {**_SHARED, "learning_rate": 1e-3, "batch_size": 256, "learning_starts": 1000},
        "ppo": {
            "n_envs": 8, "steps": 200_000, "learning_rate": 3e-4, "n_steps": 256, "batch_size": 256, "n_epochs": 10,
            "gamma": 0.9999, "gae_lambda": 0.9, "ent_coef": 0.01,
        },
    }  # fmt: skip
