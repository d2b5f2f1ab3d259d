"""What recipes that tell pictures apart share: their predictor, its scores, and the picture of what it confuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.pictures import read_labelled, read_pictures
from ..functions import softmax
from ..nn.functional import cross_entropy
from ..tensor import Tensor
from ..train.inputs import as_numbers
from ..train.pictures import draw_confusion
from ..train.predictor import Predictor
from ..train.recipe import Metric

_AT_ONCE = 250  # pictures: what the layers of more would keep doesn't fit into the caches


class PicturePredictor(Predictor):
    """Grey pictures (pictures, height, width) of 0 … 1, bright on dark, to the class of each and the probabilities of all.

    A subclass makes the model, which gives logits for (pictures, 1, height, width). `details` has the `classes`, the `shape` and
    `white`, up to which whole numbers in files count.
    """

    takes: ClassVar[str] = "pictures (PNG or .npy)"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.classes: list[str] = details["classes"]
        self.shape: tuple[int, int] = tuple(details["shape"])

    def predict(self, inputs: Any) -> dict[str, Any]:
        """The classes' names, and their probabilities, (pictures, classes)."""
        probabilities = np.asarray(softmax(Tensor(self.logits(inputs)), axis=1).data)
        return {"class": [self.classes[i] for i in probabilities.argmax(axis=1)], "probabilities": probabilities}

    def logits(self, pictures: Any) -> NDArray[np.float32]:
        """The model's scores of all classes, (pictures, classes)."""
        x = as_numbers(pictures, ("pictures", *self.shape))[:, None]
        with self.inference():
            return np.concatenate([self.model(Tensor(x[i : i + _AT_ONCE])).data for i in range(0, len(x), _AT_ONCE)])

    def read(self, names: Sequence[str]) -> NDArray[np.float32]:
        self.names, pictures = read_pictures(names, self.shape, self.details["white"])
        return pictures

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        pairs = zip(predicted["class"], predicted["probabilities"], strict=True)
        return ["picture", "class", "probability"], [
            [self.name_of(k), name, f"{p.max():.4f}"] for k, (name, p) in enumerate(pairs)
        ]

    def evaluate(self, path: str) -> list[Metric]:
        return self.scores(*read_labelled(path, self.shape, len(self.classes), self.details["white"]))

    def scores(self, pictures: Any, labels: NDArray[np.int64]) -> list[Metric]:
        """Accuracy and loss, where the classes' numbers are known."""
        logits = self.logits(pictures)
        loss = cross_entropy(Tensor(logits), Tensor(labels))
        accuracy = float((logits.argmax(axis=1) == labels).mean())
        return [Metric("test accuracy", accuracy, "%"), Metric("test loss", float(loss.data), "nats")]

    def draw_confusion(self, figure: Any, pictures: Any, labels: NDArray[np.int64]) -> None:
        """How often each class was taken for each other one."""
        draw_confusion(figure, labels, self.logits(pictures).argmax(axis=1), self.classes)
