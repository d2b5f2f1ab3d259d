"""`torch.nn.attention`: there is one way to compute attention here, whatever is asked for."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..refused import refused


class SDPBackend(enum.IntEnum):
    """The ways that PyTorch has."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Accepted.

    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     pass
    """
    yield


flex_attention = refused("nn.attention.flex_attention")
