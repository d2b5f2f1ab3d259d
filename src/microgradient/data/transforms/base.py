"""What transforms share: their composition, their random numbers, what they take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import microgradient as mg

from ... import random
from ...errors import ArgumentError, ShapeError
from ...tensor import Tensor


@dataclass
class Compose:
    """Several transforms, of which the first acts first.

    >>> Compose([abs, float])(-3)
    3.0
    """

    transforms: Sequence[Callable[[Any], Any]]

    def __call__(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x


@dataclass
class Lambda:
    """A function as a transform.

    >>> Lambda(abs)(-3)
    3
    """

    function: Callable[[Any], Any]

    def __call__(self, x: Any) -> Any:
        return self.function(x)


@dataclass
class RandomApply:
    """Some transforms together with the probability `p`, and otherwise none.

    >>> RandomApply([abs], p=1.0)(-3)
    3
    """

    transforms: Sequence[Callable[[Any], Any]]
    p: float = 0.5

    def __call__(self, x: Any) -> Any:
        return Compose(self.transforms)(x) if happens(self.p) else x


def happens(p: float) -> bool:
    """True with the probability `p`."""
    return between(0.0, 1.0) < p


def between(low: float, high: float) -> float:
    """A random number from `low` to `high`."""
    return low + (high - low) * float(random.uniform((), dtype=mg.float64).raw)


def below(n: int) -> int:
    """A random whole number from 0 to n - 1."""
    return int(random.integers(0, n).raw)


def as_tensor(x: Any, axes: int, what: str) -> Tensor:
    """`x` as a tensor of floats of at least so many axes."""
    tensor = x if isinstance(x, Tensor) else mg.asarray(x)
    if len(tensor.shape) < axes:
        raise ShapeError("MG180", f"{what} has at least {axes} axes, got the shape {tuple(tensor.shape)}.")
    return tensor if tensor.dtype.kind == "f" else mg.astype(tensor, mg.float32)


def pair(value: Any, name: str) -> tuple[int, int]:
    """Height and width, from one number for both or two."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or any(n < 0 for n in both):
        raise ArgumentError("MG180", f"`{name}` is a whole number or two of them, of at least 0, got {value!r}.")
    return both[0], both[1]
