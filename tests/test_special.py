"""Special functions: SciPy's values, relations, high derivatives, edge cases; compiled."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as sp

import microgradient as mg
from microgradient.errors import ArgumentError

rng = np.random.default_rng(9)
X, Y = rng.uniform(0.2, 4, 20), rng.uniform(0.2, 4, 20)
UNIT = rng.uniform(0.05, 0.95, 20)
POSITIVE = (
    "gamma erfcx dawsn ndtr log_ndtr expi exp1 entr j0 j1 y0 y1 i0 i1 i0e i1e k0 k1 k0e k1e sinc gammaln psi expit erf"
)
UNARY = {**dict.fromkeys(POSITIVE.split(), X), **dict.fromkeys(("ndtri", "logit", "erfcinv", "erfinv"), UNIT)}
BINARY = ["gammainc", "gammaincc", "beta", "betaln", "xlogy", "xlog1py"]
POLYNOMIALS = ["eval_chebyt", "eval_chebyu", "eval_hermite", "eval_hermitenorm", "eval_laguerre", "eval_legendre"]


@pytest.mark.parametrize("name", UNARY)
def test_of_one_argument_as_scipy(name):
    x = UNARY[name]
    theirs = np.sinc if name == "sinc" else getattr(sp, name)
    np.testing.assert_allclose(getattr(mg.special, name)(x).raw, theirs(x), rtol=1e-13)
    single = getattr(mg.special, name)(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.raw, theirs(x), rtol=2e-5)
    assert getattr(mg.special, name)([0, 1] if x is UNIT else [1, 2]).dtype == np.float32


@pytest.mark.parametrize("name", BINARY)
def test_of_two_arguments_as_scipy(name):
    ours, theirs = getattr(mg.special, name), getattr(sp, name)
    np.testing.assert_allclose(ours(X, Y).raw, theirs(X, Y), rtol=1e-13)
    np.testing.assert_allclose(ours(X[:, None], Y).raw, theirs(X[:, None], Y), rtol=1e-13)
    assert ours(2, mg.tensor([1.0, 2.0])).dtype == np.float32


def test_families_as_scipy():
    for n in (0, 1, 2, 5):
        for name in ("jv", "yv", "iv", "kv"):
            np.testing.assert_allclose(getattr(mg.special, name)(n, X).raw, getattr(sp, name)(n, X), rtol=1e-12)
        np.testing.assert_allclose(mg.special.spherical_jn(n, X).raw, sp.spherical_jn(n, X), rtol=1e-12)
        np.testing.assert_allclose(mg.special.expn(n, X).raw, sp.expn(n, X), rtol=1e-12)
        for name in POLYNOMIALS:
            np.testing.assert_allclose(
                getattr(mg.special, name)(n, UNIT).raw, getattr(sp, name)(n, UNIT), rtol=1e-10, atol=1e-13
            )
        angle = np.arccos(UNIT)
        v, w = np.cos((n + 0.5) * angle) / np.cos(angle / 2), np.sin((n + 0.5) * angle) / np.sin(angle / 2)
        np.testing.assert_allclose(mg.special.eval_chebyv(n, UNIT).raw, v, atol=1e-12)
        np.testing.assert_allclose(mg.special.eval_chebyw(n, UNIT).raw, w, atol=1e-12)
    np.testing.assert_allclose(mg.special.airy_ai(-X).raw, sp.airy(-X)[0], rtol=1e-12)
    np.testing.assert_allclose(mg.special.airy_bi(-X).raw, sp.airy(-X)[2], rtol=1e-12)
    np.testing.assert_allclose(mg.special.betainc(X, Y, UNIT).raw, sp.betainc(X, Y, UNIT), rtol=1e-12)
    np.testing.assert_allclose(mg.special.zeta(X + 1, Y).raw, sp.zeta(X + 1, Y), rtol=1e-12)
    np.testing.assert_allclose(mg.special.multigammaln(X + 2, 3).raw, sp.multigammaln(X + 2, 3), rtol=1e-12)
    np.testing.assert_allclose(mg.special.logit(UNIT, 0.2).raw, sp.logit(np.clip(UNIT, 0.2, 0.8)), rtol=1e-12)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_have_all_derivatives(name):
    mg.check_gradients(lambda x: getattr(mg.special, name)(4, x), UNIT[:3], order=3, rtol=1e-4)
    compiled = mg.compile(mg.grad(lambda x: mg.sum(getattr(mg.special, name)(4, x))))
    x = mg.tensor(UNIT)
    np.testing.assert_allclose(
        compiled(x).raw, mg.grad(lambda x: mg.sum(getattr(mg.special, name)(4, x)))(x).raw, rtol=1e-10
    )
    assert compiled.stats()["host_calls"] == {}


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (mg.special.gammainc, (2.3, 1.7)), (mg.special.betainc, (1.3, 0.6, 0.4)), (mg.special.zeta, (2.2, 0.7)),
        (mg.special.j0, (0.0,)), (mg.special.i1e, (1.3,)), (mg.special.spherical_jn.__wrapped__, None), (mg.special.sinc, (0.0,)),
        (mg.special.airy_ai, (0.0,)), (mg.special.multigammaln.__wrapped__, None), (mg.special.log_ndtr, (-9.0,)),
    ],
)  # fmt: skip
def test_third_derivatives(f, args):
    if args is None:
        f, args = (lambda x, g=f: g(2, x) if g.__name__ == "spherical_jn" else g(x, 2)), (1.8,)
    mg.check_gradients(f, *map(float, args), order=3, rtol=1e-4, atol=1e-5)


def test_derivatives_in_the_parameters_far_out():
    h = 1e-5
    for a, x in ((0.05, 1e-3), (0.5, 0.1), (30.0, 25.0), (100.0, 130.0), (5.0, 60.0), (3.0, 5000.0)):
        slope = mg.grad(lambda a, x=x: mg.special.gammainc(a, mg.tensor(x, dtype=mg.float64)))(
            mg.tensor(a, dtype=mg.float64)
        )
        np.testing.assert_allclose(
            slope.raw, (sp.gammainc(a + h, x) - sp.gammainc(a - h, x)) / (2 * h), rtol=1e-5, atol=1e-10
        )
    for a, b, x in ((0.5, 0.3, 0.1), (0.1, 0.2, 0.999), (30.0, 25.0, 0.5)):
        slopes = mg.grad(mg.special.betainc, argnums=(0, 1, 2))(*(mg.tensor(v, dtype=mg.float64) for v in (a, b, x)))
        numeric = [
            (sp.betainc(a + h, b, x) - sp.betainc(a - h, b, x)) / (2 * h),
            (sp.betainc(a, b + h, x) - sp.betainc(a, b - h, x)) / (2 * h),
        ]
        np.testing.assert_allclose([g.item() for g in slopes[:2]], numeric, rtol=1e-5)


def test_edges():
    special = mg.special
    zero = mg.tensor(0.0, dtype=mg.float64)
    assert special.xlogy(zero, 0.0).item() == special.entr(0.0).item() == special.xlog1py(0.0, -1.0).item() == 0
    assert special.entr(-1.0).item() == -np.inf
    assert np.isnan(special.xlogy(0.0, mg.nan).item())
    assert mg.grad(lambda x: special.xlogy(x, 0.0))(zero).item() == 0
    assert mg.grad(special.i0e)(zero).item() == mg.grad(special.sinc)(zero).item() == 0
    assert mg.grad(special.gammainc, argnums=1)(1.0, zero).item() == 1
    assert special.gammainc(mg.ones(0), 1.0).shape == (0,)
    assert np.isnan(mg.grad(special.gammainc)(-1.0, 2.0).item())
    assert mg.grad(special.log_ndtr)(mg.tensor(-30.0, dtype=mg.float64)).item() == pytest.approx(30.0332, rel=1e-5)


def test_what_is_refused():
    with pytest.raises(ArgumentError, match=r"degree.*-1"):
        mg.special.eval_legendre(-1, 0.5)
    with pytest.raises(ArgumentError, match="at least 1"):
        mg.special.multigammaln(2.0, 0)
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        mg.special.beta(mg.ones(2), mg.ones(3))
    with pytest.raises(AttributeError, match="`ellipk`"):
        mg.special.ellipk  # noqa: B018


def test_nothing_is_loaded_before_it_is_needed():
    import subprocess
    import sys

    code = "import sys, microgradient as mg; mg.special.eval_legendre(2, 0.5); assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("n", range(4))
@pytest.mark.parametrize("x", [0.0, 5e-324, -5e-324, 1e-310, -1e-300, 1e-160])
def test_spherical_bessel_functions_next_to_zero_are_the_first_term_of_their_series(n, x):
    x = mg.tensor(np.float64(x))
    first = {0: 1.0, 1: x.item() / 3}.get(n, 0.0)
    slope = {1: 1 / 3}.get(n, 0.0)
    np.testing.assert_allclose(mg.special.spherical_jn(n, x).raw, first, rtol=1e-12, atol=1e-307)
    np.testing.assert_allclose(mg.grad(lambda v: mg.special.spherical_jn(n, v))(x).raw, slope, atol=1e-150)
