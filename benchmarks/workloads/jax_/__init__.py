"""JAX: pure functions under `jit`, with donated buffers, optax's optimisers, and `lax.scan` over time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..definitions import WORKLOADS, Workload
from ..definitions.workload import Step, size
from . import dense, dqn, images, recommender, resnet, text, vae
from .network import Network

VERSION = jax.__version__

NETWORKS = {
    "W1": dense.TINY, "W3": dense.CLASSIFIER, "W4": images.CNN, "W5": text.LSTM, "W6": text.GPT, "gru": text.GRU,
    "resnet": resnet.RESNET, "depthwise": images.DEPTHWISE, "vae": vae.VAE, "vit": images.VIT, "dqn": dqn.DQN,
    "wide": dense.CLASSIFIER, "hvp": dense.CURVED, "recommender": recommender.RECOMMENDER, "tabular": dense.REGRESSOR,
    "gpt-1": text.GPT, "mlp-1": dense.CLASSIFIER,
}  # fmt: skip
OPTIMIZERS = {"Adam": optax.adam, "AdamW": optax.adamw, "SGD": optax.sgd}


def prepare(threads: int) -> None:
    """XLA takes as many threads as the process may use processors."""


def build(name: str) -> Step:
    """A workload's step."""
    workload, network = WORKLOADS[name], NETWORKS[name]
    batch = [jax.device_put(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a) for a in workload.batch()]
    call, told = KINDS[workload.kind](network, workload)
    result: Any = None

    def run(count: int) -> None:
        nonlocal result
        for _ in range(count):
            result = call(*batch)
        jax.block_until_ready(result)

    return Step(run, lambda: told(result))


def on_device(tree: Any) -> Any:
    """Arrays of its own."""
    return jax.tree.map(jnp.array, tree)


def training(network: Network, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward, backward, update."""
    params, rest = on_device(network.convert(workload.weights())), on_device(network.rest(workload.weights()))
    chosen = workload.optimizer
    optimizer = OPTIMIZERS[chosen.name](chosen.rate, **chosen.options)
    state = optimizer.init(params)

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(params: Any, rest: Any, state: Any, *batch: Any) -> tuple[Any, Any, Any, Any]:
        (loss, rest), gradients = jax.value_and_grad(network.loss, has_aux=True)(params, rest, *batch)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), rest, state, loss

    def call(*batch: Any) -> Any:
        nonlocal params, rest, state
        params, rest, state, loss = step(params, rest, state, *batch)
        return params, rest, state, loss

    return call, lambda result: result[-1].item()


def inference(network: Network, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward; the weights are arguments, as those of a model that may change."""
    params = on_device(network.convert(workload.weights()))
    forward = jax.jit(network.forward)
    return lambda x: forward(params, x), lambda y: size([np.asarray(y)])


def hessian_product(network: Network, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward over reverse."""
    weights = workload.weights()
    directions = {key.removeprefix("direction."): a for key, a in weights.items() if key.startswith("direction.")}
    params, direction = on_device(network.convert(weights)), on_device(network.convert(directions))

    @jax.jit
    def moved(params: Any, direction: Any, x: Any, y: Any) -> Any:
        def gradient(params: Any) -> Any:
            return jax.grad(network.loss, has_aux=True)(params, None, x, y)[0]

        return jax.jvp(gradient, (params,), (direction,))[1]

    def told(product: Any) -> float:
        return size([array for layer in product for array in (np.asarray(layer["w"]).T, np.asarray(layer["b"]))])

    return lambda x, y: moved(params, direction, x, y), told


KINDS = {"training": training, "inference": inference, "product": hessian_product}
