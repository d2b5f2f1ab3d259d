"""Dropout: noise in training that keeps units from relying on each other."""

from __future__ import annotations

from ..tensor import Tensor
from . import functional
from .function_module import FunctionModule
from .functional.dropout import check_probability


class _Dropout(FunctionModule):
    p: float = 0.5
    inplace: bool = False

    def __post_init__(self) -> None:
        check_probability(self.p)

    def forward(self, input: Tensor) -> Tensor:  # type: ignore[override]
        return type(self).function(input, self.p, self.training)


class Dropout(_Dropout):
    """In training each element becomes 0 with probability `p` and the others grow by 1/(1-p); in eval nothing happens.

    >>> import microgradient as mg
    >>> Dropout(0.5).eval()(mg.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    function = staticmethod(functional.dropout)


class Dropout1d(_Dropout):
    """`Dropout` of whole channels of (N, C, L) or (C, L): `microgradient.nn.functional.dropout1d`.

    >>> import microgradient as mg
    >>> Dropout1d()(mg.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    function = staticmethod(functional.dropout1d)


class Dropout2d(_Dropout):
    """`Dropout` of whole channels of (N, C, H, W): `microgradient.nn.functional.dropout2d`.

    >>> import microgradient as mg
    >>> Dropout2d()(mg.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    function = staticmethod(functional.dropout2d)


class Dropout3d(_Dropout):
    """`Dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W): `microgradient.nn.functional.dropout3d`.

    >>> import microgradient as mg
    >>> Dropout3d()(mg.ones((2, 3, 4, 4, 4))).shape
    (2, 3, 4, 4, 4)
    """

    function = staticmethod(functional.dropout3d)


class AlphaDropout(_Dropout):
    """Dropout for `SELU`, which keeps mean 0 and variance 1: `microgradient.nn.functional.alpha_dropout`.

    >>> import microgradient as mg
    >>> AlphaDropout(0.5).eval()(mg.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    function = staticmethod(functional.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels of (N, C, ...): `microgradient.nn.functional.feature_alpha_dropout`.

    >>> import microgradient as mg
    >>> FeatureAlphaDropout(0.5).eval()(mg.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    function = staticmethod(functional.feature_alpha_dropout)
