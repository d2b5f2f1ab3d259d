"""Smoke on a torus: derivatives go back through advection and projection, to the velocities it starts with."""

import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import value_and_grad

rows = cols = 6
smoke = npr.RandomState(3).rand(rows, cols)
target = np.roll(smoke, 2, axis=1)
start = 0.3 * npr.RandomState(4).randn(2 * rows * cols)


def project(vx, vy):
    pressure = np.zeros(vx.shape)
    divergence = -0.5 * (np.roll(vx, -1, 0) - np.roll(vx, 1, axis=0) + np.roll(vy, -1, 1) - np.roll(vy, 1, axis=1))
    for _ in range(4):
        around = np.roll(pressure, 1, 0) + np.roll(pressure, -1, 0) + np.roll(pressure, 1, 1) + np.roll(pressure, -1, 1)
        pressure = (divergence + around) / 4.0
    return vx - 0.5 * np.gradient(pressure)[0], vy - 0.5 * np.gradient(pressure, axis=1)


def advect(f, vx, vy):
    ys, xs = np.meshgrid(np.arange(rows), np.arange(cols))
    left, top = (xs - vx).ravel(), (ys - vy).ravel()
    x0, y0 = np.floor(left).astype(int), np.floor(top).astype(int)
    wx, wy = left - x0, top - y0
    low = (1 - wy) * f[x0 % rows, y0 % cols] + wy * f[x0 % rows, (y0 + 1) % cols]
    high = (1 - wy) * f[(x0 + 1) % rows, y0 % cols] + wy * f[(x0 + 1) % rows, (y0 + 1) % cols]
    return np.reshape((1 - wx) * low + wx * high, (rows, cols))


def objective(params):
    vx, vy = np.array_split(params, 2)
    vx, vy, f = np.reshape(vx, (rows, cols)), np.reshape(vy, (rows, cols)), smoke
    for _ in range(2):
        vx, vy = project(advect(vx, vx, vy), advect(vy, vx, vy))
        f = advect(f, vx, vy)
    smooth = np.where(np.abs(vx) < 0.1, 5 * vx**2, np.abs(vx) - 0.05)
    edges = np.diff(np.pad(f, ((0, 0), (1, 1)), "constant"), axis=1)[:, ::-2]
    return np.mean((f - target) ** 2) + 0.01 * np.mean(smooth) + 0.001 * np.sum(edges**2)


params = start
for _ in range(3):
    loss, gradient = value_and_grad(objective)(params)
    params = params - 0.5 * gradient
result = {"loss": loss, "params": params}
