"""Distances and similarities of vectors."""

from __future__ import annotations

import numpy as np

import microgradient as mg

from ...errors import ShapeError
from ...operators import wrap
from ...tensor import Tensor


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(‖x1‖, eps) · max(‖x2‖, eps)) along `dim`.

    >>> cosine_similarity(mg.tensor([[3.0, 4.0]]), mg.tensor([[6.0, 8.0]])).tolist()
    [1.0]
    """
    x1, x2 = mg.broadcast_arrays(x1, x2)
    lengths = [mg.clip(mg.linalg.vector_norm(x, axis=dim), min=eps) for x in (x1, x2)]
    return mg.sum(x1 * x2, axis=dim) / (lengths[0] * lengths[1])


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x1 - x2 + eps‖ along the last axis, with the p-norm.

    >>> pairwise_distance(mg.tensor([[3.0, 0.0]]), mg.tensor([[0.0, 4.0]]), eps=0.0).tolist()
    [5.0]
    """
    return mg.linalg.vector_norm(x1 - x2 + eps, ord=p, axis=-1, keepdims=keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """‖x_i - x_j‖ of all pairs i < j of rows of (n, m), with the p-norm: → (n·(n-1)/2,).

    >>> pdist(mg.tensor([[0.0], [1.0], [3.0]])).tolist()
    [1.0, 3.0, 2.0]
    """
    if input.ndim != 2:
        raise ShapeError("MG160", f"pdist takes the rows of a matrix, got an input of shape {input.shape}.")
    first, second = (wrap(i, None) for i in np.triu_indices(input.shape[0], 1))
    return mg.linalg.vector_norm(mg.take(input, first, axis=0) - mg.take(input, second, axis=0), ord=p, axis=1)
