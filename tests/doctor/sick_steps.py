"""Networks that do not learn: because of numbers, parameters and steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from material import (
    ZOO,
    Gpt,
    Named,
    Policy,
    adam,
    by_token,
    ce,
    classes,
    cnn,
    gauss,
    mlp,
    mse,
    normal,
    numbers,
    patient,
    pictures,
    policy_batch,
    ppo_loss,
    rnn_of,
    sgd,
    tokens,
)

import microgradient as mg
from microgradient import nn, optim
from microgradient.nn import functional as F  # noqa: N812


@patient("learning rate too large", middle=False)
def weights_blown_up_that_leave_relus_dead():
    model = mlp(20, 64, 64, 5)
    for p in model.parameters():
        p.data *= 3e4 if p.ndim > 1 else 0
        p.data -= 1e6 * (p.ndim == 1)
    return model, ce, classes(), sgd(model, 20.0)


@patient("learning rate too large", middle=False)
def weights_that_earlier_steps_have_blown_up():
    model = mlp(20, 64, 64, 5)
    for p in model.parameters():
        p.data *= 1e25
    return model, ce, classes(), sgd(model, 30.0)


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


@patient("NaN", middle=False)
def division_by_a_standard_deviation_of_zero():
    def forward(self, x):
        h = 0.0 * self.a(x)
        return self.b((h - mg.mean(h, axis=0)) / mg.sqrt(mg.var(h, axis=0)))

    model = Named(forward, a=nn.Linear(10, 16), b=nn.Linear(16, 1))
    return model, mse, (mg.ones((16, 10)), mg.asarray(normal(16, 1))), adam(model)


@patient("NaN", middle=False)
def softmax_by_hand_that_overflows():
    model = mlp(20, 64, 5, init=gauss(3.0))

    def loss(m, b):
        e = mg.exp(m(b[0]))
        return -mg.mean(mg.log(mg.take_along_axis(e / mg.sum(e, axis=1, keepdims=True), b[1][:, None], axis=1)))

    return model, loss, classes(), adam(model)


@patient("NaN", middle=False)
def logarithm_of_a_chance_of_zero():
    model = mlp(20, 64, 5, init=gauss(3.0))

    def loss(m, b):
        return -mg.mean(mg.log(mg.take_along_axis(mg.softmax(m(b[0]), axis=1), b[1][:, None], axis=1)))

    return model, loss, classes(), adam(model)


@patient("NaN", middle=False)
def data_divided_by_zero():
    model = mlp(10, 64, 1)
    x, y = numbers()
    x = np.array(x.data)
    x[:, 2] = 5.0

    def loss(m, b):
        return mse(m, ((b[0] - mg.mean(b[0], axis=0)) / mg.std(b[0], axis=0), b[1]))

    return model, loss, (mg.asarray(x), y), adam(model)


@patient("NaN", middle=False)
def infinite_targets():
    model = mlp(10, 64, 1)
    x, y = numbers()
    y = np.array(y.data)
    y[5] = np.inf
    return model, mse, (x, mg.asarray(y)), adam(model)


@patient("learning rate too large", also=("dead relu",), middle=False)
def gpt_in_steps_of_a_half():
    model = Gpt()
    return model, by_token, tokens(), adam(model, 0.5)


@patient("learning rate too large", also=("NaN",), middle=False)
def regression_in_steps_of_five():
    model = mlp(10, 64, 1)
    return model, mse, numbers(), sgd(model, 5.0)


@patient("learning rate too large", middle=False)
def cnn_in_steps_of_ten():
    model = cnn()
    return model, ce, pictures(), sgd(model, 10.0, momentum=0.9)


@patient("learning rate too large", middle=False)
def a_sum_for_a_rate_of_means():
    model = mlp(10, 64, 1)
    return model, lambda m, b: F.mse_loss(m(b[0]), b[1], reduction="sum"), numbers(), sgd(model, 0.1)


@patient("learning rate too small")
def lstm_in_steps_of_a_hundred_millionth():
    model = rnn_of(nn.LSTM)
    return model, ce, (tokens(16)[0], mg.asarray(np.arange(16) % 4)), adam(model, 1e-8)


@patient("learning rate too small")
def cnn_in_steps_of_a_hundred_millionth():
    model = cnn()
    return model, ce, pictures(), sgd(model, 1e-8, momentum=0.9)


@patient("no gradient")
def a_frozen_model():
    model = mlp(20, 64, 5)
    optimizer = adam(model)
    model.requires_grad_(False)
    return model, ce, classes(), optimizer


ZOO["a frozen model"] = replace(ZOO["a frozen model"], middle=False)


@patient("no gradient")
def a_part_under_no_grad():
    def forward(self, x):
        with mg.no_grad():
            h = mg.relu(self.a(x))
        return self.b(h)

    model = Named(forward, a=nn.Linear(20, 64), b=nn.Linear(64, 5))
    return model, ce, classes(), adam(model)


@patient("no gradient")
def a_way_through_numpy():
    def forward(self, x):
        return self.b(mg.asarray(np.maximum(self.a(x).detach().data, 0)))

    model = Named(forward, a=nn.Linear(20, 64), b=nn.Linear(64, 5))
    return model, ce, classes(), adam(model)


@patient("no gradient", middle=False)
def accuracy_as_a_loss():
    model = mlp(20, 64, 5)
    return (
        model,
        lambda m, b: 1.0 - mg.mean(mg.astype(mg.argmax(m(b[0]), axis=1) == b[1], mg.float32)),
        classes(),
        adam(model),
    )


@patient("no gradient", subject="b.weight")
def a_head_without_a_loss():
    def forward(self, x):
        h = mg.relu(self.trunk(x))
        return self.a(h), self.b(h)

    model = Named(forward, trunk=nn.Linear(20, 64), a=nn.Linear(64, 5), b=nn.Linear(64, 1))
    return model, lambda m, b: F.cross_entropy(m(b[0])[0], b[1]), classes(), adam(model)


@patient("not in optimizer")
def biases_outside_the_optimizer():
    model = mlp(20, 64, 5)
    return model, ce, classes(), optim.SGD([p for p in model.parameters() if p.ndim > 1], lr=0.05)


@patient("cannot overfit")
def the_same_input_for_all():
    model = mlp(20, 64, 5)
    x, y = classes()
    return model, ce, (mg.ones((64, 20)) * x[0], y), adam(model)


@patient("cannot overfit")
def inputs_multiplied_by_zero():
    model = Named(lambda self, x: self.body(0.0 * x), body=mlp(20, 64, 5))
    return model, ce, classes(), adam(model)


@patient("cannot overfit")
def equal_inputs_with_other_numbers():
    model = mlp(10, 64, 1)
    x = np.tile(normal(4, 10), (16, 1))
    return model, mse, (mg.asarray(x), mg.asarray(normal(64, 1, seed=5))), adam(model)


@patient("cannot overfit")
def softmax_over_one_output():
    model = mlp(10, 64, 1, last=lambda: nn.Softmax(1))
    x, y = numbers()
    return model, mse, (x, mg.abs(y)), adam(model)


ZOO["softmax over one output"] = replace(ZOO["softmax over one output"], also=("no gradient",))


@patient("entropy collapse")
def policy_that_is_certain():
    model = Policy(200.0)
    return model, ppo_loss, policy_batch(), adam(model, 3e-4)


@patient("entropy collapse")
def reinforce_that_is_certain():
    model = Policy(1.0)
    nn.init.constant_(model.pi.bias, 0.0)
    bias = np.array(model.pi.bias.data)
    bias[1] = 25.0
    model.pi.bias.data = bias

    def loss(m, b):
        log_pi, v = m(b[0])
        chosen = mg.take_along_axis(log_pi, b[1][:, None], axis=1)[:, 0]
        return -mg.mean(chosen * b[2]) + mg.mean((v - b[3]) ** 2)

    return model, loss, policy_batch(), adam(model, 1e-4)


@patient("clipped td error")
def q_learning_with_clipped_errors():
    model = mlp(4, 64, 64, 2)
    rng = np.random.default_rng(0)

    def loss(m, b):
        error = b[2] - mg.take_along_axis(m(b[0]), b[1][:, None], axis=1)[:, 0]
        return mg.mean(mg.clip(error, min=-1.0, max=1.0) ** 2)

    batch = tuple(map(mg.asarray, (normal(64, 4), rng.integers(0, 2, 64), 5 * normal(64, seed=1))))
    return model, loss, batch, adam(model)


@patient("clipped td error")
def values_with_clipped_errors():
    model = mlp(4, 64, 1)
    loss = lambda m, b: mg.mean(mg.square(mg.clip(m(b[0]) - b[1], min=-1.0, max=1.0)))
    return model, loss, (mg.asarray(normal(64, 4)), mg.asarray(10 * normal(64, 1, seed=1))), adam(model)
