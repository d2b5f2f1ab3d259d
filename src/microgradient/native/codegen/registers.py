"""Numbers in registers as Python objects: `x * y + 1.0` on them writes LLVM IR.

A `Register` is an `ir.Val` together with the function being written. Python numbers beside one take its dtype and lanes.
Nothing is rounded otherwise than IEEE says, and nothing is fused unless `fma` asks for it.
"""

from __future__ import annotations

import struct
from typing import Any

from . import ir
from .ir import Val

Other = Any  # a Register of the same dtype and lanes, or a Python number

WIDTH = {
    "i1": 8,
    "i2": 16,
    "i4": 32,
    "i8": 64,
    "u1": 8,
    "u2": 16,
    "u4": 32,
    "u8": 64,
    "f2": 16,
    "f4": 32,
    "f8": 64,
    "b1": 1,
}
"""How many bits a number of each dtype has in a register."""


class Register:
    """A number or vector in a register of the function `f`, with the operators of arithmetic."""

    __slots__ = ("dtype", "f", "lanes", "text")

    def __init__(self, f: ir.Function, val: Val) -> None:
        self.f = f
        self.text, self.dtype, self.lanes = val

    @property
    def val(self) -> Val:
        """What it is to the generators."""
        return Val(self.text, self.dtype, self.lanes)

    @property
    def type(self) -> str:
        """The LLVM type."""
        return ir.vector(ir.TYPES[self.dtype], self.lanes)

    @property
    def kind(self) -> str:
        """`f`, `i`, `u` or `b`."""
        return self.dtype[0]

    # ---------------------------------------------------------------------------------------------------- making values

    def make(self, text: str, dtype: str | None = None) -> Register:
        """The value that the instruction `text` gives, of this or another dtype, with these lanes."""
        return Register(self.f, Val(self.f.emit(text), dtype or self.dtype, self.lanes))

    def like(self, other: Other) -> Register:
        """`other` with this dtype and these lanes: a number as a literal, a single value spread over the lanes."""
        if not isinstance(other, Register):
            return Register(self.f, literal(other, self.dtype, self.lanes))
        return other.spread(self.lanes)

    def spread(self, lanes: int) -> Register:
        """This single value in every lane."""
        if self.lanes == lanes:
            return self
        if not self.text.startswith("%"):
            scalar = ir.TYPES[self.dtype]
            return Register(self.f, Val(f"splat ({scalar} {self.text})", self.dtype, lanes))
        type_ = ir.vector(ir.TYPES[self.dtype], lanes)
        one = self.f.emit(f"insertelement {type_} poison, {self.type} {self.text}, i64 0")
        mask = f"<{lanes} x i32> zeroinitializer"
        return Register(
            self.f, Val(self.f.emit(f"shufflevector {type_} {one}, {type_} poison, {mask}"), self.dtype, lanes)
        )

    def _two(self, operation: str, other: Other, reverse: bool = False) -> Register:
        b = self.like(other)
        a = b.like(self)  # `self` may be the single one
        if reverse:
            a, b = b, a
        return a.make(f"{operation} {a.type} {a.text}, {b.text}")

    # ------------------------------------------------------------------------------------------------------- arithmetic

    def __add__(self, other: Other) -> Register:
        return self._two("fadd" if self.kind == "f" else "add", other)

    def __radd__(self, other: Other) -> Register:
        return self._two("fadd" if self.kind == "f" else "add", other, reverse=True)

    def __sub__(self, other: Other) -> Register:
        return self._two("fsub" if self.kind == "f" else "sub", other)

    def __rsub__(self, other: Other) -> Register:
        return self._two("fsub" if self.kind == "f" else "sub", other, reverse=True)

    def __mul__(self, other: Other) -> Register:
        return self._two("fmul" if self.kind == "f" else "mul", other)

    def __rmul__(self, other: Other) -> Register:
        return self._two("fmul" if self.kind == "f" else "mul", other, reverse=True)

    def __truediv__(self, other: Other) -> Register:
        return self._two("fdiv", other)

    def __rtruediv__(self, other: Other) -> Register:
        return self._two("fdiv", other, reverse=True)

    def __neg__(self) -> Register:
        return self.make(f"fneg {self.type} {self.text}") if self.kind == "f" else self._two("sub", 0, reverse=True)

    def __and__(self, other: Other) -> Register:
        return self._two("and", other)

    def __or__(self, other: Other) -> Register:
        return self._two("or", other)

    def __xor__(self, other: Other) -> Register:
        return self._two("xor", other)

    def __invert__(self) -> Register:
        return self._two("xor", True if self.kind == "b" else -1)

    def __lshift__(self, other: Other) -> Register:
        """Bits shifted left, by fewer than there are."""
        return self._two("shl", other)

    def __rshift__(self, other: Other) -> Register:
        """Bits shifted right, by fewer than there are; the sign fills in if there is one."""
        return self._two("ashr" if self.kind == "i" else "lshr", other)

    def quotient(self, other: Other) -> Register:
        """Whole-number division toward 0. The divisor isn't 0."""
        return self._two("sdiv" if self.kind == "i" else "udiv", other)

    def rest(self, other: Other) -> Register:
        """What division toward 0 leaves, of whole numbers or reals (C's fmod)."""
        return self._two({"f": "frem", "i": "srem"}.get(self.kind, "urem"), other)

    def fma(self, b: Other, c: Other) -> Register:
        """self · b + c, rounded once."""
        b, c = self.like(b), self.like(c)
        lanes = max(self.lanes, b.lanes, c.lanes)
        return self.spread(lanes).call("llvm.fma", b.spread(lanes), c.spread(lanes))

    # ------------------------------------------------------------------------------------------------------ comparisons

    def compare(self, predicate: str, other: Other) -> Register:
        """`eq ne lt le gt ge`: of reals, all false for NaN but `ne`."""
        b = self.like(other)
        a = b.like(self)
        if a.kind == "f":
            how = f"fcmp {'u' if predicate == 'ne' else 'o'}{predicate}"
        else:
            sign = "" if predicate in ("eq", "ne") else "s" if a.kind == "i" else "u"
            how = f"icmp {sign}{predicate}"
        return a.make(f"{how} {a.type} {a.text}, {b.text}", "b1")

    def __lt__(self, other: Other) -> Register:
        return self.compare("lt", other)

    def __le__(self, other: Other) -> Register:
        return self.compare("le", other)

    def __gt__(self, other: Other) -> Register:
        return self.compare("gt", other)

    def __ge__(self, other: Other) -> Register:
        return self.compare("ge", other)

    def isnan(self) -> Register:
        """Where it is not a number."""
        return self.make(f"fcmp uno {self.type} {self.text}, {self.text}", "b1")

    def any(self) -> str:
        """Whether this b1 is true in any lane: an i1."""
        if self.lanes == 1:
            return self.text
        name = f"llvm.vector.reduce.or.v{self.lanes}i1"
        self.f.declare(name, f"declare i1 @{name}({self.type})")
        return self.f.emit(f"call i1 @{name}({self.type} {self.text})")

    def select(self, a: Other, b: Other) -> Register:
        """`a` where this b1 is true, else `b`. One of them must be a Register."""
        if not isinstance(a, Register):
            a = b.like(a)
        b = a.like(b)
        lanes = max(self.lanes, a.lanes, b.lanes)
        a, b, c = a.spread(lanes), b.spread(lanes), self.spread(lanes)
        return a.make(f"select {c.type} {c.text}, {a.type} {a.text}, {b.type} {b.text}")

    # ---------------------------------------------------------------------------------------------- functions and bits

    def call(self, name: str, *others: Register | str, dtype: str | None = None) -> Register:
        """An LLVM intrinsic such as `llvm.fma`, of operands of this type. A `str` is an operand `type value` as it is."""
        suffix = (f"v{self.lanes}" if self.lanes > 1 else "") + _short(self.dtype)
        result = ir.vector(ir.TYPES[dtype or self.dtype], self.lanes)
        if dtype:
            suffix = (f"v{self.lanes}" if self.lanes > 1 else "") + _short(dtype) + "." + suffix
        operands = [o if isinstance(o, str) else f"{o.type} {o.text}" for o in (self, *others)]
        types = ", ".join(o.rsplit(" ", 1)[0] if isinstance(o, str) else o.type for o in (self, *others))
        symbol = self.f.declare(f"{name}.{suffix}", f"declare {result} @{name}.{suffix}({types})")
        return self.make(f"call {result} @{symbol}({', '.join(operands)})", dtype)

    def abs(self) -> Register:
        """|self|; the most negative whole number stays."""
        if self.kind == "f":
            return self.call("llvm.fabs")
        return self.call("llvm.abs", "i1 false") if self.kind == "i" else self

    def sqrt(self) -> Register:
        """The square root."""
        return self.call("llvm.sqrt")

    def rint(self) -> Register:
        """The nearest whole number, the even one of two."""
        return self.call("llvm.rint")

    def copysign(self, other: Other) -> Register:
        """|self| with the sign of `other`."""
        b = self.like(other)
        a = b.like(self)
        return a.call("llvm.copysign", b)

    def bits(self) -> Register:
        """The bits of a real as a signed whole number of the same width."""
        return self.reinterpret("i" + self.dtype[1])

    def reinterpret(self, dtype: str) -> Register:
        """The same bits as another dtype of the same width."""
        if ir.TYPES[dtype] == ir.TYPES[self.dtype]:
            return Register(self.f, Val(self.text, dtype, self.lanes))
        return self.make(f"bitcast {self.type} {self.text} to {ir.vector(ir.TYPES[dtype], self.lanes)}", dtype)

    def to(self, dtype: str) -> Register:
        """Converted to `dtype` as `mg.astype` documents."""
        if dtype == self.dtype:
            return self
        if dtype == "b1":
            return self.compare("ne", 0)
        if self.kind == "f" and dtype[0] == "f":
            return self._cast("fpext" if WIDTH[dtype] > WIDTH[self.dtype] else "fptrunc", dtype)
        if dtype[0] == "f":
            return self._cast("sitofp" if self.kind == "i" else "uitofp", dtype)
        if self.kind == "f":
            return self.call(f"llvm.fpto{'u' if dtype[0] == 'u' else 's'}i.sat", dtype=dtype)
        if WIDTH[dtype] == WIDTH[self.dtype]:
            return self.reinterpret(dtype)
        if WIDTH[dtype] < WIDTH[self.dtype]:
            return self._cast("trunc", dtype)
        return self._cast("sext" if self.kind == "i" else "zext", dtype)

    def _cast(self, operation: str, dtype: str) -> Register:
        return self.make(f"{operation} {self.type} {self.text} to {ir.vector(ir.TYPES[dtype], self.lanes)}", dtype)


def literal(x: Any, dtype: str, lanes: int = 1) -> Val:
    """The Python number `x` as an LLVM literal of `dtype`, in every lane."""
    if dtype == "b1":
        text = "true" if x else "false"
    elif dtype[0] == "f":
        text = _real(x, dtype)
    else:
        bits = WIDTH[dtype]
        number = int(x) % 2**bits
        text = str(number - 2**bits if number >= 2 ** (bits - 1) else number)
    return Val(text if lanes == 1 else f"splat ({ir.TYPES[dtype]} {text})", dtype, lanes)


def _real(x: Any, dtype: str) -> str:
    """Hexadecimal digits of the double that equals x rounded to `dtype`."""
    import numpy as np

    with np.errstate(over="ignore"):
        rounded = np.dtype(dtype).type(x)
    if dtype == "f2":
        return f"0xH{int(rounded.view(np.uint16)):04X}"
    return f"0x{struct.unpack('<Q', struct.pack('<d', float(rounded)))[0]:016X}"


def _short(dtype: str) -> str:
    """The dtype as the names of intrinsics write it: `f32`, `i64`."""
    return f"{'f' if dtype[0] == 'f' else 'i'}{WIDTH[dtype]}"
