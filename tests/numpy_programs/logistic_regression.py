"""Logistic regression by gradient descent, with the gradient of a function of a list of tensors."""

import autograd.numpy as np
from autograd import grad, hessian

inputs = np.array([[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]])
targets = np.array([True, True, False, True])


def sigmoid(x):
    return 0.5 * (np.tanh(x / 2.0) + 1)


def objective(weights):
    predictions = sigmoid(np.dot(inputs, weights))
    probabilities = predictions * targets + (1 - predictions) * (1 - targets)
    penalty = np.sum(np.array([weights[0] ** 2, np.abs(weights[1]), np.max([weights[2], 0.0])]))
    return -np.sum(np.log(probabilities)) + 0.01 * penalty


start = np.array([0.1, -0.2, 0.3])
weights = start.copy()
gradient = grad(objective)
for _ in range(20):
    weights -= gradient(weights) * 0.1
result = {"weights": weights, "loss": objective(weights), "hessian": hessian(objective)(weights)}
