"""Factors, solutions and functions of matrices beyond the standard: what they satisfy, and their derivatives of two orders."""

from __future__ import annotations

import math

import numpy as np
import pytest

import microgradient as mg
from microgradient import linalg
from microgradient.errors import ArgumentError, LinAlgError, ShapeError

rng = np.random.default_rng(77)


def a(*shape):
    return rng.normal(size=shape)


def z(*shape):
    return a(*shape) + 1j * a(*shape)


def close(x, y):
    np.testing.assert_allclose(mg.asarray(x).raw, mg.asarray(y).raw, rtol=1e-9, atol=1e-9)


LOWER = np.tril(a(3, 3)) + 3 * np.eye(3)
GRADIENTS = {
    "solve_triangular": (lambda x, b: linalg.solve_triangular(x, b, upper=True), (a(3, 3) + 3 * np.eye(3), a(3))),
    "from the right": (lambda x, b: linalg.solve_triangular(x, b, left=False), (a(2, 2, 2), a(3, 2))),
    "lu": (lambda x: linalg.lu(x)[1:], (a(2, 3, 3),)), "lu wide": (lambda x: linalg.lu(x)[1:], (a(2, 4),)),
    "lu tall": (lambda x: linalg.lu(x)[1:], (a(4, 2),)), "lu complex": (lambda x: linalg.lu(x)[1:], (z(3, 3),)),
    "lu_factor": (lambda x: linalg.lu_factor(x)[0], (a(2, 3, 3),)),
    "lu_solve": (lambda x, b: linalg.lu_solve(*linalg.lu_factor(x), b), (a(2, 3, 3), a(3, 2))),
    "cholesky_solve": (linalg.cholesky_solve, (LOWER, a(3, 2))), "cholesky_inverse": (linalg.cholesky_inverse, (LOWER,)),
    "lstsq tall": (lambda x, b: tuple(linalg.lstsq(x, b)[:2]), (a(2, 4, 2), a(4, 1))),
    "lstsq wide": (lambda x, b: linalg.lstsq(x, b)[0], (a(2, 3), a(2))),
    "tensorsolve": (linalg.tensorsolve, (a(2, 2, 4), a(2, 2))), "tensorinv": (linalg.tensorinv, (a(2, 2, 4),)),
    "matrix_exp": (linalg.matrix_exp, (a(2, 2, 2),)), "matrix_exp complex": (linalg.matrix_exp, (z(2, 2),)),
    "expm_multiply": (linalg.expm_multiply, (a(3, 3), a(3))),
    "multi_dot": (lambda *m: linalg.multi_dot(m), (a(2), a(2, 3), a(3, 2))),
    "householder_product": (linalg.householder_product, (a(2, 4, 3), a(2, 2))),
    "householder complex": (linalg.householder_product, (z(3, 2), z(2))),
    "vander": (lambda x: linalg.vander(x, n=4), (np.array([[0.0, 0.5], [-2.0, 0.0]]),)),
    "cond": (lambda x: tuple(linalg.cond(x, ord=o) for o in (None, -2, 1, "fro", "nuc")), (a(2, 3, 3),)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_derivatives_agree_with_differences(name):
    f, args = GRADIENTS[name]
    mg.check_gradients(f, *args, atol=1e-6, rtol=2e-5)


@pytest.mark.parametrize("name", GRADIENTS)
def test_compiled_and_mapped(name):
    f, args = GRADIENTS[name]
    args = [mg.tensor(x) for x in args]

    def flat(*xs):
        y = f(*xs)
        return mg.concat([mg.reshape(part, (-1,)) for part in (y if isinstance(y, tuple) else (y,))])

    close(mg.compile(lambda *xs: flat(*xs))(*args), flat(*args))
    close(
        mg.vmap(flat)(*(mg.stack([x, x * 0.5]) for x in args)), mg.stack([flat(*args), flat(*(x * 0.5 for x in args))])
    )


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 2), (2, 2, 5), (0, 3, 3), (2, 0, 0)])
@pytest.mark.parametrize("make", [a, z])
def test_lu(shape, make):
    x = make(*shape)
    p, lower, upper = linalg.lu(x)
    close(p.astype(upper.dtype) @ lower @ upper, x)
    assert (mg.abs(lower) <= (1 + 1e-12 if make is a else 2)).all()
    close(mg.tril(lower), lower)
    close(mg.triu(upper), upper)
    packed, pivots = linalg.lu_factor(x)
    k = min(shape[-2:])
    close(packed[..., :k, :k], (mg.tril(lower, k=-1)[..., :k, :] + upper[..., :, :k]))
    assert pivots.dtype == np.int64
    if shape[-1] == shape[-2]:
        b = make(shape[-1], 2)
        close(x @ linalg.lu_solve(packed, pivots, b).raw, np.broadcast_to(b, (*shape[:-1], 2)))


def test_factorisation_without_a_change_of_rows():
    x = np.array([[1.0, 2.0, 0.5], [3.0, 1.0, 1.0], [0.2, 4.0, 2.0]])
    from microgradient.array_world import ARRAY

    lower, upper = ARRAY.lu(x)
    close(lower @ upper, x)
    close(np.triu(upper), upper)


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("unitriangular", [True, False])
def test_triangular_solutions(upper, unitriangular):
    for make in (a, z):
        x, b = make(2, 3, 3) + 3 * np.eye(3), make(3, 2)
        whole = np.triu(x) if upper else np.tril(x)
        if unitriangular:
            whole = whole - whole * np.eye(3) + np.eye(3)
        options = {"upper": upper, "unitriangular": unitriangular}
        close(whole @ linalg.solve_triangular(x, b, **options).raw, np.broadcast_to(b, (2, 3, 2)))
        close(linalg.solve_triangular(x, b.T, left=False, **options).raw @ whole, np.broadcast_to(b.T, (2, 2, 3)))
        close(whole[0] @ linalg.solve_triangular(x[0], b[:, 0], **options).raw, b[:, 0])


def test_solutions_from_factors():
    for make in (a, z):
        x = make(3, 3)
        x, b = x @ x.conj().T + np.eye(3), make(3, 2)
        for upper in (True, False):
            factor = linalg.cholesky(x, upper=upper)
            close(x @ linalg.cholesky_solve(factor, b, upper=upper).raw, b)
            close(linalg.cholesky_inverse(factor, upper=upper), np.linalg.inv(x))


def test_least_squares_are_numpys():
    for shape in [(5, 3), (3, 5), (4, 4)]:
        x, b = a(*shape), a(shape[0], 2)
        y, residuals, rank, s = linalg.lstsq(x, b)
        theirs = np.linalg.lstsq(x, b)
        close(y, theirs[0])
        close(s, theirs[3])
        assert rank.item() == theirs[2]
        close(residuals, theirs[1] if theirs[1].size else np.zeros(2))
    x = a(4, 2) @ a(2, 3)  # of rank 2
    close(linalg.lstsq(x, x @ np.ones(3)).solution, np.linalg.lstsq(x, x @ np.ones(3), rcond=1e-10)[0])


def test_functions_of_matrices_are_scipys_and_numpys():
    import scipy.linalg

    for x in (a(2, 3, 3) * 3, z(3, 3), np.zeros((2, 2)), np.zeros((0, 0))):
        close(linalg.matrix_exp(x), scipy.linalg.expm(x) if x.size else x)
        close(linalg.expm_multiply(x, np.ones(x.shape[-1])), linalg.matrix_exp(x).raw @ np.ones(x.shape[-1]))
    chain = [a(4, 2), a(2, 5), a(5, 1), a(1, 3)]
    close(linalg.multi_dot(chain), np.linalg.multi_dot(chain))
    close(
        linalg.multi_dot([chain[0][0], *chain[1:3], chain[3][:, 0]]),
        np.linalg.multi_dot([chain[0][0], *chain[1:3], chain[3][:, 0]]),
    )
    x = a(3)
    close(linalg.vander(x), np.vander(x, increasing=True))
    for order in (None, 2, -2, 1, -1, math.inf, "fro", "nuc"):
        y = a(3, 3)
        close(linalg.cond(y, ord=order), np.linalg.cond(y, order))
    close(linalg.tensorinv(a4 := a(2, 3, 6)), np.linalg.tensorinv(a4))
    x, b = a(2, 3, 6), a(2, 3)
    close(linalg.tensorsolve(x, b), np.linalg.tensorsolve(x, b))
    x = a(2, 6, 3)
    close(linalg.tensorsolve(x, b, axes=(1,)), np.linalg.tensorsolve(x, b, axes=(1,)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.solve_triangular([[0.0]], [[1.0]]), LinAlgError, "0 on its diagonal"),
        (lambda: linalg.solve_triangular(mg.eye(2), mg.ones((3, 1))), ShapeError, "don't fit"),
        (lambda: linalg.lstsq(mg.eye(2), mg.ones(3)), ShapeError, "length 2"),
        (lambda: linalg.tensorsolve(mg.ones((2, 3)), mg.ones(2)), ShapeError, "square"),
        (lambda: linalg.tensorinv(mg.ones((2, 3)), ind=1), ShapeError, "different numbers"),
        (lambda: linalg.tensorinv(mg.ones((2, 3)), ind=2), ArgumentError, "both sides"),
        (lambda: linalg.expm_multiply([[math.inf]], [1.0]), ArgumentError, "NaN or infinite"),
        (lambda: linalg.multi_dot([mg.eye(2)]), ArgumentError, "at least two"),
        (lambda: linalg.multi_dot([mg.eye(2), mg.eye(3)]), ShapeError, "chain"),
        (lambda: linalg.householder_product(mg.ones((2, 3)), mg.ones(2)), ShapeError, "k ≤ n ≤ m"),
        (lambda: linalg.vander(1.0), ShapeError, "vector"),
        (lambda: linalg.vander([1.0], n=0), ArgumentError, "at least one power"),
        (lambda: linalg.cond(mg.ones((2, 3)), ord=1), ShapeError, "square"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_pivots_are_lapacks():
    import scipy.linalg

    for shape in [(5, 5), (4, 3), (3, 4)]:
        x = a(*shape)
        np.testing.assert_array_equal(linalg.lu_factor(x).pivots.raw, scipy.linalg.lu_factor(x)[1])
