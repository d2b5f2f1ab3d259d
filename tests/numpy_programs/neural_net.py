"""A network whose parameters are a list of pairs in a dict, trained with a hand-written Adam."""

import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import grad, value_and_grad

rs = npr.RandomState(0)
images, labels = rs.randn(32, 6), np.eye(3)[rs.randint(3, size=32)]
start = {"layers": [(0.5 * rs.randn(m, n), 0.1 * rs.randn(n)) for m, n in [(6, 8), (8, 3)]], "scale": np.array(1.5)}


def log_probabilities(params, x):
    for w, b in params["layers"]:
        outputs = np.dot(x, w) + b
        x = np.maximum(outputs, 0.1 * outputs)
    outputs = outputs * params["scale"]
    peak = np.max(outputs, axis=1, keepdims=True)
    return outputs - peak - np.log(np.sum(np.exp(outputs - peak), axis=1, keepdims=True))


def objective(params, i=0):
    batch = slice(8 * (i % 4), 8 * (i % 4 + 1))
    penalty = sum(np.sum(w**2) for w, _ in params["layers"])
    return -np.mean(log_probabilities(params, images[batch]) * labels[batch]) + 1e-3 * penalty


def flat(params):
    return np.concatenate([np.ravel(p) for pair in params["layers"] for p in pair] + [[params["scale"]]])


def unflat(vector):
    layers, position = [], 0
    for w, b in start["layers"]:
        parts = np.split(vector[position : position + w.size + b.size], [w.size])
        layers.append((np.reshape(parts[0], w.shape), parts[1]))
        position += w.size + b.size
    return {"layers": layers, "scale": vector[-1]}


x = flat(start)
m, v = np.zeros(len(x)), np.zeros_like(x)
gradient = grad(lambda x, i: objective(unflat(x), i))
for i in range(12):
    g = gradient(x, i)
    m, v = 0.1 * g + 0.9 * m, 0.001 * g**2 + 0.999 * v
    x = x - 0.02 * (m / (1 - 0.9 ** (i + 1))) / (np.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8)
loss, nested = value_and_grad(objective)(unflat(x))
accuracy = np.mean(np.argmax(log_probabilities(unflat(x), images), axis=1) == np.argmax(labels, axis=1))
result = {"x": x, "loss": loss, "bias": nested["layers"][0][1], "scale": nested["scale"], "accuracy": accuracy}
