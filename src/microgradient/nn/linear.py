"""Affine layers, and those that only rearrange: Identity, Flatten, Unflatten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ShapeError
from ..interop import check_device
from ..operators import get_default_dtype
from ..tensor import Tensor
from . import functional, init
from .module import Module
from .parameter import Parameter


class Identity(Module):
    """Gives back its input; any arguments are accepted and ignored.

    >>> import microgradient as mg
    >>> mg.nn.Identity()(mg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """y = x Wᵀ + b: (..., in_features) → (..., out_features).

    `weight` (out, in) and `bias` (out) start uniform within ± 1/√in_features.

    >>> Linear(3, 2)(mg.ones((4, 3))).shape
    (4, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: object = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = empty_parameter((out_features, in_features), dtype, device)
        self.bias = empty_parameter((out_features,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights and a new bias."""
        start_affine(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """y_o = x1ᵀ W_o x2 + b_o: (..., in1_features) and (..., in2_features) → (..., out_features).

    `weight` (out, in1, in2) and `bias` (out) start uniform within ± 1/√in1_features.

    >>> Bilinear(2, 3, 4)(mg.ones((5, 2)), mg.ones((5, 3))).shape
    (5, 4)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features < 1:
            raise ArgumentError("MG157", f"in1_features={in1_features} must be at least 1.")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = empty_parameter((out_features, in1_features, in2_features), dtype, device)
        self.bias = empty_parameter((out_features,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights and a new bias."""
        bound = 1.0 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return functional.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Flatten(Module):
    """Make the axes from `start_dim` to `end_dim` one axis.

    >>> Flatten()(mg.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return mg.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Make the axis `dim` several axes, of lengths `unflattened_size` (one may be -1).

    >>> Unflatten(1, (3, 4))(mg.ones((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        shape, sizes = input.shape, list(self.unflattened_size)
        if not -len(shape) <= self.dim < len(shape):
            raise ArgumentError("MG157", f"Unflatten has no axis {self.dim} in an input of shape {shape}.")
        dim = self.dim % len(shape)
        if sizes.count(-1) == 1:
            rest = -math.prod(sizes)
            sizes[sizes.index(-1)] = shape[dim] // rest if rest else 0
        if math.prod(sizes) != shape[dim] or min(sizes, default=0) < 0:
            raise ShapeError(
                "MG160", f"Unflatten can't make {self.unflattened_size} of {shape[dim]} elements (axis {dim})."
            )
        return mg.reshape(input, (*shape[:dim], *sizes, *shape[dim + 1 :]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def empty_parameter(shape: tuple[int, ...], dtype: Any = None, device: object = None) -> Parameter:
    """A parameter of zeros, to be initialised. `device` may only be "cpu" (or nothing)."""
    check_device(device)
    if any(not isinstance(length, int | np.integer) or length < 0 for length in shape):
        raise ArgumentError("MG157", f"The sizes of a layer are whole numbers, got a parameter of shape {shape}.")
    return Parameter(np.zeros(shape, get_default_dtype() if dtype is None else dtype))


def start_affine(weight: Parameter, bias: Parameter | None) -> None:
    """Uniform within ± 1/√fan_in, the usual start of linear and convolutional layers."""
    fan_in = init.fans(weight)[0]
    if not fan_in:
        return
    init.kaiming_uniform_(weight, a=math.sqrt(5.0))
    if bias is not None:
        init.uniform_(bias, -1.0 / math.sqrt(fan_in), 1.0 / math.sqrt(fan_in))
