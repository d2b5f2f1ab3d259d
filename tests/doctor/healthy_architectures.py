"""Networks with nothing wrong: convolutions, recurrence, attention, several parts."""

from __future__ import annotations

import numpy as np
from material import (
    Gpt,
    Named,
    adam,
    by_token,
    ce,
    classes,
    cnn,
    mlp,
    mse,
    normal,
    patient,
    pictures,
    residual,
    sgd,
    tokens,
)

import microgradient as mg
from microgradient import nn, optim
from microgradient.nn import functional as F  # noqa: N812


@patient()
def small_cnn():
    model = cnn()
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


@patient()
def text_cnn():
    def forward(self, x):
        h = mg.permute_dims(self.embed(x), (0, 2, 1))
        return self.head(mg.max(mg.relu(self.conv(h)), axis=2))

    model = Named(forward, embed=nn.Embedding(20, 16), conv=nn.Conv1d(16, 32, 3), head=nn.Linear(32, 4))
    return model, ce, (tokens(16)[0], mg.asarray(np.arange(16) % 4)), adam(model)


@patient()
def vgg_like_cnn():
    def stage(a, b):
        return nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)

    model = nn.Sequential(*stage(1, 8), *stage(8, 16), nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4))
    return model, ce, pictures(), adam(model)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a, self.b = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.na, self.nb = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x):
        return mg.relu(x + self.nb(self.b(mg.relu(self.na(self.a(x))))))


@patient()
def resnet_with_batch_norm():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        *[Block(8) for _ in range(4)],
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )
    return model, ce, pictures(), sgd(model, 0.05, momentum=0.9)


@patient()
def dense_connections():
    def forward(self, x):
        for layer in self.layers:
            x = mg.concat([x, mg.relu(layer(x))], axis=1)
        return self.head(x)

    layers = nn.ModuleList([nn.Linear(20 + 16 * i, 16) for i in range(6)])
    model = Named(forward, layers=layers, head=nn.Linear(20 + 16 * 6, 5))
    return model, ce, classes(), adam(model)


@patient()
def highway_gates():
    def forward(self, x):
        h = self.first(x)
        for transform, gate in zip(self.transforms, self.gates, strict=True):
            t = mg.sigmoid(gate(h))
            h = t * mg.relu(transform(h)) + (1 - t) * h
        return self.last(h)

    model = Named(forward, first=nn.Linear(20, 32), transforms=nn.ModuleList([nn.Linear(32, 32) for _ in range(10)]),
                  gates=nn.ModuleList([nn.Linear(32, 32) for _ in range(10)]), last=nn.Linear(32, 5))  # fmt: skip
    for gate in model.gates:
        nn.init.constant_(gate.bias, -2.0)
    return model, ce, classes(), adam(model)


@patient()
def rezero_network():
    def forward(self, x):
        h = self.first(x)
        for layer, scale in zip(self.layers, self.scales, strict=True):
            h = h + scale * mg.relu(layer(h))
        return self.last(h)

    model = Named(forward, first=nn.Linear(20, 32), layers=nn.ModuleList([nn.Linear(32, 32) for _ in range(12)]),
                  scales=[nn.Parameter(np.zeros(1, np.float32)) for _ in range(12)], last=nn.Linear(32, 5))  # fmt: skip
    return model, ce, classes(), adam(model)


@patient()
def squeeze_and_excite():
    def forward(self, x):
        h = mg.relu(self.conv(x))
        gate = mg.sigmoid(self.up(mg.relu(self.down(mg.mean(h, axis=(2, 3))))))
        return self.head(mg.mean(h * gate[:, :, None, None], axis=(2, 3)))

    model = Named(forward, conv=nn.Conv2d(1, 16, 3), down=nn.Linear(16, 8), up=nn.Linear(8, 16), head=nn.Linear(16, 4))
    return model, ce, pictures(), adam(model)


def sequence_classifier(core, features, **options):
    def forward(self, x):
        return self.head(self.core(self.embed(x))[0][:, -1])

    return Named(
        forward,
        embed=nn.Embedding(20, 16),
        core=core(16, features, batch_first=True, **options),
        head=nn.Linear(features, 4),
    )


@patient()
def plain_rnn_classifier():
    model = sequence_classifier(nn.RNN, 32)
    return model, ce, (tokens(16)[0], mg.asarray(np.arange(16) % 4)), adam(model)


@patient()
def gru_classifier_of_long_sequences():
    model = sequence_classifier(nn.GRU, 32)
    return model, ce, (tokens(8, 40)[0], mg.asarray(np.arange(8) % 4)), adam(model)


@patient()
def two_lstm_layers_in_both_directions():
    def forward(self, x):
        return self.head(mg.mean(self.core(self.embed(x))[0], axis=1))

    core = nn.LSTM(16, 16, num_layers=2, bidirectional=True, batch_first=True)
    model = Named(forward, embed=nn.Embedding(20, 16), core=core, head=nn.Linear(32, 4))
    return model, ce, (tokens(16)[0], mg.asarray(np.arange(16) % 4)), adam(model)


@patient()
def rnn_for_a_series():
    def forward(self, x):
        return self.head(self.rnn(x)[0])

    model = Named(forward, rnn=nn.RNN(1, 32, batch_first=True), head=nn.Linear(32, 1))
    t = np.arange(41) / 5 + np.arange(8)[:, None]
    wave = np.sin(t).astype(np.float32)[..., None]
    return model, mse, (mg.asarray(wave[:, :-1]), mg.asarray(wave[:, 1:])), adam(model)


@patient()
def encoder_and_decoder():
    def forward(self, source, target):
        _, state = self.encoder(self.embed(source))
        return self.head(self.decoder(self.embed(target), state)[0])

    model = Named(
        forward,
        embed=nn.Embedding(20, 16),
        encoder=nn.GRU(16, 32, batch_first=True),
        decoder=nn.GRU(16, 32, batch_first=True),
        head=nn.Linear(32, 20),
    )
    source, target = tokens()

    def loss(m, b):
        return F.cross_entropy(mg.reshape(m(b[0], b[1][:, :-1]), (-1, 20)), mg.reshape(b[1][:, 1:], (-1,)))

    return model, loss, (source, target), adam(model)


@patient()
def gpt_of_six_blocks():
    model = Gpt(blocks=6)
    return model, by_token, tokens(), optim.AdamW(model.parameters(), lr=3e-4)


@patient()
def transformer_classifier():
    def forward(self, x):
        return self.head(mg.mean(self.encoder(self.embed(x)), axis=1))

    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
    model = Named(forward, embed=nn.Embedding(20, 32), encoder=nn.TransformerEncoder(layer, 3), head=nn.Linear(32, 4))
    return model, ce, (tokens(16)[0], mg.asarray(np.arange(16) % 4)), adam(model)


@patient()
def small_vision_transformer():
    def forward(self, x):
        h = mg.reshape(self.patches(x), (x.shape[0], 32, -1))
        h = mg.permute_dims(h, (0, 2, 1)) + self.places
        return self.head(self.norm(mg.mean(self.block(h), axis=1)))

    model = Named(forward, patches=nn.Conv2d(1, 32, 2, stride=2), places=nn.Parameter(0.02 * normal(16, 32)),
                  block=nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True),
                  norm=nn.LayerNorm(32), head=nn.Linear(32, 4))  # fmt: skip
    return model, ce, pictures(), adam(model)


@patient()
def variational_autoencoder():
    def forward(self, x):
        mean, log_var = _halves(self.encoder(x))
        z = mean + mg.exp(0.5 * log_var) * mg.randn(*mean.shape)
        return self.decoder(z), mean, log_var

    def loss(m, x):
        back, mean, log_var = m(x)
        kl = -0.5 * mg.sum(1.0 + log_var - mean**2 - mg.exp(log_var), axis=1)
        return mg.mean(mg.sum((back - x) ** 2, axis=1) + kl)

    model = Named(forward, encoder=mlp(20, 64, 8), decoder=mlp(4, 64, 20))
    return model, loss, classes()[0], adam(model)


def _halves(x):
    n = x.shape[1] // 2
    return x[:, :n], x[:, n:]


@patient()
def generator_against_a_critic():
    generator, critic = mlp(8, 64, 20), mlp(20, 64, 1)
    return generator, lambda m, z: -mg.mean(critic(m(z))), mg.asarray(normal(64, 8)), adam(generator)


@patient()
def discriminator():
    model, fake = mlp(20, 64, 1), mg.asarray(0.5 * normal(64, 20, seed=7))

    def loss(m, x):
        return mg.mean(mg.softplus(-m(x))) + mg.mean(mg.softplus(m(fake)))

    return model, loss, classes()[0], adam(model)


@patient()
def contrastive_pairs():
    def loss(m, b):
        a, c = (m(x) for x in b)
        a, c = (x / mg.sqrt(mg.sum(x * x, axis=1, keepdims=True) + 1e-8) for x in (a, c))
        return F.cross_entropy(a @ mg.matrix_transpose(c) / 0.1, mg.arange(a.shape[0]))

    model = mlp(20, 64, 16)
    x, _ = classes()
    return model, loss, (x, x + 0.1 * mg.asarray(normal(64, 20, seed=8))), adam(model)


@patient()
def triplets():
    model = mlp(20, 64, 16)
    x = [mg.asarray(normal(32, 20, seed=s)) for s in range(3)]
    return model, lambda m, b: F.triplet_margin_loss(m(b[0]), m(b[0] + 0.1 * b[1]), m(b[2])), x, adam(model)


@patient()
def distillation():
    teacher, model = mlp(20, 64, 5), mlp(20, 32, 5)

    def loss(m, b):
        with mg.no_grad():
            wanted = mg.softmax(teacher(b[0]) / 2.0, axis=1)
        return F.kl_div(mg.log_softmax(m(b[0]) / 2.0, axis=1), wanted, reduction="batchmean")

    return model, loss, classes(), adam(model)


@patient()
def mixture_of_experts():
    def forward(self, x):
        gate = mg.softmax(self.gate(x), axis=1)
        return sum(gate[:, i : i + 1] * expert(x) for i, expert in enumerate(self.experts))

    model = Named(forward, gate=nn.Linear(20, 4), experts=nn.ModuleList([mlp(20, 32, 5) for _ in range(4)]))
    return model, ce, classes(), adam(model)


@patient()
def attention_over_a_set():
    def forward(self, x):
        weight = mg.softmax(self.score(mg.tanh(self.key(x))), axis=1)
        return self.head(mg.sum(weight * x, axis=1))

    model = Named(forward, key=nn.Linear(20, 16), score=nn.Linear(16, 1), head=nn.Linear(20, 5))
    return model, ce, (mg.asarray(normal(32, 6, 20)), mg.asarray(np.arange(32) % 5)), adam(model)


@patient()
def physics_informed():
    model = mlp(1, 32, 32, 1, act=nn.Tanh)

    def loss(m, t):
        u = m(t)
        return mg.mean((u - mg.sin(t)) ** 2) + (m(mg.zeros((1, 1)))[0, 0]) ** 2

    return model, loss, mg.asarray(np.linspace(0, 3, 64, dtype=np.float32)[:, None]), adam(model)


@patient()
def accumulated_over_parts():
    model = mlp(20, 64, 5)

    def loss(m, b):
        x, y = b
        return sum(F.cross_entropy(m(x[i : i + 16]), y[i : i + 16]) for i in range(0, 64, 16)) / 4

    return model, loss, classes(), adam(model)


@patient()
def a_batch_in_a_dictionary():
    model = mlp(20, 64, 5)
    x, y = classes()
    return model, lambda m, b: F.cross_entropy(m(b["x"]), b["y"]), {"x": x, "y": y}, adam(model)
