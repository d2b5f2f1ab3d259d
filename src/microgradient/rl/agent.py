"""Agent: what all algorithms share. It acts in environments and learns from what it meets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..errors import ArgumentError
from ..tape import no_grad
from ..tensor import Tensor
from .environments import Environments
from .replay import ReplayBuffer
from .updates import program

Array = NDArray[Any]


class Agent:
    """An algorithm at work in `environments`. A subclass makes `model`, all of its networks, and `optimizer`.

    All random numbers come from `rng`, apart from the first weights, which are drawn from `mg.random`. Programs are functions of
    arrays alone, noise among them, so `model`, `optimizer` and `state_dict()` decide all that follows.

    >>> from microgradient.rl import PPO
    >>> agent: Agent = PPO(Environments("CartPole-v1", 2), n_steps=16, n_epochs=2, batch_size=16)
    >>> losses = [agent.iterate() for _ in range(3)]
    >>> agent.steps, agent.policy(agent.environments.observations).shape
    (96, (2,))
    """

    name: ClassVar[str]
    loss_of: ClassVar[str]  # what `iterate` gives
    descent: ClassVar[str] = (
        ""  # what `next_descent` gives of an update, where it isn't all that is done on a minibatch
    )
    discrete: ClassVar[bool | None] = None  # which actions it is for; None: both
    networks: ClassVar[Callable[..., nn.Module]]
    """What it trains, as one module made from `Spaces` and, by name, its architecture. Its method `act` gives, for observations,
    the actions held to be best, as the environment takes them, and their values.
    """

    model: Any
    optimizer: Any

    def __init__(self, environments: Environments, seed: int = 0, compiled: bool = True) -> None:
        self.environments, self.spaces, self.compiled = environments, environments.spaces, compiled
        if self.discrete not in (None, self.spaces.discrete):
            kind = "one of a few" if self.spaces.discrete else "continuous"
            raise ArgumentError("MG188", f"{self.name} can't act in {environments.name}: an action there is {kind}.")
        self.rng = np.random.default_rng([seed, 1])
        self.steps = 0  # of environments
        self._act = self.program(lambda seen: self.model.act(seen)[0])

    def make_model(self, **architecture: Any) -> Any:
        """The networks of this architecture, which is kept: with it they can be made again from a run folder."""
        self.architecture = architecture
        return self.networks(self.spaces, **architecture)

    @property
    def steps_per_iteration(self) -> int:
        """How many steps in environments an iteration takes."""
        raise NotImplementedError

    def iterate(self) -> float:
        """Act for a while and learn from it; returns the loss."""
        raise NotImplementedError

    def next_descent(self) -> tuple[Callable[[], Tensor], int]:
        """Act as the next iteration does; then a function that takes the first descent of its update eagerly and returns the
        loss, and how many minibatches the update has. To put back model, optimiser and `state_dict()` is the caller's part.
        Raises ArgumentError (MG188) where the next iteration only acts.
        """
        raise NotImplementedError

    def policy(self, observations: Array) -> Array:
        """What the agent holds to be best, as the environments take it."""
        with no_grad():
            return np.asarray(self._act(observations).data)

    def state_dict(self) -> dict[str, Any]:
        """What the model and the optimiser do not hold: counts, the generator, the environments, and what is remembered."""
        return {
            "steps": self.steps,
            "rng": self.rng.bit_generator.state,
            "environments": self.environments.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.steps = int(state["steps"])
        self.rng.bit_generator.state = state["rng"]
        self.environments.load_state_dict(state["environments"])

    def program(self, function: Any) -> Any:
        """`function` compiled, unless the agent is not to compile."""
        return program(function, self.compiled)


class OffPolicyAgent(Agent):
    """Learns from a replay buffer: `train_freq` steps in the environments, then `gradient_steps` minibatches. The first
    `learning_starts` steps are random.
    """

    memory: ReplayBuffer

    def __init__(
        self,
        environments: Environments,
        seed: int = 0,
        compiled: bool = True,
        *,
        batch_size: int = 256,
        learning_starts: int = 100,
        train_freq: int = 1,
        gradient_steps: int = 1,
        gamma: float = 0.99,
    ) -> None:
        super().__init__(environments, seed, compiled)
        self.batch_size, self.learning_starts, self.gamma = batch_size, learning_starts, gamma
        self.train_freq, self.gradient_steps = train_freq, gradient_steps

    @property
    def steps_per_iteration(self) -> int:
        return self.train_freq * self.environments.count

    def iterate(self) -> float:
        self.collect()
        return self.learn() if self.steps > self.learning_starts else 0.0

    def next_descent(self) -> tuple[Callable[[], Tensor], int]:
        self.collect()
        if self.steps <= self.learning_starts:
            raise ArgumentError(
                "MG188",
                f"The next step learns nothing: the first {self.learning_starts:,} steps in the environments are random.",
            )
        return self.first_descent(), self.gradient_steps

    def collect(self) -> None:
        """Take `train_freq` steps, and remember them."""
        for _ in range(self.train_freq):
            before = self.environments.observations
            actions = self.random_actions() if self.steps < self.learning_starts else self.explore(before)
            met = self.environments.step(actions if self.spaces.discrete else self.spaces.scaled(actions))
            self.memory.add(before, actions, met.rewards, met.observations, met.terminated)
            self.steps += self.environments.count
            self.after_step(met.ended)

    def random_actions(self) -> Array:
        """Uniform ones, continuous ones between -1 and 1."""
        n, actions = self.environments.count, self.spaces.actions
        if self.spaces.discrete:
            return self.rng.integers(0, actions, n)
        return self.rng.uniform(-1, 1, (n, actions)).astype(np.float32)

    def explore(self, observations: Array) -> Array:
        """Actions to learn from, continuous ones between -1 and 1."""
        raise NotImplementedError

    def learn(self) -> float:
        """Change the model by `gradient_steps` minibatches; returns the loss."""
        raise NotImplementedError

    def first_descent(self) -> Callable[[], Tensor]:
        """Draw as `learn` does; a function that takes its first descent eagerly and returns the loss."""
        raise NotImplementedError

    def after_step(self, ended: Array) -> None:
        """Called after each step, with the environments whose episode is over."""

    def noise(self, *shape: int) -> Array:
        """Standard normal numbers."""
        return self.rng.standard_normal(shape, np.float32)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "memory": self.memory.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.memory.load_state_dict(state["memory"])
