"""Functions of the array API standard on random arrays of every dtype, against its reference implementation: values, shapes
(also () and empty ones), dtypes, every spelling of an axis, and that both refuse what has no meaning."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    xp = pytest.importorskip("array_api_strict")

REAL = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"]
NUMBERS = [*REAL, "complex64", "complex128"]
ALL = ["bool", *NUMBERS]


def array(draw: Any, dtypes: list[str], low: int = 0, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """An array of a drawn dtype and shape, with ties, zeros of both signs, NaN and infinities."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    if shape is None:
        shape = draw(st.lists(st.integers(0, 3), min_size=low, max_size=3).map(tuple))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    x = rng.integers(0 if dtype.kind in "ub" else -3, 4, shape)
    if dtype.kind not in "fc":
        return x.astype(dtype)
    special = rng.choice([np.nan, np.inf, -np.inf, -0.0], shape)
    y = np.where(rng.random(shape) < 0.15, special, x + rng.choice([0.0, 0.5], shape)).astype(dtype)
    return (
        y
        if dtype.kind == "f"
        else np.asarray(np.nan_to_num(y.real, posinf=1, neginf=-1) + 1j * rng.integers(-2, 3, shape)).astype(dtype)
    )


def axis(draw: Any, x: np.ndarray, several: bool = True) -> Any:
    """None, an axis counted from either end, or several of them; now and then one that does not exist."""
    if not x.ndim:
        return None
    one = st.integers(-x.ndim - (draw(st.integers(0, 9)) == 0), x.ndim - 1)
    if not several:
        return draw(one)
    return draw(
        st.one_of(st.none(), one, st.lists(one, max_size=x.ndim, unique_by=lambda i: i % max(x.ndim, 1)).map(tuple))
    )


def reduction(dtypes: list[str], *more: str) -> Any:
    def drawn(draw: Any) -> Any:
        x = array(draw, dtypes)
        options: dict[str, Any] = {"axis": axis(draw, x, "one" not in more), "keepdims": draw(st.booleans())}
        if "dtype" in more and x.dtype.kind in "iu" and draw(st.booleans()):
            options["dtype"] = draw(st.sampled_from(["int32", "int64", "float64", str(x.dtype)]))
        if "correction" in more:
            options["correction"] = draw(st.sampled_from([0, 1, 0.5]))
        return (x,), options

    return drawn


def along(dtypes: list[str], *flags: str, **fixed: Any) -> Any:
    def drawn(draw: Any) -> Any:
        x = array(draw, dtypes, 1)
        return (x,), {"axis": axis(draw, x, False), **{flag: draw(st.booleans()) for flag in flags}, **fixed}

    return drawn


def unary(dtypes: list[str]) -> Any:
    return lambda draw: ((array(draw, dtypes),), {})


def binary(dtypes: list[str]) -> Any:
    def drawn(draw: Any) -> Any:
        x = array(draw, dtypes)
        shape = tuple(1 if draw(st.booleans()) else n for n in x.shape[draw(st.integers(0, x.ndim)) :])
        return (x, array(draw, dtypes, shape=shape)), {}

    return drawn


def products(draw: Any) -> Any:
    n, m, k = (draw(st.integers(0, 3)) for _ in range(3))
    lead = draw(st.sampled_from([(), (2,), (2, 1)]))
    dtypes = draw(st.sampled_from([["int64", "int32"], ["uint8", "uint64"], ["float32", "float64"], ["complex64"]]))
    x, y = (np.where(np.isfinite(a), a, 1).astype(a.dtype)
            for a in (array(draw, dtypes, shape=(*lead, n, m)), array(draw, dtypes, shape=(m, k))))  # fmt: skip
    pairs = [(x, y), (x, y[..., :1][:, 0] if k else np.zeros(m, y.dtype)), (np.ones(m, x.dtype), y)]
    return pairs[draw(st.integers(0, 2))], {}


def quotients(draw: Any) -> Any:
    """Without ±∞, where the reference is NumPy: NaN for ∞ // 2 and -1 for -2 // ∞. The standard's ∞ and -0 have rows in
    test_array_api_special_cases.py."""
    args, options = binary(REAL)(draw)
    return tuple(np.where(np.isinf(x), np.ones_like(x), x) for x in args), options


def moved(draw: Any) -> Any:
    x = array(draw, ALL, 1)
    source = draw(st.permutations(range(x.ndim)))[: draw(st.integers(1, x.ndim))]
    return (x, tuple(source), tuple(draw(st.permutations(range(-len(x.shape), 0)))[: len(source)])), {}


def shaped(draw: Any) -> Any:
    x = array(draw, ALL)
    return (x, draw(st.sampled_from([(x.size,), (1, x.size), (-1,), x.shape[::-1], (*x.shape, 1), (x.size + 1,)]))), {}


def rolled(draw: Any) -> Any:
    x = array(draw, ALL)
    where = axis(draw, x)
    shift = draw(st.integers(-4, 4)) if not isinstance(where, tuple) else tuple(range(1, len(where) + 1))
    return (x, shift), {"axis": where}


def taken(draw: Any) -> Any:
    x = array(draw, ALL, 1)
    where = axis(draw, x, False)
    n = x.shape[where] if -x.ndim <= where < x.ndim else 1
    return (
        x,
        np.array([draw(st.integers(0, n - 1)) for _ in range(draw(st.integers(0, 3)))] if n else [], np.int64),
    ), {"axis": where}


def repeated(draw: Any) -> Any:
    x = array(draw, ALL)
    return (x, draw(st.integers(0, 3))), {
        "axis": draw(st.one_of(st.none(), st.integers(-x.ndim, x.ndim - 1))) if x.ndim else None
    }


def square(draw: Any) -> Any:
    return (array(draw, REAL, 2),), {"offset": draw(st.integers(-3, 3))}


def ordered(draw: Any) -> Any:
    return (
        np.sort(array(draw, ["int32", "int64"], shape=(draw(st.integers(0, 5)),))),
        array(draw, ["int32", "int64"]),
    ), {"side": draw(st.sampled_from(["left", "right"]))}


def one(dtypes: list[str], low: int = 0, **options: Any) -> Any:
    """An array, and options that are drawn for it."""

    def drawn(draw: Any) -> Any:
        x = array(draw, dtypes, low)
        return (x,), {name: option(draw, x) for name, option in options.items()}

    return drawn


def joined(draw: Any) -> Any:
    x = array(draw, ALL, 1)
    return ([x, x[::-1]],), {"axis": axis(draw, x, False)}


def dots(draw: Any) -> Any:
    x = array(draw, ["int64", "float32"], 1)
    return (x, x[::-1]), {"axis": draw(st.integers(-2, -1))}


def number(low: int, high: int) -> Any:
    return lambda draw, x: draw(st.integers(low, high))


def flag(draw: Any, x: np.ndarray) -> bool:
    return bool(draw(st.booleans()))


def order(draw: Any, x: np.ndarray) -> float:
    return float(draw(st.sampled_from([0, 1, 2, 3, 0.5, -1, np.inf, -np.inf])))


def single(draw: Any, x: np.ndarray) -> Any:
    return axis(draw, x, False)


FLOATS, WHOLE = ["float32", "float64"], [d for d in ALL if d[0] not in "fc"]
MAKERS: list[tuple[str, Any]] = [
    ("sum prod", reduction(NUMBERS, "dtype")), ("max min", reduction(REAL)), ("mean", reduction(FLOATS)),
    ("std var", reduction(FLOATS, "correction")), ("all any count_nonzero", reduction(ALL)),
    ("argmax argmin", reduction(["int64", "uint8", "float32"], "one")),
    ("cumulative_sum cumulative_prod", along(NUMBERS, "include_initial")),
    ("sort", along([d for d in REAL if d[0] != "f"], "descending")), ("argsort", along(["int64"], "descending", stable=True)),
    ("flip", one(ALL, axis=axis)), ("diff", one(NUMBERS, 1, axis=single, n=number(1, 3))),
    ("expand_dims", one(ALL, axis=number(-3, 2))), ("squeeze", one(ALL, 1, axis=single)), ("moveaxis", moved),
    ("reshape", shaped), ("roll", rolled), ("take", taken), ("repeat", repeated), ("tril triu", one(ALL, 2, k=number(-3, 3))),
    ("tile", lambda draw: ((array(draw, ALL), draw(st.lists(st.integers(0, 2), max_size=3).map(tuple))), {})),
    ("unstack", along(ALL)), ("matmul", products),
    ("tensordot", lambda draw: (products(draw)[0], {"axes": draw(st.integers(0, 2))})),
    ("linalg.trace linalg.diagonal", square), ("searchsorted", ordered), ("matrix_transpose", unary(ALL)), ("vecdot", dots),
    ("linalg.vector_norm", one(FLOATS, axis=axis, keepdims=flag, ord=order)),
    ("add subtract multiply equal not_equal", binary(NUMBERS)),
    ("maximum minimum less greater_equal remainder", binary(REAL)), ("floor_divide", quotients),
    ("divide atan2 hypot copysign logaddexp nextafter pow", binary(FLOATS)),
    ("bitwise_and bitwise_xor bitwise_or", binary(WHOLE)), ("logical_and logical_or logical_xor", binary(["bool"])),
    ("abs negative positive square isnan isinf isfinite", unary(NUMBERS)), ("sign ceil floor trunc round", unary(REAL)),
    ("exp log sqrt sin tanh log1p expm1 reciprocal signbit", unary(FLOATS)),
    ("unique_values unique_counts nonzero", one(WHOLE, 1)), ("zeros_like ones_like", one(ALL)),
    ("isin", lambda draw: ((array(draw, ["int64"]), array(draw, ["int64"])), {})), ("concat stack", joined),
]  # fmt: skip
FUNCTIONS = {name: maker for names, maker in MAKERS for name in names.split()}


def called(namespace: Any, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The result as a list of arrays; None if it is refused."""

    def own(x: Any) -> Any:
        return [own(y) for y in x] if isinstance(x, list) else namespace.asarray(x) if isinstance(x, np.ndarray) else x

    if isinstance(options.get("dtype"), str):
        options = {**options, "dtype": getattr(namespace, options["dtype"])}
    function = namespace
    for part in name.split("."):
        function = getattr(function, part)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = function(*map(own, args), **options)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return [np.asarray(part) for part in (y if isinstance(y, tuple) else (y,))]


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_random_arrays(name: str, data: Any) -> None:
    args, options = FUNCTIONS[name](data.draw)
    ours, theirs = called(mg, name, args, options), called(xp, name, args, options)
    if theirs is None:
        return  # where the standard leaves it open, ours may have a meaning
    assert ours is not None, (args, options)
    assert len(ours) == len(theirs)
    for x, y in zip(ours, theirs, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype), (args, options)
        tolerance = 1e-5 if y.dtype in (np.float32, np.complex64) else 1e-12
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=str((args, options)))


def test_no_differences_are_the_array_but_along_an_axis_that_is_there() -> None:
    """NumPy does not look at the axis then."""
    x = mg.asarray([[1.0, 4.0]])
    assert mg.diff(x, n=0).tolist() == mg.diff(x, axis=0, n=0).tolist() == [[1.0, 4.0]]
    with pytest.raises(IndexError, match="MG133"):
        mg.diff(x, axis=2, n=0)
