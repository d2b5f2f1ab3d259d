"""Machine code of a DrawKernel: random numbers with the very bits that `microgradient.random` draws.

A piece makes whole blocks of Philox4x64-10: first the words of some blocks, lying on the stack, then vectors of numbers from
these. Additions, multiplications, divisions and roots are those of `random`, in its order, and none is fused.
"""

from __future__ import annotations

import math

import numpy as np

from ...box_muller import FORMATS
from ..plan.kernel import DrawKernel
from .ir import Function, Val
from .math.common import at_most
from .registers import Register, literal
from .vectors import advance, counting, load, shuffle, store

CHUNK = 64
"""So many blocks of 32 bytes have their words on the stack at once."""
PIECE = 8
"""So many chunks make a piece."""
MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
KEY_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
ROUNDS = 10


def pieces(spec: DrawKernel) -> int:
    """How many independent pieces the draw is cut into."""
    return -(-spec.blocks // (CHUNK * PIECE))


def write(f: Function, spec: DrawKernel, vector_bits: int) -> None:
    """Write the kernel into `f`."""
    state, out = f.load_argument(0), f.load_argument(1)
    seed, counter = _integer(f, f.word(state, 0)), _integer(f, f.word(state, 1)) + 1
    words = f.alloca("i64", CHUNK * 4)
    total, chunks = spec.blocks, -(-spec.blocks // CHUNK)
    first, last = _integer(f, "%begin") * PIECE, at_most(_integer(f, "%end") * PIECE, chunks)
    with f.loop(first.text, last.text, unroll=False) as chunk:
        start = _integer(f, chunk) * CHUNK
        count = at_most(total - start, CHUNK)
        with f.loop(0, count.text, unroll=False) as block:
            number = counter + start + _integer(f, block)
            for k, word in enumerate(_block(seed, number)):
                at = f.emit(f"getelementptr [4 x i64], ptr {words}, i64 {block}, i64 {k}")
                f.do(f"store i64 {word.text}, ptr {at}, align 8")
        _numbers(f, spec, words, start * spec.per_block, out, vector_bits)


def _integer(f: Function, text: str) -> Register:
    return Register(f, Val(text, "i8", 1))


# ------------------------------------------------------------------------------------------------------------ raw words


def _block(seed: Register, number: Register) -> list[Register]:
    """The four words of Philox4x64-10 at counter (number, 0, 0, 0) with the key (seed, 0)."""
    zero = _integer(seed.f, "0")
    c = [number, zero, zero, zero]
    for turn in range(ROUNDS):
        keys = seed + (turn * KEY_STEPS[0]) % 2**64, zero.like(turn * KEY_STEPS[1])
        high0, low0 = _product(c[0], MULTIPLIERS[0])
        high1, low1 = _product(c[2], MULTIPLIERS[1])
        c = [high1 ^ c[1] ^ keys[0], low1, high0 ^ c[3] ^ keys[1], low0]
    return c


def _product(a: Register, factor: int) -> tuple[Register, Register]:
    """The high and the low half of a 128-bit product."""
    wide = a.f.emit(f"zext i64 {a.text} to i128")
    product = a.f.emit(f"mul i128 {wide}, {factor}")
    high = a.f.emit(f"lshr i128 {product}, 64")
    return a.make(f"trunc i128 {high} to i64"), a.make(f"trunc i128 {product} to i64")


# --------------------------------------------------------------------------------------------------------------- numbers


def _numbers(f: Function, spec: DrawKernel, words: str, start: Register, out: str, vector_bits: int) -> None:
    """The numbers of a chunk, of which the first is number `start` of the draw, stored where they belong."""
    word = "u8" if spec.per_block == 4 else "u4"
    lanes = vector_bits // (64 if word == "u8" else 32)
    step = 2 * lanes if spec.kind == "normal" else lanes
    count = at_most(spec.size - start, CHUNK * spec.per_block)
    with f.loop(0, count.text, step, unroll=False) as i:
        drawn = Register(f, load(f, advance(f, words, word, i), word, 1, step))
        made = {"uniform": _uniform, "normal": _normal, "bernoulli": _bernoulli}[spec.kind](drawn, spec)
        number = start + _integer(f, i)
        place = advance(f, out, made.dtype, number.text)
        active = Register(f, counting(step)) < count - _integer(f, i)
        store(f, made.val, place, 1, active.text)


def _uniform(words: Register, spec: DrawKernel) -> Register:
    """low + (high - low) · the first 24 or 53 bits of a word, less than high."""
    low, high = spec.numbers
    real = np.dtype(spec.dtype).type
    bits = 24 if words.dtype == "u4" else 53
    signed = (words >> (int(words.dtype[1]) * 8 - bits)).reinterpret("i" + words.dtype[1])
    u = signed.to(spec.dtype) * 2.0**-bits
    if (low, high) == (0.0, 1.0):
        return u
    u = u * (high - low) + low
    top = np.nextafter(real(high), real(-np.inf)) if low < high else real(high)
    return (u < float(top)).select(u, float(top))


def _bernoulli(words: Register, spec: DrawKernel) -> Register:
    """1 where the first 24 bits of a word are less than p · 2^24."""
    (p,) = spec.numbers
    return ((words >> 8).reinterpret("i4") < math.ceil(p * 2.0**24)).to(spec.dtype)


def _normal(words: Register, spec: DrawKernel) -> Register:
    """mean + std · normals, two from each pair of words as `box_muller` makes them."""
    mean, std = spec.numbers
    form, f, dtype = FORMATS[np.dtype(spec.dtype)], words.f, spec.dtype
    w, v = (_every_second(words, k) for k in (0, 1))
    u = w.to(dtype) + 0.5
    bits = u.bits()
    e = (bits - form.root_half) >> form.fraction
    m = (bits - (e << form.fraction)).reinterpret(dtype)
    s = (m - 1.0) / (m + 1.0)
    a = (v << 2).reinterpret("i" + dtype[1]).to(dtype) * (math.pi / 4 * 2.0 ** (1 - form.bits))
    log, cos, sin = (_horner(x, [float(c[k, 0]) for c in form.series]) for k, x in enumerate((s * s, a * a, a * a)))
    r = ((e - form.bits).to(dtype) * -math.log(2.0) - log * s).sqrt()
    sine = sin * a
    pair = []
    for k, z in enumerate(((cos + sine) * r, (cos - sine) * r)):
        sign = (v << k) & (1 << (form.bits - 1))
        pair.append((z.bits() ^ sign.reinterpret("i" + dtype[1])).reinterpret(dtype))
    order = [k // 2 + (k % 2) * w.lanes for k in range(words.lanes)]
    z = Register(f, Val(shuffle(f, pair[0].text, pair[1].text, pair[0].type, order), dtype, words.lanes))
    if std != 1.0:
        z = z * std
    return z + mean if mean != 0.0 else z


def _every_second(words: Register, first: int) -> Register:
    lanes = list(range(first, words.lanes, 2))
    return Register(words.f, Val(shuffle(words.f, words.text, None, words.type, lanes), words.dtype, len(lanes)))


def _horner(x: Register, coefficients: list[float]) -> Register:
    """By Horner's rule, the highest power first, not fused."""
    result = Register(x.f, literal(coefficients[0], x.dtype, x.lanes))
    for c in coefficients[1:]:
        result = result * x + c
    return result
