"""PyTorch's random numbers: facts of its generator, which a seed decides."""

import numpy as np
import pytest

import microgradient.torch as torch


def test_numbers_are_those_of_pytorch_for_a_seed():
    torch.manual_seed(7)
    assert torch.randperm(8).tolist() == [7, 0, 3, 4, 1, 5, 2, 6]
    torch.manual_seed(7)
    np.testing.assert_allclose(torch.rand(3), [0.53492254, 0.19880319, 0.6592117], rtol=1e-7)
    torch.manual_seed(7)
    np.testing.assert_allclose(torch.randn(5), [-0.1467951, 0.7861413, 0.94682163, -1.114344, 1.6907902], rtol=1e-6)
    torch.manual_seed(7)
    assert torch.randint(10, (6,)).tolist() == [5, 2, 1, 6, 3, 7]
    torch.manual_seed(7)
    assert torch.randint(2**30, (3,)).tolist() == [976413892, 296233462, 980209875]
    torch.manual_seed(7)
    assert torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 3).tolist() == [1, 3, 0]
    torch.manual_seed(7)
    assert torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 6, replacement=True).tolist() == [1, 1, 3, 3, 3, 3]
    torch.manual_seed(7)
    assert torch.nn.functional.dropout(torch.ones(8), 0.5).tolist() == [2, 2, 0, 0, 0, 0, 2, 0]


def test_states_come_back():
    state = torch.get_rng_state()
    before = [torch.randn(3), torch.rand(20), torch.randn(1)]
    torch.set_rng_state(state)
    after = [torch.randn(3), torch.rand(20), torch.randn(1)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    g = torch.Generator().manual_seed(3)
    copy = g.clone_state()
    assert torch.equal(torch.rand(4, generator=g), torch.rand(4, generator=copy))
    with torch.random.fork_rng():
        torch.rand(5)
    now = torch.get_rng_state()
    torch.set_rng_state(now)
    assert torch.equal(torch.get_rng_state(), now)


def test_layers_and_compiled_functions_draw_from_the_same_numbers():
    torch.manual_seed(1)
    layer, noise = torch.nn.Linear(3, 2), torch.randn(2)
    torch.manual_seed(1)
    again = torch.nn.Linear(3, 2)
    assert torch.equal(layer.weight, again.weight)
    assert torch.equal(noise, torch.randn(2))
    torch.manual_seed(2)
    eager = [torch.nn.functional.dropout(torch.ones(6)) for _ in range(2)]
    torch.manual_seed(2)
    step = torch.compile(lambda x: torch.nn.functional.dropout(x))
    assert all(torch.equal(step(torch.ones(6)), y) for y in eager)


@pytest.mark.parametrize(
    ("name", "mean"), [("exponential_", 1.0), ("uniform_", 0.5), ("normal_", 0), ("bernoulli_", 0.5)]
)
def test_filling_has_the_right_mean(name, mean):
    torch.manual_seed(0)
    assert getattr(torch.empty(4000), name)().mean().item() == pytest.approx(mean, abs=0.06)


def test_bad_distributions_are_refused():
    with pytest.raises(RuntimeError, match="element < 0"):
        torch.multinomial(torch.tensor([-1.0, 2.0]), 1)
    with pytest.raises(ValueError, match="without replacement"):
        torch.multinomial(torch.tensor([1.0, 2.0]), 3)
    with pytest.raises(ValueError, match="less than"):
        torch.randint(3, 3, (2,))


def test_gumbel_softmax_draws_exponential_numbers():
    x = torch.linspace(0.0, 1.0, 6).reshape(2, 3)
    torch.manual_seed(3)
    found = torch.nn.functional.gumbel_softmax(x, tau=0.5, dim=0)
    torch.manual_seed(3)
    assert torch.allclose(found, ((x - torch.empty(2, 3).exponential_().log()) / 0.5).softmax(0))


@pytest.mark.parametrize("n", [2, 28, 100])
def test_steps_from_both_ends_are_symmetric(n):
    x = torch.linspace(-1, 1, n)
    assert x.tolist() == (-x.flip(0)).tolist()
    identity = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    grid = torch.nn.functional.affine_grid(identity, (1, 1, n, n), align_corners=False)
    np.testing.assert_array_equal(grid[0, :, :, 0], -grid[0, :, :, 0].flip(1))
    np.testing.assert_allclose(grid[0, 0, :, 0], (2 * np.arange(n) + 1) / n - 1, atol=1e-6)
