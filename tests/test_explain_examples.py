"""`mg.why(…).examples()`: what each example contributes is what it gives when it is alone; with the rest it is the gradient."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import GradientError
from microgradient.explain.examples import Example


class Tokens(nn.Module):
    """Tokens and places, so that an axis of the input may be as long as the batch."""

    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(11, 6), nn.Embedding(7, 6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.out = nn.Linear(6, 3)

    def forward(self, tokens):
        h = self.token(tokens) + self.place(mg.arange(tokens.shape[1]))
        h = h + self.attention(h, h, h)[0]
        return self.out(mg.mean(h, axis=1))


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(2, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def perceptron():
    return nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3))  # as many numbers as examples


def convolutions():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 3))


def weight_normed():
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.Tanh(), nn.Linear(4, 3))


class Scaled(nn.Module):
    """Constants as long as the batch that have nothing to do with it: one of features, one of places."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.weight = nn.Parameter(mg.ones(4))
        self.places = nn.Linear(4, 3)

    def forward(self, x):
        table = self.places(mg.tensor(np.arange(16.0).reshape(4, 4)))
        return self.linear(x) * (self.weight * mg.tensor([1.0, -2.0, 3.0, 0.5])) @ table


def normalised():
    """As many features as examples, with the running statistics of each."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    model[1].running_var.data[:] = [0.5, 2.0, 3.0, 1.5]
    return model.eval()


MODELS = {
    "constants as long as the batch": (Scaled, (4, 3)),
    "batch norm with as many features": (normalised, (4, 3)),
    "perceptron": (perceptron, (5, 5)),
    "convolutions": (convolutions, (5, 1, 5, 5)),
    "weight norm": (weight_normed, (4, 4)),
    "lstm": (Reader, (5, 3, 2)),
    "tokens": (Tokens, (4, 6)),
    "as many places as examples": (Tokens, (4, 4)),
}


def batch_of(shape, model):
    if model is Tokens:
        return mg.tensor(np.random.default_rng(1).integers(0, 11, shape))
    return mg.tensor(np.random.default_rng(1).standard_normal(shape))


@pytest.mark.parametrize("name", MODELS)
def test_a_contribution_is_the_gradient_of_the_example_alone(name):
    """The mean of losses: the gradient of each, computed without the others, over N."""
    make, shape = MODELS[name]
    mg.manual_seed(0)
    model = make().to(mg.float64)
    x, y = batch_of(shape, make), mg.tensor(np.arange(shape[0]) % 3)
    with mg.trace():
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
    gradients = [parameter.grad.numpy().copy() for parameter in model.parameters()]
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        index = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape))
        found = mg.why(parameter, index, of=loss).examples()
        whole = mg.why(parameter, of=loss).examples()
        along = gradient / np.linalg.norm(gradient)
        for i in range(shape[0]):
            parameter.grad = None
            nn.functional.cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
            alone = parameter.grad.numpy() / shape[0]
            assert found.contributions[i] == pytest.approx(alone[index], abs=1e-12)
            assert whole.contributions[i] == pytest.approx(np.sum(alone * along), abs=1e-12)
        assert found.rest == whole.rest == 0
        assert np.sum(whole.contributions) == pytest.approx(np.linalg.norm(gradient))


def decayed():
    """A network with batch norm, a weight used twice, and weight decay: examples act on one another, and a rest is left."""
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)).to(mg.float64)
    x, y = mg.tensor(np.random.default_rng(0).standard_normal((6, 4))), mg.tensor([0, 1, 2, 2, 1, 0])
    with mg.trace():
        loss = nn.functional.cross_entropy(model(x), y) + 0.01 * mg.sum(model[0].weight ** 2)
        loss.backward()
    return model, x, loss


def test_the_examples_and_the_rest_add_up_to_the_gradient():
    model, x, loss = decayed()
    found = mg.why(model[0].weight, (2, 1), of=loss).examples()
    assert found.rest == pytest.approx(0.02 * model[0].weight.numpy()[2, 1])
    assert np.sum(found.contributions) + found.rest == pytest.approx(model[0].weight.grad.numpy()[2, 1])
    sizes = [abs(each.contribution) for each in found]
    assert sizes == sorted(sizes, reverse=True)
    assert [each.label for each in found] == [[0, 1, 2, 2, 1, 0][each.number] for each in found]
    assert all(np.array_equal(each.input, x.numpy()[each.number]) for each in found)
    assert found.left(2) == pytest.approx(sum(each.contribution for each in found[2:]))


def test_the_card_of_one_example_adds_up_to_what_it_contributes():
    model, _, loss = decayed()
    for parameter, index in ((model[0].weight, (2, 1)), (model[1].bias, 3), (model[3].weight, (0, 0))):
        examples = mg.why(parameter, index, of=loss).examples()
        for each in examples:
            found = each.why()
            assert found.sum == pytest.approx(each.contribution)
            assert found.gradient == pytest.approx(each.contribution)
            assert all(edge.index[0] == each.number for edge in found.edges)
            edge = found.edges[0]
            assert edge.why().gradient == edge.upstream  # the way on is that of all
    parts = [each.why().gradient for each in mg.why(model[0].weight, of=loss).examples()]
    assert np.allclose(sum(parts) + 0.02 * model[0].weight.numpy(), model[0].weight.grad.numpy())


def test_pictures():
    def example(shape):
        return Example(0, 1.0, np.zeros(shape))

    shapes = {(28, 28): (28, 28), (1, 8, 8): (8, 8), (784,): (28, 28), (64,): (8, 8)}
    assert {shape: example(shape).picture.shape for shape in shapes} == shapes
    assert [example(shape).picture for shape in ((3,), (16,), (63,), (3, 8, 8), ())] == [None] * 5
    assert example((9,)).numbers == "0, 0, 0, 0, 0, 0, …"


def test_a_model_called_twice_has_rows_but_no_pictures():
    mg.manual_seed(0)
    model = nn.Linear(3, 2).to(mg.float64)
    a, b = (mg.tensor(np.random.default_rng(k).standard_normal((4, 3))) for k in range(2))
    with mg.trace():
        loss = mg.sum((model(a) - model(b)) ** 2)
        loss.backward()
    found = mg.why(model.weight, (1, 2), of=loss).examples()
    assert "called 2 times" in found.along
    assert found[0].input is None
    assert np.sum(found.contributions) == pytest.approx(model.weight.grad.numpy()[1, 2])


def test_what_is_not_known_is_not_guessed():
    x, w = mg.randn(4, 3), mg.randn(3, 2, requires_grad=True)
    with mg.trace():
        loss = mg.sum((x @ w) ** 2)
        loss.backward()
    with pytest.raises(GradientError, match="Module was called with them"):
        mg.why(w, (0, 0), of=loss).examples()
    lstm = nn.LSTM(3, 2)
    with mg.trace():
        loss = mg.sum(lstm(mg.randn(4, 5, 3))[0] ** 2)
        loss.backward()
    with pytest.raises(GradientError, match="batch_first=False"):
        mg.why(lstm.weight_ih_l0, (0, 0), of=loss).examples()
    model = nn.Linear(3, 2)
    with mg.trace():
        loss = mg.sum(model(mg.randn(4, 3))) + mg.sum(w**2)
        loss.backward()
    with pytest.raises(GradientError, match="No result that w enters"):
        mg.why(w, (0, 0), of=loss).examples()


def test_a_rule_of_ones_own_is_no_example():
    @mg.custom_rule(vjp=lambda t, y, x: (2 * t * x,))
    def square(x):
        return x * x

    model = nn.Linear(3, 2)
    with mg.trace():
        loss = mg.sum(model(mg.randn(4, 3))) + mg.sum(square(model.bias))
        loss.backward()
    found = mg.why(model.bias, 1, of=loss).examples()
    assert np.allclose(found.contributions, 1.0)
    assert found.rest == pytest.approx(2 * model.bias.numpy()[1])
    assert found[0].why().gradient == pytest.approx(1.0)
