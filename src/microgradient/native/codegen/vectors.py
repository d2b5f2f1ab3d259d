"""Vectors in memory: reading and writing them at any stride.

Of an array only the alignment of its entries is known. `active` says how many lanes are to be read or written: a number of first
lanes, or the register of a mask. The other lanes are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from ..plan.kernel import Access
from .ir import TYPES, Function, Val, vector
from .registers import Register


@cache
def itemsize(dtype: str) -> int:
    """Bytes of an entry in memory; also its alignment."""
    return int(dtype[1:])


@cache
def memory_type(dtype: str) -> str:
    """The LLVM type of an entry in memory."""
    return "i8" if dtype == "b1" else TYPES[dtype]


def counting(lanes: int) -> Val:
    """The vector 0, 1, 2, … of int64."""
    text = "<" + ", ".join(f"i64 {i}" for i in range(lanes)) + ">" if lanes > 1 else "0"
    return Val(text, "i8", lanes)


def splat(f: Function, value: Val, lanes: int) -> Val:
    """One number in all lanes; a vector is returned as it is."""
    return Register(f, value).spread(lanes).val


def shuffle(f: Function, a: str, b: str | None, type_: str, lanes: list[int]) -> str:
    """The given lanes of the vectors a and b, put one after the other."""
    mask = "<" + ", ".join(f"i32 {i}" for i in lanes) + ">"
    return f.emit(f"shufflevector {type_} {a}, {type_} {b or 'poison'}, <{len(lanes)} x i32> {mask}")


def advance(f: Function, pointer: str, dtype: str, entries: str | int) -> str:
    """The address so many entries further on."""
    if entries in (0, "0"):
        return pointer
    return f.emit(f"getelementptr {memory_type(dtype)}, ptr {pointer}, i64 {entries}")


def moved(f: Function, pointers: Sequence[str], accesses: Sequence[Access], loop: int, index: str | int) -> list[str]:
    """The addresses in all arrays after `index` steps of a loop."""
    pairs = zip(pointers, accesses, strict=True)
    return [advance(f, p, a.dtype, times(f, index, a.strides[loop])) for p, a in pairs]


def one_run(f: Function, number: str | int, extent: int, size: int, body: Callable[[str | int, int], None]) -> None:
    """Run `number` of a loop of `extent` steps that goes in runs of `size`: `body` with its first step and how many it has."""
    whole, rest = divmod(extent, size)
    start = times(f, number, size)
    if not whole or not rest:
        body(start, rest or size)
    else:
        inner = f.emit(f"icmp slt i64 {number}, {whole}")
        f.choose(inner, lambda: body(start, size), lambda: body(whole * size, rest))


def split(f: Function, flat: str | int, sizes: Sequence[int]) -> list[str | int]:
    """The loop variables of step number `flat` of a nest of loops."""
    found: list[str | int] = []
    for size in reversed(sizes[1:]):
        flat, rest = divide(f, flat, size)
        found.insert(0, rest)
    return [flat, *found] if sizes else []


def divide(f: Function, x: str | int, divisor: int) -> tuple[str | int, str | int]:
    """Quotient and remainder of i64 that are not negative."""
    if isinstance(x, int):
        return divmod(x, divisor)
    if divisor == 1:
        return x, 0
    quotient = f.emit(f"udiv i64 {x}, {divisor}")
    return quotient, f.emit(f"sub nsw i64 {x}, {times(f, quotient, divisor)}")


def times(f: Function, a: str | int, b: int) -> str | int:
    """a·b for i64 a."""
    if isinstance(a, int) or b in (0, 1):
        return int(a) * b if isinstance(a, int) else a if b else 0
    return f.emit(f"mul nsw i64 {a}, {b}")


def load(f: Function, pointer: str, dtype: str, stride: int, lanes: int, active: int | str | None = None) -> Val:
    """Read `lanes` entries, `stride` apart."""
    active = lanes if active is None else active
    if lanes == 1 or stride == 0:
        return splat(f, _from_memory(f, _load_one(f, pointer, dtype), dtype, 1), lanes)
    if stride == 1:
        return _from_memory(f, _load_run(f, pointer, dtype, lanes, active), dtype, lanes)
    assert isinstance(active, int)
    type_ = vector(memory_type(dtype), lanes)
    if stride == -1:
        first = advance(f, pointer, dtype, 1 - active)
        run = _load_run(f, first, dtype, lanes, active)
        reverse_lanes = list(range(active - 1, -1, -1)) + list(range(active, lanes))
        return _from_memory(f, shuffle(f, run, None, type_, reverse_lanes), dtype, lanes)
    if stride in (2, -2) and lanes >= 4 and itemsize(dtype) >= 4:
        return _load_every_second(f, pointer, dtype, stride, lanes, active)
    text = "zeroinitializer"
    for lane in range(active):
        entry = _load_one(f, advance(f, pointer, dtype, lane * stride), dtype)
        text = f.emit(f"insertelement {type_} {text}, {memory_type(dtype)} {entry}, i32 {lane}")
    return _from_memory(f, text, dtype, lanes)


def store(f: Function, value: Val, pointer: str, stride: int, active: int | str | None = None) -> None:
    """Write the active lanes of a vector, `stride` entries apart."""
    dtype, lanes = value.dtype, value.lanes
    active = lanes if active is None else active
    kind = memory_type(dtype)
    text = f.emit(f"zext {value.type} {value.text} to {vector(kind, lanes)}") if dtype == "b1" else value.text
    type_ = vector(kind, lanes)
    if lanes == 1 or (stride == 1 and active == lanes):
        f.do(f"store {type_} {text}, ptr {pointer}, align {itemsize(dtype)}")
        return
    if stride == 1:
        _store_masked(f, text, kind, lanes, pointer, itemsize(dtype), mask(lanes, active))
        return
    assert isinstance(active, int)
    if stride == -1:
        reverse_lanes = list(range(active - 1, -1, -1)) + list(range(active, lanes))
        reverse = Val(shuffle(f, text, None, type_, reverse_lanes), "u1" if dtype == "b1" else dtype, lanes)
        store(f, reverse, advance(f, pointer, dtype, 1 - active), 1, active)
        return
    if stride == 2 and lanes >= 4 and itemsize(dtype) >= 4:
        for half in range(-(-2 * active // lanes)):
            spread = shuffle(f, text, None, type_, [half * lanes // 2 + i // 2 for i in range(lanes)])
            chosen = ", ".join(f"i1 {i % 2 == 0 and half * lanes + i < 2 * active}".lower() for i in range(lanes))
            at = advance(f, pointer, dtype, half * lanes)
            _store_masked(f, spread, kind, lanes, at, itemsize(dtype), f"<{chosen}>")
        return
    for lane in range(active):
        one = f.emit(f"extractelement {type_} {text}, i32 {lane}")
        f.do(f"store {kind} {one}, ptr {advance(f, pointer, dtype, lane * stride)}, align {itemsize(dtype)}")


def _store_masked(f: Function, text: str, kind: str, lanes: int, pointer: str, align: int, chosen: str) -> None:
    """Write the chosen lanes of a run. A single one is written by itself: of a masked store of it, if it was narrowed before,
    LLVM 22 makes a store of the wider number (llvm/llvm-project issue 179489)."""
    if chosen.count("true") == 1:
        lane = ["true" in part for part in chosen.split(",")].index(True)
        one = f.emit(f"extractelement {vector(kind, lanes)} {text}, i32 {lane}")
        at = f.emit(f"getelementptr {kind}, ptr {pointer}, i64 {lane}") if lane else pointer
        f.do(f"store {kind} {one}, ptr {at}, align {align}")
        return
    type_, name = vector(kind, lanes), f"llvm.masked.store.{short(kind, lanes)}.p0"
    f.declare(name, f"declare void @{name}({type_}, ptr, <{lanes} x i1>)")
    f.do(f"call void @{name}({type_} {text}, ptr align {align} {pointer}, <{lanes} x i1> {chosen})")


def gather(f: Function, pointer: str, dtype: str, offsets: Val, active: int | str) -> Val:
    """Read the entries at the int64 offsets from `pointer`."""
    lanes, kind = offsets.lanes, memory_type(dtype)
    at = f"getelementptr {kind}, ptr {pointer}, {offsets.type} {offsets.text}"
    if lanes == 1:
        return _from_memory(f, _load_one(f, f.emit(at), dtype), dtype, 1)
    type_, name = vector(kind, lanes), f"llvm.masked.gather.{short(kind, lanes)}.v{lanes}p0"
    f.declare(name, f"declare {type_} @{name}(<{lanes} x ptr>, <{lanes} x i1>, {type_})")
    places = f"<{lanes} x ptr> align {itemsize(dtype)} {f.emit(at)}"
    text = f.emit(f"call {type_} @{name}({places}, <{lanes} x i1> {mask(lanes, active)}, {type_} zeroinitializer)")
    return _from_memory(f, text, dtype, lanes)


def mask(lanes: int, active: int | str) -> str:
    """The mask of the first `active` lanes."""
    if isinstance(active, str):
        return active
    return "<" + ", ".join("i1 true" if i < active else "i1 false" for i in range(lanes)) + ">"


def short(type_: str, lanes: int) -> str:
    """The name of a type in the name of an LLVM intrinsic.

    >>> short("float", 16), short("i8", 1)
    ('v16f32', 'i8')
    """
    name = {"half": "f16", "float": "f32", "double": "f64"}.get(type_, type_)
    return name if lanes == 1 else f"v{lanes}{name}"


def lanes_for(dtypes: list[str], vector_bits: int, extent: int) -> int:
    """How many lanes a kernel has that computes with these dtypes over a loop of that extent: the narrowest dtype fills a
    register (but 4 bytes at least), and no more lanes than a power of two that covers the loop."""
    widths = [itemsize(d) for d in dtypes if d != "b1"]
    full = vector_bits // 8 // max(4, min(widths, default=4))
    return min(full, 1 << max(0, extent - 1).bit_length())


def _load_one(f: Function, pointer: str, dtype: str) -> str:
    return f.emit(f"load {memory_type(dtype)}, ptr {pointer}, align {itemsize(dtype)}")


def _load_run(f: Function, pointer: str, dtype: str, lanes: int, active: int | str) -> str:
    """Consecutive entries, as they are in memory."""
    kind = memory_type(dtype)
    type_ = vector(kind, lanes)
    if active == lanes:
        return f.emit(f"load {type_}, ptr {pointer}, align {itemsize(dtype)}")
    name = f"llvm.masked.load.{short(kind, lanes)}.p0"
    f.declare(name, f"declare {type_} @{name}(ptr, <{lanes} x i1>, {type_})")
    place = f"ptr align {itemsize(dtype)} {pointer}"
    return f.emit(f"call {type_} @{name}({place}, <{lanes} x i1> {mask(lanes, active)}, {type_} zeroinitializer)")


def _load_every_second(f: Function, pointer: str, dtype: str, stride: int, lanes: int, active: int) -> Val:
    """Stride ±2, from two vectors that together reach no further than the last entry wanted."""
    reach = 2 * active - 1
    first = pointer if stride > 0 else advance(f, pointer, dtype, 1 - reach)
    type_ = vector(memory_type(dtype), lanes)
    low = _load_run(f, first, dtype, lanes, min(lanes, reach))
    high = "zeroinitializer"
    if reach > lanes:
        high = _load_run(f, advance(f, first, dtype, lanes), dtype, lanes, reach - lanes)
    taken = [2 * i for i in range(active)]
    unused = [2 * i + 1 for i in range(active, lanes)]  # in the part that was not read: 0
    text = shuffle(f, low, high, type_, (taken if stride > 0 else taken[::-1]) + unused)
    return _from_memory(f, text, dtype, lanes)


def _from_memory(f: Function, text: str, dtype: str, lanes: int) -> Val:
    if dtype == "b1":
        text = f.emit(f"icmp ne {vector('i8', lanes)} {text}, " + ("zeroinitializer" if lanes > 1 else "0"))
    return Val(text, dtype, lanes)
