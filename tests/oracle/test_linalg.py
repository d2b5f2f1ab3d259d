"""Linear algebra against PyTorch: values, gradients and second derivatives; signatures against the standard's own package.

Eigenvectors, singular vectors and QR factors are unique up to signs, so what is compared are functions that do not see these.
"""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import microgradient as mg

torch = pytest.importorskip("torch")
strict = pytest.importorskip("array_api_strict")

_rng = np.random.default_rng(5)
SQUARE, TALL, WIDE = (2, 3, 3), (2, 4, 3), (3, 5)


def _norms():
    for order in ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf]:
        yield f"matrix_norm {order}", (lambda lib, x, o=order: lib.matrix_norm(x, ord=o)), [TALL]
    for order in [0.5, 1, 2, 3, -1, math.inf, -math.inf]:
        yield f"vector_norm {order}", (lambda lib, x, o=order: _vector_norm(lib, x, o)), [TALL]


def _vector_norm(lib, x, order):
    axis = "dim" if lib is torch.linalg else "axis"
    return lib.vector_norm(x, ord=order, **{axis: (0, 2)}), lib.vector_norm(x, ord=order, **{axis: 1})


def _spd(x):
    """A symmetric positive definite matrix made of x."""
    y = x @ x.mT
    return y + (torch.eye(3, dtype=torch.float64) if isinstance(y, torch.Tensor) else mg.asarray(np.eye(3)))


def _scaled(x):
    """1, 2, 3 as weights for the columns of x: enough to tell them apart."""
    weights = np.arange(1.0, x.shape[-1] + 1)
    return x * (torch.tensor(weights) if isinstance(x, torch.Tensor) else weights)


def _eigh(lib, x):
    w, v = lib.eigh(_spd(x))
    return _scaled(v) @ v.mT, w


def _svd(lib, x):
    u, s, vh = lib.svd(x, full_matrices=False)
    return _scaled(u) @ vh, s, _scaled(u) @ u.mT


def _qr(lib, x):
    q, r = lib.qr(x)
    return _scaled(q) @ q.mT, _scaled(r.mT) @ r


CASES = [
    ("inv", lambda lib, x: lib.inv(x), [SQUARE]),
    ("det", lambda lib, x: lib.det(x), [SQUARE]),
    ("slogdet", lambda lib, x: tuple(lib.slogdet(x))[1], [SQUARE]),
    ("solve", lambda lib, x, y: lib.solve(x, y), [SQUARE, (3, 2)]),
    ("solve vector", lambda lib, x, y: lib.solve(x, y), [(3, 3), (3,)]),
    ("cholesky", lambda lib, x: lib.cholesky(_spd(x)), [SQUARE]),
    ("cholesky upper", lambda lib, x: lib.cholesky(_spd(x), upper=True), [SQUARE]),
    ("eigh", _eigh, [SQUARE]),
    ("eigvalsh", lambda lib, x: lib.eigvalsh(_spd(x)), [SQUARE]),
    *((f"svd {shape}", _svd, [shape]) for shape in (SQUARE, TALL, WIDE)),
    ("svdvals", lambda lib, x: lib.svdvals(x), [TALL]),
    *((f"qr {shape}", _qr, [shape]) for shape in (SQUARE, TALL)),
    *((f"pinv {shape}", lambda lib, x: lib.pinv(x), [shape]) for shape in (SQUARE, TALL, WIDE)),
    *((f"matrix_power {n}", (lambda lib, x, n=n: lib.matrix_power(x, n)), [SQUARE]) for n in (1, 2, 5, -2)),
    ("cross", lambda lib, x, y: lib.cross(x, y), [TALL, (1, 4, 3)]),
    ("diagonal", lambda lib, x: lib.diagonal(x, offset=-1), [TALL]),
    ("vecdot", lambda lib, x, y: lib.vecdot(x, y), [TALL, (3,)]),
    ("matmul", lambda lib, x, y: lib.matmul(x, y), [TALL, (3,)]),
    *_norms(),
]  # fmt: skip


def _tuple(y):
    return tuple(y) if isinstance(y, tuple | list) else (y,)


@pytest.mark.parametrize("case", [pytest.param(c[1:], id=c[0]) for c in CASES])
def test_values_gradients_and_second_derivatives_are_pytorchs(case):
    f, shapes = case
    arrays = [_rng.normal(size=shape) for shape in shapes]
    steps = [_rng.normal(size=shape) for shape in shapes]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    outputs = _tuple(f(torch.linalg, *theirs))
    weights = [_rng.normal(size=tuple(y.shape)) for y in outputs]

    def ours(*xs):
        return sum(mg.sum(y * mg.asarray(w)) for y, w in zip(_tuple(f(mg.linalg, *xs)), weights, strict=True))

    for y, expected in zip(_tuple(f(mg.linalg, *map(mg.asarray, arrays))), outputs, strict=True):
        np.testing.assert_allclose(np.asarray(y), expected.detach().numpy(), rtol=1e-9, atol=1e-9)
    loss = sum((y * torch.tensor(w)).sum() for y, w in zip(outputs, weights, strict=True))
    first = torch.autograd.grad(loss, theirs, create_graph=True)
    numbers = tuple(range(len(arrays)))
    for g, expected in zip(mg.grad(ours, argnums=numbers)(*map(mg.asarray, arrays)), first, strict=True):
        np.testing.assert_allclose(np.asarray(g), expected.detach().numpy(), rtol=1e-7, atol=1e-7)
    inner = sum((g * torch.tensor(v)).sum() for g, v in zip(first, steps, strict=True))
    if not inner.requires_grad:
        return  # piecewise linear: PyTorch keeps no graph
    second = torch.autograd.grad(inner, theirs, allow_unused=True)

    def along(*xs):
        return sum(mg.sum(g * mg.asarray(v)) for g, v in zip(mg.grad(ours, argnums=numbers)(*xs), steps, strict=True))

    for h, expected in zip(mg.grad(along, argnums=numbers)(*map(mg.asarray, arrays)), second, strict=True):
        reference = np.zeros(h.shape) if expected is None else expected.numpy(force=True)
        np.testing.assert_allclose(np.asarray(h), reference, rtol=1e-5, atol=1e-5)


SPECS = ["ij,jk->ik", "bij,bjk->bik", "ii->i", "ii", "...ij,...kj->...ik", "ij,kl", "ijk->k", "i,i,i->i"]


@pytest.mark.parametrize("spec", SPECS)
def test_einsum_is_pytorchs(spec):
    lengths = dict(zip("ijklb", (3, 3, 2, 4, 2), strict=True))
    terms = spec.split("->")[0].replace("...", "b").split(",")
    arrays = [_rng.normal(size=[lengths[c] for c in term]) for term in terms]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = torch.einsum(spec, *theirs)
    w = _rng.normal(size=tuple(y.shape))
    leaves = [mg.tensor(a, requires_grad=True) for a in arrays]
    ours = mg.einsum(spec, *leaves)
    np.testing.assert_allclose(np.asarray(ours.detach()), y.detach().numpy(), atol=1e-12)
    ours.backward(w)
    y.backward(torch.tensor(w))
    for leaf, t in zip(leaves, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(leaf.grad), t.grad.numpy(), atol=1e-12)


FUNCTIONS = sorted({*strict.linalg.__all__, "eig", "eigvals"})  # the last two came with 2025.12


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signatures_are_the_standards(name):
    def shape(function):
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    assert shape(getattr(mg.linalg, name)) == shape(getattr(strict.linalg, name))
    assert name in mg.linalg.__all__


def test_main_namespace_has_its_four():
    for name in ("matmul", "tensordot", "vecdot"):
        assert getattr(mg, name) is getattr(mg.linalg, name)
