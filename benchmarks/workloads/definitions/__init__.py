"""What each workload is, whatever the library: sizes, data, first weights, arithmetic, and what is to be reached.

Weights have the names and shapes of PyTorch's modules; each library's files put them where its own layers want them.
Only NumPy is needed here, so that every library's process can load this.
"""

from __future__ import annotations

from . import dense, dqn, images, recommender, text, vae
from .workload import Optimizer, Workload

__all__ = ["WORKLOADS", "Workload"]

PEERS = ("torch", "jax", "tensorflow")
SERVERS = (*PEERS, "onnxruntime")
ADAMW = Optimizer("AdamW", options={"weight_decay": 1e-2})

WORKLOADS = {
    "W1": Workload(
        "2-2-1 network, 4 samples, Adam",
        PEERS, 0.12, 0.1, dense.tiny_weights, dense.tiny_batch, dense.flops(4, (2, 2, 1)), optimizer=Optimizer(rate=1e-2),
    ),
    "W2": Workload(
        "micrograd's demo on Values: MLP(2,[16,16,1]), 100 moons, SGD",
        ("micrograd",), 0.01, 0.001, dense.values_weights, dense.moons_batch, dense.flops(100, (2, 16, 16, 1)),
        compared=3, tolerance=1e-9,
    ),
    "W3": Workload(
        "MLP 784-128-10, batch 64, Adam",
        PEERS, 0.5, 0.4, dense.digits_weights, lambda: dense.classes_batch(dense.BATCH, 784),
        dense.flops(dense.BATCH, dense.DIGITS), compile_seconds=1.0,
    ),
    "W4": Workload(
        "CNN 16-32 on 28×28, batch 64, Adam",
        PEERS, 0.25, 0.2, images.cnn_weights, images.digits_batch, images.cnn_flops(),
    ),
    "W5": Workload(
        "character LSTM 65-64-128, 64 steps, batch 32, Adam",
        PEERS, 0.65, 0.5, text.lstm_weights, lambda: text.text_batch(text.RECURRENT_BATCH),
        text.recurrent_flops(text.TIME, gates=4),
    ),
    "W6": Workload(
        "GPT, 4 layers, width 128, 64 characters, batch 12, AdamW",
        PEERS, 0.6, 0.5, text.gpt_weights, lambda: text.text_batch(text.GPT_BATCH), text.gpt_training_flops(),
        optimizer=ADAMW, compile_seconds=5.0,
    ),
    "gru": Workload(
        "character GRU 65-64-128, 100 steps, batch 32, Adam",
        PEERS, 0.7, 0.5, text.gru_weights, lambda: text.text_batch(text.RECURRENT_BATCH, text.GRU_TIME),
        text.recurrent_flops(text.GRU_TIME, gates=3),
    ),
    "resnet": Workload(
        "residual CNN 16-32-64 with batch norm, 3×32×32, batch 32, SGD with momentum",
        PEERS, 0.7, 0.5, images.resnet_weights, images.colours_batch, images.resnet_flops(),
        optimizer=Optimizer("SGD", 1e-2, {"momentum": 0.9}), compared=5,
    ),
    "depthwise": Workload(
        "depthwise CNN, 4 blocks, width 32, 3×32×32, batch 32, Adam",
        PEERS, 0.7, 0.5, images.depthwise_weights, images.colours_batch, images.depthwise_flops(),
    ),
    "vae": Workload(
        "variational autoencoder 784-400-20, batch 128, Adam",
        PEERS, 0.7, 0.5, vae.weights, vae.batch, vae.flops(),
    ),
    "vit": Workload(
        "vision transformer, 4 layers, width 128, 3×32×32 in patches of 4×4, batch 32, AdamW",
        PEERS, 0.7, 0.5, images.vit_weights, images.colours_batch, images.vit_flops(), optimizer=ADAMW,
    ),
    "dqn": Workload(
        "deep Q-learning, MLP 4-128-128-2, target network, Huber loss, batch 128, Adam",
        PEERS, 0.7, 0.5, dqn.weights, dqn.batch, dqn.flops(),
    ),
    "wide": Workload(
        "MLP 784-1024-1024-10, batch 256, Adam",
        PEERS, 1.0, 0.92, dense.wide_weights, lambda: dense.classes_batch(dense.WIDE_BATCH, 784),
        dense.flops(dense.WIDE_BATCH, dense.WIDE), compared=3,  # rounding grows tenfold every few steps here
    ),
    "hvp": Workload(
        "Hessian times vector, MLP 64-128-10, batch 64",
        PEERS, 0.7, 0.5, dense.hessian_weights, lambda: dense.classes_batch(dense.BATCH, dense.HESSIAN[0]),
        dense.hessian_flops(), "product",
    ),
    "recommender": Workload(
        "embeddings of 100,000 users and items, width 32, batch 1,024, Adam",
        PEERS, 0.7, 0.5, recommender.weights, recommender.batch, recommender.flops(),
    ),
    "tabular": Workload(
        "MLP 40-256-256-1, batch 8,192, Adam",
        PEERS, 0.7, 0.5, dense.tabular_weights, dense.tabular_batch, dense.flops(dense.ROWS, dense.TABULAR),
    ),
    "gpt-1": Workload(
        "W6's GPT, forward, one text",
        SERVERS, 0.8, None, text.gpt_weights, lambda: text.text_batch(1)[:1], text.gpt_inference_flops(), "inference",
    ),
    "mlp-1": Workload(
        "MLP 784-128-10, forward, one example",
        SERVERS, 0.4, None, dense.digits_weights, lambda: dense.classes_batch(1, 784)[:1],
        dense.forward_flops(1, dense.DIGITS), "inference",
    ),
}  # fmt: skip
