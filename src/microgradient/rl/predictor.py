"""A trained policy: observations in, actions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.numeric_csv import read_points
from ..errors import DataError
from ..tensor import Tensor
from ..train.inputs import as_numbers
from ..train.predictor import Predictor
from ..train.recipe import Metric
from .environments import Spaces
from .evaluation import Episode, episode_returns, played
from .film import save_film

Array = NDArray[Any]


class PolicyPredictor(Predictor):
    """Observations (observations, features) to the action for each, and its value: V(s) of reinforce, a2c and ppo, the smaller
    of the critics' Q(s, a) of sac and td3, all actions' Q(s, ·) of dqn.

    >>> cartpole = {"environment": "CartPole-v1", "algorithm": "dqn", "networks": {"hidden": [8]},
    ...             "spaces": {"features": 4, "actions": 2, "discrete": True}}
    >>> found = PolicyPredictor(cartpole).predict(np.zeros((3, 4)))
    >>> found["action"].shape, found["value"].shape
    ((3,), (3, 2))
    """

    takes: ClassVar[str] = "observations (.npy or CSV files)"

    def __init__(self, details: Mapping[str, Any], model: Any = None) -> None:
        from . import AGENTS

        super().__init__(details)
        found = details["spaces"]
        bounds = {name: tuple(found[name]) for name in ("low", "high") if name in found}
        self.spaces = Spaces(**{**found, **bounds})
        self.environment = details["environment"]
        networks = AGENTS[details["algorithm"]].networks
        self.model: Any = networks(self.spaces, **details["networks"]) if model is None else model

    def predict(self, inputs: Any) -> dict[str, Array]:
        """The best action for each observation, and the values; of a single one, too."""
        observations = self._checked(inputs, "The array")
        with self.inference():
            actions, values = self._act(observations)
        return {"action": actions, "value": values}

    def _act(self, observations: Array) -> tuple[Array, Array]:
        actions, values = self.model.act(Tensor(observations))
        return np.asarray(actions.data), np.asarray(values.data)

    def read(self, names: Sequence[str]) -> Array:
        return np.concatenate([self._checked(_read(name, self.spaces.features), name) for name in names])

    def _checked(self, found: Any, name: str) -> Array:
        return as_numbers(found, ("observations", self.spaces.features), name, single=True)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        columns = {"action": predicted["action"], "value": predicted["value"]}
        flat = {name: values.reshape(len(values), -1) for name, values in columns.items()}
        header = [name if v.shape[1] == 1 else f"{name} {i}" for name, v in flat.items() for i in range(v.shape[1])]
        return header, [
            [x if isinstance(x, int) else f"{x:.6g}" for x in row]
            for row in ([*a.tolist(), *v.tolist()] for a, v in zip(*flat.values(), strict=True))
        ]

    def returns(self, episodes: int, seed: int) -> Array:
        """The returns of episodes with the seeds `seed`, `seed` + 1, …"""
        with self.inference():
            return episode_returns(lambda seen: self._act(seen)[0], self.environment, episodes, seed)

    def episode(self, seed: int) -> Episode:
        """The episode with this seed."""
        with self.inference():
            return played(lambda seen: self._act(seen)[0], self.environment, seed)

    def evaluate(self, path: str) -> list[Metric]:
        """Scores of 100 new episodes; `path` is the seed of the first."""
        if not path.isdecimal():
            raise DataError(
                "MG180", f"A policy is scored on episodes: say the first one's seed, a number, not {path!r}."
            )
        returns = self.returns(100, int(path))
        return [Metric("mean return", float(returns.mean())), Metric("worst return", float(returns.min()))]

    def film(self, path: str | Path, seed: int = 0) -> None:
        """Write one episode as an animated GIF."""
        save_film(self.environment, self.episode(seed).states, path)


def _read(name: str, features: int) -> Array:
    if Path(name).suffix != ".npy":
        return read_points([name], features)
    try:
        return np.asarray(np.load(name))
    except (OSError, ValueError, EOFError) as error:
        raise DataError("MG180", f"Can't read observations from {name}: {error}.") from error
