"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ArgumentError
from ..tensor import Tensor
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
    hidden = ("return_indices",)
    dilation: IntOrTuple = 1
    return_indices: bool = False
    ceil_mode: bool = False


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


class MaxPool3d(_MaxPool):
    """The largest of each window of (N, C, D, H, W): see `microgradient.nn.functional.max_pool3d`.

    >>> import microgradient as mg
    >>> MaxPool3d(2)(mg.ones((1, 3, 2, 8, 8))).shape
    (1, 3, 1, 4, 4)
    """

    function = staticmethod(functional.max_pool3d)


class AvgPool1d(_AvgPool):
    """The mean of each window of (N, C, L): see `microgradient.nn.functional.avg_pool1d`.

    >>> import microgradient as mg
    >>> mg.nn.AvgPool1d(2)(mg.tensor([[[1.0, 3.0, 2.0, 0.0]]]))
    tensor([[[2., 1.]]])
    """

    function = staticmethod(functional.avg_pool1d)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("kernel_size", "stride", "padding"):
            value = getattr(self, name)
            setattr(self, name, (value,) if isinstance(value, int) else tuple(value))


class AvgPool2d(_AvgPool):
    """The mean of each window of (N, C, H, W): see `microgradient.nn.functional.avg_pool2d`.

    >>> import microgradient as mg
    >>> AvgPool2d(2)(mg.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    function = staticmethod(functional.avg_pool2d)
    divisor_override: int | None = None


class AvgPool3d(_AvgPool):
    """The mean of each window of (N, C, D, H, W): see `microgradient.nn.functional.avg_pool3d`.

    >>> import microgradient as mg
    >>> AvgPool3d(2)(mg.ones((1, 3, 2, 8, 8))).shape
    (1, 3, 1, 4, 4)
    """

    function = staticmethod(functional.avg_pool3d)
    divisor_override: int | None = None


class _LPPool(FunctionModule):
    norm_type: float
    kernel_size: IntOrTuple
    stride: IntOrTuple | None = None
    ceil_mode: bool = False


class LPPool1d(_LPPool):
    """The p-norm of each window of (N, C, L): see `microgradient.nn.functional.lp_pool1d`.

    >>> import microgradient as mg
    >>> LPPool1d(2.0, 2)(mg.ones((1, 3, 8))).shape
    (1, 3, 4)
    """

    function = staticmethod(functional.lp_pool1d)


class LPPool2d(_LPPool):
    """The p-norm of each window of (N, C, H, W): see `microgradient.nn.functional.lp_pool2d`.

    >>> import microgradient as mg
    >>> LPPool2d(2.0, 2)(mg.ones((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    function = staticmethod(functional.lp_pool2d)


class LPPool3d(_LPPool):
    """The p-norm of each window of (N, C, D, H, W): see `microgradient.nn.functional.lp_pool3d`.

    >>> import microgradient as mg
    >>> LPPool3d(2.0, 2)(mg.ones((1, 3, 8, 8, 8))).shape
    (1, 3, 4, 4, 4)
    """

    function = staticmethod(functional.lp_pool3d)


class _AdaptiveMaxPool(FunctionModule):
    hidden = ("return_indices",)
    output_size: Any
    return_indices: bool = False


class _AdaptiveAvgPool(FunctionModule):
    output_size: Any


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest of each of `output_size` windows that cover (N, C, L):
    see `microgradient.nn.functional.adaptive_max_pool1d`.

    >>> import microgradient as mg
    >>> AdaptiveMaxPool1d(3)(mg.ones((1, 2, 8))).shape
    (1, 2, 3)
    """

    function = staticmethod(functional.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest of each of `output_size` windows that cover (N, C, H, W):
    see `microgradient.nn.functional.adaptive_max_pool2d`.

    >>> import microgradient as mg
    >>> AdaptiveMaxPool2d(3)(mg.ones((1, 2, 8, 8))).shape
    (1, 2, 3, 3)
    """

    function = staticmethod(functional.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest of each of `output_size` windows that cover (N, C, D, H, W):
    see `microgradient.nn.functional.adaptive_max_pool3d`.

    >>> import microgradient as mg
    >>> AdaptiveMaxPool3d(3)(mg.ones((1, 2, 8, 8, 8))).shape
    (1, 2, 3, 3, 3)
    """

    function = staticmethod(functional.adaptive_max_pool3d)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of each of `output_size` windows that cover (N, C, L):
    see `microgradient.nn.functional.adaptive_avg_pool1d`.

    >>> import microgradient as mg
    >>> AdaptiveAvgPool1d(3)(mg.ones((1, 2, 8))).shape
    (1, 2, 3)
    """

    function = staticmethod(functional.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of each of `output_size` windows that cover (N, C, H, W):
    see `microgradient.nn.functional.adaptive_avg_pool2d`.

    >>> import microgradient as mg
    >>> AdaptiveAvgPool2d(3)(mg.ones((1, 2, 8, 8))).shape
    (1, 2, 3, 3)
    """

    function = staticmethod(functional.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of each of `output_size` windows that cover (N, C, D, H, W):
    see `microgradient.nn.functional.adaptive_avg_pool3d`.

    >>> import microgradient as mg
    >>> AdaptiveAvgPool3d(3)(mg.ones((1, 2, 8, 8, 8))).shape
    (1, 2, 3, 3, 3)
    """

    function = staticmethod(functional.adaptive_avg_pool3d)


class _FractionalMaxPool(FunctionModule):
    hidden = ("return_indices", "_random_samples")
    kernel_size: IntOrTuple
    output_size: IntOrTuple | None = None
    output_ratio: float | Sequence[float] | None = None
    return_indices: bool = False
    _random_samples: Tensor | None = None

    def __post_init__(self) -> None:
        if (self.output_size is None) == (self.output_ratio is None):
            raise ArgumentError("MG157", f"{type(self).__name__} takes output_size or output_ratio, one of them.")
        self.register_buffer("_random_samples", self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest of windows at places drawn for each channel of (N, C, H, W):
    see `microgradient.nn.functional.fractional_max_pool2d`.

    >>> import microgradient as mg
    >>> FractionalMaxPool2d(2, output_size=3)(mg.ones((1, 2, 8, 8))).shape
    (1, 2, 3, 3)
    """

    function = staticmethod(functional.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest of windows at places drawn for each channel of (N, C, D, H, W):
    see `microgradient.nn.functional.fractional_max_pool3d`.

    >>> import microgradient as mg
    >>> FractionalMaxPool3d(2, output_size=3)(mg.ones((1, 2, 8, 8, 8))).shape
    (1, 2, 3, 3, 3)
    """

    function = staticmethod(functional.fractional_max_pool3d)


class _MaxUnpool(FunctionModule):
    kernel_size: IntOrTuple
    stride: IntOrTuple | None = None
    padding: IntOrTuple = 0

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:  # type: ignore[override]
        return type(self).function(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(_MaxUnpool):
    """The values of `MaxPool1d` back at their places, zeros elsewhere: see `microgradient.nn.functional.max_unpool1d`.

    >>> import microgradient as mg
    >>> MaxUnpool1d(2)(*MaxPool1d(2, return_indices=True)(mg.ones((1, 2, 8)))).shape
    (1, 2, 8)
    """

    function = staticmethod(functional.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """The values of `MaxPool2d` back at their places, zeros elsewhere: see `microgradient.nn.functional.max_unpool2d`.

    >>> import microgradient as mg
    >>> MaxUnpool2d(2)(*MaxPool2d(2, return_indices=True)(mg.ones((1, 2, 8, 8)))).shape
    (1, 2, 8, 8)
    """

    function = staticmethod(functional.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """The values of `MaxPool3d` back at their places, zeros elsewhere: see `microgradient.nn.functional.max_unpool3d`.

    >>> import microgradient as mg
    >>> MaxUnpool3d(2)(*MaxPool3d(2, return_indices=True)(mg.ones((1, 2, 8, 8, 8)))).shape
    (1, 2, 8, 8, 8)
    """

    function = staticmethod(functional.max_unpool3d)
