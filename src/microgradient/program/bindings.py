"""Bindings: what an input of a compiled program is bound to, and where an output goes.

Two bindings are equal if they are the same memory of the user's: a parameter's data, a leaf's gradient, an entry of an
optimiser's state. An output bound to the same as an input is the next value of that input. `read` gives the array that is there
now (or a number, or None), `write` puts another one there; `leaves` are the arguments of the call.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..operators import wrap
from ..tensor import Tensor


class Argument(NamedTuple):
    """The data of argument number `number`, counted through all containers."""

    number: int

    def read(self, leaves: Any) -> Any:
        """The array."""
        return leaves[self.number].datum

    def write(self, array: Any, leaves: Any) -> None:
        """Put an array there."""
        leaves[self.number].datum = array


class ArgumentGrad(NamedTuple):
    """The gradient of a leaf that is an argument."""

    number: int

    def read(self, leaves: Any) -> Any:
        """The array, or None."""
        return _data(leaves[self.number].node)

    def write(self, array: Any, leaves: Any) -> None:
        """Put an array there, a gradient tensor, or None."""
        leaves[self.number].node.grad = _gradient(array)


class Data:
    """The data of a tensor that the function closes over."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Data) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)

    def read(self, leaves: Any) -> Any:
        """The array."""
        return self.tensor.datum

    def write(self, array: Any, leaves: Any) -> None:
        """Put an array there."""
        self.tensor.datum = array


class Grad(NamedTuple):
    """The gradient of a leaf that the function closes over."""

    node: Any

    def read(self, leaves: Any) -> Any:
        """The array, or None."""
        return _data(self.node)

    def write(self, array: Any, leaves: Any) -> None:
        """Put an array there, a gradient tensor, or None."""
        self.node.grad = _gradient(array)


class Entry(NamedTuple):
    """One thing that an optimiser remembers about a parameter."""

    optimizer: Any
    parameter: Any
    key: str

    def read(self, leaves: Any) -> Any:
        """The array, the number, or None."""
        return vars(self.optimizer)["state"].get(self.parameter, {}).get(self.key)

    def write(self, array: Any, leaves: Any) -> None:
        """Put an array there."""
        self.optimizer.state.setdefault(self.parameter, {})[self.key] = array


class Setting(NamedTuple):
    """A number among the settings of an optimiser's group of parameters, such as its learning rate."""

    optimizer: Any
    group: int
    name: str
    place: int | None = None  # among several, such as two betas

    def number(self) -> Any:
        """What it is now."""
        value = vars(self.optimizer)["param_groups"][self.group][self.name]
        return value if self.place is None else value[self.place]


class Reference:
    """An array that the function closes over: its values are read at every call."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def read(self, leaves: Any) -> Any:
        """The array."""
        return self.array


class CountOf(NamedTuple):
    """A number that follows from the length of padded arguments, which comes behind the arguments."""

    count: Any
    dtype: Any

    def read(self, leaves: Any) -> Any:
        """The number."""
        return np.asarray(self.count.at(leaves[-1]), self.dtype)


Binding = Argument | ArgumentGrad | Data | Grad | Entry | Setting | Reference | CountOf
GRADIENTS = (Grad, ArgumentGrad)


def _data(node: Any) -> Any:
    return node.stored.datum if isinstance(node.stored, Tensor) else None


def _gradient(array: Any) -> Any:
    return array if array is None or isinstance(array, Tensor) else wrap(array, None)
