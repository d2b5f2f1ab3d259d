"""What the recipes of reinforcement learning share: each is a table of settings for an environment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, NonFiniteError
from ..language import translate
from ..train.offers import Film
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric, NextStep, Recipe
from . import AGENTS
from .environments import Environments
from .evaluation import episode_returns
from .film import VIEWS, draw_episode, film
from .predictor import PolicyPredictor

Array = NDArray[Any]
_EPISODES, _VALIDATION_EPISODES = 100, 20


@dataclass(frozen=True, kw_only=True)
class ControlOptions(Options):
    """Where a number is None, the algorithm's own from the recipe's table counts."""

    epochs: int = option(
        10, "Parts of the training; each ends with 100 episodes for the score and 20 others to choose by."
    )
    batch_size: int | None = option(None, "Steps per minibatch.  [default: the algorithm's]")  # type: ignore[assignment]
    lr: float | None = option(None, "Learning rate.  [default: the algorithm's]")  # type: ignore[assignment]
    optimizer: str = option("own", "The algorithm's own.")
    model: str = option("mlp", "Which of the recipe's models.")
    seed: int = option(0, "Decides all that is random: first weights, environments, exploration.")
    algorithm: str = option("ppo", "What learns.")


@dataclass(frozen=True, kw_only=True)
class DiscreteOptions(ControlOptions):
    """With the variants of DQN."""

    algorithm: str = option("ppo", "What learns.", choices=("reinforce", "a2c", "ppo", "dqn"))
    double: bool = option(False, "dqn: the best next action is the online network's.")
    dueling: bool = option(False, "dqn: a state's value and the actions' advantages apart.")
    prioritized: bool = option(False, "dqn: what was predicted badly is replayed more often.")


@dataclass(frozen=True, kw_only=True)
class ContinuousOptions(ControlOptions):
    """Those of environments whose actions are continuous."""

    algorithm: str = option("sac", "What learns.", choices=("sac", "td3", "ppo"))


class ControlRecipe(Recipe):
    """An agent in a gymnasium environment. A subclass names `environment` and has in `settings`, for each algorithm, how many
    environments run side by side (`n_envs`), how many steps they take in the default number of epochs (`steps`), and what the
    algorithm is told.

    Scores are the returns of 100 episodes of the best policy without exploration. The epoch that counts is chosen by 20 other
    episodes.
    """

    field: ClassVar[str] = "reinforcement learning"
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    optimizers: ClassVar[tuple[str, ...] | None] = ("own",)
    clips: ClassVar[bool] = False  # the algorithms do, by a norm of their own
    predictor_class: ClassVar[type[Predictor]] = PolicyPredictor
    options: ControlOptions
    environment: ClassVar[str]
    settings: ClassVar[Mapping[str, Mapping[str, Any]]]
    train_size = 1

    def __init__(self, options: Any) -> None:
        told = dict(self.settings[options.algorithm])
        count, self.total = told.pop("n_envs"), told.pop("steps")
        if options.lr is not None:
            told["learning_rate"] = options.lr
        if options.batch_size is not None:
            if "batch_size" not in told:
                raise ArgumentError(
                    "MG188", f"--batch-size is not for {options.algorithm}, which learns from whole rollouts."
                )
            told["batch_size"] = options.batch_size
        for variant in ("double", "dueling", "prioritized"):
            if getattr(options, variant, False):
                if options.algorithm != "dqn":
                    raise ArgumentError("MG188", f"--{variant} is a variant of dqn: write --algorithm dqn --{variant}.")
                told[variant] = True
        around = Environments(self.environment, count, 1000 * options.seed)
        self.agent = AGENTS[options.algorithm](around, options.seed, options.compile, **told)
        self.rate = self.agent.optimizer.param_groups[0]["lr"]
        super().__init__(replace(options, lr=self.rate, batch_size=told.get("batch_size", self.agent.steps_per_iteration),
                                 optimizer=options.algorithm))  # fmt: skip
        self.loss_unit = self.agent.loss_of
        self.model = self.agent.model
        self.predictor = PolicyPredictor(self.details(), self.model)

    def details(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "algorithm": self.options.algorithm,
            "spaces": self.agent.spaces._asdict(),
            "networks": self.agent.architecture,
        }

    def optimizer(self) -> Any:
        return self.agent.optimizer

    @property
    def steps_per_epoch(self) -> int:
        """How many times the agent acts and learns in an epoch."""
        return max(1, round(self.total / type(self).defaults.epochs / self.agent.steps_per_iteration))

    def batches(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        return [np.zeros(1, np.int64)] * self.steps_per_epoch

    def make_step(self, optimizer: Any, progress: Any) -> Callable[[NDArray[np.int64], int], float]:
        def step(_: NDArray[np.int64], number: int) -> float:
            loss = self.agent.iterate()
            if not math.isfinite(loss):
                raise NonFiniteError("MG170", f"The loss became {loss} at step {number:,}. Try a smaller --lr than "
                                              f"{self.rate:g}.")  # fmt: skip
            return loss

        return step

    def next_step(self, optimizer: Any, examples: NDArray[np.int64], number: int) -> NextStep:
        take, count = self.agent.next_descent()
        if self.agent.descent:
            return NextStep(take, self.agent.descent)
        return NextStep(take, f"the first of {count:,} minibatches" if count > 1 else "")

    def extra_state(self) -> dict[str, Any]:
        return dict(_flat(self.agent.state_dict()))

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        self.agent.load_state_dict(_nested(state))

    def data_arrays(self) -> Iterator[NDArray[Any]]:
        yield self._first_observations

    @cached_property
    def _first_observations(self) -> Array:
        """What the environment is, for the fingerprint: its first observations, and what a few steps lead to."""
        around = Environments(self.environment, 2, 0)
        actions = np.zeros(2, np.int64) if around.spaces.discrete else np.zeros((2, around.spaces.actions), np.float32)
        return np.stack([around.observations, *(around.step(actions).observations for _ in range(3))])

    def evaluate(self) -> list[Metric]:
        returns = self.predictor.returns(_EPISODES, 10**6 + 1000 * self.options.seed)
        return [Metric("mean return", float(returns.mean())), Metric("worst return", float(returns.min())),
                Metric("baseline random return", self._random_return)]  # fmt: skip

    @cached_property
    def _random_return(self) -> float:
        spaces, rng = self.agent.spaces, np.random.default_rng(self.options.seed)

        def random(seen: Array) -> Array:
            if spaces.discrete:
                return rng.integers(0, spaces.actions, len(seen))
            return np.asarray(spaces.scaled(rng.uniform(-1, 1, (len(seen), spaces.actions)).astype(np.float32)))

        return float(episode_returns(random, self.environment, _VALIDATION_EPISODES, 10**6).mean())

    def validation(self) -> float:
        return -float(self.predictor.returns(_VALIDATION_EPISODES, 2 * 10**6 + 1000 * self.options.seed).mean())

    def description(self) -> list[str]:
        spaces, count = self.agent.spaces, self.agent.environments.count
        per, name = self.steps_per_epoch * self.agent.steps_per_iteration, self.environment
        told = translate(
            f"{name}: observations of {spaces.features} numbers, {spaces.actions} actions; {count} side by side, "
            f"{per:,} steps an epoch"
            if spaces.discrete
            else f"{name}: observations of {spaces.features} numbers, actions of {spaces.actions} between bounds; {count} side "
            f"by side, {per:,} steps an epoch",
            name,
        )
        return [told]

    def report(self) -> list[str]:
        told = translate("to film an episode: microgradient.load(RUN).film('episode.gif')")
        return [told] if self.environment in VIEWS else []

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"episode": self._draw_episode} if self.environment in VIEWS else {}

    def _draw_episode(self, figure: Any) -> None:
        draw_episode(figure, self.environment, self.predictor.episode(10**6).states)

    def films(self) -> Mapping[str, Callable[[int], Film]]:
        return {"episode": self._film_episode} if self.environment in VIEWS else {}

    def _film_episode(self, number: int) -> Film:
        """One of the episodes that the score is of."""
        k = number % _EPISODES
        states, total = self.predictor.episode(10**6 + 1000 * self.options.seed + k)
        return film(
            self.environment, states, f"episode {k + 1} of those scored: return {total:.4g} in {len(states):,} steps"
        )

    def measured(self) -> Mapping[str, float]:
        returns = self.agent.environments.returns
        return {"return while learning": float(np.mean(returns))} if returns else {}


def _flat(state: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Tables in tables as one, for a file of arrays and JSON."""
    for name, value in state.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `_flat`."""
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *tables, name = path.split("/")
        here = nested
        for table in tables:
            here = here.setdefault(table, {})
        here[name] = value
    return nested
