"""Elementwise functions, under PyTorch's names: most are the rulebook's, by another name or promotion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg

from ..errors import ArgumentError, ArgumentTypeError, DTypeError
from ..functions import pointwise
from ..tensor import Tensor as Base
from ..trace_hooks import on_data
from . import types
from .function import FUNCTIONS, function
from .operators import check_divisor
from .promotion import promoted, together
from .tensor import Tensor

_UNARY = {  # by the primitive
    "abs": "abs absolute", "acos": "acos arccos", "acosh": "acosh arccosh", "asin": "asin arcsin", "asinh": "asinh arcsinh",
    "atan": "atan arctan", "atanh": "atanh arctanh", "ceil": "ceil", "cos": "cos", "cosh": "cosh", "digamma": "digamma",
    "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "floor": "floor",
    "lgamma": "lgamma", "log": "log", "log10": "log10", "log1p": "log1p", "log2": "log2", "negative": "neg negative",
    "reciprocal": "reciprocal", "sigmoid": "sigmoid", "sin": "sin", "sinh": "sinh", "sqrt": "sqrt", "square": "square",
    "tan": "tan", "tanh": "tanh", "trunc": "trunc fix", "relu": "relu", "bitwise_invert": "bitwise_not",
    "logical_not": "logical_not",
}  # fmt: skip
_TESTS = "isfinite isinf isnan signbit"


def _unary(primitive: str) -> Callable[..., Any]:
    kernel = getattr(pointwise, primitive)

    def call(input: Any) -> Any:
        return kernel(_tensor(input, name))

    name = call.__name__ = call.__qualname__ = _UNARY.get(primitive, primitive).split()[0]
    call.__doc__ = kernel.__doc__.replace(">>> import microgradient as mg\n>>> ", "").partition("\n\n")[0]
    return call


def _tensor(input: Any, name: str) -> Any:
    if not isinstance(input, Base):
        raise ArgumentTypeError("MG125", f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}.")
    return input


for _primitive, _names in _UNARY.items():
    function(_unary(_primitive), names=_names.partition(" ")[2], inplace=True)
for _primitive in _TESTS.split():
    function(_unary(_primitive))

_BINARY = {
    "add": "", "subtract": "sub subtract", "multiply": "mul multiply", "divide": "true_divide", "floor_divide": "floor_divide",
    "remainder": "remainder", "atan2": "atan2 arctan2", "maximum": "maximum", "minimum": "minimum", "hypot": "hypot",
    "logaddexp": "logaddexp", "copysign": "copysign", "nextafter": "nextafter", "equal": "eq", "not_equal": "ne not_equal",
    "less": "lt less", "less_equal": "le less_equal", "greater": "gt greater", "greater_equal": "ge greater_equal",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor", "bitwise_and": "bitwise_and",
    "bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor", "bitwise_left_shift": "bitwise_left_shift",
    "bitwise_right_shift": "bitwise_right_shift",
}  # fmt: skip
_NOT_IN_PLACE = ("maximum", "minimum", "logaddexp")


def binary(primitive: str) -> Callable[[Any, Any], Any]:
    """A primitive of two arguments, with PyTorch's promotion."""
    kernel, divides = getattr(pointwise, primitive), primitive in ("floor_divide", "remainder")

    def call(input: Any, other: Any) -> Any:
        if isinstance(input, Base) and isinstance(other, Base) and input.raw.dtype is not other.raw.dtype:
            input, other = together(input, other)
        y = kernel(input, other)
        return check_divisor(y, other) if divides else y

    call.__name__ = call.__qualname__ = (_BINARY.get(primitive) or primitive).split()[0]
    call.__doc__ = (kernel.__doc__ or "").partition("\n\n")[0]
    return call


for _primitive, _names in _BINARY.items():
    if _primitive not in ("add", "subtract"):
        function(binary(_primitive), names=_names.partition(" ")[2], inplace=_primitive not in _NOT_IN_PLACE)

_add, _subtract = binary("add"), binary("subtract")


def _scaled(other: Any, alpha: Any) -> Any:
    return other if alpha == 1 else other * alpha


@function(inplace=True)
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input + alpha · other."""
    return _add(input, _scaled(other, alpha))


@function(names="subtract", inplace=True)
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input - alpha · other. Booleans have no difference."""
    if any(isinstance(x, bool) or getattr(getattr(x, "raw", None), "dtype", None) == np.bool_ for x in (input, other)):
        both = all(getattr(getattr(x, "raw", None), "dtype", None) == np.bool_ for x in (input, other))
        if both:
            raise DTypeError(
                "MG144", "Subtraction is not defined for two bool tensors. Write `x ^ y` or `x.logical_xor(y)`."
            )
    return _subtract(input, _scaled(other, alpha))


@function
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """other - alpha · input."""
    return _subtract(other, _scaled(input, alpha))


@function(names="divide", inplace=True)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other, rounded towards zero (`rounding_mode="trunc"`) or down ("floor")."""
    if rounding_mode is None:
        return FUNCTIONS["true_divide"](input, other)
    if rounding_mode == "floor":
        return FUNCTIONS["floor_divide"](input, other)
    if rounding_mode != "trunc":
        raise ArgumentError("MG124", f"div: rounding_mode is None, 'trunc' or 'floor', not {rounding_mode!r}.")
    return _truncated(input, other)


def _truncated(input: Any, other: Any) -> Any:
    if isinstance(input, Base) and isinstance(other, Base):
        input, other = together(input, other)
    quotient = FUNCTIONS["true_divide"](input, other)
    kinds = [x.raw.dtype for x in (input, other) if isinstance(x, Base)]
    if all(kind.kind in "biu" for kind in kinds) and not any(isinstance(x, float) for x in (input, other)):
        floor = FUNCTIONS["floor_divide"](input, other)
        inexact = mg.not_equal(floor * other, input)
        return floor + mg.astype(mg.logical_and(inexact, mg.less(quotient, 0)), floor.raw.dtype)
    return mg.trunc(quotient)


@function(inplace=True)
def fmod(input: Any, other: Any) -> Any:
    """What is left of input / other rounded towards zero: it has the sign of `input`."""
    if isinstance(input, Base) and isinstance(other, Base):
        input, other = together(input, other)
    whole = all(x.raw.dtype.kind in "biu" for x in (input, other) if isinstance(x, Base)) and not isinstance(
        other, float
    )
    if whole:
        return input - other * _truncated(input, other)
    exact = on_data(np.fmod, _raw(input), _raw(other))
    quotient = mg.trunc(mg.stop_gradient(FUNCTIONS["true_divide"](input, other)))
    slope = input - other * quotient  # its derivative is right; its value loses digits
    return slope + (mg.asarray(exact) - mg.stop_gradient(slope)) if _tracked(input, other) else mg.asarray(exact)


def _raw(x: Any) -> Any:
    return x.raw if isinstance(x, Base) else x


def _tracked(*xs: Any) -> bool:
    return any(isinstance(x, Base) and x.node is not None for x in xs)


@function(names="pow", inplace=True)
def pow_(input: Any, exponent: Any) -> Any:
    """input to the power exponent."""
    if isinstance(input, Base):
        return input**exponent if isinstance(input, Tensor) else mg.pow(input, exponent)
    return mg.pow(input, exponent)


@function(inplace=True)
def float_power(input: Any, exponent: Any) -> Any:
    """input to the power exponent, in float64 (complex128)."""
    xs = [x if isinstance(x, Base) else mg.asarray(x) for x in (input, exponent)]
    kind = np.complex128 if any(x.raw.dtype.kind == "c" for x in xs) else np.float64
    base, power = (mg.astype(x, kind) for x in xs)
    return mg.pow(base, power)


@function(inplace=True, names="clip")
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """min where input is below, max where it is above. Numbers or tensors. The gradient passes at the bounds."""
    if min is None and max is None:
        raise ArgumentError("MG124", "clamp: at least one of 'min' or 'max' must not be None.")
    for bound in (min, max):
        if isinstance(bound, Base) and bound.raw.dtype != input.raw.dtype:
            kind = promoted(input.raw.dtype, bound.raw.dtype)
            input = mg.astype(input, kind)
        elif isinstance(bound, float) and input.raw.dtype.kind in "iub":
            input = mg.astype(input, mg.get_default_dtype())
    min, max = (mg.astype(b, input.raw.dtype) if isinstance(b, Base) else b for b in (min, max))
    return mg.clip(input, min, max)


@function(inplace=True)
def clamp_min(input: Any, min: Any) -> Any:
    """min where input is below."""
    return clamp(input, min=min)


@function(inplace=True)
def clamp_max(input: Any, max: Any) -> Any:
    """max where input is above."""
    return clamp(input, max=max)


@function(inplace=True)
def rsqrt(input: Any) -> Any:
    """1 / √input."""
    return mg.rsqrt(input)


@function(inplace=True)
def frac(input: Any) -> Any:
    """input - trunc(input)."""
    return input - mg.trunc(input)


@function(inplace=True)
def sign(input: Any) -> Any:
    """-1, 0 or 1."""
    if input.raw.dtype.kind == "c":
        raise DTypeError("MG144", "sign is not for complex numbers. Write `torch.sgn(x)`.")
    return mg.sign(input)


@function(inplace=True)
def sgn(input: Any) -> Any:
    """-1, 0 or 1; input / |input| of complex numbers."""
    return mg.sign(input)


@function(names="round", inplace=True)
def round_(input: Any, *, decimals: int = 0) -> Any:
    """The nearest number with so many decimals, the even one at a tie."""
    if decimals == 0:
        return mg.round(input)
    scale = 10.0 ** abs(decimals)
    return mg.round(input * scale) / scale if decimals > 0 else mg.round(input / scale) * scale


@function(inplace=True)
def deg2rad(input: Any) -> Any:
    """Degrees as radians."""
    return input * (math.pi / 180)


@function(inplace=True)
def rad2deg(input: Any) -> Any:
    """Radians as degrees."""
    return input * (180 / math.pi)


@function(inplace=True)
def logit(input: Any, eps: float | None = None) -> Any:
    """log(p / (1 - p)), of `input` clamped to [eps, 1 - eps]."""
    p = _floating(input)
    if eps is not None:
        p = mg.clip(p, eps, 1 - eps)
    return mg.log(p / (1 - p))


def _floating(x: Any) -> Any:
    return x if x.raw.dtype.kind in "fc" else mg.astype(x, mg.get_default_dtype())


@function
def logaddexp2(input: Any, other: Any) -> Any:
    """log₂(2^input + 2^other)."""
    ln2 = math.log(2)
    input, other = together(input, other)
    return mg.logaddexp(input * ln2, other * ln2) / ln2


@function
def fmax(input: Any, other: Any) -> Any:
    """The larger, and what is no NaN."""
    return _without_nan(input, other, mg.maximum)


@function
def fmin(input: Any, other: Any) -> Any:
    """The smaller, and what is no NaN."""
    return _without_nan(input, other, mg.minimum)


def _without_nan(input: Any, other: Any, choose: Any) -> Any:
    input, other = together(input, other)
    if input.raw.dtype.kind != "f":
        return choose(input, other)
    a_nan, b_nan = mg.isnan(input), mg.isnan(other)
    a, b = mg.where(a_nan, 0.0, input), mg.where(b_nan, 0.0, other)
    return mg.where(a_nan, other, mg.where(b_nan, input, choose(a, b)))


@function(inplace=True)
def heaviside(input: Any, values: Any) -> Any:
    """0 below 0, 1 above, `values` at 0."""
    one = mg.ones_like(input)
    return mg.where(mg.isnan(input), input, mg.where(input == 0, values, mg.where(mg.less(input, 0), 0 * one, one)))


@function(inplace=True)
def ldexp(input: Any, other: Any) -> Any:
    """input · 2^other."""
    return FUNCTIONS["mul"](input, mg.exp2(_floating(other)))


@function(inplace=True)
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight · (end - input)."""
    return input + weight * (end - input)


@function(inplace=True)
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value · tensor1 · tensor2."""
    return input + value * tensor1 * tensor2 if value != 1 else input + tensor1 * tensor2


@function(inplace=True)
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value · tensor1 / tensor2."""
    return input + value * (tensor1 / tensor2)


@function(inplace=True)
def xlogy(input: Any, other: Any) -> Any:
    """input · log(other), 0 where input is 0, NaN where other is NaN."""
    a = input if isinstance(input, Base) else mg.asarray(float(input))
    b = other if isinstance(other, Base) else mg.asarray(float(other))
    a, b = together(_floating(a), _floating(b))
    zero = mg.logical_and(mg.equal(a, 0), mg.logical_not(mg.isnan(b)))
    return mg.where(zero, 0.0, a * mg.log(mg.where(zero, 1.0, b)))


@function(inplace=True)
def nan_to_num(input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Numbers in place of NaN (0), ∞ (the largest of the dtype) and -∞ (the smallest)."""
    if input.raw.dtype.kind not in "f":
        return mg.positive(input) if input.raw.dtype != np.bool_ else input
    return mg.nan_to_num(input, nan=nan or 0.0, posinf=posinf, neginf=neginf)


@function
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other; with the condition alone `nonzero(as_tuple=True)`."""
    if input is None and other is None:
        return FUNCTIONS["nonzero"](condition, as_tuple=True)
    if isinstance(input, Base) and isinstance(other, Base):
        input, other = together(input, other) if input.raw.dtype is not other.raw.dtype else (input, other)
    elif not isinstance(input, Base) and not isinstance(other, Base):
        input = mg.asarray(input) if not isinstance(other, float) else mg.asarray(float(input))
    return mg.where(condition, input, other)


Tensor.where = lambda self, condition, other: where(condition, self, other)  # type: ignore[attr-defined]


@function
def isclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Whether |input - other| ≤ atol + rtol · |other|."""
    return mg.isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


@function
def allclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether that holds of all entries."""
    return bool(mg.all(isclose(input, other, rtol, atol, equal_nan)))


@function
def equal(input: Any, other: Any) -> bool:
    """Whether shape and all entries are the same."""
    return tuple(input.shape) == tuple(other.shape) and bool(mg.all(FUNCTIONS["eq"](input, other)))


def _test(name: str, test: Callable[[Any], Any], doc: str) -> None:
    def call(input: Any) -> Any:
        return mg.asarray(on_data(test, input.raw))

    call.__name__, call.__doc__ = name, doc
    function(call)


_test("isneginf", np.isneginf, "Whether an entry is -∞.")
_test("isposinf", np.isposinf, "Whether an entry is +∞.")
_test("isreal", np.isreal, "Whether an entry has no imaginary part.")


@function(names="softmax")
def softmax_(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """exp(input) / Σ exp(input) along `dim`."""
    x = input if dtype is None else mg.astype(input, types.numpy_dtype(dtype))
    return mg.softmax(x, axis=_of_scalar(x, dim)) if x.raw.ndim else x * 0.0 + 1.0


@function
def log_softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """log softmax(input) along `dim`."""
    x = input if dtype is None else mg.astype(input, types.numpy_dtype(dtype))
    return mg.log_softmax(x, axis=_of_scalar(x, dim)) if x.raw.ndim else x * 0.0


def _of_scalar(x: Any, dim: int | None) -> int:
    if dim is None:  # as PyTorch guesses, for old programs
        return 0 if x.raw.ndim in (0, 1, 3) else 1
    return dim


@function(inplace=True)
def gcd(input: Any, other: Any) -> Any:
    """The greatest common divisor of integers."""
    input, other = together(input, other)
    return mg.asarray(on_data(np.gcd, input.raw, other.raw))


@function(inplace=True)
def lcm(input: Any, other: Any) -> Any:
    """The least common multiple of integers."""
    input, other = together(input, other)
    return mg.asarray(on_data(np.lcm, input.raw, other.raw))


@function
def frexp(input: Any) -> Any:
    """Mantissa in ±[½, 1) and exponent: input = mantissa · 2^exponent."""
    mantissa, exponent = np.frexp(input.raw)
    value = (
        input / mg.exp2(mg.astype(mg.asarray(exponent), input.raw.dtype))
        if input.node is not None
        else mg.asarray(mantissa)
    )
    return types.return_types["frexp"](value, mg.asarray(exponent.astype(np.int32)))


@function
def prelu(input: Any, weight: Any) -> Any:
    """input where it is positive, else weight · input."""
    return mg.nn.functional.prelu(input, weight)
