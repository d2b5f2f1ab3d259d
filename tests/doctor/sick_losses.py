"""Networks that do not learn: because of their loss."""

from __future__ import annotations

import numpy as np
from material import (
    Gpt,
    Policy,
    adam,
    by_token,
    ce,
    classes,
    cnn,
    mlp,
    mse,
    normal,
    numbers,
    patient,
    pictures,
    policy_batch,
    tokens,
)

import microgradient as mg
from microgradient import nn, optim
from microgradient.nn import functional as F  # noqa: N812


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


@patient("softmax twice")
def softmax_in_the_loss_function():
    model = mlp(20, 64, 5)
    return model, lambda m, b: F.cross_entropy(mg.softmax(m(b[0]), axis=1), b[1]), classes(), adam(model)


@patient("softmax twice")
def softmax_behind_a_cnn():
    model = nn.Sequential(*cnn(), nn.Softmax(dim=1))
    return model, ce, pictures(), adam(model)


@patient("softmax twice")
def softmax_behind_a_gpt():
    model = Gpt()
    inner = model.head
    model.head = nn.Sequential(inner, nn.Softmax(dim=-1))
    return model, by_token, tokens(), adam(model)


@patient("softmax twice")
def softmax_for_soft_targets():
    model = mlp(20, 64, 5, last=lambda: nn.Softmax(1))
    y = mg.softmax(mg.asarray(3 * normal(64, 5, seed=4)), axis=1)
    return model, ce, (classes()[0], y), adam(model)


@patient("sigmoid twice")
def sigmoid_before_many_logits():
    model = mlp(20, 64, 8, last=nn.Sigmoid)
    y = (normal(64, 8, seed=4) > 0).astype(np.float32)
    return (
        model,
        lambda m, b: F.binary_cross_entropy_with_logits(m(b[0]), b[1]),
        (classes()[0], mg.asarray(y)),
        adam(model),
    )


@patient("softmax before nll")
def softmax_before_nll_of_tokens():
    model = Gpt()
    loss = lambda m, b: F.nll_loss(mg.reshape(mg.softmax(m(b[0]), axis=-1), (-1, 20)), mg.reshape(b[1], (-1,)))
    return model, loss, tokens(), adam(model)


@patient("labels", middle=False)
def one_hot_whole_numbers():
    model = mlp(20, 64, 5)
    x, y = classes()
    return model, ce, (x, mg.asarray(np.eye(5, dtype=np.int64)[y.data])), adam(model)


@patient("labels", middle=False)
def fewer_outputs_than_classes():
    model = mlp(20, 64, 3)
    return model, ce, classes(count=6), adam(model)


@patient("labels")
def sigmoid_for_targets_in_hundreds():
    model = mlp(10, 64, 1, last=nn.Sigmoid)
    x, y = numbers()
    return model, mse, (x, 100.0 + 50.0 * y), adam(model)


@patient("labels")
def relu_for_negative_targets():
    model = mlp(10, 64, 1, last=nn.ReLU)
    x, y = numbers()
    return model, mse, (x, y - 2.0), adam(model)


@patient("labels")
def classes_as_numbers_for_a_binary_loss():
    model = mlp(20, 64, 1)
    x, y = classes(count=4)
    loss = lambda m, b: F.binary_cross_entropy_with_logits(m(b[0])[:, 0], mg.astype(b[1], mg.float32))
    return model, loss, (x, y), adam(model)


@patient("shape mismatch")
def row_against_column():
    model = mlp(10, 64, 1)
    return model, lambda m, b: F.mse_loss(m(b[0])[:, 0], b[1]), numbers(), adam(model)


@patient("shape mismatch")
def absolute_errors_of_a_column_against_a_row():
    model = mlp(10, 64, 1)
    x, y = numbers()
    return model, lambda m, b: F.l1_loss(m(b[0]), b[1]), (x, y[:, 0]), adam(model)


@patient("shape mismatch")
def advantages_in_a_column():
    model = Policy(1.0)

    def loss(m, b):
        log_pi, v = m(b[0])
        chosen = mg.take_along_axis(log_pi, b[1][:, None], axis=1)[:, 0]
        return -mg.mean(chosen * b[2][:, None]) + mg.mean((v - b[3]) ** 2)

    return model, loss, policy_batch(), adam(model)


@patient("wrong sign", middle=False)
def rewards_pushed_down():
    model = mlp(10, 64, 1)
    return model, lambda m, b: mg.mean(-mg.abs(m(b[0]) - b[1])), numbers(), adam(model)


@patient("wrong sign", middle=False)
def plain_descent_that_ascends():
    model = mlp(10, 64, 1)
    return model, mse, numbers(), optim.SGD(model.parameters(), lr=0.01, maximize=True)
