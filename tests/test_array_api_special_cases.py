"""What the array API standard says of infinities, NaN and signed zeros."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest

import microgradient as mg

inf, nan, pi = math.inf, math.nan, math.pi

ONE: dict[str, list[tuple[float, float]]] = {
    "abs": [(nan, nan), (-0.0, 0.0), (-inf, inf)],
    "acos": [(nan, nan), (1.5, nan), (-1.5, nan), (1.0, 0.0)],
    "acosh": [(nan, nan), (0.5, nan), (1.0, 0.0), (inf, inf)],
    "asin": [(nan, nan), (1.5, nan), (-1.5, nan), (0.0, 0.0), (-0.0, -0.0)],
    "asinh": [(nan, nan), (0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -inf)],
    "atan": [(nan, nan), (0.0, 0.0), (-0.0, -0.0), (inf, pi / 2), (-inf, -pi / 2)],
    "atanh": [(nan, nan), (-1.5, nan), (1.5, nan), (-1.0, -inf), (1.0, inf), (0.0, 0.0), (-0.0, -0.0)],
    "ceil": [(nan, nan), (inf, inf), (-inf, -inf), (0.0, 0.0), (-0.0, -0.0), (-0.5, -0.0), (1.2, 2.0)],
    "cos": [(nan, nan), (0.0, 1.0), (-0.0, 1.0), (inf, nan), (-inf, nan)],
    "cosh": [(nan, nan), (0.0, 1.0), (-0.0, 1.0), (inf, inf), (-inf, inf)],
    "exp": [(nan, nan), (0.0, 1.0), (-0.0, 1.0), (inf, inf), (-inf, 0.0)],
    "expm1": [(nan, nan), (0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -1.0)],
    "floor": [(nan, nan), (inf, inf), (-inf, -inf), (0.0, 0.0), (-0.0, -0.0), (-1.2, -2.0)],
    "log": [(nan, nan), (-1.0, nan), (0.0, -inf), (-0.0, -inf), (1.0, 0.0), (inf, inf)],
    "log1p": [(nan, nan), (-2.0, nan), (-1.0, -inf), (-0.0, -0.0), (0.0, 0.0), (inf, inf)],
    "log2": [(nan, nan), (-1.0, nan), (0.0, -inf), (-0.0, -inf), (1.0, 0.0), (inf, inf)],
    "log10": [(nan, nan), (-1.0, nan), (0.0, -inf), (-0.0, -inf), (1.0, 0.0), (inf, inf)],
    "reciprocal": [(nan, nan), (0.0, inf), (-0.0, -inf), (inf, 0.0), (-inf, -0.0)],
    "round": [(nan, nan), (inf, inf), (-inf, -inf), (0.0, 0.0), (-0.0, -0.0), (0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, -0.0)],
    "sign": [(nan, nan), (-3.0, -1.0), (3.0, 1.0), (0.0, 0.0), (-0.0, 0.0)],
    "sin": [(nan, nan), (0.0, 0.0), (-0.0, -0.0), (inf, nan), (-inf, nan)],
    "sinh": [(nan, nan), (0.0, 0.0), (-0.0, -0.0), (inf, inf), (-inf, -inf)],
    "sqrt": [(nan, nan), (-1.0, nan), (0.0, 0.0), (-0.0, -0.0), (inf, inf)],
    "square": [(nan, nan), (-inf, inf), (-0.0, 0.0)],
    "tan": [(nan, nan), (0.0, 0.0), (-0.0, -0.0), (inf, nan), (-inf, nan)],
    "tanh": [(nan, nan), (0.0, 0.0), (-0.0, -0.0), (inf, 1.0), (-inf, -1.0)],
    "trunc": [(nan, nan), (inf, inf), (-inf, -inf), (0.0, 0.0), (-0.0, -0.0), (1.7, 1.0), (-0.7, -0.0)],
    "erf": [(nan, nan), (0.0, 0.0), (inf, 1.0), (-inf, -1.0)],
    "erfc": [(nan, nan), (0.0, 1.0), (inf, 0.0), (-inf, 2.0)],
    "erfinv": [(nan, nan), (1.0, inf), (-1.0, -inf), (2.0, nan)],
    "sigmoid": [(nan, nan), (inf, 1.0), (-inf, 0.0), (0.0, 0.5)],
    "softplus": [(nan, nan), (inf, inf), (-inf, 0.0)],
    "relu": [(nan, nan), (inf, inf), (-inf, 0.0), (-1.0, 0.0)],
    "lgamma": [(nan, nan), (inf, inf), (1.0, 0.0), (2.0, 0.0), (0.0, inf), (-1.0, inf), (-inf, inf)],
}  # fmt: skip
TESTS: dict[str, list[tuple[float, float]]] = {
    "isfinite": [(nan, False), (inf, False), (-inf, False), (1.0, True)],
    "isinf": [(nan, False), (inf, True), (-inf, True), (1.0, False)],
    "isnan": [(nan, True), (inf, False), (1.0, False)],
    "signbit": [(0.0, False), (-0.0, True), (inf, False), (-inf, True), (1.0, False), (-1.0, True), (-nan, True)],
}  # fmt: skip
TWO: dict[str, list[tuple[float, float, float]]] = {
    "add": [(nan, 1, nan), (inf, -inf, nan), (inf, inf, inf), (inf, 1, inf), (-0.0, -0.0, -0.0), (-0.0, 0.0, 0.0)],
    "atan2": [
        (nan, 1, nan), (1, 0.0, pi / 2), (1, -0.0, pi / 2), (0.0, 1, 0.0), (0.0, 0.0, 0.0), (0.0, -0.0, pi), (0.0, -1, pi),
        (-0.0, 1, -0.0), (-0.0, 0.0, -0.0), (-0.0, -0.0, -pi), (-0.0, -1, -pi), (-1, 0.0, -pi / 2), (1, inf, 0.0),
        (1, -inf, pi), (-1, inf, -0.0), (-1, -inf, -pi), (inf, 1, pi / 2), (-inf, 1, -pi / 2), (inf, inf, pi / 4),
        (inf, -inf, 3 * pi / 4), (-inf, inf, -pi / 4), (-inf, -inf, -3 * pi / 4),
    ],
    "copysign": [(1, -0.0, -1), (1, 0.0, 1), (-1, 2, 1), (nan, -1, nan), (inf, -1, -inf)],
    "divide": [
        (nan, 1, nan), (inf, inf, nan), (0.0, 0.0, nan), (0.0, 1, 0.0), (-0.0, 1, -0.0), (0.0, -1, -0.0), (1, 0.0, inf),
        (1, -0.0, -inf), (-1, 0.0, -inf), (inf, -1, -inf), (1, inf, 0.0), (1, -inf, -0.0), (-1, -inf, 0.0),
    ],
    "floor_divide": [
        (nan, 1, nan), (inf, -inf, nan), (0.0, -0.0, nan), (0.0, 2, 0.0), (-0.0, 2, -0.0), (0.0, -2, -0.0), (2, 0.0, inf),
        (2, -0.0, -inf), (-2, 0.0, -inf), (inf, 2, inf), (inf, -2, -inf), (-inf, 2, -inf), (-inf, -2, inf), (2, inf, 0.0),
        (2, -inf, -0.0), (-2, inf, -0.0), (-2, -inf, 0.0), (7, 2, 3), (-7, 2, -4),
    ],
    "hypot": [(inf, nan, inf), (nan, -inf, inf), (0.0, -3, 3), (nan, 1, nan), (3e38, 4e38, 5e38)],
    "logaddexp": [(nan, 1, nan), (inf, 1, inf), (-inf, -inf, -inf), (-inf, 2, 2)],
    "maximum": [(nan, 1, nan), (1, nan, nan), (inf, 1, inf)],
    "minimum": [(nan, 1, nan), (1, nan, nan), (-inf, 1, -inf)],
    "multiply": [(nan, 1, nan), (inf, 0.0, nan), (inf, -1, -inf), (inf, inf, inf)],
    "nextafter": [(nan, 1, nan), (1, nan, nan), (-0.0, 0.0, 0.0), (0.0, -0.0, -0.0)],
    "pow": [
        (nan, 0.0, 1), (nan, -0.0, 1), (nan, 1, nan), (2, nan, nan), (2, inf, inf), (2, -inf, 0.0), (-1, inf, 1), (1, -inf, 1),
        (0.5, inf, 0.0), (0.5, -inf, inf), (inf, 2, inf), (inf, -2, 0.0), (-inf, 3, -inf), (-inf, 2.5, inf), (-inf, -3, -0.0),
        (-inf, -2, 0.0), (0.0, 2, 0.0), (0.0, -2, inf), (-0.0, 3, -0.0), (-0.0, 2.5, 0.0), (-0.0, -3, -inf), (-0.0, -2, inf),
        (-8, 0.3, nan), (-inf, 0.5, inf), (-0.0, 0.5, 0.0),
    ],
    "remainder": [
        (nan, 1, nan), (inf, 1, nan), (0.0, 0.0, nan), (0.0, 2, 0.0), (-0.0, 2, 0.0), (0.0, -2, -0.0), (-0.0, -2, -0.0),
        (2, 0.0, nan), (2, inf, 2), (2, -inf, -inf), (-2, inf, inf), (-2, -inf, -2), (7, 2, 1), (-7, 2, 1), (7, -2, -1),
    ],
    "subtract": [(inf, inf, nan), (0.0, 0.0, 0.0), (-0.0, 0.0, -0.0)],
}  # fmt: skip
OPERATORS = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv", "floor_divide": "floordiv", "pow": "pow",
             "remainder": "mod"}  # fmt: skip


def same(got: mg.Tensor, expected: Any) -> None:
    """Equal, NaN with NaN and zeros with their sign; other numbers to 15 digits."""
    value = got.item()
    assert math.isnan(value) == math.isnan(expected), value
    if not math.isnan(expected):
        assert value == pytest.approx(expected, rel=1e-15, abs=0)
        assert math.copysign(1, value) == math.copysign(1, expected)


@pytest.mark.parametrize("name", [*ONE, *TESTS])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_argument(name: str, shape: tuple[int, ...]):
    for x, expected in (ONE | TESTS)[name]:
        same(getattr(mg, name)(mg.full(shape, x, dtype=mg.float64)), expected)


@pytest.mark.parametrize("name", TWO)
def test_two_arguments(name: str):
    for a, b, expected in TWO[name]:
        for shape in ((), (1,)):
            x, y = mg.full(shape, a, dtype=mg.float64), mg.full(shape, b, dtype=mg.float64)
            same(getattr(mg, name)(x, y), expected)
            same(getattr(mg, name)(x, b), expected)
            same(getattr(mg, name)(a, y), expected)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_and_operators_in_place(name: str):
    op, iop = getattr(operator, OPERATORS[name]), getattr(operator, f"i{OPERATORS[name]}")
    for a, b, expected in TWO[name]:
        for second in (b, mg.asarray([b], dtype=mg.float64)):
            same(op(mg.asarray([a], dtype=mg.float64), second), expected)
            same(iop(mg.asarray([a], dtype=mg.float64), second), expected)
        same(op(a, mg.asarray([b], dtype=mg.float64)), expected)


@pytest.mark.parametrize(
    ("name", "z", "expected"),
    [
        ("expm1", complex(-0.0, 0), 0j), ("expm1", complex(inf, 0), complex(inf, 0)), ("expm1", complex(-inf, 2), -1 + 0j),
        ("expm1", complex(-inf, nan), -1 + 0j), ("expm1", complex(nan, 0), complex(nan, 0)),
        ("expm1", complex(1, inf), complex(nan, nan)), ("expm1", complex(inf, inf), complex(inf, nan)),
        ("tanh", complex(inf, 2), 1 + 0j), ("tanh", complex(inf, inf), 1 + 0j), ("tanh", complex(nan, 0), complex(nan, 0)),
        ("exp", complex(-inf, inf), 0j), ("exp", complex(nan, 0), complex(nan, 0)), ("sqrt", complex(1, inf), complex(inf, inf)),
        ("log", complex(0, 0), complex(-inf, 0)), ("log", complex(-0.0, 0), complex(-inf, pi)), ("sign", 0j, 0j),
        ("sign", 3 + 4j, 0.6 + 0.8j), ("sin", 0j, 0j), ("cosh", complex(inf, 0), complex(inf, 0)), ("square", 1 + 2j, -3 + 4j),
        ("acos", complex(inf, inf), complex(pi / 4, -inf)), ("atanh", complex(1, 0), complex(inf, 0)),
        ("asinh", complex(1, inf), complex(inf, pi / 2)), ("acosh", complex(0, nan), complex(nan, pi / 2)),
        ("sinh", complex(nan, 0), complex(nan, 0)), ("log1p", complex(-1, 0), complex(-inf, 0)),
    ],
)  # fmt: skip
def test_complex(name: str, z: complex, expected: complex):
    y = getattr(mg, name)(mg.asarray([z], dtype=mg.complex128))
    same(mg.abs(mg.real(y)), abs(expected.real)) if name == "atanh" else same(mg.real(y), expected.real)
    same(mg.abs(mg.imag(y)), abs(expected.imag))


def test_expm1_of_small_complex_numbers_is_exact():
    z = 1e-9 + 2e-9j
    got = mg.expm1(mg.asarray(z, dtype=mg.complex128)).item()
    assert got == pytest.approx(z + z * z / 2, rel=1e-15)


def test_comparisons_with_nan():
    x = mg.asarray([nan, 1.0])
    for name in ("equal", "less", "less_equal", "greater", "greater_equal"):
        assert not getattr(mg, name)(x, nan)[0]
    assert mg.not_equal(x, x).tolist() == [True, False]
    assert mg.equal(mg.asarray(0.0), mg.asarray(-0.0))


def test_reductions():
    x = mg.asarray([1.0, nan, 3.0])
    for name in ("sum", "prod", "mean", "max", "min", "std", "var"):
        assert math.isnan(getattr(mg, name)(x).item())
    empty = mg.zeros((0, 2))
    assert mg.sum(empty).item() == 0
    assert mg.prod(empty, axis=0).tolist() == [1, 1]
    assert mg.all(empty).item()
    assert not mg.any(empty).item()
    assert all(math.isnan(getattr(mg, n)(empty).item()) for n in ("mean", "var", "std"))
    assert math.isnan(mg.var(mg.ones(1), correction=1).item())
    assert math.isnan(mg.var(mg.ones(3), correction=5).item())
    assert math.isnan(mg.mean(mg.asarray([], dtype=mg.complex64)).item().real)
    for name in ("max", "min", "argmax", "argmin"):
        with pytest.raises(ValueError, match="no elements"):
            getattr(mg, name)(empty)
        assert getattr(mg, name)(empty, axis=1).shape == (0,)


def test_clip():
    x = mg.asarray([nan, -inf, inf, 0.5])
    np.testing.assert_array_equal(mg.clip(x, 0, 1), np.asarray([nan, 0, 1, 0.5], np.float32))
    np.testing.assert_array_equal(mg.clip(x, min=0), np.asarray([nan, 0, inf, 0.5], np.float32))
    np.testing.assert_array_equal(mg.clip(x, max=mg.asarray(nan)), np.full(4, nan, np.float32))
    np.testing.assert_array_equal(mg.clip(x), x)
    small = mg.asarray([-5, 5], dtype=mg.int8)
    assert mg.clip(small, -1000, 2).tolist() == [-5, 2]
    assert mg.clip(small, mg.asarray(0, dtype=mg.int64), None).dtype == mg.int8
    assert mg.clip(mg.asarray([200], dtype=mg.uint8), -3, 100).tolist() == [100]
