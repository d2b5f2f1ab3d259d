"""Every primitive of the rulebook as machine code gives what the interpreter gives: dtypes, sizes, ways to lie in memory."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import numpy as np
import pytest
from compare import both, outcomes
from elementwise import same
from test_pointwise import ONE, ROUNDED, THREE, TWO, grid, special

import microgradient as mg
from domains import CASES, COMPLEX, INTERNAL, SPECIAL
from microgradient import rules_linalg  # noqa: F401
from microgradient.native.runtime import engine
from microgradient.native.runtime.executable import Executable
from microgradient.primitives import TABLE
from microgradient.rules import INDEX
from programs import Book, Recorded

RNG = np.random.default_rng(5)
EXACT = [*ONE, *TWO, *THREE]
PARAMS: dict[str, dict[str, Any]] = {"power": {"n": 2.5}, "polygamma": {"n": 1}}
LINEAR_ALGEBRA = ["norm", "solve", "inv", "pinv", "det", "cofactor", "slogdet", "cholesky", "eigh", "eig", "svd", "qr", "lu",
                  "matrix_exp", "solve_triangular"]  # fmt: skip
SIZES = [1, 2, 3, 17, 31, 33, 1000]
LAYOUTS = ["plain", "turned", "sliced", "flipped", "repeated"]


def test_every_primitive_is_here() -> None:
    tested = {*EXACT, *ROUNDED, *CASES, *COMPLEX, *SPECIAL, *LINEAR_ALGEBRA, *INTERNAL}
    assert tested == set(TABLE)


# ---------------------------------------------------------------------------------------------------- what the tests share


def check(book: Book, named: dict[str, Recorded], tolerances: dict[str, float] | None = None) -> None:
    """Machine code gives the interpreter's bits, or numbers as near to it as the tolerance of an output says."""
    program = book.program(*named.values())
    pairs = both(program, [x.array for x in book.inputs])
    for name, (got, want) in zip(named, pairs, strict=True):
        tolerance = (tolerances or {}).get(name, 0.0)
        if not tolerance:
            assert same(got, want), f"{name}: {got.ravel()[:9]} instead of {want.ravel()[:9]}"
            continue
        scale = np.abs(want[np.isfinite(want)]).max(initial=0) if want.dtype.kind == "f" else 0
        absolute = tolerance * scale if name not in ROUNDED else 4 * float(np.finfo(got.dtype).smallest_subnormal)
        absolute = max(absolute, tolerance if name.startswith(("lgamma", "digamma")) else 0)
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=absolute, err_msg=name)


def laid_out(book: Book, array: Any, layout: str) -> Recorded:
    """The array as an input of the program, and a view of it that has the same numbers but lies otherwise in memory."""
    array = np.asarray(array)
    n = array.ndim
    if layout == "turned" and n > 1:
        axes = (*range(1, n), 0)
        back = (n - 1, *range(n - 1))
        return book.permute_dims(book.input(np.ascontiguousarray(array.transpose(axes))), axes=back)
    if layout == "sliced" and n:
        wide = np.repeat(np.repeat(array, 2, axis=n - 1), 2 if n > 1 else 1, axis=0)
        key = (slice(None, None, 2),) if n > 1 else ()
        return book.index(book.input(wide), key=(*key, Ellipsis, slice(1, None, 2)))
    if layout == "flipped" and n:
        axes = (n - 1,) if n < 3 else (0, n - 1)
        return book.flip(book.input(np.ascontiguousarray(np.flip(array, axes))), axis=axes)
    if layout == "repeated" and array.shape and array.shape[0] > 1 and array.dtype.kind == "f":
        return book.broadcast_to(book.input(np.ascontiguousarray(array[:1])), shape=array.shape)
    return book.input(array)


def pointwise(book: Book, args: list[Recorded], names: list[str]) -> dict[str, Recorded]:
    """Those of the pointwise primitives that NumPy has for these arguments."""
    found = {}
    for name in names:
        count = 1 if name in ONE or name in PARAMS else 3 if name in THREE else len(TABLE[name].maps)
        if name in ("lgamma", "digamma", "erfinv", "polygamma") and args[0].dtype.kind != "f":
            continue
        given = args[:count] if name != "where" else [book.greater(args[2], args[1]), *args[:2]]
        try:
            found[name] = getattr(book, name)(*given, **PARAMS.get(name, {}))
        except TypeError:  # no such loop in NumPy: bits of floats
            continue
    return found


# ------------------------------------------------------------------------------------------------------ pointwise primitives


def specials(dtype: str, count: int) -> tuple[Any, ...]:
    values = special(dtype)
    if count == 3:
        values = values[[0, 1, 2, 4, 5, 6, 7, 10, 14, -1]] if dtype[0] == "f" else values[:9]
    return grid((values,) * count)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "u1", "i4", "i8", "u8", "b1"])
def test_exact_operations_have_the_bits_of_numpy_at_every_special_value(dtype: str) -> None:
    b = Book()
    x, y, z = (b.input(a) for a in specials(dtype, 3))
    found = pointwise(b, [x, y, z], EXACT)
    assert len(found) > 30 if dtype == "b1" else len(found) > 35
    check(b, found)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_functions_at_special_values(dtype: str) -> None:
    b = Book()
    x, y = (b.input(a) for a in specials(dtype, 2))
    found = pointwise(b, [x, y, y], ROUNDED)
    assert len(found) == len(ROUNDED)
    del found["lgamma"]  # SciPy says ∞ for denormals; test_vector_math asks mpmath
    check(b, found, dict.fromkeys(ROUNDED, 16 * float(np.finfo(dtype).eps)))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_pointwise_primitives_of_broadcast_views(dtype: str, layout: str) -> None:
    b = Book()
    x = laid_out(b, RNG.uniform(0.2, 0.9, (5, 3, 17)).astype(dtype), layout)
    y = laid_out(b, RNG.uniform(0.2, 0.9, (3, 1)).astype(dtype), layout)
    z = laid_out(b, RNG.uniform(0.2, 0.9, (17,)).astype(dtype), layout)
    check(b, pointwise(b, [x, y, z], [*EXACT, *ROUNDED]), dict.fromkeys(ROUNDED, 16 * float(np.finfo(dtype).eps)))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_pointwise_primitives_of_every_size(dtype: str) -> None:
    """All of these programs have the same kernels: a flat one does not know its size."""
    for shape in [*((n,) for n in SIZES), (), (0,), (3, 0)]:
        b = Book()
        args = [b.input(np.asarray(RNG.uniform(1, 2, shape), dtype)) for _ in range(3)]
        names = ["add", "divide", "relu", "exp", "sin", "where", "clip", "less", "erfinv", "sqrt", "isnan", "pow"]
        found = pointwise(b, args, names)
        check(b, found, dict.fromkeys(ROUNDED, 16 * float(np.finfo(dtype).eps)))


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(["f4", "f8", "i4", "i8", "u1", "b1"], 2)])
def test_mixed_dtypes(first: str, second: str) -> None:
    b = Book()
    x, y = b.input(RNG.integers(0, 2, 33).astype(first)), b.input(RNG.integers(0, 2, 33).astype(second))
    names = ["add", "multiply", "maximum", "less", "equal", "where", "divide", "logical_and", "hypot", "bitwise_or"]
    found = pointwise(b, [x, y, x], names)
    found |= {f"to {code}": b.astype(x, dtype=np.dtype(code)) for code in ("f4", "f8", "i2", "i8", "u1", "b1")}
    numbers = {"float": 2.5, "int": 3, "bool": True}
    for name, n in numbers.items():
        found |= {f"add {name}": b.add(x, n), f"equal {name}": b.equal(n, x), f"times {name}": b.multiply(y, n)}
    check(b, found, {"divide": 1e-6, "hypot": 1e-6})


def test_a_single_last_entry_that_is_narrowed_is_written_alone() -> None:
    """LLVM 22 wrote four bytes for a bool, and eight for an int32 that was an int64."""
    for dtype in ("f4", "f8", "i8", "i4"):
        b = Book()
        x = b.add(b.input(np.asarray(RNG.integers(-4, 9, (5, 3, 17)), dtype)), b.input(np.ones((3, 1), dtype)))
        found = {code: b.astype(x, dtype=np.dtype(code)) for code in ("i1", "i2", "i4", "i8", "f4")}
        check(b, {**found, "less": b.less(x, 1), "signbit": b.signbit(x)} if dtype[0] == "f" else found)


# ---------------------------------------------------------------------------------------------------------- other primitives


def numbers(*shape: int, dtype: str = "f8") -> Any:
    """Multiples of 1/4: their sums and products are exact."""
    return (RNG.integers(-8, 9, shape) / 4).astype(dtype)


def reductions(b: Book, dtype: str, layout: str) -> dict[str, Recorded]:
    found: dict[str, Recorded] = {}
    for shape in [(1,), (2,), (1000,), (3, 17), (31, 33), (1, 1), (2, 7, 13), (4, 1, 5, 3)]:
        x = laid_out(b, numbers(*shape, dtype=dtype), layout)
        ones = laid_out(b, RNG.choice(np.array([-1, 1, 2, 0.5], dtype), shape), layout)
        few = [a for r in range(len(shape) + 1) for a in itertools.combinations(range(len(shape)), r)]
        for k, axis in enumerate(few[-5:]):
            options = {"axis": axis, "keepdims": bool(k % 2)}
            for name in ("sum", "max", "min"):
                found[f"{name} {shape} {axis}"] = getattr(b, name)(x, **options)
            found[f"prod {shape} {axis}"] = b.prod(ones, **options)
            found[f"norm {shape} {axis}"] = b.norm(x, **options)
    for shape, axis in [((0,), (0,)), ((3, 0), (1,)), ((0, 3), (0,)), ((0, 3), (1,))]:
        x = laid_out(b, numbers(*shape, dtype=dtype), layout)
        found[f"sum {shape} {axis}"] = b.sum(x, axis=axis, keepdims=True)
        found[f"prod {shape} {axis}"] = b.prod(x, axis=axis, keepdims=False)
    found["0-d"] = b.sum(b.input(numbers(dtype=dtype)), axis=(), keepdims=False)
    return found


of_layouts = pytest.mark.parametrize(
    ("layout", "dtype"),
    [
        ("plain", "f8"),
        *((x, "f4") for x in LAYOUTS),
        *(pytest.param(x, "f8", marks=pytest.mark.slow) for x in LAYOUTS[1:]),
    ],
)


@of_layouts
def test_reductions(dtype: str, layout: str) -> None:
    b = Book()
    found = reductions(b, dtype, layout)
    check(b, found, {name: 1e-6 if dtype == "f4" else 1e-14 for name in found if name.startswith(("norm", "prod"))})


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "i8", "b1"])
def test_reductions_of_integers(dtype: str) -> None:
    b = Book()
    x = b.input(RNG.integers(0, 2, (17, 5)).astype(dtype))
    y = b.input(RNG.integers(0, 100, (3, 33)).astype(dtype))
    found = {f"{name} {k}": getattr(b, name)(v, axis=axis, keepdims=False) for name in ("sum", "prod", "max", "min")
             for k, v in enumerate([x, y]) for axis in [(0,), (1,), (0, 1)]}  # fmt: skip
    check(b, found)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_reductions_of_special_values(dtype: str) -> None:
    """NaN spreads, infinities add up, the sum of nothing but −0 is −0 or 0, and a maximum of zeros is one of them."""
    b = Book()
    rows = [[1, np.nan, 2], [np.inf, 1, 2], [np.inf, -np.inf, 0], [-np.inf, -1, -2], [-0.0, -0.0, -0.0], [1e-45, 0, 0]]
    x = b.input(np.array(rows, dtype).repeat(6, axis=1))
    found = {f"{name} {axis}": getattr(b, name)(x, axis=(axis,), keepdims=False) for name in ("sum", "max", "min")
             for axis in (0, 1)}  # fmt: skip
    program = b.program(*found.values())
    for got, want in both(program, [x.array]):
        np.testing.assert_array_equal(got, want)


@of_layouts
def test_the_rulebooks_own_cases(dtype: str, layout: str) -> None:
    b = Book()
    found = {}
    for name, cases in CASES.items():
        for k, (args, rest, params) in enumerate(cases):
            given = [laid_out(b, np.asarray(a, dtype), layout) for a in args]
            found[f"{name} {k}"] = getattr(b, name)(*given, *(b.input(r) for r in rest), **params)
    check(b, found, dict.fromkeys(found, 1e-5 if dtype == "f4" else 1e-13))


VIEWS: dict[str, Any] = {
    "reshape": lambda b, x: b.reshape(x, shape=(-1,)), "permute_dims": lambda b, x: b.permute_dims(x, axes=(1, 0)),
    "flip": lambda b, x: b.flip(x, axis=(0, 1)), "roll": lambda b, x: b.roll(x, shift=(1, 3), axis=(0, 1)),
    "broadcast_to": lambda b, x: b.broadcast_to(x, shape=(2, *x.shape)),
    "pad": lambda b, x: b.pad(x, widths=((1, 0), (2, 3))), "concat": lambda b, x: b.concat(x, b.negative(x), x, axis=1),
    "tril": lambda b, x: b.tril(x, k=0), "triu": lambda b, x: b.triu(x, k=1),
    "cumulative_sum": lambda b, x: b.cumulative_sum(x, axis=1),
    "slice": lambda b, x: b.index(x, key=(slice(None, None, -2), None, slice(0, None, 3))),
    "take": lambda b, x: b.index(x, b.input(RNG.integers(-x.shape[0], x.shape[0], 7)), key=(INDEX,)),
    "take_along_axis": lambda b, x: b.take_along_axis(x, b.input(RNG.integers(0, x.shape[1], (x.shape[0], 3))), axis=1),
    "scatter_along_axis": lambda b, x: b.scatter_along_axis(x, b.input(RNG.integers(0, 5, x.shape)), axis=0,
                                                            shape=(5, x.shape[1])),
    "index_add": lambda b, x: b.index_add(x, b.input(RNG.integers(0, 4, x.shape[0])), key=(INDEX,), shape=(4, x.shape[1])),
    "index_set": lambda b, x: b.index_set(x, b.index(x, key=(-1,)), key=(0,)),
    "index_set by arrays": lambda b, x: b.index_set(
        x, b.index(x, key=(slice(0, 1), slice(0, 1))), b.input(RNG.integers(-x.shape[0], x.shape[0], (3, 1))),
        b.input(RNG.integers(0, x.shape[1], 2)), key=(INDEX, INDEX)),
    "index_set backwards": lambda b, x: b.index_set(x, b.index(x, key=(0,)), key=(slice(None, None, -2),)),
    "cumulative_prod": lambda b, x: b.cumulative_prod(x, axis=0), "recurrence": lambda b, x: b.recurrence(x, x, axis=1),
    "windows": lambda b, x: b.windows(x, window=(1,), stride=(2,), dilation=(1,)),
    "matmul": lambda b, x: b.matmul(x, b.permute_dims(x, axes=(1, 0))),
    "einsum": lambda b, x: b.einsum(x, x, spec="ij,ij->i"), "outer": lambda b, x: b.einsum(x, x, spec="ij,kj->jki"),
    "vector": lambda b, x: b.matmul(x, b.index(x, key=(0,))),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f4", pytest.param("f8", marks=pytest.mark.slow)])
def test_odd_sizes(dtype: str, layout: str) -> None:
    b = Book()
    found = {}
    for shape in [(1, 1), (2, 3), (17, 31), (33, 2), (1, 37), (2, 1000)]:
        x = laid_out(b, numbers(*shape, dtype=dtype), layout)
        found |= {f"{name} {shape}": f(b, x) for name, f in VIEWS.items()}
    check(b, found)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_products_of_odd_sizes(dtype: str) -> None:
    b = Book()
    found = {}
    for n, m, k in [(1, 1, 1), (1, 17, 3), (31, 1, 2), (33, 17, 31), (2, 3, 1000), (13, 1000, 2), (64, 65, 63)]:
        x, y = b.input(numbers(n, k, dtype=dtype)), b.input(numbers(m, k, dtype=dtype))
        found[f"{n} {m} {k}"] = b.relu(b.add(b.matmul(x, b.permute_dims(y, axes=(1, 0))), 0.5))
        found[f"{n} {m} {k} turned"] = b.einsum(x, y, spec="ab,cb->ca")
    for size, window, stride, groups in [((7,), (3,), 2, 1), ((9, 5), (3, 2), 1, 2), ((4, 3, 5), (2, 2, 2), 2, 1)]:
        d = len(size)
        x, w = b.input(numbers(2, 4, *size, dtype=dtype)), b.input(numbers(6, 4 // groups, *window, dtype=dtype))
        options = {"stride": (stride,) * d, "padding": ((1, 0),) * d, "dilation": (1,) * d, "groups": groups}
        y = b.conv(x, w, **options)
        found |= {f"conv {size}": y, f"conv_input {size}": b.conv_input(y, w, **options, size=size),
                  f"conv_weight {size}": b.conv_weight(x, y, **options, window=window)}  # fmt: skip
    check(b, found)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_linear_algebra(dtype: str) -> None:
    b = Book()
    a = RNG.normal(size=(2, 5, 5))
    x = b.input((a @ a.transpose(0, 2, 1) + 5 * np.eye(5)).astype(dtype))
    y = b.input(RNG.normal(size=(2, 5, 3)).astype(dtype))
    found = {"norm": b.norm(y, axis=(1,), keepdims=False), "solve": b.solve(x, y), "inv": b.inv(x), "pinv": b.pinv(y, rtol=None),
             "det": b.det(x), "cofactor": b.cofactor(x), "cholesky": b.cholesky(x)}  # fmt: skip
    for name, of in [("slogdet", x), ("eigh", x), ("svd", y), ("qr", y)]:
        found |= {f"{name} {k}": part for k, part in enumerate(getattr(b, name)(of))}
    check(b, found, {"norm": 1e-6 if dtype == "f4" else 1e-15})


# ------------------------------------------------------------------------------------------- targets, threads


def varied(dtype: str = "f4") -> tuple[Book, dict[str, Recorded]]:
    """A program with kernels of every kind."""
    b = Book()
    x, w = b.input(numbers(64, 48, dtype=dtype)), b.input(numbers(48, 33, dtype=dtype))
    h = b.tanh(b.matmul(x, w))
    e = b.exp(b.subtract(h, b.max(h, axis=(1,), keepdims=True)))
    p = b.divide(e, b.sum(e, axis=(1,), keepdims=True))
    gw = b.matmul(b.permute_dims(x, axes=(1, 0)), p)
    i = b.input(RNG.integers(0, 64, 200))
    images = b.input(numbers(3, 4, 9, 8, dtype=dtype))
    kernel = b.input(numbers(5, 4, 3, 3, dtype=dtype))
    options = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    c = b.relu(b.conv(images, kernel, **options))
    pooled = b.max(b.windows(c, window=(2, 2), stride=(2, 2), dilation=(1, 1)), axis=(4, 5), keepdims=False)
    rows = b.index(p, i, key=(INDEX,))
    found = {"p": p, "gw": gw, "rows": rows, "added": b.index_add(rows, i, key=(INDEX,), shape=(64, 33)), "pooled": pooled,
             "gk": b.conv_weight(images, c, **options, window=(3, 3)), "total": b.sum(p, axis=(0, 1), keepdims=False),
             "turned": b.permute_dims(b.erf(h), axes=(1, 0)), "joined": b.concat(h, p, axis=1)}  # fmt: skip
    return b, found


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_narrower_processors(dtype: str) -> None:
    for target in engine.targets():
        with engine.forced(target):
            b, found = varied(dtype)
            check(b, found, dict.fromkeys(found, 1e-5 if dtype == "f4" else 1e-13))
            b = Book()
            found = reductions(b, dtype, "turned")
            check(b, found, dict.fromkeys(found, 1e-6 if dtype == "f4" else 1e-14))
            b = Book()
            x, y, z = (b.input(a) for a in specials(dtype, 3))
            check(b, pointwise(b, [x, y, z], EXACT))


def test_one_thread_and_two_give_the_same_bits() -> None:
    b, found = varied()
    runner = Executable(b.program(*found.values()))
    inputs = [x.array for x in b.inputs]
    before = mg.get_num_threads()
    seen = []
    try:
        for n in (1, 2, 1, 2):
            mg.set_num_threads(n)
            seen += outcomes(runner, inputs, runs=2)
    finally:
        mg.set_num_threads(before)
    for again in seen[1:]:
        assert all(x.tobytes() == y.tobytes() for x, y in zip(seen[0], again, strict=True))


def test_programs_run_in_several_python_threads_at_once() -> None:
    made = []
    for _ in range(3):
        b, found = varied()
        made.append((Executable(b.program(*found.values())), [x.array for x in b.inputs]))
    wanted = [outcomes(runner, inputs, runs=1)[0] for runner, inputs in made]
    wrong: list[int] = []

    def work(k: int) -> None:
        runner, inputs = made[k]
        for got in outcomes(runner, inputs, runs=20):
            if any(x.tobytes() != y.tobytes() for x, y in zip(got, wanted[k], strict=True)):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(made))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.slow
def test_long_chains_become_several_kernels() -> None:
    """One kernel of everything would take minutes to compile."""

    def chain(x: mg.Tensor) -> mg.Tensor:
        for _ in range(200):
            x = mg.sin(x) * 1.01
        return mg.sum(x)

    x = mg.tensor([0.5, 1.0, 1.5])
    f = mg.compile(mg.value_and_grad(chain))
    for a, b in zip(f(x), mg.value_and_grad(chain)(x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
    longest = max(len(launch.splitlines()) for launch in f.kernels.split("launch"))
    assert longest < 400
    assert f.stats()["launches"] < 20


def test_a_product_and_the_largest_of_a_few_integers_share_a_module() -> None:
    """Both kernels call the smaller of two int64; LLVM refuses a module that declares one function twice."""

    @mg.compile
    def f(x: mg.Tensor, w: mg.Tensor) -> tuple[mg.Tensor, mg.Tensor]:
        scores = x @ w
        return mg.sum(scores), mg.argmax(scores, axis=1)

    x, w = np.arange(64.0, dtype=np.float32).reshape(64, 1) + np.ones(64, np.float32), np.eye(64, 3, dtype=np.float32)
    total, largest = f(x, w)
    assert total.item() == (x @ w).sum()
    assert largest.tolist() == (x @ w).argmax(1).tolist()
