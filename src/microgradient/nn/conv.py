"""Convolution layers, channels first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ArgumentError
from ..functions.composite import conv_options, extent
from ..tensor import Tensor
from . import functional
from .linear import empty_parameter, start_affine
from .module import Module

IntOrTuple = int | Sequence[int]


class _Convolution(Module):
    """What the convolutions and their transposes share. `weight` and `bias` (out) start within ± 1/√fan_in."""

    _ndim = 0
    _modes: tuple[str, ...] = ("zeros", "reflect", "replicate", "circular")

    def _start(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple,
        padding: IntOrTuple | str,
        dilation: IntOrTuple,
        groups: int,
        padding_mode: str,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ArgumentError(
                "MG157", f"groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}."
            )
        if padding_mode not in self._modes:
            raise ArgumentError(
                "MG157", f"padding_mode={padding_mode!r} is unknown here: use {' or '.join(map(repr, self._modes))}."
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = extent(kernel_size, self._ndim, "kernel_size")
        if min(self.kernel_size) < 1:
            raise ArgumentError("MG157", f"kernel_size={kernel_size} must be at least 1.")
        options = conv_options(self.kernel_size, stride, padding, dilation, groups)
        self.stride, self.dilation = options["stride"], options["dilation"]
        self.padding: Any = padding if isinstance(padding, str) else extent(padding, self._ndim, "padding")
        # as `functional.pad` takes it: from the last axis on
        self._widths = tuple(width for pair in reversed(options["padding"]) for width in pair)
        self.groups = groups
        self.padding_mode = padding_mode
        self.output_padding: tuple[int, ...] = (0,) * self._ndim

    def _add_weights(self, rows: int, columns: int, bias: bool, dtype: Any, device: object) -> None:
        self.weight = empty_parameter((rows, columns, *self.kernel_size), dtype, device)
        self.bias = empty_parameter((self.out_channels,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights and a new bias."""
        start_affine(self.weight, self.bias)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        ones, zeros = (1,) * self._ndim, (0,) * self._ndim
        text += f", padding={self.padding}" if self.padding != zeros else ""
        text += f", dilation={self.dilation}" if self.dilation != ones else ""
        text += f", output_padding={self.output_padding}" if self.output_padding != zeros else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        text += ", bias=False" if self.bias is None else ""
        return text + (f", padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "")


class _Conv(_Convolution):
    """`weight` (out, in/groups, *kernel)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple | str = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._start(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        self._add_weights(out_channels, in_channels // groups, bias, dtype, device)

    def forward(self, input: Tensor) -> Tensor:
        conv = (functional.conv1d, functional.conv2d, functional.conv3d)[self._ndim - 1]
        padding: IntOrTuple | str = self.padding
        if self.padding_mode != "zeros":
            input = functional.pad(input, self._widths, mode=self.padding_mode)
            padding = 0
        return conv(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """A kernel slid along (N, in_channels, L): see `microgradient.nn.functional.conv1d`.

    >>> import microgradient as mg
    >>> Conv1d(2, 4, 3, padding="same")(mg.ones((1, 2, 8))).shape
    (1, 4, 8)
    """

    _ndim = 1


class Conv2d(_Conv):
    """A kernel slid over (N, in_channels, H, W): see `microgradient.nn.functional.conv2d`.

    >>> import microgradient as mg
    >>> Conv2d(3, 8, kernel_size=3, stride=2, padding=1)(mg.ones((1, 3, 9, 9))).shape
    (1, 8, 5, 5)
    """

    _ndim = 2


class Conv3d(_Conv):
    """A kernel slid through (N, in_channels, D, H, W): see `microgradient.nn.functional.conv3d`.

    >>> import microgradient as mg
    >>> Conv3d(1, 2, 2)(mg.ones((1, 1, 3, 3, 3))).shape
    (1, 2, 2, 2, 2)
    """

    _ndim = 3


class _ConvTranspose(_Convolution):
    """`weight` (in, out/groups, *kernel)."""

    _modes = ("zeros",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: str = "zeros",
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._start(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode)
        self.output_padding = extent(output_padding, self._ndim, "output_padding")
        self._add_weights(in_channels, out_channels // groups, bias, dtype, device)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """`output_size`: the spatial axes of the result (or all its axes), of which several are possible where stride > 1."""
        conv = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)[self._ndim - 1]
        extra = self.output_padding if output_size is None else self._extra(input, tuple(output_size)[-self._ndim :])
        return conv(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _extra(self, input: Tensor, sizes: tuple[int, ...]) -> tuple[int, ...]:
        options = zip(
            input.shape[-self._ndim :], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
        )
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in options]
        if len(sizes) != self._ndim or any(
            not low <= n < low + s for n, low, s in zip(sizes, least, self.stride, strict=True)
        ):
            most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
            raise ArgumentError(
                "MG157", f"output_size {sizes} is not possible here: it lies between {least} and {most}."
            )
        return tuple(n - low for n, low in zip(sizes, least, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """The transpose of `Conv1d`, (N, in_channels, L) made longer: see `microgradient.nn.functional.conv_transpose1d`.

    >>> import microgradient as mg
    >>> ConvTranspose1d(2, 4, 3, stride=2)(mg.ones((1, 2, 8))).shape
    (1, 4, 17)
    """

    _ndim = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of `Conv2d`, (N, in_channels, H, W) made larger: see `microgradient.nn.functional.conv_transpose2d`.

    >>> import microgradient as mg
    >>> ConvTranspose2d(2, 4, 3, stride=2)(mg.ones((1, 2, 8, 8)), output_size=(18, 18)).shape
    (1, 4, 18, 18)
    """

    _ndim = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of `Conv3d`, (N, in_channels, D, H, W) made larger: see `microgradient.nn.functional.conv_transpose3d`.

    >>> import microgradient as mg
    >>> ConvTranspose3d(1, 2, 2)(mg.ones((1, 1, 2, 2, 2))).shape
    (1, 2, 3, 3, 3)
    """

    _ndim = 3
