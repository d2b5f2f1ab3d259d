"""The taped world: the namespace `xp` in which rules run on Tensors, so that derivatives have derivatives."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .operators import apply, pointwise_function, wrap
from .primitives import Primitive, for_each_primitive

if TYPE_CHECKING:
    from .tensor import Tensor


class TapedWorld:
    """Every primitive of the rulebook as a function of tensors, arrays and numbers, and what makes constants."""

    pow = staticmethod(operator.pow)  # `**` knows a cheaper row for a number as exponent

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Tensor]: ...

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """A constant tensor of zeros."""
        return wrap(np.zeros(shape, dtype), None)

    def zeros_like(self, a: Any) -> Any:
        """A constant tensor of zeros with the shape and dtype of `a`."""
        return wrap(np.zeros(a.shape, a.dtype), None)

    def eye(self, n: int, dtype: Any) -> Any:
        """The identity matrix as a constant tensor."""
        return wrap(np.eye(n, dtype=dtype), None)


TAPED = TapedWorld()


@for_each_primitive
def _function(row: Primitive) -> None:
    if row.name != "pow":
        setattr(TAPED, row.name, pointwise_function(row.name) if row.is_method else functools.partial(apply, row))
