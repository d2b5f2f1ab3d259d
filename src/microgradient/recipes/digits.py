"""`digits`: tell handwritten digits apart, by a multilayer perceptron or a convolutional network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn, random
from ..data.datasets import load_digits
from ..data.split import split
from ..language import listed, translate
from ..nn.functional import cross_entropy
from ..tensor import Tensor
from ..train.options import Options
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe
from .picture_classes import PicturePredictor


def mlp() -> nn.Sequential:
    """64 pixels → 512 → 256 → 10 logits."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10)
    )


def cnn() -> nn.Sequential:
    """Two 3 × 3 convolutions, halve the picture, one more, halve it again, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


class DigitsPredictor(PicturePredictor):
    """Pictures of 8 × 8 pixels to the digit each shows."""

    takes: ClassVar[str] = "pictures of digits (PNG or .npy)"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.model = cnn() if details["model"] == "cnn" else mlp()


class Digits(Recipe):
    """A fifth of the pictures, of each digit, is held out. Each time a picture is shown it may be moved, with one chance
    in ten by a pixel sideways and with one in ten up or down, as no two people put a digit in quite the same place.
    Sizes, rates and chances were chosen on a part of the training pictures; the held-out ones had no say.

    Run it by `microgradient train digits --model cnn`.
    """

    name: ClassVar[str] = "digits"
    field: ClassVar[str] = "pictures"
    summary: ClassVar[str] = "handwritten digits, 8 × 8 pixels, by an MLP or a CNN (--model mlp|cnn)"
    defaults: ClassVar[Options] = Options(epochs=50, batch_size=64, lr=4e-3, optimizer="adam", model="mlp")
    models: ClassVar[tuple[str, ...]] = ("mlp", "cnn")
    worked_examples: ClassVar[int] = 4
    lr_decay: ClassVar[float] = 0.1
    predictor_class: ClassVar[type[Predictor]] = DigitsPredictor

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.images, self.labels = self.data = load_digits()
        self.training, self.test = split(len(self.labels), 0.2, options.seed, self.labels)
        self.train_size = len(self.training)
        self.padded = np.pad(self.images[self.training], ((0, 0), (1, 1), (1, 1)))
        self.predictor = DigitsPredictor(self.details())
        self.model = self.predictor.model

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return Tensor(self._moved(examples)[:, None]), Tensor(self.labels[self.training[examples]])

    def batch_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(self.model(images), labels)

    def evaluate(self) -> list[Metric]:
        return self.predictor.scores(self.images[self.test], self.labels[self.test])

    def details(self) -> dict[str, Any]:
        classes = [str(digit) for digit in range(10)]
        return {"model": self.options.model, "classes": classes, "shape": [8, 8], "white": 16}

    def description(self) -> list[str]:
        return [translate(f"{self.train_size:,} pictures of 8 × 8 pixels to learn from, {len(self.test):,} held out")]

    def report(self) -> list[str]:
        guesses = self.predictor.logits(self.images[self.test]).argmax(axis=1)
        truth = self.labels[self.test]
        wrong = Counter(zip(truth[guesses != truth].tolist(), guesses[guesses != truth].tolist(), strict=True))
        line = translate(f"{int((guesses == truth).sum())} of {len(truth)} held-out digits right")
        if wrong:
            line += translate(", mistaken most: ")
            line += listed(
                translate(f"{true} as {guess} ({count} times)") if count > 1 else f"{true} {translate('as')} {guess}"
                for (true, guess), count in wrong.most_common(5)
            )
        return [line]

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        held_out = self.images[self.test], self.labels[self.test]
        return {"confusion": lambda figure: self.predictor.draw_confusion(figure, *held_out)}

    def _moved(self, examples: NDArray[np.int64]) -> NDArray[np.float32]:
        """Training pictures, some of them moved: windows of the padded pictures."""
        draw = random.integers(0, 20, (2, len(examples))).data
        corner = 1 + (draw == 0) - (draw == 1)
        window = np.arange(8)
        rows, columns = corner[0][:, None, None] + window[:, None], corner[1][:, None, None] + window
        return self.padded[examples[:, None, None], rows, columns]
