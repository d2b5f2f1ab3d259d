"""Predators and prey: the rates of an ordinary differential equation fitted by Gauss and Newton, through Runge and Kutta."""

import autograd.numpy as np
from autograd import grad, hessian_vector_product, jacobian, make_vjp

times = np.linspace(0.0, 2.0, 9)


def rates(state, params):
    prey, predators = state
    return np.array([params[0] * prey - params[1] * prey * predators, params[2] * prey * predators - predators])


def solve(params):
    h, state = times[1] - times[0], np.array([1.0, 0.5])
    states = [state]
    for _ in times[1:]:
        k1 = rates(state, params)
        k2 = rates(state + 0.5 * h * k1, params)
        k3 = rates(state + 0.5 * h * k2, params)
        state = state + h * (k1 + 2 * k2 + 2 * k3 + rates(state + h * k3, params)) / 6.0
        states.append(state)
    return np.column_stack(states)


data = solve(np.array([1.1, 0.9, 0.8]))
start = np.array([0.8, 0.5, 0.6])


def residuals(params):
    return np.append((solve(params) - data).ravel(), 1e-2 * params)


def objective(params):
    return 0.5 * np.sum(residuals(params) ** 2)


params = start
for _ in range(3):
    slopes = jacobian(residuals)(params)
    params = params - np.linalg.solve(slopes.T @ slopes, slopes.T @ residuals(params))
pullback, _ = make_vjp(solve)(params)
result = {
    "params": params,
    "gradient": grad(objective)(start),
    "product": hessian_vector_product(objective)(start, np.array([1.0, -1.0, 0.5])),
    "pulled": pullback(np.ones((2, 9))),
}
