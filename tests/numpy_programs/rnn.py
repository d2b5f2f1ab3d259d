"""A recurrent network that predicts the next letter, with gates made of concatenated columns."""

import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import checkpoint, grad, make_jvp

rs = npr.RandomState(1)
text = np.array([ord(c) - ord("a") for c in "abcadbacabdc"])
one_hot = np.eye(4)[text]
start = {"init": rs.randn(1, 5), "change": 0.4 * rs.randn(10, 5), "gate": 0.4 * rs.randn(10, 5), "out": rs.randn(6, 4)}


def with_ones(*arrays):
    return np.hstack([*arrays, np.ones((arrays[0].shape[0], 1))])


def step(params, hidden, letter):
    both = with_ones(letter, hidden)
    forget = 0.5 * (np.tanh(np.dot(both, params["gate"])) + 1.0)
    return forget * hidden + (1 - forget) * np.tanh(np.einsum("ij,jk->ik", both, params["change"]))


def outputs(params):
    hidden, rows = params["init"], []
    for letter in one_hot[:-1]:
        hidden = checkpoint(step)(params, hidden, np.expand_dims(letter, 0))
        rows.append(np.dot(with_ones(hidden), params["out"]))
    scores = np.vstack(rows)
    return scores - np.log(np.sum(np.exp(scores), axis=-1))[:, np.newaxis]


def objective(params):
    return -np.sum(outputs(params)[np.arange(len(text) - 1), text[1:]]) / len(text)


params = start
for _ in range(5):
    g = grad(objective)(params)
    params = {name: p - 0.5 * g[name] for name, p in params.items()}
moved = make_jvp(lambda w: outputs({**params, "out": w}))(params["out"])(np.ones((6, 4)))
result = {"loss": objective(params), "gate": params["gate"], "moved": moved[1]}
