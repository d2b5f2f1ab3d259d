"""Convolutions in groups, of one channel each and of more: machine code computes what eager mode does, and stores no windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient.nn import functional


@st.composite
def convolutions(draw: Any) -> dict[str, Any]:
    """Sizes and options of a convolution whose output is not empty."""
    axes = draw(st.integers(1, 2))
    groups = draw(st.sampled_from([1, 2, 3, 8, 16, 32]))
    window = draw(st.lists(st.integers(1, 3), min_size=axes, max_size=axes))
    dilation = draw(st.integers(1, 2))
    return {
        "images": draw(st.integers(1, 3)), "groups": groups,
        "inputs": draw(st.integers(1, 2)), "outputs": draw(st.integers(1, 2)),
        "window": window, "size": [dilation * (n - 1) + draw(st.integers(1, 5)) for n in window], "dilation": dilation,
        "stride": draw(st.integers(1, 2)), "padding": draw(st.integers(0, 2)),
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(c=convolutions(), seed=st.integers(0, 10**6))
def test_values_and_gradients_are_those_of_eager_mode(c: dict[str, Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, axes = c["groups"], len(c["size"])
    x = rng.normal(size=(c["images"], groups * c["inputs"], *c["size"]))
    k = rng.normal(size=(groups * c["outputs"], c["inputs"], *c["window"]))
    bias = rng.normal(size=groups * c["outputs"])
    conv = functional.conv1d if axes == 1 else functional.conv2d

    def loss(x: Any, k: Any, bias: Any) -> Any:
        options = {name: c[name] for name in ("stride", "padding", "dilation", "groups")}
        y = mg.relu(conv(x, k, bias, **options))
        return mg.sum(y * mg.cos(mg.reshape(mg.arange(y.size, dtype=y.dtype), y.shape)))

    derivatives = mg.value_and_grad(loss, argnums=(0, 1, 2))
    expected, wanted = derivatives(x, k, bias)
    got, found = mg.compile(derivatives)(x, k, bias)
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-11, atol=1e-11)
    for have, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(have.numpy(), want.numpy(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("stride", [1, 2])
def test_no_window_is_stored(stride: int) -> None:
    """The 25 windows hold up to 25 times the input: what lies between is a few times the input instead, both ways."""
    x, k = np.ones((4, 16, 24, 24), np.float32), np.ones((64, 1, 5, 5), np.float32)
    points = np.ones((64, 16, 1, 1), np.float32)

    def loss(x: Any, points: Any, k: Any) -> Any:
        return mg.sum(functional.conv2d(functional.conv2d(x, points), k, groups=64, padding=2, stride=stride) ** 2)

    step = mg.compile(mg.grad(loss, argnums=(1, 2)))
    step(x, points, k)
    assert step.stats()["arena_bytes"] < 6 * 4 * x.nbytes
