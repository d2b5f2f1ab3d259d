"""What detectors that look once share: which cell of the picture answers for which box, and the losses of its answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from ..data.boxes import Boxes, nms
from ..tensor import Tensor

STRIDE = 4  # pixels of a cell's side
_SURE, _MOST = 0.05, 100  # scores of boxes that are told at all, and how many of a picture at most
_REACH = 1.5 * STRIDE  # pixels from a box's middle to those of its cells, in each direction


def _middles(cells: int) -> NDArray[np.float32]:
    return ((np.arange(cells) + 0.5) * STRIDE).astype(np.float32)


def assigned(truth: Boxes, pictures: int, cells: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The class that each cell is to say, (pictures, cells, cells), -1 for none, and the edges of its box, (pictures, 4, cells,
    cells).

    A cell answers for a box if its middle is in it, near the middle of the box (Tian et al. 2019, "FCOS", with centre sampling);
    of several boxes for the smallest. The cell in which a box's middle lies always does, unless a smaller box takes it.

    >>> truth = Boxes(np.array([0]), np.array([7]), np.array([[4.0, 4.0, 12.0, 8.0]]), np.ones(1))
    >>> assigned(truth, 1, 4)[0][0].tolist()
    [[-1, -1, -1, -1], [-1, 7, 7, -1], [-1, -1, -1, -1], [-1, -1, -1, -1]]
    """
    labels = np.full((pictures, cells, cells), -1)
    edges = np.zeros((pictures, 4, cells, cells), np.float32)
    places = _middles(cells)
    sizes = np.prod(truth.box[:, 2:] - truth.box[:, :2], axis=1)
    for k in np.argsort(-sizes, kind="stable"):
        box, near = truth.box[k], []
        for axis in (1, 0):  # rows, then columns
            low, high = box[axis], box[axis + 2]
            middle = (low + high) / 2
            inside = (places > low) & (places < high) & (np.abs(places - middle) < _REACH)
            near.append(inside | (np.arange(cells) == min(int(middle / STRIDE), cells - 1)))
        rows, columns = np.ix_(*near)
        labels[truth.picture[k], rows, columns] = truth.label[k]
        edges[truth.picture[k], :, rows, columns] = box
    return labels, edges


def box_edges(distances: Tensor) -> Tensor:
    """Distances from the middle of each cell to the left, upper, right and lower edge, (N, 4, H, W), as x0, y0, x1, y1.

    >>> box_edges(mg.ones((1, 4, 1, 2))).data[0, :, 0].T.tolist()
    [[1.0, 1.0, 3.0, 3.0], [5.0, 1.0, 7.0, 3.0]]
    """
    height, width = distances.shape[2:]
    x, y = np.broadcast_arrays(_middles(width), _middles(height)[:, None])
    signs = np.array([-1, -1, 1, 1], np.float32)[:, None, None]
    return Tensor(np.stack([x, y, x, y])) + Tensor(signs) * distances


def kept(picture: int, chances: NDArray[np.float32], edges: NDArray[np.float32]) -> Boxes:
    """The boxes of one picture's cells that are sure enough, less those that overlap surer ones by more than half, of any class:
    from the chance of each class (classes, H, W) and the edges (4, H, W).

    >>> edges = np.array([0, 0, 8, 8], np.float32)[:, None, None] + np.array([0, 1, 9], np.float32)
    >>> kept(5, np.array([[[0.6, 0.9, 0.7]]], np.float32), edges).box.tolist()
    [[1.0, 1.0, 9.0, 9.0], [9.0, 9.0, 17.0, 17.0]]
    """
    score, label = chances.max(axis=0).ravel(), chances.argmax(axis=0).ravel()
    best = np.argsort(-score, kind="stable")[:_MOST]
    best = best[score[best] > _SURE]
    box = edges.reshape(4, -1).T
    few = best[nms(box[best], score[best])]
    return Boxes(np.full(len(few), picture), label[few], box[few], score[few])


def focal_loss(logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """-α (1-p)^γ log p where the target is 1, -(1-α) p^γ log(1-p) where it is 0, with p the sigmoid of the logit; not summed.

    What is easily told, mostly background, counts little. Lin et al. 2017, "Focal loss for dense object detection".

    >>> focal_loss(mg.tensor([0.0, 0.0]), mg.tensor([1.0, 0.0])).data.round(4)  # log(2) / 4 · (0.25, 0.75)
    array([0.0433, 0.13  ], dtype=float32)
    """
    signed = logits * (2 * targets - 1)  # its sigmoid is the chance of what is right
    weights = alpha * targets + (1 - alpha) * (1 - targets)
    return weights * mg.sigmoid(-signed) ** gamma * mg.nn.functional.softplus(-signed)


def giou_loss(a: Tensor, b: Tensor) -> Tensor:
    """1 - IoU + (hull - union) / hull of boxes (N, 4, …) and (N, 4, …), from 0 for the same box to 2: (N, …).

    The hull is the smallest box around both, so that boxes apart are drawn together. Rezatofighi et al. 2019, "Generalized
    intersection over union".

    >>> a, b = mg.tensor([[0.0, 0.0, 1.0, 1.0]]), mg.tensor([[2.0, 0.0, 3.0, 1.0]])
    >>> round(giou_loss(a, b).item(), 4)  # they share nothing, and the hull is 3, of which they cover 2
    1.3333
    """
    shared = mg.relu(mg.minimum(a[:, 2:], b[:, 2:]) - mg.maximum(a[:, :2], b[:, :2]))
    hull = mg.maximum(a[:, 2:], b[:, 2:]) - mg.minimum(a[:, :2], b[:, :2])
    common, whole = shared[:, 0] * shared[:, 1], hull[:, 0] * hull[:, 1]
    union = _area(a) + _area(b) - common
    tiny = 1e-9  # for boxes without an area
    return 1 - common / (union + tiny) + (whole - union) / (whole + tiny)


def _area(box: Tensor) -> Tensor:
    return (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
