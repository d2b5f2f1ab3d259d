"""`torch.accelerator`, `torch.mps`, `torch.xpu`: there are none."""

from __future__ import annotations

from typing import Any

from .types import check_device


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None."""
    return


def synchronize(device: Any = None) -> None:
    """Nothing: the CPU does not run behind."""


def empty_cache() -> None:
    """Nothing: there is no such memory."""


def manual_seed(seed: int) -> None:
    """Nothing: there is no generator on such a device."""


def set_device_index(device: Any) -> None:
    """Raises: there is no such device."""
    check_device("cuda")


def current_device_index() -> int:
    """Raises: there is no such device."""
    check_device("cuda")
    return 0
