"""`torch.multiprocessing`: Python's; tensors go to other processes as copies."""

from multiprocessing import *  # noqa: F403
from multiprocessing import get_context

__all__ = ["get_all_sharing_strategies", "get_context", "get_sharing_strategy", "set_sharing_strategy"]


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted: tensors are copied."""


def get_sharing_strategy() -> str:
    """`file_system`, by name."""
    return "file_system"


def get_all_sharing_strategies() -> set[str]:
    """The one there is."""
    return {"file_system"}
