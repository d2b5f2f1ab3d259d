"""Boxes around things in pictures: how much they overlap, which of many to keep, and how good those that were found are.

A box is x0, y0, x1, y1: its left, upper, right and lower edge, in pixels from the picture's left upper corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .columns import MISSING
from .csv_file import read_named
from .numeric_csv import columns_of

COCO_THRESHOLDS = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
_COLUMNS = ("class", "x0", "y0", "x1", "y1")
_RECALLS = np.linspace(0, 1, 101)


class Boxes(NamedTuple):
    """Boxes in many pictures, in any order: the number of the picture each is in (n,), its class (n,), its edges (n, 4), and how
    sure its finder is (n,), which is not looked at where the boxes are the truth.

    >>> Boxes(np.array([0, 0, 1]), np.array([7, 3, 3]), np.zeros((3, 4)), np.ones(3)).of(3).picture.tolist()
    [0, 1]
    """

    picture: NDArray[np.int64]
    label: NDArray[np.int64]
    box: NDArray[Any]
    score: NDArray[Any]

    def of(self, label: int) -> Boxes:
        """Those of one class, the surest first."""
        order = np.argsort(-self.score, kind="stable")
        order = order[self.label[order] == label]
        return Boxes(*(part[order] for part in self))


NO_BOXES = Boxes(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


def iou(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The area that each box of `a` (n, 4) and each of `b` (m, 4) share, over the area that they cover together: (n, m).

    >>> iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [2, 0, 4, 2]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = np.prod(np.maximum(sides, 0), axis=2)
    both = np.prod(a[:, 2:] - a[:, :2], axis=1)[:, None] + np.prod(b[:, 2:] - b[:, :2], axis=1) - shared
    return np.divide(shared, both, out=np.zeros_like(shared), where=both > 0)


def nms(boxes: NDArray[Any], scores: NDArray[Any], threshold: float = 0.5) -> NDArray[np.int64]:
    """Non-maximum suppression: the numbers of the boxes (n, 4) to keep, the surest first; each that overlaps a surer one that is
    kept by more than `threshold` (`iou`) is left out. Of equal scores the first counts as surer.

    >>> nms(np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]]), np.array([0.8, 0.9, 0.3])).tolist()
    [1, 2]
    """
    order, kept = np.argsort(-np.asarray(scores), kind="stable"), []
    overlaps = iou(boxes, boxes) > threshold
    left_out = np.zeros(len(order), bool)
    for k in order:
        if not left_out[k]:
            kept.append(k)
            left_out |= overlaps[k]
    return np.array(kept, np.int64)


def mean_average_precision(
    truth: Boxes, found: Boxes, thresholds: Sequence[float] = COCO_THRESHOLDS
) -> tuple[float, ...]:
    """For each threshold the mean over the classes, of which there are any in the truth, of the average precision.

    The boxes found, the surest first, are each matched with that box of the truth, of the same picture and class and not yet
    matched, that they overlap most, if by at least the threshold (`iou`). Precision as a function of recall, made
    non-increasing, is averaged over the recalls 0, 0.01, …, 1, as COCO does (Lin et al. 2014, "Microsoft COCO").

    One of two things is found, a second box is beside both:

    >>> truth = Boxes(np.array([0, 0]), np.array([3, 3]), np.array([[0, 0, 8, 8], [20, 0, 28, 8]]), np.ones(2))
    >>> found = truth._replace(box=np.array([[0, 0, 8, 9], [40, 0, 48, 8]]), score=np.array([0.9, 0.8]))
    >>> [round(value, 4) for value in mean_average_precision(truth, found, [0.5, 0.95])]  # 51 of 101 recalls at precision 1
    [0.505, 0.0]
    """
    classes = np.unique(truth.label)
    if not len(classes):
        return tuple(0.0 for _ in thresholds)
    values = [_average_precisions(truth.of(label), found.of(label), thresholds) for label in classes]
    return tuple(np.mean(values, axis=0).tolist())


def read_boxes(path: Path) -> tuple[list[Path], Boxes]:
    """The pictures that a CSV file names in its column `picture`, found beside it, and the boxes around what they show: the
    columns `class`, a whole number from 0, `x0`, `y0`, `x1` and `y1`, which are empty in the row of a picture that shows
    nothing. Raises `DataError` (MG180 to MG183).
    """
    file = read_named(path, ["picture", *_COLUMNS])
    names = file.columns["picture"]
    there = np.array(
        [not MISSING.issuperset(map(str.lower, row)) for row in zip(*map(file.columns.get, _COLUMNS), strict=True)]
    )
    for name in _COLUMNS:
        file.columns[name] = [cell if box else "0" for cell, box in zip(file.columns[name], there, strict=True)]
    numbers = columns_of(file, path, _COLUMNS)[there]
    if not len(numbers):
        raise DataError("MG183", f"{path} has no box: there is nothing to find.")
    files = list(dict.fromkeys(names))
    picture = np.array([files.index(name) for name in names], np.int64)[there]
    label, box = numbers[:, 0].astype(np.int64), numbers[:, 1:]
    if (label != numbers[:, 0]).any() or (label < 0).any() or (box[:, 2:] <= box[:, :2]).any():
        raise DataError("MG182", f"{path}: classes are whole numbers from 0, x0 < x1 and y0 < y1.")
    return [path.parent / file for file in files], Boxes(picture, label, box, np.ones(len(label)))


def _average_precisions(truth: Boxes, found: Boxes, thresholds: Sequence[float]) -> list[float]:
    """Of one class, whose boxes found are in the order of their scores."""
    right = np.zeros((len(thresholds), len(found.score)), bool)
    for picture in np.unique(found.picture):
        mine = np.flatnonzero(found.picture == picture)
        overlaps = iou(found.box[mine], truth.box[truth.picture == picture])
        for k, threshold in enumerate(thresholds):
            right[k, mine] = _matched(overlaps, threshold)
    return [_average_precision(row, len(truth.label)) for row in right]


def _matched(overlaps: NDArray[Any], threshold: float) -> list[bool]:
    """For each box found, in their order, whether it takes one of the truth's that is still free."""
    free, said = np.ones(overlaps.shape[1], bool), []
    for row in overlaps:
        best = int(np.argmax(np.where(free, row, -1))) if free.any() else -1
        said.append(best >= 0 and bool(row[best] >= threshold))
        if said[-1]:
            free[best] = False
    return said


def _average_precision(right: NDArray[np.bool_], count: int) -> float:
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)  # at this recall or a higher one
    return float(best[np.searchsorted(hits / count, _RECALLS - 1e-12)].mean())
