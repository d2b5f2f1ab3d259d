"""Complex numbers: `backward` against PyTorch, the transforms against JAX."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg

rng = np.random.default_rng(11)
Z, W, A, B = (rng.normal(size=s) + 1j * rng.normal(size=s) for s in ((5,), (5,), (3, 3), (3, 3)))
R = rng.normal(size=5)

# (ours, PyTorch's, JAX's, arguments)
POINTWISE = (
    "exp log log2 log10 log1p expm1 sqrt square sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid "
    "reciprocal abs angle"
)
OTHER = {"sign": "sgn", "conj": "conj", "real": "real", "imag": "imag"}
NAMES = {**{name: name for name in POINTWISE.split()}, **OTHER}
NOT_IN_JAX = {"sign", "eig"}  # its sign of complex numbers counts as flat, eigenvectors have no derivative


def hermitian(lib, a):
    return a @ lib.conj(a).mT


CASES = {
    "multiply": (lambda lib, a, b: a * b, (Z, W)), "real and complex": (lambda lib, a, b: a * b + a / b, (R, Z)),
    "divide": (lambda lib, a, b: a / b, (Z, W)), "power": (lambda lib, a, b: a**b, (Z, W)),
    "matmul": (lambda lib, a, b: a @ b, (A, B)), "modulus": (lambda lib, a: lib.abs(a * a) ** 2, (Z,)),
    "inv": (lambda lib, a: lib.linalg.inv(a), (A,)), "det": (lambda lib, a: lib.linalg.det(a), (A,)),
    "slogdet": (lambda lib, a: lib.linalg.slogdet(a)[0] + lib.linalg.slogdet(a)[1], (A,)),
    "solve": (lambda lib, a, b: lib.linalg.solve(a, b), (A, B)), "eigvals": (lambda lib, a: lib.linalg.eigvals(a) ** 2, (A,)),
    "eigh": (lambda lib, a: lib.linalg.eigh(hermitian(lib, a))[0], (A,)),
    "eig": (lambda lib, a: hermitian(lib, lib.linalg.eig(a)[1]), (A,)),
    "svd": (lambda lib, a: lib.linalg.svd(a, full_matrices=False)[1], (A,)),
    "cholesky": (lambda lib, a: lib.linalg.cholesky(hermitian(lib, a)), (A,)), "pinv": (lambda lib, a: lib.linalg.pinv(a), (A,)),
    "qr": (lambda lib, a: hermitian(lib, lib.linalg.qr(a)[0] * (1 + a[0])), (A,)),
    "prod": (lambda lib, a: lib.prod(a), (Z,)), "cumprod": (lambda lib, a: lib.cumprod(a, 0), (Z,)),
    "complex": (lambda lib, a: (lib.complex if hasattr(lib, "complex") else lib.lax.complex)(a, a * a), (R,)),
}  # fmt: skip


def cumprod(a, axis):
    return mg.cumulative_prod(a, axis=axis)


class Ours:
    """Microgradient under the names that the two others share."""

    cumprod = staticmethod(cumprod)

    def __getattr__(self, name):
        return getattr(mg, name)


OURS = Ours()


def arguments(name):
    return CASES[name][1] if name in CASES else (Z,)


@pytest.mark.parametrize("name", [*NAMES, *CASES])
def test_backward_and_second_derivatives_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    weight = rng.normal(size=2)

    def gradients(lib, f, leaves, sums, conj):
        y = f(*leaves)
        loss = sums((y * complex(*weight) + y * conj(y)).real)
        first = grad(lib, loss, leaves)
        second = grad(lib, sum(sums((g * g * (1 + 2j)).real) for g in first if needs_grad(g)), leaves)
        return y, first, second

    def grad(lib, loss, leaves):
        if not needs_grad(loss):
            return [x * 0 for x in leaves]
        if lib is torch:
            found = torch.autograd.grad(loss, leaves, create_graph=True, allow_unused=True)
            return [x * 0 if g is None else g for x, g in zip(leaves, found, strict=True)]
        loss.backward(create_graph=True, retain_graph=True)
        found = [x * 0 if x.grad is None else x.grad for x in leaves]
        for x in leaves:
            x.grad = None
        return found

    def needs_grad(x):
        return isinstance(x, torch.Tensor | mg.Tensor) and x.requires_grad

    if name in NAMES:
        ours, theirs = getattr(mg, name), getattr(torch, NAMES[name])
    else:
        f = CASES[name][0]
        ours, theirs = (lambda *a: f(OURS, *a)), (lambda *a: f(torch, *a))
    a = [mg.tensor(x, requires_grad=True) for x in arguments(name)]
    b = [torch.tensor(x, requires_grad=True) for x in arguments(name)]
    y, *mine = gradients(mg, ours, a, mg.sum, mg.conj)
    z, *others = gradients(torch, theirs, b, torch.sum, torch.conj)
    np.testing.assert_allclose(y.data, z.detach().resolve_conj().numpy(), rtol=1e-9, atol=1e-12)
    for left, right in zip(mine, others, strict=True):
        for g, h in zip(left, right, strict=True):
            np.testing.assert_allclose(g.data, h.detach().resolve_conj().numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.jax
@pytest.mark.parametrize("name", [name for name in [*NAMES, *CASES] if name not in NOT_IN_JAX])
def test_transforms_are_jaxs(name):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)

    class Theirs:
        linalg, lax = jax.numpy.linalg, jax.lax

        def __getattr__(self, attribute):
            return getattr(jax.numpy, attribute)

    if name in NAMES:
        ours, theirs = getattr(mg, name), getattr(jax.numpy, name, None) or getattr(jax.nn, name)
    else:
        f = CASES[name][0]
        ours, theirs = (lambda *a: f(OURS, *a)), (lambda *a: f(Theirs(), *a))
    args = arguments(name) if name != "acosh" else (np.abs(Z.real) + 1j * Z.imag,)  # JAX's has another sign left of 0

    def loss(f, lib):
        return lambda *a: lib.sum(lib.real(f(*a) * (1 + 2j)))

    numbers = tuple(range(len(args)))
    for ours_, theirs_ in zip(
        mg.grad(loss(ours, mg), argnums=numbers)(*map(mg.tensor, args)),
        jax.grad(loss(theirs, jax.numpy), argnums=numbers)(*map(jax.numpy.asarray, args)),
        strict=True,
    ):
        np.testing.assert_allclose(ours_.data, np.asarray(theirs_), rtol=1e-7, atol=1e-9)
    tangents = [x * 0.5 for x in args]
    _, moved = mg.jvp(ours, tuple(map(mg.tensor, args)), tuple(map(mg.tensor, tangents)))
    if name == "qr":  # depends on phases that the libraries choose differently
        return
    _, expected = jax.jvp(theirs, tuple(map(jax.numpy.asarray, args)), tuple(map(jax.numpy.asarray, tangents)))
    np.testing.assert_allclose(moved.data, np.asarray(expected), rtol=1e-7, atol=1e-9)


@pytest.mark.jax
def test_holomorphic_derivatives_are_jaxs():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    ours = mg.grad(lambda x: mg.sum(mg.sin(x) * x), holomorphic=True)(mg.tensor(Z))
    theirs = jax.grad(lambda x: jax.numpy.sum(jax.numpy.sin(x) * x), holomorphic=True)(Z)
    np.testing.assert_allclose(ours.data, np.asarray(theirs), rtol=1e-12)
    ours = mg.jacobian(lambda x: x[:2] * x[1:3], holomorphic=True)(mg.tensor(Z))
    theirs = jax.jacobian(lambda x: x[:2] * x[1:3], holomorphic=True)(Z)
    np.testing.assert_allclose(ours.data, np.asarray(theirs), rtol=1e-12)
