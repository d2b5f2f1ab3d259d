"""Derivatives in complex numbers: every row that takes them, against differences, in all worlds and orders; conventions."""

from __future__ import annotations

import math

import numpy as np
import pytest

import microgradient as mg
from domains import CASES, COMPLEX, POINTWISE, SPECIAL
from microgradient import linalg
from microgradient.errors import DTypeError, GradientError
from microgradient.operators import apply
from microgradient.primitives import TABLE
from microgradient.taped_world import TAPED

rng = np.random.default_rng(20260404)
PARAMS = {"power": {"n": 2.5}}
REAL_ALONE = {
    "floor_divide", "remainder", "floor", "ceil", "round", "trunc", "copysign", "nextafter", "hypot", "logaddexp",
    "softplus", "atan2", "erfinv", "lgamma", "digamma", "polygamma", "relu", "maximum", "minimum", "clip", "where", "max",
    "min", "astype",
}  # fmt: skip
POINTS = sorted(set(POINTWISE) - set(SPECIAL) - REAL_ALONE)
ROWS = [(name, k) for name in sorted({*CASES} - REAL_ALONE) for k in range(len(CASES[name]))]


def z(*shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def hermitian_product(a):
    return a @ mg.conj(a).mT


def spread(v):
    """Columns told apart by weights, as no choice of a phase can change them."""
    return hermitian_product(v * np.sqrt(np.arange(1.0, v.shape[-1] + 1)))


def eig(a):
    w, v = linalg.eig(a)
    return w, spread(v), (v * np.arange(1.0, 4)) @ linalg.inv(v)


def svd(a):
    u, s, vh = linalg.svd(a, full_matrices=False)
    return s, (u * np.arange(1.0, s.shape[-1] + 1)) @ vh, spread(u)


def eigh(a):
    w, v = linalg.eigh(a)
    return w, spread(v)


MATRICES = {
    "inv": (linalg.inv, (3, 3)), "det": (linalg.det, (2, 3, 3)), "slogdet": (lambda a: tuple(linalg.slogdet(a)), (3, 3)),
    "solve": (lambda a: linalg.solve(a, a @ a + 1), (3, 3)), "pinv": (linalg.pinv, (3, 2)), "eigvals": (linalg.eigvals, (3, 3)),
    "cholesky": (lambda a: linalg.cholesky(hermitian_product(a) + np.eye(3)), (3, 3)), "eigh": (eigh, (2, 3, 3)),
    "svd": (svd, (3, 3)), "svd tall": (svd, (4, 2)), "svd wide": (svd, (2, 3)), "qr": (lambda a: tuple(linalg.qr(a)), (4, 3)),
    "eig": (eig, (3, 3)), "vector_norm": (lambda a: linalg.vector_norm(a, axis=0, ord=3), (3, 2)),
    "matrix_norm": (lambda a: (linalg.matrix_norm(a), linalg.matrix_norm(a, ord="nuc")), (3, 3)),
    "cofactor": (lambda a: apply(TABLE["cofactor"], a), (3, 3)),
}  # fmt: skip
FUNCTIONS = {
    "angle": mg.angle, "polar": lambda a: mg.polar(mg.abs(a), mg.angle(a) * 2), "view_as_real": mg.view_as_real,
    "view_as_complex": lambda a: mg.view_as_complex(mg.view_as_real(a) ** 2), "real": lambda a: a.real * a.imag,
    "where": lambda a: mg.where(mg.real(a) > 0, a * a, mg.conj(a)), "var": mg.var, "mean": lambda a: mg.mean(a * a),
    "index": lambda a: a[[0, 0, 1]] ** 2, "Python": lambda a: 2j**a + a**1.5 + a**2 + (1 - 2j) / a,
}  # fmt: skip


def all_of(f):
    """A real number that every entry of what f gives moves."""

    def total(*args):
        ys = f(*args)
        return sum(mg.sum(mg.real(y * (1 + 2j))) for y in (ys if isinstance(ys, tuple) else (ys,)))

    return total


# ----------------------------------------------------------------------------------------------------- rows of the rulebook


@pytest.mark.parametrize("name", POINTS)
def test_pointwise_rows_agree_with_differences(name):
    f, n = getattr(TAPED, name), len(POINTWISE[name])
    mg.check_gradients(lambda *a: f(*a, **PARAMS.get(name, {})), *(z(3) for _ in range(n)))
    if n == 2:
        mg.check_gradients(f, z(3), rng.normal(size=(2, 1)))
        mg.check_gradients(f, rng.normal(size=()), z(2))


@pytest.mark.parametrize(("name", "case"), ROWS)
def test_other_rows_agree_with_differences(name, case):
    varied, rest, params = CASES[name][case]
    mg.check_gradients(lambda *a: apply(TABLE[name], *a, *rest, **params), *(z(*np.shape(v)) for v in varied))


@pytest.mark.parametrize("name", COMPLEX)
def test_what_takes_complex_numbers_apart_agrees_with_differences(name):
    for args, params in COMPLEX[name]:
        mg.check_gradients(lambda *a, p=params: apply(TABLE[name], *a, **p), *args)


@pytest.mark.parametrize("name", {**MATRICES, **FUNCTIONS})
def test_functions_agree_with_differences(name):
    f, shape = MATRICES.get(name) or (FUNCTIONS[name], (3,))
    mg.check_gradients(f, z(*shape), atol=1e-6)


@pytest.mark.parametrize("f", [eig, linalg.eigvals])
def test_complex_eigenvalues_of_real_matrices_have_real_gradients(f):
    a = mg.tensor([[0.0, 1.0, 0.5], [-1.0, 0.3, 0.0], [0.2, 0.0, 1.0]], dtype=mg.float64)
    mg.check_gradients(f, a)
    assert mg.grad(all_of(f))(a).dtype == mg.float64


# ------------------------------------------------------------------------------------------ compiled, mapped, without overflow


def assert_same(got, wanted):
    got, wanted = (y if isinstance(y, tuple) else (y,) for y in (got, wanted))
    for x, y in zip(got, wanted, strict=True):
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        np.testing.assert_allclose(x.data, y.data, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [*POINTS, *COMPLEX, *MATRICES, *FUNCTIONS])
def test_compiled_and_mapped(name):
    if name in POINTS:
        f = lambda *a: getattr(TAPED, name)(*a, **PARAMS.get(name, {}))
        args = tuple(mg.tensor(z(3)) for _ in POINTWISE[name])
    elif name in COMPLEX:
        given, params = COMPLEX[name][0]
        f = lambda *a: getattr(TAPED, name)(*a, **params)
        args = tuple(map(mg.tensor, given))
    else:
        f, shape = MATRICES.get(name) or (FUNCTIONS[name], (3,))
        args = (mg.tensor(z(*shape)),)
    gradients = mg.grad(all_of(f), argnums=tuple(range(len(args))))
    assert_same(mg.compile(lambda *a: f(*a))(*args), f(*args))
    assert_same(mg.compile(gradients)(*args), gradients(*args))
    tangents = tuple(a * 0.5 for a in args)
    assert_same(mg.compile(lambda *a: mg.jvp(f, a, tangents)[1])(*args), mg.jvp(f, args, tangents)[1])
    one_by_one = [gradients(*(a * k for a in args)) for k in (1, 2)]
    mapped = mg.vmap(gradients)(*(mg.stack([a, a * 2]) for a in args))
    assert_same(mapped, tuple(mg.stack(list(parts)) for parts in zip(*one_by_one, strict=True)))


def test_a_compiled_training_step_moves_complex_parameters():
    target = np.array([1.0 + 0.5j, 0.4 - 0.3j, -0.2 + 0.6j, 0.8])

    def trained(compiled):
        w = mg.tensor(np.ones(4, complex), requires_grad=True)
        optimizer = mg.optim.SGD([w], lr=0.05)

        def step():
            optimizer.zero_grad()
            loss = mg.sum(mg.abs(w * w - target) ** 2)
            loss.backward()
            optimizer.step()
            return loss

        run = mg.compile(step) if compiled else step
        return [run().item() for _ in range(30)][-1], w.data

    (loss, w), (again, v) = trained(True), trained(False)
    assert loss < 1e-2
    np.testing.assert_allclose(loss, again, rtol=1e-9)
    np.testing.assert_allclose(w, v, rtol=1e-9)


# ----------------------------------------------------------------------------------------------------------- what is meant


def test_backward_gives_the_direction_of_growth_and_grad_its_conjugate():
    x = mg.tensor([3 + 4j], requires_grad=True)
    (mg.abs(x) ** 2).sum().backward()
    assert x.grad.tolist() == [6 + 8j]
    assert mg.grad(lambda x: mg.sum(mg.abs(x) ** 2))(x.detach()).tolist() == [6 - 8j]
    assert mg.grad(lambda x: x**3, holomorphic=True)(2j).item() == -12
    y, pullback = mg.vjp(lambda x: x * 1j, 2.0 + 0j)
    assert (y.item(), pullback(1.0)[0].item()) == (2j, 1j)
    assert mg.jvp(mg.real, (1 + 2j,), (1j,))[1].item() == 0


def test_gradients_add_up_in_leaves_and_in_between():
    x = mg.tensor([1 + 2j, 3.0], requires_grad=True)
    h = (x * 1j).keep_grad()
    for _ in range(2):
        mg.sum(mg.real(h * (2 - 1j))).backward(retain_graph=True)
    assert h.grad.tolist() == [4 + 2j] * 2
    assert x.grad.tolist() == [2 - 4j] * 2
    weights = np.array([1j, 2.0])
    x.grad = None
    (x * (1 + 1j)).backward(weights)
    np.testing.assert_allclose(x.grad.data, weights * (1 - 1j))


def test_real_numbers_receive_the_real_part():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    mg.sum(mg.real((x + mg.tensor([1j, 1.0])) * (2 + 3j) + x**1j)).backward()
    assert x.grad.dtype == mg.float32
    expected = 2 - np.sin(np.log([1, 2])) / [1, 2]
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-6)
    assert mg.jvp(lambda x: x * 1j, (2.0,), (1.0,))[1].item() == 1j
    assert mg.astype(x, mg.complex64).requires_grad


def test_conventions_at_zero_and_infinity():
    zero = mg.tensor(0j)
    for f in (mg.abs, mg.angle, lambda x: mg.real(mg.sign(x))):
        assert mg.grad(f)(zero).item() == 0
    assert mg.complex(1.0, math.inf).item() == complex(1, math.inf)
    assert mg.complex(-0.0, -0.0).data.imag.tobytes() == np.float32(-0.0).tobytes()
    assert mg.angle(-1.0).item() == np.float32(math.pi)
    assert mg.conj(mg.ones(0)).shape == mg.view_as_real(mg.ones((0,), dtype=mg.complex64)).shape[:1] == (0,)


def test_jacobians():
    a = mg.tensor(z(2, 3))
    holomorphic = mg.jacobian(lambda x: a @ (x * x), holomorphic=True)
    x = mg.tensor(z(3))
    np.testing.assert_allclose(holomorphic(x).data, 2 * a.data * x.data, rtol=1e-12)
    real = mg.tensor(rng.normal(size=3))
    np.testing.assert_allclose(mg.jacobian(lambda x: a @ (x * x))(real).data, 2 * a.data * real.data, rtol=1e-12)
    np.testing.assert_allclose(mg.jacobian(lambda x: x * 1j)(real).data, 1j * np.eye(3))
    np.testing.assert_allclose(mg.jacobian(mg.imag)(x).data, -1j * np.eye(3))
    with pytest.raises(DTypeError, match=r"holomorphic.*MG142"):
        mg.jacobian(mg.conj)(x)


def test_what_is_refused():
    x = mg.tensor([1j], requires_grad=True)
    with pytest.raises(GradientError, match=r"complex64.*mg\.real\(loss\)\.backward\(\).*MG101"):
        (x * x).sum().backward()
    with pytest.raises(DTypeError, match=r"holomorphic=True.*MG142"):
        mg.grad(lambda x: x * x)(1j)
    with pytest.raises(DTypeError, match="real, not complex64"):
        mg.complex(1j, 1.0)
    with pytest.raises(DTypeError, match="complex numbers, not float32"):
        mg.view_as_real(mg.ones(2))
    with pytest.raises(ValueError, match=r"length 2; the shape is \(3,\)"):
        mg.view_as_complex(mg.ones(3))
    with pytest.raises(DTypeError, match=r"mg\.real"):
        mg.astype(x, mg.float32)
    with pytest.raises(GradientError, match=r"∂\w+/∂\w+:"):
        mg.check_gradients(mg.custom_rule(lambda x: x * x, vjp=lambda t, y, x: t * x), mg.tensor(1 + 1j))


def test_sigmoid_of_complex_numbers_does_not_overflow():
    z = np.array([1 + 1j, -3 - 0.5j, 0, 0.1j, 2 + 3j])
    for f in (mg.sigmoid, mg.compile(mg.sigmoid)):
        np.testing.assert_allclose(f(mg.tensor(z)).raw, 1 / (1 + np.exp(-z)), rtol=1e-14)
        np.testing.assert_allclose(
            f(mg.tensor(np.array([-800 + 2j, 800 - 2j, -700 + 0j]))).raw, [0, 1, np.exp(-700)], rtol=1e-5
        )
    mg.check_gradients(lambda z: mg.sum(mg.real(mg.nn.functional.silu(z) * (1 + 2j))), z)
