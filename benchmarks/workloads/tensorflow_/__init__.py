"""TensorFlow: Keras layers and optimisers, the step a `tf.function`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from ..definitions import WORKLOADS, Workload
from ..definitions.workload import EPSILON, Optimizer, Step, size
from . import dense, dqn, images, recommender, resnet, text, vae, vit

VERSION = tf.__version__
TOLERANCE = {"W5": 2e-3}  # Keras's LSTM has one bias where PyTorch's has two, both of which Adam moves

NETWORKS = {
    "W1": dense.tiny, "W3": dense.classifier, "W4": images.cnn, "W5": text.lstm, "W6": text.gpt, "gru": text.gru,
    "resnet": resnet.resnet, "depthwise": images.depthwise, "vae": vae.vae, "vit": vit.vit, "dqn": dqn.dqn,
    "wide": dense.classifier, "recommender": recommender.recommender, "tabular": dense.regressor,
    "gpt-1": text.gpt, "mlp-1": dense.classifier,
}  # fmt: skip


def prepare(threads: int) -> None:
    """Before anything runs."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def build(name: str) -> Step:
    """A workload's step."""
    workload = WORKLOADS[name]
    batch = [tf.constant(a.transpose(0, 2, 3, 1) if a.ndim == 4 else a) for a in workload.batch()]
    function, told = KINDS[workload.kind](name, workload)
    result: Any = None

    def run(count: int) -> None:
        nonlocal result
        for _ in range(count):
            result = function(*batch)

    return Step(run, lambda: told(result))


def keras_optimizer(chosen: Optimizer) -> Any:
    """Adam's ε is added before v is corrected for its bias; divided so, it is about the same in the first ten steps."""
    options = dict(chosen.options) | ({"epsilon": EPSILON / 20} if chosen.name.startswith("Adam") else {})
    return getattr(keras.optimizers, chosen.name)(chosen.rate, **options)


def training(name: str, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward, backward, update."""
    model, loss_of = NETWORKS[name](workload.weights())
    optimizer = keras_optimizer(workload.optimizer)
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step(*batch: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(model, *batch)
        # made dense: where a character occurs twice, Keras's Adam would square its two gradients apart
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return step, lambda loss: float(loss.numpy())


def inference(name: str, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward, without a tape."""
    model = NETWORKS[name](workload.weights()).model
    return tf.function(lambda x: model(x, training=False)), lambda y: size([y.numpy()])


def hessian_product(name: str, workload: Workload) -> tuple[Any, Callable[[Any], float]]:
    """Forward over reverse."""
    arrays = {key: tf.constant(array) for key, array in workload.weights().items()}
    names = [key for key in arrays if f"direction.{key}" in arrays]
    weights, direction = ([arrays[prefix + key] for key in names] for prefix in ("", "direction."))

    @tf.function
    def moved(weights: Any, direction: Any, x: Any, y: Any) -> Any:
        with tf.autodiff.ForwardAccumulator(weights, direction) as accumulator:
            with tf.GradientTape() as tape:
                tape.watch(weights)
                loss = dense.curved(weights, x, y)
            gradients = tape.gradient(loss, weights)
        return [accumulator.jvp(gradient) for gradient in gradients]

    return lambda x, y: moved(weights, direction, x, y), lambda product: size([a.numpy() for a in product])


KINDS = {"training": training, "inference": inference, "product": hessian_product}
