"""The constants of the vector mathematics: minimax polynomials and numbers in parts, by Remez' exchange algorithm.

    python tools/minimax.py            print what src/microgradient/native/codegen/math/tables.py should be
    python tools/minimax.py --check    fail unless it is
    python tools/minimax.py --write    write it

Each polynomial p in t minimises the largest |w(t) · (f(t) - p(t))| over an interval; the weight w makes that the relative error
of the function computed with it. Its coefficients are rounded to the dtype; the error written beside it is that of the rounded
ones. The exchange is that of Remez on a fixed grid: Muller, Elementary Functions, 3rd edition, section 3.5. Needs mpmath.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mpmath
import numpy as np
from mpmath import mpf

TABLES = Path(__file__).parents[1] / "src/microgradient/native/codegen/math/tables.py"
BITS = {"f4": 24, "f8": 53}
PRECISION = 240
"""Bits to compute with: targets are differences that cancel nearly to nothing."""
ONE_BY_ONE = 3
"""So many coefficients are rounded one by one at most."""

Real = Callable[[mpf], mpf]


class Fit(NamedTuple):
    """For one dtype: the interval of the polynomial's variable, and how many coefficients there are."""

    low: Callable[[], mpf] | float
    high: Callable[[], mpf] | float
    terms: int


class Table(NamedTuple):
    """A polynomial in t for `f`, with errors weighted by `weight`. `says` is written beside it."""

    name: str
    says: str
    f: Real
    weight: Real
    fits: dict[str, Fit]


class Parts(NamedTuple):
    """A number as a sum of parts of so many significant bits, each the nearest to what is left."""

    name: str
    says: str
    number: Callable[[], mpf]
    bits: dict[str, tuple[int, ...]]


# ------------------------------------------------------------------------------------------------------------ declarations


def odd(f: Real, lowest: Callable[[mpf], mpf]) -> tuple[Real, Real]:
    """(f(x) - lowest(x)) / x³ in t = x², and the weight by which its error is the relative error of f."""
    return (
        lambda t: (f(mpmath.sqrt(t)) - lowest(mpmath.sqrt(t))) / mpmath.sqrt(t) ** 3,
        lambda t: mpmath.sqrt(t) ** 3 / f(mpmath.sqrt(t)),
    )


def _identity(x: mpf) -> mpf:
    return x


def _half_ln2() -> mpf:
    return mpmath.log(2) / 2


def _log_ratio(s: mpf) -> mpf:
    return mpmath.log((1 + s) / (1 - s))


def _from_quotient(t: mpf) -> mpf:
    """The x with t = (x - 4) / (x + 4)."""
    return 4 * (1 + t) / (1 - t)


def _scaled_erfc(t: mpf) -> mpf:
    x = _from_quotient(t)
    return mpmath.exp(x * x) * (1 + 2 * x) * mpmath.erfc(x)


def _erfinv_at(w: mpf) -> tuple[mpf, mpf]:
    """y = erfinv(x) and y / x for w = -ln(1 - x²)."""
    beyond = mpmath.exp(-w)
    x = mpmath.sqrt(1 - beyond)
    gap = beyond / (1 + x)  # 1 - x, which would cancel
    y = mpmath.sqrt(w) * mpf("0.9")
    step = y
    while abs(step) > mpf(2) ** -(PRECISION // 2):  # Halley's method, which triples the digits
        step = (mpmath.erfc(y) - gap) * mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(y * y)
        y += step / (1 + y * step)
    return y, y / x


DECLARED: list[Table | Parts] = [
    Parts("LN2", "ln 2: products of the first part with exponents are exact", lambda: mpmath.log(2),
          {"f4": (15, 24), "f8": (32, 53)}),
    Parts("PER_LN2", "1 / ln 2", lambda: 1 / mpmath.log(2), {"f8": (53, 53)}),
    Parts("PER_LN10", "1 / ln 10", lambda: 1 / mpmath.log(10), {"f8": (53, 53)}),
    Parts("LOG10_2", "lg 2: likewise", lambda: mpmath.log10(2), {"f8": (32, 53)}),
    Parts("HALF_PI", "π/2", lambda: mpmath.pi / 2, {"f4": (24, 24, 24), "f8": (53, 53, 53)}),
    Table(
        "EXP",
        "(eʳ - 1 - r) / r² for |r| ≤ ½ ln 2; error of eʳ - 1",
        lambda r: (mpmath.expm1(r) - r) / r**2,
        lambda r: r**2 / mpmath.expm1(r),
        {"f4": Fit(lambda: -_half_ln2(), _half_ln2, 5), "f8": Fit(lambda: -_half_ln2(), _half_ln2, 11)},
    ),
    Table(
        "EXP2",
        "(2ʳ - 1) / r for |r| ≤ ½; error of 2ʳ",
        lambda r: mpmath.expm1(r * mpmath.log(2)) / r,
        lambda r: r / 2**r,
        {"f4": Fit(-0.5, 0.5, 6), "f8": Fit(-0.5, 0.5, 12)},
    ),
    Table("TANH", "(tanh x / x - 1) / x² in x² for |x| ≤ 0.7 and 0.55", *odd(mpmath.tanh, _identity),
          {"f4": Fit(0, 0.49, 6), "f8": Fit(0, 0.3025, 11)}),
    Table("SINH", "(sinh x / x - 1) / x² in x² for |x| ≤ 1", *odd(mpmath.sinh, _identity), {"f8": Fit(0, 1, 8)}),
    Table(
        "LOG_F4",
        "(ln(1 + f) - f + f²/2) / f³ for √½ ≤ 1 + f ≤ √2",
        lambda f: (mpmath.log1p(f) - f + f**2 / 2) / f**3,
        lambda f: f**3 / mpmath.log1p(f),
        {"f4": Fit(lambda: mpmath.sqrt(0.5) - 1, lambda: mpmath.sqrt(2) - 1, 8)},
    ),
    Table("LOG_F8", "(ln((1 + s) / (1 - s)) / s - 2) / s² in s² for |s| ≤ 3 - √8", *odd(_log_ratio, lambda s: 2 * s),
          {"f8": Fit(0, lambda: (3 - mpmath.sqrt(8)) ** 2, 7)}),
    Table("SIN", "(sin r / r - 1) / r² in r² for |r| ≤ π/4", *odd(mpmath.sin, _identity),
          {"f4": Fit(0, lambda: (mpmath.pi / 4) ** 2, 4), "f8": Fit(0, lambda: (mpmath.pi / 4) ** 2, 6)}),
    Table(
        "COS",
        "(cos r - 1 + r²/2) / r⁴ in r² for |r| ≤ π/4",
        lambda z: (mpmath.cos(mpmath.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z**2 / mpmath.cos(mpmath.sqrt(z)),
        {"f4": Fit(0, lambda: (mpmath.pi / 4) ** 2, 3), "f8": Fit(0, lambda: (mpmath.pi / 4) ** 2, 6)},
    ),
    Table("ASIN", "(asin x / x - 1) / x² in x² for |x| ≤ ½", *odd(mpmath.asin, _identity), {"f8": Fit(0, 0.25, 13)}),
    Table("ATAN", "(atan x / x - 1) / x² in x² for |x| ≤ √2 - 1", *odd(mpmath.atan, _identity),
          {"f8": Fit(0, lambda: (mpmath.sqrt(2) - 1) ** 2, 11)}),
    Table(
        "ERF",
        "erf x / x - 1 in x² for |x| ≤ 1",
        lambda z: mpmath.erf(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1,
        lambda z: mpmath.sqrt(z) / mpmath.erf(mpmath.sqrt(z)),
        {"f4": Fit(0, 1, 7), "f8": Fit(0, 1, 13)},
    ),
    Table(
        "LOG_ERFC",
        "-ln(erfc x) for 1 ≤ x ≤ 3.95; error of erf x",
        lambda x: -mpmath.log(mpmath.erfc(x)),
        lambda x: mpmath.erfc(x) / mpmath.erf(x),
        {"f4": Fit(1, 3.95, 8)},
    ),
    Table("ERFC", "e^(x²) (1 + 2x) erfc x in (x - 4) / (x + 4) for ½ ≤ x ≤ 28", _scaled_erfc, lambda t: 1 / _scaled_erfc(t),
          {"f8": Fit(lambda: mpf(-7) / 9, 0.75, 22)}),
    Table("ERFINV_CENTRE", "erfinv(x) / x in w - 2.5 for w = -ln(1 - x²) ≤ 5",
          lambda t: _erfinv_at(t + 2.5)[1], lambda t: 1 / _erfinv_at(t + 2.5)[1], {"f8": Fit(-2.5, 2.5, 12)}),
    Table("ERFINV_TAIL", "erfinv(x) in √w - 4 for 5 ≤ w = -ln(1 - x²) ≤ 37",
          lambda t: _erfinv_at((t + 4) ** 2)[0], lambda t: 1 / _erfinv_at((t + 4) ** 2)[0],
          {"f8": Fit(lambda: mpmath.sqrt(5) - 4, lambda: mpmath.sqrt(37) - 4, 12)}),
]  # fmt: skip

# --------------------------------------------------------------------------------------------------------------- the fit


class Grid(NamedTuple):
    """Points of an interval, the function there, and the weights."""

    t: list[mpf]
    f: list[mpf]
    weight: list[mpf]


def grid(table: Table, dtype: str, count: int) -> Grid:
    """Chebyshev's nodes, an even number of them so that none is in the middle."""
    low, high, _ = (end() if callable(end) else mpf(end) for end in table.fits[dtype])
    middle, half = (low + high) / 2, (high - low) / 2
    t = [middle - half * mpmath.cos(mpmath.pi * (2 * k + 1) / (4 * count)) for k in range(2 * count)]
    return Grid(t, [table.f(x) for x in t], [abs(table.weight(x)) for x in t])


def fitted(table: Table, dtype: str) -> tuple[list[float], mpf]:
    """The coefficients, rounded to `dtype`, the lowest first, and the largest weighted error with them.

    The first few are rounded one by one, and those above fitted anew so that they make good what rounding took; the others are
    rounded together. How many are "few" is tried out: where t can be 0 it does not help for long.
    """
    terms = table.fits[dtype].terms
    points, check = grid(table, dtype, 6 * terms), grid(table, dtype, 8 * terms + 3)
    fixed: list[float] = []
    found = []
    for _ in range(min(terms, ONE_BY_ONE) + 1):
        rest = [float(_rounded(c, BITS[dtype])) for c in _minimax(points, terms - len(fixed))]
        found.append(([*fixed, *rest], _error(check, [*fixed, *rest])))
        fixed.append(rest[0])
        left = [(f - rest[0]) / t for t, f in zip(points.t, points.f, strict=True)]
        points = Grid(points.t, left, [w * abs(t) for t, w in zip(points.t, points.weight, strict=True)])
        if len(fixed) == terms:
            break
    return min(found, key=lambda pair: pair[1])


def _error(points: Grid, polynomial: list[float]) -> mpf:
    """The largest weighted error of a polynomial."""
    values = [mpmath.polyval(polynomial[::-1], t) for t in points.t]
    return max(w * abs(f - y) for f, w, y in zip(points.f, points.weight, values, strict=True))


def _minimax(points: Grid, terms: int) -> list[mpf]:
    """The coefficients of the polynomial with the least largest weighted error on the grid."""
    last = len(points.t) - 1
    reference = [k * last // terms for k in range(terms + 1)]
    for _ in range(60):
        polynomial = _levelled(points, reference)
        errors = [f - _newton(polynomial, t) for t, f in zip(points.t, points.f, strict=True)]
        sizes = [w * abs(e) for w, e in zip(points.weight, errors, strict=True)]
        following = _alternating(errors, sizes, terms + 1)
        if following == reference:
            break
        reference = following
    return _expanded(polynomial)


def _levelled(points: Grid, reference: list[int]) -> list[tuple[mpf, mpf]]:
    """The polynomial, in Newton's form, whose weighted errors at the reference are of one size and alternate."""
    t, f, w = ([values[k] for k in reference] for values in points)
    signs = [(-1) ** k / weight for k, weight in enumerate(w)]
    level = _differences(t, f)[-1] / _differences(t, signs)[-1]
    values = [y - level * s for y, s in zip(f, signs, strict=True)]
    return list(zip(t[:-1], _differences(t[:-1], values[:-1]), strict=True))


def _differences(t: list[mpf], values: list[mpf]) -> list[mpf]:
    """Newton's divided differences."""
    found = list(values)
    for k in range(1, len(t)):
        for i in range(len(t) - 1, k - 1, -1):
            found[i] = (found[i] - found[i - 1]) / (t[i] - t[i - k])
    return found


def _newton(polynomial: list[tuple[mpf, mpf]], x: mpf) -> mpf:
    total = mpf(0)
    for t, c in reversed(polynomial):
        total = total * (x - t) + c
    return total


def _expanded(polynomial: list[tuple[mpf, mpf]]) -> list[mpf]:
    """From Newton's form to powers, the lowest first."""
    total: list[mpf] = []
    for t, c in reversed(polynomial):
        total = [a - t * b for a, b in zip([mpf(0), *total], [*total, mpf(0)], strict=True)] if total else total
        total = [(total[0] if total else 0) + c, *total[1:]]
    return total


def _alternating(errors: list[mpf], sizes: list[mpf], count: int) -> list[int]:
    """`count` points at which the error is extreme, with signs that alternate."""
    peaks: list[int] = []
    for k in range(len(errors)):
        if peaks and (errors[peaks[-1]] > 0) == (errors[k] > 0):
            if sizes[k] > sizes[peaks[-1]]:
                peaks[-1] = k
        else:
            peaks.append(k)
    while len(peaks) > count:  # the lowest goes, with the lower neighbour if it is not at an end
        low = min(range(len(peaks)), key=lambda k: sizes[peaks[k]])
        if 0 < low < len(peaks) - 1:
            if len(peaks) == count + 1:
                low = 0 if sizes[peaks[0]] < sizes[peaks[-1]] else len(peaks) - 1
            else:
                del peaks[low]
                low = low if sizes[peaks[low]] < sizes[peaks[low - 1]] else low - 1
        del peaks[low]
    return peaks


def _rounded(x: mpf, bits: int) -> mpf:
    """To so many significant bits."""
    with mpmath.workprec(bits):
        return +x


# ------------------------------------------------------------------------------------------------------------ the file

HEADER = '''"""Coefficients and constants, written by tools/minimax.py, which says what each is: don't edit them here."""

# fmt: off

'''


def text() -> str:
    """What tables.py should be."""
    with mpmath.workprec(PRECISION):
        return HEADER + "".join(map(written, DECLARED))


def written(declared: Table | Parts) -> str:
    """The lines of one table."""
    with mpmath.workprec(PRECISION):
        if isinstance(declared, Parts):
            found, comment = (
                {dtype: _parts(declared.number(), bits) for dtype, bits in declared.bits.items()},
                declared.says,
            )
        else:
            fits = {dtype: fitted(declared, dtype) for dtype in declared.fits}
            found = {dtype: numbers for dtype, (numbers, _) in fits.items()}
            bounds = [f"2^{float(mpmath.log(error, 2)):.1f}" for _, error in fits.values()]
            comment = f"{declared.says}: {', '.join(bounds)}"
    tuples = {dtype: [_literal(c, dtype) for c in numbers] for dtype, numbers in found.items()}
    if len(tuples) == 1:
        (only,) = tuples.values()
        return f"# {comment}\n" + _wrapped(f"{declared.name} = (", only, ")")
    rows = [_wrapped(f'    "{dtype}": (', numbers, "),") for dtype, numbers in tuples.items()]
    return f"# {comment}\n{declared.name} = {{\n{''.join(rows)}}}\n"


def _parts(number: mpf, bits: tuple[int, ...]) -> list[float]:
    found: list[float] = []
    for size in bits:
        found.append(float(_rounded(number - mpmath.fsum(found), size)))
    return found


def _literal(x: float, dtype: str) -> str:
    return str(np.float32(x)) if dtype == "f4" else repr(x)


def _wrapped(start: str, numbers: list[str], end: str) -> str:
    lines, line = [], start
    for k, number in enumerate(numbers):
        part = number + (", " if k < len(numbers) - 1 else end)
        if len(line) + len(part) > 121:
            lines.append(line.rstrip())
            line = " " * len(start)
        line += part
    return "\n".join([*lines, line]) + "\n"


def main(arguments: list[str]) -> int:
    """Print, write or check the tables."""
    if arguments == ["--write"]:
        TABLES.write_text(text(), encoding="utf-8")
    elif arguments == ["--check"]:
        if TABLES.read_text(encoding="utf-8") != text():
            print(f"{TABLES} is not what {Path(__file__).name} makes: run it with --write.", file=sys.stderr)
            return 1
    elif not arguments:
        print(text(), end="")
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
