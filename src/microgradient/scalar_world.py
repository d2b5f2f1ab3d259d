"""The scalar world: the pointwise primitives on Python floats, a thin layer over `math`.

This module *is* the namespace `xp` of that world, `SCALAR`. A primitive that has no function here is `math`'s of the same name,
or else the array world's on one number. Where `math` raises and IEEE 754 has an answer (log 0, overflow, 0/0), the answer is
given, as in the array world.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable
from typing import Any

from .array_world import ARRAY
from .primitives import Primitive, World, for_each_primitive

SCALAR: World = sys.modules[__name__]
"""This module, which is the namespace `xp` of Python floats."""


class TracedNumber:
    """The base of what stands for a Python float while a function of Values is traced."""

    __slots__ = ()


def _ieee(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with what the array world gives where Python raises."""

    def total(*args: Any) -> Any:
        try:
            return function(*args)
        except (ValueError, OverflowError, ZeroDivisionError):
            return _from_arrays(name)(*args)

    return total


def _from_arrays(name: str) -> Callable[..., float]:
    def total(*args: Any, **params: Any) -> float:
        import numpy as np

        with np.errstate(all="ignore"):
            return float(getattr(ARRAY, name)(*(np.float64(a) for a in args), **params))

    return total


# ------------------------------------------------------------------------------------------- what never raises, as it is

equal, not_equal, less, less_equal = operator.eq, operator.ne, operator.lt, operator.le
greater, greater_equal = operator.gt, operator.ge
logical_and, logical_or = operator.and_, operator.or_  # of Python bools
add, subtract, multiply = operator.add, operator.sub, operator.mul
negative, positive, abs = operator.neg, operator.pos, operator.abs
isnan, isinf, isfinite = math.isnan, math.isinf, math.isfinite
hypot, atan2, erf, erfc = math.hypot, math.atan2, math.erf, math.erfc
tanh, atan, asinh, copysign, nextafter = math.tanh, math.atan, math.asinh, math.copysign, math.nextafter


def where(condition: Any, a: Any, b: Any) -> Any:
    return a if condition else b


def zeros_like(a: Any) -> float:
    return 0.0


def relu(a: Any) -> Any:
    return 0 if a < 0 else a


def maximum(a: Any, b: Any) -> Any:
    return a if a >= b or a != a else b


def minimum(a: Any, b: Any) -> Any:
    return a if a <= b or a != a else b


def clip(a: Any, lo: Any, hi: Any) -> Any:
    return min(max(a, lo), hi)


def sign(a: Any) -> Any:
    return (a > 0) - (a < 0) if a == a else math.nan


def square(a: Any) -> Any:
    return a * a


def sigmoid(a: Any) -> float:
    if a >= 0:
        return 1 / (1 + math.exp(-a))
    e = math.exp(a)
    return e / (1 + e)


def softplus(a: Any) -> float:
    return max(a, 0) + math.log1p(math.exp(-abs(a)))


def logaddexp(a: Any, b: Any) -> float:
    if a == b:
        return a + math.log(2)  # also where both are infinite
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


# --------------------------------------------------------------------------------------- where IEEE arithmetic says more


def _floor_divide(a: Any, b: Any) -> Any:
    return a // b if math.isfinite(a) else _from_arrays("floor_divide")(a, b)


def _real_power(a: Any, b: Any) -> Any:
    y = a**b
    return math.nan if isinstance(y, complex) else y


def power(a: Any, *, n: Any) -> Any:
    return SCALAR.pow(a, n)


_PARTIAL: dict[str, Callable[..., Any]] = {
    "divide": operator.truediv, "floor_divide": _floor_divide, "remainder": operator.mod, "pow": _real_power,
    "reciprocal": lambda a: 1 / a, "exp2": lambda a: 2.0**a, "floor": lambda a: float(math.floor(a)),
    "ceil": lambda a: float(math.ceil(a)), "trunc": lambda a: float(math.trunc(a)),
}  # fmt: skip


@for_each_primitive
def _function(row: Primitive) -> None:
    if row.kind == "pointwise" and row.name not in globals():
        function = _PARTIAL.get(row.name) or getattr(math, row.name, None)
        globals()[row.name] = _ieee(row.name, function) if function else _from_arrays(row.name)
