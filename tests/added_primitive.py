"""A primitive from outside: its row, kernel, lowering and domain. A pytest plugin, and the tests of every world for it.

`test_added_primitive.py` runs this in a process of its own; see there.
"""

from __future__ import annotations

import numpy as np
import pytest

import domains
import microgradient as mg
from microgradient.explain.symbolic_world import partial
from microgradient.native.codegen.pointwise import lowering
from microgradient.operators import apply
from microgradient.primitives import TABLE, pointwise
from microgradient.scalar import Value

pointwise(
    "softsign",
    lambda xp, t, y, a: t / xp.square(1 + xp.abs(a)),
    floats=True, doc="x / (1 + |x|)", example="1.0 -> 0.5", kernel=lambda a: a / (1 + np.abs(a)),
)  # fmt: skip
pointwise(
    "softdifference",  # of two arguments
    lambda xp, t, y, a, b: t / xp.square(1 + xp.abs(a - b)), lambda xp, t, y, a, b: -t / xp.square(1 + xp.abs(a - b)),
    floats=True, doc="softsign(x1 - x2)", example="2.0, 1.0 -> 0.5",
    kernel=lambda a, b: (a - b) / (1 + np.abs(a - b)),
)  # fmt: skip
domains.POINTWISE["softsign"] = ((0.1, 3),)
domains.POINTWISE["softdifference"] = ((1, 2), (-2, 0.9))
lowering("softsign", lambda a: a / (1 + a.abs()))

X = np.linspace(-2, 2, 24).reshape(4, 6) + 0.013


def test_eager_and_taped_to_second_order():
    x = mg.tensor(X, requires_grad=True)
    y = mg.softsign(x)
    np.testing.assert_allclose(y.data, X / (1 + abs(X)))
    assert x.softsign().tolist() == y.tolist() == np.asarray(apply(TABLE["softsign"], x).data).tolist()
    y.backward(np.ones_like(X))
    np.testing.assert_allclose(x.grad.data, 1 / (1 + abs(X)) ** 2)
    mg.check_gradients(mg.softsign, X, order=2)
    mg.check_gradients(mg.softdifference, X, X[::-1] + 0.3, order=2)
    assert mg.softsign(mg.tensor([1, 3])).tolist() == [0.5, 0.75]
    assert "softsign" in mg.functions.pointwise.__all__
    assert "x / (1 + |x|)" in mg.softsign.__doc__


def test_vmap():
    np.testing.assert_allclose(mg.vmap(mg.grad(mg.softsign))(mg.tensor(X[0])).data, 1 / (1 + abs(X[0])) ** 2)


def test_compiled():
    def step(x, y):
        return mg.sum(mg.softsign(x * 2) + mg.softdifference(x, y), axis=1), mg.grad(lambda x: mg.sum(mg.softsign(x)))(
            x
        )

    compiled = mg.compile(step)
    x, y = mg.tensor(X), mg.tensor(X[::-1].copy())
    for ours, theirs in zip(compiled(x, y), step(x, y), strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12)
    calls = compiled.stats()["host_calls"]
    assert "softsign" not in calls
    assert "softdifference" in calls  # it has no lowering


def expected(a, b):
    return a / (1 + abs(a)) * b + (a - b) / (1 + abs(a - b))


def test_value_and_value_compiled():
    def f(a, b):
        return a.softsign() * b + a.softdifference(b)

    a, b = Value(0.7), Value(-1.2)
    y = f(a, b)
    y.backward()
    assert y.data == pytest.approx(expected(0.7, -1.2), rel=1e-15)
    assert a.grad == pytest.approx((expected(0.7 + 1e-6, -1.2) - expected(0.7 - 1e-6, -1.2)) / 2e-6, rel=1e-8)
    compiled = mg.compile(f)
    for at in (0.7, -3.0):
        assert compiled(Value(at), Value(-1.2)).data == f(Value(at), Value(-1.2)).data


def test_symbolic_and_why():
    import sympy

    x = sympy.Symbol("x", real=True)
    assert float(partial("softsign", 0, x).subs(x, 0.5)) == pytest.approx(1 / 1.5**2)
    with mg.trace():
        w = mg.tensor([0.5, -2.0], requires_grad=True)
        mg.sum(mg.softsign(w)).backward()
        assert "softsign" in str(mg.why(w, (0,)))


def test_numpy_dispatch():
    """A ufunc that is the kernel of a row runs that row."""
    ufunc = np.frompyfunc(lambda a: a * a * a, 1, 1)
    pointwise("cube", lambda xp, t, y, a: t * (3 * xp.square(a)), kernel=ufunc, doc="x³", example="2 -> 8")
    x = mg.tensor([2.0, 3.0], requires_grad=True)
    assert getattr(ufunc(x).node.op, "name", "") == "cube"
    assert ufunc(Value(2.0)).data == 8


def test_a_missing_kernel_is_a_clear_error():
    pointwise("nowhere", lambda xp, t, y, a: t, doc="Nothing", example="1 -> 1")
    with pytest.raises(NotImplementedError, match=r"`nowhere` has no kernel.*kernel=.*MG145"):
        mg.nowhere(1.0)
    mg.compile(lambda x: x + 1)(mg.tensor(1.0))  # the others go on


def test_names_are_taken_once():
    with pytest.raises(ValueError, match=r"primitive `softsign` already.*MG124"):
        pointwise("softsign", None)
