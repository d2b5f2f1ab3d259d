"""Pictures with several digits on clutter, and the box around each: made of pictures of single digits, by a random generator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from .boxes import Boxes, iou

SIDE = 64  # pixels of a scene
_SMALLEST, _LARGEST = 16, 32  # pixels of a digit's longer side
_CANVAS = 48  # room for a digit that was turned and scaled
_INK = 0.25  # above which a pixel belongs to a digit


def compose(
    digits: NDArray[np.float32], labels: NDArray[np.int64], count: int, draw: np.random.Generator
) -> tuple[NDArray[np.float32], Boxes]:
    """`count` pictures (count, 64, 64) of numbers from 0 to 1, each with 1 to 4 of the `digits` (n, height, width), and boxes.

    Digits are scaled to between 16 and 32 pixels, stretched, turned by up to 15°, and are more or less bright; their boxes hardly
    overlap. Behind them are a slope of brightness, lines, rings, small fragments of digits, and noise.

    >>> from microgradient.data.datasets import load_digits
    >>> pictures, boxes = compose(*load_digits(), 3, np.random.default_rng(0))
    >>> pictures.shape, sorted(set(boxes.picture.tolist()))
    ((3, 64, 64), [0, 1, 2])
    """
    pictures = np.empty((count, SIDE, SIDE), np.float32)
    rows: list[tuple[int, int, NDArray[np.int64]]] = []
    for k in range(count):
        picture = _clutter(digits, draw)
        boxes: list[NDArray[np.int64]] = []
        for _ in range(draw.integers(1, 5)):
            number = int(draw.integers(len(digits)))
            shape = _shaped(digits[number], draw.uniform(_SMALLEST, _LARGEST), draw)
            box = _place(shape.shape, boxes, draw)
            if box is not None:
                boxes.append(box)
                rows.append((k, int(labels[number]), box))
                part = picture[box[1] : box[3], box[0] : box[2]]
                np.maximum(part, shape * draw.uniform(0.6, 1), out=part)
        noise = draw.normal(0, draw.uniform(0.02, 0.1), picture.shape)
        pictures[k] = np.clip(picture + noise, 0, 1)
    places, names, edges = zip(*rows, strict=True)
    return pictures, Boxes(np.array(places), np.array(names), np.array(edges, np.float32), np.ones(len(rows)))


def _shaped(digit: NDArray[np.float32], size: float, draw: np.random.Generator) -> NDArray[np.float32]:
    """A digit turned, stretched, and scaled until its ink's longer side is about `size`, cut out along its ink."""
    ys, xs = np.nonzero(digit > _INK)
    height, width = np.ptp(ys) + 1, np.ptp(xs) + 1
    angle, stretch = draw.uniform(-15, 15) * np.pi / 180, np.exp(draw.uniform(-0.15, 0.15, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn * (max(height, width) / size * stretch)
    middle = np.array([ys.min() + ys.max(), xs.min() + xs.max()]) / 2
    offset = middle - matrix @ np.full(2, (_CANVAS - 1) / 2)
    drawn: NDArray[np.float32] = affine_transform(digit, matrix, offset, (_CANVAS, _CANVAS), order=1)
    ys, xs = np.nonzero(drawn > _INK * drawn.max())
    return drawn[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]


def _place(shape: tuple[int, ...], others: list[NDArray[Any]], draw: np.random.Generator) -> NDArray[np.int64] | None:
    """A box for a digit of this shape that overlaps no other by more than a little; None if ten draws find none."""
    height, width = shape
    for _ in range(10):
        x, y = int(draw.integers(SIDE - width + 1)), int(draw.integers(SIDE - height + 1))
        box = np.array([x, y, x + width, y + height])
        if not others or iou(box[None], np.stack(others)).max() < 0.02:
            return box
    return None


def _clutter(digits: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    """What is behind the digits. Strokes cross the whole picture or are round, and fragments are small: none is a digit."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    slope = draw.uniform(-0.15, 0.15, 2)
    picture = draw.uniform(0, 0.25) + slope[0] * (y / SIDE - 0.5) + slope[1] * (x / SIDE - 0.5)
    for _ in range(draw.integers(0, 4)):  # lines
        angle, (px, py) = draw.uniform(0, np.pi), draw.uniform(0, SIDE, 2)
        away = np.abs((x - px) * np.sin(angle) - (y - py) * np.cos(angle))
        picture = np.maximum(picture, draw.uniform(0.2, 0.6) * np.clip(draw.uniform(0.7, 1.8) - away, 0, 1))
    for _ in range(draw.integers(0, 2)):  # rings, larger than a 0
        away = np.abs(np.hypot(x - draw.uniform(0, SIDE), y - draw.uniform(0, SIDE)) - draw.uniform(20, 40))
        picture = np.maximum(picture, draw.uniform(0.2, 0.6) * np.clip(1.2 - away, 0, 1))
    for _ in range(draw.integers(0, 7)):  # fragments
        digit, side = digits[draw.integers(len(digits))], int(draw.integers(4, 8))
        rows, columns = (int(draw.integers(n - min(side, n) + 1)) for n in digit.shape)
        part = digit[rows : rows + side, columns : columns + side] * draw.uniform(0.4, 1)
        top, left = draw.integers(SIDE - side, size=2)
        under = picture[top : top + part.shape[0], left : left + part.shape[1]]
        np.maximum(under, part, out=under)
    return np.asarray(picture, np.float32)
