"""Layers and the batch norms behind them, made one layer for evaluation."""

from __future__ import annotations

import copy
import math
from typing import Any

import microgradient as mg

from ...errors import ArgumentError
from ...tensor import Tensor
from ..conv import _ConvTranspose
from ..module import Module
from ..parameter import Parameter


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that gives what `bn(conv(x))` gives in evaluation. Raises `ArgumentError` in training.

    >>> from microgradient import nn
    >>> conv, norm = nn.Conv1d(1, 2, 3).eval(), nn.BatchNorm1d(2).eval()
    >>> x = mg.ones((1, 1, 4))
    >>> bool(mg.max(mg.abs(fuse_conv_bn_eval(conv, norm)(x) - norm(conv(x)))) < 1e-6)
    True
    """
    axis = 1 if transpose or isinstance(conv, _ConvTranspose) else 0
    return _fused(conv, bn, axis)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that gives what `bn(linear(x))` gives in evaluation.

    >>> from microgradient import nn
    >>> linear, norm = nn.Linear(3, 2).eval(), nn.BatchNorm1d(2).eval()
    >>> x = mg.ones((1, 3))
    >>> bool(mg.max(mg.abs(fuse_linear_bn_eval(linear, norm)(x) - norm(linear(x)))) < 1e-6)
    True
    """
    return _fused(linear, bn, 0)


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None = None,
    bn_b: Tensor | None = None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that stands for one and the batch norm behind it.

    >>> w, b = fuse_conv_bn_weights(mg.ones((1, 1, 1)), None, mg.tensor([1.0]), mg.tensor([4.0]), 0.0)
    >>> w.tolist(), b.tolist()
    ([[[0.5]]], [-0.5])
    """
    return _weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the linear layer that stands for one and the batch norm behind it.

    >>> one, zero = mg.ones((1,)), mg.zeros((1,))
    >>> fuse_linear_bn_weights(mg.ones((1, 2)), None, one, one * 4.0, 0.0, one, zero)[0].tolist()
    [[0.5, 0.5]]
    """
    return _weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A module whose parameters are zeros, for those that are to be loaded.

    >>> from microgradient import nn
    >>> skip_init(nn.Linear, 2, 1, bias=False).weight.tolist()
    [[0.0, 0.0]]
    """
    return module_cls(*args, **kwargs).to_empty()


def _fused(layer: Any, bn: Any, axis: int) -> Any:
    if layer.training or bn.training or bn.running_mean is None:
        raise ArgumentError(
            "MG157", "Only layers in evaluation, with running statistics, can be fused. Write `model.eval()`."
        )
    fused = copy.deepcopy(layer)
    fused.weight, fused.bias = _weights(
        layer.weight,
        layer.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        axis,
        getattr(layer, "groups", 1),
    )
    return fused


def _weights(
    w: Tensor, b: Any, mean: Tensor, variance: Tensor, eps: float, gamma: Any, beta: Any, axis: int, groups: int = 1
) -> tuple[Parameter, Parameter]:
    with mg.no_grad():
        scale = mg.rsqrt(variance + eps)
        scale = scale if gamma is None else scale * gamma
        bias = (-mean if b is None else b - mean) * scale
        bias = bias if beta is None else bias + beta
        if axis == 0:
            wide = w * mg.reshape(scale, (-1,) + (1,) * (w.ndim - 1))
        else:  # (in, out/groups, ...): the outputs of each group lie along axis 1
            inputs, outputs = w.shape[0] // groups, w.shape[1]
            grouped = mg.reshape(w, (groups, inputs, outputs, math.prod(w.shape[2:])))
            wide = mg.reshape(grouped * mg.reshape(scale, (groups, 1, outputs, 1)), w.shape)
    return Parameter(mg.astype(wide, w.dtype)), Parameter(mg.astype(bias, w.dtype))
