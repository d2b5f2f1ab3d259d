"""`torch.nn.parallel`: one device computes here, so modules are run as they are."""

from __future__ import annotations

from typing import Any

from ..refused import absent
from .modules import Module, layers

DataParallel = layers["DataParallel"]
DistributedDataParallel = absent("nn.parallel", "DistributedDataParallel")


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: Any = None,
) -> Any:
    """`module(*inputs)`.

    >>> import microgradient.torch as torch
    >>> data_parallel(torch.nn.Identity(), torch.ones(2))
    tensor([1., 1.])
    """
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
