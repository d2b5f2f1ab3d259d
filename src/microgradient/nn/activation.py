"""Activation layers: the functions of `nn.functional` as modules."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import functional
from .init import constant_
from .linear import empty_parameter
from .module import Module


class _Elementwise(Module):
    """An activation without settings. `inplace` is accepted and ignored: tensors do not change."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()


class ReLU(_Elementwise):
    """max(x, 0).

    >>> import microgradient as mg
    >>> mg.nn.ReLU()(mg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu(input)


class ReLU6(_Elementwise):
    """min(max(x, 0), 6).

    >>> import microgradient as mg
    >>> mg.nn.ReLU6()(mg.tensor([-1.0, 9.0]))
    tensor([0., 6.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu6(input)


class SiLU(_Elementwise):
    """x · sigmoid(x).

    >>> import microgradient as mg
    >>> mg.nn.SiLU()(mg.tensor([0.0, 50.0]))
    tensor([ 0., 50.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.silu(input)


class Mish(_Elementwise):
    """x · tanh(softplus(x)).

    >>> import microgradient as mg
    >>> mg.nn.Mish()(mg.tensor([0.0, 50.0]))
    tensor([ 0., 50.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.mish(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    >>> import microgradient as mg
    >>> mg.nn.Sigmoid()(mg.tensor([0.0]))
    tensor([0.5])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.sigmoid(input)


class LogSigmoid(Module):
    """log(sigmoid(x)).

    >>> import microgradient as mg
    >>> round(mg.nn.LogSigmoid()(mg.tensor(0.0)).item(), 4)
    -0.6931
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.logsigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    >>> import microgradient as mg
    >>> mg.nn.Tanh()(mg.tensor([0.0]))
    tensor([0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.tanh(input)


class Softsign(Module):
    """x / (1 + abs(x)).

    >>> import microgradient as mg
    >>> mg.nn.Softsign()(mg.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softsign(input)


class LeakyReLU(Module):
    """x where x > 0, else `negative_slope` · x.

    >>> import microgradient as mg
    >>> mg.nn.LeakyReLU(0.5)(mg.tensor([-2.0, 2.0]))
    tensor([-1.,  2.])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return functional.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class PReLU(Module):
    """x where x > 0, else weight · x; `num_parameters` is 1, or the number of channels.

    >>> import microgradient as mg
    >>> mg.nn.PReLU()(mg.tensor([-4.0, 4.0])).tolist()
    [-1.0, 4.0]
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: object = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = empty_parameter((num_parameters,), dtype, device)
        constant_(self.weight, init)

    def forward(self, input: Tensor) -> Tensor:
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class ELU(Module):
    """x where x > 0, else alpha · (exp(x) - 1).

    >>> import microgradient as mg
    >>> mg.nn.ELU()(mg.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return functional.elu(input, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class GELU(Module):
    """x · Φ(x); `approximate` is "none" or "tanh".

    >>> import microgradient as mg
    >>> mg.nn.GELU()(mg.tensor([0.0, 10.0]))
    tensor([ 0., 10.])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return functional.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta, and x where beta · x > threshold.

    >>> import microgradient as mg
    >>> round(mg.nn.Softplus()(mg.tensor(0.0)).item(), 4)
    0.6931
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardtanh(Module):
    """x between `min_val` and `max_val`, else the nearer of the two.

    >>> import microgradient as mg
    >>> mg.nn.Hardtanh()(mg.tensor([-3.0, 0.5]))
    tensor([-1. ,  0.5])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardtanh(input, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"


class Softmax(Module):
    """exp(x) / Σ exp(x) along `dim`.

    >>> import microgradient as mg
    >>> mg.nn.Softmax(dim=0)(mg.tensor([1.0, 1.0]))
    tensor([0.5, 0.5])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """log(softmax(x)) along `dim`.

    >>> import microgradient as mg
    >>> [round(y, 4) for y in mg.nn.LogSoftmax(dim=0)(mg.tensor([1.0, 1.0])).tolist()]
    [-0.6931, -0.6931]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return functional.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
