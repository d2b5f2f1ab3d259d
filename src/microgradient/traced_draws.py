"""A random draw in a program that is being traced: an instruction that draws anew whenever the program runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from . import trace_hooks
from .operators import wrap
from .tensor import Tensor

if TYPE_CHECKING:
    from .random import Generator


def traced_draw(
    method: Callable[..., Tensor],
    arguments: tuple[Any, ...],
    at: int | None,
    dtype: np.dtype[Any],
    numbers: tuple[float, ...] | None = None,
) -> Tensor:
    """A draw as an instruction of the program being traced: it draws whenever that runs. The first argument may be traced."""
    trace, first, name = trace_hooks.current(), arguments[0], method.__name__
    shape = (arguments[0],) if at is None else arguments[at]
    data = (first.raw,) if isinstance(first, Tensor) and isinstance(first.raw, trace_hooks.Traced) else ()
    half = dtype == np.float16 and name != "bernoulli"
    draw = None if numbers is None or half else Draw(cast("Any", method).__self__, name, numbers)
    out: Tensor = wrap(trace.draw(Drawing(method, arguments, at), name, shape, dtype, data, draw), None)
    return out


class Drawing(NamedTuple):
    """What a draw in a traced program does whenever that runs: `method(*arguments)`, of which data may take the first's place,
    and number `at` is the shape, if one is."""

    method: Callable[..., Tensor]
    arguments: tuple[Any, ...]
    at: int | None

    def __call__(self, *data: Any) -> Any:
        """The numbers."""
        return self.method(*data, *self.arguments[len(data) :]).raw

    def of_shape(self, shape: tuple[int, ...]) -> Drawing:
        """The same of another shape."""
        return self._replace(arguments=tuple(shape if k == self.at else x for k, x in enumerate(self.arguments)))


class Draw(NamedTuple):
    """What a draw in a traced program is, if machine code can do it."""

    generator: Generator
    kind: str  # uniform, normal, bernoulli
    numbers: tuple[float, ...]  # low and high; mean and std; p
