"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..tensor import Tensor
from . import functional, init
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


class _BatchNorm(_Affine):
    """What the batch norms share: the running statistics."""

    _axes: tuple[int, ...] = ()
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

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
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        track = track_running_stats
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, Tensor(empty_parameter((num_features,), dtype, device).raw) if track else None)
        self.register_buffer("num_batches_tracked", Tensor(np.array(0, np.int64)) if track else None)
        self._add_affine((num_features,), affine, bias, dtype, device)

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        for buffer, start in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                buffer.raw = np.full(buffer.shape, start, buffer.dtype)

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in self._axes:
            fix = "" if self._axes == (4,) else ", (N, C, L)"
            axes = "(N, C, H, W)" if self._axes == (4,) else "(N, C)"
            raise ShapeError("MG160", f"{type(self).__name__} takes {axes}{fix}, got an input of shape {input.shape}.")
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.raw = (self.num_batches_tracked + 1).raw
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

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Normalise each feature of (N, C) or each channel of (N, C, L): `microgradient.nn.functional.batch_norm`.

    `momentum=None` averages over all batches seen.

    >>> import microgradient as mg
    >>> BatchNorm1d(1)(mg.tensor([[1.0], [3.0]])).shape
    (2, 1)
    """

    _axes = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise each channel of (N, C, H, W): `microgradient.nn.functional.batch_norm`.

    >>> import microgradient as mg
    >>> BatchNorm2d(3)(mg.ones((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    _axes = (4,)


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
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int | np.integer) else tuple(normalized_shape)
        )
        if not self.normalized_shape:
            raise ArgumentError("MG157", "LayerNorm needs at least one axis in normalized_shape.")
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add_affine(self.normalized_shape, elementwise_affine, bias, dtype, device)

    def forward(self, input: Tensor) -> Tensor:
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
