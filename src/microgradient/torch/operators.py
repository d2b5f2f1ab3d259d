"""The operators of `torch.Tensor`: those of Microgradient after type promotion; `x += y` writes into the memory of `x`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..operators import binary, unary, wrap
from ..taped_world import TAPED
from ..tensor import Tensor as Base
from ..trace_hooks import Traced
from . import memory
from .promotion import together

_OPERATORS = {
    "add": ("add", "+"), "sub": ("subtract", "-"), "mul": ("multiply", "*"), "truediv": ("divide", "/"),
    "floordiv": ("floor_divide", "//"), "mod": ("remainder", "%"), "and": ("bitwise_and", "&"), "or": ("bitwise_or", "|"),
    "xor": ("bitwise_xor", "^"), "lshift": ("bitwise_left_shift", "<<"), "rshift": ("bitwise_right_shift", ">>"),
    "pow": ("pow", "**"),
}  # fmt: skip
_COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}


def attach_operators(cls: Any) -> None:
    """Give the class its operators, reflected and in place too, and its comparisons."""
    for name, (primitive, sign) in _OPERATORS.items():
        forward = _operator(primitive)
        if name == "pow":
            forward = _power(forward)
        setattr(cls, f"__{name}__", forward)
        setattr(cls, f"__r{name}__", _operator(primitive, reflected=True))
        setattr(cls, f"__i{name}__", _update(forward, f"{sign}="))
    cls.__rdiv__ = cls.__rtruediv__
    for name, primitive in _COMPARISONS.items():
        setattr(cls, f"__{name}__", _operator(primitive))
    for name, primitive in {"neg": "negative", "pos": "positive", "abs": "abs", "invert": "bitwise_invert"}.items():
        setattr(cls, f"__{name}__", unary(primitive))


def check_divisor(y: Any, divisor: Any) -> Any:
    """`y`, a quotient or a remainder. Raises ArgumentError for a whole number divided by zero, for which there is none."""
    data = divisor.raw if isinstance(divisor, Base) else divisor
    if y.raw.dtype.kind in "iu" and isinstance(y.raw, np.ndarray) and not isinstance(data, Traced) and not np.all(data):
        raise ArgumentError(
            "MG124", "ZeroDivisionError: whole numbers are divided by zero. Divide floats: `x.float()`."
        )
    return y


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
    method = binary(name, reflected)
    shown = {"subtract": "rsub", "divide": "rdiv"}.get(name) if reflected else None

    def operator(self: Any, other: Any, /) -> Any:
        if isinstance(other, Base):
            if other.raw.dtype is not self.raw.dtype and name not in ("bitwise_left_shift", "bitwise_right_shift"):
                self, other = together(self, other)
        elif isinstance(other, np.ndarray):
            other = wrap(np.asarray(other), None)
            self, other = together(self, other)
        elif other is None:
            return NotImplemented
        y = method(self, other)
        if name in ("floor_divide", "remainder") and y is not NotImplemented:
            check_divisor(y, self if reflected else other)
        if shown is not None and y is not NotImplemented and y.node is not None:
            y.node.called = (shown, True, y.node.seq - 1)
        return y

    operator.__name__ = operator.__qualname__ = method.__name__
    return operator


def _update(operator: Callable[..., Any], sign: str) -> Callable[..., Any]:
    def method(self: Any, other: Any, /) -> Any:
        new = operator(self, other)
        return new if new is NotImplemented else memory.write(self, new, f"`x {sign} …`")

    return method


def _power(general: Callable[..., Any]) -> Callable[..., Any]:
    quick = Base.__pow__

    def __pow__(self: Any, other: Any, /) -> Any:  # noqa: N807
        if self.raw.dtype.kind == "b" and other.__class__ is int:
            self = TAPED.astype(self, dtype=np.dtype(np.int64))
        number = other.__class__ is float or (other.__class__ is int and (other >= 0 or self.raw.dtype.kind in "fc"))
        return quick(self, other) if number else general(self, other)

    return __pow__
