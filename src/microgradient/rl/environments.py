"""Several environments side by side, stepped through gymnasium, whose state can be saved and put back."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DataError
from .motion import MOTIONS

Array = NDArray[Any]
_REMEMBERED = 100  # episodes whose returns are kept


class Outcome(NamedTuple):
    """What a step in each environment led to. `observations` are those *before* an environment that ended begins anew:
    the value of the last state of a truncated episode is bootstrapped from them, that of a terminated one is 0.
    """

    observations: Array
    rewards: Array
    terminated: Array
    truncated: Array

    @property
    def ended(self) -> Array:
        """Where an episode is over, for whichever of the two reasons."""
        return self.terminated | self.truncated


class Spaces(NamedTuple):
    """What is observed and done in an environment: how many numbers are seen; how many actions there are, or how many
    numbers an action is, between `low` and `high`.
    """

    features: int
    actions: int
    discrete: bool
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def scaled(self, actions: Any) -> Any:
        """Actions between -1 and 1 as the environment has them; an array or a tensor."""
        low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
        return (actions + 1.0) * (0.5 * (high - low)) + low


class Environments:
    """`count` copies of the gymnasium environment `name`; copy i is seeded by `seed` + i.

    `observations` (count, …), float32, are what to act upon next: an environment that has ended has begun anew. Actions are
    numbers 0 … n - 1 where the environment's are discrete, and else arrays (count, dimensions); see `spaces`.
    `returns` holds the sums of rewards of the last 100 episodes that ended. Classic control moves all at once (`motion.py`),
    others are stepped by gymnasium's `SyncVectorEnv`.

    >>> two = Environments("CartPole-v1", count=2, seed=0)
    >>> two.observations.shape, two.spaces.actions, two.spaces.discrete
    ((2, 4), 2, True)
    >>> two.step(np.array([0, 1])).rewards
    array([1., 1.], dtype=float32)
    """

    def __init__(self, name: str, count: int = 1, seed: int = 0) -> None:
        gymnasium = load_gymnasium()
        make = partial(gymnasium.make, name, disable_env_checker=True)
        try:
            self.vector = gymnasium.vector.SyncVectorEnv(
                [make] * count, copy=False, autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP
            )
        except gymnasium.error.Error as error:
            raise ArgumentError("MG188", f"gymnasium can't make the environment {name!r}: {error}") from error
        self.name, self.count, self.motion = name, count, MOTIONS.get(name)
        space, features = self.vector.single_action_space, int(np.prod(self.vector.single_observation_space.shape))
        if hasattr(space, "n"):
            self.spaces = Spaces(features, int(space.n), True)
        else:
            bounds = tuple(space.low.tolist()), tuple(space.high.tolist())
            self.spaces = Spaces(features, len(space.low), False, *bounds)
        self.longest = int(self.vector.envs[0].spec.max_episode_steps or 0)
        self.returns: deque[float] = deque(maxlen=_REMEMBERED)
        self.restart(seed)

    def restart(self, seed: int | None = None) -> None:
        """Begin new episodes everywhere, with new seeds if one is given."""
        self.observations = self.vector.reset(seed=seed)[0].astype(np.float32)
        self._sums, self._elapsed = np.zeros(self.count), np.zeros(self.count, np.int64)
        if self.motion:
            self.states = np.array([env.unwrapped.state for env in self.vector.envs], np.float64)

    def step(self, actions: Array) -> Outcome:
        """Act once in each environment."""
        reached, rewards, terminated, truncated = (self._move if self.motion else self._step)(actions)
        self._sums += rewards
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            self.returns.extend(self._sums[ended].tolist())
            self._sums[ended] = 0.0
        return Outcome(reached, rewards.astype(np.float32), terminated, truncated)

    def _move(self, actions: Array) -> tuple[Array, Array, Array, Array]:
        """A step by the equations of motion; new episodes begin where gymnasium has them begin."""
        assert self.motion
        self.states, rewards, terminated = self.motion.step(self.states, actions)
        self._elapsed += 1
        truncated = self._elapsed >= self.longest
        self.observations = reached = self.motion.observe(self.states)
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            for i in ended:
                environment = self.vector.envs[i].unwrapped
                environment.reset()
                self.states[i] = environment.state
            self._elapsed[ended] = 0
            self.observations = self.motion.observe(self.states)
        return reached, rewards, terminated, truncated

    def _step(self, actions: Array) -> tuple[Array, Array, Array, Array]:
        """A step by gymnasium."""
        now, rewards, terminated, truncated, infos = self.vector.step(actions)
        self.observations = reached = now.astype(np.float32)
        ended = np.flatnonzero(terminated | truncated)
        if len(ended):
            reached = reached.copy()
            for i in ended:
                reached[i] = infos["final_obs"][i]
        return reached, rewards, terminated, truncated

    def state_dict(self) -> dict[str, Any]:
        """All that the next steps depend on, as arrays and JSON. Raises DataError (MG188) for environments of which
        `MOTIONS` does not know it.
        """
        if not self.motion:
            raise DataError("MG188", f"What {self.name} keeps in itself isn't known, so a run in it can't be saved; this is "
                                     f"possible for {', '.join(MOTIONS)}.")  # fmt: skip
        return {
            "observations": self.observations,
            "sums": self._sums.copy(),
            "states": self.states,
            "elapsed": self._elapsed.copy(),
            "generators": [env.unwrapped.np_random.bit_generator.state for env in self.vector.envs],
            "returns": list(self.returns),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave. Raises DataError (MG185) if it is of other environments."""
        if np.shape(state["states"]) != self.states.shape:
            raise DataError("MG185", f"The saved environments have states of shape {np.shape(state['states'])}, and "
                                     f"{self.count} × {self.name} have {self.states.shape}. Restore the run from a copy."
                            )  # fmt: skip
        self.observations = np.array(state["observations"], np.float32)
        self.states, self._sums = np.array(state["states"], np.float64), np.array(state["sums"], np.float64)
        self._elapsed, self.returns = np.array(state["elapsed"], np.int64), deque(state["returns"], _REMEMBERED)
        for environment, generator in zip(self.vector.envs, state["generators"], strict=True):
            environment.unwrapped.np_random.bit_generator.state = generator


def load_gymnasium() -> ModuleType:
    """The package gymnasium. Raises DataError (MG184) where it is missing."""
    try:
        import gymnasium
    except ImportError as error:
        raise DataError("MG184", "Reinforcement learning takes its environments from gymnasium, which is missing: "
                                 "pip install 'microgradient[rl]'.") from error  # fmt: skip
    return gymnasium
