"""Pointwise primitives as machine code: exact ones give NumPy's bits, for every dtype and special value."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from elementwise import Case, code, computed, same

import microgradient as mg
from microgradient.array_world import ARRAY
from microgradient.native.codegen import pointwise
from microgradient.primitives import TABLE

REALS, INTEGERS = pointwise.REALS, pointwise.INTEGERS

ONE = [
    "positive", "negative", "square", "reciprocal", "sqrt", "abs", "sign", "floor", "ceil", "trunc", "round", "relu",
    "isnan", "isinf", "isfinite", "signbit", "logical_not", "bitwise_invert",
]  # fmt: skip
TWO = [
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "maximum", "minimum", "copysign",
    "nextafter", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
    "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift",
]  # fmt: skip
THREE = ["clip", "where"]
ROUNDED = [  # all others that have a lowering, for which polynomials are evaluated: equal but for the last bits
    name for name, row in TABLE.items()
    if row.kind == "pointwise" and name not in (*ONE, *TWO, *THREE) and pointwise.supported(name, ("f4",), "f4")
]  # fmt: skip


def special(dtype):
    """Numbers at which something can go wrong."""
    if dtype == "b1":
        return np.array([False, True])
    if dtype[0] == "f":
        tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
        return np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, tiny, -tiny, 3 * tiny, huge, -huge, np.finfo(dtype).tiny, 0.5,
                         -0.5, 1.5, 2.5, -2.5, 7, -7, 3, -3, 0.1, 2.0**23 + 1, -1e30], dtype)  # fmt: skip
    limits = np.iinfo(dtype)
    return np.array([0, 1, 2, 3, 7, 100, 31, 32, 63, 64, limits.max, limits.max - 1, limits.min]
                    + [-1, -2, -3, -7, -100] * (dtype[0] == "i"), dtype)  # fmt: skip


def grid(arrays):
    """All combinations, as arrays of one length."""
    return tuple(a.ravel() for a in np.meshgrid(*arrays, indexing="ij"))


def expected(name, args, params=None):
    with np.errstate(all="ignore"):
        return getattr(ARRAY, name)(*args, **(params or {}))


def check(cases):
    for case, got in zip(cases, computed(cases), strict=True):
        want = expected(case.name, case.args, case.params)
        if case.name in ("maximum", "minimum", "clip", "relu") and want.dtype.kind == "f":
            got, want = got + 0, want + 0  # of zeros of both signs, NumPy gives the one that its processor prefers
        if not same(got, want):
            wrong = np.flatnonzero(
                ~((got == want) & (np.signbit(got) == np.signbit(want)) if got.dtype.kind == "f" else got == want)
            )
            at = wrong[0]
            arguments = [a[at] if isinstance(a, np.ndarray) else a for a in case.args]
            raise AssertionError(
                f"{case.name} {case.dtype} of {arguments}: {got[at]}, NumPy {want[at]}; lanes {case.lanes}"
            )


def test_the_lists_are_of_primitives_with_a_lowering():
    """One without is a call of NumPy; `added_primitive.py` sees to that."""
    assert {*ONE, *TWO, *THREE, *ROUNDED} <= set(TABLE)
    assert len(ROUNDED) >= 32
    for name in (*ONE, *TWO, *THREE):
        assert any(pointwise.supported(name, (d,), e) for d in ("f4", "i4") for e in ("f4", "i4", "b1"))


@pytest.mark.parametrize("dtype", [*REALS, *INTEGERS, "b1"])
def test_exact_primitives_have_the_bits_of_numpy(dtype):
    cases = []
    values = special(dtype)
    for arity, names in ((1, ONE), (2, TWO), (3, THREE)):
        for name in names:
            args = grid([values] * arity)
            if name == "where":
                args = (args[0] != 0, *args[1:])
            try:
                result = code(expected(name, args))
            except TypeError:  # NumPy doesn't either
                continue
            if pointwise.supported(name, tuple(map(code, args)), result):
                cases += [Case(name, args, result, lanes=lanes) for lanes in (16, 1)]
    check(cases)
    assert len(cases) > 40


@pytest.mark.slow
def test_arguments_of_different_dtypes():
    cases = []
    dtypes = ["f4", "f8", "i8", "i4", "u8", "u1", "b1"]
    for a, b in itertools.permutations(dtypes, 2):
        args = grid([special(a), special(b)])
        for name in (
            "add",
            "divide",
            "maximum",
            "less",
            "greater_equal",
            "equal",
            "not_equal",
            "logical_or",
            "copysign",
        ):
            result = code(expected(name, args))
            if result in ("f4", "f8", "b1", "i8", "i4"):
                cases.append(Case(name, args, result))
    check(cases)


@pytest.mark.parametrize("dtype", [*REALS, "i4", "u1"])
def test_numbers_beside_vectors(dtype):
    values = special(dtype)
    cases = [Case(name, (values, number), code(expected(name, (values, values))))
             for name in ("add", "maximum", "minimum", "floor_divide", "bitwise_left_shift", "remainder")
             for number in (np.dtype(dtype).type(n) for n in (0, 3, 7))
             if name != "bitwise_left_shift" or dtype[0] != "f"]  # fmt: skip
    zero = np.dtype(dtype).type(0)
    cases += [Case("clip", (values, low, high), dtype) for low, high in ((zero, zero + 1), (zero, zero))]
    if dtype[0] == "f":
        cases += [
            Case("clip", (values, *bounds), dtype)
            for bounds in ((-0.0, 0.0), (0.0, np.inf), (np.nan, 1.0), (0.0, np.nan), (-np.nan, 1.0), (0.0, -np.nan))
        ]
        cases += [Case("maximum", (values, number), dtype) for number in (np.nan, -np.nan, np.inf, -0.0)]
        cases += [Case("minimum", (values, number), dtype) for number in (np.nan, -np.nan)]
    check(cases)


def test_conversions():
    cases, wanted = [], []
    for a, b in itertools.product([*REALS, *INTEGERS, "b1"], repeat=2):
        values = special(a)
        if a[0] == "f" and b[0] in "iu":  # others are undefined
            with np.errstate(invalid="ignore"):
                low, high = np.iinfo(b).min, np.iinfo(b).max
                values = np.concatenate([values, np.array([low, 100.99, -0.99, 1e-30], a)])
                values = values[(np.trunc(values) >= low) & (values < float(high))]
        with np.errstate(over="ignore"):
            wanted.append(values.astype(b))
        cases += [Case("astype", (values,), b)]
    for case, got, want in zip(cases, computed(cases), wanted, strict=True):
        assert same(got, want), (case, got, want)


def test_reals_that_no_whole_number_equals_become_some_number():
    values = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30] * 4, "f4")
    first, second = computed([Case("astype", (values,), "i4"), Case("astype", (values,), "i4", lanes=1)])
    assert np.array_equal(first, second)


@pytest.mark.parametrize("dtype", REALS)
def test_constants(dtype):
    numbers = [0.0, -0.0, 1 / 3, np.inf, -np.inf, np.nan, 1e-40, 5e-324, 3.4e38, 1e39, np.float32(0.1), 2**70]
    one = np.ones(4, dtype)
    cases = [Case("multiply", (one, number), dtype) for number in numbers]
    for number, got in zip(numbers, computed(cases), strict=True):
        with np.errstate(over="ignore"):
            assert same(got, np.full(4, np.dtype(dtype).type(number)))


def test_whole_constants():
    for dtype in INTEGERS:
        limits = np.iinfo(dtype)
        numbers = [0, 1, limits.max, limits.min]
        zero = np.zeros(3, dtype)
        for number, got in zip(numbers, computed([Case("add", (zero, n), dtype) for n in numbers]), strict=True):
            assert (got == number).all()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_whole_powers_wrap_as_in_numpy(dtype):
    values = special(dtype)
    check([Case("power", (values,), dtype, {"n": n}) for n in (0, 1, 2, 3, 5, 10)])


def test_what_has_no_native_form():
    assert not pointwise.supported("add", ("f2", "f2"), "f2")
    assert not pointwise.supported("add", ("c8", "c8"), "c8")
    assert not pointwise.supported("pow", ("i8", "i8"), "i8")
    assert not pointwise.supported("sort", ("f4",), "f4")
    assert pointwise.supported("exp", ("i8",), "f8")
    with pytest.raises(NotImplementedError, match="sort"):
        computed([Case("sort", (np.ones(1),), "f8")])


def test_a_constant_nan_keeps_its_sign():
    nan, x = float("nan"), mg.tensor([2.0])
    for f in (
        lambda x: (mg.copysign(x, -nan), mg.copysign(x, nan)),
        lambda x: (mg.copysign(x, -nan), mg.where(x > 0, nan, x)),
    ):
        for eager, compiled in zip(f(x), mg.compile(f)(x), strict=True):
            assert np.signbit(eager.data) == np.signbit(compiled.data)
    assert mg.compile(lambda x: mg.copysign(x, nan))(x).item() == 2.0  # is another kernel than that of -nan
    assert mg.compile(lambda x: mg.copysign(x, -nan))(x).item() == -2.0
