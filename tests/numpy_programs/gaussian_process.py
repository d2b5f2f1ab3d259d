"""A Gaussian process: its evidence, the gradient in the parameters of its kernel, and predictions."""

import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import jacobian, value_and_grad

rs = npr.RandomState(2)
x = np.linspace(-3, 3, 12)[:, None]
y = np.ravel(np.sin(2 * x)) + 0.1 * rs.randn(12)


def kernel(params, a, b):
    diffs = (np.expand_dims(a, 1) - np.expand_dims(b, 0)) / np.exp(params[2:])
    return np.exp(params[0]) * np.exp(-0.5 * np.sum(diffs**2, axis=2))


def predict(params, at):
    noisy = kernel(params, x, x) + np.exp(params[1]) * np.eye(len(y))
    cross = kernel(params, x, at)
    mean = np.dot(cross.T, np.linalg.solve(noisy, y))
    covariance = kernel(params, at, at) - np.dot(cross.T, np.linalg.solve(noisy, cross))
    return mean, np.sqrt(np.diag(covariance) + 1e-6)


def objective(params):
    noisy = kernel(params, x, x) + np.exp(params[1]) * np.eye(len(y))
    half = np.linalg.cholesky(noisy)
    sign, logdet = np.linalg.slogdet(noisy)
    fit = np.linalg.norm(np.linalg.solve(half, y)) ** 2
    return 0.5 * fit + 0.25 * sign * logdet + 0.5 * np.sum(np.log(np.diag(half))) + 0.5 * len(y) * np.log(2 * np.pi)


start = np.array([0.1, -2.0, 0.2])
params = start
for _ in range(10):
    value, gradient = value_and_grad(objective)(params)
    params = params - 0.02 * gradient
mean, deviation = predict(params, np.array([[0.3], [4.0]]))
slopes = jacobian(lambda p: predict(p, np.array([[0.3], [4.0]]))[0])(params)
result = {"params": params, "evidence": value, "mean": mean, "deviation": deviation, "slopes": slopes}
