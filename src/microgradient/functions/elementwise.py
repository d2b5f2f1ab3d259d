"""Elementwise functions: one line each, with the formula. What they compute and their derivatives are in the rulebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..operators import apply, binary, unary
from ..rules import TABLE
from ..tensor import Tensor
from ..trace_hooks import Traced, on_data
from .arguments import ArrayLike, as_dtype, as_tensor, cast_to, constant_tensor, inexact, number_as, promoted
from .manipulation import broadcast_shapes, reshape


def _unary(name: str, meaning: str, example: str, result: str) -> Callable[[ArrayLike], Tensor]:
    method = unary(name)

    def function(x: ArrayLike, /) -> Tensor:
        return method(x if isinstance(x, Tensor) else as_tensor(x))

    return _documented(function, name, meaning, example, result)


def _binary(name: str, meaning: str, example: str, result: str) -> Callable[[ArrayLike, ArrayLike], Tensor]:
    first, second = binary(name), binary(name, reflected=True)

    def function(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
        if isinstance(x1, Tensor):
            y = first(x1, x2)
        elif isinstance(x2, Tensor):
            y = second(x2, x1)
        elif isinstance(x1, bool | int | float | complex):
            y = second(as_tensor(x2), x1)
        else:
            y = first(as_tensor(x1), x2)
        return y if y is not NotImplemented else first(as_tensor(x1), as_tensor(x2))

    return _documented(function, name, meaning, example, result)


def _documented(function: Any, name: str, meaning: str, example: str, result: str) -> Any:
    function.__name__ = function.__qualname__ = name
    notes = " Integers become the default float." if TABLE[name].floats else ""
    shown = f">>> import microgradient as mg\n>>> mg.{name}({example})\ntensor({result})"
    function.__doc__ = f"{meaning}, for each element.{notes}\n\n{shown}\n"
    return function


# ------------------------------------------------------------------------------------------------------------ arithmetic

abs = _unary("abs", "|x|", "-2.0", "2.")
add = _binary("add", "x1 + x2", "1, 2", "3")
divide = _binary("divide", "x1 / x2", "1, 2", "0.5")
floor_divide = _binary("floor_divide", "⌊x1 / x2⌋", "-7, 2", "-4")
multiply = _binary("multiply", "x1 · x2", "2.0, 3.0", "6.")
negative = _unary("negative", "-x", "2", "-2")
positive = _unary("positive", "+x", "2", "2")
pow = _binary("pow", "x1 to the power x2", "2.0, 3", "8.")
reciprocal = _unary("reciprocal", "1 / x", "4.0", "0.25")
remainder = _binary("remainder", "x1 - x2·⌊x1 / x2⌋, which has the sign of x2", "-7, 2", "1")
square = _unary("square", "x²", "3", "9")
sqrt = _unary("sqrt", "√x", "9.0", "3.")
subtract = _binary("subtract", "x1 - x2", "5, 3", "2")
hypot = _binary("hypot", "√(x1² + x2²) without overflow", "3.0, 4.0", "5.")

# ----------------------------------------------------------------------------------------------- exponentials, logarithms

exp = _unary("exp", "eˣ", "0.0", "1.")
exp2 = _unary("exp2", "2ˣ", "3.0", "8.")
expm1 = _unary("expm1", "eˣ - 1, exact near 0", "0.0", "0.")
log = _unary("log", "The natural logarithm of x", "1.0", "0.")
log1p = _unary("log1p", "log(1 + x), exact near 0", "0.0", "0.")
log2 = _unary("log2", "The logarithm of x to base 2", "8.0", "3.")
log10 = _unary("log10", "The logarithm of x to base 10", "1.0", "0.")
logaddexp = _binary("logaddexp", "log(exp(x1) + exp(x2)) without overflow", "0.0, 0.0", "0.6931472")
sigmoid = _unary("sigmoid", "1 / (1 + exp(-x))", "0.0", "0.5")
softplus = _unary("softplus", "log(1 + exp(x)) without overflow", "0.0", "0.6931472")

# ------------------------------------------------------------------------------------------- trigonometric and hyperbolic

acos = _unary("acos", "The angle in [0, π] whose cosine is x", "1.0", "0.")
acosh = _unary("acosh", "The number ≥ 0 whose hyperbolic cosine is x", "1.0", "0.")
asin = _unary("asin", "The angle in [-π/2, π/2] whose sine is x", "1.0", "1.5707964")
asinh = _unary("asinh", "The number whose hyperbolic sine is x", "0.0", "0.")
atan = _unary("atan", "The angle in [-π/2, π/2] whose tangent is x", "1.0", "0.7853982")
atan2 = _binary("atan2", "The angle in [-π, π] of the point with abscissa x2 and ordinate x1", "1.0, -1.0", "2.3561945")
atanh = _unary("atanh", "The number whose hyperbolic tangent is x", "0.0", "0.")
cos = _unary("cos", "The cosine of x", "0.0", "1.")
cosh = _unary("cosh", "The hyperbolic cosine of x, (eˣ + e⁻ˣ) / 2", "0.0", "1.")
sin = _unary("sin", "The sine of x", "0.0", "0.")
sinh = _unary("sinh", "The hyperbolic sine of x, (eˣ - e⁻ˣ) / 2", "0.0", "0.")
tan = _unary("tan", "The tangent of x", "0.0", "0.")
tanh = _unary("tanh", "The hyperbolic tangent of x, (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)", "0.0", "0.")

# ------------------------------------------------------------------------------------------------------ special functions

digamma = _unary("digamma", "The logarithmic derivative of the gamma function at x", "1.0", "-0.5772157")
erf = _unary("erf", "2/√π times the integral of exp(-t²) from 0 to x", "0.0", "0.")
erfc = _unary("erfc", "1 - erf(x), exact for large x", "0.0", "1.")
erfinv = _unary("erfinv", "The number whose error function is x", "0.0", "0.")
lgamma = _unary("lgamma", "log |Γ(x)|", "5.0", "3.1780539")


def polygamma(n: int, x: ArrayLike, /) -> Tensor:
    """The n-th derivative of the digamma function at x, for each element: (-1)ⁿ⁺¹ n! Σₖ (x + k)⁻ⁿ⁻¹ for n ≥ 1.

    >>> import microgradient as mg
    >>> mg.polygamma(1, 1.0)  # π²/6
    tensor(1.644934)
    """
    out: Tensor = apply(TABLE["polygamma"], inexact(as_tensor(x)), n=n)
    return out


def rsqrt(x: ArrayLike, /) -> Tensor:
    """1 / √x, for each element.

    >>> import microgradient as mg
    >>> mg.rsqrt(4.0)
    tensor(0.5)
    """
    return reciprocal(sqrt(x))


# ------------------------------------------------------------------------------------------------------ steps and kinks

ceil = _unary("ceil", "The smallest integer ≥ x", "1.2", "2.")
copysign = _binary("copysign", "|x1| with the sign of x2", "2.0, -1.0", "-2.")
floor = _unary("floor", "The largest integer ≤ x", "1.8", "1.")
maximum = _binary("maximum", "The larger of x1 and x2", "2, 3", "3")
minimum = _binary("minimum", "The smaller of x1 and x2", "2, 3", "2")
relu = _unary("relu", "max(x, 0)", "-1.0", "0.")
round = _unary("round", "The integer nearest to x, the even one where two are", "2.5", "2.")
sign = _unary("sign", "-1, 0 or 1 as x is below, at or above 0; x / |x| for complex x", "-3.0", "-1.")
trunc = _unary("trunc", "The integer nearest to x between 0 and x", "-1.7", "-1.")


def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """min(max(x, `min`), `max`), for each element; a bound that is None does not bind. The dtype is that of `x`.

    Only where a float bounds integers, which the standard leaves open, do these become floats.

    At a bound the derivative passes to `x`. NaN stays NaN.

    >>> import microgradient as mg
    >>> mg.clip(mg.asarray([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    x = as_tensor(x)
    if min is None and max is None:
        return reshape(x, x.shape)
    floats = [b for b in (min, max) if isinstance(b, float) or getattr(b, "dtype", x.dtype).kind == "f"]
    if floats and x.dtype.kind in "iu":
        x = cast_to(x, promoted(x, *floats))
    info: Any = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
    lowest, highest = (info.min, info.max) if info else (-np.inf, np.inf)
    low = lowest if min is None else _bound(min, x.dtype, info)
    return _broadcast_together("clip", x, low, highest if max is None else _bound(max, x.dtype, info))


def _bound(bound: Any, dtype: np.dtype[Any], info: Any) -> Any:
    """A bound of `clip` in the dtype of the array; an integer beyond its range is as good as the end of the range."""
    if info is None:
        return number_as(bound, dtype) if isinstance(bound, bool | int | float | Traced) else as_dtype(bound, dtype)
    bound = as_tensor(bound)
    if bound.dtype.kind in "iu":
        return constant_tensor(on_data(np.clip, bound.data, info.min, info.max).astype(dtype))
    return cast_to(bound, dtype)


def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 where `condition` holds, else x2; the three broadcast against each other, x1 and x2 promote.

    >>> import microgradient as mg
    >>> mg.where(mg.asarray([True, False]), mg.asarray([1.0, 2.0]), 0)
    tensor([1., 0.])
    """
    condition = as_tensor(condition)
    x1, x2 = (x if isinstance(x, Tensor) else _number(x) for x in (x1, x2))
    dtype = promoted(x1, x2)
    first, second = (cast_to(x, dtype) if isinstance(x, Tensor) else number_as(x, dtype) for x in (x1, x2))
    return _broadcast_together("where", cast_to(condition, _BOOL), first, second)


_BOOL = np.dtype(np.bool_)


def _number(x: Any) -> Any:
    """A Python number for a number, which does not decide the dtype; a tensor for anything else."""
    x = x.item() if isinstance(x, np.generic) else x
    return x if isinstance(x, bool | int | float | complex | Traced) else as_tensor(x)


def _broadcast_together(name: str, *operands: Any) -> Tensor:
    try:
        out: Tensor = apply(TABLE[name], *operands)
    except ValueError:
        broadcast_shapes(*(np.shape(x) for x in operands))  # raises the error that says which shapes don't fit
        raise
    return out


# ------------------------------------------------------------------------------------------------ comparisons, bits, logic

bitwise_and = _binary("bitwise_and", "The bits that are 1 in x1 and in x2", "6, 3", "2")
bitwise_invert = _unary("bitwise_invert", "The bits of x, inverted", "5", "-6")
bitwise_left_shift = _binary("bitwise_left_shift", "The bits of x1 moved up by x2 places", "1, 4", "16")
bitwise_or = _binary("bitwise_or", "The bits that are 1 in x1 or in x2", "6, 3", "7")
bitwise_right_shift = _binary(
    "bitwise_right_shift", "The bits of x1 moved down by x2 places, the sign kept", "-16, 2", "-4"
)
bitwise_xor = _binary("bitwise_xor", "The bits that are 1 in exactly one of x1 and x2", "6, 3", "5")
equal = _binary("equal", "Whether x1 = x2", "1, 1", "True")
greater = _binary("greater", "Whether x1 > x2", "2, 1", "True")
greater_equal = _binary("greater_equal", "Whether x1 ≥ x2", "1, 2", "False")
isfinite = _unary("isfinite", "Whether x is neither infinite nor NaN", "1.0", "True")
isinf = _unary("isinf", "Whether x is +∞ or -∞", "-mg.inf", "True")
isnan = _unary("isnan", "Whether x is NaN", "mg.nan", "True")
less = _binary("less", "Whether x1 < x2", "1, 2", "True")
less_equal = _binary("less_equal", "Whether x1 ≤ x2", "2, 2", "True")
logical_and = _binary("logical_and", "Whether both x1 and x2 are true (not 0)", "True, False", "False")
logical_not = _unary("logical_not", "Whether x is false (0)", "True", "False")
logical_or = _binary("logical_or", "Whether x1 or x2 is true (not 0)", "True, False", "True")
logical_xor = _binary("logical_xor", "Whether exactly one of x1 and x2 is true (not 0)", "True, True", "False")
nextafter = _binary("nextafter", "The floating-point number next to x1 in the direction of x2", "1.0, 2.0", "1.0000001")
not_equal = _binary("not_equal", "Whether x1 ≠ x2", "1, 2", "True")
signbit = _unary("signbit", "Whether the sign bit of x is set: true for -0.0 too", "-0.0", "True")

# ------------------------------------------------------------------------------------------------------- complex numbers


def conj(x: ArrayLike, /) -> Tensor:
    """The complex conjugate, for each element; a real `x` itself.

    >>> import microgradient as mg
    >>> mg.conj(1 + 2j)
    tensor(1.-2.j, dtype=complex64)
    """
    x = as_tensor(x)
    return constant_tensor(on_data(np.conj, x.data)) if x.dtype.kind == "c" else reshape(x, x.shape)


def imag(x: ArrayLike, /) -> Tensor:
    """The imaginary part, for each element; zeros for a real `x`.

    >>> import microgradient as mg
    >>> mg.imag(1 + 2j)
    tensor(2.)
    """
    return constant_tensor(on_data(np.imag, as_tensor(x).data).copy())


def real(x: ArrayLike, /) -> Tensor:
    """The real part, for each element; a real `x` itself.

    >>> import microgradient as mg
    >>> mg.real(1 + 2j)
    tensor(1.)
    """
    x = as_tensor(x)
    return constant_tensor(on_data(np.real, x.data).copy()) if x.dtype.kind == "c" else reshape(x, x.shape)
