"""Every pointwise primitive of the rulebook as LLVM IR on numbers and vectors, with NumPy's results.

`emit` writes one primitive; `supported` says for which dtypes it can. Exact operations give NumPy's bits; functions such as exp,
made in `math`, are within 2 ulp. A number gives the same bits whatever lane it is in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..lower.ops import NATIVE_DTYPES
from . import ir
from .ir import Val
from .math import erf, exponential, gamma, logarithms, trigonometry
from .pairs import products_of_pairs
from .registers import WIDTH, Register, literal

Emitter = Callable[..., Register]
Before = Callable[[list[Register], str], list[Register]]

REALS = ("f4", "f8")
INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


def supported(name: str, dtypes: tuple[str, ...], dtype: str) -> bool:
    """Whether `emit` can write the primitive `name` for arguments of `dtypes` with a result of `dtype` (NumPy codes)."""
    if not NATIVE_DTYPES.issuperset((*dtypes, dtype)):
        return False
    if name in ("astype", "constant"):
        return True
    if name in COMPARISONS:
        return True
    return name in _TABLE and dtype in _TABLE[name][1]


def lowering(name: str, emitter: Emitter, dtypes: tuple[str, ...] = REALS, before: Before | None = None) -> None:
    """Say how a pointwise primitive is written: `emitter` makes its value from those of its arguments.

    `dtypes` are the results it can have, `before` what happens to the arguments first: they become of the result's dtype.
    What has no lowering is a call of NumPy between native kernels.
    """
    _TABLE[name] = (emitter, dtypes, before or _as_result)
    try:
        source = Path(emitter.__code__.co_filename).read_bytes()
    except OSError:  # typed at a prompt
        source = emitter.__code__.co_code
    REGISTERED.append(hashlib.sha256(source).hexdigest())


REGISTERED: list[str] = []
"""Digests of the source of lowerings that were registered: machine code on disk depends on them."""


def emit(f: ir.Function, name: str, args: list[Val], dtype: str, params: dict[str, Any]) -> Val:
    """Append the primitive `name` to `f`: its value, of `dtype` (a NumPy code), from `args` of any dtypes.

    Single arguments are spread beside vectors. `constant` takes params {"value": x} and gives a literal; `astype` converts to
    `dtype`. Raises NotImplementedError where `supported` is false.
    """
    if name == "constant":
        return literal(params["value"], dtype)
    values = [Register(f, a) for a in args]
    if name == "astype":
        return values[0].to(dtype).val
    if name in COMPARISONS:
        return _compared(COMPARISONS[name], *_together(values)).val
    if not supported(name, tuple(a.dtype for a in args), dtype):
        raise NotImplementedError(f"{name} has no native form for {dtype}")
    emitter, _, before = _TABLE[name]
    options = {k: v for k, v in params.items() if k != "dtype"}
    return emitter(*_together(before(values, dtype)), **options).val


# ------------------------------------------------------------------------------------------------- dtypes before the work


def _together(values: list[Register]) -> list[Register]:
    """All with the same number of lanes."""
    lanes = max(v.lanes for v in values)
    return [v.spread(lanes) for v in values]


def _as_result(values: list[Register], dtype: str) -> list[Register]:
    return [v.to(dtype) for v in values]


def _as_is(values: list[Register], dtype: str) -> list[Register]:
    return values


def _as_bool(values: list[Register], dtype: str) -> list[Register]:
    return [v.to("b1") for v in values]


def _branches(values: list[Register], dtype: str) -> list[Register]:
    return [values[0].to("b1"), *(v.to(dtype) for v in values[1:])]


COMPARISONS = {
    "equal": "eq",
    "not_equal": "ne",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
}


def _compared(predicate: str, a: Register, b: Register) -> Register:
    """A comparison in the dtype that both promote to; uint64 beside signed whole numbers exactly, as NumPy does."""
    if a.dtype == b.dtype:
        return a.compare(predicate, b)
    if "u8" in (a.dtype, b.dtype) and "i" in (a.kind, b.kind):
        if a.kind == "i":
            swapped = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
            return _compared(swapped.get(predicate, predicate), b, a)
        negative = b < 0  # then a, which isn't, is greater
        same = a.compare(predicate, b.to("i8").reinterpret("u8"))
        return same | negative if predicate in ("ne", "gt", "ge") else same & ~negative
    dtype = np.promote_types(a.dtype, b.dtype).str[1:]
    return a.to(dtype).compare(predicate, b.to(dtype))


# --------------------------------------------------------------------------------------------------------- arithmetic


def _add(a: Register, b: Register) -> Register:
    return a | b if a.kind == "b" else a + b


def _multiply(a: Register, b: Register) -> Register:
    return a & b if a.kind == "b" else a * b


def maximum(a: Register, b: Register) -> Register:
    """The greater one, NaN if one is NaN, `b` at a tie, as NumPy on x86."""
    return _extreme("gt", a, b)


def minimum(a: Register, b: Register) -> Register:
    """The lesser one, NaN if one is NaN, `b` at a tie."""
    return _extreme("lt", a, b)


def _extreme(predicate: str, a: Register, b: Register) -> Register:
    if a.kind != "f":
        if a.kind == "b":
            return a | b if predicate == "gt" else a & b
        return a.call(f"llvm.{'s' if a.kind == 'i' else 'u'}{'max' if predicate == 'gt' else 'min'}", b)
    if _is_number(b):
        return a.make(f"fcmp u{predicate} {a.type} {a.text}, {b.text}", "b1").select(a, b)
    return a.isnan().select(a, a.compare(predicate, b).select(a, b))


def _relu(a: Register) -> Register:
    return a if a.kind in "ub" else maximum(a, a.like(0))


def _clip(a: Register, low: Register, high: Register) -> Register:
    """min(max(a, low), high). At a tie a bound counts if the bounds are arrays, `a` itself if they are numbers: as in NumPy."""
    if a.kind == "f" and _is_number(low) and _is_number(high):
        raised = (a < low).select(low, a)
        return (raised > high).select(high, raised)
    return minimum(maximum(a, low), high)


def _is_number(a: Register) -> bool:
    """Whether it is a literal other than NaN, whose sign may be either: ∞ - ∞ is negative on x86."""
    if a.text.startswith("%"):
        return False
    digits = a.text.rpartition("0x")[2].removesuffix(")")
    return int(digits, 16) & (2**63 - 1) <= 0x7FF << 52


def _sign(a: Register) -> Register:
    if a.kind == "b":
        return a
    positive = (a > 0).select(a.like(1), a.like(0) if a.kind != "f" else a + a.like(0))
    return positive if a.kind == "u" else (a < 0).select(a.like(-1), positive)


def _floor(how: str) -> Emitter:
    return lambda a: a.call(f"llvm.{how}") if a.kind == "f" else a


def _where(condition: Register, a: Register, b: Register) -> Register:
    return condition.select(a, b)


def floor_divide(a: Register, b: Register) -> Register:
    """⌊a / b⌋; 0 for a whole number divided by 0."""
    if a.kind == "f":
        return _real_quotient(a, b)
    divisor, forbidden = _divisor(a, b)
    q = a.quotient(divisor)
    if a.kind == "i":
        down = (a - q * divisor).compare("ne", 0) & ((a ^ divisor) < 0)
        q = forbidden.select(-a, q - down.to(a.dtype))
    return b.compare("eq", 0).select(b.like(0), q)


def remainder(a: Register, b: Register) -> Register:
    """a - b ⌊a / b⌋, with the sign of b; 0 for a whole number and b = 0."""
    if a.kind == "f":
        return _real_remainder(a, b)[0]
    divisor, _ = _divisor(a, b)
    r = a.rest(divisor)
    if a.kind == "i":
        r = (r.compare("ne", 0) & ((r ^ divisor) < 0)).select(r + divisor, r)
    return b.compare("eq", 0).select(b.like(0), r)


def _divisor(a: Register, b: Register) -> tuple[Register, Register]:
    """`b`, but 1 where a / b is not a number of the dtype: for b = 0, and b = -1, which is the second result."""
    minus_one = b.compare("eq", -1) if a.kind == "i" else _false(b)
    return (b.compare("eq", 0) | minus_one).select(b.like(1), b), minus_one


def _real_remainder(a: Register, b: Register) -> tuple[Register, Register]:
    """The remainder of reals, and where the divisor was added to C's fmod to get it."""
    r = a.rest(b)
    opposite = r.compare("ne", 0) & ((b < 0) ^ (r < 0)) & ~r.isnan()
    signed = r.compare("eq", 0).select(r.like(0).copysign(b), r)
    return opposite.select(r + b, signed), opposite


def _real_quotient(a: Register, b: Register) -> Register:
    """The quotient that fits the remainder, to the nearest whole number; a / b where either is 0 or infinite."""
    r = a.rest(b)
    _, opposite = _real_remainder(a, b)
    exact = (a - r) / b
    exact = opposite.select(exact - 1, exact)
    down = exact.call("llvm.floor")
    whole = ((exact - down) > 0.5).select(down + 1, down)
    ratio = a / b
    whole = exact.compare("eq", 0).select(whole.like(0).copysign(ratio), whole)
    plain = b.compare("eq", 0) | _isinf(a) | _isinf(b)
    return plain.select(ratio, whole)


def nextafter(a: Register, b: Register) -> Register:
    """The number next to `a` in the direction of `b`."""
    bits = a.bits()
    outward = (a < b) ^ (bits < 0)
    moved = (bits + outward.select(bits.like(1), -1)).reinterpret(a.dtype)
    moved = a.compare("eq", 0).select(a.bits().like(1).reinterpret(a.dtype).copysign(b), moved)
    moved = a.compare("eq", b).select(b, moved)
    return (a.isnan() | b.isnan()).select(a + b, moved)


# -------------------------------------------------------------------------------------------------------- bits and tests


def _left(a: Register, b: Register) -> Register:
    """a << b; 0 where b is not less than the number of bits."""
    inside = _unsigned(b) < WIDTH[a.dtype]
    return inside.select(a << inside.select(b, 0), 0)


def _right(a: Register, b: Register) -> Register:
    """a >> b; only the sign is left where b is not less than the number of bits."""
    inside = _unsigned(b) < WIDTH[a.dtype]
    if a.kind == "u":
        return inside.select(a >> inside.select(b, 0), 0)
    return a >> inside.select(b, WIDTH[a.dtype] - 1)


def _unsigned(a: Register) -> Register:
    return a.reinterpret("u" + a.dtype[1])


def _isinf(a: Register) -> Register:
    return a.abs().compare("eq", float("inf")) if a.kind == "f" else _false(a)


def _isfinite(a: Register) -> Register:
    return a.abs() < float("inf") if a.kind == "f" else ~_false(a)


def _isnan(a: Register) -> Register:
    return a.isnan() if a.kind == "f" else _false(a)


def _signbit(a: Register) -> Register:
    return (a.bits() if a.kind == "f" else a) < 0 if a.kind in "fi" else _false(a)


def _false(a: Register) -> Register:
    return Register(a.f, literal(False, "b1", a.lanes))


_Row = tuple[Emitter, tuple[str, ...], Before]

_NUMBERS = (*REALS, *INTEGERS)
_ALL = (*_NUMBERS, "b1")
_WHOLE = (*INTEGERS, "b1")

_TABLE: dict[str, _Row] = {
    "positive": (lambda a: a, _NUMBERS, _as_result),
    "negative": (lambda a: -a, _NUMBERS, _as_result),
    "add": (_add, _ALL, _as_result),
    "subtract": (lambda a, b: a - b, _NUMBERS, _as_result),
    "multiply": (_multiply, _ALL, _as_result),
    "divide": (lambda a, b: a / b, REALS, _as_result),
    "square": (lambda a: a * a, _NUMBERS, _as_result),
    "reciprocal": (lambda a: 1 / a, REALS, _as_result),
    "sqrt": (Register.sqrt, REALS, _as_result),
    "abs": (Register.abs, _ALL, _as_result),
    "sign": (_sign, _NUMBERS, _as_result),
    "floor": (_floor("floor"), _ALL, _as_result),
    "ceil": (_floor("ceil"), _ALL, _as_result),
    "trunc": (_floor("trunc"), _ALL, _as_result),
    "round": (_floor("rint"), _NUMBERS, _as_result),
    "floor_divide": (floor_divide, _NUMBERS, _as_result),
    "remainder": (remainder, _NUMBERS, _as_result),
    "power": (logarithms.power, _NUMBERS, _as_result),
    "nextafter": (nextafter, REALS, _as_result),
    "copysign": (Register.copysign, REALS, _as_result),
    "maximum": (maximum, _ALL, _as_result),
    "minimum": (minimum, _ALL, _as_result),
    "relu": (_relu, _NUMBERS, _as_result),
    "clip": (_clip, _ALL, _as_result),
    "where": (_where, _ALL, _branches),
    "logical_and": (lambda a, b: a & b, ("b1",), _as_bool),
    "logical_or": (lambda a, b: a | b, ("b1",), _as_bool),
    "logical_xor": (lambda a, b: a ^ b, ("b1",), _as_bool),
    "logical_not": (lambda a: ~a, ("b1",), _as_bool),
    "bitwise_and": (lambda a, b: a & b, _WHOLE, _as_result),
    "bitwise_or": (lambda a, b: a | b, _WHOLE, _as_result),
    "bitwise_xor": (lambda a, b: a ^ b, _WHOLE, _as_result),
    "bitwise_invert": (lambda a: ~a, _WHOLE, _as_result),
    "bitwise_left_shift": (_left, INTEGERS, _as_result),
    "bitwise_right_shift": (_right, INTEGERS, _as_result),
    "pair_product": (products_of_pairs, ("i4",), _as_result),
    "isnan": (_isnan, ("b1",), _as_is),
    "isinf": (_isinf, ("b1",), _as_is),
    "isfinite": (_isfinite, ("b1",), _as_is),
    "signbit": (_signbit, ("b1",), _as_is),
}
for _module, _names in (
    (exponential, "exp exp2 expm1 sinh cosh tanh sigmoid"),
    (logarithms, "log log2 log10 log1p logaddexp softplus asinh acosh atanh pow"),
    (gamma, "lgamma digamma polygamma"),
    (trigonometry, "sin cos tan asin acos atan atan2 hypot"),
    (erf, "erf erfc erfinv"),
):
    _TABLE.update({name: (getattr(_module, name), REALS, _as_result) for name in _names.split()})
