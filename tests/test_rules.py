"""Every row of the rulebook, by being in the table: finite differences, adjoints, second order, agreement of worlds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import microgradient as mg
from domains import CASES, COMPLEX, INTERNAL, PARAMS, POINTWISE, SPECIAL, WITHOUT_DERIVATIVE
from microgradient.array_world import ARRAY
from microgradient.explain.symbolic_world import expression, partial
from microgradient.operators import apply
from microgradient.primitives import TABLE
from microgradient.scalar_world import SCALAR

SMOOTH = sorted(POINTWISE)
LINEAR_ALGEBRA = {
    "norm",
    "cholesky",
    "cofactor",
    "inv",
    "det",
    "slogdet",
    "solve",
    "pinv",
    "eigh",
    "eig",
    "lu",
    "matrix_exp",
    "solve_triangular",
    "svd",
    "qr",
}  # in test_linalg.py


def function(name, *rest):
    """The primitive as a function of its differentiable arguments."""
    if name == "where":
        return lambda a, b: apply(TABLE[name], np.array(rest[0]), a, b)
    return lambda *args: apply(TABLE[name], *args, **PARAMS.get(name, {}))


def test_every_row_has_a_test_domain():
    known = set(POINTWISE) | WITHOUT_DERIVATIVE | set(CASES) | set(COMPLEX) | INTERNAL | LINEAR_ALGEBRA
    assert set(TABLE) - known == set()


def test_every_row_has_a_kernel_in_the_array_world():
    assert [name for name in TABLE if not callable(getattr(ARRAY, name, None))] == []


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_pointwise_derivatives_agree_with_differences(name, data):
    domain = POINTWISE[name]
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=len(domain), max_dims=2, max_side=3, min_side=0))
    args = [
        data.draw(hnp.arrays(np.float64, shape, elements=st.floats(lo, hi)))
        for shape, (lo, hi) in zip(shapes.input_shapes, domain, strict=True)
    ]
    condition = data.draw(st.booleans())
    mg.check_gradients(function(name, condition), *args, order=2, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(CASES))
def test_other_rows_agree_with_differences(name):
    for varied, rest, params in CASES[name]:
        mg.check_gradients(lambda *a, r=rest, p=params: apply(TABLE[name], *a, *r, **p), *varied, order=2)


@pytest.mark.parametrize("name", sorted(CASES))
def test_rows_keep_the_dtype(name):
    for varied, rest, params in CASES[name]:
        leaves = [mg.tensor(v.astype(np.float32), requires_grad=True) for v in varied]
        params = {**params, "dtype": np.dtype(np.float32)} if name == "astype" else params
        y = apply(TABLE[name], *leaves, *rest, **params)
        assert y.dtype == np.float32
        y.backward(np.ones(y.shape, np.float32))
        assert [leaf.grad.dtype for leaf in leaves] == [np.float32] * len(leaves)
        assert [leaf.grad.shape for leaf in leaves] == [v.shape for v in varied]


@pytest.mark.parametrize("name", SMOOTH)
def test_pointwise_rows_keep_the_dtype(name):
    points = [np.array([(lo + hi) / 2], np.float32) for lo, hi in POINTWISE[name]]
    leaves = [mg.tensor(x, requires_grad=True) for x in points]
    y = function(name, True)(*leaves)
    assert y.dtype == np.float32
    y.backward(create_graph=True)
    assert all(leaf.grad is None or leaf.grad.dtype == np.float32 for leaf in leaves)


@pytest.mark.parametrize("name", [n for n in SMOOTH if n not in SPECIAL or TABLE[n].formula])
def test_pointwise_rows_are_sympys_derivative(name):
    import sympy

    domain = POINTWISE[name]
    symbols = sympy.symbols(f"a:{len(domain)}", real=True)
    rest = (sympy.true,) if name == "where" else ()
    whole = expression(name, *rest, *symbols, **PARAMS.get(name, {}))
    rng = np.random.default_rng(1)
    for i, symbol in enumerate(symbols):
        ours = partial(TABLE[name], i + len(rest), *rest, *symbols, **PARAMS.get(name, {}))
        theirs = sympy.diff(whole, symbol)
        ties = name in ("maximum", "minimum")  # there sympy's derivative is another, which simplify takes long to see
        if not ties and sympy.simplify(ours - theirs) == 0:
            continue
        for _ in range(5):  # where simplify can't see it: equal to 30 digits at random points of the domain
            point = {s: sympy.Float(rng.uniform(lo, hi), 40) for s, (lo, hi) in zip(symbols, domain, strict=True)}
            difference = sympy.N((ours - theirs).subs(point).doit(), 35)
            assert abs(difference) < sympy.Float("1e-30"), (name, symbol, point, difference)


@pytest.mark.parametrize("name", [n for n in SMOOTH if hasattr(SCALAR, n)])
def test_scalar_and_array_worlds_agree(name):
    rng = np.random.default_rng(7)
    op, params = TABLE[name], PARAMS.get(name, {})
    for _ in range(20):
        point = [float(rng.uniform(lo, hi)) for lo, hi in POINTWISE[name]]
        arrays = [np.asarray(x) for x in point]
        if name == "where":
            point, arrays = [True, *point], [np.asarray(True), *arrays]
        y = getattr(SCALAR, name)(*point, **params)
        y_array = getattr(ARRAY, name)(*arrays, **params)
        assert math.isclose(y, float(y_array), rel_tol=1e-12, abs_tol=1e-12)
        for rule in op.maps:
            if rule is not None:
                scalar = rule(SCALAR, 1.7, y, *point, **params)
                assert math.isclose(
                    scalar,
                    float(rule(ARRAY, np.asarray(1.7), y_array, *arrays, **params)),
                    rel_tol=1e-11,
                    abs_tol=1e-12,
                )


@pytest.mark.parametrize("name", sorted(WITHOUT_DERIVATIVE & set(TABLE)))
def test_rows_without_a_derivative_leave_no_tape(name):
    kind = np.bool_ if name.startswith("logical") else np.int64 if name.startswith("bitwise") else np.float64
    x = mg.tensor(np.array([1, 0], kind))
    if kind is np.float64:
        x.requires_grad = True
    y = apply(TABLE[name], *([x] * len(TABLE[name].maps)))
    assert not y.requires_grad


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: apply(TABLE["relu"], x), [0.0, -0.0, -1.0, 1.0], [0, 0, 0, 1]),
        (lambda x: apply(TABLE["abs"], x), [0.0, -2.0], [0, -1]),
        (lambda x: apply(TABLE["maximum"], x, mg.tensor([1.0, 1.0, 1.0])), [1.0, 2.0, 0.0], [0.5, 1, 0]),
        (lambda x: apply(TABLE["minimum"], x, mg.tensor([1.0, 1.0, 1.0])), [1.0, 2.0, 0.0], [0.5, 0, 1]),
        (lambda x: apply(TABLE["max"], x, axis=(0,), keepdims=False), [3.0, 1.0, 3.0], [0.5, 0, 0.5]),
        (lambda x: apply(TABLE["min"], x, axis=(0,), keepdims=False), [1.0, 1.0, 3.0], [0.5, 0.5, 0]),
        (lambda x: apply(TABLE["clip"], x, -1.0, 1.0), [-1.0, 1.0, 2.0, 0.0], [1, 1, 0, 1]),
        (lambda x: apply(TABLE["clip"], x, -1.0, 1.0), [math.nan], [0]),
        (lambda x: apply(TABLE["hypot"], x, mg.tensor([0.0])), [0.0], [0]),
        (lambda x: x**0, [0.0, 2.0], [0, 0]),
        (lambda x: x**2, [0.0, 3.0], [0, 6]),
        (lambda x: 0.0**x, [0.0, 2.0], [0, 0]),
        (lambda x: apply(TABLE["sqrt"], x), [0.0], [math.inf]),
    ],
)
def test_conventions_at_kinks(f, x, expected):
    leaf = mg.tensor(x, requires_grad=True)
    y = f(leaf)
    y.backward(np.ones(y.shape, np.float32))
    np.testing.assert_array_equal(leaf.grad.data, np.asarray(expected, np.float32))


def test_second_derivative_of_a_power_at_zero():
    assert mg.grad(mg.grad(lambda x: x**2))(0.0).item() == 2.0
    assert mg.grad(mg.grad(lambda x: x**1))(0.0).item() == 0.0


@pytest.mark.parametrize("n", [0.5, -0.5, -1, 1, 3, 1.5])
def test_a_power_is_the_same_with_and_without_a_gradient(n):
    points = [-math.inf, -2.0, -0.0, 0.0, 0.7, math.inf, math.nan]
    leaf = mg.tensor(points, requires_grad=True)
    assert repr((leaf**n).tolist()) == repr((mg.tensor(points) ** n).tolist()) == repr(mg.pow(leaf, n).tolist())


def test_a_row_saves_only_what_it_reads():
    assert TABLE["add"].reads([True, True]) == (False, False, False)
    assert TABLE["exp"].reads([True]) == (True, False)
    assert TABLE["log"].reads([True]) == (False, True)
    assert TABLE["divide"].reads([True, False]) == (False, False, True)
    assert TABLE["divide"].reads([True, True]) == (True, False, True)
    assert TABLE["multiply"].reads([True, False]) == (False, False, True)
    assert TABLE["matmul"].reads([False, True]) == (False, True, False)
