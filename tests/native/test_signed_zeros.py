"""Zeros of both signs tie: extremes give one or the other; what depends on the tie is the same in all worlds, at any width."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg
from microgradient.native.runtime import engine

WORLDS = ["eager", *engine.targets()]


def run(world, f, *args):
    if world == "eager":
        return f(*args)
    with engine.forced(world):
        return mg.compile(f)(*args)


def zeros(n, dtype):
    """Zeros of alternating signs."""
    return np.copysign(np.zeros(n), (-1.0) ** np.arange(n)).astype(dtype)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [2, 7, 64, 1001])
def test_reductions(world, dtype, n):
    x = mg.tensor(zeros(n, dtype))
    for f in (mg.max, mg.min):
        y, slopes = run(world, mg.value_and_grad(f), x)
        assert y.item() == 0
        assert np.allclose(slopes.data, 1 / n, rtol=1e-6, atol=0)
    for f in (mg.argmax, mg.argmin):
        assert run(world, f, x).item() == run(world, f, -x).item() == 0  # the first of those that tie


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_elementwise(world, dtype):
    a, b = mg.tensor(zeros(35, dtype)), mg.tensor(-zeros(35, dtype))
    for f in (mg.maximum, mg.minimum):
        y, slopes = run(world, mg.value_and_grad(lambda a, b, f=f: mg.sum(f(a, b)), argnums=(0, 1)), a, b)
        assert y.item() == 0
        assert all((slope.data == 0.5).all() for slope in slopes)
        assert (run(world, f, a, b).data == 0).all()
    assert (run(world, lambda a: mg.clip(a, -0.0, 0.0), a).data == 0).all()
    assert (run(world, mg.sign, a).data == 0).all()


@pytest.mark.parametrize("wrap", [lambda f: f, mg.compile], ids=["eager", "compiled"])
def test_values(wrap):
    def f(a, b):
        y = a.maximum(b) + a.minimum(b)
        y.backward()
        return y

    a, b = mg.Value(0.0), mg.Value(-0.0)
    assert wrap(f)(a, b).data == 0
    assert a.grad == b.grad == 1.0
