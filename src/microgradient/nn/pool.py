"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from . import functional
from .function_module import FunctionModule

IntOrTuple = int | Sequence[int]


class _Pool(FunctionModule):
    kernel_size: IntOrTuple
    stride: IntOrTuple | None = None
    padding: IntOrTuple = 0

    def __post_init__(self) -> None:
        self.stride = self.kernel_size if self.stride is None else self.stride


class _MaxPool(_Pool):
    dilation: IntOrTuple = 1
    ceil_mode: bool = field(default=False, kw_only=True)


class _AvgPool(_Pool):
    hidden = ("ceil_mode", "count_include_pad", "divisor_override")
    ceil_mode: bool = False
    count_include_pad: bool = True


class MaxPool1d(_MaxPool):
    """The largest of each window of (N, C, L): see `microgradient.nn.functional.max_pool1d`.

    >>> import microgradient as mg
    >>> mg.nn.MaxPool1d(2)(mg.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[3., 2.]]])
    """

    function = staticmethod(functional.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest of each window of (N, C, H, W): see `microgradient.nn.functional.max_pool2d`.

    >>> import microgradient as mg
    >>> MaxPool2d(2)(mg.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    function = staticmethod(functional.max_pool2d)


class AvgPool1d(_AvgPool):
    """The mean of each window of (N, C, L): see `microgradient.nn.functional.avg_pool1d`.

    >>> import microgradient as mg
    >>> mg.nn.AvgPool1d(2)(mg.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[2., 1.]]])
    """

    function = staticmethod(functional.avg_pool1d)


class AvgPool2d(_AvgPool):
    """The mean of each window of (N, C, H, W): see `microgradient.nn.functional.avg_pool2d`.

    >>> import microgradient as mg
    >>> AvgPool2d(2)(mg.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    function = staticmethod(functional.avg_pool2d)
    divisor_override: int | None = None
