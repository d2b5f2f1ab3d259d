"""`torch.profiler`: contexts that measure nothing; `step.profile` of a compiled function and `mg.trace()` do."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any, Self

from .strict import differs

__all__ = ["ProfilerActivity", "profile", "record_function", "schedule", "tensorboard_trace_handler"]


class record_function(ContextDecorator):  # noqa: N801 (PyTorch's name)
    """A name for what is inside: accepted."""

    def __init__(self, name: str, args: Any = None) -> None:
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class ProfilerActivity:
    """What a profile looks at."""

    CPU, CUDA, XPU = "CPU", "CUDA", "XPU"


class profile:  # noqa: N801 (PyTorch's name)
    """Accepted, with a note: nothing is measured."""

    def __init__(self, *_: Any, **options: Any) -> None:
        uncalled = ", and on_trace_ready is not called" if options.get("on_trace_ready") is not None else ""
        differs(
            "MG209", f"torch.profiler measures nothing here{uncalled}: `mg.compile(step).profile()` shows where the time goes."
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self) -> None:
        """Nothing."""

    start = stop = step

    def key_averages(self, **_: Any) -> Any:
        """An empty table."""
        return _Table()


class _Table(list[Any]):
    def table(self, **_: Any) -> str:
        """A text without rows."""
        return ""


def schedule(*_: Any, **__: Any) -> Any:
    """A schedule of which steps are looked at: none."""
    return lambda step: None


def tensorboard_trace_handler(dir_name: str, *_: Any, **__: Any) -> Any:
    """A handler that writes nothing."""
    return lambda profile: None
