"""The taped world: the namespace `xp` in which rules run on Tensors, so that derivatives have derivatives."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ArgumentTypeError
from .operators import apply, as_operand, binary, is_tensor, unary, wrap
from .rules import TABLE


class TapedWorld:
    """Every primitive of the rulebook as a function of tensors, arrays and numbers, and what makes constants."""

    def __init__(self) -> None:
        for name, row in TABLE.items():
            # these have a parameter
            direct = row.kind == "pointwise" and len(row.maps) < 3 and name not in ("polygamma", "power")
            setattr(self, name, _pointwise(name) if direct else functools.partial(apply, row))
        self.pow = operator.pow  # `**` knows a cheaper row for a number as exponent

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def zeros(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """A constant tensor of zeros."""
        return wrap(np.zeros(shape, dtype), None)

    def zeros_like(self, a: Any) -> Any:
        """A constant tensor of zeros with the shape and dtype of `a`."""
        return wrap(np.zeros(a.shape, a.dtype), None)

    def eye(self, n: int, dtype: Any) -> Any:
        """The identity matrix as a constant tensor."""
        return wrap(np.eye(n, dtype=dtype), None)


def _pointwise(name: str) -> Callable[..., Any]:
    """The function of a pointwise primitive of one or two arguments."""
    if len(TABLE[name].maps) == 1:
        method = unary(name)
        return lambda x: method(as_operand(x))
    first, second = binary(name), binary(name, reflected=True)

    def function(a: Any, b: Any) -> Any:
        if is_tensor(b) and not is_tensor(a):
            return _implemented(second(b, a), name, a)
        return _implemented(first(as_operand(a), b), name, b)

    return function


def _implemented(result: Any, name: str, operand: Any) -> Any:
    if result is NotImplemented:
        raise ArgumentTypeError("MG111", f"`{name}` can't work with a {type(operand).__name__}.")
    return result


TAPED = TapedWorld()
