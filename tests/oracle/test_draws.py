"""What a seed decides is what it decides in PyTorch: initial weights, dropout, samples."""

import numpy as np
import pytest
import torch
import torch.nn.utils.prune

import microgradient.torch as ours

DRAWS = {
    "uniform": lambda t: t.empty(3000).uniform_(-0.14002801, 0.3),
    "uniform of float64": lambda t: t.empty(3000, dtype=t.float64).uniform_(-0.14002801, 0.3),
    "uniform of large numbers": lambda t: t.empty(300, dtype=t.float64).uniform_(-1e305, 1.5e308) * 1e-305,
    "gamma of 0": lambda t: t.distributions.Gamma(t.zeros(2), 1.0, validate_args=False).sample(),
    "linear": lambda t: t.nn.Linear(51, 7).weight,
    "trunc_normal_": lambda t: t.nn.init.trunc_normal_(t.empty(40, 50), std=0.5, a=-0.6, b=0.9),
    "trunc_normal_ of a tail": lambda t: t.nn.init.trunc_normal_(t.empty(40, 50), std=0.5, a=0.9, b=1.5),
    "spectral_norm": lambda t: t.nn.utils.parametrizations.spectral_norm(t.nn.Conv2d(3, 5, 3)).weight,
    "former spectral_norm": lambda t: t.nn.utils.spectral_norm(t.nn.Linear(3, 5)).weight_u,
    "orthogonal": lambda t: t.nn.utils.parametrizations.orthogonal(t.nn.Linear(3, 5)).weight,
    "prune": lambda t: t.nn.utils.prune.random_unstructured(t.nn.Linear(7, 5), "weight", 0.4).weight_mask,
    "poisson": lambda t: t.poisson(t.tensor([0.0, 0.5, 3.0, 9.5, 12.0, 80.0]).expand(50, 6)),
    "binomial": lambda t: t.binomial(
        t.tensor([0.0, 5.0, 40.0, 60.0, 200.0]).expand(50, 5), t.linspace(0, 1, 50)[:, None].expand(50, 5)
    ),
    "sparse_": lambda t: t.nn.init.sparse_(t.empty(30, 10), 0.2),
    "bernoulli of one": lambda t: t.stack([t.bernoulli(t.tensor(p)) for p in (0.2, 0.4, 0.6, 0.8)]),
    "bernoulli of shape () for many": lambda t: t.empty(30).bernoulli_(t.tensor(0.4)),
    "bernoulli of a number": lambda t: t.empty(30).bernoulli_(0.4),
    **{
        name: lambda t, name=name: getattr(t.distributions, name)(t.tensor([0.5, 2.0]), t.tensor(1.5)).sample((50,))
        for name in ("Cauchy", "Weibull", "Pareto", "Kumaraswamy", "Normal", "Laplace", "Gumbel", "LogNormal")
    },
    "HalfCauchy": lambda t: t.distributions.HalfCauchy(t.tensor([0.5, 2.0])).rsample((50,)),
    "Multinomial": lambda t: t.distributions.Multinomial(9, t.tensor([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])).sample(
        (4, 3)
    ),
    "dropout2d of (N, C)": lambda t: t.nn.Dropout2d(0.4)(t.ones(20, 30)),
    "dropout2d of (N, C, L)": lambda t: t.nn.functional.dropout2d(t.ones(20, 30, 2), 0.4),
    "dropout3d of (C, D, H, W)": lambda t: t.nn.functional.dropout3d(t.ones(20, 3, 2, 2), 0.4),
    "dropout3d of (N, C, L)": lambda t: t.nn.functional.dropout3d(t.ones(20, 3, 2), 0.4),
    "weights of attention": lambda t: t.nn.MultiheadAttention(8, 2, 0.4)(*[t.ones(3, 5, 8)] * 3)[1],
    "encoder": lambda t: t.nn.TransformerEncoderLayer(8, 2, 16, 0.3, batch_first=True)(t.ones(3, 5, 8)),
    "encoder, norm first": lambda t: t.nn.TransformerEncoderLayer(8, 2, 16, 0.3, batch_first=True, norm_first=True)(
        t.ones(3, 5, 8)
    ),
    "decoder": lambda t: t.nn.TransformerDecoderLayer(8, 2, 16, 0.3, batch_first=True)(
        t.ones(3, 5, 8), t.ones(3, 4, 8)
    ),
}


@pytest.mark.filterwarnings("ignore:.*dropout.d")
@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_decides_what_it_decides_in_pytorch(name):
    mine, theirs = [], []
    for t, found in ((ours, mine), (torch, theirs)):
        t.manual_seed(3)
        found += [DRAWS[name](t).detach().numpy(), t.rand(5).numpy()]
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


SAMPLES = """
Gamma(t.tensor([0.2, 1.0, 7.5]), 2.0) | Beta(0.4, 0.4) | Beta(t.tensor([2.0, 0.5]), 3.0) | Dirichlet(t.tensor([0.3, 1.0, 4.0]))
Chi2(3.0) | StudentT(t.tensor([3.0, 0.7])) | FisherSnedecor(3.0, 4.0) | InverseGamma(3.0, 2.0) | Poisson(t.tensor([4.0, 30.0]))
Binomial(10, t.tensor([0.3, 0.9])) | Binomial(100, 0.4) | Multinomial(5, t.ones(3)) | NegativeBinomial(3.0, t.tensor(0.4))
Normal(1.0, 2.0) | Categorical(t.ones(4)) | Exponential(2.0) | Laplace(0.0, 1.0) | Uniform(-1.0, 2.0) | Bernoulli(0.3)
"""


@pytest.mark.parametrize("distribution", SAMPLES.replace("\n", " | ").strip(" |").split(" | "))
def test_distributions_draw_what_pytorchs_do(distribution):
    mine, theirs = [], []
    for t, found in ((ours, mine), (torch, theirs)):
        t.manual_seed(4)
        samples = eval(f"d.{distribution}", {"d": t.distributions, "t": t}).sample((40,))
        found += [samples.numpy(), t.rand(5).numpy()]
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rate", [np.nan, -1.0])
def test_rates_of_poisson_numbers_are_not_negative(rate):
    for t in (ours, torch):
        with pytest.raises(RuntimeError if t is torch else ValueError, match="invalid Poisson rate, expected rate"):
            t.poisson(t.tensor([1.0, rate]))


@pytest.mark.parametrize("ends", [(2, 1), (-3e38, 3e38), (0, np.nan), (-np.inf, 0)])
def test_intervals_of_uniform_numbers_are_finite(ends):
    for t in (ours, torch):
        with pytest.raises(RuntimeError if t is torch else ValueError, match=r"uniform_|bounds"):
            t.empty(2).uniform_(*ends)


def test_binomial_numbers_of_counts_that_are_not_finite():
    drawn = ours.binomial(ours.tensor([np.nan, np.inf, np.inf]), ours.tensor([0.3, 0.3, 0.0]))
    np.testing.assert_array_equal(drawn.numpy(), [np.nan, np.inf, 0.0])  # where PyTorch has no end
