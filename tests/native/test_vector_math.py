"""Elementary and special functions in machine code: against mpmath in units of the last place, and at their ends."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from elementwise import Case, computed, same

from microgradient.array_world import ARRAY
from microgradient.native.codegen import pointwise
from microgradient.native.codegen.ir import Function, Val, module
from microgradient.native.runtime import engine

EXACT = {
    "exp": mpmath.exp, "exp2": lambda x: mpmath.power(2, x), "expm1": mpmath.expm1, "log": mpmath.log,
    "log2": lambda x: mpmath.log(x, 2), "log10": mpmath.log10, "log1p": mpmath.log1p, "sin": mpmath.sin, "cos": mpmath.cos,
    "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos, "atan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh,
    "tanh": mpmath.tanh, "asinh": mpmath.asinh, "acosh": mpmath.acosh, "atanh": mpmath.atanh, "erf": mpmath.erf,
    "erfc": mpmath.erfc, "erfinv": mpmath.erfinv,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))), "atan2": mpmath.atan2, "pow": mpmath.power, "hypot": mpmath.hypot,
}  # fmt: skip
# where results are neither 0 nor too large: for float32, for float64
DOMAIN = {
    "exp": ((-103, 88.7), (-745, 709.7)), "exp2": ((-149, 127.9), (-1074, 1023.9)), "expm1": ((-200, 88.7), (-900, 709.7)),
    "sinh": ((-89, 89), (-710, 710)), "cosh": ((-89, 89), (-710, 710)), "sigmoid": ((-103, 200), (-744, 900)),
    "softplus": ((-103, 200), (-744, 900)), "erfc": ((-10, 10), (-10, 27.2)), "log": ((0, 3e38), (0, 1e308)),
    "log2": ((0, 3e38), (0, 1e308)), "log10": ((0, 3e38), (0, 1e308)), "log1p": ((-1, 3e38), (-1, 1e308)), "asin": ((-1, 1),) * 2,
    "acos": ((-1, 1),) * 2, "atanh": ((-1, 1),) * 2, "acosh": ((1, 3e38), (1, 1e308)), "lgamma": ((1e-30, 150), (1e-300, 150)),
    "tanh": ((-50, 50),) * 2, "erf": ((-50, 50),) * 2, "erfinv": ((-1, 1),) * 2,
}  # fmt: skip
ANY = ((-3e38, 3e38), (-1e308, 1e308))


def samples(name, dtype, count, seed=0):
    """Numbers of the domain of a function: many magnitudes, denormals, near ±1, near multiples of π/2."""
    rng = np.random.default_rng(seed)
    low, high = DOMAIN.get(name, ANY)[dtype == "f8"]
    smallest, largest = (-149, 128) if dtype == "f4" else (-1074, 1024)
    far = 1e6 if max(-low, high) > 1e6 else max(-low, high)
    x = np.concatenate([
        rng.uniform(max(low, -far), min(high, far), count),
        rng.uniform(-2, 2, count),
        np.ldexp(rng.uniform(1, 2, count), rng.integers(smallest, largest - 1, count)) * rng.choice([-1, 1], count),
        np.ldexp(rng.uniform(1, 2, count), rng.integers(-30, 8, count)) * rng.choice([-1, 1], count),
        1 + np.ldexp(rng.uniform(-1, 1, count // 2), rng.integers(-40, 0, count // 2)),
        rng.integers(-(10**5), 10**5, count // 2) * (np.pi / 2),
    ]).astype(dtype)  # fmt: skip
    return x[(x > low) & (x < high)]


def ulps(got, args, exact):
    """The largest distance from the exact results, in units of their last place, and where it is."""
    smallest, digits = (-149, 24) if got.dtype == np.float32 else (-1074, 53)
    worst, where = 0.0, None
    with mpmath.workprec(180):
        for *x, y in zip(*(a.tolist() for a in args), got.tolist(), strict=True):
            true = exact(*map(mpmath.mpf, x))
            if mpmath.frexp(true)[1] > (128 if digits == 24 else 1024):
                assert np.isinf(y), (x, y, true)
                continue
            unit = mpmath.ldexp(1, max(mpmath.frexp(true)[1] - digits, smallest) if true else smallest)
            error = float(abs(y - true) / unit)
            assert np.isfinite(error), (x, y, true)
            if error > worst:
                worst, where = error, (x, y)
    return worst, where


ONE = [name for name in EXACT if name not in ("atan2", "pow", "hypot")]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_functions_are_within_two_units_of_the_last_place(dtype):
    args = [(samples(name, dtype, 60 if name in ("lgamma", "erfc") else 150),) for name in ONE]
    results = computed([Case(name, x, dtype) for name, x in zip(ONE, args, strict=True)])
    errors = {name: ulps(got, x, EXACT[name]) for name, x, got in zip(ONE, args, results, strict=True)}
    bounds = {"lgamma": 4}  # the C library's
    assert not {name: e for name, e in errors.items() if e[0] > bounds.get(name, 2)}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_functions_of_two_arguments(dtype):
    rng = np.random.default_rng(1)
    x, y = samples("atan2", dtype, 150, 2), samples("atan2", dtype, 150, 3)
    rng.shuffle(y)
    n = min(len(x), len(y))
    x, y = x[:n], y[:n]
    top = 120 if dtype == "f4" else 1000
    base = np.ldexp(rng.uniform(1, 2, n), rng.integers(-30, 30, n)).astype(dtype)
    exponent = (rng.uniform(-1, 1, n) * top / np.maximum(1, abs(np.log2(base)))).astype(dtype)
    near = (x * rng.uniform(0.1, 1, n)).astype(dtype)
    cases = [
        ("atan2", (x, y)),
        ("atan2", (x, near)),
        ("hypot", (x, y)),
        ("hypot", (x, near)),
        ("pow", (base, exponent)),
    ]
    for (name, args), got in zip(cases, computed([Case(name, args, dtype) for name, args in cases]), strict=True):
        worst, where = ulps(got, args, EXACT[name])
        assert worst <= 2, (name, worst, where)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_polygamma(dtype):
    """In units of the last place of the result or, near zeros left of 0, of what it is there a difference of."""
    rng = np.random.default_rng(5)
    x = np.concatenate(
        [rng.uniform(-9, 40, 150), np.ldexp(rng.uniform(1, 2, 60), rng.integers(-15, 10, 60)), [1.4616321449]]
    )
    x = x.astype(dtype)
    orders = [0, 1, 2, 3, 6, 10]
    names = [("digamma", {}), *(("polygamma", {"n": n}) for n in orders[1:])]
    for n, got in zip(orders, computed([Case(name, (x,), dtype, params) for name, params in names]), strict=True):
        for a, y in zip(x.tolist(), got.tolist(), strict=True):
            true = mpmath.polygamma(n, a)
            if abs(true) > np.finfo(dtype).max:
                assert y == np.sign(y) * np.inf == float(mpmath.sign(true)) * np.inf
                continue
            size = max(abs(true), 1 if a > 0 or not n else abs(mpmath.polygamma(n, 1 - a) - (-1) ** n * true))
            assert abs(y - true) <= 20 * np.finfo(dtype).eps * size, (n, a, y, true)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_ends_and_poles_of_polygamma_are_those_of_scipy(n, dtype):
    ends = np.array([0, -0.0, -1, -2, -33, -800, np.inf, -np.inf, np.nan], dtype)
    case = Case("polygamma", (ends,), dtype, {"n": n}) if n else Case("digamma", (ends,), dtype)
    with np.errstate(all="ignore"):
        assert same(computed([case])[0], getattr(ARRAY, case.name)(ends, **case.params).astype(dtype))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_powers_by_a_number(dtype):
    numbers = [0.5, -0.5, 1.5, -1.5, 2, 3, 4, -1, -2, -3, 2.5, -2.5, 7, 10, 0.3, -7.5, 33]
    rng = np.random.default_rng(4)
    limit = 120 if dtype == "f4" else 1000
    args = []
    for n in numbers:
        most = int(limit / max(abs(n), 1))
        args.append(np.ldexp(rng.uniform(1, 2, 200), rng.integers(-most, most, 200)).astype(dtype))
    results = computed([Case("power", (x,), dtype, {"n": n}) for x, n in zip(args, numbers, strict=True)])
    for n, x, got in zip(numbers, args, results, strict=True):
        exponent = mpmath.mpf(float(np.dtype(dtype).type(n)))  # rounded, as NumPy does it
        worst, where = ulps(got, (x,), lambda a, n=exponent: mpmath.power(a, n))
        assert worst <= 2, (n, worst, where)


ENDS = [
    0,
    -0.0,
    1,
    -1,
    np.inf,
    -np.inf,
    np.nan,
    2,
    -2,
    0.5,
    -0.5,
    3,
    -3,
    1e-45,
    -1e-45,
    1e-39,
    200,
    -200,
    3e38,
    -3e38,
    800,
    -800,
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("lanes", [1, 16])
def test_zeros_infinities_and_nan_are_those_of_numpy(dtype, lanes):
    with np.errstate(all="ignore"):
        ends = np.array(ENDS, dtype)
        x, y = (a.ravel() for a in np.meshgrid(ends, ends))
        cases = [Case(name, (ends,), dtype, lanes=lanes) for name in ONE]
        cases += [Case(name, (x, y), dtype, lanes=lanes) for name in ("atan2", "hypot", "pow", "logaddexp")]
        cases += [Case("power", (ends,), dtype, {"n": n}, lanes)
                  for n in (0, 1, 2, 3, -1, -2, -3, 0.5, -0.5, 1.5, -1.5, 2.5, 0.3)]  # fmt: skip
        for case, got in zip(cases, computed(cases), strict=True):
            want = getattr(ARRAY, case.name)(*case.args, **case.params).astype(dtype)
            ordinary = np.isfinite(want) & (want != 0) & np.isfinite(got) & (got != 0)
            assert same(np.where(ordinary, 0, got).astype(dtype), np.where(ordinary, 0, want).astype(dtype)), case
            distance = abs(got[ordinary] - want[ordinary]) / np.spacing(abs(want[ordinary]))
            assert np.all(distance <= 5), (case, distance.max())


def test_lanes_and_widths_give_the_same_bits():
    for dtype in ("f4", "f8"):
        with np.errstate(over="ignore"):
            x = np.concatenate(
                [*(samples(name, dtype, 20, 7) for name in ("sin", "exp", "asin")), np.array(ENDS, dtype)]
            )
        wanted = computed([Case(name, (x,), dtype) for name in ONE])
        for lanes in (8, 2, 1):
            for name, want, got in zip(
                ONE, wanted, computed([Case(n, (x,), dtype, lanes=lanes) for n in ONE]), strict=True
            ):
                assert same(want, got), (name, lanes)
        for target in engine.targets():
            with engine.forced(target):
                for name, want, got in zip(
                    ONE, wanted, computed([Case(n, (x,), dtype, lanes=4) for n in ONE]), strict=True
                ):
                    assert same(want, got), (name, target)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", [*EXACT, "digamma", "polygamma"])
def test_a_long_function_is_written_once_into_a_module(name, dtype):
    """Twenty in a kernel would take LLVM many times as long as twenty calls of one."""
    f = Function("f")
    value, params = Val("%x", dtype, 8), {"n": 3} if name == "polygamma" else {}
    for _ in range(20):
        args = [value] * (2 if name in ("atan2", "pow", "hypot") else 1)
        value = pointwise.emit(f, name, args, dtype, params)
    assert len(f.lines) <= 20 * 100
    texts = [text.split("(")[0] for text in module([f]).split("define ")[1:]]
    assert len(texts) == len(set(texts)) <= 3
