"""Every row of the rulebook compiled, forward, backward and in forward mode, equals the row run eagerly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from same import assert_compiles

import microgradient as mg
from domains import CASES, PARAMS, POINTWISE, SPECIAL, WITHOUT_DERIVATIVE
from microgradient.operators import apply
from microgradient.primitives import TABLE

rng = np.random.default_rng(3)


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_pointwise(name: str, dtype: Any) -> None:
    shapes = [(3, 5), (5,), (3, 1)][: len(POINTWISE[name])]
    args = [rng.uniform(lo, hi, s).astype(dtype) for (lo, hi), s in zip(POINTWISE[name], shapes, strict=True)]
    rest = (rng.uniform(size=(3, 5)) < 0.5,) if name == "where" else ()
    op, params = TABLE[name], PARAMS.get(name, {})

    def value(*xs: Any) -> Any:
        return apply(op, *rest, *xs, **params)

    assert_compiles(lambda *xs: value(*xs), *map(mg.tensor, args))
    numbers = tuple(range(len(args)))
    assert_compiles(mg.grad(lambda *xs: mg.sum(value(*xs) * 1.5), argnums=numbers), *map(mg.tensor, args))
    assert_compiles(lambda *xs: mg.jvp(value, xs, tuple(x * 0.5 for x in xs)), *map(mg.tensor, args))


@pytest.mark.parametrize("name", sorted(WITHOUT_DERIVATIVE))
def test_without_a_derivative(name: str) -> None:
    bits = name.startswith("bitwise")
    a = rng.integers(0, 5, (3, 4)) if bits else rng.normal(size=(3, 4)).astype(np.float32)
    b = rng.integers(0, 5, (4,)) if bits else np.array([np.nan, np.inf, -0.0, 0.5], np.float32)
    args = [a, b][: len(TABLE[name].maps)]
    assert_compiles(lambda *xs: apply(TABLE[name], *xs), *map(mg.tensor, args))


@pytest.mark.parametrize(("name", "case"), [(n, k) for n in sorted(CASES) for k in range(len(CASES[n]))])
def test_other_rows(name: str, case: int) -> None:
    args, rest, params = CASES[name][case]

    def value(*xs: Any) -> Any:
        return apply(TABLE[name], *xs, *rest, **params)

    tensors = list(map(mg.tensor, args))
    assert_compiles(value, *tensors)
    numbers = tuple(range(len(args)))
    assert_compiles(mg.grad(lambda *xs: mg.sum(value(*xs) * 1.5), argnums=numbers), *tensors)
    assert_compiles(lambda *xs: mg.jvp(value, xs, tuple(x * 0.5 for x in xs)), *tensors)


def test_index_arrays_are_inputs() -> None:
    x, i = mg.tensor(rng.normal(size=(5, 3))), np.array([4, 0, 0])
    f = assert_compiles(lambda x, i: x[i] * 2, x, i)
    other = np.array([1, 2, 3])
    np.testing.assert_array_equal(f(x, other).data, x.data[other] * 2)
    assert f.stats()["programs"] == 1


def _spd(n: int) -> Any:
    a = rng.normal(size=(2, n, n))
    return a @ a.transpose(0, 2, 1) + n * np.eye(n)


@pytest.mark.parametrize("name", sorted({*POINTWISE, *CASES} - set(SPECIAL)))
def test_rows_and_their_derivatives_are_machine_code(name: str) -> None:
    cases = CASES.get(name)
    if cases is None:
        rest = (np.array([True, False, True]),) if name == "where" else ()
        cases = [([rng.uniform(lo, hi, 3) for lo, hi in POINTWISE[name]], rest, PARAMS.get(name, {}))]
    for args, rest, params in cases:

        def value(*xs: Any, rest: Any = rest, params: Any = params) -> Any:
            return mg.sum(
                apply(
                    TABLE[name], *(rest if name == "where" else ()), *xs, *(() if name == "where" else rest), **params
                )
            )

        compiled = mg.compile(mg.value_and_grad(value, argnums=tuple(range(len(args)))))
        compiled(*map(mg.tensor, args))
        assert compiled.stats()["host_calls"] == {}


LINEAR_ALGEBRA: dict[str, Any] = {
    "norm": lambda a: mg.linalg.vector_norm(a, axis=-1), "inv": mg.linalg.inv, "det": mg.linalg.det,
    "slogdet": lambda a: mg.linalg.slogdet(a).logabsdet, "solve": lambda a: mg.linalg.solve(a, mg.ones((2, 3, 2), dtype=a.dtype)),
    "pinv": mg.linalg.pinv, "cholesky": lambda a: mg.linalg.cholesky((a + a.mT) / 2),
    "eigh": lambda a: mg.linalg.eigh(a)[0], "eigenvectors": lambda a: mg.abs(mg.linalg.eigh(a)[1]),
    "lu": lambda a: mg.linalg.lu(a)[2], "matrix_exp": lambda a: mg.linalg.matrix_exp(a / 9),
    "solve_triangular": lambda a: mg.linalg.solve_triangular(a, a), "lstsq": lambda a: mg.linalg.lstsq(a, a[..., :1])[0],
    "eig": lambda a: mg.real(mg.linalg.eig(a)[0]), "expm_multiply": lambda a: mg.linalg.expm_multiply(a / 9, a),
    "svd": lambda a: mg.linalg.svd(a, full_matrices=False)[1], "qr": lambda a: mg.linalg.qr(a)[1],
    "eigvals": lambda a: mg.real(mg.linalg.eigvals(a.detach())), "cofactor": lambda a: apply(TABLE["cofactor"], a),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR_ALGEBRA)
def test_linear_algebra(name: str) -> None:
    f, a = LINEAR_ALGEBRA[name], mg.tensor(_spd(3))
    assert_compiles(lambda a: f(a), a)
    if name != "eigvals":
        assert_compiles(mg.grad(lambda a: mg.sum(f(a) ** 2)), a)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "bool", "float16", "float32", "float64"])
@pytest.mark.parametrize("other", [2, 2.5, True, np.float64(1.5), "int32", "float32"])
def test_dtypes_promote_as_in_eager_mode(dtype: str, other: Any) -> None:
    x = mg.tensor(np.array([1, 0, 1]), dtype=dtype)
    y = mg.tensor(np.array([1, 1, 0]), dtype=other) if isinstance(other, str) else other
    for f in (lambda a: a + y, lambda a: y * a, lambda a: a / 2, lambda a: mg.where(a > 0, a, y), lambda a: a == y):
        assert_compiles(f, x)
