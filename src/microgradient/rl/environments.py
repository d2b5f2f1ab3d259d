"""Several environments side by side, stepped through gymnasium, whose state can be saved and put back."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DataError, NonFiniteError
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

    >>> Spaces(features=3, actions=1, discrete=False, low=(-2.0,), high=(4.0,)).scaled(np.zeros((1, 1)))
    array([[1.]])
    """

    features: int
    actions: int
    discrete: bool
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @classmethod
    def of(cls, name: str, seen: Any, done: Any) -> Spaces:
        """Of the environment `name` with gymnasium's spaces of observations and of actions. Raises ArgumentError (MG188)."""
        box, discrete = (getattr(load_gymnasium().spaces, kind) for kind in ("Box", "Discrete"))
        if not isinstance(seen, box) or len(seen.shape) != 1:
            raise ArgumentError("MG188", f"An observation of {name} is {_short(seen)}, and here it is a Box of one axis: "
                                         "register it in a wrapper (gymnasium.wrappers.FlattenObservation).")  # fmt: skip
        if isinstance(done, discrete) and done.start == 0:
            return cls(seen.shape[0], int(done.n), True)
        vector = isinstance(done, box) and len(done.shape) == 1 and done.dtype.kind == "f"
        if not vector or not np.isfinite([done.low, done.high]).all():
            raise ArgumentError("MG188", f"An action of {name} is {_short(done)}, and here it is Discrete, from 0, or a Box of "
                                         "one axis, of floats, bounded: register it in a wrapper "
                                         "(gymnasium.wrappers.TransformAction or RescaleAction).")  # fmt: skip
        return cls(seen.shape[0], done.shape[0], False, tuple(done.low.tolist()), tuple(done.high.tolist()))

    def check(self, actions: Any, count: int) -> Array:
        """`actions` as an array. Raises ArgumentError (MG188) if they are not `count` actions of this space, NonFiniteError
        (MG170) for numbers that are not finite; those beyond the bounds are the environment's to judge.
        """
        found = np.asarray(actions)
        shape = (count,) if self.discrete else (count, self.actions)
        if found.shape != shape or (self.discrete and found.dtype.kind not in "iu"):
            raise ArgumentError("MG188", f"Actions are {'integers' if self.discrete else 'an array'} of shape {shape}, and not "
                                         f"of {found.shape} and {found.dtype}.")  # fmt: skip
        if self.discrete and not (found.min() >= 0 and found.max() < self.actions):
            raise ArgumentError(
                "MG188", f"There are the actions 0 to {self.actions - 1}, and not {found.tolist()!s:.80}."
            )
        if not self.discrete and not np.isfinite(found).all():
            raise NonFiniteError("MG170", f"Actions are not finite: {found.tolist()!s:.80}. Look for what made them so in the "
                                          "policy's parameters, or in what it observed.")  # fmt: skip
        return found

    def scaled(self, actions: Any) -> Any:
        """Actions between -1 and 1 as the environment has them; an array or a tensor."""
        low, high = np.array(self.low, np.float32), np.array(self.high, np.float32)
        return (actions + 1.0) * (0.5 * (high - low)) + low


class Environments:
    """`count` copies of the gymnasium environment `name`; copy i is seeded by `seed` + i.

    `observations` (count, …), float32, are what to act upon next: an environment that has ended has begun anew. Actions are
    numbers 0 … n - 1 where the environment's are discrete, and else arrays (count, dimensions); see `spaces`.
    `returns` holds the sums of rewards of the last 100 episodes that ended. Classic control moves all at once (`motion.py`),
    unless `motion` is False; others are stepped by gymnasium's `SyncVectorEnv`. Raises ArgumentError (MG188) for an environment
    that gymnasium can't make or whose spaces are others.

    >>> two = Environments("CartPole-v1", count=2, seed=0)
    >>> two.observations.shape, two.spaces.actions, two.spaces.discrete
    ((2, 4), 2, True)
    >>> two.step(np.array([0, 1])).rewards
    array([1., 1.], dtype=float32)
    """

    def __init__(self, name: str, count: int = 1, seed: int = 0, motion: bool = True) -> None:
        gymnasium = load_gymnasium()
        make = partial(gymnasium.make, name, disable_env_checker=True)
        try:
            self.vector = gymnasium.vector.SyncVectorEnv(
                [make] * count, copy=False, autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP
            )
        except gymnasium.error.Error as error:
            raise ArgumentError("MG188", f"gymnasium can't make the environment {name!r}: {error}") from error
        self.name, self.count, self.motion = name, count, MOTIONS.get(name) if motion else None
        self.spaces = Spaces.of(name, self.vector.single_observation_space, self.vector.single_action_space)
        self.longest = int(self.vector.envs[0].spec.max_episode_steps or 0)
        self.returns: deque[float] = deque(maxlen=_REMEMBERED)
        self.restart(seed)

    @property
    def states(self) -> Array:
        """What the environments keep in themselves, (count, numbers), float64. Raises DataError (MG188) where it isn't known."""
        if not self.motion:
            raise DataError("MG188", f"What {self.name} keeps in itself isn't known, so it can be neither saved nor drawn; "
                                     f"this is possible for {', '.join(MOTIONS)}.")  # fmt: skip
        return self._states

    @states.setter
    def states(self, states: Array) -> None:
        self._states = states

    def restart(self, seed: int | None = None) -> None:
        """Begin new episodes everywhere, with new seeds if one is given."""
        self.observations = self.vector.reset(seed=seed)[0].astype(np.float32)
        self._sums, self._elapsed = np.zeros(self.count), np.zeros(self.count, np.int64)
        if self.motion:
            self.states = np.array([env.unwrapped.state for env in self.vector.envs], np.float64)

    def step(self, actions: Array) -> Outcome:
        """Act once in each environment. Raises ArgumentError (MG188) and NonFiniteError (MG170) for what is no action."""
        actions = self.spaces.check(actions, self.count)
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

    def check_limit(self) -> None:
        """Raise ArgumentError (MG188) where an episode may go on for ever."""
        if not self.longest:
            raise ArgumentError("MG188", f"{self.name} has no time limit, so an episode may never end: register it with "
                                         "max_episode_steps.")  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """All that the next steps depend on, as arrays and JSON. Raises DataError (MG188) for environments of which
        `MOTIONS` does not know it.
        """
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


def _short(space: Any) -> str:
    return f"{' '.join(str(space).split())!s:.100}"


def load_gymnasium() -> ModuleType:
    """The package gymnasium. Raises DataError (MG184) where it is missing."""
    try:
        import gymnasium
    except ImportError as error:
        raise DataError("MG184", "Reinforcement learning takes its environments from gymnasium, which is missing: "
                                 "pip install 'microgradient[rl]'.") from error  # fmt: skip
    return gymnasium
