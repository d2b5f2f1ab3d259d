"""Parameters and buffers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...coercion import to_array
from ...nn.parameter import Buffer as BaseBuffer
from ...nn.parameter import Parameter as Base
from ...tensor import Tensor as BaseTensor
from ...tensor import leaf_node
from ..tensor import Tensor


class Parameter(Tensor, Base):
    """A tensor that a module finds by itself, and that collects a gradient unless told otherwise. It shares the memory of `data`.

    >>> import microgradient.torch as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        self.datum = (
            np.zeros(0, np.float32) if data is None else data.raw if isinstance(data, BaseTensor) else to_array(data)
        )
        self.node = self.cut = None
        if requires_grad:
            self.requires_grad = True

    def __reduce__(self) -> Any:
        return _parameter, (np.array(self.raw), self.requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copy = _parameter(self.raw.copy(), self.requires_grad)
        memo[id(self)] = copy
        return copy


def _parameter(data: Any, requires_grad: bool) -> Parameter:
    made = Parameter(requires_grad=False)
    made.raw = data
    made.requires_grad = requires_grad
    return made


def as_parameter(p: Base) -> Parameter:
    """A parameter of Microgradient's as one of these, with the same array."""
    made = Parameter(requires_grad=False)
    made.datum = p.datum
    made.node = None if p.node is None else leaf_node(made)
    if made.node is not None:
        made.node.grad = None
    return made


class Buffer(Tensor, BaseBuffer):
    """A tensor that a module saves (if `persistent`) and does not train. It shares the memory of `data`."""

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        self.datum = (
            np.zeros(0, np.float32) if data is None else data.raw if isinstance(data, BaseTensor) else to_array(data)
        )
        self.node = self.cut = None
        self.persistent = persistent


class UninitializedParameter(Parameter):
    """A parameter whose shape the first input decides."""
