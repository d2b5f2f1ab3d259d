"""The scalar world: the pointwise primitives on Python floats, a thin layer over `math`.

Where `math` raises and IEEE 754 has an answer (log 0, overflow, 0/0), the answer is given, as in the array world.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .array_world import ARRAY


class TracedNumber:
    """The base of what stands for a Python float while a function of Values is traced."""

    __slots__ = ()


class ScalarWorld:
    """The namespace `xp` for Python floats."""

    equal, not_equal = staticmethod(operator.eq), staticmethod(operator.ne)
    less, less_equal = staticmethod(operator.lt), staticmethod(operator.le)
    greater, greater_equal = staticmethod(operator.gt), staticmethod(operator.ge)
    logical_and, logical_or = staticmethod(operator.and_), staticmethod(operator.or_)  # of Python bools
    add, subtract, multiply = staticmethod(operator.add), staticmethod(operator.sub), staticmethod(operator.mul)
    negative, positive, abs = staticmethod(operator.neg), staticmethod(operator.pos), staticmethod(operator.abs)
    isnan, isinf, isfinite = staticmethod(math.isnan), staticmethod(math.isinf), staticmethod(math.isfinite)
    hypot, atan2, erf, erfc = (
        staticmethod(math.hypot),
        staticmethod(math.atan2),
        staticmethod(math.erf),
        staticmethod(math.erfc),
    )
    tanh, atan, asinh, copysign = (
        staticmethod(math.tanh), staticmethod(math.atan), staticmethod(math.asinh), staticmethod(math.copysign),
    )  # fmt: skip

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Any:
        return a if condition else b

    @staticmethod
    def zeros_like(a: Any) -> float:
        return 0.0

    @staticmethod
    def relu(a: Any) -> Any:
        return 0 if a < 0 else a

    @staticmethod
    def maximum(a: Any, b: Any) -> Any:
        return a if a >= b or a != a else b

    @staticmethod
    def minimum(a: Any, b: Any) -> Any:
        return a if a <= b or a != a else b

    @staticmethod
    def clip(a: Any, lo: Any, hi: Any) -> Any:
        return min(max(a, lo), hi)

    @staticmethod
    def sign(a: Any) -> Any:
        return (a > 0) - (a < 0) if a == a else math.nan

    @staticmethod
    def square(a: Any) -> Any:
        return a * a

    @staticmethod
    def sigmoid(a: Any) -> float:
        if a >= 0:
            return 1 / (1 + math.exp(-a))
        e = math.exp(a)
        return e / (1 + e)

    @staticmethod
    def softplus(a: Any) -> float:
        return max(a, 0) + math.log1p(math.exp(-abs(a)))

    @staticmethod
    def logaddexp(a: Any, b: Any) -> float:
        if a == b:
            return a + math.log(2)  # also where both are infinite
        return max(a, b) + math.log1p(math.exp(-abs(a - b)))


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


def _floor_divide(a: Any, b: Any) -> Any:
    return a // b if math.isfinite(a) else _from_arrays("floor_divide")(a, b)


def _real_power(a: Any, b: Any) -> Any:
    y = a**b
    return math.nan if isinstance(y, complex) else y


_functions: dict[str, Callable[..., Any]] = {
    "divide": operator.truediv, "floor_divide": _floor_divide, "remainder": operator.mod, "pow": _real_power,
    "sqrt": math.sqrt, "reciprocal": lambda a: 1 / a, "exp": math.exp, "exp2": lambda a: 2.0**a, "expm1": math.expm1,
    "log": math.log, "log2": math.log2, "log10": math.log10, "log1p": math.log1p,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos,
    "sinh": math.sinh, "cosh": math.cosh, "acosh": math.acosh, "atanh": math.atanh, "lgamma": math.lgamma,
    "floor": lambda a: float(math.floor(a)), "ceil": lambda a: float(math.ceil(a)), "trunc": lambda a: float(math.trunc(a)),
}  # fmt: skip
for _name, _function in _functions.items():
    setattr(ScalarWorld, _name, staticmethod(_ieee(_name, _function)))
ScalarWorld.power = staticmethod(lambda a, *, n: ScalarWorld.pow(a, n))  # type: ignore[attr-defined]
for _name in ("round", "erfinv", "digamma", "polygamma"):
    setattr(ScalarWorld, _name, staticmethod(_from_arrays(_name)))

SCALAR: Any = ModuleType(
    "scalar_world", "The namespace `xp` for Python floats."
)  # Python finds a module's names fastest
vars(SCALAR).update({name: getattr(ScalarWorld, name) for name in vars(ScalarWorld) if not name.startswith("_")})
