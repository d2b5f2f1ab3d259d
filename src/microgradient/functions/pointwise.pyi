"""The elementwise functions of the rulebook. Written by tools/pointwise_stub.py."""

from ..primitives import Primitive
from ..tensor import Tensor
from .arguments import ArrayLike

__all__ = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_invert",
    "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "copysign", "cos", "cosh",
    "digamma", "divide", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "floor", "floor_divide", "greater",
    "greater_equal", "hypot", "isfinite", "isinf", "isnan", "less", "less_equal", "lgamma", "log", "log1p", "log2",
    "log10", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply",
    "negative", "nextafter", "not_equal", "positive", "pow", "reciprocal", "relu", "remainder", "round", "sigmoid",
    "sign", "signbit", "sin", "sinh", "softplus", "sqrt", "square", "subtract", "tan", "tanh", "trunc",
]  # fmt: skip

def abs(x: ArrayLike, /) -> Tensor:
    """|x|, for each element."""

def acos(x: ArrayLike, /) -> Tensor:
    """The angle in [0, π] whose cosine is x, for each element. Integers become the default float."""

def acosh(x: ArrayLike, /) -> Tensor:
    """The number ≥ 0 whose hyperbolic cosine is x, for each element. Integers become the default float."""

def add(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 + x2, for each element."""

def asin(x: ArrayLike, /) -> Tensor:
    """The angle in [-π/2, π/2] whose sine is x, for each element. Integers become the default float."""

def asinh(x: ArrayLike, /) -> Tensor:
    """The number whose hyperbolic sine is x, for each element. Integers become the default float."""

def atan(x: ArrayLike, /) -> Tensor:
    """The angle in [-π/2, π/2] whose tangent is x, for each element. Integers become the default float."""

def atan2(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The angle in [-π, π] of the point with abscissa x2 and ordinate x1, for each element. Integers become the default float."""

def atanh(x: ArrayLike, /) -> Tensor:
    """The number whose hyperbolic tangent is x, for each element. Integers become the default float."""

def bitwise_and(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The bits that are 1 in x1 and in x2, for each element."""

def bitwise_invert(x: ArrayLike, /) -> Tensor:
    """The bits of x, inverted, for each element."""

def bitwise_left_shift(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The bits of x1 moved up by x2 places, for each element."""

def bitwise_or(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The bits that are 1 in x1 or in x2, for each element."""

def bitwise_right_shift(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The bits of x1 moved down by x2 places, the sign kept, for each element."""

def bitwise_xor(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The bits that are 1 in exactly one of x1 and x2, for each element."""

def ceil(x: ArrayLike, /) -> Tensor:
    """The smallest integer ≥ x, for each element."""

def copysign(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """|x1| with the sign of x2, for each element. Integers become the default float."""

def cos(x: ArrayLike, /) -> Tensor:
    """The cosine of x, for each element. Integers become the default float."""

def cosh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic cosine of x, (eˣ + e⁻ˣ) / 2, for each element. Integers become the default float."""

def digamma(x: ArrayLike, /) -> Tensor:
    """The logarithmic derivative of the gamma function at x, for each element. Integers become the default float."""

def divide(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 / x2, for each element. Integers become the default float."""

def equal(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 = x2, for each element."""

def erf(x: ArrayLike, /) -> Tensor:
    """2/√π times the integral of exp(-t²) from 0 to x, for each element. Integers become the default float."""

def erfc(x: ArrayLike, /) -> Tensor:
    """1 - erf(x), exact for large x, for each element. Integers become the default float."""

def erfinv(x: ArrayLike, /) -> Tensor:
    """The number whose error function is x, for each element. Integers become the default float."""

def exp(x: ArrayLike, /) -> Tensor:
    """eˣ, for each element. Integers become the default float."""

def exp2(x: ArrayLike, /) -> Tensor:
    """2ˣ, for each element. Integers become the default float."""

def expm1(x: ArrayLike, /) -> Tensor:
    """eˣ - 1, exact near 0, for each element. Integers become the default float."""

def floor(x: ArrayLike, /) -> Tensor:
    """The largest integer ≤ x, for each element."""

def floor_divide(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """⌊x1 / x2⌋, for each element."""

def greater(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 > x2, for each element."""

def greater_equal(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 ≥ x2, for each element."""

def hypot(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """√(x1² + x2²) without overflow, for each element. Integers become the default float."""

def isfinite(x: ArrayLike, /) -> Tensor:
    """Whether x is neither infinite nor NaN, for each element."""

def isinf(x: ArrayLike, /) -> Tensor:
    """Whether x is +∞ or -∞, for each element."""

def isnan(x: ArrayLike, /) -> Tensor:
    """Whether x is NaN, for each element."""

def less(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 < x2, for each element."""

def less_equal(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 ≤ x2, for each element."""

def lgamma(x: ArrayLike, /) -> Tensor:
    """log |Γ(x)|, for each element. Integers become the default float."""

def log(x: ArrayLike, /) -> Tensor:
    """The natural logarithm of x, for each element. Integers become the default float."""

def log1p(x: ArrayLike, /) -> Tensor:
    """log(1 + x), exact near 0, for each element. Integers become the default float."""

def log2(x: ArrayLike, /) -> Tensor:
    """The logarithm of x to base 2, for each element. Integers become the default float."""

def log10(x: ArrayLike, /) -> Tensor:
    """The logarithm of x to base 10, for each element. Integers become the default float."""

def logaddexp(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """log(exp(x1) + exp(x2)) without overflow, for each element. Integers become the default float."""

def logical_and(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether both x1 and x2 are true (not 0), for each element."""

def logical_not(x: ArrayLike, /) -> Tensor:
    """Whether x is false (0), for each element."""

def logical_or(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 or x2 is true (not 0), for each element."""

def logical_xor(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether exactly one of x1 and x2 is true (not 0), for each element."""

def maximum(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The larger of x1 and x2; of zeros of both signs, either, for each element."""

def minimum(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The smaller of x1 and x2; of zeros of both signs, either, for each element."""

def multiply(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 · x2, for each element."""

def negative(x: ArrayLike, /) -> Tensor:
    """-x, for each element."""

def nextafter(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """The floating-point number next to x1 in the direction of x2, for each element. Integers become the default float."""

def not_equal(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Whether x1 ≠ x2, for each element."""

def positive(x: ArrayLike, /) -> Tensor:
    """+x, for each element."""

def pow(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 to the power x2, for each element."""

def reciprocal(x: ArrayLike, /) -> Tensor:
    """1 / x, for each element. Integers become the default float."""

def relu(x: ArrayLike, /) -> Tensor:
    """max(x, 0), for each element."""

def remainder(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 - x2·⌊x1 / x2⌋, which has the sign of x2, for each element."""

def round(x: ArrayLike, /) -> Tensor:
    """The integer nearest to x, the even one where two are, for each element."""

def sigmoid(x: ArrayLike, /) -> Tensor:
    """1 / (1 + exp(-x)), for each element. Integers become the default float."""

def sign(x: ArrayLike, /) -> Tensor:
    """-1, 0 or 1 as x is below, at or above 0; x / |x| for complex x, for each element."""

def signbit(x: ArrayLike, /) -> Tensor:
    """Whether the sign bit of x is set: true for -0.0 too, for each element."""

def sin(x: ArrayLike, /) -> Tensor:
    """The sine of x, for each element. Integers become the default float."""

def sinh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic sine of x, (eˣ - e⁻ˣ) / 2, for each element. Integers become the default float."""

def softplus(x: ArrayLike, /) -> Tensor:
    """log(1 + exp(x)) without overflow, for each element. Integers become the default float."""

def sqrt(x: ArrayLike, /) -> Tensor:
    """√x, for each element. Integers become the default float."""

def square(x: ArrayLike, /) -> Tensor:
    """x², for each element."""

def subtract(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """x1 - x2, for each element."""

def tan(x: ArrayLike, /) -> Tensor:
    """The tangent of x, for each element. Integers become the default float."""

def tanh(x: ArrayLike, /) -> Tensor:
    """The hyperbolic tangent of x, (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), for each element. Integers become the default float."""

def trunc(x: ArrayLike, /) -> Tensor:
    """The integer nearest to x between 0 and x, for each element."""

def documentation(row: Primitive) -> str: ...
