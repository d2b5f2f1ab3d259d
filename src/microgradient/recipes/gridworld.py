"""`gridworld`: the shortest ways through a maze, by the policy gradient written out by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn
from ..errors import DataError
from ..language import translate
from ..nn.functional import log_softmax
from ..tensor import Tensor
from ..train.inputs import as_numbers
from ..train.offers import Texts
from ..train.options import Options
from ..train.predictor import Predictor
from ..train.recipe import Metric, NextStep, Recipe

Array = NDArray[Any]
MAZE = ("......", ".##.#.", ".#....", "...##.", ".#...G")
HEADINGS = ("the move in each cell",)
GAMMA, LONGEST = 0.9, 30
_MOVES, ARROWS = ((-1, 0), (0, 1), (1, 0), (0, -1)), "↑→↓←"
_CELLS = [(r, c) for r, row in enumerate(MAZE) for c, cell in enumerate(row) if cell != "#"]
GOAL = _CELLS.index((4, 5))


def _follow(cell: tuple[int, int], move: tuple[int, int]) -> int:
    there = cell[0] + move[0], cell[1] + move[1]
    return _CELLS.index(there if there in _CELLS else cell)


NEXT = np.array([[_follow(cell, move) for move in _MOVES] for cell in _CELLS])  # the cell that a move leads to


def walk(logits: Array, begin: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Cells, moves and discounted returns, (LONGEST, walks), of walks by the policy softmax(logits[cell]): reaching the goal
    is worth 1, and after it all is 0.
    """
    cells, moves, at = [], [], begin
    for _ in range(LONGEST):
        move = (logits[at] + rng.gumbel(size=(len(at), 4))).argmax(axis=1)
        cells.append(at)
        moves.append(move)
        at = np.where(at == GOAL, GOAL, NEXT[at, move])
    returns, following = np.zeros((LONGEST, len(begin))), np.zeros(len(begin))
    for t in reversed(range(LONGEST)):
        arrives = (cells[t] != GOAL) & (NEXT[cells[t], moves[t]] == GOAL)
        returns[t] = following = np.where(cells[t] == GOAL, 0.0, arrives + GAMMA * following)
    return np.stack(cells), np.stack(moves), returns


def policy_gradient(logits: Array, values: Array, cells: Array, moves: Array, returns: Array) -> Array:
    """∂/∂logits of the mean over walks of - Σ_t (G_t - V(s_t)) log π(a_t|s_t), π = softmax(logits[s]). By hand:
    ∂ log π(a|s)/∂logits[s] = onehot(a) - π(·|s) (Williams 1992).
    """
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    policy = shifted / shifted.sum(axis=1, keepdims=True)
    advantages = np.where(cells == GOAL, 0.0, returns - values[cells])[..., None]
    gradient = np.zeros_like(logits)
    np.add.at(gradient, cells, -advantages * (np.eye(4)[moves] - policy[cells]))
    return gradient / cells.shape[1]


def distances() -> Array:
    """How many moves each cell is from the goal."""
    far = np.where(np.arange(len(_CELLS)) == GOAL, 0, len(_CELLS))
    for _ in _CELLS:
        far = np.minimum(far, 1 + far[NEXT].min(axis=1))
    return far


class Maze(nn.Module):
    """Four logits, and a value, for each cell."""

    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(Tensor(np.zeros((len(_CELLS), 4), np.float32)))
        self.register_buffer("values", Tensor(np.zeros(len(_CELLS), np.float32)))

    def forward(self, cells: Tensor, moves: Tensor) -> Tensor:
        """log π(a|s) of moves in cells, arrays of one shape."""
        return log_softmax(self.logits, -1)[cells, moves]


class MazePredictor(Predictor):
    """Cells (cells, 2), row and column from 0, to the move for each."""

    takes: ClassVar[str] = "cells, as ROW,COLUMN from 0,0"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.model = Maze()

    def predict(self, inputs: Any) -> list[str]:
        """An arrow for each cell."""
        cells = [tuple(cell) for cell in as_numbers(inputs, ("cells", 2)).tolist()]
        if wrong := [cell for cell in cells if cell not in _CELLS]:
            raise DataError(
                "MG182", f"{wrong[0]} is no free cell of the maze of {len(MAZE)} × {len(MAZE[0])}, from (0, 0)."
            )
        return [ARROWS[move] for move in self.moves()[[_CELLS.index(cell) for cell in cells]]]

    def moves(self) -> Array:
        """The most probable move in each cell."""
        return np.asarray(self.model.logits.data).argmax(axis=1)

    def read(self, names: Sequence[str]) -> list[tuple[int, int]]:
        known = {f"{r},{c}": (r, c) for r, c in _CELLS}
        for name in names:
            if name not in known:
                raise DataError(
                    "MG182", f"{name!r} is no free cell of the maze of {len(MAZE)} × {len(MAZE[0])}, counted from 0,0."
                )
        return [known[name] for name in names]

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return ["row", "column", "move"], [[*cell, move] for cell, move in zip(inputs, predicted, strict=True)]


class GridWorld(Recipe):
    """32 walks from random cells a step; the baseline V of a cell follows the returns from there.

    Run it by `microgradient train gridworld`.
    """

    name: ClassVar[str] = "gridworld"
    field: ClassVar[str] = "reinforcement learning"
    summary: ClassVar[str] = "the shortest ways through a maze, by the policy gradient written out by hand"
    defaults: ClassVar[Options] = Options(epochs=20, batch_size=32, lr=3.0, optimizer="sgd", model="table")
    models: ClassVar[tuple[str, ...]] = ("table",)
    predictor_class: ClassVar[type[Predictor]] = MazePredictor
    clips: ClassVar[bool] = False
    loss_unit: str = "negative return"
    train_size = 32 * 50

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.predictor = MazePredictor(self.details())
        self.model: Maze = self.predictor.model
        self.data = (NEXT,)

    def make_step(self, optimizer: Any, progress: Any) -> Callable[[NDArray[np.int64], int], float]:
        def step(examples: NDArray[np.int64], number: int) -> float:
            logits, values, (cells, moves, returns) = self._walks(len(examples), number)
            gradient = policy_gradient(logits, values, cells, moves, returns)
            counts, sums = np.zeros_like(values), np.zeros_like(values)
            np.add.at(counts, cells, 1.0)
            np.add.at(sums, cells, returns)
            seen = counts > 0
            values[seen] += 0.2 * (sums[seen] / counts[seen] - values[seen])
            self.model.values.data = values.astype(np.float32)
            self.model.logits.grad = Tensor(gradient.astype(np.float32))
            optimizer.step()
            return -float(returns[0].mean())

        return step

    def _walks(self, count: int, number: int) -> tuple[Array, Array, tuple[Array, Array, Array]]:
        """Logits, values, and the walks of step `number`."""
        rng = np.random.default_rng([self.options.seed, number])
        logits, values = (np.asarray(x.data, np.float64) for x in (self.model.logits, self.model.values))
        return logits, values, walk(logits, rng.integers(0, len(_CELLS), count), rng)

    def next_step(self, optimizer: Any, examples: NDArray[np.int64], number: int) -> NextStep:
        """The loss whose gradient is the one by hand."""
        _, values, (cells, moves, returns) = self._walks(len(examples), number)
        advantages = np.where(cells == GOAL, 0.0, returns - values[cells]).astype(np.float32)

        def take() -> Tensor:
            logs = self.model(Tensor(cells.T), Tensor(moves.T))  # a walk is an example
            loss: Tensor = -mg.sum(logs * Tensor(advantages.T)) / len(examples)
            loss.backward()
            optimizer.step()
            return loss

        return NextStep(take)

    def evaluate(self) -> list[Metric]:
        far, others = distances(), np.arange(len(_CELLS)) != GOAL
        best = far[NEXT].min(axis=1)
        chosen = far[NEXT[np.arange(len(_CELLS)), self.predictor.moves()]]
        shortest = (far[NEXT] == best[:, None]).mean(axis=1)
        return [Metric("cells with a shortest way", float((chosen == best)[others].mean()), "%"),
                Metric("baseline random moves", float(shortest[others].mean()), "%")]  # fmt: skip

    def description(self) -> list[str]:
        return [
            translate(
                f"a maze of {len(MAZE)} × {len(MAZE[0])}: {len(_CELLS)} free cells, the goal {distances().max()} moves away at "
                "most"
            )
        ]

    def samples(self) -> Mapping[str, Callable[[], Texts]]:
        return {"maze": lambda: Texts(HEADINGS, [["\n".join(self.report())]])}

    def report(self) -> list[str]:
        """The maze, with the move in each cell."""
        at = dict(zip(_CELLS, (ARROWS[move] for move in self.predictor.moves()), strict=True))
        at[_CELLS[GOAL]] = "G"
        return ["".join(at.get((r, c), "█") + " " for c in range(len(MAZE[0]))) for r in range(len(MAZE))]
