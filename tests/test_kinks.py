"""Derivatives at kinks and infinities: first ones by the rulebook's conventions, second ones right or NaN, in every world."""

from __future__ import annotations

import math

import numpy as np
import pytest

import microgradient as mg
from microgradient import linalg

INF, NAN = math.inf, math.nan
ZERO = np.zeros(2)


def squares(f):
    return lambda x: f(x) ** 2


# a function that is smooth at the point although what it is made of has a kink there, and its Hessian; None: it has none
HESSIANS = {
    "norm²": (squares(linalg.vector_norm), ZERO, 2 * np.eye(2)),
    "norm⁴": (lambda x: linalg.vector_norm(x) ** 4, ZERO, np.zeros((2, 2))),
    "norm": (linalg.vector_norm, ZERO, None),
    "norm² of rows": (lambda x: mg.sum(linalg.vector_norm(x, axis=1) ** 2), np.array([[0.0, 0.0], [3, 4]]), None),
    "norm of order 1": (squares(lambda x: linalg.vector_norm(x[:1], ord=1)), ZERO, np.diag([2.0, 0])),
    "norm of order 1.5": (squares(lambda x: linalg.vector_norm(x[:1], ord=1.5)), ZERO, np.diag([2.0, 0])),
    "norm of order 3": (squares(lambda x: linalg.vector_norm(x[:1], ord=3)), ZERO, np.diag([2.0, 0])),
    "norm of order 4": (squares(lambda x: linalg.vector_norm(x[:1], ord=4)), ZERO, np.diag([2.0, 0])),
    "norm of order 4 beside a zero": (lambda x: linalg.vector_norm(x, ord=4), np.array([0.0, 2]), np.zeros((2, 2))),
    "norm of order ∞": (squares(lambda x: linalg.vector_norm(x[:1], ord=INF)), ZERO, np.diag([2.0, 0])),
    "matrix norm": (squares(lambda x: linalg.matrix_norm(x[None])), ZERO, 2 * np.eye(2)),
    "spectral norm": (squares(lambda x: linalg.matrix_norm(x[None], ord=2)), ZERO, 2 * np.eye(2)),
    "nuclear norm": (squares(lambda x: linalg.matrix_norm(x[None], ord="nuc")), ZERO, 2 * np.eye(2)),
    "abs": (lambda x: mg.sum(mg.abs(x) ** 2), ZERO, 2 * np.eye(2)),
    "copysign": (lambda x: mg.sum(mg.copysign(x, 1.0) ** 2), ZERO, 2 * np.eye(2)),
    "hypot": (squares(lambda x: mg.hypot(x[0], x[1])), ZERO, 2 * np.eye(2)),
    "atan2": (lambda x: mg.atan2(x[0], x[1]), ZERO, None),
    "√": (squares(lambda x: mg.sqrt(mg.sum(x * x))), ZERO, 2 * np.eye(2)),
    "std": (squares(mg.std), np.ones(2), np.array([[0.5, -0.5], [-0.5, 0.5]])),
    "var": (mg.var, np.ones(2), np.array([[0.5, -0.5], [-0.5, 0.5]])),
    "huber": (lambda x: mg.sum(mg.nn.functional.huber_loss(x, mg.zeros_like(x))), ZERO, np.eye(2) / 2),
    "logsumexp": (mg.logsumexp, np.full(2, -INF), np.zeros((2, 2))),
    "logaddexp": (lambda x: mg.logaddexp(x[0], x[1]), np.full(2, -INF), np.zeros((2, 2))),
}


def worlds(f, x):
    """The Hessian of `f` in every way to get it."""
    x, gradient = mg.tensor(x), mg.grad(f)
    columns = [mg.jvp(gradient, (x,), (mg.tensor(e.reshape(x.shape)),))[1].numpy() for e in np.eye(x.size)]
    return {
        "backward over backward": mg.hessian(f)(x).numpy(),
        "forward over backward": np.stack(columns, axis=-1).reshape(*x.shape, *x.shape),
        "compiled": mg.compile(mg.hessian(f))(x).numpy(),
        "vmap": mg.vmap(mg.hessian(f))(mg.stack([x, x])).numpy()[1],
    }


@pytest.mark.parametrize("name", HESSIANS)
def test_a_second_derivative_is_right_or_nan(name):
    f, x, true = HESSIANS[name]
    for world, found in worlds(f, x).items():
        if true is None:
            assert np.isnan(found).any(), world
        else:
            np.testing.assert_allclose(found, np.where(np.isnan(found), NAN, true), atol=1e-6, err_msg=world)


@pytest.mark.parametrize("name", ["huber", "var", "norm of order 4 beside a zero", "logsumexp", "logaddexp"])
def test_what_has_no_kink_there_is_not_nan(name):
    assert all(np.isfinite(found).all() for found in worlds(*HESSIANS[name][:2]).values())


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_losses_that_are_quadratic_near_zero_have_its_second_derivative(beta):
    F, d = mg.nn.functional, mg.tensor([-3.0, -0.1, 0.0, 0.1, 3.0])
    for loss, scale in ((F.smooth_l1_loss, 1 / beta), (F.huber_loss, 1.0)):
        option = {"beta" if loss is F.smooth_l1_loss else "delta": beta}
        found = mg.hessian(lambda d, g=loss, o=option: g(d, mg.zeros((5,)), reduction="sum", **o))(d)
        np.testing.assert_allclose(found.numpy(), np.diag([0, scale, scale, scale, 0]))


GRADIENTS = {
    "logsumexp of nothing": (mg.logsumexp, [-INF, -INF], [0, 0]),
    "logsumexp of little": (mg.logsumexp, [-INF, 1.0], [0, 1]),
    "logsumexp of rows": (lambda x: mg.logsumexp(mg.reshape(x, (2, 2)), axis=1)[1], [-INF, -INF, 0.0, 0.0], [0, 0, 0.5, 0.5]),
    "logaddexp of nothing": (lambda x: mg.logaddexp(x[0], x[1]), [-INF, -INF], [0, 0]),
    "logaddexp of little": (lambda x: mg.logaddexp(x[0], x[1]), [-INF, 1.0], [0, 1]),
    "logaddexp of much": (lambda x: mg.logaddexp(x[0], x[1]), [INF, 0.0], [1, 0]),
    "a running logaddexp": (lambda x: mg.logaddexp(mg.logaddexp(x[0], x[1]), x[2]), [-INF, -INF, 2.0], [0, 0, 1]),
    "softmax": (lambda x: mg.softmax(x)[1], [-INF, 0.0, 0.0], [0, 0.25, -0.25]),
    "log_softmax": (lambda x: mg.log_softmax(x)[1], [-INF, 0.0, 0.0], [0, 0.5, -0.5]),
    "atan2 at 0": (lambda x: mg.atan2(x[0], x[1]), [0.0, 0.0], [0, 0]),
    "atan2 of the small": (lambda x: mg.atan2(x[0] * 1e-30, x[1] * 1e-30), [1.0, 1.0], [0.5, -0.5]),
    "atan2 of the large": (lambda x: mg.atan2(x[0] * 1e30, x[1] * 1e30), [1.0, 1.0], [0.5, -0.5]),
    "max of a NaN": (mg.max, [1.0, NAN], [0, 1]),
    "min of two NaNs": (mg.min, [NAN, 1.0, NAN], [0.5, 0, 0.5]),
    "max of rows": (lambda x: mg.sum(mg.max(mg.reshape(x, (2, 2)), axis=1)), [1.0, NAN, 2.0, 2.0], [0, 1, 0.5, 0.5]),
    "norm at 0": (linalg.vector_norm, [0.0, 0.0], [0, 0]),
    "norm of order 3 at 0": (lambda x: linalg.vector_norm(x, ord=3), [0.0, 0.0], [0, 0]),
    "norm of order 4 at 0": (lambda x: linalg.vector_norm(x, ord=4), [0.0, 0.0], [0, 0]),
    "norm of order 4": (lambda x: linalg.vector_norm(x, ord=4), [-2.0, 0.0], [-1, 0]),
    "std of a constant": (mg.std, [1.0, 1.0], [0, 0]),
    "hypot at 0": (lambda x: mg.hypot(x[0], x[1]), [0.0, 0.0], [0, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_first_derivatives_at_kinks_and_infinities(name):
    f, x, wanted = GRADIENTS[name]
    x = mg.tensor(x)
    jacobian = [mg.jvp(f, (x,), (mg.tensor(e, mg.float32),))[1].item() for e in np.eye(x.size)]
    for found in (mg.grad(f)(x), mg.compile(mg.grad(f))(x), mg.vmap(mg.grad(f))(mg.stack([x, x]))[1], jacobian):
        np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-6)


def test_the_convention_for_values_holds_for_single_numbers():
    a, b = mg.Value(0.0), mg.Value(0.0)
    (a.atan2(b) + a.hypot(b) + abs(a)).backward()
    assert (a.grad, b.grad) == (0.0, 0.0)
    a, b = mg.Value(-INF), mg.Value(-INF)
    a.logaddexp(b).backward()
    assert (a.grad, b.grad) == (0.0, 0.0)
