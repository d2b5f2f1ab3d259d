"""`microgradient.torch`: loaders give PyTorch's batches, also shuffled after a seed; distributions take numbers."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import microgradient.torch as ours  # noqa: E402

X = np.arange(22.0).reshape(11, 2)
OPTIONS = {
    "in order": lambda m: {"batch_size": 4},
    "without the last": lambda m: {"batch_size": 4, "drop_last": True},
    "shuffled": lambda m: {"batch_size": 4, "shuffle": True},
    "by a generator": lambda m: {"batch_size": 3, "shuffle": True, "generator": m.Generator().manual_seed(7)},
    "singly": lambda m: {"batch_size": None},
    "by lists": lambda m: {"batch_sampler": [[0, 2], [1], [10, 9, 8]]},
    "subset": lambda m: {"sampler": m.utils.data.SequentialSampler(range(5)), "batch_size": 2},
}


class Rows:
    def __init__(self, m):
        self.x = m.tensor(X)

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return {"x": self.x[i], "label": i % 3, "weight": 0.5 * i, "name": f"row {i}", "pair": (np.float32(i), [i, -i])}


def plain(batch):
    if isinstance(batch, dict):
        return {k: plain(v) for k, v in batch.items()}
    if isinstance(batch, list | tuple):
        return [plain(v) for v in batch]
    return (str(batch.dtype), batch.tolist()) if hasattr(batch, "tolist") else batch


@pytest.mark.parametrize("name", OPTIONS)
def test_loaders_give_the_same_batches(name):
    found = []
    for m in (torch, ours):
        m.manual_seed(3)
        tensors = m.utils.data.TensorDataset(m.tensor(X), m.arange(11))
        seen = []
        for data in (Rows(m), tensors):
            loader = m.utils.data.DataLoader(data, **OPTIONS[name](m))
            seen += [[plain(batch) for batch in loader] for _ in range(2)]
        first, second = m.utils.data.random_split(tensors, [0.7, 0.3])
        seen += [list(first.indices), list(second.indices), m.rand(3).tolist()]
        found.append(seen)
    assert found[1] == found[0]


def test_batches_are_tensors_of_the_package():
    for batch in ours.utils.data.DataLoader(Rows(ours), batch_size=5):
        assert type(batch["label"]) is type(batch["x"]) is type(batch["pair"][0]) is ours.Tensor
    workers = ours.utils.data.DataLoader(Rows(ours), batch_size=5, num_workers=2)
    assert [b["label"].tolist() for b in workers] == [[0, 1, 2, 0, 1], [2, 0, 1, 2, 0], [1]]


def test_distributions_of_numbers_and_their_samples():
    found = []
    for m in (torch, ours):
        m.manual_seed(1)
        d = m.distributions
        normal = d.Normal(0.5, 2.0)
        samples = [normal.sample((5,)), d.Normal(m.zeros(2, 10), m.ones(10)).sample()]
        values = [
            normal.log_prob(m.tensor(1.0)), d.Bernoulli(0.3).entropy(), d.Uniform(0, 2).mean,
            d.Gamma(2, 1.0).log_prob(m.tensor(1.5)),
            d.kl_divergence(normal, d.Normal(0.0, 1.0)), d.Categorical(logits=m.zeros(3)).log_prob(m.tensor(2)),
            d.Independent(d.Normal(m.zeros(3), 1.0), 1).log_prob(m.ones(3)), d.Categorical(m.ones(3)).enumerate_support(),
        ]  # fmt: skip
        assert all(isinstance(x, m.Tensor) for x in [*samples, *values])
        found.append([x.tolist() for x in [*samples, *values]])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    assert isinstance(ours.distributions.LogNormal(0.0, 1.0).sample(), ours.Tensor)
    assert ours.distributions.categorical.Categorical is ours.distributions.Categorical


@pytest.mark.parametrize("drop_last", [False, True])
def test_samplers_of_several_processes_give_the_same_order(drop_last):
    found = []
    for m in (torch, ours):
        samplers = [
            m.utils.data.DistributedSampler(range(11), num_replicas=3, rank=rank, seed=5, drop_last=drop_last)
            for rank in range(3)
        ]
        orders = []
        for epoch in range(2):
            for sampler in samplers:
                sampler.set_epoch(epoch)
                orders.append([*sampler])
        found.append(orders)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "examples", [[(1, "a"), (2, "b")], [1, 2.5], [2.5, 1], [True, 2], [{"a": ["x", 1]}, {"a": ["y", 2]}]]
)
def test_examples_collate_as_pytorchs(examples):
    a, b = (m.utils.data.default_collate(examples) for m in (torch, ours))
    assert repr(a) == repr(b)
