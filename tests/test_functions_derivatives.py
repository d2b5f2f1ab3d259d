"""Derivatives of the functions: central differences to second order, and the adjoint identity (both in check_gradients)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradient as mg

rng = np.random.default_rng(7)


def x(*shape: int) -> Any:
    """Different numbers, away from 0 and from one another, so that nothing has a kink nearby."""
    n = int(np.prod(shape, dtype=int))
    size = rng.permutation(n) * 0.37 + 0.2 + rng.uniform(0, 0.1, n)
    return (size * np.where(np.arange(n) % 2, 1, -1)).reshape(shape)


def positive(*shape: int) -> Any:
    return np.abs(x(*shape)) + 0.3


SHAPES = [(), (1,), (5,), (0,), (2, 3), (3, 0), (2, 1, 3)]

WITHOUT_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": mg.sum, "mean": mg.mean, "var": lambda a: mg.var(a), "prod": mg.prod,
    "sum, keepdims": lambda a: mg.sum(a, keepdims=True), "sum, no axes": lambda a: mg.sum(a, axis=()),
    "prod, no axes": lambda a: mg.prod(a, axis=()), "flip": mg.flip, "flatten": mg.flatten,
    "reshape": lambda a: mg.reshape(a, (-1, 1) if a.size else a.shape), "expand_dims": lambda a: mg.expand_dims(a, axis=(0, -1)),
    "broadcast_to": lambda a: mg.broadcast_to(a, (2, *a.shape)), "roll": lambda a: mg.roll(a, 2),
    "tile": lambda a: mg.tile(a, (2, 2)), "repeat": lambda a: mg.repeat(a, 2), "pad": lambda a: mg.pad(a, 1, value=2.0),
    "transpose": lambda a: a.transpose(), "clip": lambda a: mg.clip(a, -0.5, 0.6), "where": lambda a: mg.where(a > 0.5, a, a * 2),
    "astype": lambda a: mg.astype(a, mg.float64), "stack": lambda a: mg.stack([a, a * 2], axis=-1),
    "concat": lambda a: mg.concat([a, a * 2], axis=None), "take": lambda a: mg.take(mg.flatten(a), [0, 0] if a.size else []),
    "copy": lambda a: mg.asarray(a, copy=True), "full": lambda a: mg.full((2, 2), mg.sum(a)),
    "nested lists": lambda a: mg.asarray([[mg.sum(a), 1.0], [2.0, mg.sum(a * a)]]), "positive": mg.positive,
    "real": mg.real, "conj": mg.conj, "meshgrid": lambda a: mg.meshgrid(mg.flatten(a), mg.flatten(a * 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_OPTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_shape(name: str, shape: tuple[int, ...]):
    if name in ("mean", "var") and 0 in shape:
        return  # NaN
    mg.check_gradients(WITHOUT_OPTIONS[name], x(*shape))


WITH_AXIS: dict[str, Callable[[Any, int], Any]] = {
    "sum": lambda a, i: mg.sum(a, axis=i), "mean": lambda a, i: mg.mean(a, axis=i, keepdims=True),
    "var": lambda a, i: mg.var(a, axis=i, correction=1), "std": lambda a, i: mg.std(a, axis=i),
    "max": lambda a, i: mg.max(a, axis=i), "min": lambda a, i: mg.min(a, axis=i, keepdims=True),
    "prod": lambda a, i: mg.prod(a, axis=i), "cumulative_sum": lambda a, i: mg.cumulative_sum(a, axis=i, include_initial=True),
    "cumulative_prod": lambda a, i: mg.cumulative_prod(a, axis=i, include_initial=True), "flip": lambda a, i: mg.flip(a, axis=i),
    "roll": lambda a, i: mg.roll(a, 1, axis=i), "sort": lambda a, i: mg.sort(a, axis=i, descending=True),
    "topk": lambda a, i: mg.topk(a, 2, axis=i)[0], "diff": lambda a, i: mg.diff(a, axis=i, n=2, prepend=a),
    "concat": lambda a, i: mg.concat([a, a * a], axis=i), "unstack": lambda a, i: list(mg.unstack(a, axis=i)),
    "split": lambda a, i: list(mg.split(a, indices=[1], axis=i)), "moveaxis": lambda a, i: mg.moveaxis(a, i, 0),
    "repeat": lambda a, i: mg.repeat(a, np.arange(a.shape[i]), axis=i), "take": lambda a, i: mg.take(a, [1, 0, 1, -1], axis=i),
    "take_along_axis": lambda a, i: mg.take_along_axis(a, mg.argsort(a, axis=i), axis=i),
    "squeeze": lambda a, i: mg.squeeze(mg.expand_dims(a, axis=i), axis=i),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_AXIS)
@pytest.mark.parametrize(("shape", "axis"), [((4,), 0), ((3, 2), 0), ((2, 3), -1), ((2, 3, 2), 1)], ids=str)
def test_along_an_axis(name: str, shape: tuple[int, ...], axis: int):
    mg.check_gradients(lambda a: WITH_AXIS[name](a, axis), x(*shape))


EMPTY = "sum prod cumulative_sum cumulative_prod sort flip concat unstack split"


@pytest.mark.parametrize("name", EMPTY.split())
@pytest.mark.parametrize(("shape", "axis"), [((0,), 0), ((0, 3), 0), ((3, 0), 0)], ids=str)
def test_along_an_axis_with_nothing_there(name: str, shape: tuple[int, ...], axis: int):
    if not (name == "unstack" and shape[axis] == 0):
        mg.check_gradients(lambda a: WITH_AXIS[name](a, axis), np.zeros(shape))


@pytest.mark.parametrize("axes", [(0, 2), (1,), (-1, 0), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "std"])
def test_over_several_axes(name: str, axes: tuple[int, ...], keepdims: bool):
    mg.check_gradients(lambda a: getattr(mg, name)(a, axis=axes, keepdims=keepdims), x(2, 3, 2))


@pytest.mark.parametrize("zeros", [1, 2, 3])
def test_products_with_zeros(zeros: int):
    a = positive(4)
    a[:zeros] = 0
    mg.check_gradients(mg.prod, a)
    mg.check_gradients(lambda a: mg.prod(mg.reshape(a, (2, 2)), axis=(0, 1)), a)
    mg.check_gradients(mg.cumulative_prod, a)


def test_triangles():
    for k in (-1, 0, 2):
        mg.check_gradients(lambda a: mg.tril(a, k=k), x(2, 3, 4))  # noqa: B023 (called at once)
        mg.check_gradients(lambda a: mg.triu(a, k=k), x(3, 3))  # noqa: B023


ONE = "abs acosh asinh atan ceil cos cosh digamma erf erfc exp exp2 expm1 floor lgamma log log10 log1p log2 negative reciprocal"
ONE += " relu round rsqrt sigmoid sign sin sinh softplus sqrt square tan tanh trunc"


@pytest.mark.parametrize("name", ONE.split())
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)], ids=str)
def test_elementwise(name: str, shape: tuple[int, ...]):
    mg.check_gradients(getattr(mg, name), positive(*shape) / 3 + (1.0 if name == "acosh" else 0.07))


@pytest.mark.parametrize("name", ["acos", "asin", "atanh", "erfinv"])
def test_elementwise_between_minus_one_and_one(name: str):
    mg.check_gradients(getattr(mg, name), np.linspace(-0.8, 0.7, 5))


TWO = "add atan2 copysign divide hypot logaddexp maximum minimum multiply pow remainder subtract"


@pytest.mark.parametrize("name", TWO.split())
@pytest.mark.parametrize(
    ("first", "second"), [((), ()), ((3,), ()), ((), (2, 2)), ((2, 1), (3,)), ((0, 1), (2,))], ids=str
)
def test_elementwise_with_two_arguments(name: str, first: tuple[int, ...], second: tuple[int, ...]):
    mg.check_gradients(getattr(mg, name), positive(*first), positive(*second) + 0.13)


@pytest.mark.parametrize("name", TWO.split())
@pytest.mark.parametrize("number", [2, 1.7])
def test_elementwise_with_a_number(name: str, number: float):
    mg.check_gradients(lambda a: getattr(mg, name)(a, number), positive(3))
    mg.check_gradients(lambda a: getattr(mg, name)(number, a), positive(3))


def test_bounds_of_clip_and_branches_of_where():
    mg.check_gradients(mg.clip, x(3, 2), np.asarray(-0.45), np.asarray([0.55, 0.66]))
    mg.check_gradients(lambda c, a, b: mg.where(c > 0.5, a, b), x(3, 1), x(2), x(3, 2))
    mg.check_gradients(lambda a, b: mg.where(a > 0.5, a, 1.0) * mg.where(b > 0.5, 0, b), x(3), x(3))


def test_std_of_equal_values_has_derivative_zero():
    a = mg.tensor([2.0, 2.0, 2.0], requires_grad=True)
    mg.std(a).backward()
    assert a.grad is not None
    assert a.grad.tolist() == [0, 0, 0]
    g = mg.grad(lambda a: mg.sum(mg.std(a, axis=1)))(mg.asarray([[1.0, 1.0], [1.0, 3.0]]))
    np.testing.assert_allclose(g.numpy(), [[0, 0], [-0.5, 0.5]], rtol=1e-6)


def test_ties_share_the_derivative_of_a_maximum():
    assert mg.grad(mg.max)(mg.asarray([3.0, 1.0, 3.0])).tolist() == [0.5, 0, 0.5]
    assert mg.grad(mg.min)(mg.asarray([1.0, 1.0, 1.0, 3.0])).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


def test_dtypes_of_gradients():
    a = mg.tensor([1.0, 2.0], requires_grad=True)
    mg.sum(mg.astype(a, mg.float64) * np.asarray([3.0, 4.0])).backward()
    assert a.grad is not None
    assert a.grad.dtype == mg.float32
    assert a.grad.tolist() == [3, 4]
    assert mg.sum(a, dtype=mg.float64).dtype == mg.float64
    assert not mg.astype(a, mg.int64).requires_grad
    assert not mg.argmax(a).requires_grad


def test_tensors_inside_sequences_keep_their_derivatives():
    a = mg.tensor(2.0, requires_grad=True)
    mg.sum(mg.asarray([a, 3.0 * a, 1])).backward()
    assert a.grad is not None
    assert a.grad.item() == 4
    mg.mean([a, a]).backward()
    assert a.grad.item() == 5
