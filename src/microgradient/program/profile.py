"""The time of each launch of a compiled function: what `step.profile(…)` returns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from .origin import Origin


class LaunchTime(NamedTuple):
    """One launch: its number and title as `step.kernels` has them, seconds, operations, bytes read and written (0: unknown), and
    the lines and modules that it computes, the first operation's first. `∂ train.py:12` is the derivative of what is there."""

    launch: int
    title: str
    seconds: float
    flops: int
    bytes_moved: int
    lines: tuple[str, ...]
    modules: tuple[str, ...]


class Profile:
    """The launches of one call: `rows`, the slowest first, `seconds` of all together, and `result`, what the call returned."""

    def __init__(self, rows: Iterable[LaunchTime], result: Any) -> None:
        self.rows = sorted(rows, key=lambda row: -row.seconds)
        self.seconds = sum(row.seconds for row in self.rows)
        self.result = result

    def __repr__(self) -> str:
        lines: list[tuple[str, ...]] = [("ms", "share", "GFLOP/s", "GB/s", "line", "module", "launch")]
        for row in self.rows:
            rates = (f"{x / row.seconds / 1e9:.1f}" if x and row.seconds else "" for x in (row.flops, row.bytes_moved))
            share = row.seconds / self.seconds if self.seconds else 0.0
            where = (
                first + f" +{len(more)}" * bool(more) for first, *more in (row.lines or ("",), row.modules or ("",))
            )
            lines.append((f"{row.seconds * 1e3:.4f}", f"{share:.1%}", *rates, *where, f"{row.launch}: {row.title}"))
        lines.append((f"{self.seconds * 1e3:.4f}", "", "", "", "", "", f"all {len(self.rows)} launches"))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        sides = (">", ">", ">", ">", "<", "<", "<")
        rows = (zip(line, sides, widths, strict=True) for line in lines)
        return "\n".join("  ".join(f"{text:{side}{width}}" for text, side, width in row).rstrip() for row in rows)


timing: ContextVar[list[LaunchTime] | None] = ContextVar("launch times", default=None)
"""Where whoever runs a program notes the time of each launch."""


@contextmanager
def launch_times() -> Iterator[list[LaunchTime]]:
    """Inside, programs run launch by launch, and note the time of each in the list."""
    times: list[LaunchTime] = []
    token = timing.set(times)
    try:
        yield times
    finally:
        timing.reset(token)


def sources(origins: Iterable[Origin | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines and modules of some operations, each once."""
    lines: dict[str, None] = {}
    modules: dict[str, None] = {}
    for origin in origins:
        if origin is not None and origin.filename:
            at = origin.forward or origin
            lines[("∂ " if origin.forward else "") + str(at)] = None
            modules[at.module] = None
    return tuple(lines), tuple(filter(None, modules))
