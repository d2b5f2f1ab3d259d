"""Boxes: overlap, suppression, mean average precision, and the losses of detectors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import microgradient as mg
from microgradient.check import check_gradients
from microgradient.data.boxes import COCO_THRESHOLDS, Boxes, iou, mean_average_precision, nms, read_boxes
from microgradient.errors import DataError
from microgradient.recipes.detect_boxes import assigned, box_edges, focal_loss, giou_loss

corners = st.tuples(*[st.integers(0, 11)] * 2, *[st.integers(1, 6)] * 2).map(
    lambda b: (*b[:2], b[0] + b[2], b[1] + b[3])
)
many = st.lists(corners, min_size=1, max_size=8).map(np.array)


def covered(box) -> np.ndarray:
    grid = np.zeros((20, 20), bool)
    grid[box[1] : box[3], box[0] : box[2]] = True
    return grid


def boxes(*rows) -> Boxes:
    """From rows of picture, class, x0, y0, x1, y1, score."""
    table = np.array(rows, float).reshape(-1, 7)
    return Boxes(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:6], table[:, 6])


@given(many, many)
@settings(max_examples=40, deadline=None)
def test_overlap_is_that_of_the_pixels(a, b):
    expected = [[(covered(p) & covered(q)).sum() / (covered(p) | covered(q)).sum() for q in b] for p in a]
    assert_allclose(iou(a, b), expected, rtol=1e-12)


def test_boxes_without_an_area_overlap_nothing():
    assert iou(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0.0]]
    assert iou(np.zeros((0, 4)), np.zeros((2, 4))).shape == (0, 2)
    assert nms(np.zeros((0, 4)), np.zeros(0)).tolist() == []


@given(many, st.randoms(use_true_random=False), st.sampled_from([0.1, 0.5, 0.9]))
@settings(max_examples=40, deadline=None)
def test_suppression_keeps_the_surest_of_each_heap(found, random, threshold):
    scores = np.array([random.choice([0.2, 0.5, 0.9]) for _ in found])
    kept, overlaps = nms(found, scores, threshold), iou(found, found)
    assert (np.diff(scores[kept]) <= 0).all()
    assert (np.triu(overlaps[np.ix_(kept, kept)], 1) <= threshold).all()
    for k in set(range(len(found))) - set(kept.tolist()):
        assert any(overlaps[k, j] > threshold and scores[j] >= scores[k] for j in kept)


def test_average_precision_worked_by_hand():
    """Three things of one class; found, the surest first: one of them, nothing, a second of them; the third never.

    Precision is 1 up to the recall 1/3, of 34 of the 101 recalls; 2/3 up to the recall 2/3, of 33; then 0.
    """
    truth = boxes((0, 2, 0, 0, 10, 10, 1), (0, 2, 20, 0, 30, 10, 1), (1, 2, 0, 0, 10, 10, 1))
    found = boxes((0, 2, 0, 0, 10, 10, 0.9), (1, 2, 40, 40, 50, 50, 0.8), (1, 2, 0, 0, 10, 8, 0.7))
    loose, tight = mean_average_precision(truth, found, [0.5, 0.9])
    assert loose == pytest.approx((34 + 33 * 2 / 3) / 101)
    assert tight == pytest.approx(34 / 101)  # the last overlaps by 0.8 only
    twice = found._replace(picture=np.zeros(3, int), box=truth.box[[0, 0, 1]])  # the same thing is found once
    assert mean_average_precision(truth, twice, [0.5])[0] == pytest.approx((34 + 33 * 2 / 3) / 101)
    other = boxes((0, 5, 0, 0, 5, 5, 1))  # of a second class nothing is found: the mean over both
    both = Boxes(*map(np.concatenate, zip(truth, other, strict=True)))
    assert mean_average_precision(both, found, [0.5])[0] == pytest.approx(loose / 2)
    assert mean_average_precision(truth, found._replace(label=found.label + 1), [0.5]) == (0.0,)
    assert mean_average_precision(truth, boxes(), [0.5]) == (0.0,)
    assert mean_average_precision(boxes(), found, [0.5]) == (0.0,)


@given(many, st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_average_precision_asks_for_order_and_overlap_only(found, seed):
    draw = np.random.default_rng(seed)
    n = len(found)
    box = found + 40 * np.arange(n)[:, None]  # apart from each other
    truth = Boxes(draw.integers(0, 3, n), draw.integers(0, 2, n), box, np.ones(n))
    perfect = truth._replace(score=draw.random(n))
    assert mean_average_precision(truth, perfect) == pytest.approx([1.0] * len(COCO_THRESHOLDS))
    moved = perfect._replace(box=box + draw.uniform(-1, 1, box.shape))
    values = np.array(mean_average_precision(truth, moved))
    assert (np.diff(values) <= 1e-12).all()  # a stricter threshold is no easier
    order = draw.permutation(n)
    shuffled = Boxes(*(part[order] for part in moved._replace(score=moved.score / 2)))
    assert_allclose(mean_average_precision(truth, shuffled), values)
    false = moved._replace(box=box + 1000, score=np.full(n, -1.0))
    assert_allclose(mean_average_precision(truth, Boxes(*map(np.concatenate, zip(moved, false, strict=True)))), values)


@given(corners, corners)
@settings(max_examples=40, deadline=None)
def test_giou_loss_is_that_of_the_pixels(a, b):
    first, second = covered(a), covered(b)
    both, common = (first | second).sum(), (first & second).sum()
    ys, xs = np.nonzero(first | second)
    hull = (np.ptp(ys) + 1) * (np.ptp(xs) + 1)
    loss = giou_loss(mg.tensor([[*map(float, a)]]), mg.tensor([[*map(float, b)]]))
    assert_allclose(loss.data, [1 - common / both + (hull - both) / hull], rtol=1e-5)


def test_losses_have_their_derivatives():
    draw = np.random.default_rng(0)
    a, b = (np.sort(draw.uniform(0, 9, (6, 4)), axis=1) for _ in range(2))  # x0 < y0 < x1 < y1
    check_gradients(lambda x, y: mg.sum(giou_loss(x, y)), mg.tensor(a), mg.tensor(b))
    logits, targets = draw.normal(0, 3, (5, 3)), (draw.random((5, 3)) < 0.3).astype(float)
    check_gradients(lambda x: mg.sum(focal_loss(x, mg.tensor(targets))), mg.tensor(logits))
    p = 1 / (1 + np.exp(-logits))
    right = np.where(targets == 1, p, 1 - p)
    expected = np.where(targets == 1, 0.3, 0.7) * (1 - right) ** 1.5 * -np.log(right)
    assert_allclose(focal_loss(mg.tensor(logits), mg.tensor(targets), 0.3, 1.5).data, expected, rtol=1e-9)
    assert_allclose(focal_loss(mg.tensor([-500.0, 500.0]), mg.tensor([1.0, 0.0])).data, [125, 375])  # and not infinite


def test_each_box_has_cells_and_they_are_its_own():
    truth = boxes((0, 3, 0, 0, 20, 20, 1), (0, 4, 8, 8, 12, 12, 1), (1, 5, 29, 0, 32, 3, 1))
    labels, edges = assigned(truth, 2, 8)
    assert {3, 4} <= set(labels[0].ravel()) <= {3, 4, -1}
    assert labels[0, 2, 2] == 4  # of two boxes the smaller
    assert labels[1].tolist()[0][7] == 5  # also where it holds no middle of a cell
    for picture, row, column in zip(*np.nonzero(labels >= 0), strict=True):
        box = edges[picture, :, row, column]
        assert box.tolist() in truth.box[truth.label == labels[picture, row, column]].tolist()
    middles = (np.arange(8) + 0.5) * 4
    x, y = middles[None, :], middles[:, None]
    distances = np.stack([x - edges[:, 0], y - edges[:, 1], edges[:, 2] - x, edges[:, 3] - y], axis=1)
    assert_allclose(box_edges(mg.tensor(distances.astype(np.float32))).data, edges, atol=1e-5)


def test_files_of_boxes_are_read_or_refused(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("picture,class,x0,y0,x1,y1\nb.png,3,0,1,2,3\na.png,4,0,0,9,9\nb.png,0,5,5,6,7.5\n")
    files, found = read_boxes(path)
    assert [file.name for file in files] == ["b.png", "a.png"]
    assert found.picture.tolist() == [0, 1, 0]
    assert found.label.tolist() == [3, 4, 0]
    assert found.box[2].tolist() == [5, 5, 6, 7.5]
    path.write_text("picture,class,x0,y0,x1,y1\nempty.png,,,,,\nb.png,3,0,1,2,3\n")
    files, found = read_boxes(path)
    assert [file.name for file in files] == ["empty.png", "b.png"]
    assert found.picture.tolist() == [1]
    for text, said in (
        ("picture,class,x0,y0,x1,y1\na.png,,,,,\n", "has no box"),
        ("picture,class,x0,y0,x1,y1\na.png,,,,,\nb.png,3,,1,2,3\n", "row 2, column 'x0': '' is missing"),
        ("class,x0,y0,x1,y1\n3,0,1,2,3\n", "lacks a column 'picture'"),
        ("picture,class,x0,y0,x1\na.png,3,0,1,2\n", "lacks a column 'y1'"),
        ("picture,class,x0,y0,x1,y1\na.png,3,5,1,2,3\n", "x0 < x1"),
        ("picture,class,x0,y0,x1,y1\na.png,3.5,1,1,2,3\n", "whole numbers"),
        ("picture,class,x0,y0,x1,y1\na.png,3,1,1,2,left\n", "'left' is not a number"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            read_boxes(path)
