"""Networks with nothing wrong: of fully connected layers, of usual and unusual scales."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from material import ZOO, Named, adam, ce, classes, he, mlp, mse, normal, numbers, patient, sgd, xavier

import microgradient as mg
from microgradient import nn, optim
from microgradient.nn import functional as F  # noqa: N812


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


@patient()
def default_mlp_of_six_layers():
    model = mlp(20, *[64] * 6, 5)
    return model, ce, classes(), adam(model)


@patient()
def default_tanh_mlp_of_six_layers():
    model = mlp(20, *[64] * 6, 5, act=nn.Tanh)
    return model, ce, classes(), adam(model)


@patient()
def selu_mlp_of_twenty_layers():
    def init(layer):
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)

    model = mlp(20, *[64] * 20, 5, act=nn.SELU, init=init)
    return model, ce, classes(), adam(model)


@patient()
def leaky_mlp():
    model = mlp(20, 64, 64, 64, 5, act=nn.LeakyReLU)
    return model, ce, classes(), adam(model)


@patient()
def silu_mlp_by_rmsprop():
    model = mlp(20, 64, 64, 5, act=nn.SiLU)
    return model, ce, classes(), optim.RMSprop(model.parameters(), lr=1e-3)


@patient()
def layer_norm_mlp():
    model = mlp(20, 64, 64, 64, 5, norm=nn.LayerNorm)
    return model, ce, classes(), adam(model)


@patient()
def a_network_of_one_unit():
    model = mlp(10, 1, 1, act=nn.Tanh)
    return model, mse, numbers(), adam(model, 1e-2)


@patient()
def a_wide_network():
    model = mlp(20, 2048, 5)
    return model, ce, classes(), adam(model)


@patient()
def linear_regression():
    model = nn.Linear(10, 1)
    return model, mse, numbers(), sgd(model, 0.1)


@patient()
def noisy_linear_regression():
    model = nn.Linear(10, 1)
    x, y = numbers()
    return model, mse, (x, y + mg.asarray(normal(64, 1, seed=9))), sgd(model, 0.1)


@patient()
def inputs_between_zero_and_one():
    model = mlp(20, 64, 64, 5)
    x = np.random.default_rng(0).random((64, 20)).astype(np.float32)
    return model, ce, (mg.asarray(x), classes()[1]), adam(model)


@patient()
def small_inputs():
    model = mlp(20, 64, 64, 5)
    x, y = classes()
    return model, ce, (0.01 * x, y), adam(model)


@patient()
def batch_norm_for_large_inputs():
    model = nn.Sequential(nn.BatchNorm1d(20), nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    x, y = classes()
    return model, ce, (300.0 * x + 1000.0, y), adam(model)


@patient()
def layer_norm_behind_large_inputs():
    model = nn.Sequential(nn.Linear(20, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 5))
    x, y = classes()
    return model, ce, (100.0 * x, y), adam(model)


@patient()
def one_hot_inputs():
    model = mlp(50, 64, 5)
    x = np.eye(50, dtype=np.float32)[np.random.default_rng(0).integers(0, 50, 64)]
    return model, ce, (mg.asarray(x), mg.asarray(np.argmax(x @ normal(50, 5), axis=1))), adam(model)


@patient()
def mean_absolute_error():
    model = mlp(10, 64, 1)
    return model, lambda m, b: F.l1_loss(m(b[0]), b[1]), numbers(), adam(model)


@patient()
def huber_for_large_targets():
    model = mlp(10, 64, 1)
    x, y = numbers()
    return model, lambda m, b: F.huber_loss(m(b[0]), b[1]), (x, 20.0 * y), adam(model)


@patient()
def quantile_regression():
    model = mlp(10, 64, 1)

    def loss(m, b):
        error = b[1] - m(b[0])
        return mg.mean(mg.maximum(0.9 * error, -0.1 * error))

    return model, loss, numbers(), adam(model)


@patient()
def gaussian_with_a_learnt_variance():
    model = mlp(10, 64, 2)

    def loss(m, b):
        out = m(b[0])
        return F.gaussian_nll_loss(out[:, :1], b[1], mg.softplus(out[:, 1:]) + 1e-3)

    return model, loss, numbers(), adam(model)


@patient()
def poisson_regression():
    model = mlp(10, 64, 1)
    x, _ = numbers()
    y = np.random.default_rng(0).poisson(3.0, (64, 1)).astype(np.float32)
    return model, lambda m, b: F.poisson_nll_loss(m(b[0]), b[1]), (x, mg.asarray(y)), adam(model)


@patient()
def label_smoothing():
    model = mlp(20, 64, 5)
    return model, lambda m, b: F.cross_entropy(m(b[0]), b[1], label_smoothing=0.1), classes(), adam(model)


@patient()
def class_weights():
    model = mlp(20, 64, 5)
    weight = mg.asarray(np.array([1, 5, 0.2, 3, 1], np.float32))
    return model, lambda m, b: F.cross_entropy(m(b[0]), b[1], weight), classes(), adam(model)


@patient()
def focal_loss():
    model = mlp(20, 64, 5)

    def loss(m, b):
        log_p = mg.take_along_axis(mg.log_softmax(m(b[0]), axis=1), b[1][:, None], axis=1)[:, 0]
        return -mg.mean((1.0 - mg.exp(log_p)) ** 2 * log_p)

    return model, loss, classes(), adam(model)


@patient()
def many_labels_at_once():
    model = mlp(20, 64, 8)
    y = (normal(64, 8, seed=4) > 0.5).astype(np.float32)
    loss = lambda m, b: F.binary_cross_entropy_with_logits(m(b[0]), b[1])
    return model, loss, (classes()[0], mg.asarray(y)), adam(model)


@patient()
def soft_targets():
    model = mlp(20, 64, 5)
    y = mg.softmax(mg.asarray(normal(64, 5, seed=4)), axis=1)
    return model, ce, (classes()[0], y), adam(model)


@patient()
def hinge_loss():
    model = mlp(20, 64, 5)
    return model, lambda m, b: F.multi_margin_loss(m(b[0]), b[1]), classes(), adam(model)


@patient()
def l2_penalty_in_the_loss():
    model = mlp(10, 64, 1)
    loss = lambda m, b: mse(m, b) + 1e-3 * sum(mg.sum(p * p) for p in m.parameters())
    return model, loss, numbers(), adam(model)


@patient()
def weight_decay():
    model = mlp(20, 64, 64, 5)
    return model, ce, classes(), optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)


@patient()
def second_order_steps():
    model = mlp(10, 16, 1, act=nn.Tanh)
    return model, mse, numbers(), optim.LBFGS(model.parameters(), lr=0.5)


second_order_steps_are_taken_with_a_closure = ZOO.pop("second order steps")
ZOO["second order steps"] = replace(second_order_steps_are_taken_with_a_closure, middle=False)


@patient()
def frozen_trunk():
    model = mlp(20, 64, 64, 5)
    for p in model[0].parameters():
        p.requires_grad = False
    return model, ce, classes(), optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)


@patient()
def batch_norm_that_has_measured_in_evaluation_mode():
    model = mlp(20, 64, 64, 5, norm=nn.BatchNorm1d)
    x, y = classes()
    with mg.no_grad():
        for _ in range(60):
            model(x)
    return model.eval(), ce, (x, y), adam(model, 1e-4)


@patient()
def weight_norm_layers():
    model = mlp(20, 64, 64, 5)
    nn.utils.parametrizations.weight_norm(model[0])
    return model, ce, classes(), adam(model)


@patient()
def tied_autoencoder():
    def forward(self, x):
        return mg.tanh(x @ mg.matrix_transpose(self.a.weight) + self.a.bias) @ self.a.weight

    model = Named(forward, a=nn.Linear(20, 8))
    x, _ = classes()
    return model, mse, (x, x), adam(model)


@patient()
def parameters_without_layers():
    def forward(self, x):
        return mg.relu(x @ self.w1 + self.b1) @ self.w2

    model = Named(
        forward,
        w1=nn.Parameter(normal(20, 64) * 0.2),
        b1=nn.Parameter(np.zeros(64, np.float32)),
        w2=nn.Parameter(normal(64, 5) * 0.1),
    )
    return model, ce, classes(), adam(model)
