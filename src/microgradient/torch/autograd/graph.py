"""`torch.autograd.graph`: the nodes that `x.grad_fn` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..graph import BackwardNode as Node
from ..strict import differs

__all__ = ["Node", "disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]


@contextmanager
def save_on_cpu(pin_memory: bool = False, device_type: str = "cuda") -> Iterator[None]:
    """Keep what derivatives will read in the memory of the CPU, where it is anyway."""
    yield


@contextmanager
def saved_tensors_hooks(pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> Iterator[None]:
    """Accepted, with a note: the hooks are not called, as derivatives read arrays that the tape keeps."""
    differs(
        "MG148", "saved_tensors_hooks: pack_hook and unpack_hook are not called here; what derivatives read is kept as it is. To "
        "save memory, write `torch.utils.checkpoint.checkpoint(f, x)`.",
    )  # fmt: skip
    yield


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Accepted: no such hooks are called anyway."""
    yield
