"""Dropout: noise in training that keeps units from relying on each other."""

from __future__ import annotations

from ..errors import ArgumentError
from ..tensor import Tensor
from . import functional
from .module import Module


class Dropout(Module):
    """In training each element becomes 0 with probability `p` and the others grow by 1/(1-p); in eval nothing happens.

    >>> import microgradient as mg
    >>> Dropout(0.5).eval()(mg.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ArgumentError("MG157", f"A dropout probability lies between 0 and 1, got {p}.")
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        return functional.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"
