"""Elementwise functions: one line each, with the formula. What they compute and their derivatives are in the rulebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..operators import apply, binary, unary
from ..rules import TABLE
from ..tensor import Tensor
from .arguments import ArrayLike, as_dtype, as_tensor, cast_to, constant_tensor, inexact, promoted
from .manipulation import broadcast_shapes


def _unary(name: str, meaning: str) -> Callable[[ArrayLike], Tensor]:
    method = unary(name)

    def function(x: ArrayLike, /) -> Tensor:
        return method(x if isinstance(x, Tensor) else as_tensor(x))

    return _documented(function, name, meaning)


def _binary(name: str, meaning: str) -> Callable[[ArrayLike, ArrayLike], Tensor]:
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

    return _documented(function, name, meaning)


def _documented(function: Any, name: str, meaning: str) -> Any:
    function.__name__ = function.__qualname__ = name
    notes = " Integers become the default float." if TABLE[name].floats else ""
    function.__doc__ = f"{meaning}, for each element.{notes}"
    return function


# ------------------------------------------------------------------------------------------------------------ arithmetic

abs = _unary("abs", "|x|")
add = _binary("add", "x1 + x2")
divide = _binary("divide", "x1 / x2")
floor_divide = _binary("floor_divide", "⌊x1 / x2⌋")
multiply = _binary("multiply", "x1 · x2")
negative = _unary("negative", "-x")
positive = _unary("positive", "+x")
pow = _binary("pow", "x1 to the power x2")
reciprocal = _unary("reciprocal", "1 / x")
remainder = _binary("remainder", "x1 - x2·⌊x1 / x2⌋, which has the sign of x2")
square = _unary("square", "x²")
sqrt = _unary("sqrt", "√x")
subtract = _binary("subtract", "x1 - x2")
hypot = _binary("hypot", "√(x1² + x2²) without overflow")

# ----------------------------------------------------------------------------------------------- exponentials, logarithms

exp = _unary("exp", "eˣ")
exp2 = _unary("exp2", "2ˣ")
expm1 = _unary("expm1", "eˣ - 1, exact near 0")
log = _unary("log", "The natural logarithm of x")
log1p = _unary("log1p", "log(1 + x), exact near 0")
log2 = _unary("log2", "The logarithm of x to base 2")
log10 = _unary("log10", "The logarithm of x to base 10")
logaddexp = _binary("logaddexp", "log(exp(x1) + exp(x2)) without overflow")
sigmoid = _unary("sigmoid", "1 / (1 + exp(-x))")
softplus = _unary("softplus", "log(1 + exp(x)) without overflow")

# ------------------------------------------------------------------------------------------- trigonometric and hyperbolic

acos = _unary("acos", "The angle in [0, π] whose cosine is x")
acosh = _unary("acosh", "The number ≥ 0 whose hyperbolic cosine is x")
asin = _unary("asin", "The angle in [-π/2, π/2] whose sine is x")
asinh = _unary("asinh", "The number whose hyperbolic sine is x")
atan = _unary("atan", "The angle in [-π/2, π/2] whose tangent is x")
atan2 = _binary("atan2", "The angle in [-π, π] of the point with abscissa x2 and ordinate x1")
atanh = _unary("atanh", "The number whose hyperbolic tangent is x")
cos = _unary("cos", "The cosine of x")
cosh = _unary("cosh", "The hyperbolic cosine of x, (eˣ + e⁻ˣ) / 2")
sin = _unary("sin", "The sine of x")
sinh = _unary("sinh", "The hyperbolic sine of x, (eˣ - e⁻ˣ) / 2")
tan = _unary("tan", "The tangent of x")
tanh = _unary("tanh", "The hyperbolic tangent of x, (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)")

# ------------------------------------------------------------------------------------------------------ special functions

digamma = _unary("digamma", "The logarithmic derivative of the gamma function at x")
erf = _unary("erf", "2/√π times the integral of exp(-t²) from 0 to x")
erfc = _unary("erfc", "1 - erf(x), exact for large x")
erfinv = _unary("erfinv", "The number whose error function is x")
lgamma = _unary("lgamma", "log |Γ(x)|")


def polygamma(n: int, x: ArrayLike, /) -> Tensor:
    """The n-th derivative of the digamma function at x, for each element: (-1)ⁿ⁺¹ n! Σₖ (x + k)⁻ⁿ⁻¹ for n ≥ 1.

    >>> import microgradient as mg
    >>> mg.polygamma(1, 1.0)  # π²/6
    tensor(1.644934)
    """
    out: Tensor = apply(TABLE["polygamma"], inexact(as_tensor(x)), n=n)
    return out


def rsqrt(x: ArrayLike, /) -> Tensor:
    """1 / √x, for each element."""
    return reciprocal(sqrt(x))


# ------------------------------------------------------------------------------------------------------ steps and kinks

ceil = _unary("ceil", "The smallest integer ≥ x")
copysign = _binary("copysign", "|x1| with the sign of x2")
floor = _unary("floor", "The largest integer ≤ x")
maximum = _binary("maximum", "The larger of x1 and x2")
minimum = _binary("minimum", "The smaller of x1 and x2")
relu = _unary("relu", "max(x, 0)")
round = _unary("round", "The integer nearest to x, the even one where two are")
sign = _unary("sign", "-1, 0 or 1 as x is below, at or above 0; x / |x| for complex x")
trunc = _unary("trunc", "The integer nearest to x between 0 and x")


def clip(x: ArrayLike, /, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Tensor:
    """min(max(x, `min`), `max`), for each element; a bound that is None does not bind. The dtype is that of `x`.

    At a bound the derivative passes to `x`. NaN stays NaN.

    >>> import microgradient as mg
    >>> mg.clip(mg.asarray([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    x = as_tensor(x)
    if min is None and max is None:
        return positive(x) if x.dtype.kind != "b" else x
    info: Any = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
    lowest, highest = (info.min, info.max) if info else (-np.inf, np.inf)
    bounds = [_bound(b, default, x.dtype, info) for b, default in ((min, lowest), (max, highest))]
    return _broadcast_together("clip", x, *bounds)


def _bound(bound: Any, default: Any, dtype: np.dtype[Any], info: Any) -> Tensor:
    """A bound of `clip` in the dtype of the array; an integer beyond its range is as good as the end of the range."""
    bound = default if bound is None else bound
    if info is None:
        return as_dtype(bound, dtype)
    bound = as_tensor(bound)
    if bound.dtype.kind in "iu":
        return constant_tensor(np.clip(bound.data, info.min, info.max).astype(dtype))
    return cast_to(bound, dtype)


def where(condition: ArrayLike, x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 where `condition` holds, else x2; the three broadcast against each other, x1 and x2 promote.

    >>> import microgradient as mg
    >>> mg.where(mg.asarray([True, False]), mg.asarray([1.0, 2.0]), 0)
    tensor([1., 0.])
    """
    condition, x1, x2 = (
        as_tensor(condition),
        *(x if isinstance(x, bool | int | float | complex) else as_tensor(x) for x in (x1, x2)),
    )
    dtype = promoted(x1, x2)
    first, second = (as_dtype(x, dtype) for x in (x1, x2))
    return _broadcast_together("where", cast_to(condition, np.dtype(np.bool_)), first, second)


def _broadcast_together(name: str, *tensors: Tensor) -> Tensor:
    try:
        out: Tensor = apply(TABLE[name], *tensors)
    except ValueError:
        broadcast_shapes(*(x.shape for x in tensors))  # raises the error that says which shapes don't fit
        raise
    return out


# ------------------------------------------------------------------------------------------------ comparisons, bits, logic

bitwise_and = _binary("bitwise_and", "The bits that are 1 in x1 and in x2")
bitwise_invert = _unary("bitwise_invert", "The bits of x, inverted")
bitwise_left_shift = _binary("bitwise_left_shift", "The bits of x1 moved up by x2 places")
bitwise_or = _binary("bitwise_or", "The bits that are 1 in x1 or in x2")
bitwise_right_shift = _binary("bitwise_right_shift", "The bits of x1 moved down by x2 places, the sign kept")
bitwise_xor = _binary("bitwise_xor", "The bits that are 1 in exactly one of x1 and x2")
equal = _binary("equal", "Whether x1 = x2")
greater = _binary("greater", "Whether x1 > x2")
greater_equal = _binary("greater_equal", "Whether x1 ≥ x2")
isfinite = _unary("isfinite", "Whether x is neither infinite nor NaN")
isinf = _unary("isinf", "Whether x is +∞ or -∞")
isnan = _unary("isnan", "Whether x is NaN")
less = _binary("less", "Whether x1 < x2")
less_equal = _binary("less_equal", "Whether x1 ≤ x2")
logical_and = _binary("logical_and", "Whether both x1 and x2 are true (not 0)")
logical_not = _unary("logical_not", "Whether x is false (0)")
logical_or = _binary("logical_or", "Whether x1 or x2 is true (not 0)")
logical_xor = _binary("logical_xor", "Whether exactly one of x1 and x2 is true (not 0)")
nextafter = _binary("nextafter", "The floating-point number next to x1 in the direction of x2")
not_equal = _binary("not_equal", "Whether x1 ≠ x2")
signbit = _unary("signbit", "Whether the sign bit of x is set: true for -0.0 too")

# ------------------------------------------------------------------------------------------------------- complex numbers


def conj(x: ArrayLike, /) -> Tensor:
    """The complex conjugate, for each element; a real `x` itself."""
    x = as_tensor(x)
    return constant_tensor(np.conj(x.data)) if x.dtype.kind == "c" else x


def imag(x: ArrayLike, /) -> Tensor:
    """The imaginary part, for each element; zeros for a real `x`."""
    return constant_tensor(np.imag(as_tensor(x).data).copy())


def real(x: ArrayLike, /) -> Tensor:
    """The real part, for each element; a real `x` itself."""
    x = as_tensor(x)
    return constant_tensor(np.real(x.data).copy()) if x.dtype.kind == "c" else x
