"""What `detect` is compared with: logistic regression on the pixels of windows that slide over the picture."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..data.boxes import Boxes, iou, nms
from ..data.pictures import resized

_SIDES, _STEP, _PIXELS = (16, 19, 22, 26, 31), 3, 12
_BACKGROUND = 4  # windows of each picture to learn from that hold no digit


def sliding_windows(pictures: NDArray[np.float32], truth: Boxes, test: NDArray[np.float32]) -> Boxes:
    """What scikit-learn's logistic regression finds in `test` after learning from the boxes in `pictures`, (n, height, width).

    Windows of five sizes are brought to 12 × 12 pixels, less their mean and over their deviation. The box of a class is as wide
    and high in a window as its boxes are on average.
    """
    from sklearn.linear_model import LogisticRegression

    crops, labels = _examples(pictures, truth)
    fitted = LogisticRegression(C=0.01, max_iter=200, tol=1e-3).fit(_normal(crops), labels)
    sizes = truth.box[:, 2:] - truth.box[:, :2]
    shapes = sizes / sizes.max(axis=1, keepdims=True)
    shares = np.stack([shapes[truth.label == label].mean(axis=0) for label in range(labels.max())])
    height, width = test[0].shape
    places = [
        (x, y, side)
        for side in _SIDES
        for y in range(0, height - side + 1, _STEP)
        for x in range(0, width - side + 1, _STEP)
    ]
    corners, sides = np.array(places)[:, :2], np.array(places)[:, 2:]
    rows: list[tuple[int, int, NDArray[np.float64], float]] = []
    for number, picture in enumerate(test):
        chances = fitted.predict_proba(_normal(_windows(picture)))[:, :-1]
        label, score = chances.argmax(axis=1), chances.max(axis=1)
        best = np.argsort(-score, kind="stable")[:200]
        half = shares[label] * sides / 2
        boxes = np.concatenate([corners + sides / 2 - half, corners + sides / 2 + half], axis=1)
        kept = best[nms(boxes[best], score[best], 0.3)][:20]
        rows += [(number, int(label[k]), boxes[k], float(score[k])) for k in kept]
    picture, label, box, score = zip(*rows, strict=True)
    return Boxes(np.array(picture), np.array(label), np.array(box), np.array(score))


def _examples(pictures: NDArray[np.float32], truth: Boxes) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Square windows around the digits, and some without: 12 × 12 pixels each, and their classes, the last being no digit."""
    draw, margin = np.random.default_rng(0), max(_SIDES)
    background = int(truth.label.max()) + 1
    padded = np.pad(pictures, ((0, 0), (margin, margin), (margin, margin)))
    crops: list[NDArray[np.float32]] = []
    labels: list[int] = []

    def cut(picture: int, x: float, y: float, side: int, label: int) -> None:
        left, top = round(x) + margin, round(y) + margin
        crops.append(resized(padded[picture, top : top + side, left : left + side], (_PIXELS, _PIXELS)))
        labels.append(label)

    for picture, label, box, _ in zip(*truth, strict=True):
        side = int(max(box[2:] - box[:2]))
        x, y = (box[:2] + box[2:] - side) / 2
        cut(int(picture), x, y, side, int(label))
    for picture in range(len(pictures)):
        for _ in range(_BACKGROUND):
            side = int(draw.choice(_SIDES))
            x, y = draw.integers(0, pictures.shape[2] - side + 1), draw.integers(0, pictures.shape[1] - side + 1)
            overlaps = iou(np.array([[x, y, x + side, y + side]]), truth.box[truth.picture == picture])
            if overlaps.max(initial=0) < 0.3:
                cut(picture, x, y, side, background)
    return np.stack(crops), np.array(labels)


def _windows(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """All windows of all sizes, row by row: (windows, 12, 12)."""
    found = [sliding_window_view(picture, (side, side))[::_STEP, ::_STEP] for side in _SIDES]
    return np.concatenate([resized(x, (_PIXELS, _PIXELS)).reshape(-1, _PIXELS, _PIXELS) for x in found])


def _normal(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = windows.reshape(len(windows), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / (flat.std(axis=1, keepdims=True) + 0.05)
