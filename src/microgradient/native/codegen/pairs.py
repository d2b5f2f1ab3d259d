"""Words of two whole numbers of 16 bits each, which x86 processors multiply and add at once."""

from __future__ import annotations

import platform

from .ir import Val, vector
from .registers import Register

_NAMES = {4: "sse2.pmadd.wd", 8: "avx2.pmadd.wd", 16: "avx512.pmaddw.d.512"}
"""By the number of lanes, LLVM's names of the instruction."""


def products_of_pairs(a: Register, b: Register) -> Register:
    """Of each two int32, low half · low half + high half · high half, halves being signed: modulo 2³²."""
    if a.lanes not in _NAMES or platform.machine().lower() not in ("x86_64", "amd64"):
        return _low(a) * _low(b) + (a >> 16) * (b >> 16)
    halves, name = vector("i16", 2 * a.lanes), f"llvm.x86.{_NAMES[a.lanes]}"
    a.f.declare(name, f"declare {a.type} @{name}({halves}, {halves})")
    given = ", ".join([f"{halves} {a.f.emit(f'bitcast {x.type} {x.text} to {halves}')}" for x in (a, b)])
    return a.make(f"call {a.type} @{name}({given})")


def word(low: Register, high: Register) -> Register:
    """An int32 of two numbers, of 16 bits or fewer."""
    return (low.to("i4") & 0xFFFF) | (high.to("i4") << 16)


def words_in_a_row(numbers: Register) -> Register:
    """Each two neighbours in a vector as an int32."""
    halves = numbers.to("i2")
    lanes = numbers.lanes // 2
    text = numbers.f.emit(f"bitcast {halves.type} {halves.text} to {vector('i32', lanes)}")
    return Register(numbers.f, Val(text, "i4", lanes))


def _low(x: Register) -> Register:
    """The low half, with its sign."""
    return (x << 16) >> 16
