"""Networks that do not learn: because of signals and gradients on their way."""

from __future__ import annotations

import numpy as np
from material import (
    Gpt,
    Named,
    Policy,
    adam,
    by_token,
    ce,
    classes,
    cnn,
    gauss,
    he,
    mlp,
    mse,
    normal,
    numbers,
    patient,
    pictures,
    policy_batch,
    ppo_loss,
    residual,
    rnn_of,
    sgd,
    tokens,
)

import microgradient as mg
from microgradient import nn
from microgradient.nn import functional as F  # noqa: N812


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
    model = cnn()
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
    model = cnn()
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
    model = mlp(20, 64, 64, 64, 5, norm=nn.BatchNorm1d).eval()
    return model, ce, classes(), adam(model)


@patient("vanishing gradient")
def sigmoid_mlp_of_six_layers_by_descent():
    model = mlp(20, *[32] * 6, 5, act=nn.Sigmoid)
    return model, ce, classes(), sgd(model, 0.1)


@patient("vanishing gradient")
def default_mlp_of_twenty_layers():
    model = mlp(20, *[32] * 20, 5)
    return model, ce, classes(), adam(model)


@patient("vanishing gradient")
def deep_linear_network_of_small_weights():
    model = mlp(10, *[32] * 10, 1, act=nn.Identity, init=gauss(0.05))
    return model, mse, numbers(), sgd(model)


@patient("vanishing gradient")
def sigmoid_cnn_of_eight_layers():
    layers = [nn.Conv2d(1, 8, 3, padding=1), nn.Sigmoid()]
    for _ in range(7):
        layers += [nn.Conv2d(8, 8, 3, padding=1), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 4))
    return model, ce, pictures(), adam(model)


@patient("vanishing gradient")
def rnn_that_forgets():
    model = rnn_of(nn.RNN)
    nn.init.normal_(model.core.weight_hh_l0, std=0.005)
    return model, ce, (tokens(16, 30)[0], mg.asarray(np.arange(16) % 4)), sgd(model, 0.01)


@patient("vanishing gradient")
def lstm_with_shut_forget_gates():
    model = rnn_of(nn.LSTM)
    bias = np.array(model.core.bias_ih_l0.data)
    bias[32:64] = -8.0
    model.core.bias_ih_l0.data = bias
    nn.init.normal_(model.core.weight_hh_l0, std=0.01)
    return model, ce, (tokens(16, 30)[0], mg.asarray(np.arange(16) % 4)), adam(model)


@patient("exploding gradient", also=("learning rate too large",), middle=False)
def rnn_that_explodes():
    def forward(self, x):
        h = mg.zeros((x.shape[0], 32))
        for t in range(x.shape[1]):
            h = mg.relu(self.into(x[:, t]) + self.again(h))
        return self.head(h)

    model = Named(forward, into=nn.Linear(8, 32), again=nn.Linear(32, 32), head=nn.Linear(32, 4))
    nn.init.orthogonal_(model.again.weight, gain=2.5)
    return model, ce, (mg.asarray(normal(16, 20, 8)), mg.asarray(np.arange(16) % 4)), None


@patient("exploding gradient", middle=False)
def cnn_of_large_weights():
    layers = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU()]
    for _ in range(7):
        layers += [nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 4)).apply(lambda m: he(m, 2.0))
    return model, ce, pictures(), None


@patient("exploding gradient", middle=False)
def linear_network_of_large_weights():
    model = mlp(10, *[32] * 10, 1, act=nn.Identity, init=gauss(0.5))
    return model, mse, numbers(), adam(model, 1e-4)


@patient("exploding gradient", middle=False)
def a_signal_that_overflows():
    model = mlp(20, *[64] * 60, 5, init=lambda m: he(m, 6.0))
    return model, ce, classes(), None


@patient("dead relu")
def inputs_that_are_positive_for_weights_that_are_negative():
    model = mlp(20, 64, 5)
    model[0].weight.data = -np.abs(model[0].weight.data)
    model[0].bias.data = -np.abs(model[0].bias.data)
    return model, ce, (mg.abs(classes()[0]), classes()[1]), adam(model)


@patient("dead relu")
def most_units_dead():
    model = mlp(20, 64, 64, 5)
    bias = np.array(model[0].bias.data)
    bias[:50] = -15.0
    model[0].bias.data = bias
    return model, ce, classes(), adam(model)


@patient("dead relu")
def dead_by_a_function():
    model = Named(lambda self, x: self.b(mg.maximum(self.a(x), 0.0)), a=nn.Linear(20, 64), b=nn.Linear(64, 5))
    nn.init.constant_(model.a.bias, -12.0)
    return model, ce, classes(), sgd(model)


@patient("dead relu")
def dead_in_a_transformer():
    model = Gpt()
    nn.init.constant_(model.blocks[1].linear1.bias, -10.0)
    return model, by_token, tokens(), adam(model)


@patient("dead relu")
def dead_q_network():
    model = mlp(4, 64, 64, 2)
    nn.init.constant_(model[0].bias, -10.0)
    rng = np.random.default_rng(0)
    loss = lambda m, b: F.mse_loss(mg.take_along_axis(m(b[0]), b[1][:, None], axis=1)[:, 0], b[2])
    return model, loss, tuple(map(mg.asarray, (normal(64, 4), rng.integers(0, 2, 64), normal(64, seed=1)))), adam(model)


@patient("saturation")
def rnn_with_saturated_states():
    model = rnn_of(nn.RNN)
    nn.init.normal_(model.core.weight_hh_l0, std=3.0)
    nn.init.normal_(model.core.weight_ih_l0, std=3.0)
    return model, ce, (tokens(16)[0], mg.asarray(np.arange(16) % 4)), adam(model)


@patient("saturation")
def cnn_with_saturated_tanhs():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.Tanh(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(512, 4),
    )
    model = model.apply(gauss(3.0))
    return model, ce, pictures(), adam(model)


@patient("saturation")
def sigmoid_with_large_biases():
    model = mlp(20, 64, 64, 5, act=nn.Sigmoid)
    nn.init.constant_(model[0].bias, 12.0)
    return model, ce, classes(), adam(model)


@patient("symmetric initialisation")
def equal_filters():
    model = cnn()
    nn.init.constant_(model[0].weight, 0.1)
    nn.init.constant_(model[0].bias, 0.0)
    nn.init.constant_(model[3].weight, 0.05)
    nn.init.constant_(model[3].bias, 0.0)
    nn.init.constant_(model[6].weight, 0.01)
    return model, ce, pictures(), adam(model)


@patient("symmetric initialisation")
def zero_hidden_layer_for_numbers():
    model = mlp(10, 32, 1, act=nn.Sigmoid)
    for p in model.parameters():
        nn.init.zeros_(p)
    return model, mse, numbers(), sgd(model, 0.1)


@patient("symmetric initialisation")
def ones_by_hand():
    model = Named(
        lambda self, x: mg.tanh(x @ self.w1) @ self.w2,
        w1=nn.Parameter(np.full((20, 64), 0.05, np.float32)),
        w2=nn.Parameter(np.full((64, 1), 0.1, np.float32)),
    )
    x, y = numbers(features=20)
    return model, mse, (x, y), adam(model)


@patient("data not normalised")
def a_large_offset():
    model = mlp(20, 64, 5, act=nn.Tanh)
    x, y = classes()
    return model, ce, (x + 1000.0, y), adam(model)


@patient("data not normalised")
def series_in_thousands():
    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])

    model = Named(forward, rnn=nn.GRU(1, 32, batch_first=True), head=nn.Linear(32, 1))
    x = 3000.0 + 500.0 * normal(32, 12, 1)
    return model, mse, (mg.asarray(x), mg.asarray(normal(32, 1, seed=3))), adam(model)


@patient("data not normalised")
def observations_in_pixels():
    model = Policy(0.01)
    s, *rest = policy_batch()
    return model, ppo_loss, (200.0 + 100.0 * s, *rest), adam(model, 3e-4)


@patient("frozen batch norm")
def cnn_trained_in_evaluation_mode():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 4)
    ).eval()
    x, y = pictures()
    return model, ce, (5.0 * x, y), adam(model)


@patient("frozen batch norm")
def one_norm_left_in_evaluation_mode():
    model = mlp(20, 64, 64, 5, norm=nn.BatchNorm1d)
    model[1].eval()
    return model, ce, classes(), adam(model)
