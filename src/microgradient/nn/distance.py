"""Distances and similarities as modules."""

from __future__ import annotations

from . import functional
from .function_module import FunctionModule


class CosineSimilarity(FunctionModule):
    """The cosine of the angle between two vectors: `microgradient.nn.functional.cosine_similarity`.

    >>> import microgradient as mg
    >>> CosineSimilarity()(mg.tensor([[3.0, 4.0]]), mg.tensor([[6.0, 8.0]])).tolist()
    [1.0]
    """

    function = staticmethod(functional.cosine_similarity)
    dim: int = 1
    eps: float = 1e-8


class PairwiseDistance(FunctionModule):
    """The p-norm of the difference of two vectors: `microgradient.nn.functional.pairwise_distance`.

    >>> import microgradient as mg
    >>> PairwiseDistance(eps=0.0)(mg.tensor([[3.0, 0.0]]), mg.tensor([[0.0, 4.0]])).tolist()
    [5.0]
    """

    function = staticmethod(functional.pairwise_distance)
    p: float = 2.0
    eps: float = 1e-6
    keepdim: bool = False
