"""Distributions: samples have the distribution, gradients of samples are right, compiled is eager, mistakes are told."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats

import microgradient as mg
from microgradient import distributions as ds
from microgradient.distributions.draws import _slope

T = mg.tensor
ALL = {
    "Normal": lambda: ds.Normal(T(0.5), T(2.0)),
    "LogNormal": lambda: ds.LogNormal(0.2, 0.5),
    "HalfNormal": lambda: ds.HalfNormal(2.0),
    "Uniform": lambda: ds.Uniform(-1.0, 3.0),
    "Laplace": lambda: ds.Laplace(0.5, 2.0),
    "Cauchy": lambda: ds.Cauchy(0.5, 2.0),
    "HalfCauchy": lambda: ds.HalfCauchy(2.0),
    "Gumbel": lambda: ds.Gumbel(0.5, 2.0),
    "Exponential": lambda: ds.Exponential(2.0),
    "Weibull": lambda: ds.Weibull(2.0, 1.5),
    "Pareto": lambda: ds.Pareto(1.0, 6.0),
    "Kumaraswamy": lambda: ds.Kumaraswamy(2.0, 3.0),
    "Gamma": lambda: ds.Gamma(2.5, 2.0),
    "small Gamma": lambda: ds.Gamma(0.2, 2.0),
    "Chi2": lambda: ds.Chi2(3.0),
    "InverseGamma": lambda: ds.InverseGamma(5.0, 2.0),
    "Beta": lambda: ds.Beta(0.7, 2.0),
    "StudentT": lambda: ds.StudentT(7.0, 0.5, 2.0),
    "FisherSnedecor": lambda: ds.FisherSnedecor(5.0, 12.0),
    "ContinuousBernoulli": lambda: ds.ContinuousBernoulli(0.2),
    "VonMises": lambda: ds.VonMises(0.5, 2.0),
    "Bernoulli": lambda: ds.Bernoulli(0.3),
    "Geometric": lambda: ds.Geometric(0.3),
    "Binomial": lambda: ds.Binomial(7, 0.3),
    "NegativeBinomial": lambda: ds.NegativeBinomial(3.5, 0.4),
    "Poisson": lambda: ds.Poisson(2.5),
    "Categorical": lambda: ds.Categorical(T([0.1, 0.0, 0.6, 0.3, 0.0])),
    "OneHotCategorical": lambda: ds.OneHotCategorical(T([0.1, 0.6, 0.3])),
    "StraightThrough": lambda: ds.OneHotCategoricalStraightThrough(T([0.1, 0.6, 0.3])),
    "Multinomial": lambda: ds.Multinomial(5, T([0.1, 0.6, 0.3])),
    "Dirichlet": lambda: ds.Dirichlet(T([0.5, 2.0, 1.0])),
    "RelaxedBernoulli": lambda: ds.RelaxedBernoulli(0.5, 0.3),
    "RelaxedOneHotCategorical": lambda: ds.RelaxedOneHotCategorical(0.5, T([0.1, 0.6, 0.3])),
    "MultivariateNormal": lambda: ds.MultivariateNormal(T([1.0, 2.0]), T([[2.0, 0.5], [0.5, 1.0]])),
    "LowRankMultivariateNormal": lambda: ds.LowRankMultivariateNormal(T([1.0, 2.0]), T([[1.0], [0.5]]), T([1.0, 0.5])),
    "LogisticNormal": lambda: ds.LogisticNormal(mg.zeros(2), T([1.0, 0.5])),
    "Independent": lambda: ds.Independent(ds.Normal(mg.zeros(2), 1.0), 1),
    "Mixture": lambda: ds.MixtureSameFamily(ds.Categorical(T([0.3, 0.7])), ds.Normal(T([-1.0, 3.0]), T([1.0, 2.0]))),
    "Transformed": lambda: ds.TransformedDistribution(
        ds.Normal(0.0, 1.0), [ds.AffineTransform(1.0, 2.0), ds.ExpTransform()]
    ),
}
REFERENCES = {  # cumulative functions of SciPy where there is none here
    "InverseGamma": scipy.stats.invgamma(5.0, scale=2.0).cdf,
    "Beta": scipy.stats.beta(0.7, 2.0).cdf,
    "StudentT": scipy.stats.t(7.0, 0.5, 2.0).cdf,
    "FisherSnedecor": scipy.stats.f(5.0, 12.0).cdf,
    "VonMises": scipy.stats.vonmises(2.0, loc=0.5).cdf,
}
WITHOUT_MOMENTS = ["Cauchy", "HalfCauchy", "Categorical", "RelaxedBernoulli", "RelaxedOneHotCategorical", "VonMises"]
WITHOUT_MOMENTS += ["LogisticNormal", "Transformed"]
CONTINUOUS = [*list(ALL)[:21], "RelaxedBernoulli", "Mixture", "Transformed"]


@pytest.fixture
def in_float64():
    mg.set_default_dtype(mg.float64)
    yield
    mg.set_default_dtype(mg.float32)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_have_the_distribution(name):
    """Kolmogorov and Smirnov's test; its p-value is uniform, and this seed's are all above 1 in 1000."""
    mg.manual_seed(1)
    d = ALL[name]()
    x = d.sample((4000,))
    cdf = REFERENCES.get(name)
    if cdf is None and name != "RelaxedBernoulli":
        cdf = lambda v: d.cdf(T(v)).numpy()
    if cdf is None:  # by its density
        grid = np.linspace(0, 1, 20001)[1:-1]
        mass = np.cumsum(np.exp(d.log_prob(T(grid)).numpy()) * (grid[1] - grid[0]))
        cdf = lambda v: np.interp(v, grid, mass)
    assert scipy.stats.kstest(x.numpy().astype(np.float64), cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", [name for name in ALL if name not in WITHOUT_MOMENTS])
def test_samples_have_the_moments(name):
    mg.manual_seed(2)
    d = ALL[name]()
    x = d.sample((20000,)).numpy().astype(np.float64)
    mean, variance = (np.asarray(m, np.float64) for m in (d.mean.numpy(), d.variance.numpy()))
    np.testing.assert_allclose(x.mean(0), mean, atol=5 * np.sqrt(variance.max() / 20000))
    np.testing.assert_allclose(x.var(0), variance, rtol=0.25, atol=0.02)


def test_categories_come_as_often_as_they_should():
    mg.manual_seed(3)
    x = ALL["Categorical"]().sample((20000,)).numpy()
    counts = np.bincount(x, minlength=5) / 20000
    np.testing.assert_allclose(counts, [0.1, 0.0, 0.6, 0.3, 0.0], atol=0.015)
    assert counts[1] == counts[4] == 0


@pytest.mark.parametrize("name", ALL)
def test_compiled_is_eager(name, in_float64):
    """The same samples from the same seed, and their densities."""
    shape = (3, *ALL[name]().batch_shape)

    def run(scale):
        d = ALL[name]()
        x = d.rsample(shape) if d.has_rsample else d.sample(shape)
        return x * scale, d.log_prob(x)

    results = []
    for f in (run, mg.compile(run)):
        mg.manual_seed(4)
        results.append([r.numpy() for _ in range(2) for r in f(mg.tensor(2.0))])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_slopes_of_gamma_samples_are_those_of_the_quantile():
    """-∂F/∂a / f, with ∂F/∂a by central differences of SciPy's F."""
    a = np.array([0.02, 0.3, 0.9, 1.0, 2.5, 7.0, 20.0, 300.0, 5000.0])[:, None]
    z = scipy.stats.gamma(a).ppf([0.001, 0.05, 0.3, 0.5, 0.8, 0.99, 0.9999])
    h = 1e-4 * a
    change = (-scipy.special.gammainc(a + 2 * h, z) + 8 * scipy.special.gammainc(a + h, z)
              - 8 * scipy.special.gammainc(a - h, z) + scipy.special.gammainc(a - 2 * h, z)) / (12 * h)  # fmt: skip
    keep = z > 1e-290
    z = np.where(keep, z, 1.0)
    expected = -change / np.exp(scipy.stats.gamma(a).logpdf(z)) / z
    found = _slope(mg.tensor(np.log(z)), mg.tensor(np.broadcast_to(a, z.shape).copy())).numpy()
    np.testing.assert_allclose(found[keep], expected[keep], rtol=1e-6)


@pytest.mark.parametrize("concentration", [0.3, 1.0, 4.0])
def test_gradients_through_gamma_samples(concentration):
    """d/da of E log z is ψ′(a), of E z is 1; of the second order, E of d²z/da² is 0."""
    mg.manual_seed(5)
    a = mg.tensor(np.full(20000, concentration), requires_grad=True)
    z = ds.Gamma(a, 1.0).rsample()
    mg.mean(mg.log(z)).backward(create_graph=True)
    slopes = a.grad.numpy() * 20000
    expected = scipy.special.polygamma(1, concentration)
    assert abs(slopes.mean() - expected) < 5 * slopes.std() / math.sqrt(20000)
    a.grad = None
    mg.sum(z).backward()
    assert abs(a.grad.numpy().mean() - 1) < 5 * a.grad.numpy().std() / math.sqrt(20000)


def test_gradients_through_beta_and_dirichlet_samples():
    mg.manual_seed(6)
    a, b = (mg.tensor(np.full(20000, x), requires_grad=True) for x in (0.7, 2.0))
    mg.sum(ds.Beta(a, b).rsample()).backward()
    for x, expected in ((a, 2.0 / 2.7**2), (b, -0.7 / 2.7**2)):
        assert abs(x.grad.numpy().mean() - expected) < 5 * x.grad.numpy().std() / math.sqrt(20000)
    c = mg.tensor(np.full((20000, 3), [0.5, 2.0, 1.0]), requires_grad=True)
    mg.sum(ds.Dirichlet(c).rsample()[:, 0]).backward()
    expected = np.array([1 / 3.5 - 0.5 / 3.5**2, -0.5 / 3.5**2, -0.5 / 3.5**2])
    np.testing.assert_allclose(c.grad.numpy().mean(0), expected, atol=5 * c.grad.numpy().std() / math.sqrt(20000))


def test_samples_of_the_log_density_are_differentiable_where_pytorch_says_so():
    for name, make in ALL.items():
        d = make()
        assert d.sample().requires_grad is False, name
        assert d.sample((2, 0)).shape == (2, 0, *d.batch_shape, *d.event_shape)


def test_straight_through_samples_have_the_gradient_of_the_probabilities():
    logits = mg.tensor(np.array([0.3, -0.2, 1.0]), requires_grad=True)
    weights = mg.tensor(np.array([1.0, 2.0, 4.0]))
    x = ds.OneHotCategoricalStraightThrough(logits=logits).rsample()
    assert sorted(np.round(x.numpy(), 12)) == [0, 0, 1]
    mg.sum(x * weights).backward()
    expected = mg.grad(lambda z: mg.sum(mg.softmax(z, axis=-1) * weights))(logits.detach())
    np.testing.assert_allclose(logits.grad.numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: ds.Normal(0.0, -1.0), ValueError, r"parameter `scale` of Normal.* from 0"),
        (lambda: ds.Normal(mg.zeros(3), mg.ones(3)).log_prob(T([0.0, math.nan, 0.0])), ValueError, "value of Normal"),
        (lambda: ds.HalfNormal(-1.0), ValueError, "parameter `scale` of HalfNormal"),
        (lambda: ds.Chi2(0.0), ValueError, "parameter `df` of Chi2"),
        (lambda: ds.Geometric(T([0.5, 0.0])), ValueError, "parameter `probs` of Geometric"),
        (lambda: ds.Multinomial(-1, T([0.5, 0.5])), ValueError, "total_count"),
        (lambda: ds.Uniform(1.0, 0.0), ValueError, "`low` < `high`"),
        (lambda: ds.Normal(0.0, 1.0).sample(3), TypeError, r"Write `sample\(\(3,\)\)`"),
        (lambda: ds.Bernoulli(), ValueError, "either `probs` or `logits`"),
        (lambda: ds.Bernoulli(0.5, 0.0), ValueError, "either `probs` or `logits`"),
        (lambda: ds.Bernoulli(0.5).log_prob(0.3), ValueError, "must be in the set Boolean"),
        (lambda: ds.Categorical(T(0.5)), ValueError, "along an axis"),
        (lambda: ds.Categorical(T([0.5, 0.5])).log_prob(2), ValueError, "from 0 to 1"),
        (lambda: ds.Dirichlet(T([1.0, 2.0])).log_prob(T([0.2, 0.2, 0.6])), ValueError, r"ends in the shape \(2,\)"),
        (lambda: ds.MultivariateNormal(mg.zeros(2)), ValueError, "exactly one of"),
        (lambda: ds.MultivariateNormal(mg.zeros(2), T([[1.0, 2.0], [2.0, 1.0]])), ValueError, "covariance_matrix"),
        (lambda: ds.Independent(ds.Normal(0.0, 1.0), 1), ValueError, "Independent of 1 axes"),
        (lambda: ds.MixtureSameFamily(ds.Categorical(mg.ones(2)), ds.Normal(mg.zeros(3), 1.0)), ValueError, "2 components"),
        (lambda: ds.Poisson(1.0).entropy(), NotImplementedError, "Poisson has no `entropy`"),
        (lambda: ds.kl_divergence(ds.Normal(0.0, 1.0), ds.Poisson(1.0)), NotImplementedError, "isn't known"),
        (lambda: ds.SoftmaxTransform().log_abs_det_jacobian(mg.ones(2), None), NotImplementedError, "no determinant"),
        (lambda: ds.TransformedDistribution(ds.Normal(0.0, 1.0), [mg.exp]), TypeError, "takes a Transform"),
        (lambda: ds.ReshapeTransform((4,), (2, 3)), ValueError, "different numbers of entries"),
    ],
)  # fmt: skip
def test_mistakes_are_told(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_checks_can_be_left_out():
    assert math.isnan(ds.Normal(0.0, -1.0, validate_args=False).log_prob(0.0).item())
    ds.Distribution.set_default_validate_args(False)
    try:
        ds.Normal(0.0, -1.0)
    finally:
        ds.Distribution.set_default_validate_args(True)


def test_an_own_distribution_as_pytorchs_are_written():
    class Spike(ds.Distribution):
        arg_constraints = {"place": ds.constraints.real}  # noqa: RUF012
        support = ds.constraints.real

        def __init__(self, place):
            self.place = place
            super().__init__(place.shape, validate_args=True)

        def sample(self, sample_shape=()):
            return mg.broadcast_to(self.place, self._extended_shape(sample_shape))

    assert Spike(mg.zeros(3)).expand((2, 3)).sample((4,)).shape == (4, 2, 3)
    assert repr(ds.Normal(mg.zeros(3), 1.0)) == "Normal(loc: (3,), scale: (3,))"


def test_tensors_of_another_class_give_samples_of_that_class():
    import microgradient.torch as torch

    for make in (
        lambda one: ds.Normal(one, one), lambda one: ds.Gamma(one, one), lambda one: ds.Beta(one, one),
        lambda one: ds.Bernoulli(one / 2), lambda one: ds.Poisson(one), lambda one: ds.Laplace(one, one),
    ):  # fmt: skip
        d = make(torch.ones(3))
        x = d.sample((2,))
        assert type(x) is torch.Tensor
        assert type(d.log_prob(x)) is torch.Tensor
    d = ds.Categorical(logits=torch.zeros(4, 3))
    assert type(d.log_prob(d.sample())) is torch.Tensor
    assert type(d.entropy()) is torch.Tensor
