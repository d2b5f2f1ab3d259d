"""A parameter: a tensor that a module owns and an optimiser changes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..errors import DTypeError
from ..operators import wrap
from ..tensor import Tensor, to_array


class Parameter(Tensor):
    """A tensor that `Module` finds by itself and that collects a gradient.

    `data` may be a Tensor, an ndarray or nested numbers; it is copied, so the parameter shares memory with nothing.
    Raises `DTypeError` for integers and booleans, which have no derivative.

    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    __slots__ = ()

    def __init__(self, data: object, requires_grad: bool = True) -> None:
        array = np.array(data.raw) if isinstance(data, Tensor) else to_array(data)
        if requires_grad and array.dtype.kind != "f":
            raise DTypeError(
                "MG150",
                f"A parameter needs a floating dtype, got {array.dtype}: whole numbers have no derivative. "
                "Write `Parameter(x.astype(mg.float32))`, or `register_buffer(name, x)` for data that is not trained.",
            )
        super().__init__(array, requires_grad=requires_grad)


def zero_grad(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """Forget gradients: make them None, or zeros."""
    for p in parameters:
        p.grad = (
            None if set_to_none or p.grad is None else wrap(np.zeros(p.shape, p.grad.dtype), None, None, p.result_class)
        )
