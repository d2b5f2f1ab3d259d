"""What the zoo is made of: the register of its patients, data, models and losses."""

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


def cnn():
    parts = nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU()
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(256, 4))


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


def rnn_of(core, features=32):
    """Tokens to four classes, by the last state of a recurrent layer."""

    def forward(self, x):
        return self.head(self.core(self.embed(x))[0][:, -1])

    return Named(
        forward, embed=nn.Embedding(20, 16), core=core(16, features, batch_first=True), head=nn.Linear(features, 4)
    )
