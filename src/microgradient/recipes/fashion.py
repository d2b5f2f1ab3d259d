"""`fashion`: tell pictures of 28 × 28 pixels apart by a residual network: clothes, or handwritten digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import nn, random
from ..data.idx import load_pictures
from ..functions import mean
from ..language import listed, translate
from ..nn.functional import cross_entropy, relu
from ..tensor import Tensor
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe
from .picture_classes import PicturePredictor

_MARGIN = 2  # pixels by which a picture is moved at most
_BASELINE = 10_000  # pictures that the baseline learns from: of all 60,000 it would learn for longer than the network


@dataclass(frozen=True, kw_only=True)
class FashionOptions(Options):
    """What the recipe `fashion` may be asked beyond what all are."""

    data: str | None = option(None, "Pictures of your own: four IDX files, named as MNIST's.", metavar="FOLDER")
    pictures: str | None = option(
        None,
        "Fashion-MNIST or 5,000 digits of MNIST.  [default: clothes where dataset-fashion-mnist is installed, else digits]",
        choices=("clothes", "digits"),
    )
    width: int = option(24, "Channels of the first layers; the others have twice and four times as many.", least=1)


class Residual(nn.Module):
    """relu(shortcut(x) + norm(conv(relu(norm(conv(x)))))). He, Zhang, Ren and Sun, "Deep Residual Learning" (2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        h = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(h)))


class ResNet(nn.Module):
    """Pictures (N, 1, height, width) to logits (N, classes): three residual blocks, each of the last two halving the picture."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential(
            Residual(width, width, 1), Residual(width, 2 * width, 2), Residual(2 * width, 4 * width, 2)
        )
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(mean(self.blocks(self.stem(x)), axis=(2, 3))))


class FashionPredictor(PicturePredictor):
    """Pictures to the class of each, by a residual network."""

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.model = ResNet(details["width"], len(self.classes))


class Fashion(Recipe):
    """Each time a picture is shown it is moved by up to two pixels each way; clothes are also shown as in a mirror, one time in
    two. The sizes, the rate and its decay were chosen on a part of the pictures to learn from.

    Run it by `microgradient train fashion`.
    """

    name: ClassVar[str] = "fashion"
    field: ClassVar[str] = "pictures"
    needs: ClassVar[tuple[str, ...]] = ("sklearn",)
    summary: ClassVar[str] = "clothes (Fashion-MNIST) or handwritten digits, 28 × 28 pixels, by a residual network"
    defaults: ClassVar[FashionOptions] = FashionOptions(
        epochs=14, batch_size=64, lr=3e-3, optimizer="adamw", model="resnet"
    )
    models: ClassVar[tuple[str, ...]] = ("resnet",)
    predictor_class: ClassVar[type[Predictor]] = FashionPredictor

    def __init__(self, options: FashionOptions) -> None:
        super().__init__(options)
        self.pictures_data = data = load_pictures(options.data, options.pictures, options.seed)
        self.data = data[:4]
        self.train_size = len(data.train_x)
        self.mirrored = "shirt" in data.classes
        self.padded = np.pad(data.train_x, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
        self.test_pictures: NDArray[np.float32] = data.test_x.astype(np.float32) / np.float32(255)
        self.width = options.width
        self.predictor = FashionPredictor(self.details())
        self.model = self.predictor.model
        self.baseline = _logistic_regression(data.train_x, data.train_y, data.test_x, data.test_y)

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return Tensor(self._moved(examples)[:, None]), Tensor(self.pictures_data.train_y[examples])

    def batch_loss(self, pictures: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(self.model(pictures), labels, label_smoothing=0.05)

    def evaluate(self) -> list[Metric]:
        accuracy, loss = self.predictor.scores(self.test_pictures, self.pictures_data.test_y)
        return [accuracy, Metric("baseline accuracy", self.baseline, "%"), loss]

    def learning_rate(self, epoch: int) -> float:
        """Four fifths of that of the epoch before: the network has come to rest after about 14 epochs."""
        return self.options.lr * 0.8**epoch

    def details(self) -> dict[str, Any]:
        data = self.pictures_data
        return {"classes": data.classes, "width": self.width, "shape": list(data.train_x.shape[1:]), "white": 255}

    def description(self) -> list[str]:
        data = self.pictures_data
        size, names = " × ".join(map(str, data.train_x.shape[1:])), ", ".join(data.classes)
        return [
            translate(
                f"{len(data.train_x):,} pictures of {size} pixels to learn from, {len(data.test_x):,} held out, of "
                f"{len(data.classes)} classes: {names}",
                names,
            ),
            translate(
                f"to beat: logistic regression (scikit-learn) on the pixels of {min(len(data.train_x), _BASELINE):,} of them "
                f"gets {100 * self.baseline:.2f} % right"
            ),
        ]

    def report(self) -> list[str]:
        data = self.pictures_data
        guesses = self.predictor.logits(self.test_pictures).argmax(axis=1)
        recalls = [float((guesses[data.test_y == c] == c).mean()) for c in range(len(data.classes))]
        hardest = sorted(range(len(recalls)), key=recalls.__getitem__)[:3]
        found = (translate(f"{data.classes[c]} ({100 * recalls[c]:.1f} % found)", data.classes[c]) for c in hardest)
        return [translate("hardest: ") + listed(found)]

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        held_out = self.test_pictures, self.pictures_data.test_y
        return {"confusion": lambda figure: self.predictor.draw_confusion(figure, *held_out)}

    def _moved(self, examples: NDArray[np.int64]) -> NDArray[np.float32]:
        """Training pictures as they are shown: a window of the padded picture, perhaps in a mirror."""
        corner = random.integers(0, 2 * _MARGIN + 1, (2, len(examples))).data
        height, width = self.pictures_data.train_x.shape[1:]
        columns = np.broadcast_to(np.arange(width), (len(examples), width))
        if self.mirrored:
            turned = random.integers(0, 2, (len(examples),)).data.astype(bool)
            columns = np.where(turned[:, None], columns[:, ::-1], columns)
        rows = corner[0][:, None, None] + np.arange(height)[:, None]
        return self.padded[examples[:, None, None], rows, corner[1][:, None, None] + columns[:, None]] / np.float32(255)


def _logistic_regression(x: Any, y: Any, test_x: Any, test_y: Any) -> float:
    """Accuracy of logistic regression on the pixels of the first pictures."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=0.1, max_iter=100, tol=1e-3)
    x, y = x[:_BASELINE], y[:_BASELINE]
    model.fit(x.reshape(len(x), -1) / 255, y)
    return float(model.score(test_x.reshape(len(test_x), -1) / 255, test_y))
