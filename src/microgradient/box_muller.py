"""Standard normals from pairs of words (Box and Muller, "A note on the generation of random normal deviates", 1958).

They are made of IEEE additions, multiplications, divisions and square roots only, in a fixed order, without fused
operations or a library's logarithm: the bits are the same on every machine.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .array_world import Array

_LARGE = 1 << 13  # pairs made at once: their scratch arrays fit in the cache


class Format(NamedTuple):
    """A floating format, as Box-Muller takes it apart."""

    real: np.dtype[Any]
    whole: np.dtype[Any]  # of the same width, signed
    word: np.dtype[Any]
    bits: int  # in the whole number
    fraction: int  # of them behind the point
    root_half: int  # the bits of √½, as a whole number
    series: list[Array]  # the coefficients of box_muller, highest power first, each of shape (3, 1)


def _format(bits: int, fraction: int, terms: int) -> Format:
    series = [
        np.array([[2 / (2 * k + 1)], [(-1) ** k / math.factorial(2 * k)], [(-1) ** k / math.factorial(2 * k + 1)]])
        for k in reversed(range(terms))
    ]
    real, whole, word = (np.dtype(f"{kind}{bits // 8}") for kind in ("f", "i", "<u"))
    root_half = int(real.type(math.sqrt(0.5)).view(whole))
    return Format(real, whole, word, bits, fraction, root_half, [c.astype(real) for c in series])


FORMATS = {form.real: form for form in (_format(32, 23, 5), _format(64, 52, 11))}


def box_muller(words: Array, form: Format) -> Array:
    """As many standard normals as there are words, an even number; the pair 2j, 2j+1 comes from the words w, v = 2j, 2j+1."""
    out = np.empty(words.size, form.real)
    for start in range(0, words.size, 2 * _LARGE):
        part = words[start : start + 2 * _LARGE]
        out[start : start + part.size].reshape(-1, 2)[...] = _pairs(part[0::2], part[1::2], form).T
    return out


def _pairs(w: Array, v: Array, form: Format) -> Array:
    """Two rows of standard normals, ±r (cos a + sin a) and ±r (cos a - sin a), with B bits to a word:

    r = √(-ln u), u = (float(w) + ½) 2^-B. float(w) + ½ is 2^e m with √½ <= m < √2, and with s = (m - 1) / (m + 1)
        -ln u = -ln 2 · (e - B) - s · (2 + 2/3 s² + 2/5 s⁴ + …)
    a = float(4v as a signed B-bit number) · π/4 · 2^(1-B), in [-π/4, π/4];
        cos a = 1 - a²/2! + a⁴/4! - …, sin a = a · (1 - a²/3! + a⁴/5! - …)
    The sign of the first is the highest bit of v, that of the second the next. The angle is thus a + π/4 in one of four
    quadrants, and r is √½ of Box and Muller's. Series have 5 terms in float32, 11 in float64, and are summed by Horner's rule.
    """
    u = w.astype(form.real)
    u += 0.5
    bits = u.view(form.whole)
    e = bits - form.root_half
    e >>= form.fraction
    bits -= e << form.fraction  # u is m from here
    s = u - 1.0
    u += 1.0
    s /= u
    a = np.multiply((v << 2).view(form.whole), math.pi / 4 * 2.0 ** (1 - form.bits), dtype=form.real, casting="unsafe")
    x = np.empty((3, w.size), form.real)
    np.multiply(s, s, out=x[0])
    np.multiply(a, a, out=x[1:])
    sums = x * form.series[0]
    sums += form.series[1]
    for coefficients in form.series[2:]:
        sums *= x
        sums += coefficients
    log, cos, sin = sums
    e -= form.bits
    r = np.multiply(e, -math.log(2.0), dtype=form.real, casting="unsafe")
    log *= s
    r -= log
    np.sqrt(r, out=r)
    sin *= a
    z = np.empty((2, w.size), form.real)
    np.add(cos, sin, out=z[0])
    np.subtract(cos, sin, out=z[1])
    z *= r
    signs = v << np.array([[0], [1]], form.word)
    signs &= form.word.type(1 << (form.bits - 1))
    z.view(form.word)[...] ^= signs
    return z
