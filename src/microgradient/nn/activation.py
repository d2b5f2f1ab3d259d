"""Activation layers: the functions of `nn.functional` as modules. `inplace` changes nothing: tensors do not change."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..tensor import Tensor
from . import functional
from .function_module import FunctionModule
from .init import constant_
from .linear import empty_parameter
from .module import Module


class ReLU(FunctionModule):
    """max(x, 0).

    >>> import microgradient as mg
    >>> mg.nn.ReLU()(mg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(functional.relu)
    inplace: bool = False


class ReLU6(FunctionModule):
    """min(max(x, 0), 6).

    >>> import microgradient as mg
    >>> mg.nn.ReLU6()(mg.tensor([-1.0, 9.0]))
    tensor([0., 6.])
    """

    function = staticmethod(functional.relu6)
    inplace: bool = False


class SiLU(FunctionModule):
    """x · sigmoid(x).

    >>> import microgradient as mg
    >>> mg.nn.SiLU()(mg.tensor([0.0, 50.0]))
    tensor([ 0., 50.])
    """

    function = staticmethod(functional.silu)
    inplace: bool = False


class Mish(FunctionModule):
    """x · tanh(softplus(x)).

    >>> import microgradient as mg
    >>> mg.nn.Mish()(mg.tensor([0.0, 50.0]))
    tensor([ 0., 50.])
    """

    function = staticmethod(functional.mish)
    inplace: bool = False


class Sigmoid(FunctionModule):
    """1 / (1 + exp(-x)).

    >>> import microgradient as mg
    >>> mg.nn.Sigmoid()(mg.tensor([0.0]))
    tensor([0.5])
    """

    function = staticmethod(functional.sigmoid)


class LogSigmoid(FunctionModule):
    """log(sigmoid(x)).

    >>> import microgradient as mg
    >>> round(mg.nn.LogSigmoid()(mg.tensor(0.0)).item(), 4)
    -0.6931
    """

    function = staticmethod(functional.logsigmoid)


class Tanh(FunctionModule):
    """The hyperbolic tangent.

    >>> import microgradient as mg
    >>> mg.nn.Tanh()(mg.tensor([0.0]))
    tensor([0.])
    """

    function = staticmethod(functional.tanh)


class Softsign(FunctionModule):
    """x / (1 + abs(x)).

    >>> import microgradient as mg
    >>> mg.nn.Softsign()(mg.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """

    function = staticmethod(functional.softsign)


class LeakyReLU(FunctionModule):
    """x where x > 0, else `negative_slope` · x.

    >>> import microgradient as mg
    >>> mg.nn.LeakyReLU(0.5)(mg.tensor([-2.0, 2.0]))
    tensor([-1.,  2.])
    """

    function = staticmethod(functional.leaky_relu)
    negative_slope: float = 0.01
    inplace: bool = False


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


class ELU(FunctionModule):
    """x where x > 0, else alpha · (exp(x) - 1).

    >>> import microgradient as mg
    >>> mg.nn.ELU()(mg.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(functional.elu)
    alpha: float = 1.0
    inplace: bool = False


class GELU(FunctionModule):
    """x · Φ(x); `approximate` is "none" or "tanh".

    >>> import microgradient as mg
    >>> mg.nn.GELU()(mg.tensor([0.0, 10.0]))
    tensor([ 0., 10.])
    """

    function = staticmethod(functional.gelu)
    approximate: str = "none"


class Softplus(FunctionModule):
    """log(1 + exp(beta · x)) / beta, and x where beta · x > threshold.

    >>> import microgradient as mg
    >>> round(mg.nn.Softplus()(mg.tensor(0.0)).item(), 4)
    0.6931
    """

    function = staticmethod(functional.softplus)
    beta: float = 1.0
    threshold: float = 20.0


class Hardtanh(FunctionModule):
    """x between `min_val` and `max_val`, else the nearer of the two.

    >>> import microgradient as mg
    >>> mg.nn.Hardtanh()(mg.tensor([-3.0, 0.5]))
    tensor([-1. ,  0.5])
    """

    function = staticmethod(functional.hardtanh)
    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False


class Softmax(FunctionModule):
    """exp(x) / Σ exp(x) along `dim`.

    >>> import microgradient as mg
    >>> mg.nn.Softmax(dim=0)(mg.tensor([1.0, 1.0]))
    tensor([0.5, 0.5])
    """

    function = staticmethod(functional.softmax)
    dim: int | None = None


class LogSoftmax(FunctionModule):
    """log(softmax(x)) along `dim`.

    >>> import microgradient as mg
    >>> [round(y, 4) for y in mg.nn.LogSoftmax(dim=0)(mg.tensor([1.0, 1.0])).tolist()]
    [-0.6931, -0.6931]
    """

    function = staticmethod(functional.log_softmax)
    dim: int | None = None


class CELU(FunctionModule):
    """x where x > 0, else alpha · (exp(x / alpha) - 1).

    >>> import microgradient as mg
    >>> mg.nn.CELU()(mg.tensor([0.0, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(functional.celu)
    alpha: float = 1.0
    inplace: bool = False


class SELU(FunctionModule):
    """The self-normalising unit, 1.0507 · elu(x, 1.6733).

    >>> import microgradient as mg
    >>> mg.nn.SELU()(mg.tensor([0.0]))
    tensor([0.])
    """

    function = staticmethod(functional.selu)
    inplace: bool = False


class GLU(FunctionModule):
    """a · sigmoid(b) for the two halves a and b of x along `dim`.

    >>> import microgradient as mg
    >>> mg.nn.GLU()(mg.tensor([4.0, 0.0]))
    tensor([2.])
    """

    function = staticmethod(functional.glu)
    dim: int = -1


class Hardsigmoid(FunctionModule):
    """x/6 + 1/2 between 0 and 1.

    >>> import microgradient as mg
    >>> mg.nn.Hardsigmoid()(mg.tensor([-3.0, 0.0, 5.0]))
    tensor([0. , 0.5, 1. ])
    """

    function = staticmethod(functional.hardsigmoid)
    inplace: bool = False


class Hardswish(FunctionModule):
    """x · hardsigmoid(x).

    >>> import microgradient as mg
    >>> mg.nn.Hardswish()(mg.tensor([0.0, 5.0]))
    tensor([0., 5.])
    """

    function = staticmethod(functional.hardswish)
    inplace: bool = False


class Hardshrink(FunctionModule):
    """x where abs(x) > lambd, else 0.

    >>> import microgradient as mg
    >>> mg.nn.Hardshrink()(mg.tensor([-0.4, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(functional.hardshrink)
    lambd: float = 0.5


class Softshrink(FunctionModule):
    """x nearer to 0 by `lambd`, and 0 where it is no further away.

    >>> import microgradient as mg
    >>> mg.nn.Softshrink()(mg.tensor([-2.0, 0.4, 1.0]))
    tensor([-1.5,  0. ,  0.5])
    """

    function = staticmethod(functional.softshrink)
    lambd: float = 0.5


class Tanhshrink(FunctionModule):
    """x - tanh(x).

    >>> import microgradient as mg
    >>> mg.nn.Tanhshrink()(mg.tensor([0.0]))
    tensor([0.])
    """

    function = staticmethod(functional.tanhshrink)


class Threshold(FunctionModule):
    """x where x > threshold, else `value`.

    >>> import microgradient as mg
    >>> mg.nn.Threshold(1.0, 7.0)(mg.tensor([0.5, 2.0]))
    tensor([7., 2.])
    """

    function = staticmethod(functional.threshold)
    threshold: float
    value: float
    inplace: bool = False


class RReLU(FunctionModule):
    """x where x > 0, else a · x, with a drawn from [lower, upper) in training, and their mean in eval.

    >>> import microgradient as mg
    >>> mg.nn.RReLU(0.25, 0.75).eval()(mg.tensor([-4.0, 2.0]))
    tensor([-2.,  2.])
    """

    function = staticmethod(functional.rrelu)
    lower: float = 1.0 / 8
    upper: float = 1.0 / 3
    inplace: bool = False

    def forward(self, input: Tensor) -> Tensor:  # type: ignore[override]
        return functional.rrelu(input, self.lower, self.upper, self.training)


class Softmin(FunctionModule):
    """softmax(-x) along `dim`.

    >>> import microgradient as mg
    >>> mg.nn.Softmin(dim=0)(mg.tensor([1.0, 1.0]))
    tensor([0.5, 0.5])
    """

    function = staticmethod(functional.softmin)
    dim: int | None = None


class Softmax2d(Module):
    """softmax over the channels of (N, C, H, W) or (C, H, W).

    >>> import microgradient as mg
    >>> mg.nn.Softmax2d()(mg.ones((2, 1, 1))).tolist()
    [[[0.5]], [[0.5]]]
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ShapeError(
                "MG160", f"Softmax2d takes (N, C, H, W) or (C, H, W), got an input of shape {input.shape}."
            )
        return functional.softmax(input, -3)
