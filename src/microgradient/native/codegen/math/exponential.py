"""Exponentials, logarithms and what is made of them, on numbers and vectors of float32 and float64.

Each function takes `Register`s of one dtype and writes IR for the result, within 2 ulp (units in the last place) of the true one
over the whole range, denormals, infinities and NaN included; the tests say how near each comes. Arguments are reduced by
exponent bits, then a polynomial is summed by Horner's rule. The polynomials minimise the largest relative error (Remez' method);
comments give it. There are no tables, so a number has the same result in any lane and with vectors of any width. Functions that
are seldom used on float32 are computed in float64 and rounded.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

from ..ir import Function, Val
from ..registers import Register

FRACTION = {"f4": 23, "f8": 52}
"""Bits behind the point."""
BIAS = {"f4": 127, "f8": 1023}
SMALLEST = {"f4": 2.0**-126, "f8": 2.0**-1022}
"""The smallest positive number that isn't denormal."""

LN2 = {"f4": (0.693145751953125, 1.428606765330187e-06), "f8": (0.6931471803691238, 1.9082149292705877e-10)}
"""ln 2 in two parts: products of the first with exponents are exact."""

# (e^r - 1 - r) / r² for |r| <= ½ ln 2: 2^-26, 2^-61 of e^r - 1
EXP = {
    "f4": (0.49999997, 0.16666539, 0.041667752, 0.008367105, 0.001383677),
    "f8": (0.5, 0.16666666666666677, 0.04166666666666669, 0.008333333333321744, 0.0013888888888883425, 0.0001984126988533316,
           2.4801587299682823e-05, 2.7557245138606545e-06, 2.755731388948814e-07, 2.5108741602484494e-08,
           2.0898321014456084e-09),
}  # fmt: skip
# (2^r - 1) / r for |r| <= ½: 2^-26, 2^-57 of 2^r
EXP2 = {
    "f4": (0.6931472, 0.24022594, 0.055503663, 0.009625307, 0.0013387448, 0.00013399395),
    "f8": (0.6931471805599453, 0.2402265069591, 0.05550410866482377, 0.009618129107669062, 0.0013333558145897071,
           0.00015403530318425882, 1.5252734322661511e-05, 1.3215547124190448e-06, 1.0177859289280504e-07,
           7.032937317420905e-09, 4.485414790661294e-10, 5.536586934052183e-11),
}  # fmt: skip
# (tanh x / x - 1) / x², in x², for |x| <= 0.7 and 0.55: 2^-30, 2^-60 of tanh x
TANH = {
    "f4": (-0.33333325, 0.13333, -0.053922288, 0.02157591, -0.007891555, 0.0019009875),
    "f8": (-0.333333333333333, 0.13333333333326577, -0.053968253963734045, 0.021869488385061288, -0.008863232587912044,
           0.003592091888923758, -0.0014555419046693168, 0.0005884404954674536, -0.00023337111689499101,
           8.330105923609123e-05, -1.948493796833393e-05),
}  # fmt: skip
# (sinh x / x - 1) / x², in x², for |x| <= 1: 2^-63 of sinh x
SINH = (0.16666666666666666, 0.008333333333333573, 0.00019841269841061165, 2.7557319310085487e-06, 2.5052089414645898e-08,
        1.6061338838014395e-10, 7.503293101214447e-13, 6.474425924158142e-15)  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ common parts


def polynomial(x: Register, coefficients: Sequence[float]) -> Register:
    """c₀ + c₁ x + c₂ x² + … by Horner's rule, fused."""
    result = x.like(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        result = result.fma(x, c)
    return result


def in_double(function: Callable[..., Register]) -> Callable[..., Register]:
    """`function` for float32 too: computed in float64, and rounded."""

    @functools.wraps(function)
    def through(*args: Register) -> Register:
        if args[0].dtype == "f8":
            return function(*args)
        return function(*(a.to("f8") for a in args)).to("f4")

    return through


def per_lane(symbol: str, *args: Register) -> Register:
    """The function `symbol` of the C library, from double to double, for one lane after the other."""
    f, lanes = args[0].f, args[0].lanes
    wide = [a.to("f8") for a in args]
    f.declare(symbol, f"declare double @{symbol}({', '.join('double' for _ in args)})")
    if lanes == 1:
        return Register(f, Val(_call(f, symbol, [a.text for a in wide]), "f8", 1)).to(args[0].dtype)
    places = [f.alloca(a.type) for a in wide]
    for a, place in zip(wide, places, strict=True):
        f.do(f"store {a.type} {a.text}, ptr {place}, align 64")
    with f.loop(0, lanes, unroll=False) as i:
        at = [f.emit(f"getelementptr double, ptr {place}, i64 {i}") for place in places]
        result = _call(f, symbol, [f.emit(f"load double, ptr {p}, align 8") for p in at])
        f.do(f"store double {result}, ptr {at[0]}, align 8")
    return wide[0].make(f"load {wide[0].type}, ptr {places[0]}, align 64").to(args[0].dtype)


def _call(f: Function, symbol: str, args: list[str]) -> str:
    return f.emit(f"call double @{symbol}({', '.join('double ' + a for a in args)})")


def slow_path(where: Register, y: Register, otherwise: Callable[[], Register]) -> Register:
    """`y`, and `otherwise()` in the lanes `where` that holds; its code runs only if there are any."""
    f = y.f
    place = f.alloca(y.type)
    f.do(f"store {y.type} {y.text}, ptr {place}, align 64")
    some = where.text
    if y.lanes > 1:
        symbol = f"llvm.vector.reduce.or.v{y.lanes}i1"
        f.declare(symbol, f"declare i1 @{symbol}({where.type})")
        some = f.emit(f"call i1 @{symbol}({where.type} {where.text})")
    rare, after = f.label("rare"), f.label("after")
    f.do(f"br i1 {some}, label %{rare}, label %{after}")
    f.place(rare)
    chosen = where.select(otherwise(), y)
    f.do(f"store {y.type} {chosen.text}, ptr {place}, align 64")
    f.do(f"br label %{after}")
    f.place(after)
    return y.make(f"load {y.type}, ptr {place}, align 64")


def at_most(x: Register, bound: float) -> Register:
    """The lesser one; NaN stays."""
    return (x > bound).select(x.like(bound), x)


def at_least(x: Register, bound: float) -> Register:
    """The greater one; NaN stays."""
    return (x < bound).select(x.like(bound), x)


def nearest(x: Register, factor: float = 1.0) -> tuple[Register, Register]:
    """The whole number nearest to x · factor, as a real and as the bits of an integer. It must be less than 2^20 or so; of NaN
    and more come any bits."""
    magic = 1.5 * 2.0 ** FRACTION[x.dtype]
    shifted = x.fma(factor, magic) if factor != 1.0 else x + magic
    return shifted - magic, shifted.bits() - shifted.like(magic).bits()


def two_to(n: Register) -> Register:
    """2^n for an integer n, where that is a number and not denormal."""
    dtype = "f" + n.dtype[1]
    return ((n + BIAS[dtype]) << FRACTION[dtype]).reinterpret(dtype)


def scaled(x: Register, n: Register) -> Register:
    """x · 2^n, rounded once though it be denormal, or infinite: for x in [½, 4) and |n| up to twice the largest exponent."""
    half = n >> 1
    return x * two_to(half) * two_to(n - half)


def exp_parts(x: Register, low: Register | None = None) -> tuple[Register, Register]:
    """r and the integer n with x + low = r + n ln 2, |r| <= ½ ln 2."""
    n, whole = nearest(x, 1 / math.log(2))
    high, rest = LN2[x.dtype]
    r = n.fma(-rest, n.fma(-high, x))
    return (r if low is None else r + low), whole


def exp_less_one(r: Register) -> Register:
    """e^r - 1 for |r| <= ½ ln 2."""
    return (r * r).fma(polynomial(r, EXP[r.dtype]), r)


_EXP_ENDS = {"f4": (-104.0, 89.0), "f8": (-746.0, 710.0)}
_EXP2_ENDS = {"f4": (-151.0, 129.0), "f8": (-1076.0, 1025.0)}

# ------------------------------------------------------------------------------------------------------------ exponentials


def exp(x: Register) -> Register:
    """e^x."""
    low, high = _EXP_ENDS[x.dtype]
    r, n = exp_parts(at_most(at_least(x, low), high))
    return scaled(exp_less_one(r) + 1, n)


def exp_within(x: Register) -> Register:
    """e^x for |x| < 80 (NaN stays): cheaper."""
    r, n = exp_parts(x)
    return (exp_less_one(r) + 1) * two_to(n)


def exp2(x: Register) -> Register:
    """2^x."""
    low, high = _EXP2_ENDS[x.dtype]
    x = at_most(at_least(x, low), high)
    n, whole = nearest(x)
    r = x - n
    return scaled(r.fma(polynomial(r, EXP2[x.dtype]), 1), whole)


def expm1(x: Register) -> Register:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1)."""
    low, high = (-18.0, 89.0) if x.dtype == "f4" else (-38.0, 710.0)
    r, n = exp_parts(at_most(at_least(x, low), high))
    top = n > BIAS[x.dtype]  # 2^n is not a number
    power = two_to(n + top.select(n.like(-1), 0))
    y = power.fma(exp_less_one(r), power - 1)
    return top.select(y + y, y).copysign(x)


@in_double
def sinh(x: Register) -> Register:
    """½ (e^x - e^-x), near 0 by its series."""
    a, z = x.abs(), x * x
    half = _half_exp(a)
    return (a < 1).select((a * z).fma(polynomial(z, SINH), a), half - 0.25 / half).copysign(x)


@in_double
def cosh(x: Register) -> Register:
    """½ (e^x + e^-x)."""
    half = _half_exp(x.abs())
    return half + 0.25 / half


def _half_exp(a: Register) -> Register:
    """½ e^a for a >= 0."""
    r, n = exp_parts(at_most(a, 712.0))
    return scaled(exp_less_one(r) + 1, n - 1)


def tanh(x: Register) -> Register:
    """1 - 2 / (e^2x + 1), near 0 by its series."""
    a, z = x.abs(), x * x
    small = (a * z).fma(polynomial(z, TANH[x.dtype]), a)
    e = exp_within(at_most(a, 20.0) * 2)
    if x.dtype == "f4":
        return (a < 0.7).select(small, 1 - 2 / (e + 1)).copysign(x)
    d = e + 1
    low = 1 - (d - e)  # what d lacks of e + 1
    q = 2 / d
    q = q + q * 0.5 * (-q).fma(low, (-q).fma(d, 2))
    return (a < 0.55).select(small, 1 - q).copysign(x)


def sigmoid(x: Register) -> Register:
    """1 / (1 + e^-x), for negative x e^x / (1 + e^x)."""
    e = exp(-x.abs())
    d = e + 1
    inverse = 1 / d
    above = (x < 0).select(e, 1.0)
    y = above * inverse
    lost = (-y).fma(e - (d - 1), (-y).fma(d, above))  # above - y · (1 + e)
    return lost.fma(inverse, y)
