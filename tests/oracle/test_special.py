"""Special functions against PyTorch: values and derivatives, where it has them."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg

torch = pytest.importorskip("torch")
X = np.array([0.1, 0.3, 0.5, 0.9])
NAMES = {
    "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1", "modified_bessel_i0": "i0",
    "modified_bessel_i1": "i1", "modified_bessel_k0": "k0", "modified_bessel_k1": "k1", "scaled_modified_bessel_k0": "k0e",
    "scaled_modified_bessel_k1": "k1e", "i0": "i0", "i1": "i1", "i0e": "i0e", "i1e": "i1e", "airy_ai": "airy_ai", "ndtr": "ndtr",
    "log_ndtr": "log_ndtr", "ndtri": "ndtri", "erfcx": "erfcx", "entr": "entr", "logit": "logit", "expit": "expit",
    "sinc": "sinc", "gammaln": "gammaln", "psi": "psi",
}  # fmt: skip
WITHOUT_GRADIENT = {n for n in NAMES if "bessel" in n or n == "airy_ai"}  # in PyTorch


@pytest.mark.parametrize("name", NAMES)
def test_of_one_argument(name):
    a, b = mg.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=name not in WITHOUT_GRADIENT)
    y, z = getattr(mg.special, NAMES[name])(a), getattr(torch.special, name)(b)
    np.testing.assert_allclose(y.raw, z.detach().numpy(), rtol=1e-7)
    if name not in WITHOUT_GRADIENT:
        y.sum().backward()
        z.sum().backward()
        np.testing.assert_allclose(a.grad.raw, b.grad.numpy(), rtol=1e-7)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "xlogy", "xlog1py", "zeta"])
def test_of_two_arguments(name):
    first, second = X + 1.5, X * 3
    a, b = mg.tensor(second, requires_grad=True), torch.tensor(second, requires_grad=True)
    y, z = getattr(mg.special, name)(first, a), getattr(torch.special, name)(torch.tensor(first), b)
    np.testing.assert_allclose(y.raw, z.detach().numpy(), rtol=1e-7)
    y.sum().backward()
    z.sum().backward()
    np.testing.assert_allclose(a.grad.raw, b.grad.numpy(), rtol=1e-7)


POLYNOMIALS = {
    "chebyshev_polynomial_t": "eval_chebyt", "chebyshev_polynomial_u": "eval_chebyu", "chebyshev_polynomial_v": "eval_chebyv",
    "chebyshev_polynomial_w": "eval_chebyw", "hermite_polynomial_h": "eval_hermite", "hermite_polynomial_he": "eval_hermitenorm",
    "laguerre_polynomial_l": "eval_laguerre", "legendre_polynomial_p": "eval_legendre",
}  # fmt: skip


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name):
    for n in range(6):
        ours = getattr(mg.special, POLYNOMIALS[name])(n, X)
        np.testing.assert_allclose(
            ours.raw, getattr(torch.special, name)(torch.tensor(X), n).numpy(), rtol=1e-7, atol=1e-9
        )
