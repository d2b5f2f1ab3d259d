"""The networks as PyTorch's users write them; the same source serves ours, whose names are PyTorch's.

A `library` has `nn`, `F` and what the networks need of its functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..definitions.workload import Optimizer
from . import dense, dqn, images, recommender, text, vae
from .network import Network

NETWORKS: dict[str, Callable[[Any], Network]] = {
    "W1": dense.tiny, "W3": dense.digits, "W4": images.cnn, "W5": text.lstm, "W6": text.gpt, "gru": text.gru,
    "resnet": images.resnet, "depthwise": images.depthwise, "vae": vae.vae, "vit": images.vit, "dqn": dqn.dqn,
    "wide": dense.wide, "recommender": recommender.recommender, "tabular": dense.tabular,
    "gpt-1": text.gpt, "mlp-1": dense.digits,
}  # fmt: skip


def build(name: str, library: Any) -> Network:
    """The network of a workload."""
    return NETWORKS[name](library)


def optimizer(chosen: Optimizer, model: Any, optim: Any) -> Any:
    """The optimiser of a workload, on what is trained."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return getattr(optim, chosen.name)(trained, lr=chosen.rate, **chosen.options)
