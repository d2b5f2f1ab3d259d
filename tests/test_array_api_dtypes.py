"""Which dtype a result has: every combination that the standard defines, against its reference implementation."""

from __future__ import annotations

import itertools
import operator
import warnings
from typing import Any

import numpy as np
import pytest

import microgradient as mg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    xp = pytest.importorskip("array_api_strict")

DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64",
          "complex128"]  # fmt: skip
UNARY = """abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf isnan log
log1p log2 log10 logical_not negative positive real reciprocal round sign signbit sin sinh square sqrt tan tanh trunc"""
BINARY = """add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal
floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum minimum multiply
nextafter not_equal pow remainder subtract"""
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
             "%": operator.mod, "**": operator.pow, "&": operator.and_, "|": operator.or_, "^": operator.xor,
             "<<": operator.lshift, ">>": operator.rshift, "==": operator.eq, "!=": operator.ne, "<": operator.lt,
             "<=": operator.le, ">": operator.gt, ">=": operator.ge}  # fmt: skip
REDUCTIONS = "sum prod max min mean std var all any argmax argmin count_nonzero cumulative_sum cumulative_prod"


def defined(function: Any, *args: Any) -> Any:
    """What the reference gives; None where the standard leaves it open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args)
        except (TypeError, OverflowError):
            return None


def array(dtype: str) -> Any:
    return xp.asarray([1, 1], dtype=getattr(xp, dtype))


def tensor(dtype: str) -> mg.Tensor:
    return mg.asarray([1, 1], dtype=getattr(mg, dtype))


def name_of(dtype: Any) -> str:
    return str(dtype).rsplit(".")[-1].rstrip("')>")


def agree(ours: Any, theirs: Any) -> None:
    assert name_of(ours.dtype) == name_of(np.asarray(theirs).dtype)


@pytest.mark.parametrize("name", [*UNARY.split(), *REDUCTIONS.split()])
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_argument(name: str, dtype: str):
    theirs = defined(getattr(xp, name), array(dtype))
    if theirs is not None:
        agree(getattr(mg, name)(tensor(dtype)), theirs)


@pytest.mark.parametrize("name", BINARY.split())
def test_two_arguments(name: str):
    combinations = 0
    for first, second in itertools.product(DTYPES, repeat=2):
        theirs = defined(getattr(xp, name), array(first), array(second))
        if theirs is not None:
            agree(getattr(mg, name)(tensor(first), tensor(second)), theirs)
            combinations += 1
    assert combinations


@pytest.mark.parametrize("name", BINARY.split())
@pytest.mark.parametrize("number", [True, 1, 1.0, 1j])
def test_an_array_with_a_python_number(name: str, number: Any):
    for dtype in DTYPES:
        for swap in (False, True):
            theirs = defined(getattr(xp, name), *((number, array(dtype)) if swap else (array(dtype), number)))
            if theirs is not None:
                ours = getattr(mg, name)(*((number, tensor(dtype)) if swap else (tensor(dtype), number)))
                agree(ours, theirs)


@pytest.mark.parametrize("sign", OPERATORS)
def test_operators(sign: str):
    op = OPERATORS[sign]
    for first, second in itertools.product(DTYPES, repeat=2):
        theirs = defined(op, array(first), array(second))
        if theirs is not None:
            agree(op(tensor(first), tensor(second)), theirs)
    for dtype, number in itertools.product(DTYPES, [True, 1, 1.0, 1j]):
        theirs = defined(op, array(dtype), number)
        if theirs is not None:
            agree(op(tensor(dtype), number), theirs)
        theirs = defined(op, number, array(dtype))
        if theirs is not None:
            agree(op(number, tensor(dtype)), theirs)


INPLACE = {sign: getattr(operator, f"i{op.__name__.strip('_')}", None) for sign, op in OPERATORS.items()}


@pytest.mark.parametrize("sign", [s for s, op in INPLACE.items() if op] + ["@"])
def test_operators_in_place(sign: str):
    op = INPLACE.get(sign) or operator.imatmul
    for first, second in itertools.product(DTYPES, repeat=2):
        shape = (2, 1) if sign == "@" else (2,)
        a, b = (xp.reshape(array(d), s) for d, s in ((first, (1, 2) if sign == "@" else (2,)), (second, shape)))
        if sign == "@":
            a = xp.reshape(a, (2, 1))
            b = b[:1, :]
        theirs = defined(op, a, b)
        if theirs is None:
            continue
        x, y = (mg.asarray(np.asarray(v)) for v in (a, b))
        if sign == "@":
            x = mg.reshape(tensor(first), (2, 1))
        agree(op(x, y), theirs)


def test_result_type():
    for first, second in itertools.product(DTYPES, repeat=2):
        theirs = defined(xp.result_type, getattr(xp, first), array(second))
        if theirs is not None:
            agree(mg.zeros(1, dtype=mg.result_type(getattr(mg, first), tensor(second))), xp.zeros(1, dtype=theirs))
    assert mg.result_type(mg.int8, mg.uint8, 5) == mg.int16
    assert mg.result_type(mg.float32, 1, 2.0) == mg.float32
    assert mg.result_type(mg.float32, 1j) == mg.complex64
    assert mg.result_type(mg.float64, 1j) == mg.complex128
    assert mg.result_type(mg.int32, 1.0) == mg.float32
    assert mg.result_type(mg.int64, mg.float32) == mg.float32
    with pytest.raises(ValueError, match="At least one"):
        mg.result_type()


def test_can_cast_and_isdtype():
    for first, second in itertools.product(DTYPES, repeat=2):
        assert mg.can_cast(getattr(mg, first), getattr(mg, second)) == np.can_cast(first, second)
    assert mg.can_cast(mg.ones(1), mg.float64)
    kinds = ["bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"]
    for dtype, kind in itertools.product(DTYPES, kinds):
        assert mg.isdtype(getattr(mg, dtype), kind) == xp.isdtype(getattr(xp, dtype), kind)
    assert mg.isdtype(mg.int8, (mg.int16, "bool", mg.int8))
    with pytest.raises(ValueError, match="not a kind"):
        mg.isdtype(mg.int8, "integer")
    with pytest.raises(TypeError, match="is not a dtype"):
        mg.isdtype("nonsense", mg.int8)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_finfo(dtype: str):
    info, theirs = mg.finfo(getattr(mg, dtype)), np.finfo(dtype)
    for attribute in ("eps", "max", "min", "smallest_normal"):
        assert type(getattr(info, attribute)) is float
        assert getattr(info, attribute) == float(getattr(theirs, attribute))
    assert info.bits == theirs.bits
    assert info.dtype == theirs.dtype
    assert mg.finfo(mg.ones(1, dtype=getattr(mg, dtype))) == info
    with pytest.raises(TypeError, match="iinfo"):
        mg.finfo(mg.int8)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if "int" in d])
def test_iinfo(dtype: str):
    info, theirs = mg.iinfo(getattr(mg, dtype)), np.iinfo(dtype)
    assert (info.bits, info.max, info.min, info.dtype) == (theirs.bits, theirs.max, theirs.min, theirs.dtype)
    assert mg.iinfo(mg.ones(1, dtype=getattr(mg, dtype))) == info
    with pytest.raises(TypeError, match="integer"):
        mg.iinfo(mg.float32)


def test_what_the_standard_leaves_open_is_as_in_pytorch():
    integers, floats = mg.asarray([1, 2]), mg.asarray([1.0, 2.0])
    assert (integers + floats).dtype == mg.float32
    assert (integers + 0.5).dtype == mg.float32
    assert (integers / 2).dtype == mg.float32
    assert mg.exp(integers).dtype == mg.float32
    assert mg.where(mg.asarray([True, False]), integers, floats).dtype == mg.float32
    assert mg.concat([integers, floats]).dtype == mg.float32
    assert mg.mean(integers).dtype == mg.float32
    assert (mg.asarray([True]) + mg.asarray([1], dtype=mg.int8)).dtype == mg.int8
    assert (np.asarray([1.0]) * floats).dtype == mg.float64
    assert (np.float64(2) * floats).dtype == mg.float32


def test_the_default_float_can_be_changed():
    mg.set_default_dtype(mg.float64)
    try:
        assert mg.zeros(2).dtype == mg.asarray(1.0).dtype == mg.exp(mg.asarray(1)).dtype == mg.float64
        assert mg.asarray(1j).dtype == mg.linspace(0, 1j, 2).dtype == mg.complex128
        assert mg.__array_namespace_info__().default_dtypes()["real floating"] == mg.float64
    finally:
        mg.set_default_dtype(mg.float32)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d[0] not in "c"])
@pytest.mark.parametrize("name", ["sum", "prod", "cumulative_sum", "cumulative_prod", "trace"])
def test_a_reduction_has_the_dtype_that_was_asked_for(name: str, dtype: str) -> None:
    x = mg.asarray(np.array([[1, 2], [3, 1]], np.int16))
    function, wide = getattr(mg.linalg if name == "trace" else mg, name), np.asarray(x).astype(np.float64)
    for axis in (None, 0, (0, 1)) if name in ("sum", "prod") else (1,):
        options: Any = {} if name == "trace" else {"axis": axis}
        wanted = function(mg.asarray(wide if dtype != "bool" else wide != 0), **options).numpy().astype(dtype)

        def f(x: Any, options: Any = options) -> Any:
            return function(x, dtype=getattr(mg, dtype), **options)

        for found in (f(x), mg.compile(f)(x), mg.vmap(f)(mg.stack([x, x]))[1]):
            assert found.dtype == np.dtype(dtype)
            np.testing.assert_array_equal(found.numpy(), wanted)
