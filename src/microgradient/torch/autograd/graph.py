"""`torch.autograd.graph`: the nodes that `x.grad_fn` shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..graph import BackwardNode as Node

__all__ = ["Node", "save_on_cpu"]


@contextmanager
def save_on_cpu(pin_memory: bool = False, device_type: str = "cuda") -> Iterator[None]:
    """Keep what derivatives will read in the memory of the CPU, where it is anyway."""
    yield
