"""What the functions here share: polynomials, reduction to a range, powers of 2, calls of the C library.

Each function takes `Register`s of one dtype, float32 or float64, and writes IR for the result, within 2 ulp (units in the last
place) of the true one over the whole range, denormals, infinities and NaN included; the tests say how near each comes. Nothing is
looked up in memory, so a number has the same result in any lane and with vectors of any width. Functions seldom used on float32
are computed in float64 and rounded. The tables are minimax polynomials and constants that tools/minimax.py makes; beside each it
writes the largest error. A polynomial p(t) is added as x + x·t·p(t), or the like, so that its own rounding is of a small part of
the result (Muller, Elementary Functions, 3rd edition, chapters 3, 4 and 11).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from ..ir import Function, Val
from ..registers import Register

FRACTION = {"f4": 23, "f8": 52}
"""Bits behind the point."""
BIAS = {"f4": 127, "f8": 1023}
SMALLEST = {"f4": 2.0**-126, "f8": 2.0**-1022}
"""The smallest positive number that isn't denormal."""


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


def out_of_line(function: Callable[..., Register]) -> Callable[..., Register]:
    """`function` as an LLVM function, written once into a module for each dtype and number of lanes, and called: for long ones,
    of which a kernel with twenty copies would take LLVM seconds."""

    @functools.wraps(function)
    def call(*args: Register, **options: int) -> Register:
        f, x = args[0].f, args[0]
        symbol = f"{function.__name__}{''.join(map(str, options.values()))}.{x.dtype}x{x.lanes}"
        if symbol not in f.declares:
            inner = Function(symbol, ", ".join(f"{a.type} %x{k}" for k, a in enumerate(args)))
            parameters = [Register(inner, Val(f"%x{k}", a.dtype, a.lanes)) for k, a in enumerate(args)]
            inner.result = function(*parameters, **options).val
            f.declares.update(inner.declares)
            f.declare(symbol, inner.text())
        return x.make(f"call {x.type} @{symbol}({', '.join(f'{a.type} {a.text}' for a in args)})")

    return call


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
    with f.when(where.any()):
        chosen = where.select(otherwise(), y)
        f.do(f"store {y.type} {chosen.text}, ptr {place}, align 64")
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
