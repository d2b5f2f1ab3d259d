"""Linear algebra: differences and adjoints for every row, reconstruction, NumPy's values over many shapes, kinks, errors."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradient as mg
from microgradient import rules_linalg
from microgradient.errors import ArgumentError, DTypeError, GradientError, LinAlgError, ShapeError
from microgradient.functions import linalg
from microgradient.functions.products import einsum
from microgradient.operators import apply
from microgradient.primitives import TABLE

_rng = np.random.default_rng(20261123)
ORDERS = ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf]
VECTOR_ORDERS = [0, 1, 2, 3, 0.5, -1, -2.5, math.inf, -math.inf]


def _a(*shape):
    return _rng.normal(size=shape)


def _spd(*shape):
    a = _a(*shape)
    return a @ a.swapaxes(-1, -2) + np.eye(shape[-1])


def _low_rank(*shape):
    return _a(*shape[:-1], 2) @ _a(*shape[:-2], 2, shape[-1])


# ---------------------------------------------------------------------------------------------- derivatives, row by row

EMPTY = np.zeros((2, 0, 0))
ROWS = {
    "norm": [((_a(3, 2, 2),), {"axis": (0, 2), "keepdims": k}) for k in (True, False)]
    + [((_a(3),), {"axis": (0,), "keepdims": False}), ((_a(2, 0),), {"axis": (1,), "keepdims": False})],
    "solve": [((_a(3, 3), _a(3, 2)), {}), ((_a(2, 3, 3), _a(3, 1)), {}), ((_a(2, 2), _a(3, 2, 1)), {}),
              ((EMPTY, np.zeros((0, 2))), {})],
    "inv": [((_a(3, 3),), {}), ((_a(2, 1, 2, 2),), {}), ((EMPTY,), {})],
    "pinv": [((_a(*s),), {"rtol": None}) for s in [(3, 2), (2, 3), (2, 3, 3), (0, 2)]],
    "det": [((_a(3, 3),), {}), ((_a(2, 2, 2, 2),), {}), ((_a(1, 1),), {}), ((EMPTY,), {})],
    "cofactor": [((_a(3, 3),), {}), ((_a(2, 2, 2),), {}), ((EMPTY,), {}), ((_a(4, 4), _a(4, 4)), {}),
                 ((_a(2, 3, 3), _a(2, 3, 3)), {}), ((_a(3, 3), _a(3, 3), _a(3, 3)), {}), ((EMPTY, EMPTY), {})],
    "slogdet": [((_a(3, 3),), {}), ((_a(2, 2, 2),), {}), ((EMPTY,), {})],
    "solve_triangular": [((_a(3, 3), _a(3, 2)), {"upper": u, "unit": not u}) for u in (True, False)]
    + [((_a(2, 2, 2), _a(2, 1)), {"upper": True, "unit": False}), ((EMPTY, np.zeros((0, 2))), {"upper": True, "unit": True})],
    "matrix_exp": [((_a(3, 3),), {}), ((_a(2, 2, 2),), {}), ((EMPTY,), {})],
    "lu": [((_a(3, 3) + 4 * np.eye(3),), {}), ((_a(2, 2, 2),), {}), ((EMPTY,), {})],
    "cholesky": [((_spd(3, 3),), {}), ((_spd(2, 2, 2),), {}), ((EMPTY,), {})],
    "eigh": [((_a(3, 3),), {}), ((_a(2, 2, 2),), {}), ((EMPTY,), {})],
    "svd": [((_a(*s),), {}) for s in [(3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 0, 3), (0, 0)]],
    "qr": [((_a(*s),), {}) for s in [(3, 3), (4, 2), (2, 3, 2), (3, 0)]],
}  # fmt: skip
SINGLE = [(name, i) for name, cases in ROWS.items() for i in range(len(cases))]


def test_every_row_of_this_part_of_the_rulebook_is_here():
    source = {
        name
        for name, row in TABLE.items()
        if row.maps[0] is not None and row.maps[0].__module__ == rules_linalg.__name__
    }
    # a reduction, which rules.py knows how to differentiate; and what gives complex numbers, in test_complex.py
    assert source | {"norm"} == {*ROWS, "eig"}


@pytest.mark.parametrize(("name", "case"), SINGLE)
def test_rows_agree_with_differences_and_are_adjoint(name, case):
    args, params = ROWS[name][case]
    mg.check_gradients(lambda *xs: apply(TABLE[name], *xs, **params), *args, order=2, atol=1e-6)


@pytest.mark.parametrize("name", ["solve", "inv", "pinv", "det", "slogdet", "cholesky", "eigh", "svd", "qr"])
def test_third_derivatives(name):
    args, params = ROWS[name][0]
    mg.check_gradients(lambda *xs: apply(TABLE[name], *xs, **params), *args, order=3, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["eigh", "svd", "qr", "slogdet"])
def test_each_result_alone_has_its_derivative(name):
    args, params = ROWS[name][1]
    for i in range(len(apply(TABLE[name], *map(mg.tensor, args), **params))):
        mg.check_gradients(lambda *xs, i=i: apply(TABLE[name], *xs, **params)[i], *args, order=2, atol=1e-6)


@pytest.mark.parametrize("name", list(ROWS))
def test_rows_keep_float32(name):
    args, params = ROWS[name][0]
    leaves = [mg.tensor(a.astype(np.float32), requires_grad=True) for a in args]
    y = apply(TABLE[name], *leaves, **params)
    for part in y if isinstance(y, tuple) else (y,):
        assert part.dtype == np.float32
        part.backward(np.ones(part.shape, np.float32), retain_graph=True, create_graph=True)
    assert all(leaf.grad.dtype == np.float32 for leaf in leaves)


COMPOSITES = [
    (lambda a: linalg.qr(a), _a(2, 2, 4)), (lambda a: linalg.qr(a, mode="complete"), _a(3, 4)),
    (lambda a: linalg.svd(a), _a(3, 3)), (linalg.svdvals, _a(2, 3)), (linalg.eigvalsh, _a(3, 3)),
    (lambda a: linalg.cholesky(a, upper=True), _spd(2, 3, 3)),
    (lambda a: linalg.matrix_power(a, 5), _a(3, 3)), (lambda a: linalg.matrix_power(a, -3), _a(2, 2, 2)),
    (lambda a: linalg.trace(a, offset=1), _a(2, 3, 4)), (lambda a: linalg.diagonal(a, offset=-1), _a(2, 4, 3)),
    (linalg.matrix_transpose, _a(2, 3, 2)),
    *((lambda a, o=o: linalg.matrix_norm(a, ord=o), _a(2, 3, 4)) for o in ORDERS),
    *((lambda a, o=o: linalg.vector_norm(a, ord=o, axis=(0, 2)), _a(2, 3, 2)) for o in VECTOR_ORDERS),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(COMPOSITES)))
def test_composites_agree_with_differences(case):
    f, x = COMPOSITES[case]
    mg.check_gradients(f, x, order=2, atol=1e-6)


@pytest.mark.parametrize("n", [2, 3])
def test_solve_of_a_vector_agrees_with_differences(n):
    mg.check_gradients(linalg.solve, _a(n, n), _a(n), order=2, atol=1e-6)
    mg.check_gradients(linalg.solve, _a(2, n, n), _a(n), order=2, atol=1e-6)


# -------------------------------------------------------------------------------------- where derivatives need some care


def _gradient(f, x):
    return mg.grad(f)(mg.tensor(x)).numpy()


def _minors(a):
    """The matrix of cofactors by its definition."""
    n = len(a)
    rest = [[i for i in range(n) if i != j] for j in range(n)]
    return np.array(
        [[(-1) ** (i + j) * np.linalg.det(a[np.ix_(rest[i], rest[j])]) for j in range(n)] for i in range(n)]
    )


@pytest.mark.parametrize("rank", [4, 3, 2, 0])
def test_the_gradient_of_a_determinant_is_the_cofactors_at_any_rank(rank):
    a = _a(4, rank) @ _a(rank, 4)
    np.testing.assert_allclose(_gradient(linalg.det, a), _minors(a), atol=1e-12)


def _second_minors(a):
    """The Hessian of the determinant by its definition."""
    n = len(a)
    hessian = np.zeros((n,) * 4)
    for i, j, k, m in np.ndindex(n, n, n, n):
        if i != k and j != m:
            rest = [[x for x in range(n) if x not in pair] for pair in ((i, k), (j, m))]
            sign = (-1) ** (i + j + k + m + (i < k) + (j < m))
            hessian[i, j, k, m] = sign * np.linalg.det(a[np.ix_(*rest)])
    return hessian


@pytest.mark.parametrize("world", [lambda f: f, mg.compile, lambda f: lambda x: mg.vmap(f)(mg.stack([x, x]))[1]])
@pytest.mark.parametrize(
    ("n", "rank"), [(5, 5), (5, 4), (5, 3), (5, 2), (3, 2), (3, 1), (3, 0), (2, 1), (2, 0), (1, 0)]
)
def test_the_hessian_of_a_determinant_is_that_of_a_polynomial_at_any_rank(n, rank, world):
    a = _a(n, rank) @ _a(rank, n)
    np.testing.assert_allclose(world(mg.hessian(linalg.det))(mg.tensor(a)).numpy(), _second_minors(a), atol=1e-12)


def test_determinants_of_a_stack_have_derivatives_of_every_order():
    stack = np.stack([np.zeros((3, 3)), np.eye(3), np.ones((3, 3)), np.diag([1.0, 0, 0]), _a(3, 3)])
    hessian = mg.hessian(lambda x: mg.sum(linalg.det(x)))(mg.tensor(stack)).numpy()
    for i, a in enumerate(stack):
        np.testing.assert_allclose(hessian[i, :, :, i], _second_minors(a), atol=1e-13)
    signs = np.zeros((3, 3, 3))
    for place in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        signs[place], signs[place[::-1]] = 1, -1
    third = np.einsum("ikm,jln->ijklmn", signs, signs)
    for a in stack:
        np.testing.assert_allclose(mg.jacobian(mg.hessian(linalg.det))(mg.tensor(a)).numpy(), third, atol=1e-13)


def test_the_hessian_of_a_large_determinant_is_as_exact_as_the_matrix_allows():
    q, _ = np.linalg.qr(_a(20, 20))
    r, _ = np.linalg.qr(_a(20, 20))
    s = np.array([0.0, 0.0, *np.geomspace(1e-3, 1, 18)])  # of rank n - 2: all that is left is the product of the others
    t = _a(20, 20)
    _, found = mg.jvp(mg.grad(linalg.det), (mg.tensor(q @ np.diag(s) @ r),), (mg.tensor(t),))
    inner = (q.T @ t @ r.T)[:2, :2]
    cofactors = np.zeros((20, 20))
    cofactors[:2, :2] = [[inner[1, 1], -inner[1, 0]], [-inner[0, 1], inner[0, 0]]]
    wanted = np.linalg.det(q) * np.linalg.det(r) * np.prod(s[2:]) * q @ cofactors @ r
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-10 * np.abs(wanted).max())


def test_pinv_of_deficient_rank_has_the_derivative_of_matrices_of_that_rank():
    left, right = _a(4, 2), _a(2, 3)
    mg.check_gradients(lambda p, q: linalg.pinv(linalg.matmul(p, q)), left, right, order=2, atol=1e-5)


def test_pinv_of_equal_singular_values_and_of_zero():
    mg.check_gradients(linalg.pinv, np.eye(3), order=2)
    assert not _gradient(lambda x: einsum("ij->", linalg.pinv(x)), np.zeros((2, 3))).any()


def test_eigenvalues_have_derivatives_where_they_are_equal_and_eigenvectors_do_not():
    a = np.diag([2.0, 2.0, 5.0])
    cube = _gradient(lambda x: einsum("i->", linalg.eigvalsh(x) ** 3), a)
    np.testing.assert_allclose(cube, 3 * a @ a, atol=1e-12)  # Σλ³ = tr A³
    weights = mg.tensor(_a(3, 3))
    assert not np.isfinite(_gradient(lambda x: einsum("ij,ij->", linalg.eigh(x).eigenvectors, weights), a)).all()


def test_singular_values_have_derivatives_where_they_are_equal():
    np.testing.assert_allclose(
        _gradient(lambda x: einsum("i->", linalg.svdvals(x) ** 2), np.eye(3)), 2 * np.eye(3), atol=1e-12
    )


@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_a_norm_has_derivative_zero_at_zero(order):
    f = lambda x: linalg.vector_norm(x, ord=order)
    assert not _gradient(f, np.zeros(3)).any()


@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2, 3, -1])
def test_a_norm_of_a_vector_with_one_zero_has_a_finite_derivative(order):
    x = np.array([3.0, 0.0, -4.0])
    g = _gradient(lambda x: linalg.vector_norm(x, ord=order), x)
    rest = _gradient(lambda x: linalg.vector_norm(x, ord=order), x[[0, 2]])
    np.testing.assert_allclose(g, [rest[0], 0, rest[1]] if order > 0 else np.zeros(3))


@pytest.mark.parametrize("order", ORDERS)
def test_a_matrix_norm_has_derivative_zero_at_zero(order):
    assert not _gradient(lambda x: linalg.matrix_norm(x, ord=order), np.zeros((2, 3))).any()


def test_norms_of_very_large_and_very_small_numbers():
    for scale in (1e200, 1e-200):
        for x in (np.array([3.0, 4.0]) * scale, np.array([[3.0, 4.0], [0.0, 0.0]]) * scale):
            expected = np.array([5.0, 0.0])[: x.ndim if x.ndim > 1 else 1] * scale
            np.testing.assert_allclose(linalg.vector_norm(mg.tensor(x), axis=-1).data, expected.reshape(x.shape[:-1]))
        np.testing.assert_allclose(_gradient(linalg.vector_norm, np.array([3.0, 4.0]) * scale), [0.6, 0.8])
    assert linalg.vector_norm(mg.tensor([math.inf, 1.0])).item() == math.inf
    assert math.isnan(linalg.vector_norm(mg.tensor([math.nan, 1.0])).item())


@pytest.mark.parametrize("f", [linalg.cholesky, linalg.eigvalsh])
def test_gradients_at_symmetric_matrices_are_symmetric(f):
    y = f(mg.tensor(_spd(3, 3)))
    g = _gradient(lambda x: linalg.tensordot(f(x), mg.tensor(_a(*y.shape)), axes=y.ndim), _spd(3, 3))
    np.testing.assert_array_equal(g, g.T)


# ------------------------------------------------------------------------------------- values: identities and NumPy's own

batches = st.sampled_from([(), (2,), (3, 1), (0,), (2, 0)])
sides = st.integers(0, 4)
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float32, np.float64, np.complex64, np.complex128])


def _draw(seed, shape, dtype):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=shape)
    return (a + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else a).astype(dtype)


def _close(ours, theirs, factor=200.0):
    ours = ours.data if isinstance(ours, mg.Tensor) else ours
    assert ours.shape == np.shape(theirs)
    assert ours.dtype == theirs.dtype
    eps = np.finfo(ours.dtype).eps
    np.testing.assert_allclose(
        ours, theirs, rtol=factor * eps, atol=factor * eps * max(1.0, np.abs(theirs).max(initial=0))
    )


def _mH(a):
    return np.conj(np.swapaxes(a, -1, -2))


@settings(deadline=None, max_examples=60)
@given(seeds, batches, sides, sides, dtypes)
def test_factors_multiply_to_the_matrix(seed, batch, m, n, dtype):
    a = _draw(seed, (*batch, m, n), dtype)
    k = min(m, n)
    for full in (True, False):
        u, s, vh = (part.data for part in linalg.svd(mg.tensor(a), full_matrices=full))
        _close((u[..., :, :k] * s[..., None, :]) @ vh[..., :k, :], a)
        _close(_mH(u) @ u, np.broadcast_to(np.eye(u.shape[-1], dtype=dtype), (*batch, u.shape[-1], u.shape[-1])))
        _close(vh @ _mH(vh), np.broadcast_to(np.eye(vh.shape[-2], dtype=dtype), (*batch, vh.shape[-2], vh.shape[-2])))
        assert s.dtype == np.zeros(0, dtype).real.dtype
        assert (np.diff(s, axis=-1) <= 0).all()
        q, r = (part.data for part in linalg.qr(mg.tensor(a), mode="complete" if full else "reduced"))
        _close(q @ r, a)
        _close(_mH(q) @ q, np.broadcast_to(np.eye(q.shape[-1], dtype=dtype), (*batch, q.shape[-1], q.shape[-1])))
        assert not np.tril(r, -1).any()
    a = (u[..., :, :k] * (s[..., None, :] + 1)) @ vh[..., :k, :]  # no singular value near 0
    p = linalg.pinv(mg.tensor(a)).data
    _close(a @ p @ a, a)
    _close(p @ a @ p, p)


@settings(deadline=None, max_examples=60)
@given(seeds, batches, sides, dtypes)
def test_square_matrices(seed, batch, n, dtype):
    a = _draw(seed, (*batch, n, n), dtype)
    hermitian = a + _mH(a)
    positive = a @ _mH(a) + np.eye(n, dtype=dtype)
    lower = linalg.cholesky(mg.tensor(positive)).data
    _close(lower @ _mH(lower), positive)
    _close(linalg.cholesky(mg.tensor(positive), upper=True), _mH(lower))
    w, v = (part.data for part in linalg.eigh(mg.tensor(hermitian)))
    _close(v * w[..., None, :], hermitian @ v)
    _close(linalg.eigvalsh(mg.tensor(hermitian)), w)
    w, v = (part.data for part in linalg.eig(mg.tensor(a)))
    _close(v * w[..., None, :], (a @ v).astype(w.dtype), 2000)
    assert linalg.eigvals(mg.tensor(a)).dtype == w.dtype
    solution = linalg.solve(mg.tensor(positive), mg.tensor(a)).data
    _close(positive @ solution, a, 1e4)
    _close(linalg.inv(mg.tensor(positive)).data @ positive, np.broadcast_to(np.eye(n, dtype=dtype), a.shape), 1e4)
    sign, logabs = linalg.slogdet(mg.tensor(a))
    _close(linalg.det(mg.tensor(a)), np.linalg.det(a))
    _close(sign.data * np.exp(logabs.data), np.linalg.det(a), 1e4)
    power = linalg.matrix_power(mg.tensor(a), 3)
    _close(power, a @ a @ a)
    _close(linalg.matrix_power(mg.tensor(a), 0), np.broadcast_to(np.eye(n, dtype=dtype), a.shape))


@settings(deadline=None, max_examples=60)
@given(seeds, batches, sides, sides, dtypes, st.booleans(), st.integers(-5, 5))
def test_norms_ranks_and_diagonals_are_numpys(seed, batch, m, n, dtype, keepdims, offset):
    a = _draw(seed, (*batch, m, n), dtype)
    x = mg.tensor(a)
    assert np.array_equal(linalg.matrix_rank(x).data, np.linalg.matrix_rank(a))
    _close(linalg.diagonal(x, offset=offset), np.linalg.diagonal(a, offset=offset))
    _close(linalg.trace(x, offset=offset), np.linalg.trace(a, offset=offset))
    _close(linalg.svdvals(x), np.linalg.svdvals(a))
    for order in ORDERS:
        if m and n:
            _close(
                linalg.matrix_norm(x, ord=order, keepdims=keepdims),
                np.linalg.matrix_norm(a, ord=order, keepdims=keepdims),
            )
    for order, axis in itertools.product(VECTOR_ORDERS, [None, 0, -1, (0, -1), (-2, -1)]):
        if a.size and (not isinstance(axis, tuple) or len({i % a.ndim for i in axis}) == 2):
            expected = np.linalg.vector_norm(a, ord=order, axis=axis, keepdims=keepdims)
            _close(linalg.vector_norm(x, ord=order, axis=axis, keepdims=keepdims), expected.astype(a.real.dtype), 2000)


# ------------------------------------------------------------------------------------------------------- dtypes and errors


def test_integers_become_the_default_float_where_floats_are_needed():
    x = mg.tensor([[2, 1], [1, 1]])
    assert linalg.inv(x).dtype == linalg.vector_norm(x).dtype == linalg.det(x).dtype == np.float32
    assert linalg.solve(x, mg.tensor([1.0, 0.0])).tolist() == [1.0, -1.0]
    assert linalg.matrix_power(x, 3).tolist() == [[13, 8], [8, 5]]
    assert linalg.matrix_power(x, 3).dtype == linalg.trace(x).dtype == np.int64
    assert linalg.trace(mg.tensor(np.eye(3, dtype=np.uint8))).dtype == np.uint64
    assert linalg.trace(x, dtype=np.float64).dtype == np.float64
    assert linalg.vecdot(mg.tensor(np.array([10, 10], np.int8)), mg.tensor(np.array([1, 1], np.int8))).dtype == np.int8
    assert linalg.matmul(x, mg.tensor([[0.5], [0.5]])).dtype == np.float32
    assert linalg.matmul(mg.tensor(np.eye(2)), mg.tensor([[0.5], [0.5]])).dtype == np.float64


def test_half_precision_is_refused():
    with pytest.raises(DTypeError, match="inv works with float32 and float64, not float16"):
        linalg.inv(mg.tensor(np.eye(2, dtype=np.float16)))


@pytest.mark.parametrize("f", [linalg.inv, linalg.det, linalg.slogdet, linalg.cholesky, linalg.eigh, linalg.eig,
                               linalg.eigvals, linalg.eigvalsh, lambda x: linalg.matrix_power(x, 2),
                               lambda x: linalg.solve(x, x)])  # fmt: skip
def test_matrices_that_are_not_square(f):
    with pytest.raises(ShapeError, match=r"needs square matrices; the shape is \(2, 3\)"):
        f(mg.tensor(np.ones((2, 3))))
    with pytest.raises(ShapeError, match=r"at least 2 axes, not shape \(3,\)"):
        f(mg.tensor(np.ones(3)))


def test_singular_matrices_are_named_with_their_numbers():
    stack = mg.tensor(np.array([np.eye(2), [[1.0, 2.0], [0.0, 0.0]]]), requires_grad=True)
    for f in (linalg.inv, lambda x: linalg.solve(x, mg.tensor([1.0, 2.0]))):
        with pytest.raises(LinAlgError, match=r"the matrix at \[1\] is singular: .* 2.24 down to 0\b"):
            f(stack)
    sign, logabs = linalg.slogdet(stack)
    assert sign.tolist() == [1, 0]
    assert logabs.tolist() == [0, -math.inf]
    with pytest.raises(LinAlgError, match="singular"):
        logabs.backward(np.ones(2))
    with pytest.raises(np.linalg.LinAlgError):  # NumPy's class too
        linalg.inv(stack)


def test_other_matrices_that_lapack_refuses():
    with pytest.raises(LinAlgError, match=r"\(2, 2\) is not positive definite: its smallest eigenvalue is -1"):
        linalg.cholesky(mg.tensor([[0.0, 1.0], [1.0, 0.0]]))
    with pytest.raises(LinAlgError, match="1 entries that are NaN"):
        linalg.svd(mg.tensor([[1.0, math.nan], [1.0, 2.0]]))
    with pytest.raises(LinAlgError, match="1 entries that are NaN"):
        linalg.eig(mg.tensor([[1.0, math.inf], [1.0, 2.0]]))


def test_what_has_no_derivative_says_so():
    wide = mg.tensor(np.ones((2, 3)), requires_grad=True)
    tall = mg.tensor(np.ones((3, 2)), requires_grad=True)
    for f, x in [(linalg.svd, wide), (lambda x: linalg.qr(x, mode="complete"), tall)]:
        with pytest.raises(GradientError, match=r"has no derivative here\. Use .*`x\.detach\(\)`"):
            f(x)
        f(x.detach())
        with mg.no_grad():
            f(x)


@pytest.mark.parametrize(
    ("f", "shapes", "message"),
    [
        (linalg.solve, [(3, 3), (2,)], r"right-hand sides of length 3, not \(2,\)"),
        (linalg.solve, [(2, 3, 3), (4, 3, 1)], "do not broadcast"),
        (lambda a: linalg.pinv(a, rtol=np.ones(3)), [(2, 2)], "one number, or one per matrix"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(f, shapes, message):
    with pytest.raises(ShapeError, match=message):
        f(*(mg.tensor(np.ones(s)) for s in shapes))


@pytest.mark.parametrize("f", [lambda x: linalg.qr(x, mode="raw"), lambda x: linalg.matrix_norm(x, ord=3),
                               lambda x: linalg.vector_norm(x, ord=-math.inf)])  # fmt: skip
def test_options_that_make_no_sense(f):
    with pytest.raises(ArgumentError, match="MG138"):
        f(mg.tensor(np.ones((0, 2))))


def test_tolerances():
    a = np.diag([1.0, 1e-3])
    assert linalg.matrix_rank(mg.tensor(a), rtol=1e-2).item() == 1
    stack = mg.tensor(np.array([a, a]))
    assert linalg.matrix_rank(stack, rtol=mg.tensor([1e-2, 1e-4])).tolist() == [1, 2]
    np.testing.assert_allclose(linalg.pinv(stack, rtol=np.array([1e-2, 1e-4])).data[:, 1, 1], [0, 1000])


def test_results_are_named():
    x = mg.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert linalg.eigh(x)._fields == ("eigenvalues", "eigenvectors")
    assert linalg.eig(x)._fields == ("eigenvalues", "eigenvectors")
    assert linalg.qr(x)._fields == ("Q", "R")
    assert linalg.slogdet(x)._fields == ("sign", "logabsdet")
    assert linalg.svd(x)._fields == ("U", "S", "Vh")


@pytest.mark.parametrize("x", [-np.inf, [np.inf], [np.inf, -np.inf], [np.inf, 1.0], [0.0, np.inf]])
@pytest.mark.parametrize("ord", [-1.0, -2.0, -0.5])
def test_a_norm_of_negative_order_is_infinite_where_all_entries_are(x, ord):
    with np.errstate(divide="ignore"):
        wanted = np.linalg.norm(np.ravel(x), ord=ord)
    assert mg.linalg.vector_norm(mg.tensor(x), ord=ord).item() == wanted


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["eigh", "eigvalsh", "svd", "pinv"])
def test_what_is_not_finite_has_no_eigenvalues(name, compiled):
    f = getattr(linalg, name)
    f = mg.compile(lambda x: tuple(y) if isinstance(y := getattr(linalg, name)(x), tuple) else y) if compiled else f
    with pytest.raises(mg.errors.LinAlgError, match=r"has [14] entries that are NaN or infinite.*MG137"):
        f(mg.tensor([[np.nan, 1.0], [1.0, 2.0]]))
