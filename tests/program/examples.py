"""A function mapped over examples by a Python loop: what vmap has to equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import microgradient as mg
from microgradient.tree import flatten

rng = np.random.default_rng(11)


def looped(f: Callable[..., Any], in_axes: tuple[int | None, ...]) -> Callable[..., Any]:
    """f for every example by itself, the results stacked; each argument is one array."""

    def over_examples(*args: Any) -> Any:
        n = next(x.shape[axis] for x, axis in zip(args, in_axes, strict=True) if axis is not None)
        values = []
        for k in range(n):
            values.append(f(*(x if axis is None else one(x, axis, k) for x, axis in zip(args, in_axes, strict=True))))
        rebuild = flatten(values[0])[1]
        return rebuild([mg.stack(parts) for parts in zip(*(flatten(v)[0] for v in values), strict=True)])

    return over_examples


def one(x: Any, axis: int, k: int) -> Any:
    """Number k along an axis."""
    key = (slice(None),) * (axis % x.ndim) + (k,)
    return x[key]


def batch(value: Any, axis: int, n: int = 3) -> Any:
    """n variations of an array, along an axis."""
    value = np.asarray(value)
    if value.dtype.kind in "iu" and value.ndim:
        parts = [np.roll(value, k, axis=-1) for k in range(n)]
    elif value.dtype.kind == "b":
        parts = [np.roll(value, k) for k in range(n)]
    else:
        parts = [(value + value.dtype.type(0.07 * k)).astype(value.dtype) for k in range(n)]
    return np.stack(parts, axis=axis)


def assert_equal(found: Any, wanted: Any, rtol: float = 1e-9) -> None:
    """Trees of tensors with the same shapes and dtypes, and the same numbers to rounding."""
    left, right = flatten(found)[0], flatten(wanted)[0]
    assert len(left) == len(right)
    for x, y in zip(left, right, strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        np.testing.assert_allclose(x.data, y.data, rtol=rtol, atol=rtol)


def assert_maps(f: Callable[..., Any], args: list[Any], in_axes: tuple[int | None, ...], varied: int = 0) -> None:
    """vmap(f) is the loop; so are the derivatives with respect to the first `varied` arguments, backward and forward."""
    tensors = [mg.tensor(a) if a.dtype.kind == "f" else a for a in args]
    assert_equal(mg.vmap(f, in_axes)(*tensors), looped(f, in_axes)(*tensors))
    if not varied:
        return
    gradients, tangents = [], []
    for mapped in (mg.vmap(f, in_axes), looped(f, in_axes)):

        def of_varied(*xs: Any, mapped: Any = mapped) -> Any:
            return mapped(*xs, *tensors[varied:])

        def weighted(*xs: Any, of_varied: Any = of_varied) -> Any:
            return sum(((y * y).sum() * (k + 1.5) for k, y in enumerate(flatten(of_varied(*xs))[0])), mg.tensor(0.0))

        gradients.append(mg.grad(weighted, argnums=tuple(range(varied)))(*tensors[:varied]))
        tangents.append(mg.jvp(of_varied, tuple(tensors[:varied]), tuple(mg.cos(x) for x in tensors[:varied]))[1])
    assert_equal(*gradients)
    assert_equal(*tangents)
