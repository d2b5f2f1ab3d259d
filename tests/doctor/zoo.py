"""Small networks, healthy and sick, for `mg.doctor`. Each says which rule should name it; None is for the healthy.

`HALVES` splits them by the first hexadecimal digit of the SHA-256 of their names, even or odd: rules were tuned on "even" alone.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.nn import functional as F  # noqa: N812 (everybody's name)


@dataclass(frozen=True)
class Patient:
    """A network: `make()` gives (model, loss_fn, batch, optimizer). `rule` is what it suffers from, `also` what may be
    named beside.

    `middle` says whether it is examined after some steps of training, too.
    """

    name: str
    rule: str | None
    make: Callable[[], Any]
    also: tuple[str, ...] = ()
    middle: bool = True
    subject: str | None = None

    @property
    def half(self):
        return "even" if int(hashlib.sha256(self.name.encode()).hexdigest()[0], 16) % 2 == 0 else "odd"


ZOO: dict[str, Patient] = {}


def patient(rule=None, **options):
    def add(make):
        name = make.__name__.replace("_", " ")
        ZOO[name] = Patient(name, rule, make, **options)
        return make

    return add


# ---------------------------------------------------------------------------------------------------------------- material


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def classes(n=64, features=20, count=5, seed=0):
    """Inputs and labels that a random linear map gives."""
    x = normal(n, features, seed=seed)
    y = np.argmax(x @ normal(features, count, seed=seed + 1), axis=1)
    return mg.asarray(x), mg.asarray(y)


def numbers(n=64, features=10, seed=0):
    """Inputs (n, features) and targets (n, 1) that a smooth function gives."""
    x = normal(n, features, seed=seed)
    y = np.tanh(x @ normal(features, 1, seed=seed + 1)).astype(np.float32)
    return mg.asarray(x), mg.asarray(y)


def pictures(n=16, size=8, channels=1, count=4, seed=0):
    x = normal(n, channels, size, size, seed=seed)
    y = np.argmax(x.reshape(n, -1) @ normal(channels * size * size, count, seed=seed + 1), axis=1)
    return mg.asarray(x), mg.asarray(y)


def tokens(n=8, length=12, vocabulary=20, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, vocabulary, (n, length + 1))
    return mg.asarray(x[:, :-1]), mg.asarray(x[:, 1:])


def he(layer, scale=1.0):
    if isinstance(layer, nn.Linear | nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        layer.weight.data = layer.weight.data * scale
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def xavier(layer, gain=5 / 3):
    if isinstance(layer, nn.Linear):
        nn.init.xavier_normal_(layer.weight, gain=gain)
        nn.init.zeros_(layer.bias)


def gauss(std):
    def init(layer):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    return init


def mlp(*sizes, act=nn.ReLU, init=None, last=None, norm=None):
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), *([norm(b)] if norm else []), act()]
    model = nn.Sequential(*layers[: -1 - bool(norm)], *([last()] if last else []))
    return model if init is None else model.apply(init)


def ce(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def mse(model, batch):
    return F.mse_loss(model(batch[0]), batch[1])


def adam(model, lr=1e-3):
    return optim.Adam(model.parameters(), lr=lr)


def sgd(model, lr=0.05, **options):
    return optim.SGD(model.parameters(), lr=lr, **options)


class Named(nn.Module):
    """A module with these parts and this forward."""

    def __init__(self, forward, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._how = (forward,)

    def forward(self, *args):
        return self._how[0](self, *args)


# ---------------------------------------------------------------------------------------------------------- healthy: MLPs


@patient()
def small_mlp():
    model = mlp(20, 32, 5)
    return model, ce, classes(), adam(model)


@patient()
def mlp_of_three_hidden_layers():
    model = mlp(20, 64, 64, 64, 5)
    return model, ce, classes(), adam(model)


@patient()
def he_mlp_of_ten_layers():
    model = mlp(20, *[64] * 10, 5, init=he)
    return model, ce, classes(), adam(model)


@patient()
def tanh_mlp_of_eight_layers():
    model = mlp(20, *[64] * 8, 5, act=nn.Tanh, init=xavier)
    return model, ce, classes(), adam(model)


@patient()
def loss_times_ten_thousand():
    model = mlp(20, 64, 64, 5)
    return model, lambda m, b: 1e4 * ce(m, b), classes(), adam(model)


@patient()
def loss_times_a_millionth():
    model = mlp(20, 64, 64, 5)
    return model, lambda m, b: 1e-6 * ce(m, b), classes(), adam(model)


@patient()
def sum_over_the_batch():
    model = mlp(10, 64, 1)
    return model, lambda m, b: F.mse_loss(m(b[0]), b[1], reduction="sum"), numbers(), adam(model)


@patient()
def sparse_inputs():
    model = mlp(200, 64, 5, init=he)
    x = (np.random.default_rng(0).random((64, 200)) < 0.03).astype(np.float32)
    return model, ce, (mg.asarray(x), classes()[1]), adam(model)


@patient()
def one_example():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(1), adam(model)


@patient()
def double_precision():
    model = mlp(20, 64, 64, 5).double()
    x, y = classes()
    return model, ce, (mg.astype(x, mg.float64), y), adam(model)


@patient()
def a_small_learning_rate():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), adam(model, 1e-5)


@patient()
def plain_descent_in_small_steps():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), sgd(model, 1e-4)


@patient()
def logistic_regression_from_zero():
    model = nn.Linear(20, 5)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    return model, ce, classes(), sgd(model, 0.5)


@patient()
def zero_last_layer():
    model = mlp(20, 64, 64, 64, 5, init=he)
    nn.init.zeros_(model[-1].weight)
    return model, ce, classes(), adam(model)


@patient()
def batch_norm_mlp():
    model = mlp(20, 64, 64, 64, 5, norm=nn.BatchNorm1d)
    return model, ce, classes(), adam(model)


@patient()
def dropout_mlp():
    model = nn.Sequential(
        nn.Linear(20, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 5),
    )
    return model, ce, classes(), adam(model)


@patient()
def sigmoid_mlp_of_two_layers():
    model = mlp(20, 32, 5, act=nn.Sigmoid)
    return model, ce, classes(), adam(model, 1e-2)


@patient()
def gelu_mlp():
    model = mlp(20, *[64] * 4, 5, act=nn.GELU, init=he)
    return model, ce, classes(), optim.AdamW(model.parameters(), lr=1e-3)


@patient()
def binary_classifier():
    model = mlp(20, 64, 1)
    x, y = classes(count=2)
    loss = lambda m, b: F.binary_cross_entropy_with_logits(m(b[0])[:, 0], mg.astype(b[1], mg.float32))
    return model, loss, (x, y), adam(model)


@patient()
def probabilities_and_their_loss():
    model = mlp(20, 64, 1, last=nn.Sigmoid)
    x, y = classes(count=2)
    loss = lambda m, b: F.binary_cross_entropy(m(b[0])[:, 0], mg.astype(b[1], mg.float32))
    return model, loss, (x, y), adam(model)


@patient()
def log_softmax_and_nll():
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5), nn.LogSoftmax(1))
    return model, lambda m, b: F.nll_loss(m(b[0]), b[1]), classes(), adam(model)


@patient()
def momentum_descent():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), sgd(model, 0.05, momentum=0.9)


@patient()
def no_optimizer():
    return mlp(20, 64, 64, 5), ce, classes(), None


# ------------------------------------------------------------------------------------------- healthy: other architectures


@patient()
def small_cnn():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 4),
    )
    return model, ce, pictures(), adam(model)


@patient()
def cnn_with_batch_norm():
    def block(a, b):
        return nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()

    model = nn.Sequential(
        *block(1, 8),
        *block(8, 8),
        nn.MaxPool2d(2),
        *block(8, 16),
        *block(16, 16),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    )
    return model, ce, pictures(), sgd(model, 0.05, momentum=0.9)


def residual(blocks, zero_last, width=64, norm=False):
    def forward(self, x):
        h = self.first(x)
        for block in self.blocks:
            h = h + block(h)
        return self.last(h)

    made = []
    for _ in range(blocks):
        parts = [nn.LayerNorm(width)] if norm else []
        block = nn.Sequential(*parts, nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)).apply(he)
        if zero_last:
            nn.init.zeros_(block[-1].weight)
        made.append(block)
    return Named(forward, first=nn.Linear(20, width), blocks=nn.ModuleList(made), last=nn.Linear(width, 5))


@patient()
def residual_network_that_starts_as_the_identity():
    model = residual(20, True)
    return model, ce, classes(), adam(model)


@patient()
def residual_network_with_layer_norm():
    model = residual(16, False, norm=True)
    return model, ce, classes(), adam(model)


@patient()
def lstm_classifier():
    def forward(self, x):
        return self.head(self.lstm(self.embed(x))[0][:, -1])

    model = Named(forward, embed=nn.Embedding(20, 16), lstm=nn.LSTM(16, 32, batch_first=True), head=nn.Linear(32, 4))
    x, _ = tokens(16, 20)
    return model, ce, (x, mg.asarray(np.arange(16) % 4)), adam(model, 3e-3)


@patient()
def gru_language_model():
    def forward(self, x):
        return self.head(self.gru(self.embed(x))[0])

    model = Named(forward, embed=nn.Embedding(20, 16), gru=nn.GRU(16, 32, batch_first=True), head=nn.Linear(32, 20))
    return model, by_token, tokens(), adam(model, 3e-3)


def by_token(m, b):
    scores = m(b[0])
    return F.cross_entropy(mg.reshape(scores, (-1, scores.shape[-1])), mg.reshape(b[1], (-1,)))


class Gpt(nn.Module):
    """A decoder of two blocks."""

    def __init__(self, width=32, blocks=2, vocabulary=20, length=12, pre=True):
        super().__init__()
        self.embed, self.place = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        layer = lambda: nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=pre)
        self.blocks = nn.ModuleList([layer() for _ in range(blocks)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        for p in (self.embed.weight, self.place.weight):
            nn.init.normal_(p, std=0.02)

    def forward(self, x):
        n = x.shape[1]
        h = self.embed(x) + self.place(mg.arange(n))
        mask = mg.asarray(np.triu(np.full((n, n), -np.inf, np.float32), 1))
        for block in self.blocks:
            h = block(h, src_mask=mask)
        return self.head(self.norm(h))


@patient()
def gpt_of_two_blocks():
    model = Gpt()
    return model, by_token, tokens(), optim.AdamW(model.parameters(), lr=1e-3)


@patient()
def transformer_with_norm_behind():
    model = Gpt(pre=False)
    return model, by_token, tokens(), adam(model)


@patient()
def big_embedding():
    model = nn.Sequential(nn.Embedding(5000, 128), nn.Flatten(), nn.Linear(12 * 128, 64), nn.ReLU(), nn.Linear(64, 4))
    x, _ = tokens(16, vocabulary=5000)
    return model, ce, (x, mg.asarray(np.arange(16) % 4)), adam(model)


@patient()
def autoencoder():
    model = mlp(20, 32, 4, 32, 20)
    x, _ = classes()
    return model, mse, (x, x), adam(model)


@patient()
def two_heads():
    def forward(self, x):
        h = mg.relu(self.trunk(x))
        return self.a(h), self.b(h)

    def loss(m, b):
        a, c = m(b[0])
        return F.cross_entropy(a, b[1]) + 0.1 * F.mse_loss(c, b[2])

    model = Named(forward, trunk=nn.Linear(20, 64), a=nn.Linear(64, 5), b=nn.Linear(64, 1))
    return model, loss, (*classes(), mg.asarray(normal(64, 1, seed=3))), adam(model)


# ------------------------------------------------------------------------------------------------------------- healthy: RL


@patient()
def dqn_head():
    online, target = mlp(4, 64, 64, 2), mlp(4, 64, 64, 2)

    def loss(m, b):
        s, a, r, after = b
        with mg.no_grad():
            best = r + 0.99 * mg.max(target(after), axis=1)
        q = mg.take_along_axis(m(s), a[:, None], axis=1)[:, 0]
        return F.smooth_l1_loss(q, best)

    rng = np.random.default_rng(0)
    batch = (normal(64, 4), rng.integers(0, 2, 64), np.ones(64, np.float32), normal(64, 4, seed=1))
    return online, loss, tuple(map(mg.asarray, batch)), adam(online)


class Policy(nn.Module):
    def __init__(self, last=0.01):
        super().__init__()
        self.body, self.pi, self.v = mlp(4, 64, 64, act=nn.Tanh, last=nn.Tanh), nn.Linear(64, 3), nn.Linear(64, 1)
        nn.init.orthogonal_(self.pi.weight, gain=last)

    def forward(self, s):
        h = self.body(s)
        return mg.log_softmax(self.pi(h), axis=1), self.v(h)[:, 0]


def policy_batch(n=64):
    rng = np.random.default_rng(0)
    batch = (
        normal(n, 4),
        rng.integers(0, 3, n),
        normal(n, seed=2),
        normal(n, seed=3),
        np.full(n, -np.log(3), np.float32),
    )
    return tuple(map(mg.asarray, batch))


def ppo_loss(m, b):
    s, a, advantage, returns, old = b
    log_pi, v = m(s)
    chosen = mg.take_along_axis(log_pi, a[:, None], axis=1)[:, 0]
    ratio = mg.exp(chosen - old)
    gain = mg.minimum(ratio * advantage, mg.clip(ratio, min=0.8, max=1.2) * advantage)
    entropy = -mg.sum(mg.exp(log_pi) * log_pi, axis=1)
    return -mg.mean(gain) + 0.5 * F.mse_loss(v, returns) - 0.01 * mg.mean(entropy)


@patient()
def ppo():
    model = Policy()
    return model, ppo_loss, policy_batch(), adam(model, 3e-4)


@patient()
def reinforce():
    model = Policy(1.0)

    def loss(m, b):
        log_pi, v = m(b[0])
        chosen = mg.take_along_axis(log_pi, b[1][:, None], axis=1)[:, 0]
        return -mg.mean(chosen * b[2]) + mg.mean((v - b[3]) ** 2)

    return model, loss, policy_batch(), adam(model)


# ------------------------------------------------------------------------------------------------- sick: signals, gradients


@patient("vanishing gradient")
def sigmoid_mlp_of_ten_layers():
    model = mlp(20, *[64] * 10, 5, act=nn.Sigmoid)
    return model, ce, classes(), adam(model)


@patient("vanishing gradient")
def tanh_mlp_of_small_weights():
    model = mlp(20, *[64] * 8, 5, act=nn.Tanh, init=gauss(0.01))
    return model, ce, classes(), sgd(model)


@patient("vanishing gradient")
def relu_mlp_of_small_weights():
    model = mlp(20, *[64] * 8, 5, init=lambda m: he(m, 0.3))
    return model, ce, classes(), sgd(model)


@patient("exploding gradient", also=("learning rate too large",), middle=False)
def relu_mlp_of_large_weights():
    model = mlp(20, *[64] * 8, 5, init=lambda m: he(m, 2.5))
    return model, ce, classes(), None


@patient("exploding gradient", middle=False)
def plain_residual_network():
    model = residual(24, False)
    return model, ce, classes(), None


@patient("dead relu")
def relu_with_low_biases():
    model = mlp(20, 64, 64, 5)
    nn.init.constant_(model[0].bias, -20.0)
    return model, ce, classes(), adam(model)


@patient("dead relu")
def second_relu_with_low_biases():
    model = mlp(20, 64, 64, 5)
    nn.init.constant_(model[2].bias, -5.0)
    return model, ce, classes(), adam(model)


@patient("dead relu")
def cnn_with_dead_channels():
    model = small_cnn()[0]
    nn.init.constant_(model[3].bias, -10.0)
    return model, ce, pictures(), adam(model)


@patient("saturation")
def tanh_mlp_of_large_weights():
    model = mlp(20, 64, 64, 5, act=nn.Tanh, init=gauss(2.0))
    return model, ce, classes(), adam(model)


@patient("saturation")
def sigmoid_mlp_of_large_weights():
    model = mlp(20, 64, 64, 5, act=nn.Sigmoid, init=gauss(6.0))
    return model, ce, classes(), adam(model)


@patient("symmetric initialisation")
def constant_weights():
    model = mlp(20, 64, 64, 5)
    for p in model.parameters():
        nn.init.constant_(p, 0.1)
    return model, ce, classes(), sgd(model)


@patient("symmetric initialisation")
def all_zeros():
    model = mlp(20, 64, 5, act=nn.Tanh)
    for p in model.parameters():
        nn.init.zeros_(p)
    return model, ce, classes(), adam(model)


@patient("data not normalised")
def pictures_of_bytes():
    model = small_cnn()[0]
    x = np.random.default_rng(0).integers(0, 256, (16, 1, 8, 8)).astype(np.float32)
    return model, ce, (mg.asarray(x), pictures()[1]), sgd(model, 0.1)


@patient("data not normalised")
def raw_table():
    model = mlp(10, 64, 1, act=nn.Tanh)
    x, y = numbers()
    scale = np.logspace(0, 4, 10).astype(np.float32)
    return model, mse, (x * mg.asarray(scale) + 500.0, y), adam(model)


@patient("frozen batch norm")
def training_in_evaluation_mode():
    model = batch_norm_mlp()[0].eval()
    return model, ce, classes(), adam(model)


# ------------------------------------------------------------------------------------------------------------- sick: losses


@patient("softmax twice")
def softmax_before_cross_entropy():
    model = mlp(20, 64, 5, last=lambda: nn.Softmax(1))
    return model, ce, classes(), adam(model)


@patient("softmax twice")
def sigmoid_before_cross_entropy():
    model = mlp(20, 64, 5, last=nn.Sigmoid)
    return model, ce, classes(), adam(model)


@patient("sigmoid twice")
def sigmoid_before_logits():
    model = mlp(20, 64, 1, last=nn.Sigmoid)
    x, y = classes(count=2)
    loss = lambda m, b: F.binary_cross_entropy_with_logits(m(b[0])[:, 0], mg.astype(b[1], mg.float32))
    return model, loss, (x, y), adam(model)


@patient("softmax before nll")
def softmax_before_nll():
    model = mlp(20, 64, 5, last=lambda: nn.Softmax(1))
    return model, lambda m, b: F.nll_loss(m(b[0]), b[1]), classes(), adam(model)


@patient("softmax before nll")
def scores_before_nll():
    model = mlp(20, 64, 5)
    return model, lambda m, b: F.nll_loss(m(b[0]), b[1]), classes(), adam(model)


@patient("labels", middle=False)
def labels_from_one():
    model = mlp(20, 64, 5)
    x, y = classes()
    return model, ce, (x, y + 1), adam(model)


@patient("labels")
def labels_of_plus_and_minus_one():
    model = mlp(20, 64, 1)
    x, y = classes(count=2)
    loss = lambda m, b: F.binary_cross_entropy_with_logits(m(b[0])[:, 0], mg.astype(2 * b[1] - 1, mg.float32))
    return model, loss, (x, y), adam(model)


@patient("labels")
def tanh_for_large_targets():
    model = mlp(10, 64, 1, last=nn.Tanh)
    x, y = numbers()
    return model, mse, (x, 5.0 * y), adam(model)


@patient("shape mismatch")
def column_against_row():
    model = mlp(10, 64, 1)
    x, y = numbers()
    return model, lambda m, b: mg.mean((m(b[0]) - b[1]) ** 2), (x, y[:, 0]), adam(model)


@patient("wrong sign", middle=False)
def minus_cross_entropy():
    model = mlp(20, 64, 5)
    return model, lambda m, b: -ce(m, b), classes(), adam(model)


@patient("wrong sign", middle=False)
def minus_squared_error():
    model = mlp(10, 64, 1)
    return model, lambda m, b: -mse(m, b), numbers(), adam(model)


@patient("wrong sign", middle=False)
def an_optimizer_that_ascends():
    model = mlp(20, 64, 5)
    return model, ce, classes(), optim.Adam(model.parameters(), lr=1e-3, maximize=True)


# -------------------------------------------------------------------------------------------------- sick: numbers and steps


@patient("NaN", middle=False)
def logarithm_of_a_negative_number():
    model = mlp(10, 64, 1)
    return model, lambda m, b: -mg.mean(mg.log(m(b[0]))), numbers(), adam(model)


@patient("NaN", middle=False)
def distance_of_equal_points():
    model = mlp(10, 64, 64)

    def loss(m, b):
        between = m(b[0]) - m(b[1])
        return mg.mean(mg.sqrt(mg.sum(between * between, axis=1)))

    x = normal(16, 10)
    return model, loss, (mg.asarray(x), mg.asarray(np.where(np.arange(16)[:, None] == 3, x, 0))), adam(model)


@patient("NaN", middle=False)
def missing_values():
    model = mlp(10, 64, 1)
    x, y = numbers()
    x = np.array(x.data)
    x[3, 4] = np.nan
    return model, mse, (mg.asarray(x), y), adam(model)


@patient("NaN", middle=False)
def a_parameter_that_is_nan():
    model = mlp(10, 64, 1)
    weight = np.array(model[0].weight.data)
    weight[0, 0] = np.nan
    model[0].weight.data = weight
    return model, mse, numbers(), adam(model)


@patient("learning rate too large", also=("dead relu", "saturation"), middle=False)
def adam_in_steps_of_one():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), adam(model, 1.0)


@patient("learning rate too large", also=("NaN",), middle=False)
def descent_in_steps_of_a_hundred():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), sgd(model, 100.0)


@patient("learning rate too small")
def descent_in_steps_of_a_billionth():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), sgd(model, 1e-9)


@patient("learning rate too small")
def adam_in_steps_of_a_hundred_millionth():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), adam(model, 1e-8)


@patient("no gradient", subject="unused.weight")
def a_layer_that_is_not_used():
    model = Named(
        lambda self, x: self.b(mg.relu(self.a(x))), a=nn.Linear(20, 64), b=nn.Linear(64, 5), unused=nn.Linear(64, 64)
    )
    return model, ce, classes(), adam(model)


@patient("no gradient", subject="a.weight")
def a_layer_that_is_detached():
    model = Named(lambda self, x: self.b(mg.relu(self.a(x)).detach()), a=nn.Linear(20, 64), b=nn.Linear(64, 5))
    return model, ce, classes(), adam(model)


@patient("not in optimizer")
def a_head_outside_the_optimizer():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), optim.Adam(model[0].parameters(), lr=1e-3)


@patient("not in optimizer")
def a_head_replaced_later():
    model = mlp(20, 64, 64, 3)
    optimizer = adam(model)
    model[4] = nn.Linear(64, 5)
    return model, ce, classes(), optimizer
