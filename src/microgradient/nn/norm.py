"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from . import functional, init
from .function_module import FunctionModule
from .linear import empty_parameter
from .module import Module
from .parameter import Parameter


class _Affine(Module):
    """What normalisations share: scale and shift."""

    weight: Parameter | None
    bias: Parameter | None

    def _add_affine(self, shape: tuple[int, ...], scaled: bool, shifted: bool, dtype: Any, device: object) -> None:
        self.weight = empty_parameter(shape, dtype, device) if scaled else None
        self.bias = empty_parameter(shape, dtype, device) if scaled and shifted else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, and no statistics."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _Tracking(_Affine):
    """What the norms with running statistics share."""

    _axes: tuple[int, ...] = ()
    _layout = ""
    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def _start(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track: bool,
        dtype: Any,
        device: object,
        bias: bool,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, Tensor(empty_parameter((num_features,), dtype, device).raw) if track else None)
        self.register_buffer("num_batches_tracked", Tensor(np.array(0, np.int64)) if track else None)
        self._add_affine((num_features,), affine, bias, dtype, device)

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        for buffer, start in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                buffer.store(np.full(buffer.shape, start, buffer.dtype))

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        super().reset_parameters()

    def _check(self, input: Tensor) -> None:
        if input.ndim not in self._axes:
            raise ShapeError(
                "MG160", f"{type(self).__name__} takes {self._layout}, got an input of shape {input.shape}."
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: object = None,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._start(num_features, eps, momentum, affine, track_running_stats, dtype, device, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.store((self.num_batches_tracked + 1).raw)
            if self.momentum is None and self.running_mean is not None:  # the plain average of all batches
                factor = 1.0 / self.num_batches_tracked.astype(self.running_mean.dtype)
        return functional.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Normalise each feature of (N, C) or each channel of (N, C, L): `microgradient.nn.functional.batch_norm`.

    `momentum=None` averages over all batches seen.

    >>> import microgradient as mg
    >>> BatchNorm1d(1)(mg.tensor([[1.0], [3.0]])).shape
    (2, 1)
    """

    _axes, _layout = (2, 3), "(N, C), (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """Normalise each channel of (N, C, H, W): `microgradient.nn.functional.batch_norm`.

    >>> import microgradient as mg
    >>> BatchNorm2d(3)(mg.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _axes, _layout = (4,), "(N, C, H, W)"


class BatchNorm3d(_BatchNorm):
    """Normalise each channel of (N, C, D, H, W): `microgradient.nn.functional.batch_norm`.

    >>> import microgradient as mg
    >>> BatchNorm3d(3)(mg.ones((2, 3, 4, 4, 2))).shape
    (2, 3, 4, 4, 2)
    """

    _axes, _layout = (5,), "(N, C, D, H, W)"


class SyncBatchNorm(_BatchNorm):
    """`BatchNorm` of (N, C, ...) whose statistics are those of all processes; here there is one, so they are its own.

    >>> import microgradient as mg
    >>> SyncBatchNorm(3)(mg.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    _axes, _layout = (2, 3, 4, 5), "(N, C, ...)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: object = None,
        device: object = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)
        self.process_group = process_group

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: object = None) -> Module:
        """The module with each batch norm in it made one of this class, with the same parameters and buffers."""
        made = module
        if isinstance(module, _BatchNorm):
            settings = (module.eps, module.momentum, module.affine, module.track_running_stats, process_group)
            made = cls(module.num_features, *settings)
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(made, name, getattr(module, name))
            made.training = module.training
        for name, child in list(module.named_children()):
            made.set_submodule(name, cls.convert_sync_batchnorm(child, process_group))
        return made


class _InstanceNorm(_Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: object = None,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._start(num_features, eps, momentum, affine, track_running_stats, dtype, device, bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        batched = input.ndim == max(self._axes)
        x = input if batched else mg.expand_dims(input, axis=0)
        if x.shape[1] != self.num_features and (self.affine or self.track_running_stats):
            raise ShapeError(
                "MG160",
                f"{type(self).__name__}({self.num_features}) got {x.shape[1]} channels, in an input of shape {input.shape}.",
            )
        measure = self.training or not self.track_running_stats
        y = functional.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, measure, self.momentum or 0.0, self.eps
        )
        return y if batched else mg.squeeze(y, axis=0)


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each example of (N, C, L) or (C, L): `microgradient.nn.functional.instance_norm`.

    >>> import microgradient as mg
    >>> InstanceNorm1d(2)(mg.ones((3, 2, 5))).shape
    (3, 2, 5)
    """

    _axes, _layout = (2, 3), "(N, C, L) or (C, L)"


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each example of (N, C, H, W) or (C, H, W): `microgradient.nn.functional.instance_norm`.

    >>> import microgradient as mg
    >>> InstanceNorm2d(2, affine=True)(mg.ones((2, 5, 5))).shape
    (2, 5, 5)
    """

    _axes, _layout = (3, 4), "(N, C, H, W) or (C, H, W)"


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each example of (N, C, D, H, W) or (C, D, H, W): `microgradient.nn.functional.instance_norm`.

    >>> import microgradient as mg
    >>> InstanceNorm3d(2)(mg.ones((1, 2, 3, 3, 3))).shape
    (1, 2, 3, 3, 3)
    """

    _axes, _layout = (4, 5), "(N, C, D, H, W) or (C, D, H, W)"


class LayerNorm(_Affine):
    """Normalise over the last axes, whose lengths are `normalized_shape`: `microgradient.nn.functional.layer_norm`.

    >>> import microgradient as mg
    >>> LayerNorm(2)(mg.tensor([[1.0, 3.0]])).shape
    (1, 2)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _axes_of("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add_affine(self.normalized_shape, elementwise_affine, bias, dtype, device)

    def forward(self, input: Tensor) -> Tensor:
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        shown = f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        return f"{shown}, bias={self.bias is not None}"


class RMSNorm(_Affine):
    """Divide by the root mean square over the last axes, of lengths `normalized_shape`: `microgradient.nn.functional.rms_norm`.

    >>> import microgradient as mg
    >>> RMSNorm(2)(mg.tensor([[1.0, 7.0]])).shape
    (1, 2)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: object = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _axes_of("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = empty_parameter(self.normalized_shape, dtype, device) if elementwise_affine else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Normalise each of `num_groups` groups of channels of (N, C, ...): `microgradient.nn.functional.group_norm`.

    >>> import microgradient as mg
    >>> GroupNorm(1, 2)(mg.tensor([[[1.0], [3.0]]])).shape
    (1, 2, 1)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: object = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ArgumentError("MG157", f"{num_channels} channels do not divide into {num_groups} groups.")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._add_affine((num_channels,), affine, bias, dtype, device)

    def forward(self, input: Tensor) -> Tensor:
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        shown = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return f"{shown}, bias={self.bias is not None}"


class LocalResponseNorm(FunctionModule):
    """Divide by a power of the mean square of neighbouring channels: `microgradient.nn.functional.local_response_norm`.

    >>> import microgradient as mg
    >>> LocalResponseNorm(1, alpha=1.0, beta=1.0)(mg.ones((1, 1, 1))).tolist()
    [[[0.5]]]
    """

    function = staticmethod(functional.local_response_norm)
    unnamed = ("size",)
    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


def _axes_of(name: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else tuple(normalized_shape)
    if not shape:
        raise ArgumentError("MG157", f"{name} needs at least one axis in normalized_shape.")
    return shape
