"""The scalar world: the pointwise primitives on Python floats, a thin layer over `math`.

This module *is* the namespace `xp` of that world, `SCALAR`. A primitive that has no function here is `math`'s of the same name,
or else the array world's on one number. Where `math` raises and IEEE 754 has an answer (log 0, overflow, 0/0), the answer is
given, as in the array world.
"""

from __future__ import annotations

import functools
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

    def total(*args: Any, **params: Any) -> Any:
        try:
            return function(*args, **params)
        except (ValueError, OverflowError, ZeroDivisionError):
            return _from_arrays(name)(*args, **params)

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


def sigmoid(a: Any) -> float:
    e = math.exp(-abs(a))
    return (1 if a >= 0 else e) / (1 + e)


# --------------------------------------------------------------------------------------- where IEEE arithmetic says more


def _floor_divide(a: Any, b: Any) -> Any:
    return a // b if math.isfinite(a) else _from_arrays("floor_divide")(a, b)


def _real_power(a: Any, b: Any) -> Any:
    y = a**b
    return math.nan if isinstance(y, complex) else y


_PARTIAL: dict[str, Callable[..., Any]] = {
    "divide": operator.truediv, "floor_divide": _floor_divide, "remainder": operator.mod, "pow": _real_power,
    "floor": lambda a: float(math.floor(a)), "ceil": lambda a: float(math.ceil(a)), "trunc": lambda a: float(math.trunc(a)),
}  # fmt: skip


STEPS: dict[str, Callable[..., Any]] = {
    "zeros_like": lambda xp, a: 0.0,
    "relu": lambda xp, a: xp.where(a < 0, 0, a),
    "maximum": lambda xp, a, b: xp.where(operator.or_(a >= b, a != a), a, b),
    "minimum": lambda xp, a, b: xp.where(operator.or_(a <= b, a != a), a, b),
    "sigmoid": lambda xp, a: xp.where(a >= 0, 1, e := xp.exp(-abs(a))) / (1 + e),
    "isnan": lambda xp, a: a != a,
    "isinf": lambda xp, a: abs(a) == math.inf,
    "isfinite": lambda xp, a: abs(a) < math.inf,
    "reciprocal": lambda xp, a: 1 / a,
    "square": lambda xp, a: a * a,
    "power": lambda xp, a, *, n: xp.pow(a, n),
    "exp2": lambda xp, a: 2.0**a,
    "clip": lambda xp, a, lo, hi: xp.where(hi < (raised := xp.where(lo > a, lo, a)), hi, raised),
    "sign": lambda xp, a: xp.where(a == a, (a > 0) - (a < 0), math.nan),
    "softplus": lambda xp, a: xp.where(a < 0, 0, a) + xp.log1p(xp.exp(-abs(a))),
    "logaddexp": lambda xp, a, b: xp.where(
        a == b,
        a + math.log(2),
        xp.where(b > a, b, a) + xp.log1p(xp.exp(-abs(a - b))),  # also where both are infinite
    ),
}
"""What is made of other functions: those above, with a branch where numbers are known, in steps that numbers which are traced can
take, too; others for both, here in this world. The same steps give the same bits."""


@for_each_primitive
def _function(row: Primitive) -> None:
    if row.kind == "pointwise" and row.name not in globals():
        steps = STEPS.get(row.name)
        function = (
            functools.partial(steps, SCALAR) if steps else _PARTIAL.get(row.name) or getattr(math, row.name, None)
        )
        globals()[row.name] = _ieee(row.name, function) if function else _from_arrays(row.name)
