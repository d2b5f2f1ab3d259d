"""Black-box variational inference of a mixture, with reparameterised samples of a full covariance."""

import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import elementwise_grad, grad

start = np.concatenate([np.zeros(2), np.array([-1.0, 0.2, -0.5])])


def log_density(z):
    ridge = -0.5 * (z[:, 1] - z[:, 0] ** 2) ** 2 / 0.5 - np.where(z[:, 0] > 0, z[:, 0], -0.5 * z[:, 0])
    components = np.stack([ridge, -0.5 * np.sum((z - 1.0) ** 2, axis=1)], axis=1)
    return np.logaddexp(components[:, 0], components[:, 1])


def unpack(params):
    factor = np.array([[np.exp(params[2]), 0.0], [params[3], np.exp(params[4])]])
    return params[:2], factor


def objective(params, t=0):
    mean, factor = unpack(params)
    noise = npr.RandomState(t).randn(20, 2)
    samples = mean + np.matmul(noise, factor.T)
    entropy = 0.5 * 2 * (1.0 + np.log(2 * np.pi)) + np.log(np.prod(np.diag(factor)))
    return -(np.mean(log_density(samples)) + entropy)


params = start
for t in range(15):
    params = params - 0.1 * np.clip(grad(objective)(params, t), -2.0, 2.0)
bound = objective(params)
scores = elementwise_grad(log_density)(np.array([[0.5, -0.5], [-1.0, 2.0]]))
result = {"params": params, "bound": bound, "scores": scores, "spread": np.std(params, ddof=1)}
