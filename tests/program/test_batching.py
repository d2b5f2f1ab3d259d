"""Every primitive under vmap equals a loop over the examples, with its derivatives, whichever of its arguments are mapped."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from examples import assert_maps, batch, rng
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from domains import CASES, COMPLEX, INTERNAL, PARAMS, POINTWISE, WITHOUT_DERIVATIVE
from microgradient.operators import apply
from microgradient.primitives import TABLE
from microgradient.program.batching import RULES
from microgradient.rules import INDEX

LINEAR_ALGEBRA = {"cholesky", "cofactor", "inv", "det", "slogdet", "solve", "pinv", "eigh", "eig", "svd", "qr", "norm", "lu",
                  "matrix_exp", "solve_triangular"}  # fmt: skip
AXES = (0, -1, 1)


def mappings(n: int, fixed: tuple[int, ...] = ()) -> list[tuple[bool, ...]]:
    """Which of n arguments may be mapped: every choice but none, without those that are `fixed`."""
    choices = itertools.product((True, False), repeat=n)
    return [c for c in choices if any(c) and not any(c[k] for k in fixed)]


def check(f: Any, args: list[Any], varied: int, fixed: tuple[int, ...] = ()) -> None:
    """`f` mapped over every choice of its arguments, along one axis or another."""
    for number, choice in enumerate(mappings(len(args), fixed)):
        axes = [AXES[(number + k) % 3] if m else None for k, m in enumerate(choice)]
        axes = [None if a is None else max(min(a, x.ndim), -1) for a, x in zip(axes, args, strict=True)]
        given_args = [x if a is None else batch(x, a) for x, a in zip(args, axes, strict=True)]
        assert_maps(f, given_args, tuple(axes), varied)


def test_every_primitive_has_a_rule_or_is_pointwise() -> None:
    assert {name for name, row in TABLE.items() if row.kind != "pointwise"} - set(RULES) == set()


def test_every_rule_is_tested_here() -> None:
    assert set(RULES) - {"host"} - set(CASES) - set(COMPLEX) - LINEAR_ALGEBRA - INTERNAL == set()
    assert {name for name, row in TABLE.items() if row.kind == "pointwise"} == set(POINTWISE) | WITHOUT_DERIVATIVE


@pytest.mark.parametrize("name", sorted(POINTWISE))
def test_pointwise(name: str) -> None:
    op, params = TABLE[name], PARAMS.get(name, {})
    domain = POINTWISE[name]
    shapes = [(2, 4), (4,), ()][: len(domain)]
    middle = [
        rng.uniform(lo + 0.1 * (hi - lo), hi - 0.3 * (hi - lo), s) for (lo, hi), s in zip(domain, shapes, strict=True)
    ]
    if name == "where":
        where = rng.uniform(size=(4,)) < 0.5
        check(lambda a, b, c: apply(op, c, a, b), [*middle, where], 2)
    else:
        check(lambda *xs: apply(op, *xs, **params), middle, len(domain))


@pytest.mark.parametrize("name", sorted(WITHOUT_DERIVATIVE))
def test_without_a_derivative(name: str) -> None:
    a, b = rng.integers(0, 5, (3, 4)), rng.integers(0, 5, (4,))
    if not name.startswith("bitwise"):
        a, b = a + 0.5, b - 0.25
    check(lambda *xs: apply(TABLE[name], *xs), [a, b][: len(TABLE[name].maps)], 0)


def test_numbers_beside_examples_keep_the_dtype() -> None:
    x = rng.normal(size=(3, 2)).astype(np.float32)
    assert mg.vmap(lambda r: 2.5 * r + 1)(x).dtype == np.float32
    assert mg.vmap(lambda r: r / 2)(np.arange(3)).dtype == np.float32
    assert mg.vmap(lambda r, s: r * s)(x, np.arange(3)).dtype == np.float32


@pytest.mark.parametrize(("name", "case"), [(n, k) for n in sorted(CASES) for k in range(len(CASES[n]))])
def test_other_rows(name: str, case: int) -> None:
    varied, rest, params = CASES[name][case]
    fixed = tuple(len(varied) + k for k, r in enumerate(rest) if r.dtype.kind == "b")  # a mask decides the shape
    check(lambda *xs: apply(TABLE[name], *xs, **params), [*varied, *rest], len(varied), fixed)


SHAPES = [((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 4)),
          ((2, 1, 2, 3), (5, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4))]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_products_of_vectors_and_stacks(a: Any, b: Any) -> None:
    check(lambda a, b: a @ b, [rng.normal(size=a), rng.normal(size=b)], 2)


def test_recurrence_and_concat_of_what_is_not_mapped() -> None:
    a, b = rng.normal(size=(2, 4)), rng.normal(size=(2, 4))
    for axis in (0, 1):
        check(lambda a, b, axis=axis: apply(TABLE["recurrence"], a, b, axis=axis), [a, b], 2)
        check(lambda a, b, axis=axis: mg.concat([a, b, a], axis=axis), [a, b], 2)


def _spd(*shape: int) -> Any:
    a = rng.normal(size=shape)
    return a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])


FUNCTIONS: dict[str, Any] = {
    "norm": lambda a: apply(TABLE["norm"], a, axis=(0,), keepdims=True), "inv": mg.linalg.inv, "det": mg.linalg.det,
    "slogdet": lambda a: mg.linalg.slogdet(a).logabsdet, "cofactor": lambda a: apply(TABLE["cofactor"], a),
    "pinv": lambda a: apply(TABLE["pinv"], a, rtol=None), "cholesky": mg.linalg.cholesky, "eigh": lambda a: mg.linalg.eigh(a)[0],
    "svd": lambda a: mg.linalg.svd(a, full_matrices=False)[1:2], "qr": lambda a: mg.linalg.qr(a)[1],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
def test_linear_algebra(name: str, shape: tuple[int, ...]) -> None:
    check(FUNCTIONS[name], [_spd(*shape)], 1)


def test_solve() -> None:
    right = [rng.normal(size=s) for s in ((3, 2), (3, 1), (2, 3, 2))]
    for a, b in zip((_spd(3, 3), _spd(2, 3, 3), _spd(3, 3)), right, strict=True):
        check(lambda a, b: apply(TABLE["solve"], a, b), [a, b], 2)


# --------------------------------------------------------------------------------------------------------------- indexing


@st.composite
def indexing(draw: Any) -> tuple[Any, Any, list[Any]]:
    """A shape, a key with index arrays, slices, integers, None and an ellipsis in any order, and the arrays."""
    shape = tuple(draw(st.lists(st.integers(2, 4), min_size=1, max_size=4)))
    rank = draw(st.integers(0, 2))
    common = tuple(draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank)))
    used = draw(st.integers(1, len(shape)))
    at_end = draw(st.booleans()) and used < len(shape)
    axes = range(len(shape) - used, len(shape)) if at_end else range(used)
    key: list[Any] = [Ellipsis] if at_end else []
    arrays: list[Any] = []
    for axis in axes:
        n = shape[axis]
        kind = draw(st.sampled_from(["array", "array", "slice", "integer"]))
        if kind == "array":
            lengths = tuple(draw(st.sampled_from([1, m])) for m in common[draw(st.integers(0, rank)) :])
            arrays.append(np.array(rng.integers(-n, n, lengths)))
            key.append(INDEX)
        elif kind == "slice":
            key.append(draw(st.sampled_from([slice(None), slice(None, None, -1), slice(1, None), slice(0, 1)])))
        else:
            key.append(draw(st.integers(-n, n - 1)))
        if draw(st.integers(0, 5)) == 0:
            key.append(None)
    if Ellipsis not in key and draw(st.integers(0, 3)) == 0:
        key.append(Ellipsis)
    return shape, tuple(key), arrays


def _mapped_arrays(arrays: list[Any], choice: tuple[bool, ...], n: int = 3) -> list[Any]:
    return [np.stack([np.roll(a, k) for k in range(n)]) if m else a for a, m in zip(arrays, choice, strict=True)]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(case=indexing(), data=st.data())
def test_indexing_puts_axes_where_numpy_does(case: Any, data: Any) -> None:
    shape, key, arrays = case
    which = data.draw(st.sampled_from(["array", "indices", "both", "some"]))
    of_indices = [which != "array" and (which != "some" or data.draw(st.booleans())) for _ in arrays]
    of_array = which in ("array", "both") or not any(of_indices)
    choice = (of_array, data.draw(st.booleans()), *of_indices)
    axes = tuple(0 if m else None for m in choice)
    places = _mapped_arrays(arrays, choice[2:])
    a = rng.normal(size=(3, *shape) if choice[0] else shape)
    of_places = axes[2:]
    model = np.empty(shape)[tuple(next(it) if p is INDEX else p for it in [iter(arrays)] for p in key)]
    assert_maps(lambda a, *i: apply(TABLE["index"], a, *i, key=key), [a, *places], (axes[0], *of_places), 1)
    t = rng.normal(size=(3, *model.shape) if choice[0] else model.shape)
    assert_maps(
        lambda t, *i: apply(TABLE["index_add"], t, *i, key=key, shape=shape), [t, *places], (axes[0], *of_places), 1
    )
    inner = model.shape[data.draw(st.integers(0, model.ndim)) :]
    v = rng.normal(size=(3, *inner) if choice[1] else inner)
    repeated = len(arrays) and model.size > 1  # which of several values stays where places repeat is up to NumPy
    if not repeated:
        assert_maps(lambda a, v, *i: apply(TABLE["index_set"], a, v, *i, key=key), [a, v, *places], axes, 2)


@pytest.mark.parametrize("key", [
    (INDEX, INDEX), (slice(None), INDEX, INDEX), (INDEX, slice(None), INDEX), (1, slice(0, 2), INDEX), (INDEX, None, 1),
    (slice(None), slice(1, 3), INDEX),
])  # fmt: skip
def test_setting_entries_puts_axes_where_numpy_does(key: Any) -> None:
    shape, count = (3, 4, 5), key.count(INDEX)
    arrays = [np.array([[2, 0, 1]]), np.array([[1, 2, 0]])][:count]
    model = np.empty(shape)[tuple(next(it) if p is INDEX else p for it in [iter(arrays)] for p in key)]
    for v_shape in (model.shape, model.shape[1:], ()):
        args = [rng.normal(size=shape), rng.normal(size=v_shape), *arrays]
        for choice in mappings(len(args)):
            places = _mapped_arrays(arrays, choice[2:])
            given_args = [np.stack([x, x + 1, -x]) if m else x for x, m in zip(args[:2], choice[:2], strict=True)]
            axes = tuple(0 if m else None for m in choice)
            assert_maps(lambda a, v, *i: apply(TABLE["index_set"], a, v, *i, key=key), [*given_args, *places], axes, 2)


# ------------------------------------------------------------------------------------------------- what is no primitive


def test_functions_of_numpy_go_along_their_axis_or_one_by_one() -> None:
    x = rng.normal(size=(3, 4, 5))
    for f in (lambda x: mg.sort(x, axis=0), lambda x: mg.argsort(x, axis=-1), lambda x: mg.argmax(x, axis=1), mg.argmax,
              lambda x: mg.any(x > 1, axis=1), mg.all, lambda x: mg.count_nonzero(x > 0, axis=(0, 1)), mg.sum):  # fmt: skip
        check(f, [x], 0)
    table = np.sort(rng.normal(size=6))
    check(mg.searchsorted, [table, x[0, 0]], 0)
    check(lambda a: mg.linalg.eigvals(a), [rng.normal(size=(3, 3))], 0)


def test_random_numbers_are_drawn_for_every_example() -> None:
    mg.manual_seed(0)
    noise = mg.vmap(lambda x: x + mg.random.normal((4,)))(mg.zeros((5, 4)))
    assert len(np.unique(noise.data)) == 20
    mg.manual_seed(0)
    np.testing.assert_array_equal(noise.data, np.stack([mg.random.normal((4,)).data for _ in range(5)]))
    chances = mg.tensor([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(mg.vmap(mg.bernoulli)(chances).data, chances.data)
