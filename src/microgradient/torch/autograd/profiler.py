"""`torch.autograd.profiler`: the contexts of `torch.profiler`."""

from __future__ import annotations

from ..profiler import profile, record_function

__all__ = ["profile", "record_function"]
