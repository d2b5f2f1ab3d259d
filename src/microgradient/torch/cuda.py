"""`torch.cuda`: there is none, and everything here says so."""

from __future__ import annotations

from typing import Any

from . import amp, types

__all__ = [
    "amp", "current_device", "device_count", "empty_cache", "get_device_name", "ipc_collect", "is_available", "is_bf16_supported",
    "is_initialized", "manual_seed", "manual_seed_all", "max_memory_allocated", "memory_allocated", "memory_reserved",
    "reset_peak_memory_stats", "set_device", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """False.

    >>> import microgradient.torch as torch
    >>> "cuda" if torch.cuda.is_available() else "cpu"
    'cpu'
    """
    return False


def is_initialized() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def current_device() -> int:
    """Raises: there is no such device."""
    types.check_device("cuda")
    return 0


def set_device(device: Any) -> None:
    """Raises: there is no such device."""
    types.check_device(types.device(device))


def get_device_name(device: Any = None) -> str:
    """Raises: there is no such device."""
    types.check_device("cuda" if device is None else device)
    return ""


def manual_seed(seed: int) -> None:
    """Nothing: there is no generator on such a device."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Nothing: there is no such memory."""


def synchronize(device: Any = None) -> None:
    """Nothing: the CPU does not run behind."""


ipc_collect = empty_cache


def memory_allocated(device: Any = None) -> int:
    """0 bytes."""
    return 0


memory_reserved = max_memory_allocated = memory_allocated


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: there is no such memory."""
