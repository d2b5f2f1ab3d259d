"""A module as a function of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ArgumentError, ShapeError
from ...tensor import Tensor
from ..module import Module


def functional_call(module: Module, parameters: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Any:
    """`module(*args, **kwargs)` with other tensors in the place of its parameters and buffers, named by their paths.

    So a model becomes a function of its parameters, to be given to `mg.grad`, `mg.hvp` or `mg.hessian`. Those not named
    stay as they are. Raises `ArgumentError` for a path that is not in the module.

    >>> import microgradient as mg
    >>> from microgradient import nn
    >>> layer = nn.Linear(1, 1, bias=False)
    >>> mg.grad(lambda w: functional_call(layer, {"weight": w}, mg.tensor([3.0])).sum())(mg.tensor([[2.0]])).item()
    3.0
    """
    own = module.state_dict(keep_vars=True)
    for path, value in parameters.items():
        if path not in own:
            raise ArgumentError("MG154", f"{type(module).__name__} has no parameter or buffer `{path}`.")
        if value.shape != own[path].shape:
            raise ShapeError("MG155", f"`{path}` has shape {own[path].shape}, the tensor given for it {value.shape}.")
    before = [(own[path], own[path].raw, own[path].node) for path in parameters]
    try:
        for path, value in parameters.items():
            own[path].raw, own[path].node = value.raw, value.node
        return module(*args, **kwargs)
    finally:
        for tensor, data, node in before:
            tensor.raw, tensor.node = data, node
