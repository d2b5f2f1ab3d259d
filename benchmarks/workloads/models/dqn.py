"""Deep Q-learning."""

from __future__ import annotations

from typing import Any

from ..definitions import dqn as d
from .dense import sequential
from .network import Network


def dqn(library: Any) -> Network:
    """What the network expects of the actions taken, beside their rewards and what the target network expects after them."""
    nn, F = library.nn, library.F

    class Networks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.online, self.target = sequential(nn, d.SIZES), sequential(nn, d.SIZES)
            self.target.requires_grad_(False)

    def loss(module: Any, before: Any, actions: Any, rewards: Any, after: Any, ended: Any) -> Any:
        with library.no_grad():
            expected = rewards + d.DISCOUNT * (1 - ended) * library.amax(module.target(after), 1)
        return F.huber_loss(library.gather(module.online(before), 1, actions)[:, 0], expected)

    return Network(Networks(), loss)
