"""THE RULEBOOK. Every primitive of Microgradient and its derivative, written once.

A row names a primitive and says how a small change passes through it. `xp` is the namespace of the world in which the
row runs (Python floats, NumPy arrays, Tensors, sympy expressions, ...): it holds every primitive under its own name,
so a row never asks what its numbers are. `t` is what arrives (a cotangent going backward, a tangent going forward),
`y` the primitive's result and `a`, `b`, ... its arguments.

There are four kinds of row:

* pointwise: the Jacobian is diagonal, hence self-adjoint. One map per argument is at once the vjp, the jvp, the rule
  for a single number and, with t = 1, the symbolic partial derivative.
* linear: the function is its own derivative; the row holds the transpose. Some are linear in all arguments at once.
* multilinear: linear in each argument; one transpose per argument.
* special: none of these; an explicit vjp and jvp. The list is short (the decompositions are in `rules_linalg.py`).

Broadcasting is undone in one place, `unbroadcast`, by the sweep that applies the rows, and so are changes of dtype: a real
number receives the real part of what arrives.

Complex numbers: a cotangent t of y stands for the change Re Σ t·dy. So the vjp of a holomorphic function multiplies by its
derivative, as the jvp does, and every transpose stays as it is for real numbers, without a conjugation. A real function of
a complex a = u + iv has the map t · (∂y/∂u - i ∂y/∂v), whose real part is its jvp.

Conventions at kinks: relu'(0) = 0, abs'(0) = 0, maximum/minimum at a tie and max/min reductions share the gradient
equally (the NaNs do, where there are any), clip passes it at its bounds, atan2, hypot and norms have derivative 0 at 0;
otherwise as PyTorch does. The second derivative of abs, copysign, atan2, hypot and norms at 0 is NaN, because it depends on
the composition (|x|² has one, |x| has not) and a 0 would be wrong; relu, clip, maximum and max count as linear on each side.
Zeros of both signs are a tie, too: maximum, minimum, max and min give either of them. The array API standard leaves open which,
and it depends on the processor and the order of work; the derivative does not.
"""

from __future__ import annotations

import math
from typing import Any

from .primitives import Rule, World, linear, multilinear, pointwise, special, total

# --------------------------------------------------------------------------------------------------- pointwise: arithmetic


def _kink(xp: World, a: Any) -> Any:
    """1. Its derivative is 0, and 0·0⁻¹ = NaN where a is 0: a factor of a first derivative that has none there itself."""
    return xp.power(a, n=0)


def _over_length(xp: World, a: Any, y: Any) -> Any:
    """a / y for the length y of a vector with the entry a, and 0 where y is 0."""
    return a * _kink(xp, y) / xp.where(xp.equal(y, 0), 1, y)


def _over_square(xp: World, a: Any, y: Any) -> Any:
    return _over_length(xp, _over_length(xp, a, y), y)  # y² might under- or overflow


def _difference(xp: World, a: Any, b: Any) -> Any:
    """a - b, but -∞ where b is +∞ or a is -∞, also if both are: what is -∞ has no part in a sum of exponentials."""
    return xp.where(xp.equal(a, -math.inf), -math.inf, a - b)


def _conj(xp: World, a: Any) -> Any:
    """The complex conjugate; a real number itself, at no cost."""
    return xp.conj(a) if getattr(getattr(a, "dtype", None), "kind", "f") == "c" else a


# fmt: off

pointwise("positive", lambda xp, t, y, a: t, symbol="+", doc="+x", example="2 -> 2")
pointwise("negative", lambda xp, t, y, a: -t, symbol="-", doc="-x", example="2 -> -2")
pointwise("add", lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: t, symbol="+", doc="x1 + x2", example="1, 2 -> 3")
pointwise("subtract", lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: -t, symbol="-",
          doc="x1 - x2", example="5, 3 -> 2")
pointwise("multiply", lambda xp, t, y, a, b: t * b, lambda xp, t, y, a, b: t * a, symbol="*",
          doc="x1 · x2", example="2.0, 3.0 -> 6.")
pointwise("divide", lambda xp, t, y, a, b: t / b, lambda xp, t, y, a, b: -t * y / b, floats=True, symbol="/",
          doc="x1 / x2", example="1, 2 -> 0.5")
pointwise(
    "pow",  # the base is 1 where 0·0⁻¹ would be NaN, and log 0 where 0ᵇ stays 0
    lambda xp, t, y, a, b: t * (b * xp.pow(xp.where(xp.logical_and(xp.equal(b, 0), xp.equal(a, 0)), 1, a), b - 1)),
    lambda xp, t, y, a, b: t * (y * xp.log(xp.where(xp.logical_and(xp.equal(a, 0), xp.greater_equal(b, 0)), 1, a))),
    symbol="**", doc="x1 to the power x2", example="2.0, 3 -> 8.",
)
pointwise("power", lambda xp, t, y, a, n: t * (n * a ** (n - 1)),  # a number n ≠ 0 as exponent: much cheaper
          params={"n": 1}, formula="a**n")
pointwise("floor_divide", lambda xp, t, y, a, b: xp.zeros_like(t), lambda xp, t, y, a, b: xp.zeros_like(t), symbol="//",
          formula="floor(a / b)", doc="⌊x1 / x2⌋", example="-7, 2 -> -4")
pointwise("remainder", lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: -t * xp.floor(a / b), symbol="%",
          formula="a - b*floor(a / b)", doc="x1 - x2·⌊x1 / x2⌋, which has the sign of x2", example="-7, 2 -> 1")
pointwise("square", lambda xp, t, y, a: t * (2 * a), formula="a**2", doc="x²", example="3 -> 9")
pointwise("sqrt", lambda xp, t, y, a: t / (2 * y), floats=True, doc="√x", example="9.0 -> 3.")
pointwise("reciprocal", lambda xp, t, y, a: -t * (y * y), floats=True, formula="1/a",
          doc="1 / x", example="4.0 -> 0.25")
pointwise("abs", lambda xp, t, y, a: t * (_conj(xp, xp.sign(a)) * _kink(xp, a)), formula="Abs(a)",
          doc="|x|", example="-2.0 -> 2.")
pointwise("sign", lambda xp, t, y, a: xp.zeros_like(t),
          doc="-1, 0 or 1 as x is below, at or above 0; x / |x| for complex x", example="-3.0 -> -1.")
pointwise("floor", lambda xp, t, y, a: xp.zeros_like(t), doc="The largest integer ≤ x", example="1.8 -> 1.")
pointwise("ceil", lambda xp, t, y, a: xp.zeros_like(t), formula="-floor(-a)",
          doc="The smallest integer ≥ x", example="1.2 -> 2.")
pointwise("round", lambda xp, t, y, a: xp.zeros_like(t), formula="floor(a + Rational(1, 2))",
          doc="The integer nearest to x, the even one where two are", example="2.5 -> 2.")
pointwise("trunc", lambda xp, t, y, a: xp.zeros_like(t), formula="Piecewise((floor(a), a > 0), (-floor(-a), True))",
          doc="The integer nearest to x between 0 and x", example="-1.7 -> -1.")
pointwise("copysign",
          lambda xp, t, y, a, b: t * (xp.where(xp.equal(a, 0), 0, xp.sign(y) * xp.sign(a)) * _kink(xp, a)),
          lambda xp, t, y, a, b: xp.zeros_like(t), floats=True,
          formula="Piecewise((Abs(a), b >= 0), (-Abs(a), True))", doc="|x1| with the sign of x2", example="2.0, -1.0 -> -2.")
# x1 plus or minus a unit in its last place, so the slope is 1; x2 only gives the direction
pointwise("nextafter", lambda xp, t, y, a, b: t, lambda xp, t, y, a, b: xp.zeros_like(t), floats=True, formula="a",
          doc="The floating-point number next to x1 in the direction of x2", example="1.0, 2.0 -> 1.0000001")
pointwise("hypot",
          lambda xp, t, y, a, b: t * _over_length(xp, a, y),
          lambda xp, t, y, a, b: t * _over_length(xp, b, y), floats=True, formula="sqrt(a**2 + b**2)",
          doc="√(x1² + x2²) without overflow", example="3.0, 4.0 -> 5.")

# --------------------------------------------------------------------------------------- pointwise: exponentials, logarithms

pointwise("exp", lambda xp, t, y, a: t * y, floats=True, doc="eˣ", example="0.0 -> 1.")
pointwise("exp2", lambda xp, t, y, a: t * (y * math.log(2)), floats=True, formula="2**a",
          doc="2ˣ", example="3.0 -> 8.")
pointwise("expm1", lambda xp, t, y, a: t * (y + 1), floats=True, formula="exp(a) - 1",
          doc="eˣ - 1, exact near 0", example="0.0 -> 0.")
pointwise("log", lambda xp, t, y, a: t / a, floats=True, doc="The natural logarithm of x", example="1.0 -> 0.")
pointwise("log2", lambda xp, t, y, a: t / (a * math.log(2)), floats=True, formula="log(a) / log(2)",
          doc="The logarithm of x to base 2", example="8.0 -> 3.")
pointwise("log10", lambda xp, t, y, a: t / (a * math.log(10)), floats=True, formula="log(a) / log(10)",
          doc="The logarithm of x to base 10", example="1.0 -> 0.")
pointwise("log1p", lambda xp, t, y, a: t / (a + 1), floats=True, formula="log(a + 1)",
          doc="log(1 + x), exact near 0", example="0.0 -> 0.")
pointwise("logaddexp",
          lambda xp, t, y, a, b: t * xp.sigmoid(_difference(xp, a, b)),
          lambda xp, t, y, a, b: t * xp.sigmoid(_difference(xp, b, a)), floats=True, formula="log(exp(a) + exp(b))",
          doc="log(exp(x1) + exp(x2)) without overflow", example="0.0, 0.0 -> 0.6931472")
pointwise("sigmoid", lambda xp, t, y, a: t * (y * (1 - y)), floats=True, formula="1 / (1 + exp(-a))",
          doc="1 / (1 + exp(-x))", example="0.0 -> 0.5")
pointwise("softplus", lambda xp, t, y, a: t * xp.sigmoid(a), floats=True, formula="log(1 + exp(a))",
          doc="log(1 + exp(x)) without overflow", example="0.0 -> 0.6931472")

# ------------------------------------------------------------------------------- pointwise: trigonometric and hyperbolic

pointwise("sin", lambda xp, t, y, a: t * xp.cos(a), floats=True, doc="The sine of x", example="0.0 -> 0.")
pointwise("cos", lambda xp, t, y, a: -t * xp.sin(a), floats=True, doc="The cosine of x", example="0.0 -> 1.")
pointwise("tan", lambda xp, t, y, a: t * (1 + y * y), floats=True, doc="The tangent of x", example="0.0 -> 0.")
pointwise("asin", lambda xp, t, y, a: t / xp.sqrt(1 - a * a), floats=True,
          doc="The angle in [-π/2, π/2] whose sine is x", example="1.0 -> 1.5707964")
pointwise("acos", lambda xp, t, y, a: -t / xp.sqrt(1 - a * a), floats=True,
          doc="The angle in [0, π] whose cosine is x", example="1.0 -> 0.")
pointwise("atan", lambda xp, t, y, a: t / (1 + a * a), floats=True,
          doc="The angle in [-π/2, π/2] whose tangent is x", example="1.0 -> 0.7853982")
pointwise("atan2",
          lambda xp, t, y, a, b: t * _over_square(xp, b, xp.hypot(a, b)),
          lambda xp, t, y, a, b: -t * _over_square(xp, a, xp.hypot(a, b)), floats=True,
          doc="The angle in [-π, π] of the point with abscissa x2 and ordinate x1", example="1.0, -1.0 -> 2.3561945")
pointwise("sinh", lambda xp, t, y, a: t * xp.cosh(a), floats=True,
          doc="The hyperbolic sine of x, (eˣ - e⁻ˣ) / 2", example="0.0 -> 0.")
pointwise("cosh", lambda xp, t, y, a: t * xp.sinh(a), floats=True,
          doc="The hyperbolic cosine of x, (eˣ + e⁻ˣ) / 2", example="0.0 -> 1.")
pointwise("tanh", lambda xp, t, y, a: t * (1 - y * y), floats=True,
          doc="The hyperbolic tangent of x, (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)", example="0.0 -> 0.")
pointwise("asinh", lambda xp, t, y, a: t / xp.sqrt(a * a + 1), floats=True,
          doc="The number whose hyperbolic sine is x", example="0.0 -> 0.")
pointwise("acosh", lambda xp, t, y, a: t / (xp.sqrt(a - 1) * xp.sqrt(a + 1)), floats=True,
          doc="The number ≥ 0 whose hyperbolic cosine is x", example="1.0 -> 0.")
pointwise("atanh", lambda xp, t, y, a: t / (1 - a * a), floats=True,
          doc="The number whose hyperbolic tangent is x", example="0.0 -> 0.")

# -------------------------------------------------------------------------------------------- pointwise: special functions

pointwise("erf", lambda xp, t, y, a: t * (2 / math.sqrt(math.pi) * xp.exp(-a * a)), floats=True,
          doc="2/√π times the integral of exp(-t²) from 0 to x", example="0.0 -> 0.")
pointwise("erfc", lambda xp, t, y, a: t * (-2 / math.sqrt(math.pi) * xp.exp(-a * a)), floats=True,
          doc="1 - erf(x), exact for large x", example="0.0 -> 1.")
pointwise("erfinv", lambda xp, t, y, a: t * (math.sqrt(math.pi) / 2 * xp.exp(y * y)), floats=True,
          doc="The number whose error function is x", example="0.0 -> 0.")
pointwise("lgamma", lambda xp, t, y, a: t * xp.digamma(a), floats=True, formula="loggamma(a)",
          doc="log |Γ(x)|", example="5.0 -> 3.1780539")
pointwise("digamma", lambda xp, t, y, a: t * xp.polygamma(a, n=1), floats=True,
          doc="The logarithmic derivative of the gamma function at x", example="1.0 -> -0.5772157")
pointwise("polygamma", lambda xp, t, y, a, n: t * xp.polygamma(a, n=n + 1), floats=True,
          params={"n": 0}, formula="polygamma(n, a)")

# --------------------------------------------------------------------------------------------------- pointwise: with kinks

pointwise("relu", lambda xp, t, y, a: xp.where(xp.less_equal(y, 0), 0, t), formula="Piecewise((a, a > 0), (0, True))",
          doc="max(x, 0)", example="-1.0 -> 0.")
pointwise(
    "maximum",
    lambda xp, t, y, a, b: t * xp.where(xp.equal(a, b), 0.5, xp.where(xp.less(a, b), 0, 1)),
    lambda xp, t, y, a, b: t * xp.where(xp.equal(a, b), 0.5, xp.where(xp.less(b, a), 0, 1)),
    formula="Piecewise((a, a > b), (b, True))",
    doc="The larger of x1 and x2; of zeros of both signs, either", example="2, 3 -> 3",
)
pointwise(
    "minimum",
    lambda xp, t, y, a, b: t * xp.where(xp.equal(a, b), 0.5, xp.where(xp.greater(a, b), 0, 1)),
    lambda xp, t, y, a, b: t * xp.where(xp.equal(a, b), 0.5, xp.where(xp.greater(b, a), 0, 1)),
    formula="Piecewise((a, a < b), (b, True))",
    doc="The smaller of x1 and x2; of zeros of both signs, either", example="2, 3 -> 2",
)
pointwise(
    "clip",  # min(max(a, lo), hi); a bound takes the gradient where it is the one that counts
    lambda xp, t, y, a, lo, hi: xp.where(xp.logical_and(xp.greater_equal(a, lo), xp.less_equal(a, hi)), t, 0),
    lambda xp, t, y, a, lo, hi: xp.where(xp.logical_and(xp.less(a, lo), xp.less(lo, hi)), t, 0),
    lambda xp, t, y, a, lo, hi: xp.where(xp.logical_or(xp.greater(a, hi), xp.greater(lo, hi)), t, 0),
    formula="Piecewise((c, (a > c) | (b > c)), (b, a < b), (a, True))",
)
pointwise("where", None, lambda xp, t, y, c, a, b: xp.where(c, t, 0), lambda xp, t, y, c, a, b: xp.where(c, 0, t),
          formula="Piecewise((b, truth(a)), (c, True))")

# ------------------------------------------------------------------------------------ pointwise: without a derivative

pointwise("isfinite", None, doc="Whether x is neither infinite nor NaN", example="1.0 -> True")
pointwise("isinf", None, doc="Whether x is +∞ or -∞", example="-mg.inf -> True")
pointwise("isnan", None, doc="Whether x is NaN", example="mg.nan -> True")
pointwise("signbit", None, doc="Whether the sign bit of x is set: true for -0.0 too", example="-0.0 -> True")
pointwise("logical_not", None, formula="Not(truth(a))", doc="Whether x is false (0)", example="True -> False")
pointwise("bitwise_invert", None, symbol="~", doc="The bits of x, inverted", example="5 -> -6")
pointwise("equal", None, None, symbol="==", formula="Eq(a, b)", doc="Whether x1 = x2", example="1, 1 -> True")
pointwise("not_equal", None, None, symbol="!=", formula="Piecewise((0, Eq(a, b)), (1, True))",
          doc="Whether x1 ≠ x2", example="1, 2 -> True")
pointwise("less", None, None, symbol="<", doc="Whether x1 < x2", example="1, 2 -> True")
pointwise("less_equal", None, None, symbol="<=", doc="Whether x1 ≤ x2", example="2, 2 -> True")
pointwise("greater", None, None, symbol=">", doc="Whether x1 > x2", example="2, 1 -> True")
pointwise("greater_equal", None, None, symbol=">=", doc="Whether x1 ≥ x2", example="1, 2 -> False")
pointwise("logical_and", None, None, formula="And(truth(a), truth(b))",
          doc="Whether both x1 and x2 are true (not 0)", example="True, False -> False")
pointwise("logical_or", None, None, formula="Or(truth(a), truth(b))",
          doc="Whether x1 or x2 is true (not 0)", example="True, False -> True")
pointwise("logical_xor", None, None, formula="Xor(truth(a), truth(b))",
          doc="Whether exactly one of x1 and x2 is true (not 0)", example="True, True -> False")
pointwise("bitwise_and", None, None, symbol="&", doc="The bits that are 1 in x1 and in x2", example="6, 3 -> 2")
pointwise("bitwise_or", None, None, symbol="|", doc="The bits that are 1 in x1 or in x2", example="6, 3 -> 7")
pointwise("bitwise_xor", None, None, symbol="^",
          doc="The bits that are 1 in exactly one of x1 and x2", example="6, 3 -> 5")
pointwise("bitwise_left_shift", None, None, symbol="<<",
          doc="The bits of x1 moved up by x2 places", example="1, 4 -> 16")
pointwise("bitwise_right_shift", None, None, symbol=">>",
          doc="The bits of x1 moved down by x2 places, the sign kept", example="-16, 2 -> -4")

# fmt: on

# ------------------------------------------------------------------------------------------------ linear: sums and shapes


def unbroadcast(xp: World, t: Any, shape: tuple[int, ...]) -> Any:
    """Sum `t` over the axes along which an array of `shape` was broadcast: the transpose of broadcasting."""
    if t.shape == shape:
        return t
    extra = t.ndim - len(shape)
    axes = tuple(i for i in range(t.ndim) if i < extra or (shape[i - extra] == 1 and t.shape[i] != 1))
    return xp.reshape(xp.sum(t, axis=axes, keepdims=False), shape=shape)


def _spread(xp: World, t: Any, a: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The result of a reduction over `axis`, shaped so that it broadcasts against the argument `a`."""
    return t if keepdims else xp.reshape(t, shape=tuple(1 if i in axis else n for i, n in enumerate(a.shape)))


linear("sum", lambda xp, t, a, *, axis, keepdims:
       xp.broadcast_to(_spread(xp, t, a, axis, keepdims), shape=a.shape))  # fmt: skip
linear("broadcast_to", lambda xp, t, a, *, shape: unbroadcast(xp, t, a.shape))
linear("reshape", lambda xp, t, a, *, shape: xp.reshape(t, shape=a.shape))
linear(
    "permute_dims",
    lambda xp, t, a, *, axes: xp.permute_dims(t, axes=tuple(sorted(range(len(axes)), key=axes.__getitem__))),
)
linear("flip", lambda xp, t, a, *, axis: xp.flip(t, axis=axis))
linear("roll", lambda xp, t, a, *, shift, axis: xp.roll(t, shift=tuple(-s for s in shift), axis=axis))
linear("cumulative_sum", lambda xp, t, a, *, axis:
       xp.flip(xp.cumulative_sum(xp.flip(t, axis=(axis,)), axis=axis), axis=(axis,)))  # fmt: skip
linear("tril", lambda xp, t, a, *, k: xp.tril(t, k=k))
linear("triu", lambda xp, t, a, *, k: xp.triu(t, k=k))
linear("astype", lambda xp, t, a, *, dtype: t)  # the sweep gives everything the dtype of what it arrives at
linear("conj", lambda xp, t, a: xp.conj(t))
linear("real", lambda xp, t, a: t)
linear("imag", lambda xp, t, a: t * -1j)
linear("complex", lambda xp, t, a, b: [t, t * 1j], varied=2)  # a + ib

# ----------------------------------------------------------------------------------------------- linear: moving entries


def _concat_transposes(xp: World, t: Any, *arrays: Any, axis: int) -> list[Any]:
    parts, start = [], 0
    for a in arrays:
        stop = start + a.shape[axis]
        parts.append(xp.index(t, key=(slice(None),) * axis + (slice(start, stop),)))
        start = stop
    return parts


def _index_set_transposes(xp: World, t: Any, a: Any, v: Any, *indices: Any, key: Any) -> list[Any]:
    hole, g = xp.index_set(t, 0, *indices, key=key), xp.index(t, *indices, key=key)
    if any(i.dtype.kind != "b" for i in indices):  # of several values for one entry the last stays: it alone is read
        number = xp.reshape(xp.cumulative_sum(xp.zeros((math.prod(g.shape),), int) + 1, axis=0), shape=g.shape)
        kept = xp.index_set(xp.zeros(t.shape, int), number, *indices, key=key)
        g = xp.where(xp.equal(xp.index(kept, *indices, key=key), number), g, 0)
    return [hole, unbroadcast(xp, g, v.shape)]


linear("pad", lambda xp, t, a, *, widths:
       xp.index(t, key=tuple(slice(lo, lo + n) for (lo, _), n in zip(widths, a.shape, strict=True))))  # fmt: skip
linear("concat", _concat_transposes, varied=None)
# `key` is an indexing expression with INDEX in the places of the index arrays, which follow as arguments
linear("index", lambda xp, t, a, *idx, key: xp.index_add(t, *idx, key=key, shape=a.shape))
linear("index_add", lambda xp, t, a, *idx, key, shape: xp.index(t, *idx, key=key))
linear("index_set", _index_set_transposes, varied=2)
linear("take_along_axis",
       lambda xp, t, a, i, *, axis: xp.scatter_along_axis(t, i, axis=axis, shape=a.shape))  # fmt: skip
linear("scatter_along_axis", lambda xp, t, a, i, *, axis, shape: xp.take_along_axis(t, i, axis=axis))
# sliding windows over the trailing axes, as new trailing axes (a view), and their adjoint
linear("windows", lambda xp, t, a, **w: xp.windows_add(t, **w, size=a.shape[a.ndim - len(w["window"]) :]))
linear("windows_add", lambda xp, t, a, *, size, **w: xp.windows(t, **w))

INDEX = "<array>"
"""Stands in an index key for an index array."""

# Discrete Fourier transforms without a factor. Of complex numbers, along several axes: matrices that are symmetric. Of real ones
# the half that does not follow by symmetry, and its transpose, Re Σ_k t_k exp(-2πi jk/n).
linear("fft", lambda xp, t, a, *, axis, inverse: xp.fft(t, axis=axis, inverse=inverse))
linear("rfft", lambda xp, t, a, *, axis: xp.rfft_transpose(t, axis=axis, n=a.shape[axis]))
linear("rfft_transpose", lambda xp, t, a, *, axis, n: xp.rfft(t, axis=axis))


# ------------------------------------------------------------------------------------------------------------- multilinear


def _mT(xp: World, a: Any) -> Any:
    return xp.permute_dims(a, axes=(*range(a.ndim - 2), a.ndim - 1, a.ndim - 2))


def _einsum_transpose(xp: World, t: Any, i: int, *args: Any, spec: str) -> Any:
    inputs, output = spec.split("->")
    terms = inputs.split(",")
    others = [args[j] for j in range(len(args)) if j != i]
    other_terms = [terms[j] for j in range(len(args)) if j != i]
    known = set(output).union(*other_terms)
    present = "".join(c for c in terms[i] if c in known)
    g = xp.einsum(t, *others, spec=f"{','.join([output, *other_terms])}->{present}")
    if present == terms[i]:
        return g
    shape = args[i].shape  # an index summed over in this argument alone: spread the cotangent along it
    kept = tuple(n if c in known else 1 for c, n in zip(terms[i], shape, strict=True))
    return xp.broadcast_to(xp.reshape(g, shape=kept), shape=shape)


multilinear("matmul", lambda xp, t, a, b: xp.matmul(t, _mT(xp, b)), lambda xp, t, a, b: xp.matmul(_mT(xp, a), t))
multilinear("einsum", _einsum_transpose)
# y = conv(x, w) is linear in x and in w, so there are three functions of two arguments each, and each is a transpose of
# the others: conv (x, w -> y), conv_input (y, w -> x), conv_weight (x, y -> w). PyTorch's conv_transpose is conv_input.
multilinear("conv",
            lambda xp, t, x, w, **c: xp.conv_input(t, w, **c, size=x.shape[2:]),
            lambda xp, t, x, w, **c: xp.conv_weight(x, t, **c, window=w.shape[2:]))  # fmt: skip
multilinear("conv_input",
            lambda xp, t, y, w, *, size, **c: xp.conv(t, w, **c),
            lambda xp, t, y, w, *, size, **c: xp.conv_weight(t, y, **c, window=w.shape[2:]))  # fmt: skip
multilinear("conv_weight",
            lambda xp, t, x, y, *, window, **c: xp.conv_input(y, t, **c, size=x.shape[2:]),
            lambda xp, t, x, y, *, window, **c: xp.conv(x, t, **c))  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------- special


def weighted(name: str, weights: Rule, reads: str) -> None:
    """Register a reduction y over `axis` with dy = Σ w · da: weights(xp, y, a, axes) gives w, from y shaped as `a` is."""

    def both(xp: World, y: Any, a: Any, axis: Any, keepdims: bool) -> tuple[Any, tuple[int, ...]]:
        axes = axis if isinstance(axis, tuple) else (axis,)
        return weights(xp, None if y is None else _spread(xp, y, a, axes, keepdims), a, axes), axes

    def vjp(xp: World, t: Any, y: Any, a: Any, *, axis: Any, keepdims: bool) -> Any:
        w, axes = both(xp, y, a, axis, keepdims)
        return _spread(xp, t, a, axes, keepdims) * w

    def jvp(xp: World, t: Any, y: Any, a: Any, *, axis: Any, keepdims: bool) -> Any:
        w, axes = both(xp, y, a, axis, keepdims)
        return xp.sum(t * w, axis=axes, keepdims=keepdims)

    special(name, vjp, jvp, reads)


def _shares(xp: World, y: Any, a: Any, axes: tuple[int, ...]) -> Any:
    """How the derivative of a maximum is divided: 1/k for each of the k entries that attain it, or are NaN."""
    attained = xp.logical_or(xp.equal(a, y), xp.not_equal(a, a))
    hits = xp.astype(attained, dtype=a.dtype)
    return hits / xp.sum(hits, axis=axes, keepdims=True)


def _shifted(xp: World, a: Any, axis: int, first: Any) -> Any:
    """`a` moved one place along `axis`, with `first` (0 or 1) in the free place."""
    rest = (slice(None),) * axis
    edge = first + xp.zeros_like(xp.index(a, key=(*rest, slice(0, 1))))
    return xp.concat(edge, xp.index(a, key=(*rest, slice(0, -1))), axis=axis)


def _before(xp: World, a: Any, axis: int) -> Any:
    """For each entry the product of those before it along `axis`."""
    return _shifted(xp, xp.cumulative_prod(a, axis=axis), axis, 1) if a.shape[axis] else a


def _others(xp: World, a: Any, axis: int) -> Any:
    """For each entry the product of all the others along `axis`: exact when some entries are 0."""
    after = xp.flip(_before(xp, xp.flip(a, axis=(axis,)), axis), axis=(axis,))
    return _before(xp, a, axis) * after


def _adjoint_recurrence(xp: World, t: Any, a: Any, axis: int) -> Any:
    """r_i = t_i + a_{i+1} r_{i+1}, the transpose of the recurrence below, by running it from the end."""
    coefficients = xp.flip(xp.roll(a, shift=(-1,), axis=(axis,)), axis=(axis,))
    return xp.flip(xp.recurrence(xp.flip(t, axis=(axis,)), coefficients, axis=axis), axis=(axis,))


def _recurrence_vjp(xp: World, t: Any, y: Any, b: Any, a: Any, *, axis: int) -> Any:
    if not y.shape[axis]:
        return [t, t]
    r = _adjoint_recurrence(xp, t, a, axis)
    return [r, r * _shifted(xp, y, axis, 0)]


def _recurrence_jvp(xp: World, t: Any, y: Any, b: Any, a: Any, *, axis: int) -> Any:
    tb, ta = t
    if not y.shape[axis]:
        return y
    terms = [] if tb is None else [tb]
    terms += [] if ta is None else [ta * _shifted(xp, y, axis, 0)]
    return xp.recurrence(total(terms), a, axis=axis)


weighted("max", _shares, reads="ya")
weighted("min", _shares, reads="ya")
weighted("prod", lambda xp, y, a, axes: _others(xp, a, axes[0]), reads="a")
special("cumulative_prod",
        lambda xp, t, y, a, *, axis: _before(xp, a, axis) * _adjoint_recurrence(xp, t, a, axis) if a.shape[axis] else t,
        lambda xp, t, y, a, *, axis: xp.recurrence(t * _before(xp, a, axis), a, axis=axis), reads="a")  # fmt: skip
# s_i = a_i s_{i-1} + b_i along an axis: what the derivative of a cumulative product is made of, exact at zeros
special("recurrence", _recurrence_vjp, _recurrence_jvp, reads="yb")
# One result of a primitive that has several (eigh, svd, qr): the sweep gathers their cotangents into one tuple.
special("pick", lambda xp, t, y, a, *, i, n: tuple(t if j == i else None for j in range(n)),
        lambda xp, t, y, a, *, i, n: t[i], reads="")  # fmt: skip
