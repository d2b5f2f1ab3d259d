"""Factors and solutions beyond the array API standard against PyTorch: values, gradients and second derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg

torch = pytest.importorskip("torch")
rng = np.random.default_rng(21)


def a(*shape):
    return rng.normal(size=shape)


SPD = np.eye(3) * 2 + a(3, 3) * 0.1
CASES = {
    "lu": (lambda x: mg.linalg.lu(x)[1:], lambda x: torch.linalg.lu(x)[1:], [a(2, 3, 3)]),
    "lu tall": (lambda x: mg.linalg.lu(x)[1:], lambda x: torch.linalg.lu(x)[1:], [a(4, 2)]),
    "lu wide": (lambda x: mg.linalg.lu(x)[1:], lambda x: torch.linalg.lu(x)[1:], [a(2, 4)]),
    "lu_solve": (lambda x, b: mg.linalg.lu_solve(*mg.linalg.lu_factor(x), b),
                 lambda x, b: torch.linalg.lu_solve(*torch.linalg.lu_factor(x), b), [a(2, 3, 3), a(2, 3, 2)]),
    "solve_triangular": (lambda x, b: mg.linalg.solve_triangular(x, b, upper=True),
                         lambda x, b: torch.linalg.solve_triangular(x, b, upper=True), [a(3, 3), a(3, 2)]),
    "cholesky_inverse": (lambda x: mg.linalg.cholesky_inverse(mg.tril(x)),
                         lambda x: torch.cholesky_inverse(torch.tril(x)), [SPD]),
    "lstsq": (lambda x, b: mg.linalg.lstsq(x, b)[0], lambda x, b: torch.linalg.lstsq(x, b)[0], [a(4, 2), a(4, 3)]),
    "matrix_exp": (mg.linalg.matrix_exp, torch.linalg.matrix_exp, [a(2, 3, 3)]),
    "householder_product": (mg.linalg.householder_product, torch.linalg.householder_product, [a(4, 3), a(3)]),
    "multi_dot": (lambda *m: mg.linalg.multi_dot(m), lambda *m: torch.linalg.multi_dot(m), [a(2, 3), a(3, 4), a(4)]),
    "tensorinv": (mg.linalg.tensorinv, torch.linalg.tensorinv, [a(2, 2, 4)]),
    "tensorsolve": (mg.linalg.tensorsolve, torch.linalg.tensorsolve, [a(2, 2, 4), a(2, 2)]),
    "vander": (lambda x: mg.linalg.vander(x, n=5), lambda x: torch.linalg.vander(x, N=5), [a(2, 3)]),
    "cond": (mg.linalg.cond, torch.linalg.cond, [a(2, 3, 3)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_values_and_two_derivatives(name):
    ours, theirs, arrays = CASES[name]
    first = [mg.tensor(x, requires_grad=True) for x in arrays], mg.sum
    second = [torch.tensor(x, requires_grad=True) for x in arrays], torch.sum
    seen = []
    for f, (leaves, total) in ((ours, first), (theirs, second)):
        ys = f(*leaves)
        ys = ys if isinstance(ys, tuple) else (ys,)
        found = list(ys)
        value = sum(total(y**3) for y in ys)
        for _ in range(2 if name not in ("lu_solve",) else 1):
            if isinstance(value, mg.Tensor):
                value.backward(create_graph=True)
                grads = [x.grad for x in leaves]
                for x in leaves:
                    x.grad = None
            else:
                grads = torch.autograd.grad(value, leaves, create_graph=True)
            found += grads
            value = sum(total(g * g) for g in grads)
        seen.append([getattr(y, "raw", None) if isinstance(y, mg.Tensor) else y.detach().numpy() for y in found])
    for x, y in zip(*seen, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-8)
