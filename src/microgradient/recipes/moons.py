"""`moons`: the scalar engine draws a line between two half moons, as micrograd's demonstration does."""

from __future__ import annotations

import random as python_random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.datasets import make_moons
from ..data.numeric_csv import read_points
from ..language import translate
from ..scalar import MLP, Value
from ..train.inputs import as_numbers
from ..train.options import Options
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe

_PENALTY = 1e-4
_DECAY_STEPS = 100


class MoonsPredictor(Predictor):
    """Points (points, 2) to scores (points,), above 0 on one moon and below on the other."""

    takes: ClassVar[str] = "a CSV file of two numbers a line"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.model = ScalarModel(seed=0)

    def predict(self, inputs: Any) -> NDArray[np.float64]:
        return self.model.scores(as_numbers(inputs, ("points", 2), dtype=np.float64))

    def read(self, names: Sequence[str]) -> NDArray[np.float64]:
        return read_points(names)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return ["x", "y", "moon", "score"], [
            [*point, int(score > 0), f"{score:.4f}"] for point, score in zip(inputs.tolist(), predicted, strict=True)
        ]


class Moons(Recipe):
    """Every weight, every product and every sum is a `Value`: about 130,000 of them in each step's graph. The loss is
    the hinge max(0, 1 - y·score), y = ±1, plus an L2 penalty; the learning rate falls from 1 to 0.1 in 100 steps.

    Run it by `microgradient train moons`.
    """

    name: ClassVar[str] = "moons"
    summary: ClassVar[str] = "two half moons, by the scalar engine: every number is a node that can be looked at"
    defaults: ClassVar[Options] = Options(epochs=100, batch_size=100, lr=1.0, optimizer="sgd", model="mlp")
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    worked_examples: ClassVar[int] = 2
    clips: ClassVar[bool] = False
    optimizers: ClassVar[tuple[str, ...]] = ("sgd",)
    loss_unit: str = "hinge"
    predictor_class: ClassVar[type[Predictor]] = MoonsPredictor

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        points, moons = make_moons(200, 0.1, options.seed)
        self.x, self.y = points[:100], 2 * moons[:100] - 1
        self.x_test, self.y_test = points[100:], 2 * moons[100:] - 1
        self.train_size = len(self.x)
        self.data = (self.x, self.y, self.x_test, self.y_test)
        self.predictor = MoonsPredictor({})
        self.predictor.model = self.model = ScalarModel(options.seed)

    def batch(self, examples: NDArray[np.int64]) -> tuple[list[list[float]], list[float]]:
        return self.x[examples].tolist(), self.y[examples].astype(float).tolist()

    def batch_loss(self, points: list[list[float]], moons: list[float]) -> Value:
        hinges = [(1 - y * self.model(x)).relu() for x, y in zip(points, moons, strict=True)]
        penalty = sum((weight * weight for weight in self.model.parameters()), Value(0.0))
        return sum(hinges, Value(0.0)) * (1.0 / len(hinges)) + penalty * _PENALTY

    def evaluate(self) -> list[Metric]:
        scores = self.predictor.predict(self.x_test)
        return [Metric("test accuracy", float(((scores > 0) == (self.y_test > 0)).mean()), "%"),
                Metric("test loss", float(np.maximum(0, 1 - self.y_test * scores).mean()), "hinge")]  # fmt: skip

    def optimizer(self) -> ScalarSGD:
        return ScalarSGD(self.model.parameters(), self.options.lr)

    def learning_rate(self, epoch: int) -> float:
        return self.options.lr * (1 - 0.9 * min(epoch, _DECAY_STEPS) / _DECAY_STEPS)

    def set_learning_rate(self, optimizer: ScalarSGD, rate: float) -> None:
        optimizer.lr.data = rate

    def description(self) -> list[str]:
        return [translate("100 points to learn from, 100 held out")]

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"boundary": self._draw_boundary}

    def _draw_boundary(self, figure: Any) -> None:
        """The score all over the plane, 0 as a line, and the held-out points."""
        axes = figure.subplots()
        columns, rows = np.linspace(-1.7, 2.7, 120), np.linspace(-1.2, 1.7, 90)
        grid = np.stack(np.meshgrid(columns, rows), axis=-1)
        scores = self.model.scores(grid.reshape(-1, 2)).reshape(grid.shape[:2])
        most = np.abs(scores).max()
        axes.pcolormesh(columns, rows, scores, cmap="PuOr_r", vmin=-most, vmax=most, alpha=0.5, shading="auto")
        axes.contour(columns, rows, scores, levels=[0.0], colors="black")
        for moon, colour in ((1, "tab:orange"), (-1, "tab:purple")):
            axes.scatter(*self.x_test[self.y_test == moon].T, s=18, color=colour, edgecolors="black", linewidths=0.5)

    def report(self) -> list[str]:
        """The plane as the network sees it: # above 0, · below, and the held-out points as 1 and 0."""
        columns, rows = np.linspace(-1.5, 2.5, 64), np.linspace(1.5, -1.0, 20)
        grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        picture = np.where(self.model.scores(grid) > 0, "#", "·").reshape(len(rows), len(columns))
        for point, moon in zip(self.x_test, self.y_test, strict=True):
            picture[np.abs(rows - point[1]).argmin(), np.abs(columns - point[0]).argmin()] = "1" if moon > 0 else "0"
        return ["".join(line) for line in picture]


class ScalarModel:
    """The scalar MLP 2 → 16 → 16 → 1 with the methods the loop asks for; its state is a matrix and a vector per layer."""

    def __init__(self, seed: int) -> None:
        before = python_random.getstate()
        python_random.seed(seed)  # the scalar engine draws its weights as micrograd does, from Python's generator
        self.mlp = MLP(2, [16, 16, 1])
        python_random.setstate(before)

    def __call__(self, point: Iterable[float]) -> Value:
        return self.mlp([Value(x) for x in point])

    def scores(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same network on many points at once, by its matrices, without a graph."""
        h, layers = points, self._layers()
        for index, (weight, bias) in enumerate(layers):
            h = h @ weight.T + bias
            h = np.maximum(h, 0) if index < len(layers) - 1 else h
        return h[:, 0]

    def parameters(self) -> list[Value]:
        return self.mlp.parameters()

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        for k, layer in enumerate(self.mlp.layers):
            for j, neuron in enumerate(layer.neurons):
                for i, weight in enumerate(neuron.w):
                    yield f"layers.{k}.weight[{j}, {i}]", weight
                yield f"layers.{k}.bias[{j}]", neuron.b

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        state = {}
        for k, (weight, bias) in enumerate(self._layers()):
            state[f"layers.{k}.weight"], state[f"layers.{k}.bias"] = weight, bias
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for k, layer in enumerate(self.mlp.layers):
            for j, neuron in enumerate(layer.neurons):
                neuron.b.data = float(state[f"layers.{k}.bias"][j])
                for i, weight in enumerate(neuron.w):
                    weight.data = float(state[f"layers.{k}.weight"][j, i])

    def train(self, mode: bool = True) -> None: ...
    def eval(self) -> None: ...

    def _layers(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        return [
            (np.array([[w.data for w in neuron.w] for neuron in layer.neurons], np.float64),
             np.array([neuron.b.data for neuron in layer.neurons], np.float64))
            for layer in self.mlp.layers
        ]  # fmt: skip


class ScalarSGD:
    """Gradient descent on `Value`s: `p.data -= lr * p.grad`. The rate is one, too, so that compiled steps see it change."""

    def __init__(self, parameters: list[Value], lr: float) -> None:
        self.parameters = parameters
        self.lr = Value(lr)

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = 0.0

    def step(self) -> None:
        for parameter in self.parameters:
            parameter.data -= self.lr.data * parameter.grad

    def state_dict(self) -> dict[str, Any]:
        return {"state": {}, "param_groups": [{"lr": self.lr.data}]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.lr.data = state["param_groups"][0]["lr"]
