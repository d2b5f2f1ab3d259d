"""`torch.nn`: the layers of `microgradient.nn` as modules of PyTorch's meaning."""

from __future__ import annotations

from . import functional, init, modules, parameter, utils
from .modules import Module, as_torch, layers
from .parameter import Buffer, Parameter, UninitializedParameter

globals().update(layers)

__all__ = [
    "Buffer", "Module", "Parameter", "UninitializedParameter", "as_torch", "functional", "init", "modules", "parameter", "utils",
    *layers,
]  # fmt: skip
