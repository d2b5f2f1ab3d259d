"""Searches, assignments by index, running sums and products of many arrays, compiled: equal to eager mode, without NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from same import assert_same

import microgradient as mg

rng = np.random.default_rng(17)


def assert_machine_code(f: Any, *args: Any, rtol: float = 0) -> None:
    """Compiled as eager, twice, to the last bit unless `rtol` says otherwise; and no call of NumPy."""
    compiled, wanted = mg.compile(f), f(*args)
    for _ in range(2):
        assert_same(compiled(*args), wanted, rtol)
    assert compiled.stats()["host_calls"] == {}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint8", "int64", "bool"])
@pytest.mark.parametrize("shape", [(1,), (7,), (5, 6), (2, 3, 17), (1, 1), (40, 33), (300, 70)], ids=str)
def test_searches(dtype: str, shape: tuple[int, ...]) -> None:
    x = mg.asarray(rng.integers(-3, 4, shape).astype(dtype))  # many are equal
    for axis in (None, *range(len(shape)), -1):
        calls = [(f, keepdims) for f in (mg.argmax, mg.argmin, mg.count_nonzero) for keepdims in (False, True)]
        assert_machine_code(lambda x, axis=axis, calls=calls: tuple(f(x, axis=axis, keepdims=k) for f, k in calls), x)


def test_searches_for_every_example() -> None:
    x = mg.asarray(rng.normal(size=(4, 3, 5)))
    assert_machine_code(mg.vmap(lambda a: (mg.argmax(a, axis=1), mg.argmin(a, axis=0), mg.argmax(a))), x)
    assert_machine_code(mg.vmap(lambda a: mg.count_nonzero(a > 0, axis=(0, 1))), x)


@pytest.mark.parametrize(
    "values",
    [[np.nan, 1, 2], [1, np.nan, np.nan], [np.inf, -np.inf, np.inf], [-np.inf, -np.inf], [0.0, -0.0], [-0.0, 0.0]],
)
def test_searches_among_special_values(values: list[float]) -> None:
    x = mg.asarray(np.array(values, np.float32))
    assert_machine_code(lambda x: (mg.argmax(x), mg.argmin(x), mg.count_nonzero(x)), x)


KEYS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "row": (2, (6,)), "last row": (-1, ()), "slice": (slice(1, 4), (3, 6)), "backwards": (slice(None, None, -1), (5, 6)),
    "steps": ((slice(4, 0, -2), slice(None, None, 3)), (2, 2)), "ellipsis": ((..., 1), (5,)), "new axis": ((None, 2), (1, 6)),
    "column": ((slice(None), None, 3), (5, 1)), "too many axes": (0, (1, 1, 6)), "one row for all": (slice(0, 3), (6,)),
    "one column for all": (slice(0, 3), (3, 1)), "nothing": (slice(3, 3), ()), "rows": (np.array([4, 0, 0, -1]), (4, 6)),
    "columns": ((slice(None), np.array([1, 1, 2])), (5, 3)), "places": ((np.array([4, 0, 0]), np.array([5, 0, -6])), (3,)),
    "blocks": ((np.array([[0, 1], [2, 3]]), slice(1, 3)), (2, 2, 2)), "in a row": ((2, np.array([0, 3])), (2,)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("name", KEYS)
def test_assignment(name: str, dtype: str) -> None:
    key, shape = KEYS[name]
    x, v = (mg.asarray((9 * rng.normal(size=s)).astype(dtype)) for s in ((5, 6), shape))

    def assigned(x: Any, v: Any) -> Any:
        y = x + 0
        y[key] = v
        return y, x

    assert_machine_code(assigned, x, v)
    if dtype != "int64":
        gradient = mg.grad(lambda x, v: mg.sum(assigned(x, v)[0] ** 2), argnums=(0, 1))
        assert_machine_code(gradient, x, v, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_assignment_at_places_that_are_arguments() -> None:
    def assigned(x: Any, i: Any, j: Any, v: Any) -> Any:
        y = x * 1
        y[i, j] = v
        return y, y + 1

    x, v = mg.asarray(rng.normal(size=(300, 40))), mg.asarray(rng.normal(size=2000))
    i, j = rng.integers(-300, 300, 2000), rng.integers(-40, 40, 2000)
    assert_machine_code(assigned, x, i, j, v)
    i[1999] = 300
    with pytest.raises(mg.errors.OutOfRangeError):
        mg.compile(assigned)(x, i, j, v)


@pytest.mark.parametrize("v", [(4, 6), (2, 5)])
def test_assignment_of_a_value_that_does_not_fit(v: tuple[int, ...]) -> None:
    def assigned(x: Any, v: Any) -> Any:
        y = x + 0
        y[:2] = v
        return y

    with pytest.raises(mg.errors.ShapeError, match=r"The tensor has shape \(5, 6\)"):
        mg.compile(assigned)(mg.zeros((5, 6)), mg.zeros(v))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64"])
@pytest.mark.parametrize(
    "shape", [(1,), (7,), (5, 6), (6, 1), (1, 6), (3, 17, 4), (40, 33), (17, 129), (9, 0)], ids=str
)
def test_running_sums_and_products(dtype: str, shape: tuple[int, ...]) -> None:
    x = mg.asarray((3 * rng.normal(size=shape)).astype(dtype))
    for axis in range(len(shape)):

        def f(x: Any, axis: int = axis) -> Any:
            back = mg.flip(mg.cumulative_prod(mg.flip(x, axis=axis), axis=axis), axis=axis)
            return mg.cumulative_sum(x, axis=axis), mg.cumulative_sum(x, axis=axis, include_initial=True), back

        assert_machine_code(f, x)
        assert_machine_code(lambda x, f=f: f(x.mT if x.ndim > 1 else x[::-1]), x)


@pytest.mark.parametrize(
    ("spec", "shapes"),
    [
        ("ij,jk,kl->il", [(3, 4), (4, 5), (5, 3)]), ("ij,jk,ki->", [(3, 4), (4, 5), (5, 3)]), ("i,i,i->", [(9,), (9,), (9,)]),
        ("ij,ij,ij->ij", [(3, 4)] * 3), ("i,j,k->ijk", [(2,), (3,), (4,)]), ("ij,kl,m->kim", [(3, 4), (4, 5), (2,)]),
        ("bij,bjk,bkl->bil", [(2, 3, 4), (2, 4, 5), (2, 5, 2)]), ("ii,ij,j->i", [(3, 3), (3, 4), (4,)]),
        ("...i,ij,...j->...", [(2, 3), (3, 4), (2, 4)]), ("ij,jk,kl,lm->im", [(3, 4), (4, 5), (5, 3), (3, 7)]),
    ],
)  # fmt: skip
def test_products_of_several_arrays(spec: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [mg.asarray(rng.normal(size=shape)) for shape in shapes]
    assert_machine_code(lambda *x: mg.einsum(spec, *x), *arrays, rtol=1e-12)
    gradient = mg.grad(lambda *x: mg.sum(mg.einsum(spec, *x) ** 2), argnums=tuple(range(len(arrays))))
    assert_machine_code(gradient, *arrays, rtol=1e-11)
