"""`torch.utils.dlpack`: tensors that share memory with those of other libraries."""

from __future__ import annotations

from typing import Any

from ..creation import from_dlpack as from_dlpack


def to_dlpack(tensor: Any) -> Any:
    """The capsule for another library's `from_dlpack`.

    >>> import microgradient.torch as torch
    >>> type(to_dlpack(torch.ones(2))).__name__
    'PyCapsule'
    """
    return tensor.__dlpack__()
