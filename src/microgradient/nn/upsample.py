"""Layers that change the size of images, or move elements between channels and space."""

from __future__ import annotations

from collections.abc import Sequence

from . import functional
from .function_module import FunctionModule

IntOrTuple = int | Sequence[int]
Factor = float | Sequence[float] | None


class Upsample(FunctionModule):
    """(N, C, ...) at another size: `microgradient.nn.functional.interpolate`.

    >>> import microgradient as mg
    >>> Upsample(scale_factor=2)(mg.tensor([[[1.0, 3.0]]])).tolist()
    [[[1.0, 1.0, 3.0, 3.0]]]
    """

    function = staticmethod(functional.interpolate)
    size: IntOrTuple | None = None
    scale_factor: Factor = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None


class UpsamplingNearest2d(FunctionModule):
    """(N, C, H, W) at another size: `microgradient.nn.functional.upsample_nearest`.

    >>> import microgradient as mg
    >>> UpsamplingNearest2d(scale_factor=2)(mg.ones((1, 1, 2, 2))).shape
    (1, 1, 4, 4)
    """

    function = staticmethod(functional.upsample_nearest)
    size: IntOrTuple | None = None
    scale_factor: Factor = None


class UpsamplingBilinear2d(FunctionModule):
    """(N, C, H, W) at another size: `microgradient.nn.functional.upsample_bilinear`.

    >>> import microgradient as mg
    >>> UpsamplingBilinear2d(size=(1, 3))(mg.tensor([[[[1.0, 3.0]]]])).tolist()
    [[[[1.0, 2.0, 3.0]]]]
    """

    function = staticmethod(functional.upsample_bilinear)
    size: IntOrTuple | None = None
    scale_factor: Factor = None


class PixelShuffle(FunctionModule):
    """Channels become r × r pixels: `microgradient.nn.functional.pixel_shuffle`.

    >>> import microgradient as mg
    >>> PixelShuffle(2)(mg.ones((1, 4, 3, 3))).shape
    (1, 1, 6, 6)
    """

    function = staticmethod(functional.pixel_shuffle)
    upscale_factor: int


class PixelUnshuffle(FunctionModule):
    """r × r pixels become channels: `microgradient.nn.functional.pixel_unshuffle`.

    >>> import microgradient as mg
    >>> PixelUnshuffle(2)(mg.ones((1, 1, 6, 6))).shape
    (1, 4, 3, 3)
    """

    function = staticmethod(functional.pixel_unshuffle)
    downscale_factor: int


class ChannelShuffle(FunctionModule):
    """The channels of groups in turns: `microgradient.nn.functional.channel_shuffle`.

    >>> import microgradient as mg
    >>> ChannelShuffle(2)(mg.reshape(mg.arange(4.0), (1, 4, 1))).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """

    function = staticmethod(functional.channel_shuffle)
    groups: int


class Unfold(FunctionModule):
    """Sliding blocks as columns: `microgradient.nn.functional.unfold`.

    >>> import microgradient as mg
    >>> Unfold(2)(mg.ones((1, 3, 4, 5))).shape
    (1, 12, 12)
    """

    function = staticmethod(functional.unfold)
    kernel_size: IntOrTuple
    dilation: IntOrTuple = 1
    padding: IntOrTuple = 0
    stride: IntOrTuple = 1


class Fold(FunctionModule):
    """Columns added up where their blocks lie: `microgradient.nn.functional.fold`.

    >>> import microgradient as mg
    >>> Fold((4, 5), 2)(mg.ones((1, 12, 12))).shape
    (1, 3, 4, 5)
    """

    function = staticmethod(functional.fold)
    output_size: IntOrTuple
    kernel_size: IntOrTuple
    dilation: IntOrTuple = 1
    padding: IntOrTuple = 0
    stride: IntOrTuple = 1
