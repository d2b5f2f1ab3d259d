"""Places: where an input of a compiled program comes from, and where an output goes.

Two places are equal if they are the same memory of the user's: a parameter's data, a leaf's gradient, an entry of an optimiser's
state. An output whose place is also that of an input is the next value of that input.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Argument(NamedTuple):
    """The data of argument number `number`, counted through all containers."""

    number: int


class ArgumentGrad(NamedTuple):
    """The gradient of a leaf that is an argument."""

    number: int


class Data:
    """The data of a tensor that the function closes over."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Data) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)


class Grad(NamedTuple):
    """The gradient of a leaf that the function closes over."""

    node: Any


class Entry(NamedTuple):
    """One thing that an optimiser remembers about a parameter."""

    optimizer: Any
    parameter: Any
    key: str


class Setting(NamedTuple):
    """A number among the settings of an optimiser's group of parameters, such as its learning rate."""

    optimizer: Any
    group: int
    name: str


class Reference:
    """An array that the function closes over: its values are read at every call."""

    def __init__(self, array: Any) -> None:
        self.array = array


Place = Argument | ArgumentGrad | Data | Grad | Entry | Setting | Reference
