"""`torch.nn`: the layers of `microgradient.nn` as modules of PyTorch's meaning."""

from __future__ import annotations

from . import attention, common_types, functional, init, inner_names, modules, parallel, parameter, utils
from .modules import Module, as_torch, layers
from .parameter import Buffer, Parameter, UninitializedParameter

globals().update(layers)
vars(modules).update(layers | inner_names.NAMES | dict.fromkeys(inner_names.FILES, modules))

__all__ = [
    "Buffer", "Module", "Parameter", "UninitializedParameter", "as_torch", "attention", "common_types",
    "functional", "init", "modules", "parallel",
    "parameter", "utils", *layers,
]  # fmt: skip
