"""`torch.autograd.profiler`: contexts that name parts of a program; `step.profile` of a compiled function measures."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any, Self


class record_function(ContextDecorator):  # noqa: N801 (PyTorch's name)
    """A name for what is inside: accepted."""

    def __init__(self, name: str, args: Any = None) -> None:
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
