"""`microgradient.torch`: what is made of what, and of which dtype, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import microgradient.torch as ours

torch = pytest.importorskip("torch")

MADE = [
    "t.tensor([t.ones(1), t.ones(1)])", "t.tensor([[t.ones(1)], [t.ones(1, 1)]])", "t.tensor([t.ones(1), 2.0])",
    "t.tensor([t.tensor(1), 2.5])", "t.tensor([t.tensor(1), t.tensor(2.5)])", "t.tensor([t.ones(1, dtype=t.float64), 1])",
    "t.tensor([t.tensor(True), 2])", "t.tensor([t.tensor(True), False])", "t.tensor([t.tensor(1j), 2.5])",
    "t.tensor([t.tensor(1, dtype=t.uint8), t.tensor(2, dtype=t.int8)])", "t.tensor((t.ones(1),), dtype=t.float16)",
    "t.Tensor([t.ones(1), t.ones(1)])", "t.as_tensor([t.ones(1), t.ones(1)])", "t.ones(2, dtype=float)",
    "t.ones(2, dtype=complex)", "t.ones(2).to(float)", "t.ones(2, dtype=int)", "t.ones(2, dtype=bool)",
]  # fmt: skip
KINDS = "uint8", "int8", "int32", "int64", "bool", "float16", "float64"
REDUCED = [
    "sum()", "sum(0)", "prod()", "prod(0)", "cumsum(0)", "cumprod(0)", "nansum()", "sum(dtype=t.int8)", "sum(dtype=t.float16)",
    "prod(dtype=t.int8)", "cumsum(0, dtype=t.int16)", "bool().sum()", "count_nonzero()",
]  # fmt: skip
OF_HALVES = [
    "sigmoid()",
    "erf()",
    "erfc()",
    "erfinv()",
    "lgamma()",
    "digamma()",
    "softplus()",
    "igamma(x)",
    "polygamma(1)",
]


def same(expression: str, **names: Any) -> None:
    found = []
    for t in (torch, ours):
        given = {name: make(t) for name, make in names.items()}
        result = eval(expression, {"t": t, **given})
        found.append(result)
    wanted, given = found
    assert (str(given.dtype), given.shape) == (str(wanted.dtype), wanted.shape)
    np.testing.assert_allclose(given.numpy(), wanted.numpy(), rtol=2e-3)


@pytest.mark.parametrize("expression", MADE)
def test_made_of_numbers_tensors_and_pythons_types(expression: str) -> None:
    same(expression)


@pytest.mark.parametrize("kind", KINDS)
def test_sums_and_products_of_integers_are_int64(kind: str) -> None:
    for call in REDUCED:
        if kind[0] not in "ib" or "nansum" not in call:
            same(f"x.{call}", x=lambda t: t.tensor([1, 0, 2]).to(getattr(t, kind)))


@pytest.mark.parametrize("call", OF_HALVES)
def test_functions_of_halves_give_halves(call: str) -> None:
    name = "t.nn.functional.softplus(x)" if call == "softplus()" else f"x.{call}"
    same(name, x=lambda t: t.tensor([0.3, 0.5], dtype=t.float16))


@pytest.mark.parametrize("make", ["t.tensor([t.ones(2), t.ones(2)])", "t.tensor([t.zeros(0)])"])
def test_tensors_of_several_entries_are_no_numbers(make: str) -> None:
    for t in (torch, ours):
        with pytest.raises(ValueError, match=r"(?i)one ele|one entry"):
            eval(make, {"t": t})


WRONG_SIZES = [
    "t.zeros(2.5)", "t.ones(2, 2.5)", "t.zeros('a')", "t.zeros(None)", "t.rand(2.0)", "t.randn('a')", "t.empty(1.5)",
    "t.full((2.5,), 1)", "t.ones(3).view(1.5)", "t.ones(3).reshape('a')", "t.ones(3).expand(2.5, 3)",
    "t.ones(3).repeat(1.5)", "t.ones(3).new_zeros(2.5)",
]  # fmt: skip


@pytest.mark.parametrize("make", WRONG_SIZES)
def test_sizes_are_whole_numbers(make: str) -> None:
    with pytest.raises(TypeError):
        eval(make, {"t": torch})
    with pytest.raises(TypeError, match="A shape is an integer or a tuple of integers"):
        eval(make, {"t": ours})


def test_gradients_of_intermediate_tensors_are_tensors_of_the_package() -> None:
    x = ours.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    (y * 3).sum().backward()
    assert type(y.grad) is ours.Tensor
    y.grad.mul_(2)
    assert y.grad.tolist() == [6.0, 6.0]


def test_steps_are_a_whole_number() -> None:
    for t in (torch, ours):
        with pytest.raises(TypeError):
            t.linspace(0, 1, 2.5)
