"""`detect`: find handwritten digits in cluttered pictures, and say which they are, by one look of a convolutional network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn, random
from ..data.boxes import NO_BOXES, Boxes, mean_average_precision, read_boxes
from ..data.idx import load_mnist
from ..data.pictures import read_sizes, resized
from ..data.scenes import SIDE, compose
from ..data.split import split
from ..errors import DataError
from ..language import translate
from ..nn.functional import interpolate, relu
from ..tensor import Tensor
from ..train.inputs import as_arrays
from ..train.options import Options
from ..train.pictures import draw_boxes
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe
from .detect_baseline import sliding_windows
from .detect_boxes import STRIDE, assigned, box_edges, focal_loss, giou_loss, kept
from .fashion import Residual

CLASSES = 10
RARE = -math.log(99)  # what is added to logits: at first one cell in a hundred is thought to be of a class
UNIT = 8.0  # pixels that an output of 1 stands for, in distances
_SCENES, _VALIDATION, _TEST = 4096, 200, 500
_AT_ONCE = 50


class Detector(nn.Module):
    """Pictures (N, 1, H, W) to a logit of each class, (N, 10, H/4, W/4), and the distances in pixels from the middle of each cell
    of 4 × 4 pixels to a box's edges, (N, 4, H/4, W/4), as in FCOS (Tian et al. 2019). What the network sees at an eighth of the
    resolution is joined with what it saw at a quarter (Lin et al. 2017, "Feature pyramid networks").
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, width // 2, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width // 2), nn.ReLU()
        )
        self.fine, self.quarter = Residual(width // 2, width // 2, 1), Residual(width // 2, 2 * width, 2)
        self.eighth = nn.Sequential(Residual(2 * width, 3 * width, 2), Residual(3 * width, 3 * width, 1))
        self.down = nn.Conv2d(3 * width, 2 * width, 1)
        self.joined = Residual(2 * width, 2 * width, 1)
        self.classes = nn.Conv2d(2 * width, CLASSES, 3, padding=1)
        self.distances = nn.Conv2d(2 * width, 4, 3, padding=1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        near = self.quarter(self.fine(self.stem(pictures)))
        far = interpolate(self.down(self.eighth(near)), scale_factor=2)
        h = self.joined(relu(near + far))
        return RARE + self.classes(h), UNIT * nn.functional.softplus(self.distances(h))


class DetectPredictor(Predictor):
    """Pictures of any size to the digits in them: the picture of each, its class, box and score."""

    takes: ClassVar[str] = "pictures (PNG or .npy)"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.model = Detector()

    def predict(self, inputs: Any) -> dict[str, Any]:
        """`picture` (n,), `label` (n,), `box` (n, 4) in pixels of that picture, `score` (n,), by picture, the surest first.

        A picture is scaled until its longer side has 64 pixels, as those that were learnt from.
        """
        inputs = as_arrays(inputs, ("height", "width"), "picture")
        scales = [max(np.shape(picture)) / SIDE for picture in inputs]
        scenes = np.zeros((len(scales), SIDE, SIDE), np.float32)
        for scene, picture, scale in zip(scenes, inputs, scales, strict=True):
            height, width = (max(1, round(n / scale)) for n in np.shape(picture))
            scene[:height, :width] = resized(picture, (height, width))
        found = self.found(scenes)
        factors = np.array(scales, np.float32)[found.picture, None]
        limits = np.array([np.shape(picture)[::-1] * 2 for picture in inputs], np.float32).reshape(-1, 4)
        return found._replace(box=np.clip(found.box * factors, 0, limits[found.picture]))._asdict()

    def found(self, scenes: NDArray[np.float32]) -> Boxes:
        """What is found in pictures (n, 64, 64)."""
        parts = [NO_BOXES]
        with self.inference():
            for start in range(0, len(scenes), _AT_ONCE):
                logits, distances = self.model(Tensor(scenes[start : start + _AT_ONCE, None]))
                chances, edges = mg.sigmoid(logits).data, box_edges(distances).data
                parts += [kept(start + k, *pair) for k, pair in enumerate(zip(chances, edges, strict=True))]
        return Boxes(*map(np.concatenate, zip(*parts, strict=True)))

    def read(self, names: Sequence[str]) -> list[NDArray[np.float32]]:
        found = read_sizes(names)
        self.names = [picture.name for picture in found]
        return [picture.pixels for picture in found]

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        columns = zip(predicted["picture"], predicted["label"], predicted["score"], predicted["box"], strict=True)
        return ["picture", "class", "score", "x0", "y0", "x1", "y1"], [
            [self.name_of(int(k)), int(label), f"{score:.4f}", *(f"{edge:.1f}" for edge in box)]
            for k, label, score, box in columns
        ]

    def evaluate(self, path: str) -> list[Metric]:
        names, truth = read_boxes(Path(path))
        if (strange := int(truth.label.max())) >= CLASSES:
            raise DataError("MG182", f"{path} has the class {strange}; those of the model are 0 to {CLASSES - 1}.")
        inputs = [read_sizes([str(name)])[0].pixels for name in names]
        return scores(truth, Boxes(**self.predict(inputs)))


class Detect(Recipe):
    """Each picture to learn from is made anew, of digits of the training part; a fifth of the digits is held out for the
    pictures that are scored, and an eighth of the others makes those that choose the epoch. The baseline is scikit-learn's
    logistic regression on windows that slide over the picture. Sizes and rates were chosen with other seeds, on the pictures
    that choose.

    Run it by `microgradient train detect`.
    """

    name: ClassVar[str] = "detect"
    field: ClassVar[str] = "pictures"
    needs: ClassVar[tuple[str, ...]] = ("sklearn",)
    summary: ClassVar[str] = (
        "where handwritten digits are in cluttered pictures, and which: boxes by a one-stage detector"
    )
    defaults: ClassVar[Options] = Options(epochs=14, batch_size=16, lr=2e-3, optimizer="adamw", model="fcos")
    models: ClassVar[tuple[str, ...]] = ("fcos",)
    predictor_class: ClassVar[type[Predictor]] = DetectPredictor
    lr_decay: ClassVar[float] = 0.3
    clip_norm: float | None = 10.0

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        x, y = load_mnist()
        self.digits: NDArray[np.float32] = x.astype(np.float32) / np.float32(255)
        self.labels = y
        learning, self.test_digits = split(len(y), 0.2, options.seed, y)
        training, validating = split(len(learning), 0.125, options.seed, y[learning])
        self.training, self.validating_digits = learning[training], learning[validating]
        self.train_size = _SCENES
        self.validating = self._composed(self.validating_digits, _VALIDATION, np.random.default_rng([options.seed, 1]))
        self.test = self._composed(self.test_digits, _TEST, np.random.default_rng([options.seed, 2]))
        self.data = (x, y, self.test[0])
        self.predictor = DetectPredictor(self.details())
        self.model = self.predictor.model

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, ...]:
        draw = np.random.default_rng(random.integers(0, 2**31, (2,)).data)
        scenes, truth = self._composed(self.training, len(examples), draw)
        labels, edges = assigned(truth, len(scenes), SIDE // STRIDE)
        return Tensor(scenes[:, None]), Tensor(labels), Tensor(edges)

    def batch_loss(self, scenes: Tensor, labels: Tensor, edges: Tensor) -> Tensor:
        logits, distances = self.model(scenes)
        targets = mg.expand_dims(labels, axis=1) == Tensor(np.arange(CLASSES)[:, None, None])
        answering = mg.astype(labels >= 0, np.float32)
        boxes = giou_loss(box_edges(distances), edges) * answering
        classes = focal_loss(logits, mg.astype(targets, np.float32))
        return (mg.sum(classes) + mg.sum(boxes) / 4) / mg.maximum(mg.sum(answering), 1)

    def validation(self) -> float:
        return 1 - float(np.mean(self._precisions(*self.validating)))

    def evaluate(self) -> list[Metric]:
        scenes, truth = self.test
        return [*scores(truth, self.predictor.found(scenes)), Metric("baseline mAP@0.5", self.baseline)]

    @cached_property
    def baseline(self) -> float:
        """mAP@0.5 of logistic regression on sliding windows, which learns from 500 pictures of the training part."""
        learnt = self._composed(self.training, 500, np.random.default_rng([self.options.seed, 3]))
        return mean_average_precision(self.test[1], sliding_windows(*learnt, self.test[0]), [0.5])[0]

    def _precisions(self, scenes: NDArray[np.float32], truth: Boxes) -> tuple[float, ...]:
        return mean_average_precision(truth, self.predictor.found(scenes))

    def _composed(
        self, part: NDArray[np.int64], count: int, draw: np.random.Generator
    ) -> tuple[NDArray[np.float32], Boxes]:
        return compose(self.digits[part], self.labels[part], count, draw)

    def description(self) -> list[str]:
        return [translate(
            f"new pictures of {len(self.training):,} digits to learn from, {_VALIDATION} to choose the epoch, {_TEST} of "
            f"{len(self.test_digits):,} other digits held out"
        )]  # fmt: skip

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"boxes": lambda figure: draw_boxes(figure, self.test[0][:12], self.predictor.found(self.test[0][:12]))}


def scores(truth: Boxes, found: Boxes) -> list[Metric]:
    """Mean average precision at an overlap of 0.5, and averaged over 0.5, 0.55, …, 0.95."""
    values = mean_average_precision(truth, found)
    return [Metric("mAP@0.5", values[0]), Metric("mAP@0.5:0.95", float(np.mean(values)))]
