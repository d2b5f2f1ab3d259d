"""g·a + g·b as g·(a + b): the backward pass of a smooth activation reads one array, and computes what it did before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient.nn import functional

SMOOTH = {
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "x_sin_x": lambda x: x * mg.sin(x) * 0.5 - 1.0,
}


def operands() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=shape) for shape in ((7, 5), (5, 33), (33, 4)))


def loss_of(activation: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda x, v, w: mg.sum((activation(x @ v) @ w) ** 2)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_are_those_of_eager_mode(name: str) -> None:
    derivatives = mg.grad(loss_of(SMOOTH[name]), argnums=(0, 1, 2))
    for have, want in zip(mg.compile(derivatives)(*operands()), derivatives(*operands()), strict=True):
        np.testing.assert_allclose(have.numpy(), want.numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ["gelu", "silu", "x_sin_x"])
def test_the_backward_pass_reads_one_array(name: str) -> None:
    compiled = mg.compile(mg.grad(loss_of(SMOOTH[name]), argnums=(0, 1, 2)))
    compiled(*operands())
    launches = str(compiled.kernels).split("launch ")
    (back,) = [each for each in launches if "contraction, rows 7, columns 33, depth 4" in each]
    assert sum(" = load " in line for line in back.splitlines()) == 1


def test_what_somebody_else_reads_stays() -> None:
    """Here a and b are results, too, and what is known late is no reason to wait."""

    def f(x: Any, v: Any, w: Any) -> Any:
        h = x @ v
        a, b = mg.sin(h), mg.cos(h)
        g = (a @ w) @ w.T
        late = g * a + g * (g * b)
        return a, b, g * a + g * b, late, late * 2.0

    for have, want in zip(mg.compile(f)(*operands()), f(*operands()), strict=True):
        np.testing.assert_allclose(have.numpy(), want.numpy(), rtol=1e-12, atol=1e-12)


def test_extreme_numbers_stay_what_they_are() -> None:
    """No infinity and no NaN comes or goes: of the sums that are formed earlier none overflows where the products do not."""
    x = np.array([[-np.inf, -1e30, -50.0, -0.0, 0.0, 50.0, 1e30, np.inf, np.nan]], np.float32)
    for activation in SMOOTH.values():

        def f(x: Any, v: Any, activation: Callable[[Any], Any] = activation) -> Any:
            return mg.sum(activation(x * 1.0) @ v)

        v = np.ones((9, 2), np.float32)
        have, want = mg.compile(mg.grad(f))(x, v), mg.grad(f)(x, v)
        np.testing.assert_allclose(have.numpy(), want.numpy(), rtol=2e-6, atol=1e-30)
