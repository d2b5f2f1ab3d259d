"""`two-layer`: a 2-2-1 network by hand and by the engine, on four points.

The program this recipe puts right trains a network of two inputs, two hidden units (ReLU) and one output (sigmoid) on
four points by Adam and mean squared error. Five things keep it from working:

1. the weights are local to the function that builds the model, and used outside of it;
2. the backward function reads `h1`, `a1`, `h2` and `x`, which belong to the forward function;
3. its products are the wrong way round: for `h = x W` it is `dW = xᵀ dh` and `da = dh Wᵀ`, and the ReLU's
   derivative multiplies `dh` element by element (and it is never called: the loop uses the tape's gradients);
4. the predictions have shape (4, 1) and the targets (4,), so their difference has shape (4, 4): every prediction is
   compared with every target, and the best answer becomes the mean of the targets, 0.75, everywhere;
5. all inputs are positive, so a hidden unit that draws two negative weights is off for every point, has derivative
   zero for ever, and with two such units the network is a constant.

Here the parameters live in a module, the engine differentiates, targets have shape (4, 1), and hidden weights are drawn
again until each unit is on for every point: one that is on for some of them only may yet be pulled off for all. The
gradients by hand, put right, are in the tests, beside the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn
from ..data.numeric_csv import read_points
from ..language import translate
from ..nn.functional import mse_loss
from ..tensor import Tensor
from ..train.inputs import as_numbers
from ..train.options import Options
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe

X = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]], np.float32)
Y = np.array([[0], [1], [1], [1]], np.float32)
X_TEST = np.array([[0.2, 0.4], [0.6, 0.8], [0.9, 1.1]], np.float32)
Y_TEST = np.array([[0], [1], [1]], np.float32)


class TwoLayerPredictor(Predictor):
    """Points (points, 2) to numbers (points, 1), above a half for those of class 1."""

    takes: ClassVar[str] = "a CSV file of two numbers a line"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        hidden = nn.Linear(2, 2)
        while not (hidden(Tensor(X)).data > 0).all():
            hidden = nn.Linear(2, 2)
        self.model = nn.Sequential(hidden, nn.ReLU(), nn.Linear(2, 1), nn.Sigmoid())

    def predict(self, inputs: Any) -> NDArray[np.float32]:
        with self.inference():
            return np.asarray(self.model(Tensor(as_numbers(inputs, ("points", 2)))).data)

    def read(self, names: Sequence[str]) -> NDArray[np.float64]:
        return read_points(names)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        return ["x", "y", "class", "output"], [
            [*point, int(p > 0.5), f"{p:.4f}"] for point, p in zip(inputs.tolist(), predicted[:, 0], strict=True)
        ]


class TwoLayer(Recipe):
    """Two inputs, two hidden units, one output; all four points in each step.

    Run it by `microgradient train two-layer`.
    """

    name: ClassVar[str] = "two-layer"
    summary: ClassVar[str] = "two layers on four points: the smallest network that learns something"
    defaults: ClassVar[Options] = Options(epochs=1000, batch_size=4, lr=0.01, optimizer="adam", model="mlp")
    models: ClassVar[tuple[str, ...]] = ("mlp",)
    worked_examples: ClassVar[int] = 4
    loss_unit: str = "MSE"
    predictor_class: ClassVar[type[Predictor]] = TwoLayerPredictor
    train_size = len(X)
    data = (X, Y, X_TEST, Y_TEST)

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.predictor = TwoLayerPredictor({})
        self.model = self.predictor.model

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return Tensor(X[examples]), Tensor(Y[examples])

    def batch_loss(self, points: Tensor, targets: Tensor) -> Tensor:
        return mse_loss(self.model(points), targets)

    def evaluate(self) -> list[Metric]:
        predicted = self.predictor.predict(X_TEST)
        right = (predicted > 0.5) == (Y_TEST > 0.5)
        return [Metric("test accuracy", float(right.mean()), "%"),
                Metric("test loss", float(np.mean((predicted - Y_TEST) ** 2)), "MSE")]  # fmt: skip

    def description(self) -> list[str]:
        return [translate("4 points to learn from, 3 held out")]

    def report(self) -> list[str]:
        lines = []
        for title, points, targets in ((translate("learnt"), X, Y), (translate("held out"), X_TEST, Y_TEST)):
            for x, y, p in zip(points, targets, self.model(Tensor(points)).data, strict=True):
                verdict = translate("right" if (p[0] > 0.5) == (y[0] > 0.5) else "wrong")
                lines.append(
                    translate(f"{title}: ({x[0]:.1f}, {x[1]:.1f}) is {y[0]:.0f}, predicted {p[0]:.3f}, {verdict}")
                )
        last = translate(
            "(0.2, 0.4), which is 0, lies nearer to (0.3, 0.4), which is 1, than to the only 0 shown, (0.1, 0.2)"
        )
        return [*lines, last]
