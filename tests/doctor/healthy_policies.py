"""Networks with nothing wrong: of reinforcement learning."""

from __future__ import annotations

import numpy as np
from material import Named, Policy, adam, ce, mlp, mse, normal, patient, policy_batch, ppo_loss

import microgradient as mg
from microgradient import nn, optim
from microgradient.nn import functional as F  # noqa: N812


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


@patient()
def dueling_dqn():
    def forward(self, s):
        h = mg.relu(self.trunk(s))
        a = self.a(h)
        return self.v(h) + a - mg.mean(a, axis=1, keepdims=True)

    model = Named(forward, trunk=nn.Linear(4, 64), v=nn.Linear(64, 1), a=nn.Linear(64, 3))
    rng = np.random.default_rng(0)
    batch = tuple(map(mg.asarray, (normal(64, 4), rng.integers(0, 3, 64), 5 * normal(64, seed=1))))

    def loss(m, b):
        return F.huber_loss(mg.take_along_axis(m(b[0]), b[1][:, None], axis=1)[:, 0], b[2])

    return model, loss, batch, adam(model)


@patient()
def dqn_with_its_target_inside():
    model = Named(lambda self, s: self.online(s), online=mlp(4, 64, 2), target=mlp(4, 64, 2))
    rng = np.random.default_rng(0)

    def loss(m, b):
        with mg.no_grad():
            best = b[2] + 0.99 * mg.max(m.target(b[3]), axis=1)
        return F.mse_loss(mg.take_along_axis(m(b[0]), b[1][:, None], axis=1)[:, 0], best)

    batch = (normal(64, 4), rng.integers(0, 2, 64), np.ones(64, np.float32), normal(64, 4, seed=1))
    return model, loss, tuple(map(mg.asarray, batch)), optim.Adam(model.online.parameters(), lr=1e-3)


@patient()
def value_of_large_returns():
    model = mlp(4, 64, 64, 1, act=nn.Tanh)
    x = normal(64, 4)
    return model, mse, (mg.asarray(x), mg.asarray(100.0 + 30.0 * x[:, :1])), adam(model)


@patient()
def gaussian_policy():
    def forward(self, s):
        return self.body(s), self.log_std

    def loss(m, b):
        mean, log_std = m(b[0])
        z = (b[1] - mean) / mg.exp(log_std)
        log_p = mg.sum(-0.5 * z * z - log_std, axis=1)
        return -mg.mean(log_p * b[2])

    model = Named(forward, body=mlp(4, 64, 64, 2, act=nn.Tanh), log_std=nn.Parameter(np.zeros(2, np.float32)))
    return (
        model,
        loss,
        tuple(map(mg.asarray, (normal(64, 4), normal(64, 2, seed=1), normal(64, seed=2)))),
        adam(model, 3e-4),
    )


@patient()
def deterministic_actor():
    actor, critic = mlp(4, 64, 64, 2, last=nn.Tanh), mlp(6, 64, 1)
    return actor, lambda m, s: -mg.mean(critic(mg.concat([s, m(s)], axis=1))), mg.asarray(normal(64, 4)), adam(actor)


@patient()
def actor_and_critic_in_one_loss():
    model = Policy(1.0)

    def loss(m, b):
        s, a, _, returns, _ = b
        log_pi, v = m(s)
        chosen = mg.take_along_axis(log_pi, a[:, None], axis=1)[:, 0]
        return -mg.mean(chosen * (returns - v.detach())) + 0.5 * mg.mean((returns - v) ** 2)

    return model, loss, policy_batch(), adam(model)


@patient()
def behaviour_cloning():
    model = mlp(4, 64, 64, 3, act=nn.Tanh)
    x = normal(64, 4)
    return model, ce, (mg.asarray(x), mg.asarray((x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0))), adam(model)


@patient()
def values_of_a_grid():
    model = mlp(16, 32, 1)
    where = np.random.default_rng(0).integers(0, 16, 64)
    returns = (where % 4 + np.random.default_rng(1).standard_normal(64)).astype(np.float32)[:, None]
    return model, mse, (mg.asarray(np.eye(16, dtype=np.float32)[where]), mg.asarray(returns)), adam(model)
