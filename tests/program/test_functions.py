"""Functions of the array API, compiled, equal the same functions run eagerly, values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from same import assert_compiles

import microgradient as mg
from test_functions_derivatives import SHAPES, WITH_AXIS, WITHOUT_OPTIONS, positive, x


def total(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return sum(total(v) for v in value)
    return mg.sum(value * value)


@pytest.mark.parametrize("name", WITHOUT_OPTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_shape(name: str, shape: tuple[int, ...]) -> None:
    f, a = WITHOUT_OPTIONS[name], mg.tensor(x(*shape))
    assert_compiles(f, a)
    assert_compiles(mg.grad(lambda a: total(f(a))), a)


@pytest.mark.parametrize("name", WITH_AXIS)
@pytest.mark.parametrize(("shape", "axis"), [((4,), 0), ((3, 2), 0), ((2, 3), -1), ((2, 3, 2), 1)], ids=str)
def test_along_an_axis(name: str, shape: tuple[int, ...], axis: int) -> None:
    f, a = WITH_AXIS[name], mg.tensor(x(*shape))
    assert_compiles(lambda a: f(a, axis), a)
    assert_compiles(mg.grad(lambda a: total(f(a, axis))), a)


FLAT: dict[str, Any] = {
    "argmax": lambda a: (mg.argmax(a), mg.argmax(a, axis=1), mg.argmax(a, axis=0, keepdims=True)),
    "argmin": lambda a: (mg.argmin(a), mg.argmin(a, axis=1)),
    "argsort": lambda a: (mg.argsort(a), mg.argsort(a, axis=0, descending=True)),
    "all": lambda a: (mg.all(a > 0), mg.all(a > -9, axis=1), mg.all(a[:, :0], axis=1)),
    "any": lambda a: (mg.any(a > 0), mg.any(a > 9, axis=1, keepdims=True), mg.any(a[:0])),
    "count_nonzero": lambda a: (mg.count_nonzero(a > 0), mg.count_nonzero(a > 0, axis=0)),
    "searchsorted": lambda a: mg.searchsorted(mg.sort(mg.flatten(a)), a[0]),
    "isin": lambda a: mg.isin(a, a[:1]),
    "comparisons": lambda a: (a > 0, a == a, a <= 0.5, ~(a > 0) & (a < 1) | (a != a)),
    "integers": lambda a: (mg.astype(a * 10, mg.int32) // 3, mg.astype(a * 10, mg.int64) % 4, mg.sum(a > 0)),
    "creation": lambda a: (mg.zeros_like(a) + mg.ones(3), mg.arange(3) * a, mg.eye(3) @ a.T, mg.full((2,), 1.5) * a[0, 0]),
    "numpy": lambda a: (np.exp(a), np.sum(a, axis=0), np.float64(2) * a, np.ones(3, np.float32) * a, a * np.arange(3)),
    "lists": lambda a: (mg.stack([a[0], a[1]]), mg.asarray([a[0, 0], 2.0]), mg.tensor([1.0, 2.0, 3.0]) * a, mg.tensor(a)),
    "iteration": lambda a: sum(row * 2 for row in a),
    "assignment": lambda a: _assigned(a),
    "masked assignment": lambda a: _masked(a),
    "einsum": lambda a: (mg.einsum("ij,kj->ik", a, a), mg.tensordot(a, a, axes=([1], [1])), a @ a.T, mg.outer(a[0], a[1])),
    "linalg": lambda a: (mg.linalg.matrix_norm(a), mg.linalg.matrix_rank(a), mg.linalg.trace(a), mg.linalg.svdvals(a)),
    "complex": lambda a: (mg.real(a * (1 + 2j)), mg.imag(a * 1j), mg.abs(a * 1j), mg.conj(a * 1j)),
    "formats": lambda a: (f"{a}", repr(a)) and a + 1,
    "composites": lambda a: (mg.softmax(a), mg.log_softmax(a, axis=0), mg.logsumexp(a), mg.std(a), mg.var(a, axis=1)),
}  # fmt: skip


def _assigned(a: Any) -> Any:
    b = mg.asarray(a, copy=True)
    b[0] = 1.0
    b[1:, 1] = b[0, :1] * 2
    b[[0, 1], [2, 2]] = 7
    b += 1
    return b


def _masked(a: Any) -> Any:
    b = mg.asarray(a, copy=True)
    b[b > 0] = -1.0
    return b


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FLAT)
def test_without_gradients(name: str, dtype: Any) -> None:
    assert_compiles(FLAT[name], mg.tensor(x(2, 3).astype(dtype)), rtol=1e-5)


def test_strided_arguments_are_copied() -> None:
    a = x(6, 4)
    f = assert_compiles(lambda a: mg.asarray(a) * 2, a)
    np.testing.assert_array_equal(f(np.ascontiguousarray(a.T).T).data, a * 2)
    np.testing.assert_array_equal(mg.compile(lambda a: a + 1)(a[::2, ::-1]).data, a[::2, ::-1] + 1)


@pytest.mark.parametrize("order", [1, 2])
def test_transforms_inside(order: int) -> None:
    f = lambda a: mg.sum(mg.sin(a) * a**2)
    a, v = mg.tensor(positive(4)), mg.tensor(x(4))
    assert_compiles(mg.grad(f) if order == 1 else mg.grad(lambda a: mg.sum(mg.grad(f)(a) ** 2)), a)
    assert_compiles(lambda a: mg.value_and_grad(f)(a), a)
    assert_compiles(lambda a, v: mg.hvp(f, a, v), a, v)
    assert_compiles(mg.hessian(f), a)
    assert_compiles(mg.jacobian(lambda a: mg.exp(a) * a[0]), a)
    assert_compiles(lambda a, v: mg.vjp(lambda a: a * a, a)[1](v), a, v)


def test_custom_rules_and_checkpoints_inside() -> None:
    rule = mg.custom_rule(vjp=lambda t, y, a: mg.clip(t, -1, 1))(lambda a: a * 3)
    assert_compiles(mg.grad(lambda a: mg.sum(rule(a) * 5)), mg.tensor(x(3)))
    assert_compiles(mg.grad(lambda a: mg.sum(mg.checkpoint(lambda b: mg.sin(b) * b)(a))), mg.tensor(x(3)))


def test_no_grad_inside_and_outside() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)

    def f(a: Any) -> Any:
        with mg.no_grad():
            b = w * a
        return b.requires_grad, b

    assert_compiles(f, mg.tensor([3.0, 4.0]))
    with mg.no_grad():
        assert_compiles(lambda a: w * a, mg.tensor([3.0, 4.0]))
