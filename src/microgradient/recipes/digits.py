"""`digits`: tell handwritten digits apart, by a multilayer perceptron or a convolutional network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn, random, softmax
from ..data.datasets import load_digits
from ..data.pictures import read_labelled, read_pictures
from ..data.split import split
from ..nn.functional import cross_entropy
from ..tensor import Tensor
from ..train.options import Options
from ..train.pictures import draw_confusion
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe


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


class DigitsPredictor(Predictor):
    """Pictures (pictures, height, width) of 0 … 1 to the digit each shows and the probabilities of the ten."""

    takes: ClassVar[str] = "pictures of digits (PNG or .npy)"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.model = cnn() if details["model"] == "cnn" else mlp()

    def predict(self, inputs: Any) -> dict[str, NDArray[Any]]:
        """The digits, (pictures,), and their probabilities, (pictures, 10)."""
        probabilities = np.asarray(softmax(self.logits(inputs), axis=1).data)
        return {"digit": probabilities.argmax(axis=1), "probabilities": probabilities}

    def logits(self, pictures: Any) -> NDArray[np.float32]:
        """The model's scores of the ten digits, (pictures, 10)."""
        with self.inference():
            return np.asarray(self.model(Tensor(np.asarray(pictures, np.float32)[:, None])).data)

    def read(self, names: Sequence[str]) -> NDArray[np.float32]:
        return read_pictures(names, (8, 8), white=16)

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        digits, probabilities = predicted["digit"], predicted["probabilities"]
        return ["picture", "digit", "probability"], [
            [i, int(digit), f"{p.max():.4f}"] for i, (digit, p) in enumerate(zip(digits, probabilities, strict=True), 1)
        ]

    def evaluate(self, path: str) -> list[Metric]:
        pictures, digits = read_labelled(path, (8, 8), white=16)
        return _scores(self.logits(pictures), digits)


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
        return _scores(self.predictor.logits(self.images[self.test]), self.labels[self.test])

    def details(self) -> dict[str, Any]:
        return {"model": self.options.model}

    def description(self) -> list[str]:
        return [f"{self.train_size:,} pictures of 8 × 8 pixels to learn from, {len(self.test):,} held out"]

    def report(self) -> list[str]:
        guesses = self.predictor.predict(self.images[self.test])["digit"]
        truth = self.labels[self.test]
        wrong = Counter(zip(truth[guesses != truth].tolist(), guesses[guesses != truth].tolist(), strict=True))
        lines = [f"{int((guesses == truth).sum())} of {len(truth)} held-out digits right"]
        if wrong:
            said = (f"{true} as {guess}" + (f" ({count} times)" if count > 1 else "")
                    for (true, guess), count in wrong.most_common(5))  # fmt: skip
            lines[0] += ", mistaken most: " + ", ".join(said)
        return lines

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"confusion": self._draw_confusion}

    def _draw_confusion(self, figure: Any) -> None:
        guesses = self.predictor.predict(self.images[self.test])["digit"]
        draw_confusion(figure, self.labels[self.test], guesses, [str(digit) for digit in range(10)])

    def _moved(self, examples: NDArray[np.int64]) -> NDArray[np.float32]:
        """Training pictures, some of them moved: windows of the padded pictures."""
        draw = random.integers(0, 20, (2, len(examples))).data
        corner = 1 + (draw == 0) - (draw == 1)
        window = np.arange(8)
        rows, columns = corner[0][:, None, None] + window[:, None], corner[1][:, None, None] + window
        return self.padded[examples[:, None, None], rows, columns]


def _scores(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> list[Metric]:
    loss = cross_entropy(Tensor(logits), Tensor(labels))
    accuracy = float((logits.argmax(axis=1) == labels).mean())
    return [Metric("test accuracy", accuracy, "%"), Metric("test loss", float(loss.data), "nats")]
