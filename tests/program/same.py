"""Compiled equals eager: the comparison that the tests of compiled mode share."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradient as mg
from microgradient.tree import flatten


def assert_same(a: Any, b: Any, rtol: float = 1e-6) -> None:
    """Equal trees of equal leaves: dtypes and shapes exactly, numbers to rounding."""
    left, right = flatten(a)[0], flatten(b)[0]
    assert len(left) == len(right)
    for x, y in zip(left, right, strict=True):
        assert type(x) is type(y), (type(x), type(y))
        if isinstance(x, mg.Tensor):
            assert (x.dtype, x.shape) == (y.dtype, y.shape), (x.dtype, x.shape, y.dtype, y.shape)
            np.testing.assert_allclose(x.data, y.data, rtol=rtol, atol=rtol)
        else:
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=rtol)


def assert_compiles(f: Any, *args: Any, rtol: float = 1e-6) -> Any:
    """`mg.compile(f)` twice gives what `f` gives; returns the compiled function."""
    compiled = mg.compile(f)
    with np.errstate(all="ignore"):
        wanted = f(*args)
        assert_same(compiled(*args), wanted, rtol)
        assert_same(compiled(*args), wanted, rtol)
    assert compiled.stats()["programs"] == 1
    return compiled
