"""Sparse matrices: SciPy's values, gradients in the values and the dense operand, compiled, edges."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import microgradient as mg
from microgradient import sparse
from microgradient.errors import ArgumentError, OutOfRangeError, ShapeError

rng = np.random.default_rng(15)
ROWS, COLUMNS = np.array([0, 2, 2, 0, 3]), np.array([1, 0, 1, 1, 4])  # (0, 1) twice, row 1 empty
VALUES = rng.normal(size=5)
SCIPY = scipy.sparse.coo_array((VALUES, (ROWS, COLUMNS)), shape=(4, 5))
B, C = rng.normal(size=(5, 3)), rng.normal(size=(2, 4))
FORMATS = {
    "coo": lambda v: sparse.coo(v, ROWS, COLUMNS, shape=(4, 5)),
    "csr": lambda v: sparse.coo(v, ROWS, COLUMNS, shape=(4, 5)).to_csr(),
}


def close(x, y):
    np.testing.assert_allclose(mg.asarray(x).raw, y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS)
def test_values_are_scipys(make):
    a, dense = make(VALUES), SCIPY.toarray()
    assert (a.shape, a.nnz, a.dtype, a.ndim) == ((4, 5), 5, np.float64, 2)
    close(a.to_dense(), dense)
    close(a @ B, dense @ B)
    close(a @ B[:, 0], dense @ B[:, 0])
    close(C @ a, C @ dense)
    close(C[0] @ a, C[0] @ dense)
    close(mg.asarray(C) @ a, C @ dense)
    close(a.T.to_dense(), dense.T)
    assert type(a.T) is type(a)
    for axis in (None, 0, 1, -1):
        close(a.sum(axis=axis), dense.sum(axis=axis))
    close((a * 2.5).to_dense(), dense * 2.5)
    close((np.arange(5.0) * a).to_dense(), dense * np.arange(5.0))
    close((a * np.arange(4.0)[:, None] / 2).to_dense(), dense * np.arange(4.0)[:, None] / 2)
    close((-a).to_dense(), -dense)
    close(a.to_coo().to_csr().to_dense(), dense)
    close(
        a.with_values(np.ones(5)).to_dense(),
        scipy.sparse.coo_array((np.ones(5), (ROWS, COLUMNS)), shape=(4, 5)).toarray(),
    )


@pytest.mark.parametrize("format", ["coo", "csr", "csc", "dok"])
def test_from_scipy_and_back(format):
    theirs = SCIPY.asformat(format)
    ours = sparse.from_scipy(theirs)
    assert type(ours) is (sparse.CSR if format == "csr" else sparse.COO)
    close(ours.to_dense(), theirs.toarray())
    assert ours.to_scipy().format == ("csr" if format == "csr" else "coo")
    np.testing.assert_array_equal(ours.to_scipy().toarray(), theirs.toarray())


OPERATIONS = {
    "product": (lambda a, b: a @ b, (VALUES, B)), "with a vector": (lambda a, b: a @ b, (VALUES, B[:, 0])),
    "from the left": (lambda a, c: c @ a, (VALUES, C)), "transposed": (lambda a, c: a.T @ c, (VALUES, C.T)),
    "dense": (lambda a: a.to_dense(), (VALUES,)), "sum": (lambda a: a.sum(axis=1), (VALUES,)),
    "scaled": (lambda a, b: (a * b).to_dense(), (VALUES, rng.normal(size=(4, 5)))),
    "divided": (lambda a, b: (a / b).sum(), (VALUES, rng.uniform(1, 2, size=(4, 1)))),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS)
def test_derivatives_and_compiled(make, name):
    f, (values, *rest) = OPERATIONS[name]

    def of(v, *dense):
        return f(make(v), *dense)

    mg.check_gradients(of, values, *rest)
    args = [mg.tensor(x) for x in (values, *rest)]
    gradient = mg.grad(lambda *xs: mg.sum(of(*xs) ** 2), argnums=tuple(range(len(args))))
    for g in (of, gradient):
        ours, theirs = mg.compile(lambda *xs, g=g: g(*xs))(*args), g(*args)
        for x, y in zip(*(t if isinstance(t, tuple) else (t,) for t in (ours, theirs)), strict=True):
            np.testing.assert_allclose(x.raw, y.raw, rtol=1e-10, atol=1e-12)


def test_the_gradient_is_as_sparse_as_the_values():
    v = mg.tensor(VALUES, requires_grad=True)
    mg.sum(FORMATS["csr"](v) @ B).backward()
    close(v.grad, B.sum(axis=1)[COLUMNS])


def test_complex_values():
    mg.check_gradients(lambda v, b: FORMATS["coo"](v) @ b, VALUES * (1 + 2j), B * 1j)
    mg.check_gradients(lambda v, b: FORMATS["coo"](v) @ b, VALUES, B * 1j)


def test_from_dense_and_without_entries():
    x = mg.tensor([[0.0, 2.0], [3.0, 0.0]], requires_grad=True)
    a = sparse.from_dense(x)
    assert repr(a) == "COO(shape=(2, 2), nnz=2, dtype=float32)"
    (a @ mg.ones(2)).sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]]
    empty = sparse.csr(np.zeros(0), np.zeros(0, int), [0, 0, 0], shape=(2, 3))
    close(empty @ np.ones(3), np.zeros(2))
    close(empty.T.to_dense(), np.zeros((3, 2)))
    assert sparse.coo([1, 2], [0, 0], [0, 0], shape=(1, 1)).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sparse.coo([1.0], [0, 1], [0, 1], shape=(2, 2)), ShapeError, "one value for each of 2"),
        (lambda: sparse.coo([1.0], [0], [0, 1], shape=(2, 2)), ShapeError, "as many"),
        (lambda: sparse.coo([1.0], [2], [0], shape=(2, 2)), OutOfRangeError, "no row 2"),
        (lambda: sparse.coo([1.0], [0], [-1], shape=(2, 2)), OutOfRangeError, "no column -1"),
        (lambda: sparse.csr([1.0], [0], [0, 1], shape=(2, 2)), ShapeError, "3 starts"),
        (lambda: sparse.csr([1.0], [0], [0, 1, 0], shape=(2, 2)), ArgumentError, "from 0 up to 1"),
        (lambda: FORMATS["coo"](VALUES) @ B.T, ShapeError, "multiplied"),
        (lambda: FORMATS["coo"](VALUES) * np.ones(3), ValueError, "broadcast"),
        (lambda: FORMATS["coo"](VALUES) * np.ones((2, 4, 5)), ShapeError, "broadcast"),
        (lambda: FORMATS["coo"](VALUES).sum(axis=2), ArgumentError, "axes 0 and 1"),
        (lambda: sparse.from_scipy(np.ones((2, 2))), ArgumentError, "ndarray"),
        (lambda: sparse.from_dense([1.0]), ShapeError, "2 axes"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_coalesced_places_are_there_once_and_in_order():
    def f(v):
        return sparse.coo(v, ROWS, COLUMNS, shape=(4, 5)).coalesce()

    found = f(VALUES)
    close(found.to_dense(), SCIPY.toarray())
    assert found.nnz == 4
    assert np.all(np.diff(found.rows.raw * 5 + found.columns.raw) > 0)
    v = mg.tensor(VALUES, requires_grad=True)
    mg.check_gradients(lambda v: f(v).values ** 2, v)
    empty = sparse.coo(np.zeros(0), np.zeros(0, int), np.zeros(0, int), shape=(3, 0)).coalesce()
    assert (empty.nnz, empty.shape) == (0, (3, 0))
