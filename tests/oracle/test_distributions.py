"""Distributions against PyTorch's: densities, moments, quantiles, entropies, divergences, and their derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import microgradient as mg  # noqa: E402
from microgradient import distributions as ds  # noqa: E402

R = np.random.default_rng(0)


def real(*shape):
    return R.normal(size=shape)


def positive(*shape):
    return R.uniform(0.3, 3.0, size=shape)


def chance(*shape):
    return R.uniform(0.1, 0.9, size=shape)


def simplex(*shape):
    x = R.uniform(0.1, 1.0, size=shape)
    return x / x.sum(-1, keepdims=True)


def lower(*shape):
    x = np.tril(R.normal(size=shape))
    return x - np.tril(np.triu(x)) + np.eye(shape[-1]) * R.uniform(0.5, 2.0, size=shape[-1])


def covariance(*shape):
    x = lower(*shape)
    return x @ np.swapaxes(x, -1, -2)


COUNTS = np.array([[0.0, 1.0, 3.0], [2.0, 5.0, 1.0]])
BITS = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
ONE_HOT = np.eye(4)[[0, 2]]
CASES = {  # by a name, the class, its parameters, and values
    "Normal": ("Normal", {"loc": real(3), "scale": positive(2, 1)}, real(2, 3)),
    "LogNormal": ("LogNormal", {"loc": real(3), "scale": positive(3)}, positive(2, 3)),
    "LogisticNormal": ("LogisticNormal", {"loc": real(2, 3), "scale": positive(3)}, simplex(2, 4)),
    "HalfNormal": ("HalfNormal", {"scale": positive(3)}, positive(2, 3)),
    "Uniform": ("Uniform", {"low": real(3) - 2, "high": real(3) + 3}, np.array([[0.1, 0.2, 0.0], [0.0, 0.3, 0.5]])),
    "Laplace": ("Laplace", {"loc": real(3), "scale": positive(3)}, real(2, 3)),
    "Cauchy": ("Cauchy", {"loc": real(3), "scale": positive(3)}, real(2, 3)),
    "HalfCauchy": ("HalfCauchy", {"scale": positive(3)}, positive(2, 3)),
    "Gumbel": ("Gumbel", {"loc": real(3), "scale": positive(3)}, real(2, 3)),
    "Exponential": ("Exponential", {"rate": positive(3)}, positive(2, 3)),
    "Weibull": ("Weibull", {"scale": positive(3), "concentration": positive(3)}, positive(2, 3)),
    "Pareto": ("Pareto", {"scale": positive(3), "alpha": positive(3) + 2}, 3 + positive(2, 3)),
    "Kumaraswamy": ("Kumaraswamy", {"concentration1": positive(3), "concentration0": positive(3)}, chance(2, 3)),
    "Gamma": ("Gamma", {"concentration": positive(3), "rate": positive(3)}, positive(2, 3)),
    "Chi2": ("Chi2", {"df": positive(3) + 1}, positive(2, 3)),
    "InverseGamma": ("InverseGamma", {"concentration": positive(3) + 2, "rate": positive(3)}, positive(2, 3)),
    # (where both are less than 1, PyTorch gives the mode 1, whichever end has the larger density)
    "Beta": ("Beta", {"concentration1": np.array([0.7, 2.0, 1.5]), "concentration0": np.array([2.0, 0.6, 3.0])}, chance(2, 3)),
    "Dirichlet": ("Dirichlet", {"concentration": positive(2, 4)}, simplex(2, 4)),
    "StudentT": ("StudentT", {"df": positive(3) + 2, "loc": real(3), "scale": positive(3)}, real(2, 3)),
    "FisherSnedecor": ("FisherSnedecor", {"df1": positive(3) + 2, "df2": positive(3) + 4}, positive(2, 3)),
    "Bernoulli": ("Bernoulli", {"probs": chance(3)}, BITS),
    "Bernoulli by logits": ("Bernoulli", {"logits": real(3)}, BITS),
    "Geometric": ("Geometric", {"probs": chance(3)}, COUNTS),
    "Geometric by logits": ("Geometric", {"logits": real(3)}, COUNTS),
    "Binomial": ("Binomial", {"total_count": np.full(3, 7.0), "probs": chance(3)}, COUNTS),
    "Binomial by logits": ("Binomial", {"total_count": np.full(3, 7.0), "logits": real(3)}, COUNTS),
    "NegativeBinomial": ("NegativeBinomial", {"total_count": positive(3), "probs": chance(3)}, COUNTS),
    "NegativeBinomial by logits": ("NegativeBinomial", {"total_count": positive(3), "logits": real(3)}, COUNTS),
    "Poisson": ("Poisson", {"rate": positive(3)}, COUNTS),
    "ContinuousBernoulli": ("ContinuousBernoulli", {"probs": np.array([0.2, 0.5001, 0.8])}, chance(2, 3)),
    "Categorical": ("Categorical", {"probs": simplex(2, 4)}, np.array([[0, 3], [1, 2], [2, 2]])),
    "Categorical by logits": ("Categorical", {"logits": real(2, 4)}, np.array([[0, 3], [1, 2], [2, 2]])),
    "OneHotCategorical": ("OneHotCategorical", {"probs": simplex(2, 4)}, ONE_HOT),
    "Multinomial": ("Multinomial", {"total_count": 4, "probs": simplex(2, 3)}, np.array([[1.0, 3.0, 0.0], [0.0, 2.0, 2.0]])),
    "RelaxedBernoulli": ("RelaxedBernoulli", {"temperature": np.array(0.7), "probs": chance(3)}, chance(2, 3)),
    "LogitRelaxedBernoulli": ("LogitRelaxedBernoulli", {"temperature": np.array(0.7), "logits": real(3)}, real(2, 3)),
    "RelaxedOneHotCategorical": (
        "RelaxedOneHotCategorical", {"temperature": np.array(0.7), "probs": simplex(2, 4)}, simplex(2, 4)
    ),
    "MultivariateNormal": ("MultivariateNormal", {"loc": real(3), "covariance_matrix": covariance(2, 3, 3)}, real(2, 3)),
    "MVN by L": ("MultivariateNormal", {"loc": real(2, 3), "scale_tril": lower(3, 3)}, real(4, 2, 3)),
    "MVN by precision": ("MultivariateNormal", {"loc": real(3), "precision_matrix": covariance(3, 3)}, real(2, 3)),
    "LowRankMultivariateNormal": (
        "LowRankMultivariateNormal", {"loc": real(4), "cov_factor": real(2, 4, 2), "cov_diag": positive(4)}, real(2, 4)
    ),
    "VonMises": ("VonMises", {"loc": real(3), "concentration": np.array([0.3, 2.0, 9.0])}, real(2, 3)),
}  # fmt: skip
LOOSE = {
    "VonMises": 2e-6,  # polynomials on both sides, which meet at 3.75
    "Multinomial": 1e-7,  # PyTorch takes some logarithms in float32
}


def pair(name, grad=False, other=False):
    kind, parameters, _ = CASES[name]
    ours, theirs = {}, {}
    for key, value in parameters.items():
        if other and np.ndim(value) and key in ("loc", "scale", "rate", "probs", "logits", "alpha", "concentration"):
            value = np.roll(value, 1, axis=-1)
        ours[key], theirs[key] = (value, value) if isinstance(value, int) else (mg.tensor(value), torch.tensor(value))
        if grad and not isinstance(value, int) and key != "total_count":
            ours[key].requires_grad = theirs[key].requires_grad = True
    their_kind = getattr(torch.distributions, kind, None) or getattr(torch.distributions.relaxed_bernoulli, kind)
    return getattr(ds, kind)(**ours), their_kind(**theirs), ours, theirs


def same(ours, theirs, what, rtol=1e-9):
    ours, theirs = np.asarray(ours.detach()), theirs.detach().numpy()
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol, err_msg=what)


def compare(name, f, g, what, rtol=1e-9):
    """The same values and gradients in all parameters."""
    d, t, ours, theirs = pair(name, grad=True)
    try:
        expected = g(t)
    except NotImplementedError:
        return
    found = f(d)
    if what == "mode":  # where PyTorch gives NaN, the mode may be at an end
        found, expected = mg.where(mg.tensor(expected.isnan().numpy()), 0.0, found), torch.nan_to_num(expected)
    same(found, expected, what, rtol)
    if expected.requires_grad and bool(torch.isfinite(expected).all()) and what != "mode":
        try:
            expected.sum().backward()
        except NotImplementedError:
            return
        mg.sum(found).backward()
        for key, value in theirs.items():
            if getattr(value, "grad", None) is not None:
                same(ours[key].grad, value.grad, f"{what} by {key}", max(rtol * 10, 1e-8))


@pytest.mark.parametrize("name", CASES)
def test_densities_moments_and_quantiles(name):
    values, rtol = CASES[name][2], LOOSE.get(name, 1e-9)
    d, t, _, _ = pair(name)
    assert d.batch_shape == tuple(t.batch_shape)
    assert d.event_shape == tuple(t.event_shape)
    assert d.has_rsample == t.has_rsample or name == "LogitRelaxedBernoulli"  # which has it there, too
    compare(name, lambda d: d.log_prob(mg.tensor(values)), lambda t: t.log_prob(torch.tensor(values)), "log_prob", rtol)
    for moment in ("mean", "variance", "stddev", "mode"):
        compare(name, lambda d, m=moment: getattr(d, m), lambda t, m=moment: getattr(t, m), moment, rtol)
    compare(name, lambda d: d.entropy(), lambda t: t.entropy(), "entropy", rtol)
    if "Kumaraswamy" not in name:
        compare(name, lambda d: d.cdf(mg.tensor(values)), lambda t: t.cdf(torch.tensor(values)), "cdf", rtol)
    u = R.uniform(0.05, 0.95, size=(2, *d.batch_shape))
    compare(name, lambda d: d.icdf(mg.tensor(u)), lambda t: t.icdf(torch.tensor(u)), "icdf", rtol)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][0] not in ("Multinomial",)])
def test_expanded(name):
    d, t, _, _ = pair(name)
    shape = (5, *d.batch_shape)
    d, t = d.expand(shape), t.expand(torch.Size(shape))
    assert d.batch_shape == shape
    values = np.broadcast_to(CASES[name][2][-1], (*shape, *d.event_shape)).copy()
    same(d.log_prob(mg.tensor(values)), t.log_prob(torch.tensor(values)), "log_prob", LOOSE.get(name, 1e-9))
    assert d.sample((2,)).shape == (2, *shape, *d.event_shape)


@pytest.mark.parametrize("name", ["Bernoulli", "Binomial", "Categorical", "OneHotCategorical"])
def test_all_values(name):
    d, t, _, _ = pair(name)
    for expand in (False, True):
        same(d.enumerate_support(expand), t.enumerate_support(expand), name)


MOMENTS = ["Exponential", "Gamma", "Normal", "Beta", "ContinuousBernoulli", "Uniform", "Pareto", "Gumbel", "Laplace"]
OTHERS = [name for name in CASES if name not in (*MOMENTS, "Kumaraswamy", "Weibull")]
PAIRS = [*itertools.product(MOMENTS, MOMENTS), *((name, name) for name in OTHERS)]
PAIRS += [
    ("Bernoulli", "Poisson"),
    ("Poisson", "Bernoulli"),
    ("Poisson", "Binomial"),
    ("Chi2", "Gamma"),
    ("Gamma", "Chi2"),
]
PAIRS += [("MultivariateNormal", "MVN by L"), ("MVN by precision", "MVN by L")]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_divergences(first, second):
    p, theirs_p, ours, theirs = pair(first, grad=True)
    q, theirs_q, _, _ = pair(second, other=True)
    try:
        expected = torch.distributions.kl_divergence(theirs_p, theirs_q)
    except (NotImplementedError, IndexError):
        return  # PyTorch doesn't know it, or not for batches of two shapes
    if (first, second) in (("ContinuousBernoulli", "Uniform"), ("Uniform", "ContinuousBernoulli")):
        return  # infinite there where the supports are the same
    found = ds.kl_divergence(p, q)
    same(found, expected.expand(found.shape), "divergence", 1e-8)
    if expected.requires_grad and bool(torch.isfinite(expected).all()):
        expected.sum().backward()
        mg.sum(found).backward()
        for key, value in theirs.items():
            if getattr(value, "grad", None) is not None:
                lower = (
                    (lambda x: x.tril()) if key == "scale_tril" else (lambda x: x)
                )  # no other entry has a part in it
                same(ours[key].grad, lower(value.grad), key, 1e-7)
    zero = ds.kl_divergence(p, p)
    same(zero, torch.zeros(zero.shape), "to itself", 1e-9) if first == second else None


T = {  # by a name, what makes the transform, and arguments
    "exp": (lambda m: m.ExpTransform(), real(2, 3)),
    "affine": (lambda m: m.AffineTransform(1.5, -2.0), real(2, 3)),
    "affine of vectors": (lambda m: m.AffineTransform(1.5, -2.0, event_dim=1), real(2, 3)),
    "sigmoid": (lambda m: m.SigmoidTransform(), real(2, 3)),
    "tanh": (lambda m: m.TanhTransform(), real(2, 3)),
    "softplus": (lambda m: m.SoftplusTransform(), real(2, 3)),
    "stick": (lambda m: m.StickBreakingTransform(), real(2, 3)),
    "correlations": (lambda m: m.CorrCholeskyTransform(), real(2, 6)),
    "composed": (lambda m: m.ComposeTransform([m.AffineTransform(0.5, 2.0), m.SigmoidTransform(), m.StickBreakingTransform()]),
                 real(2, 3)),
    "independent": (lambda m: m.IndependentTransform(m.ExpTransform(), 1), real(2, 3)),
    "cat": (lambda m: m.CatTransform([m.ExpTransform(), m.AffineTransform(1.0, 2.0)], dim=1, lengths=[1, 2]), real(2, 3)),
    "stack": (lambda m: m.StackTransform([m.ExpTransform(), m.SigmoidTransform()]), real(2, 3)),
    "inverse": (lambda m: m.ExpTransform().inv, positive(2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", T)
def test_transforms(name):
    make, x = T[name]
    ours, theirs = make(ds), make(torch.distributions)
    a, b = mg.tensor(x), torch.tensor(x)
    a.requires_grad = b.requires_grad = True
    y, z = ours(a), theirs(b)
    same(y, z, "values")
    assert ours.forward_shape(tuple(a.shape)) == tuple(theirs.forward_shape(b.shape))
    assert ours.inverse_shape(tuple(y.shape)) == tuple(theirs.inverse_shape(z.shape))
    assert ours.domain.event_dim == theirs.domain.event_dim
    assert ours.codomain.event_dim == theirs.codomain.event_dim
    np.testing.assert_allclose(np.asarray(ours.inv(y).detach()), x, rtol=1e-7, atol=1e-9)
    found, expected = ours.log_abs_det_jacobian(a, y), theirs.log_abs_det_jacobian(b, z)
    same(found, expected, "determinant")
    if expected.requires_grad:
        mg.sum(found).backward()
        expected.sum().backward()
        same(a.grad, b.grad, "gradient", 1e-8)


def test_mixtures_and_products():
    weights, loc, scale = simplex(2, 3), real(2, 3, 4), positive(2, 3, 4)
    values = real(5, 2, 4)
    found = []
    for m, t in ((ds, mg.tensor), (torch.distributions, torch.tensor)):
        parts = m.Independent(m.Normal(t(loc), t(scale)), 1)
        d = m.MixtureSameFamily(m.Categorical(probs=t(weights)), parts)
        flat = m.MixtureSameFamily(m.Categorical(probs=t(weights)), m.Normal(t(loc[..., 0]), t(scale[..., 0])))
        found.append([d.log_prob(t(values)), d.mean, d.variance, flat.cdf(t(values[..., 0])), parts.entropy()])
        assert tuple(d.sample((7,)).shape) == (7, 2, 4)
    for ours, theirs in zip(*found, strict=True):
        same(ours, theirs, "mixture")


def test_transformed_distributions():
    values = chance(4, 3)
    found = []
    for m, t in ((ds, mg.tensor), (torch.distributions, torch.tensor)):
        d = m.TransformedDistribution(
            m.Normal(t(np.zeros(3)), 1.0), [m.AffineTransform(0.5, -2.0), m.SigmoidTransform()]
        )
        s = m.TransformedDistribution(m.Normal(t(np.zeros(3)), 1.0), m.StickBreakingTransform())
        q = m.TransformedDistribution(m.Normal(t(np.ones(3)), 1.0), m.StickBreakingTransform())
        found.append([d.log_prob(t(values)), d.cdf(t(values)), d.icdf(t(values)), s.log_prob(t(np.full((2, 4), 0.25))),
                      m.kl_divergence(s, q)])  # fmt: skip
        assert (tuple(s.batch_shape), tuple(s.event_shape)) == ((), (4,))
    for ours, theirs in zip(*found, strict=True):
        same(ours, theirs, "transformed")


CONSTRAINTS = ["real", "positive", "unit_interval", "simplex", "lower_cholesky", "positive_definite", "corr_cholesky"]


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_ways_into_constraints(name, registry):
    x = real(2, 3, 3) if name in ("lower_cholesky", "positive_definite") else real(2, 3)
    found = []
    for m, t in ((ds, mg.tensor), (torch.distributions, torch.tensor)):
        constraint = getattr(m.constraints, name)
        try:
            found.append(getattr(m, registry)(constraint)(t(x)))
        except NotImplementedError:
            assert m is torch.distributions
            return
        assert bool(constraint.check(found[-1]).all())
    same(*found, name)


def test_slopes_of_gamma_samples():
    """PyTorch's own are from series and fits, good to about three digits."""
    a = np.array([0.05, 0.3, 1.0, 2.5, 7.0, 20.0, 300.0])
    z = np.array([1e-4, 0.3, 0.7, 4.0, 6.0, 24.0, 290.0])
    from microgradient.distributions.draws import _slope

    ours = np.asarray(_slope(mg.tensor(np.log(z)), mg.tensor(a))) * z
    np.testing.assert_allclose(ours, torch._standard_gamma_grad(torch.tensor(a), torch.tensor(z)), rtol=2e-3)


EDGES = [
    ("Gamma", (1.0, 2.0), (0.3, 0.0)), ("Gamma", (2.0, 2.0), (0.3, 0.0)), ("Beta", (1.0, 1.0), (0.3, 0.0, 1.0)),
    ("Beta", (1.0, 2.0), (0.3, 0.0, 1.0)), ("Beta", (2.0, 1.0), (0.3, 0.0, 1.0)),
    ("Dirichlet", ([1.0, 1.0],), ([0.3, 0.7], [0.0, 1.0])),
    ("Dirichlet", ([1.0, 2.0],), ([0.3, 0.7], [1.0, 0.0])), ("Geometric", (1.0,), (0.0, 1.0)), ("Bernoulli", (0.0,), (0.0, 1.0)),
    ("HalfNormal", (1.0,), (0.0, 1.0)), ("Exponential", (1.0,), (0.0,)), ("Uniform", (0.0, 1.0), (0.0, 0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "values"), EDGES)
def test_densities_and_their_gradients_at_the_edges(name, parameters, values):
    """At the ends of the support, and where a power has the exponent 0."""
    for value in values:
        found = []
        for m, given in ((torch.distributions, torch.tensor), (ds, mg.tensor)):
            tensors = [given(p, requires_grad=True) for p in (*parameters, value)]
            density = getattr(m, name)(*tensors[:-1], validate_args=False).log_prob(tensors[-1])
            density.backward()
            grads = [np.zeros(()) if t.grad is None else np.asarray(t.grad) for t in tensors]
            found.append([density.detach().numpy(), *grads])
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_moments_are_tensors_of_the_package():
    import microgradient.torch as ours

    for name, (parameter,) in {
        "Categorical": ([0.5, 0.5],),
        "Exponential": (1.0,),
        "Geometric": (0.5,),
        "StudentT": (3.0,),
    }.items():
        d = getattr(ours.distributions, name)(ours.tensor(parameter))
        assert all(type(getattr(d, moment)) is ours.Tensor for moment in ("mean", "mode", "variance", "stddev"))
